"""What a plugin costs: asked of the gateway's own tools, which measure as a worker sees it."""

import json

from . import languages

# A heavy guest on a busy machine.
TIME = 15 * 60


def measure(gateway, result, calls, cases):
    component = str(result.component)
    inspected = json.loads(languages.run([gateway, "plugin", "inspect", component, "--json"], TIME))
    result.figures["memory"] = inspected["memory"]
    result.figures["load_cold_ms"] = inspected["compile_ms"]
    bench = [gateway, "plugin", "bench", component, str(cases), "--calls", str(calls), "--json"]
    for figure in json.loads(languages.run(bench, TIME))["hooks"]:
        name = f"{figure['hook']}_{figure['instance']}"
        result.figures[f"{name}_us"] = figure["p50_us"]
        result.figures[f"{name}_p99_us"] = figure["p99_us"]

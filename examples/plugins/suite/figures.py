"""What a plugin costs: asked of the gateway's own tools, which measure as a worker sees it."""

import json
from pathlib import Path

from . import languages

CASE = Path(__file__).with_name("figures.toml")

# A heavy guest on a busy machine.
TIME = 15 * 60


def measure(gateway, result, calls):
    component = str(result.component)
    inspected = json.loads(languages.run([gateway, "plugin", "inspect", component, "--json"], TIME))
    result.figures["memory"] = inspected["memory"]
    result.figures["load_cold_ms"] = inspected["compile_ms"]
    # What is measured is first seen to be what is meant.
    languages.play(gateway, component, CASE)
    bench = [gateway, "plugin", "bench", component, str(CASE), "--calls", str(calls), "--json"]
    for figure in json.loads(languages.run(bench, TIME))["hooks"]:
        name = f"{figure['hook']}_{figure['instance']}"
        result.figures[f"{name}_us"] = figure["p50_us"]
        result.figures[f"{name}_p99_us"] = figure["p99_us"]

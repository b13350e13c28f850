"""The whole contract, in languages whose side of it is not made by a generator: `whole/LANG` has a plugin that calls every
function and exports every hook, which is built with the tools of the language's own folder and played with `whole/cases.toml`.
Metrics return nothing: they are looked for in a gateway's.
"""

import tempfile
from pathlib import Path

from . import languages
from .gateway import Gateway, ask
from .languages import BUILD, run
from .upstream import Upstream
from .words import Failed, same

WHOLE = Path(__file__).resolve().parent / "whole"

CONFIGURATION = """\
listen = ["127.0.0.1:0"]
admin = "127.0.0.1:0"
state = "state"

[timeouts]
stop_delay = "0s"

[[route]]
to = "{house}"
plugins = ["whole"]

[plugin.whole]
file = "plugin.wasm"

[plugin.whole.grants]
budgets = ["b"]
stores = ["s"]
secrets = ["w"]
keys = ["k"]
verifiers = ["v"]
http = ["asked"]

[budget.b]
rate = "2/h"

[store.s]

[secret.w]
value = "hush"

[key.k]
secret = "signed"

[verifier.v]
secret = "a secret of at least thirty-two bytes"

[upstream.asked]
to = "{house}"
"""

METRICS = [
    'visits_total{plugin="whole",floor="1",room="lobby"} 2',
    'warmth{plugin="whole"} 20.5',
    'stay_sum{plugin="whole",room="lobby"} 0.25',
    'stay_count{plugin="whole",room="lobby"} 1',
]


def is_tried(language):
    return (WHOLE / language).is_dir()


def play(gateway, result):
    """The language's own folder was built before: its tools are there."""
    tools = result.folder / "node_modules" / ".bin"
    folder = WHOLE / result.name
    with tempfile.TemporaryDirectory(prefix="gatewit-whole-") as out:
        component = Path(out, "plugin.wasm")
        MAKE[result.name](gateway, tools, folder, component)
        languages.play(gateway, component, WHOLE / "cases.toml")
        measure(gateway, Path(out))


def measure(gateway, folder):
    house = Upstream("house")
    try:
        configuration = CONFIGURATION.format(house=house.address)
        (folder / "gatewit.toml").write_text(configuration, encoding="utf-8")
        with Gateway(gateway, folder) as running:
            same("status", ask(running.listener, "/", {"x-try": "metrics"})[0], 200)
            found = running.metrics()
            running.stop()
    finally:
        house.stop()
    for line in METRICS:
        if f"gatewit_plugin_custom_{line}" not in found:
            raise Failed("\n".join([f"there is no {line}", *(it for it in found if "custom" in it)]))


def typescript(_, tools, folder, component):
    script = component.with_name("plugin.js")
    run([tools / "tsc"], BUILD, cwd=folder)
    # The types are for JavaScript, too, where nothing is built with them.
    run([tools / "tsc", "-p", WHOLE.parents[1] / "js" / "jsconfig.json"], BUILD)
    bundle = ["--bundle", "--format=esm", "--target=es2023", "--external:gatewit:*", "--log-level=warning"]
    run([tools / "esbuild", "plugin.ts", *bundle, f"--outfile={script}"], BUILD, cwd=folder)
    made = ["--wit", "wit", "--world", "plugin", "--js", script, "--sync", "--output", component]
    run([tools / "componentize-qjs", *made], BUILD, cwd=folder)


def assemblyscript(gateway, tools, folder, component):
    core = component.with_name("core.wasm")
    options = ["-O3", "--runtime", "incremental", "--exportStart", "_initialize", "--use", "abort=gatewit/abort/abort"]
    run([tools / "asc", "exports.ts", "--outFile", core, *options], BUILD, cwd=folder)
    run([gateway, "plugin", "componentize", core, "-o", component], BUILD, cwd=folder)


MAKE = {"ts": typescript, "assemblyscript": assemblyscript}

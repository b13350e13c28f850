"""The table that is printed at the end, and the verdict."""

import os
import platform
from datetime import datetime, timezone

HEAD = """\
| language | verdict | component | build | load, cold | load, cached | request hook | response hook | to Rust | \
fresh instance | memory |
|---|---|---|---|---|---|---|---|---|---|---|
"""

LEGEND = """\
Build: after a change of the source. Load: compiled by the gateway, or found in its compile cache. Hooks: median of \
calls on an instance that is used again (99 of 100 are faster than the figure in parentheses). To Rust: both hooks, \
against those of `rust` in the same run. Fresh instance: the request hook on an instance of its own. Memory: linear \
memory of a new instance.
"""


def markdown(results, without):
    rust = next((cost(it.figures) for it in results if it.name == "rust"), None)
    rows = [row(it, rust) for it in results]
    rows += [f"| {name} | not tested |" + " |" * 9 for name in without]
    return f"{machine()}\n\n{HEAD}" + "\n".join(rows) + f"\n\n{LEGEND}\n{verdict(results, without)}\n"


def machine():
    date = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    return f"{date}, {os.cpu_count()} cores ({platform.machine()}), {platform.system()}."


def row(result, rust):
    it = result.figures
    ratio = cost(it) / rust if rust and cost(it) else None
    cells = [
        result.name,
        "good" if result.good else "**failed**: " + ", ".join(result.failures),
        number(it.get("size"), 1 / 1024, "KiB"),
        number(it.get("build_s"), 1, "s"),
        number(it.get("load_cold_ms"), 1, "ms"),
        number(it.get("load_cached_ms"), 1, "ms"),
        hook(it, "request"),
        hook(it, "response"),
        number(ratio, 1, "×"),
        number(it.get("request_fresh_us"), 1, "µs"),
        number(it.get("memory"), 1 / 1024 / 1024, "MiB"),
    ]
    return "| " + " | ".join(cells) + " |"


def cost(figures):
    """Both hooks, microseconds; None when that was not measured."""
    hooks = [figures.get(f"{hook}_reused_us") for hook in ("request", "response")]
    return None if None in hooks else sum(hooks)


def hook(figures, name):
    slow = figures.get(f"{name}_reused_p99_us")
    median = number(figures.get(f"{name}_reused_us"), 1, "µs")
    return f"{median} ({number(slow, 1, '').strip()})" if slow else median


def number(value, factor, unit):
    """Three digits, as many as these figures are good for."""
    if value is None:
        return "-"
    value *= factor
    digits = 0 if value >= 99.5 else 1 if value >= 9.95 else 2
    return f"{value:.{digits}f} {unit}"


def verdict(results, without):
    failed = [it.name for it in results if not it.good]
    good = len(results) - len(failed)
    said = f"{good} of {len(results)} are good."
    if failed:
        said += f" Failed: {', '.join(failed)}."
    if without:
        said += f" Not tested: {', '.join(without)}."
    return said

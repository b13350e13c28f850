"""The folders: which there are, how they are built, and the tests that need no running gateway."""

import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from .words import Failed, same

# Tool chains are fetched in this time, too.
BUILD = 30 * 60
TEST = 5 * 60

# Where nothing lies that was written by hand.
MADE = {"build", "node_modules", "wit"}


@dataclass
class Result:
    """What is known of a language."""

    name: str
    folder: Path
    component: Optional[Path] = None
    failures: list = field(default_factory=list)
    figures: dict = field(default_factory=dict)

    @property
    def good(self):
        return not self.failures


def choose(here, wanted, without):
    """The languages to run, and those to leave out."""
    known = sorted(path.parent.name for path in here.glob("*/build.sh"))
    for name in [*wanted, *without]:
        if name not in known:
            raise Failed(f"there is no folder `{name}` with a build.sh; there are {', '.join(known)}")
    chosen = [name for name in wanted or known if name not in without]
    if not chosen:
        raise Failed("nothing is left to run")
    return chosen, without


def build(gateway, result):
    """Twice: tool chains are fetched the first time, the second one is what a change of the source takes."""
    component = result.folder / "plugin.wasm"
    component.unlink(missing_ok=True)
    run(command(gateway, result.folder), BUILD, GATEWIT=gateway)
    for path in sources(result.folder):
        path.touch()
    began = time.monotonic()
    run(command(gateway, result.folder), BUILD, GATEWIT=gateway)
    result.figures["build_s"] = time.monotonic() - began
    if not component.is_file():
        raise Failed(f"{component} was not made")
    result.component = component
    result.figures["size"] = component.stat().st_size


def command(gateway, folder):
    # A gateway that does not know of build.sh yet builds packages of Rust alone.
    knows = "build.sh" in run([gateway, "plugin", "build", "--help"], TEST)
    return [gateway, "plugin", "build", str(folder)] if knows else ["sh", str(folder / "build.sh")]


def sources(folder):
    for path in folder.iterdir():
        if path.name in MADE or path.suffix == ".wasm":
            continue
        yield from [path] if path.is_file() else (it for it in path.rglob("*") if it.is_file())


def play(gateway, component, cases):
    run([gateway, "plugin", "test", str(component), str(cases)], TEST)


def refuse(gateway, component):
    """A configuration that the plugin refuses is told with the place in it."""
    check = [gateway, "plugin", "check", str(component), "--config", '{"header": "X Guest"}']
    ended = subprocess.run(check, capture_output=True, text=True, timeout=TEST)
    if ended.returncode == 0:
        raise Failed("a bad configuration was accepted")
    said = [line for line in ended.stderr.splitlines() if "X Guest" in line]
    wanted = "`X Guest` is not the name of a header: small letters, digits and `-`, such as x-guest"
    same("the refusal", said, [f"error: configuration, /header: {wanted}"])


def run(arguments, seconds, cwd=None, **variables):
    """What it prints; a failure when it fails."""
    environment = {**os.environ, **variables}
    try:
        ended = subprocess.run(
            arguments,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"{' '.join(map(str, arguments))}: not done after {seconds} s") from None
    if ended.returncode != 0:
        tail = (ended.stdout + ended.stderr).splitlines()[-60:]
        raise Failed("\n".join([f"{' '.join(map(str, arguments))}: exit status {ended.returncode}", *tail]))
    return ended.stdout

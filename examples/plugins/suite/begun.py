"""What `gatewit plugin new` begins: it builds, passes its own cases, and its configuration is good."""

import tempfile
from pathlib import Path

from .languages import BUILD, TEST, run


def begin(gateway, language):
    with tempfile.TemporaryDirectory(prefix="gatewit-begun-") as within:
        name = f"say-hello-{language}-2"
        run([gateway, "plugin", "new", name, "--lang", language], TEST, cwd=within)
        folder = Path(within, name)
        said = run([gateway, "plugin", "build"], BUILD, cwd=folder, GATEWIT=gateway)
        component = next(line.split()[1] for line in said.splitlines() if line.startswith("component"))
        run([gateway, "plugin", "test", component, "cases.toml"], TEST, cwd=folder)
        run([gateway, "check", "--config", "gatewit.toml"], TEST, cwd=folder)

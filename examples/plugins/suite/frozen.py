"""Components that were built once and are never built again: those of every earlier version have to go on working."""

import lzma
import shutil
from pathlib import Path

from .languages import Result
from .words import Failed

# Larger ones are packed.
LARGE = 256 * 1024


def thaw(folder, into):
    """One result for each component in the folders of the versions; large ones are packed."""
    results = []
    for path in sorted(folder.glob("*/*.wasm*")):
        component = Path(into, f"{path.parent.name}-{path.name}").with_suffix("") if path.suffix == ".xz" else path
        if path.suffix == ".xz":
            with lzma.open(path) as packed, open(component, "wb") as whole:
                shutil.copyfileobj(packed, whole)
        language = path.name.split(".")[0]
        results.append(Result(f"{language} of {path.parent.name}", path.parent, component))
    if not results:
        raise Failed(f"there is no component in {folder}")
    return results


def freeze(results, cases, folder):
    """Keeps what was built, with the cases that it passes."""
    folder.mkdir(parents=True)
    for path in cases:
        shutil.copy(path, folder)
    for result in results:
        if result.component.stat().st_size <= LARGE:
            shutil.copy(result.component, folder / f"{result.name}.wasm")
            continue
        with open(result.component, "rb") as whole:
            packed = lzma.compress(whole.read(), preset=9 | lzma.PRESET_EXTREME)
        (folder / f"{result.name}.wasm.xz").write_bytes(packed)

#!/usr/bin/env python3
"""The same plugin in every language: builds each, tests it, runs it behind a real gateway, and measures it.

    run.py [--gateway PATH] [--report FILE] [--begun] [--frozen DIR] [--freeze DIR] [--without LANG] [LANG ...]

A language is a folder here with a `build.sh`. Nothing is left out in silence: a language that cannot be built has
failed, unless it is named by `--without`; then it is listed as not tested. Exit status: 0 when all is well, 1 when
something is not, 2 when there is nothing to run.

Needs Python 3.9 and nothing else. What is asked of the plugin stands in `cases.toml` and `suite/behaviour.py`.
"""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True

from suite import begun, behaviour, contract, figures, frozen, languages, report  # noqa: E402
from suite.words import Failed  # noqa: E402

HERE = Path(__file__).resolve().parent


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gateway", metavar="PATH", help="the gatewit binary [default: $GATEWIT, or that of PATH]")
    parser.add_argument("--report", metavar="FILE", type=Path, help="where the table is written, too")
    parser.add_argument("--begun", action="store_true", help="try what `gatewit plugin new` begins, too")
    parser.add_argument("--frozen", metavar="DIR", type=Path, help="test components of earlier versions, too")
    parser.add_argument("--freeze", metavar="DIR", type=Path, help="keep the components there, when all are good")
    parser.add_argument("--without", metavar="LANG", action="append", default=[], help="a language to leave out")
    parser.add_argument("--calls", metavar="N", type=int, default=20_000, help="calls that are measured [20000]")
    parser.add_argument("languages", metavar="LANG", nargs="*", help="what to run [all]")
    return parser.parse_args()


def main():
    said = arguments()
    with tempfile.TemporaryDirectory(prefix="gatewit-frozen-") as thawed:
        try:
            gateway = binary(said.gateway)
            chosen, without = languages.choose(HERE, said.languages, said.without)
            old = frozen.thaw(said.frozen, thawed) if said.frozen else []
            if said.freeze and said.freeze.exists():
                raise Failed(f"{said.freeze} is there already: what is frozen is never changed")
        except Failed as failed:
            print(f"run.py: {failed}", file=sys.stderr)
            return 2
        results = [languages.Result(name, HERE / name) for name in chosen]
        all_of_them(gateway, said, results, old)
    text = report.markdown(results, without)
    print("\n" + text)
    if said.report:
        said.report.write_text(text, encoding="utf-8")
    if not all(result.good for result in [*results, *old]):
        return 1
    if said.freeze:
        frozen.freeze(results, HERE.glob("cases*.toml"), said.freeze)
    return 0


def all_of_them(gateway, said, results, old):
    # All are built first, so that any can be swapped for any other.
    for result in results:
        attempt(result, "build", lambda: languages.build(gateway, result))
    for result in results:
        if result.component:
            behave(gateway, result, swap_for(result, results), HERE)
            if contract.is_tried(result.name):
                attempt(result, "the whole contract", lambda: contract.play(gateway, result))
            attempt(result, "figures", lambda: figures.measure(gateway, result, said.calls))
        if said.begun:
            attempt(result, "begun", lambda: begun.begin(gateway, result.name))
    for result in old:
        # With the cases of their time.
        behave(gateway, result, swap_for(result, old), result.folder)


def binary(path):
    """The gateway, wherever it is said to be."""
    said = path or os.environ.get("GATEWIT") or "gatewit"
    found = shutil.which(said)
    if not found:
        raise Failed(f"there is no `{said}`; --gateway says where the gateway's binary is")
    return str(Path(found).resolve())


def swap_for(result, results):
    """The component of the next language that was built; None when there is no other."""
    built = [it for it in results if it.component]
    after = built[(built.index(result) + 1) % len(built)]
    return after if after is not result else None


def behave(gateway, result, other, folder):
    for cases in sorted(folder.glob("cases*.toml")):
        attempt(result, cases.name, lambda: languages.play(gateway, result.component, cases))
    attempt(result, "refusal", lambda: languages.refuse(gateway, result.component))
    for name, failed in behaviour.end_to_end(gateway, result, other):
        note(result, name, failed)


def attempt(result, name, what):
    try:
        what()
    except Failed as failed:
        note(result, name, failed)
    else:
        note(result, name, None)


def note(result, name, failed):
    print(f"{'FAIL' if failed else 'ok  '}  {result.name}: {name}", flush=True)
    if failed:
        result.failures.append(name)
        print("".join(f"        {line}\n" for line in str(failed).splitlines()), end="", flush=True)


if __name__ == "__main__":
    sys.exit(main())

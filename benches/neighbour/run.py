#!/usr/bin/env python3
"""A plugin that misbehaves, and the route beside it: errors and latency of the quiet route while the other one is
loaded with everything that the fixture can do wrong, against the same without that load.

Quiet and noisy phases take turns in one run, so that a noisy machine is noisy for both; what counts is the ratio of
the 99th percentiles within a round, the median of all rounds. Clients of both routes send at a fixed rate and have
processes of their own; a latency is counted from the time at which the request was due. Needs nothing but
`cargo build --release`, which makes the fixture, too. All traffic stays on loopback.

    benches/neighbour/run.py [--gatewit target/release/gatewit] [--rounds 7] [--seconds 4] [--only TEXT] [--each] [--apart]
"""

import argparse
import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GATEWIT, ADMIN, ORIGIN = 18181, 18182, 18180
QUIET = "/quiet"

# What the fixture does, each on a route of its own. The first fails, and is quarantined for it; the second is a nuisance;
# the third stays just within its limits, and so is called all the time.
FAILS = [
    "loop", "sleep:200", "allocate", "recurse", "trap", "panic", "exit:3", "abort", "internal:x", "unavailable:x",
    "respond-large:2000000", "respond-many:2000", "set-large:2000000", "edits:100000", "route:nowhere",
    "respond-header:x=a%0d%0ab",
]
STAYS = ["log:1000x200", "print:1000", "random:2000", "allocate:8", "set-large:4000", "metric:1000", "sleep:20"]
BURNS = ["spin:8"]
ACTS = FAILS + STAYS + BURNS
NOISES = {"what fails": FAILS, "what is a nuisance": STAYS, "8 of 10 ms of CPU": BURNS}

CONFIGURATION = """
listen = ["127.0.0.1:{gatewit}"]
admin = "127.0.0.1:{admin}"
state = "{folder}/state"

[[route]]
path = "/quiet"
to = "127.0.0.1:{origin}"
plugins = ["request-id"]

[plugin.fixture]
file = "{fixture}"
grants = {{ budgets = ["b"], stores = ["s"], keys = ["k"], secrets = ["w"], verifiers = ["v"], http = ["u"] }}
limits = {{ calls = 1000000, time = "100ms" }}

[budget.b]
rate = "10/s"
[store.s]
[secret.w]
value = "hush"
[key.k]
secret = "0123456789abcdef0123456789abcdef"
[verifier.v]
secret = "0123456789abcdef0123456789abcdef"
[upstream.u]
to = "127.0.0.1:{origin}"

[access_log]
format = "off"
"""

NOISY = """
[[route]]
path = "/noisy/{index}"
to = "127.0.0.1:{origin}"
plugins = [{{ use = "fixture", request = {act} }}]
"""


async def origin():
    """Answers everything, at once."""

    async def serve(reader, writer):
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", ORIGIN, backlog=512)
    await server.serve_forever()


async def load(paths, rate, connections, seconds):
    """Latencies of the requests of these seconds, and how many there were of each status (0: none)."""
    latencies, statuses, number = [], {}, 0
    begin = time.perf_counter()
    due = asyncio.Queue()

    async def client():
        reader = writer = None
        while (job := await due.get()) is not None:
            at, path = job
            status = 0
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", GATEWIT)
                writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                status, closes = await answer(reader)
                if closes:
                    writer.close()
                    writer = None
            except (asyncio.IncompleteReadError, ConnectionError, ValueError) as error:
                print(f"  {path}: {error!r}", file=sys.stderr)
                writer = None
            statuses[status] = statuses.get(status, 0) + 1
            latencies.append(time.perf_counter() - at)
        if writer:
            writer.close()

    clients = [asyncio.create_task(client()) for _ in range(connections)]
    while (at := begin + number / rate) < begin + seconds:
        await asyncio.sleep(max(0, at - time.perf_counter()))
        # Whoever makes noise leaves out what would have to wait.
        if paths == [QUIET] or due.qsize() < connections:
            due.put_nowait((at, paths[number % len(paths)]))
        number += 1
    for _ in clients:
        due.put_nowait(None)
    await asyncio.gather(*clients)
    return latencies, statuses


async def answer(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = next((line.split(":")[1] for line in head.split("\r\n") if line.startswith("content-length:")), None)
    if length is not None:
        await reader.readexactly(int(length))
        return int(head.split(" ")[1]), "connection: close" in head
    while (size := int(await reader.readline(), 16)) > 0:
        await reader.readexactly(size + 2)
    await reader.readline()
    return int(head.split(" ")[1]), "connection: close" in head


def quiet(args, seconds):
    """Milliseconds at the 50th and 99th percentile, and requests that were not answered by 200."""
    out = run_load([QUIET], args.rate, 8, seconds).communicate()[0]
    found = json.loads(out)
    errors = sum(count for status, count in found["statuses"].items() if status != "200")
    if errors:
        print(f"  not 200: {found['statuses']}", flush=True)
    return found["p50"], found["p99"], errors, sum(found["statuses"].values())


def run_load(paths, rate, connections, seconds):
    command = [sys.executable, __file__, "--load", json.dumps([paths, rate, connections, seconds])]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def separate():
    """This process, and all that it starts from now on, leave the first core to Gatewit."""
    first, *others = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, others or [first])
    return lambda: os.sched_setaffinity(0, [first])


def told(latencies, statuses):
    latencies.sort()
    at = lambda part: latencies[min(len(latencies) - 1, int(part * len(latencies)))] * 1e3
    return json.dumps({"p50": at(0.5), "p99": at(0.99), "statuses": statuses})


def measure(args, name, acts):
    rows, calls = [], {}
    for number in range(args.rounds):
        before = quiet(args, args.seconds)
        paths = [f"/noisy/{ACTS.index(act)}" for act in acts]
        noise = run_load(paths, args.noise, 16, args.seconds + 1)
        time.sleep(0.5)
        during = quiet(args, args.seconds)
        for status, count in json.loads(noise.communicate()[0])["statuses"].items():
            calls[status] = calls.get(status, 0) + count
        rows.append((before, during))
        print(
            f"  {name}: round {number + 1}  p50 {before[0]:.2f} -> {during[0]:.2f} ms  p99 {before[1]:.2f} -> {during[1]:.2f} ms"
            f"  errors {before[2]} -> {during[2]}",
            flush=True,
        )
    middle = lambda pick: statistics.median(pick(row) for row in rows)
    return {
        "noise": name,
        "calls": calls,
        "p50": (middle(lambda row: row[0][0]), middle(lambda row: row[1][0])),
        "p99": (middle(lambda row: row[0][1]), middle(lambda row: row[1][1])),
        "ratio": middle(lambda row: row[1][1] / row[0][1]),
        "errors": sum(row[1][2] for row in rows),
        "requests": sum(row[1][3] for row in rows),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gatewit", default="target/release/gatewit")
    parser.add_argument("--fixture", help="plugins/fixture, compiled; the one that was built with Gatewit without it")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rate", type=int, default=400, help="requests a second on the quiet route")
    parser.add_argument("--noise", type=int, default=100, help="the same on the noisy ones together")
    parser.add_argument("--apart", action="store_true", help="Gatewit has the first core alone, with one worker")
    parser.add_argument("--each", action="store_true", help="every misbehaviour by itself")
    parser.add_argument("--only", default="", help="those whose name holds this text")
    parser.add_argument("--max-ratio", type=float, help="exit 1 when a median ratio is above this")
    parser.add_argument("--load", help=argparse.SUPPRESS)
    args = parser.parse_args()
    gc.disable()
    if args.load == "origin":
        asyncio.run(origin())
    elif args.load:
        print(told(*asyncio.run(load(*json.loads(args.load)))))
    else:
        run(args)


def run(args):
    noises = {act: [act] for act in ACTS} if args.each else NOISES
    noises = {name: acts for name, acts in noises.items() if args.only in name}
    with tempfile.TemporaryDirectory(prefix="gatewit-neighbour-") as folder:
        path = Path(folder) / "gatewit.toml"
        values = {"gatewit": GATEWIT, "admin": ADMIN, "origin": ORIGIN, "folder": folder}
        noisy = (NOISY.format(index=index, origin=ORIGIN, act=json.dumps(act)) for index, act in enumerate(ACTS))
        path.write_text(CONFIGURATION.format(fixture=fixture(args), **values) + "".join(noisy))
        command = [args.gatewit, "run", "-c", str(path)] + (["--workers", "1"] if args.apart else [])
        alone = separate() if args.apart else None
        processes = [subprocess.Popen([sys.executable, __file__, "--load", "origin"])]
        try:
            processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=alone))
            wait(args, processes)
            quiet(args, 1)
            report(args, [measure(args, name, acts) for name, acts in noises.items()])
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(timeout=30)


def fixture(args):
    if args.fixture:
        return Path(args.fixture).resolve()
    built = Path(args.gatewit).resolve().parent.glob("build/gatewit-*/out/fixture.wasm")
    found = max(built, key=lambda path: path.stat().st_mtime, default=None)
    return found or sys.exit("there is no fixture beside the binary: name it by --fixture")


def wait(args, processes):
    """Until both routes are served."""
    for _ in range(200):
        if any(process.poll() is not None for process in processes):
            sys.exit("the gateway or the origin did not start")
        found = json.loads(run_load([QUIET], 10, 1, 0.1).communicate()[0])
        if "200" in found["statuses"]:
            return
    sys.exit("the quiet route is not served")


def report(args, results):
    print(f"\n{'noise':26} {'its answers':40} {'errors':>14} {'p50, ms':>14} {'p99, ms':>14} {'ratio':>6}")
    for result in results:
        calls = " ".join(f"{count}x{status}" for status, count in sorted(result["calls"].items()))
        pair = lambda name: f"{result[name][0]:.2f} -> {result[name][1]:.2f}"
        errors = f"{result['errors']} of {result['requests']}"
        print(f"{result['noise']:26} {calls:40} {errors:>14} {pair('p50'):>14} {pair('p99'):>14} {result['ratio']:6.2f}")
    if any(result["errors"] for result in results):
        sys.exit("the quiet route had errors")
    if args.max_ratio and max(result["ratio"] for result in results) > args.max_ratio:
        sys.exit("the quiet route was slowed down too much")


if __name__ == "__main__":
    main()

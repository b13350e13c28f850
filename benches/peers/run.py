#!/usr/bin/env python3
"""CPU per proxied request, side by side: Gatewit, nginx, HAProxy in front of the same origin.

Every round runs each gateway in turn, so that a noisy machine is noisy for all of them; what counts is the
ratio within a round. CPU is user and system time of the gateway's processes (/proc/PID/stat), not of the load
generator or the origin. Needs nginx, haproxy and wrk (Debian packages: nginx-light haproxy wrk) and a release
build of Gatewit. All traffic stays on loopback.

    benches/peers/run.py [--gatewit target/release/gatewit] [--rounds 5] [--seconds 4] [--connections 32]
"""

import argparse
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ORIGIN = 18080
PORTS = {"gatewit": 18081, "nginx": 18082, "haproxy": 18083}
WORKERS = os.cpu_count() or 1

ORIGIN_CONF = """
worker_processes {workers};
pid {dir}/origin.pid;
error_log {dir}/origin.err;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  server {{ listen 127.0.0.1:{origin} reuseport; location / {{ return 200 "Hello, world!\\n"; }} }}
}}
"""

NGINX_CONF = """
worker_processes {workers};
pid {dir}/nginx.pid;
error_log {dir}/nginx.err;
events {{ worker_connections 4096; }}
http {{
  access_log {log};
  keepalive_requests 100000000;
  upstream app {{ server 127.0.0.1:{origin}; keepalive 64; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port} reuseport;
    location / {{
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Request-Id $request_id;
    }}
  }}
}}
"""

HAPROXY_CONF = """
global
  nbthread {workers}
  maxconn 4096
  {haproxy_log}
defaults
  mode http
  {haproxy_frontend_log}
  timeout connect 1s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend in
  bind 127.0.0.1:{port}
  option forwardfor
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  unique-id-format %{{+X}}o%ci:%cp_%fi:%fp_%Ts_%rt:%pid
  unique-id-header X-Request-Id
  default_backend app
backend app
  server one 127.0.0.1:{origin}
"""

GATEWIT_TOML = """
listen = ["127.0.0.1:{port}"]
admin = "off"
{access_log}

[[route]]
path = "/"
to = "127.0.0.1:{origin}"
"""


def wait_for(port):
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit(f"nothing listens on port {port}")


def family(pid):
    """A process and its children."""
    found = [pid]
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def cpu(pids):
    """User and system seconds so far."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def load(port, seconds, connections):
    """Requests done, errors, requests per second."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", f"http://127.0.0.1:{port}/"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))
    p99 = re.search(r"99%\s+(\S+)", out).group(1)
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"port {port}: errors under load\n{out}")
    return requests, rate, p99


def start(name, folder, args):
    port = PORTS[name]
    values = {"dir": folder, "port": port, "origin": ORIGIN, "workers": WORKERS}
    logged = args.access_log
    if name == "gatewit":
        log = f'[access_log]\nformat = "{args.log_format}"\npath = "{folder}/gatewit.log"' if logged else '[access_log]\nformat = "off"'
        path = folder / "gatewit.toml"
        path.write_text(GATEWIT_TOML.format(access_log=log, **values))
        command = [args.gatewit, "run", "-c", str(path)]
    elif name == "nginx":
        path = folder / "nginx.conf"
        path.write_text(NGINX_CONF.format(log=f"{folder}/nginx.log" if logged else "off", **values))
        command = ["nginx", "-c", str(path), "-g", "daemon off;"]
    else:
        path = folder / "haproxy.cfg"
        # HAProxy writes no files; standard output is its nearest thing.
        log = ("log stdout format raw local0", "log global\n  option httplog") if logged else ("", "")
        path.write_text(HAPROXY_CONF.format(haproxy_log=log[0], haproxy_frontend_log=log[1], **values))
        command = ["haproxy", "-db", "-f", str(path)]
    with open(folder / f"{name}.out", "wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    wait_for(port)
    return process


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gatewit", default="target/release/gatewit")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--log-format", default="clf", help="Gatewit's; clf is the line that nginx writes (json: its default)")
    parser.add_argument("--no-access-log", dest="access_log", action="store_false")
    parser.add_argument("--max-ratio", type=float, help="exit 1 when Gatewit's median CPU exceeds this times nginx's")
    args = parser.parse_args()
    peers = ["gatewit", "nginx"] + (["haproxy"] if shutil.which("haproxy") else [])
    with tempfile.TemporaryDirectory(prefix="gatewit-bench-") as name:
        folder, processes = Path(name), {}
        # nginx's workers run as another user when started by root.
        folder.chmod(0o777)
        (folder / "origin.conf").write_text(ORIGIN_CONF.format(dir=folder, origin=ORIGIN, workers=WORKERS))
        try:
            command = ["nginx", "-c", str(folder / "origin.conf"), "-g", "daemon off;"]
            processes["origin"] = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            wait_for(ORIGIN)
            for peer in peers:
                processes[peer] = start(peer, folder, args)
            report(args, peers, measure(args, peers, processes))
        finally:
            for process in processes.values():
                process.terminate()
            for process in processes.values():
                process.wait(timeout=30)


def measure(args, peers, processes):
    """Microseconds of CPU per request and requests per second, per peer and round."""
    results = {peer: [] for peer in peers}
    for peer in peers:
        load(PORTS[peer], 1, args.connections)
    for number in range(args.rounds):
        # Another order each round: nobody always runs on a warm machine.
        for peer in peers[number % len(peers) :] + peers[: number % len(peers)]:
            pids = family(processes[peer].pid)
            before = cpu(pids)
            requests, rate, p99 = load(PORTS[peer], args.seconds, args.connections)
            spent = (cpu(pids) - before) / requests * 1e6
            results[peer].append((spent, rate))
            print(f"round {number + 1}  {peer:8} {spent:6.2f} µs CPU/request  {rate:8.0f}/s  p99 {p99}", flush=True)
    return results


def report(args, peers, results):
    print(f"\n{'':10} median µs/request   ratio to nginx (median of rounds)   median requests/s")
    ratios = {}
    for peer in peers:
        against = [mine[0] / theirs[0] for mine, theirs in zip(results[peer], results["nginx"])]
        ratios[peer] = statistics.median(against)
        spent = statistics.median(result[0] for result in results[peer])
        rate = statistics.median(result[1] for result in results[peer])
        print(f"{peer:10} {spent:17.2f}   {ratios[peer]:33.2f}   {rate:17.0f}")
    if args.max_ratio and ratios["gatewit"] > args.max_ratio:
        sys.exit(f"gatewit costs {ratios['gatewit']:.2f} times nginx's CPU per request")


if __name__ == "__main__":
    main()

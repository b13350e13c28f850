"""A running gateway: started on free ports, asked over real sockets, looked at by its logs and its admin API."""

import http.client
import json
import os
import signal
import subprocess
from pathlib import Path

from .words import PATIENCE, Failed, eventually


class Gateway:
    """Runs in a folder that has a `gatewit.toml`; ends with the `with` block."""

    def __init__(self, binary, folder):
        self._folder = Path(folder)
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("GATEWIT", "RUST_LOG"))}
        with open(self._folder / "access.log", "ab") as out, open(self._folder / "gateway.log", "wb") as err:
            self._child = subprocess.Popen(
                [binary, "run", "--config", "gatewit.toml", "--log-format", "json"],
                cwd=self._folder, env=ours, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            )
        try:
            start = self.logged(lambda line: line.get("message") == "gatewit runs")
        except Failed:
            self.kill()
            raise
        self.listener = start["listeners"].strip("[]")
        self._admin = start["admin"].strip("[]")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self):
        if self._child.poll() is None:
            self._child.kill()
        self._child.wait()

    def stop(self):
        """Asks it to end, and waits until it has."""
        self._child.send_signal(signal.SIGTERM)
        try:
            status = self._child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failed(f"the gateway has not ended {PATIENCE} s after SIGTERM") from None
        if status != 0:
            raise Failed(f"the gateway ended with status {status}\n{self.tail()}")

    def logged(self, fits):
        """The first log line that fits, as soon as there is one."""

        def look():
            found = next(filter(fits, lines(self._folder / "gateway.log")), None)
            if not found and self._child.poll() is not None:
                raise Failed(f"the gateway ended with status {self._child.returncode}\n{self.tail()}")
            return found

        try:
            return eventually("a line in the log", look)
        except Failed as failed:
            raise Failed(f"{failed}\n{self.tail()}") from None

    def accessed(self, path):
        """The access log's first line of this path."""
        log = self._folder / "access.log"
        return eventually(
            "a line in the access log",
            lambda: next((line for line in lines(log) if line.get("path") == path), None),
        )

    def tail(self):
        text = (self._folder / "gateway.log").read_text(encoding="utf-8", errors="replace")
        failed = [str(line) for line in lines(self._folder / "access.log") if line.get("status", 0) >= 500]
        return "\n".join(["the end of its log:", *text.splitlines()[-15:], "requests that failed:", *failed[-5:]])

    def plugin(self, name):
        """What the admin API says of a plugin."""
        status, _, body = ask(self._admin, f"/api/v1/plugins/{name}")
        if status != 200:
            raise Failed(f"/api/v1/plugins/{name}: {status} {body!r}")
        return json.loads(body)

    def metrics(self):
        """The lines of its metrics."""
        status, _, body = ask(self._admin, "/metrics")
        if status != 200:
            raise Failed(f"/metrics: {status} {body!r}")
        return body.decode().splitlines()


def lines(path):
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            # Half of a line that is being written.
            continue


def ask(address, path, headers=()):
    """One request over a connection of its own: status, headers, body."""
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    try:
        return asked(connection, path, headers)
    finally:
        connection.close()


def asked(connection, path, headers=()):
    """One request over this connection."""
    try:
        connection.request("GET", path, headers=dict(headers))
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    except (OSError, http.client.HTTPException) as error:
        raise Failed(f"GET {path}: {error!r}") from None

"""What the plugin does behind a gateway, over real sockets: two upstreams, one gateway, and a client.

What single requests should come to is said in more detail in `cases.toml`. Here is what can only be seen from outside:
that it reaches the upstream or does not, logs, many at once, a component that is replaced while requests flow.
"""

import hashlib
import http.client
import shutil
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path

from . import languages
from .gateway import Gateway, ask, asked
from .upstream import Upstream
from .words import PATIENCE, Failed, eventually, same

CONFIGURATION = """\
listen = ["127.0.0.1:0"]
admin = "127.0.0.1:0"
state = "state"

[timeouts]
stop_delay = "0s"

[[route]]
path = "/"
to = "{house}"
plugins = [{{ use = "doorman", config = {{ header = "{header}", greeting = "welcome" }} }}]

[[route]]
path = "/poor"
to = "{house}"
plugins = [{{ use = "poor", config = {{ header = "x-guest" }} }}]

[plugin.doorman]
file = "plugin.wasm"
grants = {{ budgets = ["visits"], upstreams = ["beta"] }}

# The same component, without the budget that it asks for.
[plugin.poor]
file = "plugin.wasm"
grants = {{ budgets = ["other"], upstreams = ["beta"] }}

[budget.visits]
rate = "3/h"

[budget.other]
rate = "3/h"

[upstream.beta]
to = "{beta}"
"""

TEXT = "text/plain; charset=utf-8"

# Clients that ask at once, and requests of each.
CLIENTS = 8
REQUESTS = 250


class Stage:
    """Everything that a check may look at."""

    def __init__(self, binary, result, other, folder):
        self.binary = binary
        self.result = result
        self.other = other
        self.folder = folder
        self.house = Upstream("house")
        self.beta = Upstream("beta")
        self.gateway = None

    def ask(self, path, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return ask(self.gateway.listener, path, named)

    def configuration(self, header):
        return CONFIGURATION.format(house=self.house.address, beta=self.beta.address, header=header)

    def logged(self, message):
        return self.gateway.logged(lambda line: line.get("message") == message and line.get("plugin") == "doorman")


def end_to_end(binary, result, other):
    """Every check with its name, and how it failed; None for those that did not."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gatewit-plugins-")))
        stage = Stage(binary, result, other, folder)
        stack.callback(stage.house.stop)
        stack.callback(stage.beta.stop)
        shutil.copy(result.component, folder / "plugin.wasm")
        (folder / "gatewit.toml").write_text(stage.configuration("x-guest"), encoding="utf-8")
        try:
            stage.gateway = stack.enter_context(Gateway(binary, folder))
        except Failed as failed:
            yield "start", failed
            return
        for check in CHECKS:
            name = check.__name__.replace("_", " ")
            try:
                check(stage)
            except Failed as failed:
                yield name, failed
            else:
                yield name, None


def loads(stage):
    loading(stage.gateway, compiled_before=False)


def nobody_gets_a_401(stage):
    status, headers, body = stage.ask("/nobody")
    same("status", status, 401)
    same("body", body, b"Say who you are in the header x-guest.\n")
    same("content-type", headers["content-type"], TEXT)
    same("x-greeting", headers["x-greeting"], None)
    same("requests at the upstream", stage.house.seen("/nobody"), [])
    same("fields of the log line", stage.logged("nobody said who they are")["fields"], 'path="/nobody"')
    accessed(stage, "/nobody", 401, "respond")


def a_guest_is_let_in_and_greeted(stage):
    status, headers, body = stage.ask("/guest?room=2", x_guest="ada")
    same("answer", (status, body), (200, b"house"))
    same("x-greeting", headers.get_all("x-greeting"), ["welcome ada"])
    [seen] = stage.house.seen("/guest?room=2")
    same("headers at the upstream", (seen["x-visits-left"], seen["x-guest"]), ("2", "ada"))
    same("fields of the log line", stage.logged("welcome")["fields"], 'guest="ada"')
    accessed(stage, "/guest", 200, "next")


def visits_are_counted(stage):
    for left in ["2", "1", "0"]:
        same("status", stage.ask("/visits", x_guest="grace")[0], 200)
        same("x-visits-left", stage.house.seen("/visits")[-1]["x-visits-left"], left)
    status, headers, body = stage.ask("/visits", x_guest="grace")
    same("status", status, 429)
    same("body", body, b"You were here often enough for now.\n")
    same("content-type", headers["content-type"], TEXT)
    # One in 1200 s, less what the requests took.
    if not 1200 - PATIENCE <= int(headers["retry-after"] or 0) <= 1200:
        raise Failed(f"retry-after: {headers['retry-after']}")
    same("requests at the upstream", len(stage.house.seen("/visits")), 3)


def the_beta_is_another_upstream(stage):
    status, headers, body = stage.ask("/beta", x_guest="mary", x_beta="yes")
    same("answer", (status, body), (200, b"beta"))
    same("x-greeting", headers.get_all("x-greeting"), ["welcome mary"])
    same("x-visits-left", stage.beta.seen("/beta")[0]["x-visits-left"], "2")
    same("requests at the other one", stage.house.seen("/beta"), [])
    accessed(stage, "/beta", 200, "route")


def a_name_need_not_be_text(stage):
    # One byte that is not UTF-8; http.client speaks ISO 8859-1.
    status, headers, _ = stage.ask("/bytes", x_guest="Zo\xeb")
    same("status", status, 200)
    same("x-greeting", headers["x-greeting"], "welcome Zo\xeb")
    same("x-guest at the upstream", stage.house.seen("/bytes")[0]["x-guest"], "Zo\xeb")


def without_its_budget_nobody_passes(stage):
    status, _, _ = stage.ask("/poor", x_guest="ada")
    same("status", status, 503)
    same("requests at the upstream", stage.house.seen("/poor"), [])
    stage.gateway.logged(lambda line: "the budget visits cannot be asked" in str(line))


def guests_are_not_mixed_up(stage):
    def client(number, connection):
        for request in range(REQUESTS):
            guest = f"guest-{number}-{request}"
            status, headers, _ = asked(connection, "/many", {"x-guest": guest})
            same("answer", (status, headers["x-greeting"]), (200, f"welcome {guest}"))

    together(stage, CLIENTS, client)
    same("requests at the upstream", len(stage.house.seen("/many")), CLIENTS * REQUESTS)


def a_component_is_replaced_while_requests_flow(stage):
    """By that of another language, and back: no request fails, and every one is greeted."""
    done = threading.Event()

    def client(number, connection):
        request = 0
        while not done.is_set():
            request += 1
            guest = f"swap-{number}-{request}"
            status, headers, body = asked(connection, "/swap", {"x-guest": guest})
            same("answer", (status, body, headers["x-greeting"]), (200, b"house", f"welcome {guest}"))

    def swaps():
        try:
            replace(stage, other_component(stage))
            replace(stage, stage.result.component.read_bytes())
        finally:
            done.set()

    together(stage, 2, client, swaps)


def a_bad_configuration_is_told_at_its_line(stage):
    bad = stage.folder / "bad.toml"
    text = stage.configuration("X Guest")
    bad.write_text(text, encoding="utf-8")
    line = 1 + text[: text.index("X Guest")].count("\n")
    try:
        languages.run([stage.binary, "check", "--config", str(bad)], PATIENCE)
    except Failed as failed:
        if "`X Guest` is not the name of a header" not in str(failed) or f"bad.toml:{line}:" not in str(failed):
            raise Failed(f"it is not told at line {line}:\n{failed}") from None
    else:
        raise Failed("a bad configuration was accepted")


def it_stops_and_starts_again_from_the_compile_cache(stage):
    stage.gateway.stop()
    with Gateway(stage.binary, stage.folder) as again:
        stage.result.figures["load_cached_ms"] = loading(again, compiled_before=True)
        status, headers, _ = ask(again.listener, "/again", {"x-guest": "ada"})
        same("answer", (status, headers["x-greeting"]), (200, "welcome ada"))
        again.stop()


CHECKS = [
    loads,
    nobody_gets_a_401,
    a_guest_is_let_in_and_greeted,
    visits_are_counted,
    the_beta_is_another_upstream,
    a_name_need_not_be_text,
    without_its_budget_nobody_passes,
    guests_are_not_mixed_up,
    a_component_is_replaced_while_requests_flow,
    a_bad_configuration_is_told_at_its_line,
    it_stops_and_starts_again_from_the_compile_cache,
]


def loading(gateway, compiled_before):
    """How long it took until the component could be used, milliseconds."""
    plugin = gateway.plugin("doorman")
    same("state", (plugin["state"], plugin["compiled_before"]), ("live", compiled_before))
    return plugin["compile_ms"] + plugin["describe_ms"]


def accessed(stage, path, status, outcome):
    line = stage.gateway.accessed(path)
    plugins = [(it["name"], it["outcome"]) for it in line["plugins"]]
    same("the access log", (line["status"], plugins), (status, [("doorman", outcome)]))


def together(stage, clients, client, beside=lambda: None):
    """Clients with a connection each, and something that happens meanwhile. The first failure is told."""
    failures = []

    def guarded(number):
        connection = http.client.HTTPConnection(stage.gateway.listener, timeout=PATIENCE)
        try:
            client(number, connection)
        except Failed as failed:
            failures.append(failed)
        finally:
            connection.close()

    threads = [threading.Thread(target=guarded, args=[number]) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        beside()
    finally:
        for thread in threads:
            thread.join()
    if failures:
        raise Failed(f"{len(failures)} of {clients} clients failed, one by: {failures[0]}\n{stage.gateway.tail()}")


def replace(stage, component):
    """Puts another component in the place of the one that runs, and waits until it does."""
    beside = stage.folder / "next.wasm"
    beside.write_bytes(component)
    beside.rename(stage.folder / "plugin.wasm")
    digest = hashlib.sha256(component).hexdigest()
    eventually("the new component runs", lambda: stage.gateway.plugin("doorman")["digest"] == digest)


def other_component(stage):
    if stage.other:
        return stage.other.component.read_bytes()
    # No other language was built: the same component with an empty custom section is another file.
    return stage.result.component.read_bytes() + b"\x00\x05\x04next"

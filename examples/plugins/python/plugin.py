"""Lets in who says who they are, counts their visits, and greets them on the way out.

What the gateway calls are the methods of the three classes at the end. An instance serves one request at a time, and many
requests one after the other: what belongs to a request goes into the context, what belongs to the configuration into
`config`.

The modules of `wit_world` are made from the WIT files: `build.sh` leaves a copy in `build/bindings` for editors.
"""

import json
import re
from dataclasses import dataclass

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import lifecycle, request_hook, response_hook
from wit_world.imports import context, limits, log, request, response, types

# What the gateway checks a configuration against before `configure` gets to see it.
SCHEMA = {
    "type": "object",
    "properties": {"header": {"type": "string"}, "greeting": {"type": "string"}},
    "required": ["header"],
    "additionalProperties": False,
}


@dataclass
class Config:
    header: str
    greeting: str = "welcome"


# The configuration of this instance: `configure` is called before any hook.
config = Config("")


class Lifecycle(exports.Lifecycle):
    def describe(self):
        return lifecycle.PluginInfo("doorman", "0.1.0", json.dumps(SCHEMA))

    def configure(self, binding):
        global config
        config = Config(**json.loads(binding.config))
        if not re.fullmatch("[a-z0-9-]+", config.header):
            # What is raised as `Err` is the error of the function's result. The pointer leads to the line that is wrong.
            message = f"`{config.header}` is not the name of a header: small letters, digits and `-`, such as x-guest"
            raise Err([lifecycle.ConfigProblem("/header", message)])


class RequestHook(exports.RequestHook):
    def on_request(self):
        # A value is bytes: HTTP does not promise that it is text. None when there is no such header.
        guest = request.header(config.header)
        if not guest:
            log.emit(log.Level.INFO, "nobody said who they are", [("path", request.path())])
            return respond(401, f"Say who you are in the header {config.header}.\n")

        # One atomic decision for all workers of the gateway, in the budget of `[budget.visits]`.
        try:
            verdict = limits.take("visits", guest, 1)
        except Err:
            raise Err(types.PluginError_Unavailable("the budget visits cannot be asked")) from None
        if not verdict.allowed:
            seconds = -(-verdict.retry_after_ms // 1000)
            return respond(429, "You were here often enough for now.\n", types.Field("retry-after", b"%d" % seconds))

        edit("x-visits-left", request.set_header, "x-visits-left", b"%d" % verdict.remaining)
        # `on_response` runs in whatever instance is free then: the context is how it learns who this was.
        edit("the context", context.set_private, guest)
        log.emit(log.Level.INFO, "welcome", [("guest", guest.decode(errors="replace"))])

        if request.header("x-beta") == b"yes":
            routing = request_hook.Routing("beta", request_hook.Pick_Policy(), None, None)
            return request_hook.Outcome_Route(routing)
        return request_hook.Outcome_Next()


class ResponseHook(exports.ResponseHook):
    def on_response(self):
        guest = context.private()
        if guest:
            greeting = config.greeting.encode() + b" " + guest
            edit("x-greeting", response.set_header, "x-greeting", greeting)
        return response_hook.Outcome_Next()


def respond(status, body, *more):
    """The request ends here, with a text."""
    headers = [types.Field("content-type", b"text/plain; charset=utf-8"), *more]
    return request_hook.Outcome_Respond(types.LocalResponse(status, headers, body.encode()))


def edit(what, change, *values):
    """An edit that the gateway may refuse: 500 for the client then, and this for the log."""
    try:
        change(*values)
    except Err:
        raise Err(types.PluginError_Internal(f"{what} could not be set")) from None

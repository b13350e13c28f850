## Lets in who says who they are, counts their visits, and greets them on the way out.
##
## The gateway calls the procs at the end. An instance serves one request at a time, and many requests one after the other:
## what belongs to a request goes into the context, what belongs to the configuration into variables.

import std/[strutils, unicode]
import gatewit

# What the gateway checks a configuration against before `configure` gets to see it.
const schema = """{
  "type": "object",
  "properties": { "header": { "type": "string" }, "greeting": { "type": "string" } },
  "required": ["header"],
  "additionalProperties": false
}"""

# The configuration of this instance. `configure` comes before any hook, once.
var header, greeting: string

func isHeaderName(name: string): bool =
  for letter in name:
    if letter notin {'a'..'z', '0'..'9', '-'}:
      return false
  name.len > 0

proc onRequest(): Outcome =
  # A value is bytes: HTTP does not promise that it is text.
  let guest = requestHeader(header)
  if guest == "":
    logInfo("nobody said who they are", "path", requestPath())
    return respond(401, "Say who you are in the header " & header & ".\n")

  # One atomic decision for all workers of the gateway, in the budget of `[budget.visits]`.
  let verdict = take("visits", guest, 1)
  if not verdict.allowed:
    let seconds = verdict.retryAfterMs div 1000 + uint64(verdict.retryAfterMs mod 1000 != 0)
    return respond(429, "You were here often enough for now.\n", ("retry-after", $seconds))

  setRequestHeader("x-visits-left", $verdict.remaining)
  # `onResponse` runs in whatever instance is free then: the context is how it learns who this was.
  setPrivate(guest)
  # The log takes UTF-8 and nothing else (anything else is a trap).
  logInfo("welcome", "guest", if validateUtf8(guest) < 0: guest else: escape(guest, "", ""))

  if requestHeader("x-beta") == "yes": routeTo("beta") else: next()

proc onResponse() =
  let guest = getPrivate()
  if guest != "":
    setResponseHeader("x-greeting", greeting & " " & guest)

# What the gateway calls: a few lines each, which turn C into Nim and back.

proc describe(info: var PluginInfo) {.exportc: "exports_gatewit_plugin_lifecycle_describe".} =
  info = pluginInfo("doorman", "0.1.0", schema)

proc configure(binding: var Binding, problems: var Problems): bool
    {.exportc: "exports_gatewit_plugin_lifecycle_configure".} =
  free(binding) # all of it as JSON; `textAt` reads it value by value instead
  header = textAt("/header", "")
  greeting = textAt("/greeting", "welcome")
  result = isHeaderName(header)
  if not result:
    # The pointer leads the gateway to the line of the configuration that is wrong.
    problems = problem("/header",
      "`" & header & "` is not the name of a header: small letters, digits and `-`, such as x-guest")

proc requestHook(outcome: var Outcome, error: var PluginError): bool
    {.exportc: "exports_gatewit_plugin_request_hook_on_request".} =
  caught(error): outcome = onRequest()

proc responseHook(outcome: var ResponseOutcome, error: var PluginError): bool
    {.exportc: "exports_gatewit_plugin_response_hook_on_response".} =
  outcome.tag = 0 # next
  caught(error): onResponse()

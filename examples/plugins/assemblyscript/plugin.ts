// Lets in who says who they are, counts their visits, and greets them on the way out.
//
// The gateway calls the four exported functions, by way of `exports.ts`. An instance serves one request at a time, and many
// requests one after the other: what belongs to a request goes into the context, what belongs to the configuration into
// variables.

import {
  configuration, context, limits, log, request, response,
  Binding, Field, Outcome, PluginInfo, Problem,
  internal, next, respond, route, text, unavailable, utf8,
} from "./gatewit";

// What the gateway checks a configuration against before `configure` gets to see it.
const schema = `{
  "type": "object",
  "properties": { "header": { "type": "string" }, "greeting": { "type": "string" } },
  "required": ["header"],
  "additionalProperties": false
}`;

// The configuration of this instance. `configure` comes before any hook, once.
let header = "";
let greeting = "welcome";

export function describe(): PluginInfo {
  return new PluginInfo("doorman", "0.1.0", schema);
}

/** What is wrong with the configuration: nothing, when the list is empty. */
export function configure(_: Binding): Problem[] {
  // AssemblyScript has no JSON; the gateway has read it, and hands it out value by value.
  header = configuration.text("/header") || "";
  greeting = configuration.text("/greeting") || "welcome";
  if (isHeaderName(header)) return [];
  // The pointer leads the gateway to the line of the configuration that is wrong.
  const message = `\`${header}\` is not the name of a header: small letters, digits and \`-\`, such as x-guest`;
  return [new Problem("/header", message)];
}

function isHeaderName(name: string): bool {
  const allowed = "abcdefghijklmnopqrstuvwxyz0123456789-";
  for (let at = 0; at < name.length; at++) {
    if (!allowed.includes(name.charAt(at))) return false;
  }
  return name.length > 0;
}

export function onRequest(): Outcome {
  // A value is bytes: HTTP does not promise that it is text. `null` when there is no such header.
  const guest = request.header(header);
  if (!guest || guest.length == 0) {
    log.info("nobody said who they are", [["path", request.path()]]);
    return plainText(401, `Say who you are in the header ${header}.\n`);
  }

  // One atomic decision for all workers of the gateway, in the budget of `[budget.visits]`.
  const taken = limits.take("visits", guest, 1);
  if (!taken.ok) return unavailable("the budget visits cannot be asked");
  const verdict = taken.value;
  if (!verdict.allowed) {
    const seconds = verdict.retryAfterMs / 1000 + u64(verdict.retryAfterMs % 1000 != 0);
    const more = [new Field("retry-after", utf8(seconds.toString()))];
    return plainText(429, "You were here often enough for now.\n", more);
  }

  // There are no exceptions: what may fail returns a result that says whether it did.
  const edited = request.setHeader("x-visits-left", utf8(verdict.remaining.toString()));
  if (!edited.ok) return refused("x-visits-left");
  // `onResponse` runs in whatever instance is free then: the context is how it learns who this was.
  if (!context.setPrivate(guest).ok) return refused("the context");
  log.info("welcome", [["guest", text(guest)]]);

  const beta = request.header("x-beta");
  return beta && text(beta) == "yes" ? route("beta") : next();
}

export function onResponse(): Outcome {
  const guest = context.getPrivate();
  if (guest.length == 0) return next();
  const words = utf8(greeting + " ");
  const value = new Uint8Array(words.length + guest.length);
  value.set(words);
  value.set(guest, words.length);
  return response.setHeader("x-greeting", value).ok ? next() : refused("x-greeting");
}

/** The request ends here, with a text. */
function plainText(status: u16, body: string, more: Field[] = []): Outcome {
  const headers = [new Field("content-type", utf8("text/plain; charset=utf-8"))].concat(more);
  return respond(status, headers, utf8(body));
}

/** 500 for the client, and this for the log. */
function refused(what: string): Outcome {
  return internal(what + " could not be set");
}

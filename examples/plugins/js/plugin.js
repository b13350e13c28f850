// Lets in who says who they are, counts their visits, and greets them on the way out.
//
// What this module exports is what the gateway calls. An instance serves one request at a time, and many requests one
// after the other: what belongs to a request goes into the context, what belongs to the configuration into `config`.

import * as context from "gatewit:plugin/context@0.1.0";
import * as limits from "gatewit:plugin/limits@0.1.0";
import * as log from "gatewit:plugin/log@0.1.0";
import * as request from "gatewit:plugin/request@0.1.0";
import * as response from "gatewit:plugin/response@0.1.0";

/** The configuration of this instance: `configure` is called before any hook. */
let config;

/** @type {import("gatewit:plugin/lifecycle@0.1.0").Lifecycle} */
export const lifecycle = {
  describe: () => ({
    name: "doorman",
    version: "0.1.0",
    // The gateway checks a configuration against this before `configure` gets to see it.
    configSchema: JSON.stringify({
      type: "object",
      properties: { header: { type: "string" }, greeting: { type: "string" } },
      required: ["header"],
      additionalProperties: false,
    }),
  }),

  configure(binding) {
    const { header, greeting = "welcome" } = JSON.parse(binding.config);
    if (!/^[a-z0-9-]+$/.test(header)) {
      // What is thrown is the error of the function's result. The pointer leads to the line that is wrong.
      const message = `\`${header}\` is not the name of a header: small letters, digits and \`-\`, such as x-guest`;
      throw [{ pointer: "/header", message }];
    }
    config = { header, greeting };
  },
};

/** @type {import("gatewit:plugin/request-hook@0.1.0").RequestHook} */
export const requestHook = {
  onRequest() {
    // A value is bytes: HTTP does not promise that it is text. `null` when there is no such header.
    const guest = request.header(config.header);
    if (!guest?.length) {
      log.emit("info", "nobody said who they are", [["path", request.path()]]);
      return respond(401, `Say who you are in the header ${config.header}.\n`);
    }

    // One atomic decision for all workers of the gateway, in the budget of `[budget.visits]`.
    const verdict = attempt(
      () => limits.take("visits", guest, 1),
      { tag: "unavailable", val: "the budget visits cannot be asked" },
    );
    if (!verdict.allowed) {
      const seconds = Math.ceil(verdict.retryAfterMs / 1000);
      return respond(429, "You were here often enough for now.\n", [field("retry-after", `${seconds}`)]);
    }

    edit("x-visits-left", () => request.setHeader("x-visits-left", utf8(`${verdict.remaining}`)));
    // `onResponse` runs in whatever instance is free then: the context is how it learns who this was.
    edit("the context", () => context.setPrivate(guest));
    log.emit("info", "welcome", [["guest", text(guest)]]);

    const beta = request.header("x-beta");
    if (beta && text(beta) === "yes") {
      return {
        tag: "route",
        val: { upstream: "beta", pick: { tag: "policy" }, timeoutMs: null, maxRetries: null },
      };
    }
    return { tag: "next" };
  },
};

/** @type {import("gatewit:plugin/response-hook@0.1.0").ResponseHook} */
export const responseHook = {
  onResponse() {
    const guest = context.private();
    if (guest.length > 0) {
      const greeting = Uint8Array.of(...utf8(`${config.greeting} `), ...guest);
      edit("x-greeting", () => response.setHeader("x-greeting", greeting));
    }
    return { tag: "next" };
  },
};

/**
 * The request ends here, with a text.
 * @returns {import("gatewit:plugin/request-hook@0.1.0").Outcome}
 */
function respond(status, body, more = []) {
  const headers = [field("content-type", "text/plain; charset=utf-8"), ...more];
  return { tag: "respond", val: { status, headers, body: utf8(body) } };
}

function field(name, value) {
  return { name, value: utf8(value) };
}

/** An edit that the gateway may refuse: 500 for the client then, and this for the log. */
function edit(what, change) {
  attempt(change, { tag: "internal", val: `${what} could not be set` });
}

/** What the gateway refuses, it throws; the plugin throws its own error in its place. */
function attempt(what, error) {
  try {
    return what();
  } catch {
    throw error;
  }
}

/** Text as bytes. QuickJS has no TextEncoder; `%C3%AB` is what encodeURIComponent makes of `ë`. */
function utf8(text) {
  return Uint8Array.from(unescape(encodeURIComponent(text)), (byte) => byte.charCodeAt(0));
}

/** Bytes as text, the other way round; those that are not UTF-8 are read as ISO 8859-1. */
function text(bytes) {
  const raw = String.fromCharCode(...bytes);
  try {
    return decodeURIComponent(escape(raw));
  } catch {
    return raw;
  }
}

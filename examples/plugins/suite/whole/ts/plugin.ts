// A plugin that calls all of the contract and exports every hook. The header `x-try` says what a request is to try.

import * as body from "gatewit:plugin/body@0.1.0";
import * as context from "gatewit:plugin/context@0.1.0";
import * as log from "gatewit:plugin/log@0.1.0";
import * as request from "gatewit:plugin/request@0.1.0";
import * as response from "gatewit:plugin/response@0.1.0";

import type { ChunkHook } from "gatewit:plugin/chunk-hook@0.1.0";
import type { ConfigProblem, Lifecycle } from "gatewit:plugin/lifecycle@0.1.0";
import type { LogHook } from "gatewit:plugin/log-hook@0.1.0";
import type { RequestBodyHook } from "gatewit:plugin/request-body-hook@0.1.0";
import type { Outcome, RequestHook } from "gatewit:plugin/request-hook@0.1.0";
import type { ResponseBodyHook } from "gatewit:plugin/response-body-hook@0.1.0";
import type { ResponseHook } from "gatewit:plugin/response-hook@0.1.0";
import type { TickHook } from "gatewit:plugin/tick-hook@0.1.0";
import type { Attribute, PluginError } from "gatewit:plugin/types@0.1.0";

import { differences, same, tea, text, thrown, utf8 } from "./check";
import * as imports from "./imports";

const tries: Record<string, () => void> = {
  request: imports.tryRequest,
  early: tryEarly,
  context: imports.tryContext,
  configuration: imports.tryConfiguration,
  log: imports.tryLog,
  metrics: imports.tryMetrics,
  limits: imports.tryLimits,
  jwt: imports.tryJwt,
  crypto: imports.tryCrypto,
  kv: imports.tryKv,
  secrets: imports.trySecrets,
  http: imports.tryHttp,
  upstreams: imports.tryUpstreams,
};

const outcomes: Record<string, Outcome> = {
  respond: { tag: "respond", val: tea() },
  endpoint: {
    tag: "route",
    val: { upstream: "canary", pick: { tag: "endpoint", val: "10.0.0.2:80" }, timeoutMs: 1000, maxRetries: 1 },
  },
  "hash-key": {
    tag: "route",
    val: { upstream: null, pick: { tag: "hash-key", val: utf8("ada") }, timeoutMs: null, maxRetries: null },
  },
};

function tried(): string {
  const name = request.header("x-try");
  return name ? text(name) : "";
}

/** Says that a try came to its end, or what differed. */
function end(what: string) {
  const wrong = differences();
  if (wrong.length > 0) throw { tag: "internal", val: wrong.join("; ") } satisfies PluginError;
  context.set("tried", { tag: "text", val: what });
}

export const lifecycle: Lifecycle = {
  describe: () => ({ name: "whole", version: "1.2.3", configSchema: null }),

  configure(binding) {
    const { refuse }: { refuse?: string } = JSON.parse(binding.config);
    if (binding.id === "" || refuse) {
      const message = `\`${refuse}\` is refused`;
      throw [{ pointer: "/refuse", message }, { pointer: "", message: "all of it" }] satisfies ConfigProblem[];
    }
  },
};

export const requestHook: RequestHook = {
  onRequest() {
    const what = tried();
    if (what === "rejected" || what === "unavailable") throw { tag: what, val: "as asked" } satisfies PluginError;
    const calls = tries[what];
    if (calls) {
      calls();
      end(what);
    }
    return outcomes[what] ?? { tag: "next" };
  },
};

export const responseHook: ResponseHook = {
  onResponse() {
    switch (tried()) {
      case "replace":
        return { tag: "replace", val: tea() };
      case "internal":
        throw { tag: "internal", val: "as asked" } satisfies PluginError;
      case "context":
        same("private", context.private(), "kept");
        end("context");
        break;
      case "response":
        tryResponse();
        end("response");
    }
    return { tag: "next" };
  },
};

function tryResponse() {
  same("status", response.status(), 404);
  same("endpoint", response.endpoint(), "198.51.100.1:80");
  same("header", [response.header("server"), response.header("none")], ["house", null]);
  same("headerValues", response.headerValues("x-two"), ["1", "2"]);
  same("headers", response.headers().filter((line) => line.name === "x-two"), [
    { name: "x-two", value: "1" },
    { name: "x-two", value: "2" },
  ]);
  response.setStatus(410);
  response.setHeader("x-set", utf8("1"));
  response.appendHeader("x-two", utf8("3"));
  response.removeHeader("x-gone");
  same("a bad status", thrown(() => response.setStatus(99)), "invalid-syntax");
  same("a bad name", thrown(() => response.setHeader("x y", utf8("1"))), "invalid-syntax");
  same("a bad name to add", thrown(() => response.appendHeader("x y", utf8("1"))), "invalid-syntax");
  same("framing", thrown(() => response.removeHeader("content-length")), "forbidden");
  same("too late", thrown(() => request.setHeader("x-late", utf8("1"))), "wrong-phase");
}

/** What the response is to have when it comes. */
function tryEarly() {
  response.setHeader("x-set", utf8("1"));
  response.appendHeader("x-two", utf8("3"));
  response.removeHeader("x-gone");
  same("nothing there", [response.status(), response.header("x-set")], [0, null]);
  same("no status", thrown(() => response.setStatus(410)), "wrong-phase");
  same("framing", thrown(() => response.removeHeader("content-length")), "forbidden");
}

export const requestBodyHook: RequestBodyHook = {
  onRequestBody() {
    switch (tried()) {
      case "body":
        return { tag: "replace", val: whole("hello there") };
      case "again":
        return { tag: "replace", val: body.read(0, body.length()) };
      case "respond-body":
        return { tag: "respond", val: tea() };
      case "body-fails":
        throw { tag: "internal", val: "as asked" } satisfies PluginError;
    }
    return { tag: "next" };
  },
};

export const responseBodyHook: ResponseBodyHook = {
  onResponseBody() {
    switch (tried()) {
      case "body":
        return { tag: "replace", val: whole("goodbye") };
      case "again":
        return { tag: "replace", val: body.read(0, body.length()) };
      case "replace-body":
        return { tag: "replace-response", val: tea() };
    }
    return { tag: "next" };
  },
};

function whole(expected: string): Uint8Array {
  same("length", body.length(), expected.length);
  same("a window", body.read(2, 3), expected.slice(2, 5));
  same("past the end", body.read(100, 3), "");
  end("body");
  return utf8(`new: ${text(body.read(0, 1000))}`);
}

/** What was held back, of the one body that an instance serves. */
let held = "";

export const chunkHook: ChunkHook = {
  onOpen(_, direction) {
    if (tried() !== "pieces") return false;
    log.emit("info", `opened ${direction}`, []);
    held = "";
    return true;
  },

  onChunk(_, chunk, last) {
    const piece = text(chunk);
    if (piece === "fail") throw { tag: "unavailable", val: "as asked" } satisfies PluginError;
    if (piece.startsWith("break")) return { tag: "abort" };
    if (piece.startsWith("hold") && !last) {
      held = piece;
      return { tag: "hold" };
    }
    const whole = held + (piece.startsWith("upper") ? piece.toUpperCase() : piece);
    held = "";
    return whole === piece ? { tag: "forward" } : { tag: "replace", val: utf8(whole) };
  },

  onClose: () => log.emit("info", "closed", []),
};

export const logHook: LogHook = {
  onComplete(batch) {
    for (const it of batch) {
      log.emit("info", "exchange", [
        ["id", it.requestId],
        ["route", it.route],
        ["status", `${it.status}`],
        ["flag", it.endedBy],
        ["bytes", `${it.bytesIn}/${it.bytesOut}`],
        ["us", `${it.durationUs}`],
        ["attributes", it.attributes.map(([key, value]) => `${key}:${shown(value)}`).join(",")],
      ]);
    }
  },
};

function shown(value: Attribute): string {
  return value.tag === "bytes" ? text(value.val) : `${value.val}`;
}

export const tickHook: TickHook = {
  onTick: () => log.emit("info", "tick", []),
};

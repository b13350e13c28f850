// A plugin that calls all of the contract and exports every hook. The header `x-try` says what a request is to try.

import {
  body, configuration, context, log, request, response,
  Attribute, Binding, Direction, EditError, Kind, Outcome, Pick, PluginInfo, Problem, Summary,
  breakOff, hold, internal, next, rejected, replace, route, text, unavailable, utf8, watch,
} from "./gatewit";

import { differences, fails, is, lines, reads, same, succeeds, tea, texts } from "./check";
import * as imports from "./imports";

function tried(): string {
  const name = request.header("x-try");
  return name ? text(name) : "";
}

/** Says that a try came to its end, or what differed. */
function end(what: string, outcome: Outcome): Outcome {
  const wrong = differences();
  if (wrong.length > 0) return internal(wrong.join("; "));
  context.set("tried", Attribute.text(what));
  return outcome;
}

export function describe(): PluginInfo {
  return new PluginInfo("whole", "1.2.3");
}

export function configure(binding: Binding): Problem[] {
  const refused = configuration.text("/refuse");
  if (binding.id != "" && binding.config.startsWith("{") && !refused) return [];
  return [new Problem("/refuse", `\`${refused || ""}\` is refused`), new Problem("", "all of it")];
}

export function onRequest(): Outcome {
  const what = tried();
  if (what == "rejected") return rejected("as asked");
  if (what == "unavailable") return unavailable("as asked");
  if (what == "respond") return tea();
  if (what == "endpoint") return route("canary", Pick.endpoint("10.0.0.2:80"), 1000, 1);
  if (what == "hash-key") return route(null, Pick.hashKey(utf8("ada")));
  if (!calls(what)) return next();
  return end(what, next());
}

/** Whether there was something to call. */
function calls(what: string): bool {
  if (what == "request") imports.tryRequest();
  else if (what == "early") tryEarly();
  else if (what == "context") imports.tryContext();
  else if (what == "configuration") imports.tryConfiguration();
  else if (what == "log") imports.tryLog();
  else if (what == "metrics") imports.tryMetrics();
  else if (what == "limits") imports.tryLimits();
  else if (what == "jwt") imports.tryJwt();
  else if (what == "crypto") imports.tryCrypto();
  else if (what == "kv") imports.tryKv();
  else if (what == "secrets") imports.trySecrets();
  else if (what == "http") imports.tryHttp();
  else if (what == "upstreams") imports.tryUpstreams();
  else return false;
  return true;
}

export function onResponse(): Outcome {
  const what = tried();
  if (what == "replace") return tea();
  if (what == "internal") return internal("as asked");
  if (what == "context") {
    reads("private", context.getPrivate(), "kept");
    return end("context", next());
  }
  if (what == "response") {
    tryResponse();
    return end("response", next());
  }
  return next();
}

function tryResponse(): void {
  same<u16>("status", response.status(), 404);
  is("endpoint", response.endpoint(), "198.51.100.1:80");
  reads("header", response.header("server"), "house");
  reads("no header", response.header("none"), null);
  is("headerValues", texts(response.headerValues("x-two")), "1;2");
  is("headers", lines(response.headers(), "x-two"), "x-two=1;x-two=2");
  succeeds("setStatus", response.setStatus(410));
  succeeds("setHeader", response.setHeader("x-set", utf8("1")));
  succeeds("appendHeader", response.appendHeader("x-two", utf8("3")));
  succeeds("removeHeader", response.removeHeader("x-gone"));
  fails("a bad status", response.setStatus(99), EditError.InvalidSyntax, "invalid-syntax");
  fails("a bad name", response.setHeader("x y", utf8("1")), EditError.InvalidSyntax, "invalid-syntax");
  fails("a bad name to add", response.appendHeader("x y", utf8("1")), EditError.InvalidSyntax, "invalid-syntax");
  fails("framing", response.removeHeader("content-length"), EditError.Forbidden, "forbidden");
  fails("too late", request.setHeader("x-late", utf8("1")), EditError.WrongPhase, "wrong-phase");
}

/** What the response is to have when it comes. */
function tryEarly(): void {
  succeeds("setHeader", response.setHeader("x-set", utf8("1")));
  succeeds("appendHeader", response.appendHeader("x-two", utf8("3")));
  succeeds("removeHeader", response.removeHeader("x-gone"));
  same<u16>("no status yet", response.status(), 0);
  reads("nothing there", response.header("x-set"), null);
  fails("setStatus", response.setStatus(410), EditError.WrongPhase, "wrong-phase");
  fails("framing", response.removeHeader("content-length"), EditError.Forbidden, "forbidden");
}

export function onRequestBody(): Outcome {
  const what = tried();
  if (what == "body") return whole("hello there");
  if (what == "again") return replace(body.read(0, u32(body.length())));
  if (what == "respond-body") return tea();
  if (what == "body-fails") return internal("as asked");
  return next();
}

export function onResponseBody(): Outcome {
  const what = tried();
  if (what == "body") return whole("goodbye");
  if (what == "again") return replace(body.read(0, u32(body.length())));
  if (what == "replace-body") return tea();
  return next();
}

function whole(expected: string): Outcome {
  same<u64>("length", body.length(), expected.length);
  reads("a window", body.read(2, 3), expected.slice(2, 5));
  reads("past the end", body.read(100, 3), "");
  return end("body", replace(utf8("new: " + text(body.read(0, 1000)))));
}

// What was held back, of the one body that an instance serves.
let held = "";

export function onOpen(bodyId: u64, direction: Direction): Outcome {
  if (tried() != "pieces") return next();
  log.info("opened " + (direction == Direction.Request ? "request" : "response"));
  held = "";
  return watch();
}

export function onChunk(bodyId: u64, chunk: Uint8Array, last: bool): Outcome {
  const piece = text(chunk);
  if (piece == "fail") return unavailable("as asked");
  if (piece.startsWith("break")) return breakOff();
  if (piece.startsWith("hold") && !last) {
    held = piece;
    return hold();
  }
  const whole = held + (piece.startsWith("upper") ? piece.toUpperCase() : piece);
  held = "";
  return whole == piece ? next() : replace(utf8(whole));
}

export function onClose(bodyId: u64): void {
  log.info("closed");
}

export function onComplete(batch: Summary[]): void {
  for (let at = 0; at < batch.length; at++) {
    const it = batch[at];
    log.info("exchange", [
      ["id", it.requestId],
      ["route", it.route],
      ["status", it.status.toString()],
      ["flag", it.endedBy],
      ["bytes", `${it.bytesIn}/${it.bytesOut}`],
      ["us", it.durationUs.toString()],
      ["attributes", it.attributes.map<string>((named) => `${named.key}:${shown(named.value)}`).join(",")],
    ]);
  }
}

function shown(value: Attribute): string {
  if (value.kind == Kind.Integer) return value.integer.toString();
  if (value.kind == Kind.Number) return value.number.toString();
  if (value.kind == Kind.Boolean) return value.boolean.toString();
  return value.text;
}

export function onTick(): void {
  log.info("tick");
}

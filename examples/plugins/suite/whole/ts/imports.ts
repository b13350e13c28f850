// Calls every function that the gateway lends to a request hook. What is expected stands in `../cases.toml`.

import * as configuration from "gatewit:plugin/configuration@0.1.0";
import * as context from "gatewit:plugin/context@0.1.0";
import * as crypto from "gatewit:plugin/crypto@0.1.0";
import * as http from "gatewit:plugin/http-client@0.1.0";
import * as jwt from "gatewit:plugin/jwt@0.1.0";
import * as kv from "gatewit:plugin/kv@0.1.0";
import * as limits from "gatewit:plugin/limits@0.1.0";
import * as log from "gatewit:plugin/log@0.1.0";
import * as metrics from "gatewit:plugin/metrics@0.1.0";
import * as request from "gatewit:plugin/request@0.1.0";
import * as secrets from "gatewit:plugin/secrets@0.1.0";
import * as upstreams from "gatewit:plugin/upstreams@0.1.0";

import type { Attribute } from "gatewit:plugin/types@0.1.0";

import { bytes, hex, same, text, thrown, utf8 } from "./check";

export function tryRequest() {
  same("id", request.id(), "0".repeat(32));
  same("method", request.method(), "POST");
  same("scheme", request.scheme(), "https");
  same("authority", request.authority(), "shop.example.com");
  same("path", request.path(), "/rooms/lobby");
  same("query", request.query(), "seats=2&view=a+b");
  same("pathWithQuery", request.pathWithQuery(), "/rooms/%6cobby?seats=2&view=a+b");
  same("version", request.version(), "http11");
  const { ip, port, ...tls } = request.client();
  same("client", [ip, typeof port, tls], [
    "192.0.2.7", "number", { tlsVersion: null, sni: null, certSubject: null, certSha256: null },
  ]);
  same("route", request.route().length > 0, true);
  same("upstream", request.upstream(), "origin:80");
  same("pathParam", [request.pathParam("room"), request.pathParam("none")], ["lobby", null]);
  same("header", [request.header("x-two"), request.header("none")], ["1, 2", null]);
  same("headerValues", [request.headerValues("x-two"), request.headerValues("none")], [["1", "2"], []]);
  same("headers", request.headers().filter((line) => line.name === "x-two"), [
    { name: "x-two", value: "1" },
    { name: "x-two", value: "2" },
  ]);
  same("headersPacked", text(request.headersPacked()).includes("x-two\0" + "1\0x-two\0" + "2\0"), true);
  same("cookie", [request.cookie("b"), request.cookie("none")], ["2", null]);
  same("queryParam", [request.queryParam("view"), request.queryParam("none")], ["a b", null]);

  request.setHeader("x-set", utf8("1"));
  request.appendHeader("x-two", utf8("3"));
  request.removeHeader("x-gone");
  request.setMethod("PUT");
  request.setAuthority("other.example.com");
  request.setPathWithQuery("/rooms/attic?q=1");
  same("a bad name", thrown(() => request.setHeader("x y", utf8("1"))), "invalid-syntax");
  same("a bad name to add", thrown(() => request.appendHeader("x y", utf8("1"))), "invalid-syntax");
  same("framing", thrown(() => request.removeHeader("content-length")), "forbidden");
  same("a bad method", thrown(() => request.setMethod("")), "invalid-syntax");
  same("a bad authority", thrown(() => request.setAuthority("a b")), "invalid-syntax");
  same("a bad target", thrown(() => request.setPathWithQuery("x")), "invalid-syntax");
}

export function tryContext() {
  const values: Record<string, Attribute> = {
    text: { tag: "text", val: "ë" },
    integer: { tag: "integer", val: -Number.MAX_SAFE_INTEGER },
    number: { tag: "number", val: 0.5 },
    boolean: { tag: "boolean", val: true },
    bytes: { tag: "bytes", val: utf8("raw") },
  };
  for (const [key, value] of Object.entries(values)) {
    context.set(key, value);
    same(`the attribute ${key}`, context.get(key), value);
  }
  same("no attribute", context.get("none"), null);
  same("a long key", thrown(() => context.set("k".repeat(129), values.text!)), "too-large");
  same("nothing private", context.private(), "");
  context.setPrivate(utf8("kept"));
  same("private", context.private(), "kept");
  same("much that is private", thrown(() => context.setPrivate(new Uint8Array(65537))), "too-large");
}

export function tryConfiguration() {
  same("text", [configuration.text("/text"), configuration.text("/integer")], ["grüß Gott", null]);
  same("integer", [configuration.integer("/integer"), configuration.integer("/text")], [-7, null]);
  same("number", [configuration.number("/number"), configuration.number("/none")], [0.5, null]);
  same("boolean", [configuration.boolean("/boolean"), configuration.boolean("/none")], [true, null]);
  same("length", [configuration.length("/list"), configuration.length("/text")], [2, null]);
  same("json", [configuration.json("/list"), configuration.json("/none")], ['[1,"two"]', null]);
}

export function tryLog() {
  same("enabled", log.enabled("error"), true);
  log.emit("trace", "one", []);
  log.emit("debug", "two", []);
  log.emit("info", "three", []);
  log.emit("warn", "four", []);
  log.emit("error", "five", [["a", "1"], ["b", "ë"]]);
}

export function tryMetrics() {
  metrics.add("visits", 2, [["room", "lobby"], ["floor", "1"]]);
  metrics.setGauge("warmth", 20.5, []);
  metrics.observe("stay", 0.25, [["room", "lobby"]]);
}

export function tryLimits() {
  const first = limits.take("b", utf8("ada"), 1);
  same("the first", [first.allowed, first.limit, first.remaining, first.retryAfterMs], [true, 2, 1, 0]);
  same("until all is back", first.resetAfterMs, 1800000);
  const second = limits.take("b", utf8("ada"), 2);
  same("too much", [second.allowed, second.remaining, second.retryAfterMs], [false, 1, 1800000]);
  same("somebody else", limits.take("b", utf8("grace"), 1).remaining, 1);
  same("no budget", thrown(() => limits.take("none", utf8("ada"), 1)), { tag: "no-such-budget" });
}

export function tryJwt() {
  jwt.verifyBearer("v");
  same("claim", [jwt.claim("sub"), jwt.claim("/scope/rooms"), jwt.claim("none")], ['"ada"', "2", null]);
  const token = text(request.header("authorization")!).slice("Bearer ".length);
  const { claimsJson, ...verified } = jwt.verify("v", token);
  same("verify", verified, {
    subject: "ada",
    issuer: "https://id.example.com",
    audience: ["house", "garden"],
    expiresAt: 4102444800,
    keyId: "first",
  });
  same("claimsJson", JSON.parse(claimsJson).scope, { rooms: 2 });
  same("no token", thrown(() => jwt.verify("v", "x")), "malformed");
  same("another signature", thrown(() => jwt.verify("v", token.slice(0, -4) + "AAAA")), "bad-signature");
  same("no verifier", thrown(() => jwt.verifyBearer("none")), "no-such-verifier");
}

const SIGNED = bytes(
  "a7e688607b52175a342188ef5c26045bddae065e8b30251fc83d30cd18024265" +
    "e8821e36b72afc982412e18cd453c4d49410190f267eb9d16d4de53bfddb1a05",
);

export function tryCrypto() {
  const data = utf8("abc");
  same("sha256", hex(crypto.hash("sha256", data)).slice(0, 16), "ba7816bf8f01cfea");
  same("sha384", hex(crypto.hash("sha384", data)).slice(0, 16), "cb00753f45a35e8b");
  same("sha512", hex(crypto.hash("sha512", data)).slice(0, 16), "ddaf35a193617aba");
  same("hmac", hex(crypto.hmac("sha256", "shared", data)).slice(0, 16), "16f1945493c03636");
  same("no key", thrown(() => crypto.hmac("sha256", "none", data)), { tag: "no-such-key" });
  same("a signature", crypto.verify("ed25519", "public", data, SIGNED), true);
  same("of something else", crypto.verify("ed25519", "public", utf8("abd"), SIGNED), false);
  same("another kind of key", thrown(() => crypto.verify("ed25519", "shared", data, SIGNED)), { tag: "refused" });
  same("equal", [crypto.equal(data, utf8("abc")), crypto.equal(data, utf8("abd"))], [true, false]);
  const hash = "$2y$05$bvIG6Nmid91Mu9RcmmWZfO5HJIMCT8riNW0hEp8f6/FuA2/mHZFpe";
  same("a password", crypto.verifyPassword(hash, utf8("password")), true);
  same("another one", crypto.verifyPassword(hash, utf8("yours")), false);
  same("no hash", thrown(() => crypto.verifyPassword("x", utf8("yours"))), { tag: "bad-input" });
}

export function tryKv() {
  same("nothing yet", kv.get("s", "k"), null);
  const first = kv.set("s", "k", utf8("one"), null);
  same("a value", kv.get("s", "k"), { value: "one", revision: first });
  same("another revision", kv.compareAndSet("s", "k", first + 1000, utf8("x"), null), null);
  const second = kv.compareAndSet("s", "k", first, utf8("two"), 60000);
  same("a new value", kv.get("s", "k"), { value: "two", revision: second });
  same("there already", kv.compareAndSet("s", "k", null, utf8("x"), null), null);
  kv.delete("s", "k");
  same("nothing any more", kv.get("s", "k"), null);
  same("not there", kv.compareAndSet("s", "k", null, utf8("three"), null) !== null, true);
  same("a sum", [kv.increment("s", "n", 5, 60000), kv.increment("s", "n", -7, null)], [5, -2]);
  same("its bytes", hex(kv.get("s", "n")!.value), "feffffffffffffff");
  same("no number", thrown(() => kv.increment("s", "k", 1, null)), { tag: "refused" });
  const refused = { tag: "no-such-store" };
  same("no store to read", thrown(() => kv.get("none", "k")), refused);
  same("no store to write", thrown(() => kv.set("none", "k", utf8("x"), 1000)), refused);
  same("no store to delete from", thrown(() => kv.delete("none", "k")), refused);
  same("no store to compare with", thrown(() => kv.compareAndSet("none", "k", 1, utf8("x"), null)), refused);
}

export function trySecrets() {
  same("reveal", [secrets.reveal("w"), secrets.reveal("none")], ["hush", null]);
}

export function tryHttp() {
  const call = {
    upstream: "asked",
    method: "POST",
    pathWithQuery: "/rooms?n=1",
    headers: [{ name: "x-b", value: utf8("2") }],
    body: utf8("which?"),
    timeoutMs: null,
  };
  const { status, headers, body } = http.send(call);
  same("a reply", [status, headers.find((line) => line.name === "x-a"), body], [203, { name: "x-a", value: "1" }, "two beds"]);
  same("an upstream that is not granted", thrown(() => http.send({ ...call, upstream: "none" })), { tag: "not-allowed" });
  same("a late reply", thrown(() => http.send({ ...call, pathWithQuery: "/large", timeoutMs: 1 })), { tag: "timeout" });
  const replies = http.sendAll([call, { ...call, upstream: "none" }, { ...call, method: "GET" }]);
  const brief = replies.map((it) => (it.tag === "ok" ? [it.val.status, it.val.body] : it.val.tag));
  same("replies", brief, [[203, "two beds"], "not-allowed", "connect"]);
  const last = replies[2]!;
  const told = last.tag === "err" && last.val.tag === "connect" ? last.val.val : "";
  same("why not", told, "the case has no answer of `asked` to GET /rooms?n=1");
}

export function tryUpstreams() {
  same("names", upstreams.names().filter((name) => name !== "asked"), ["canary"]);
  same("none", upstreams.endpoints("none"), null);
  const brief = upstreams.endpoints("canary")?.map(({ ageMs, ...endpoint }) => [typeof ageMs, endpoint]);
  const endpoint = { healthy: true, inFlight: 0, latencyUs: 0, weight: 1 };
  same("endpoints", brief, [
    ["number", { address: "10.0.0.1:80", ...endpoint }],
    ["number", { address: "10.0.0.2:80", ...endpoint }],
  ]);
}

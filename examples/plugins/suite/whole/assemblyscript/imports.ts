// Calls every function that the gateway lends to a request hook. What is expected stands in `../cases.toml`.

import {
  configuration, context, crypto, http, jwt, kv, limits, log, metrics, request, secrets, upstreams,
  Attribute, EditError, Field, HttpVersion, Kind, text, utf8,
} from "./gatewit";

import { bytes, fails, hex, is, lines, reads, same, succeeds, texts } from "./check";

export function tryRequest(): void {
  is("id", request.id(), "0".repeat(32));
  is("method", request.method(), "POST");
  is("scheme", request.scheme(), "https");
  is("authority", request.authority(), "shop.example.com");
  is("path", request.path(), "/rooms/lobby");
  is("query", request.query(), "seats=2&view=a+b");
  is("pathWithQuery", request.pathWithQuery(), "/rooms/%6cobby?seats=2&view=a+b");
  same<i32>("version", request.version(), HttpVersion.Http11);
  const client = request.client();
  is("ip", client.ip, "192.0.2.7");
  is("tlsVersion", client.tlsVersion, null);
  is("sni", client.sni, null);
  is("certSubject", client.certSubject, null);
  is("certSha256", client.certSha256, null);
  same("route", request.route().length > 0, true);
  is("upstream", request.upstream(), "origin:80");
  is("pathParam", request.pathParam("room"), "lobby");
  is("no pathParam", request.pathParam("none"), null);
  reads("header", request.header("x-two"), "1, 2");
  reads("no header", request.header("none"), null);
  is("headerValues", texts(request.headerValues("x-two")), "1;2");
  same("no headerValues", request.headerValues("none").length, 0);
  is("headers", lines(request.headers(), "x-two"), "x-two=1;x-two=2");
  same("headersPacked", text(request.headersPacked()).includes("x-two\0" + "1\0x-two\0" + "2\0"), true);
  reads("cookie", request.cookie("b"), "2");
  reads("no cookie", request.cookie("none"), null);
  is("queryParam", request.queryParam("view"), "a b");
  is("no queryParam", request.queryParam("none"), null);

  succeeds("setHeader", request.setHeader("x-set", utf8("1")));
  succeeds("appendHeader", request.appendHeader("x-two", utf8("3")));
  succeeds("removeHeader", request.removeHeader("x-gone"));
  succeeds("setMethod", request.setMethod("PUT"));
  succeeds("setAuthority", request.setAuthority("other.example.com"));
  succeeds("setPathWithQuery", request.setPathWithQuery("/rooms/attic?q=1"));
  fails("a bad name", request.setHeader("x y", utf8("1")), EditError.InvalidSyntax, "invalid-syntax");
  fails("a bad name to add", request.appendHeader("x y", utf8("1")), EditError.InvalidSyntax, "invalid-syntax");
  fails("framing", request.removeHeader("content-length"), EditError.Forbidden, "forbidden");
  fails("a bad method", request.setMethod(""), EditError.InvalidSyntax, "invalid-syntax");
  fails("a bad authority", request.setAuthority("a b"), EditError.InvalidSyntax, "invalid-syntax");
  fails("a bad target", request.setPathWithQuery("x"), EditError.InvalidSyntax, "invalid-syntax");
}

export function tryContext(): void {
  const least: i64 = -9007199254740991;
  succeeds("text", context.set("text", Attribute.text("ë")));
  succeeds("integer", context.set("integer", Attribute.integer(least)));
  succeeds("number", context.set("number", Attribute.number(0.5)));
  succeeds("boolean", context.set("boolean", Attribute.boolean(true)));
  succeeds("bytes", context.set("bytes", Attribute.bytes(utf8("raw"))));
  is("the text", context.get("text")!.text, "ë");
  same("the integer", context.get("integer")!.integer, least);
  same("the number", context.get("number")!.number, 0.5);
  same("the boolean", context.get("boolean")!.boolean, true);
  reads("the bytes", context.get("bytes")!.bytes, "raw");
  same<i32>("their kind", context.get("bytes")!.kind, Kind.Bytes);
  same("no attribute", context.get("none") == null, true);
  fails("a long key", context.set("k".repeat(129), Attribute.text("")), EditError.TooLarge, "too-large");
  reads("nothing private", context.getPrivate(), "");
  succeeds("setPrivate", context.setPrivate(utf8("kept")));
  reads("private", context.getPrivate(), "kept");
  fails("much that is private", context.setPrivate(new Uint8Array(65537)), EditError.TooLarge, "too-large");
}

export function tryConfiguration(): void {
  is("text", configuration.text("/text"), "grüß Gott");
  is("no text", configuration.text("/integer"), null);
  same<i64>("integer", configuration.integer("/integer", 1), -7);
  same<i64>("no integer", configuration.integer("/text", 1), 1);
  same("number", configuration.number("/number", 1), 0.5);
  same("no number", configuration.number("/none", 1), 1.0);
  same("boolean", configuration.boolean("/boolean", false), true);
  same("no boolean", configuration.boolean("/none", true), true);
  same<i64>("length", configuration.length("/list"), 2);
  same<i64>("no length", configuration.length("/text"), -1);
  is("json", configuration.json("/list"), '[1,"two"]');
  is("no json", configuration.json("/none"), null);
}

export function tryLog(): void {
  same("enabled", log.enabled(log.Level.Error), true);
  log.emit(log.Level.Trace, "one");
  log.debug("two");
  log.info("three");
  log.warn("four");
  log.error("five", [["a", "1"], ["b", "ë"]]);
}

export function tryMetrics(): void {
  metrics.add("visits", 2, [["room", "lobby"], ["floor", "1"]]);
  metrics.setGauge("warmth", 20.5);
  metrics.observe("stay", 0.25, [["room", "lobby"]]);
}

export function tryLimits(): void {
  const first = limits.take("b", utf8("ada"), 1).value;
  same("allowed", first.allowed, true);
  same<u64>("limit", first.limit, 2);
  same<u64>("remaining", first.remaining, 1);
  same<u64>("until it fits", first.retryAfterMs, 0);
  same<u64>("until all is back", first.resetAfterMs, 1800000);
  const second = limits.take("b", utf8("ada"), 2).value;
  same("too much", second.allowed, false);
  same<u64>("what is left", second.remaining, 1);
  same<u64>("until that fits", second.retryAfterMs, 1800000);
  same<u64>("somebody else", limits.take("b", utf8("grace"), 1).value.remaining, 1);
  fails("no budget", limits.take("none", utf8("ada"), 1), limits.LimitsError.NoSuchBudget, "no-such-budget");
}

export function tryJwt(): void {
  succeeds("verifyBearer", jwt.verifyBearer("v"));
  is("claim", jwt.claim("sub"), '"ada"');
  is("a claim within", jwt.claim("/scope/rooms"), "2");
  is("no claim", jwt.claim("none"), null);
  const token = text(request.header("authorization")!).slice("Bearer ".length);
  const verified = jwt.verify("v", token).value;
  is("subject", verified.subject, "ada");
  is("issuer", verified.issuer, "https://id.example.com");
  is("audience", verified.audience.join(" "), "house garden");
  same<i64>("expiresAt", verified.expiresAt, 4102444800);
  is("keyId", verified.keyId, "first");
  same("claimsJson", verified.claimsJson.includes('"scope":{"rooms":2}'), true);
  fails("no token", jwt.verify("v", "x"), jwt.JwtError.Malformed, "malformed");
  const other = token.slice(0, token.length - 4) + "AAAA";
  fails("another signature", jwt.verify("v", other), jwt.JwtError.BadSignature, "bad-signature");
  fails("no verifier", jwt.verifyBearer("none"), jwt.JwtError.NoSuchVerifier, "no-such-verifier");
}

const SIGNED =
  "a7e688607b52175a342188ef5c26045bddae065e8b30251fc83d30cd18024265" +
  "e8821e36b72afc982412e18cd453c4d49410190f267eb9d16d4de53bfddb1a05";

export function tryCrypto(): void {
  const data = utf8("abc");
  is("sha256", hex(crypto.hash(crypto.Digest.Sha256, data), 8), "ba7816bf8f01cfea");
  is("sha384", hex(crypto.hash(crypto.Digest.Sha384, data), 8), "cb00753f45a35e8b");
  is("sha512", hex(crypto.hash(crypto.Digest.Sha512, data), 8), "ddaf35a193617aba");
  is("hmac", hex(crypto.hmac(crypto.Digest.Sha256, "shared", data).value, 8), "16f1945493c03636");
  const none = crypto.hmac(crypto.Digest.Sha256, "none", data);
  fails("no key", none, crypto.CryptoError.NoSuchKey, "no-such-key");
  const signed = bytes(SIGNED);
  const ed25519 = crypto.Signature.Ed25519;
  same("a signature", crypto.verify(ed25519, "public", data, signed).value, true);
  same("of something else", crypto.verify(ed25519, "public", utf8("abd"), signed).value, false);
  const refused = crypto.verify(ed25519, "shared", data, signed);
  fails("another kind of key", refused, crypto.CryptoError.Refused, "refused");
  same("equal", crypto.equal(data, utf8("abc")), true);
  same("not equal", crypto.equal(data, utf8("abd")), false);
  const hash = "$2y$05$bvIG6Nmid91Mu9RcmmWZfO5HJIMCT8riNW0hEp8f6/FuA2/mHZFpe";
  same("a password", crypto.verifyPassword(hash, utf8("password")).value, true);
  same("another one", crypto.verifyPassword(hash, utf8("yours")).value, false);
  fails("no hash", crypto.verifyPassword("x", utf8("yours")), crypto.CryptoError.BadInput, "bad-input");
}

export function tryKv(): void {
  same("nothing yet", kv.get("s", "k").value == null, true);
  const first = kv.set("s", "k", utf8("one")).value;
  const entry = kv.get("s", "k").value!;
  reads("a value", entry.value, "one");
  same("its revision", entry.revision, first);
  same<i64>("another revision", kv.compareAndSet("s", "k", first + 1000, utf8("x")).value, -1);
  const second = kv.compareAndSet("s", "k", first, utf8("two"), 60000).value;
  reads("a new value", kv.get("s", "k").value!.value, "two");
  same<u64>("its new revision", kv.get("s", "k").value!.revision, second);
  same<i64>("there already", kv.compareAndSet("s", "k", -1, utf8("x")).value, -1);
  succeeds("remove", kv.remove("s", "k"));
  same("nothing any more", kv.get("s", "k").value == null, true);
  same("not there", kv.compareAndSet("s", "k", -1, utf8("three")).value >= 0, true);
  same<i64>("a sum", kv.increment("s", "n", 5, 60000).value, 5);
  same<i64>("another sum", kv.increment("s", "n", -7).value, -2);
  is("its bytes", hex(kv.get("s", "n").value!.value, 8), "feffffffffffffff");
  fails("no number", kv.increment("s", "k", 1), kv.KvError.Refused, "refused");
  const noStore = kv.KvError.NoSuchStore;
  fails("no store to read", kv.get("none", "k"), noStore, "no-such-store");
  fails("no store to write", kv.set("none", "k", utf8("x"), 1000), noStore, "no-such-store");
  fails("no store to delete from", kv.remove("none", "k"), noStore, "no-such-store");
  fails("no store to compare with", kv.compareAndSet("none", "k", 1, utf8("x")), noStore, "no-such-store");
}

export function trySecrets(): void {
  reads("reveal", secrets.reveal("w"), "hush");
  reads("no secret", secrets.reveal("none"), null);
}

export function tryHttp(): void {
  const headers = [new Field("x-b", utf8("2"))];
  const call = new http.Call("asked", "POST", "/rooms?n=1", headers, utf8("which?"));
  const ungranted = new http.Call("none", "GET", "/");
  const late = new http.Call("asked", "GET", "/large", headers, new Uint8Array(0), 1);
  const reply = http.send(call).value;
  same<u16>("status", reply.status, 203);
  is("headers", lines(reply.headers, "x-a"), "x-a=1");
  reads("body", reply.body, "two beds");
  fails("an upstream that is not granted", http.send(ungranted), http.CallError.NotAllowed, "not-allowed");
  fails("a late reply", http.send(late), http.CallError.Timeout, "timeout");
  const replies = http.sendAll([call, ungranted, new http.Call("asked", "GET", "/rooms?n=1")]);
  same("replies", replies.length, 3);
  same<u16>("the first", replies[0].value.status, 203);
  reads("its body", replies[0].value.body, "two beds");
  fails("the second", replies[1], http.CallError.NotAllowed, "not-allowed");
  const why = "connect: the case has no answer of `asked` to GET /rooms?n=1";
  fails("the third", replies[2], http.CallError.Connect, why);
}

export function tryUpstreams(): void {
  const names = upstreams.names();
  same("names", names.includes("canary"), true);
  same("no upstream", upstreams.endpoints("none") == null, true);
  const endpoints = upstreams.endpoints("canary")!;
  same("endpoints", endpoints.length, 2);
  for (let at = 0; at < endpoints.length; at++) {
    const endpoint = endpoints[at];
    is("address", endpoint.address, `10.0.0.${at + 1}:80`);
    same("healthy", endpoint.healthy, true);
    same<u32>("inFlight", endpoint.inFlight, 0);
    same<u32>("latencyUs", endpoint.latencyUs, 0);
    same<u16>("weight", endpoint.weight, 1);
    same("ageMs", endpoint.ageMs < 600000, true);
  }
}

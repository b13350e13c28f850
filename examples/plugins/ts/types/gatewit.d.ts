// The whole contract between Gatewit and its plugins, as QuickJS sees it. A plugin imports and exports what its
// `wit/world.wit` names.
//
//   u64, s64         number: exact up to 2^53
//   option<t>        t, or null when there is none
//   result<t, e>     the function returns t, or throws an Error whose `payload` is e. One that is exported throws e itself
//   list<u8>         Uint8Array
//   tuple            an array
//   variant          { tag, val }; so is a result within a list: the tag is "ok" or "err"
//   record, enum     an object, a string
//
// Names have capitals in place of `-`: `set-header` is `setHeader`, and the interface `request-hook` is exported as
// `requestHook`.

/** Types that several interfaces share. */
declare module "gatewit:plugin/types@0.1.0" {
  /** One line of a header: the name in lower case, the value as bytes (RFC 9110 section 5). */
  export interface Field {
    name: string;
    value: Uint8Array;
  }
  /**
   * A complete response made by a plugin.
   *
   * `status` is 200 to 599. `content-length`, `transfer-encoding`, `connection` and other fields that belong to one
   * connection are set by the gateway: naming them is an invalid outcome. The body is bounded by the plugin's
   * `response_body` limit (1 MiB unless configured otherwise).
   */
  export interface LocalResponse {
    status: number;
    headers: Field[];
    body: Uint8Array;
  }
  /** Version of HTTP that the client speaks. */
  export type HttpVersion =
    | "http10"
    | "http11"
    | "http2"
    | "http3";
  /** A value that the plugins of a chain share, and that access log lines may carry. */
  export type Attribute =
    | { tag: "text"; val: string }
    | { tag: "integer"; val: number }
    | { tag: "number"; val: number }
    | { tag: "boolean"; val: boolean }
    | { tag: "bytes"; val: Uint8Array };
  /** Why an edit was refused. The exchange is as it was before the call. */
  export type EditError =
    /** Not a valid name or value (RFC 9110 section 5.1, 5.5), method, authority or path. */
    | "invalid-syntax"
    /** The gateway owns it: framing, connection-specific fields, the client's address. */
    | "forbidden"
    /** Above a bound: 256 edits a hook, 64 KiB a value, 1 MiB of values a hook, 64 attributes, 64 KiB of private state. */
    | "too-large"
    /** Not in this hook: request edits end when the request has been forwarded. */
    | "wrong-phase";
  /**
   * The errors that a hook returns on purpose. A trap or a missed deadline is told apart by the gateway.
   * The text goes to the log, never to the client.
   */
  export type PluginError =
    /** The request is refused: 403. */
    | { tag: "rejected"; val: string }
    /** Something that the plugin needs is not there: 503, unless the failure policy says otherwise. */
    | { tag: "unavailable"; val: string }
    /** Something is wrong in the plugin: 500, unless the failure policy says otherwise. */
    | { tag: "internal"; val: string };
}

/**
 * The whole body, in `request-body-hook` and `response-body-hook`. Read through windows: who scans it copies only what
 * it looks at.
 */
declare module "gatewit:plugin/body@0.1.0" {
  /** Bytes in all; 0 in other hooks. */
  export function length(): number;
  /** At most `max` bytes from `offset`; empty past the end. One call returns at most 1 MiB. */
  export function read(offset: number, max: number): Uint8Array;
}

/**
 * This use's configuration, value by value, for languages in which reading JSON is work: the same that `configure` is
 * given. A place is a JSON Pointer (RFC 6901), such as `/header` or `/teams/0/name`. Always granted.
 */
declare module "gatewit:plugin/configuration@0.1.0" {
  /** A string. None when there is none, or something else. */
  export function text(pointer: string): string | null;
  /** An integer. */
  export function integer(pointer: string): number | null;
  /** A number, integers among them. */
  export function number(pointer: string): number | null;
  /** True or false. */
  export function boolean(pointer: string): boolean | null;
  /** How many elements a list has, or members an object. */
  export function length(pointer: string): number | null;
  /** Whatever is there, as JSON. */
  export function json(pointer: string): string | null;
}

/** What an exchange remembers from hook to hook. Held by the gateway: no instance is pinned by it. */
declare module "gatewit:plugin/context@0.1.0" {
  import type { Attribute, EditError } from "gatewit:plugin/types@0.1.0";

  /** This plugin's own bytes, as its last hook of this exchange left them; empty at first. */
  function private_(): Uint8Array;
  export { private_ as private };
  /**
   * Replaces them: at most 64 KiB.
   * @throws {Error} `payload` is EditError
   */
  export function setPrivate(state: Uint8Array): void;
  /** An attribute that a plugin of the chain has set. */
  export function get(key: string): Attribute | null;
  /**
   * Sets an attribute: seen by the hooks that come after, and written to the access log. At most 64 of them, keys
   * of at most 128 bytes, values of at most 4 KiB.
   * @throws {Error} `payload` is EditError
   */
  export function set(key: string, value: Attribute): void;
}

/**
 * Cryptography by the host's library. Hashing, comparing and passwords are always granted; named keys of the
 * configuration (`[key.NAME]`) by the grant `keys`.
 */
declare module "gatewit:plugin/crypto@0.1.0" {
  /** Hash functions (FIPS 180-4). */
  export type Digest =
    | "sha256"
    | "sha384"
    | "sha512";
  /** Signature schemes. */
  export type Signature =
    | "rsa-pkcs1-sha256"
    | "rsa-pss-sha256"
    | "ecdsa-p256-sha256"
    | "ecdsa-p384-sha384"
    | "ed25519";
  /** Why there is no result. */
  export type CryptoError =
    /** Not in the configuration, or not granted. */
    | { tag: "no-such-key" }
    /** Cannot be read: a hash of an unknown kind, a signature of the wrong size. */
    | { tag: "bad-input" }
    /** The key is of another kind, or too much work at once. */
    | { tag: "refused" };
  /** Hashes at most 8 MiB; more is a trap. */
  export function hash(algorithm: Digest, data: Uint8Array): Uint8Array;
  /**
   * Authenticates at most 8 MiB with a named secret key (RFC 2104).
   * @throws {Error} `payload` is CryptoError
   */
  export function hmac(algorithm: Digest, key: string, data: Uint8Array): Uint8Array;
  /**
   * Verifies at most 8 MiB with a named public key. An ECDSA signature is DER (RFC 3279 section 2.2.3), or its two
   * numbers one behind the other.
   * @throws {Error} `payload` is CryptoError
   */
  export function verify(scheme: Signature, key: string, data: Uint8Array, signature: Uint8Array): boolean;
  /** Compares in a time that does not depend on the contents. */
  export function equal(a: Uint8Array, b: Uint8Array): boolean;
  /**
   * Whether a password belongs to a hash: bcrypt (`$2a$`, `$2b$`, `$2y$`) or argon2id in PHC format. Slow by design, done
   * off the worker, two at a time, and remembered for a minute: also when the hook's time was over before, so that the
   * next one finds it. Refused: more than 16 wait, or the hash asks for too much (bcrypt above cost 15; argon2id above
   * 128 MiB or 16 passes).
   * @throws {Error} `payload` is CryptoError
   */
  export function verifyPassword(hash: string, password: Uint8Array): boolean;
}

/**
 * HTTP calls of a plugin's own. The call blocks in the plugin; in the gateway other exchanges go on. Grant: `http`, a
 * list of upstreams: those of the configuration, whatever addresses they have. Redirects are not followed, no cookies
 * are kept.
 */
declare module "gatewit:plugin/http-client@0.1.0" {
  import type { Field } from "gatewit:plugin/types@0.1.0";

  /** A request. */
  export interface Call {
    /** Name of a granted upstream. */
    upstream: string;
    method: string;
    pathWithQuery: string;
    /** `host` is that of the upstream's (first) address unless given. */
    headers: Field[];
    body: Uint8Array;
    /** At most what is left of the hook's time. */
    timeoutMs: number | null;
  }
  /** The response, whatever its status. */
  export interface Reply {
    status: number;
    headers: Field[];
    body: Uint8Array;
  }
  /** Why there is none. */
  export type CallError =
    /** The upstream is not granted. */
    | { tag: "not-allowed" }
    /** More than 16 calls in one hook. */
    | { tag: "too-many" }
    /** Not in time. */
    | { tag: "timeout" }
    /** No endpoint, or no connection to one. */
    | { tag: "connect"; val: string }
    /** The response is larger than the plugin's `response_body` limit. */
    | { tag: "too-large" }
    /** The call is not valid HTTP, or the response was not. */
    | { tag: "protocol"; val: string };
  /**
   * One call.
   * @throws {Error} `payload` is CallError
   */
  export function send(call: Call): Reply;
  /** Several at once; the results stand in the order of the calls. */
  export function sendAll(calls: Call[]): ({ tag: "ok"; val: Reply } | { tag: "err"; val: CallError })[];
}

/**
 * Verifiers of the gateway's configuration (`[verifier.NAME]`): keys, algorithms and rules are theirs, and keys are
 * refreshed in the background. Nothing here waits for the network. Grant: `verifiers`.
 */
declare module "gatewit:plugin/jwt@0.1.0" {
  /** Why a token is not believed. Clients are told nothing of it. */
  export type JwtError =
    /** Not in the configuration, or not granted. */
    | "no-such-verifier"
    /** There is no token. */
    | "missing"
    /** Not a token in compact serialization (RFC 7515 section 7.1), or more than one of them. */
    | "malformed"
    /** Signed by somebody else, or by a key that is not known. */
    | "bad-signature"
    /** Past its `exp`. */
    | "expired"
    /** Before its `nbf`. */
    | "not-yet-valid"
    /** `iss` is another one. */
    | "wrong-issuer"
    /** `aud` has none of those expected. */
    | "wrong-audience"
    /** Its algorithm is not among the verifier's. */
    | "algorithm-refused"
    /** The verifier has no keys yet, or is fetching the key that the token names. */
    | "keys-unavailable";
  /** A token that is believed. */
  export interface Verified {
    /** `sub`. */
    subject: string | null;
    /** `iss`. */
    issuer: string | null;
    /** `aud`, one or more. */
    audience: string[];
    /** `exp`, seconds since 1970. */
    expiresAt: number | null;
    /** `kid`. */
    keyId: string | null;
    /** All claims, a JSON object. */
    claimsJson: string;
  }
  /**
   * Verifies a token.
   * @throws {Error} `payload` is JwtError
   */
  export function verify(verifier: string, token: string): Verified;
  /**
   * Verifies the bearer token of the request's `authorization` header (RFC 6750 section 2.1). Cheaper than `verify`:
   * nothing is copied for a token that is refused, and only what is asked for of one that is believed.
   * @throws {Error} `payload` is JwtError
   */
  export function verifyBearer(verifier: string): void;
  /** A claim of the token that was last verified in this exchange, as JSON; `/` in front makes it a JSON Pointer. */
  export function claim(name: string): string | null;
}

/**
 * Named stores of the gateway's configuration (`[store.NAME]`), in memory, shared by all workers. They survive a
 * reload of the plugin, not a restart of the gateway. Grant: `stores`.
 */
declare module "gatewit:plugin/kv@0.1.0" {
  /** Why it did not work. */
  export type KvError =
    /** Not in the configuration, or not granted. */
    | { tag: "no-such-store" }
    /** The key is longer than 1 KiB, the value than the store takes, or the value is not a number. */
    | { tag: "refused" }
    /** The store's backend does not answer. */
    | { tag: "unavailable"; val: string };
  /** A value, and a number that changes with every change of it. */
  export interface Entry {
    value: Uint8Array;
    revision: number;
  }
  /**
   * Reads.
   * @throws {Error} `payload` is KvError
   */
  export function get(store: string, key: string): Entry | null;
  /**
   * Writes, and returns the new revision. Without a time to live it stays until it is evicted: a store is bounded,
   * and gives up what was used longest ago.
   * @throws {Error} `payload` is KvError
   */
  export function set(store: string, key: string, value: Uint8Array, ttlMs: number | null): number;
  /**
   * Removes.
   * @throws {Error} `payload` is KvError
   */
  function delete_(store: string, key: string): void;
  export { delete_ as delete };
  /**
   * Adds to a number (8 bytes, little endian; 0 when absent), and returns the sum. The time to live is set when it is
   * new.
   * @throws {Error} `payload` is KvError
   */
  export function increment(store: string, key: string, delta: number, ttlMs: number | null): number;
  /**
   * Writes if the revision is the expected one (none: if absent), and returns the new one; none when it was not.
   * @throws {Error} `payload` is KvError
   */
  export function compareAndSet(store: string, key: string, expected: number | null, value: Uint8Array, ttlMs: number | null): number | null;
}

/** Budgets of the gateway's configuration (`[budget.NAME]`): one atomic decision for all workers. Grant: `budgets`. */
declare module "gatewit:plugin/limits@0.1.0" {
  /** The decision, and what `RateLimit` headers say. */
  export interface Verdict {
    /** Whether it fits in the budget. What does not fit costs nothing. */
    allowed: boolean;
    /** Requests that fit at once: the burst. */
    limit: number;
    /** What is left of it. */
    remaining: number;
    /** Until all of it is there again, milliseconds. */
    resetAfterMs: number;
    /** Until this cost would fit, milliseconds; 0 when it was allowed, the largest value when it never will. */
    retryAfterMs: number;
  }
  /** Why there is no decision. */
  export type LimitsError =
    /** Not in the configuration, or not granted. */
    | { tag: "no-such-budget" }
    /** The budget's backend does not answer. */
    | { tag: "unavailable"; val: string };
  /**
   * Takes `cost` out of a budget, for one key of at most 64 KiB; a cost of 0 only looks. Keys of different budgets have
   * nothing to do with each other.
   * @throws {Error} `payload` is LimitsError
   */
  export function take(budget: string, key: Uint8Array, cost: number): Verdict;
}

/** Log lines. Always granted; 100 lines a second and use unless configured otherwise, further ones are counted. */
declare module "gatewit:plugin/log@0.1.0" {
  /** How grave it is. */
  export type Level =
    | "trace"
    | "debug"
    | "info"
    | "warn"
    | "error";
  /** Whether a line of this level would be written. */
  export function enabled(level: Level): boolean;
  /** Writes a line, named for plugin and route. Longer than 4 KiB is cut; control characters are escaped. */
  export function emit(level: Level, message: string, fields: [string, string][]): void;
}

/**
 * Metrics of a plugin's own, as `gatewit_plugin_custom_…` with the label `plugin`. Always granted. At most 200 series
 * a plugin: what comes after counts into one series whose labels all read `overflow`.
 */
declare module "gatewit:plugin/metrics@0.1.0" {
  /** Adds to a counter. */
  export function add(name: string, delta: number, labels: [string, string][]): void;
  /** Sets a gauge. */
  export function setGauge(name: string, value: number, labels: [string, string][]): void;
  /** Observes a value in a histogram (buckets from 100 µs to 10 s when it is taken for seconds). */
  export function observe(name: string, value: number, labels: [string, string][]): void;
}

/**
 * The request being handled. Readable in every hook that belongs to an exchange; edits are possible until it is
 * forwarded (`request-hook`, `request-body-hook`). Reads see the edits made so far.
 */
declare module "gatewit:plugin/request@0.1.0" {
  import type { Field, HttpVersion, EditError } from "gatewit:plugin/types@0.1.0";

  /** Who sent the request. */
  export interface ClientInfo {
    /** Address of the client, after trusted proxies. */
    ip: string;
    /** Port of the connection that the request came on. */
    port: number;
    /** Version of TLS, such as `TLSv1.3`; none on a plain connection. */
    tlsVersion: string | null;
    /** Server name that the client asked for in its TLS hello. */
    sni: string | null;
    /** Subject of the client's certificate (RFC 4514), when it was verified. */
    certSubject: string | null;
    /** SHA-256 of the client's certificate, lower-case hexadecimal, when it was verified. */
    certSha256: string | null;
  }
  /** The request id: in every log line, answer and forwarded request of the exchange. */
  export function id(): string;
  /** The method, case kept. */
  export function method(): string;
  /** `http` or `https`. */
  export function scheme(): string;
  /** `Host`, or the authority of an absolute-form target. */
  export function authority(): string | null;
  /**
   * The canonical path: the one that was routed by. `%6c`, `//` and `/./` are resolved in it, so that it can be
   * compared and used as a key.
   */
  export function path(): string;
  /** The query as it is now, without the `?`. */
  export function query(): string | null;
  /** Path and query as they are now, as sent by the client unless a hook replaced them. */
  export function pathWithQuery(): string;
  /** Version of HTTP that the client speaks. */
  export function version(): HttpVersion;
  /** Who sent it. */
  export function client(): ClientInfo;
  /** Name of the route that matched. */
  export function route(): string;
  /** Name of the upstream that it goes to, as far as is known. */
  export function upstream(): string;
  /** A capture of the route's path pattern. */
  export function pathParam(name: string): string | null;
  /** A header's value: all its lines joined with `, ` in their order (`cookie` with `; `). None when there is no line. */
  export function header(name: string): Uint8Array | null;
  /** Each line of a header. */
  export function headerValues(name: string): Uint8Array[];
  /** Every line. Costs about 150 ns a line: prefer `header`, or `headers-packed`. */
  export function headers(): Field[];
  /** Every line in one piece: name, 0x00, value, 0x00, and so on. */
  export function headersPacked(): Uint8Array;
  /** A cookie's value, the first of that name (RFC 6265 section 4.2). */
  export function cookie(name: string): Uint8Array | null;
  /** A query parameter's value, the first of that name: percent-decoded, with a space for `+`. */
  export function queryParam(name: string): string | null;
  /**
   * Replaces every line of a header by one, and removes its aliases as `remove-header` does.
   * @throws {Error} `payload` is EditError
   */
  export function setHeader(name: string, value: Uint8Array): void;
  /**
   * Adds a line.
   * @throws {Error} `payload` is EditError
   */
  export function appendHeader(name: string, value: Uint8Array): void;
  /**
   * Removes every line; and those of its aliases, with `_` or `.` for `-`, which some servers read as the same name.
   * @throws {Error} `payload` is EditError
   */
  export function removeHeader(name: string): void;
  /**
   * Replaces the method.
   * @throws {Error} `payload` is EditError
   */
  export function setMethod(method: string): void;
  /**
   * Replaces the authority that is sent upstream.
   * @throws {Error} `payload` is EditError
   */
  export function setAuthority(authority: string): void;
  /**
   * Replaces path and query. The path is what the route's `rewrite` or `strip_prefix` then starts from; the route
   * itself stays the same.
   * @throws {Error} `payload` is EditError
   */
  export function setPathWithQuery(target: string): void;
}

/**
 * The response being handled: in `response-hook` and `response-body-hook`. Elsewhere `status` is 0 and nothing is there.
 *
 * In `request-hook` and `request-body-hook` headers of the response can be edited in advance: what is set, appended and
 * removed is checked at once and done when the response comes, whoever makes it, where this plugin's `response-hook`
 * would be called, before it. A plugin that knows early what it has to say needs no `response-hook` to say it. As with
 * that hook, only a plugin that has let the request pass is heard. Any other edit outside of the two hooks is refused
 * with `wrong-phase`.
 */
declare module "gatewit:plugin/response@0.1.0" {
  import type { Field, EditError } from "gatewit:plugin/types@0.1.0";

  /** The status. */
  export function status(): number;
  /** Address of the endpoint that answered; none when the gateway or a plugin made the response. */
  export function endpoint(): string | null;
  /** A header's value: all its lines joined with `, ` in their order. Ask `header-values` for `set-cookie`. */
  export function header(name: string): Uint8Array | null;
  /** Each line of a header. */
  export function headerValues(name: string): Uint8Array[];
  /** Every line. */
  export function headers(): Field[];
  /**
   * Replaces the status: 200 to 599.
   * @throws {Error} `payload` is EditError
   */
  export function setStatus(status: number): void;
  /**
   * Replaces every line of a header by one.
   * @throws {Error} `payload` is EditError
   */
  export function setHeader(name: string, value: Uint8Array): void;
  /**
   * Adds a line.
   * @throws {Error} `payload` is EditError
   */
  export function appendHeader(name: string, value: Uint8Array): void;
  /**
   * Removes every line.
   * @throws {Error} `payload` is EditError
   */
  export function removeHeader(name: string): void;
}

/**
 * Secrets of the gateway's configuration (`[secret.NAME]`). Grant: `secrets`. They are masked wherever the gateway shows
 * its configuration; what a plugin does with one is its own.
 */
declare module "gatewit:plugin/secrets@0.1.0" {
  /** The secret, if it is there and granted. */
  export function reveal(name: string): Uint8Array | null;
}

/** What DNS and health say now. Always granted, for the upstreams listed in the grant `upstreams`, and the route's own. */
declare module "gatewit:plugin/upstreams@0.1.0" {
  /** One endpoint. */
  export interface Endpoint {
    /** `address:port`. */
    address: string;
    /** Whether it may be picked. */
    healthy: boolean;
    /** Requests in flight from this gateway. */
    inFlight: number;
    /** How long it lately took to its response heads, microseconds; 0 when unknown. */
    latencyUs: number;
    /** Since it was first seen, milliseconds. */
    ageMs: number;
    /** Its share, relative to the others'. */
    weight: number;
  }
  /** The upstreams that may be named. */
  export function names(): string[];
  /** The endpoints of one; none when it may not be named. */
  export function endpoints(upstream: string): Endpoint[] | null;
}

/**
 * Sees a body piece by piece as it streams by, in bounded memory. One instance serves a body from `on-open` to
 * `on-close`, and no other body in between.
 */
declare module "gatewit:plugin/chunk-hook@0.1.0" {
  import type { PluginError } from "gatewit:plugin/types@0.1.0";

  /** Which body. */
  export type Direction =
    | "request"
    | "response";
  /** What happens to a chunk. */
  export type Outcome =
    /** It goes on as it is. */
    | { tag: "forward" }
    /** This goes on instead; empty for nothing. */
    | { tag: "replace"; val: Uint8Array }
    /** Nothing goes on yet: the plugin keeps what it needs of it. */
    | { tag: "hold" }
    /** The exchange is broken off, so that the other side can tell. */
    | { tag: "abort" };
  export interface ChunkHook {
    /**
     * A body begins. False: not interested, it passes untouched.
     * @throws {PluginError}
     */
    onOpen(bodyId: number, direction: Direction): boolean;
    /**
     * A piece of at most 64 KiB; `last` with the last one, which may be empty.
     * @throws {PluginError}
     */
    onChunk(bodyId: number, chunk: Uint8Array, last: boolean): Outcome;
    /** The body is over, whether it was complete or not. */
    onClose(bodyId: number): void;
  }
}

/** The only interface that every plugin exports. */
declare module "gatewit:plugin/lifecycle@0.1.0" {
  /** What a plugin says of itself. */
  export interface PluginInfo {
    /** Its name. */
    name: string;
    /** Its own version. */
    version: string;
    /**
     * JSON Schema (draft 2020-12) of its configuration. The gateway checks the configuration against it before
     * `configure` is called, and shows each complaint at its line.
     */
    configSchema: string | null;
  }
  /** One use of the plugin: a configuration, on one or more routes. */
  export interface Binding {
    /** The same for the instances of one use, on every worker. */
    id: string;
    /** The configuration as JSON: an object, `{}` when nothing is configured. */
    config: string;
  }
  /** Something that is wrong with the configuration. */
  export interface ConfigProblem {
    /** Where: a JSON Pointer (RFC 6901) into the configuration; empty for all of it. */
    pointer: string;
    /** What is wrong, and what to write instead. */
    message: string;
  }
  export interface Lifecycle {
    /** Called once when the component is loaded. */
    describe(): PluginInfo;
    /**
     * Called once in every new instance, before any hook; and once for every use before the component goes live, so that
     * a configuration that is refused here never replaces a working one.
     * @throws {ConfigProblem[]}
     */
    configure(binding: Binding): void;
  }
}

/**
 * Called with what has ended since the last time, off the request path: at most 256 exchanges a call, a few times a
 * second on each worker.
 */
declare module "gatewit:plugin/log-hook@0.1.0" {
  import type { Attribute } from "gatewit:plugin/types@0.1.0";

  /** One exchange. */
  export interface Summary {
    /** `request.id`. */
    requestId: string;
    /** The route's name. */
    route: string;
    /** Sent to the client; 0 when it went away before. */
    status: number;
    /** From the request head to the end of the response, microseconds. */
    durationUs: number;
    /** Bytes of the request body. */
    bytesIn: number;
    /** Bytes of the response body. */
    bytesOut: number;
    /** `ok`, or why the gateway answered or cut the exchange itself: the access log's `flag`. */
    endedBy: string;
    /** Set by plugins. */
    attributes: [string, Attribute][];
  }
  export interface LogHook {
    /** The hook. */
    onComplete(batch: Summary[]): void;
  }
}

/**
 * Called when the whole request body is there: the gateway buffers it, up to the plugin's `request_body` limit (1 MiB
 * unless configured otherwise; 413 above). Not called for a request without a body.
 */
declare module "gatewit:plugin/request-body-hook@0.1.0" {
  import type { LocalResponse, PluginError } from "gatewit:plugin/types@0.1.0";

  /** What happens next. */
  export type Outcome =
    /** The body stays as it is. */
    | { tag: "next" }
    /** This is the body now. The gateway sets `content-length` and removes digests of the old one. */
    | { tag: "replace"; val: Uint8Array }
    /** This is the response. */
    | { tag: "respond"; val: LocalResponse };
  export interface RequestBodyHook {
    /**
     * The hook.
     * @throws {PluginError}
     */
    onRequestBody(): Outcome;
  }
}

/** Called when the request head is known, before the request is forwarded: in the order of the chain. */
declare module "gatewit:plugin/request-hook@0.1.0" {
  import type { LocalResponse, PluginError } from "gatewit:plugin/types@0.1.0";

  /** Which endpoint of the upstream. */
  export type Pick =
    /** The one that the upstream's policy picks. */
    | { tag: "policy" }
    /** The one that this key hashes to; the same key, the same endpoint, as long as it is there. */
    | { tag: "hash-key"; val: Uint8Array }
    /** This one, as `address:port`. Another one answers when it is gone or refuses. */
    | { tag: "endpoint"; val: string };
  /** Where the request goes. */
  export interface Routing {
    /** The upstream's name, one of those granted; none to keep the route's own. */
    upstream: string | null;
    /** Which endpoint of it. */
    pick: Pick;
    /** In place of the route's `timeout`, milliseconds. */
    timeoutMs: number | null;
    /** In place of the route's `retries`. */
    maxRetries: number | null;
  }
  /** What happens next. */
  export type Outcome =
    /** The next plugin, or the endpoint. */
    | { tag: "next" }
    /** The same, and this is where the request goes. The last one that says so decides. */
    | { tag: "route"; val: Routing }
    /** This is the response. The plugins behind, and the upstream, do not see the request. */
    | { tag: "respond"; val: LocalResponse };
  export interface RequestHook {
    /**
     * The hook.
     * @throws {PluginError}
     */
    onRequest(): Outcome;
  }
}

/**
 * Called when the whole response body is there: the gateway buffers it, up to the plugin's `response_body` limit (502
 * above). Not called for a response without a body, nor for upgrades.
 */
declare module "gatewit:plugin/response-body-hook@0.1.0" {
  import type { LocalResponse, PluginError } from "gatewit:plugin/types@0.1.0";

  /** What happens next. */
  export type Outcome =
    /** The body stays as it is. */
    | { tag: "next" }
    /** This is the body now. The gateway sets `content-length` and removes validators and digests of the old one. */
    | { tag: "replace"; val: Uint8Array }
    /** This is the response instead, head and body. */
    | { tag: "replace-response"; val: LocalResponse };
  export interface ResponseBodyHook {
    /**
     * The hook.
     * @throws {PluginError}
     */
    onResponseBody(): Outcome;
  }
}

/**
 * Called when the response head is known: in the reverse order of the chain. Sees the request as it was forwarded.
 * After a plugin has answered by `respond`, only those in front of it see the response.
 */
declare module "gatewit:plugin/response-hook@0.1.0" {
  import type { LocalResponse, PluginError } from "gatewit:plugin/types@0.1.0";

  /** What happens next. */
  export type Outcome =
    /** The response goes on, with the edits made. */
    | { tag: "next" }
    /** This is the response instead. */
    | { tag: "replace"; val: LocalResponse };
  export interface ResponseHook {
    /**
     * The hook.
     * @throws {PluginError}
     */
    onResponse(): Outcome;
  }
}

/** Called by a timer (`tick` of the plugin, 10 s unless configured otherwise), in one instance for the whole process. */
declare module "gatewit:plugin/tick-hook@0.1.0" {
  export interface TickHook {
    /** The hook. */
    onTick(): void;
  }
}

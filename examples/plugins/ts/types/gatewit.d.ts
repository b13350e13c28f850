// The contract between Gatewit and its plugins, as QuickJS sees it: the interfaces that `wit/world.wit` names. What each
// function does is said in `wit/deps/gatewit`.
//
//   u64, s64         number: exact up to 2^53
//   option<t>        t, or null when there is none
//   result<t, e>     the function returns t and throws e; so do exported ones
//   list<u8>         Uint8Array
//   variant          { tag, val }
//   record, enum     an object, a string

declare module "gatewit:plugin/types@0.1.0" {
  export interface Field {
    name: string;
    value: Uint8Array;
  }
  export interface LocalResponse {
    status: number;
    headers: Field[];
    body: Uint8Array;
  }
  export type HttpVersion = "http10" | "http11" | "http2" | "http3";
  export type Attribute =
    | { tag: "text"; val: string }
    | { tag: "integer"; val: number }
    | { tag: "number"; val: number }
    | { tag: "boolean"; val: boolean }
    | { tag: "bytes"; val: Uint8Array };
  export type EditError = "invalid-syntax" | "forbidden" | "too-large" | "wrong-phase";
  /** What a hook throws when it fails on purpose. */
  export type PluginError =
    | { tag: "rejected"; val: string }
    | { tag: "unavailable"; val: string }
    | { tag: "internal"; val: string };
}

declare module "gatewit:plugin/request@0.1.0" {
  import type { Field, HttpVersion } from "gatewit:plugin/types@0.1.0";

  export interface ClientInfo {
    ip: string;
    port: number;
    tlsVersion: string | null;
    sni: string | null;
    certSubject: string | null;
    certSha256: string | null;
  }
  export function id(): string;
  export function method(): string;
  export function scheme(): string;
  export function authority(): string | null;
  export function path(): string;
  export function query(): string | null;
  export function pathWithQuery(): string;
  export function version(): HttpVersion;
  export function client(): ClientInfo;
  export function route(): string;
  export function upstream(): string;
  export function pathParam(name: string): string | null;
  export function header(name: string): Uint8Array | null;
  export function headerValues(name: string): Uint8Array[];
  export function headers(): Field[];
  export function headersPacked(): Uint8Array;
  export function cookie(name: string): Uint8Array | null;
  export function queryParam(name: string): string | null;
  // These throw an EditError.
  export function setHeader(name: string, value: Uint8Array): void;
  export function appendHeader(name: string, value: Uint8Array): void;
  export function removeHeader(name: string): void;
  export function setMethod(method: string): void;
  export function setAuthority(authority: string): void;
  export function setPathWithQuery(target: string): void;
}

declare module "gatewit:plugin/response@0.1.0" {
  import type { Field } from "gatewit:plugin/types@0.1.0";

  export function status(): number;
  export function endpoint(): string | null;
  export function header(name: string): Uint8Array | null;
  export function headerValues(name: string): Uint8Array[];
  export function headers(): Field[];
  // These throw an EditError.
  export function setStatus(status: number): void;
  export function setHeader(name: string, value: Uint8Array): void;
  export function appendHeader(name: string, value: Uint8Array): void;
  export function removeHeader(name: string): void;
}

declare module "gatewit:plugin/context@0.1.0" {
  import type { Attribute } from "gatewit:plugin/types@0.1.0";

  // `private` is no name for a function, but one for an export.
  function own(): Uint8Array;
  export { own as private };
  export function get(key: string): Attribute | null;
  // These throw an EditError.
  export function setPrivate(state: Uint8Array): void;
  export function set(key: string, value: Attribute): void;
}

declare module "gatewit:plugin/limits@0.1.0" {
  export interface Verdict {
    allowed: boolean;
    limit: number;
    remaining: number;
    resetAfterMs: number;
    retryAfterMs: number;
  }
  export type LimitsError = { tag: "no-such-budget" } | { tag: "unavailable"; val: string };
  /** Throws a LimitsError. */
  export function take(budget: string, key: Uint8Array, cost: number): Verdict;
}

declare module "gatewit:plugin/log@0.1.0" {
  export type Level = "trace" | "debug" | "info" | "warn" | "error";
  export function enabled(level: Level): boolean;
  export function emit(level: Level, message: string, fields: [string, string][]): void;
}

declare module "gatewit:plugin/lifecycle@0.1.0" {
  export interface PluginInfo {
    name: string;
    version: string;
    configSchema: string | null;
  }
  export interface Binding {
    id: string;
    config: string;
  }
  export interface ConfigProblem {
    pointer: string;
    message: string;
  }
  export interface Lifecycle {
    describe(): PluginInfo;
    /** Throws ConfigProblem[]. */
    configure(binding: Binding): void;
  }
}

declare module "gatewit:plugin/request-hook@0.1.0" {
  import type { LocalResponse } from "gatewit:plugin/types@0.1.0";

  export type Pick = { tag: "policy" } | { tag: "hash-key"; val: Uint8Array } | { tag: "endpoint"; val: string };
  export interface Routing {
    upstream: string | null;
    pick: Pick;
    timeoutMs: number | null;
    maxRetries: number | null;
  }
  export type Outcome = { tag: "next" } | { tag: "route"; val: Routing } | { tag: "respond"; val: LocalResponse };
  export interface RequestHook {
    /** Throws a PluginError. */
    onRequest(): Outcome;
  }
}

declare module "gatewit:plugin/response-hook@0.1.0" {
  import type { LocalResponse } from "gatewit:plugin/types@0.1.0";

  export type Outcome = { tag: "next" } | { tag: "replace"; val: LocalResponse };
  export interface ResponseHook {
    /** Throws a PluginError. */
    onResponse(): Outcome;
  }
}

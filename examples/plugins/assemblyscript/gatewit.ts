// The gateway's interfaces with the types of AssemblyScript: as much of them as plugins of this kind need. Add what you
// miss; `wit/deps/gatewit` has the contract, and the component model's "Canonical ABI" says how its types lie in memory: a
// text or a list is an address and a length, an option and a result are a byte in front of what they hold.
//
// Who owns memory: what the gateway hands in is copied into an object and freed at once (`take`, `drop`); what a hook hands
// out is copied out of its objects (`give`), and freed when the gateway has read it (`release`). What is lent to an import
// only has to stay until it returns; nothing is collected meanwhile.

// Where imports put what they return, if it is more than a number; and where hooks put it.
const area = memory.data(48, 8);
const result = memory.data(48, 8);

// What a hook has handed out.
const given: usize[] = [];

/** How the gateway gets memory for what it hands in. */
export function cabi_realloc(old: usize, oldSize: usize, align: usize, size: usize): usize {
  if (size == 0) return align;
  return old ? heap.realloc(old, size) : heap.alloc(size);
}

/** Frees what the gateway has handed in. */
export function drop(at: usize, length: usize): void {
  if (length) heap.free(at);
}

/** Frees what a hook has handed out. */
export function release(): void {
  while (given.length) heap.free(given.pop());
}

/** Where a failed check or a `throw` ends: what it says is in the gateway's log, and the hook has failed. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  log.error(message || "aborted", [["at", `${file || "?"}:${line}:${column}`]]);
  unreachable();
}

/** Text as bytes. */
export function utf8(text: string): Uint8Array {
  // Half of a surrogate pair is no UTF-8, and the gateway takes nothing else for text.
  return Uint8Array.wrap(String.UTF8.encode(text, false, String.UTF8.ErrorMode.REPLACE));
}

/** Bytes as text. What is not UTF-8 becomes something else that is. */
export function text(bytes: Uint8Array): string {
  return String.UTF8.decodeUnsafe(bytes.dataStart, bytes.length);
}

function take(at: usize): Uint8Array {
  const from = load<usize>(at);
  const length = load<usize>(at, 4);
  const bytes = new Uint8Array(i32(length));
  memory.copy(bytes.dataStart, from, length);
  drop(from, length);
  return bytes;
}

function takeText(at: usize): string {
  const from = load<usize>(at);
  const length = load<usize>(at, 4);
  const text = String.UTF8.decodeUnsafe(from, length);
  drop(from, length);
  return text;
}

function give(bytes: Uint8Array, at: usize): void {
  const to = room(bytes.length);
  memory.copy(to, bytes.dataStart, bytes.length);
  store<usize>(at, to);
  store<usize>(at, bytes.length, 4);
}

function room(size: usize): usize {
  const to = heap.alloc(size);
  given.push(to);
  return to;
}

// Imports. The comments of the contract hold; what may not be there is null.

@external("gatewit:plugin/request@0.1.0", "method")
declare function requestMethod(to: usize): void;
@external("gatewit:plugin/request@0.1.0", "path")
declare function requestPath(to: usize): void;
@external("gatewit:plugin/request@0.1.0", "query")
declare function requestQuery(to: usize): void;
@external("gatewit:plugin/request@0.1.0", "header")
declare function requestHeader(name: usize, nameLength: usize, to: usize): void;
@external("gatewit:plugin/request@0.1.0", "cookie")
declare function requestCookie(name: usize, nameLength: usize, to: usize): void;
@external("gatewit:plugin/request@0.1.0", "set-header")
declare function requestSet(name: usize, nameLength: usize, value: usize, length: usize, to: usize): void;
@external("gatewit:plugin/request@0.1.0", "append-header")
declare function requestAppend(name: usize, nameLength: usize, value: usize, length: usize, to: usize): void;
@external("gatewit:plugin/request@0.1.0", "remove-header")
declare function requestRemove(name: usize, nameLength: usize, to: usize): void;

export namespace request {
  export function method(): string {
    requestMethod(area);
    return takeText(area);
  }

  export function path(): string {
    requestPath(area);
    return takeText(area);
  }

  export function query(): string | null {
    requestQuery(area);
    return load<u8>(area) ? takeText(area + 4) : null;
  }

  export function header(name: string): Uint8Array | null {
    const said = utf8(name);
    requestHeader(said.dataStart, said.length, area);
    return load<u8>(area) ? take(area + 4) : null;
  }

  export function cookie(name: string): Uint8Array | null {
    const said = utf8(name);
    requestCookie(said.dataStart, said.length, area);
    return load<u8>(area) ? take(area + 4) : null;
  }

  /** False, here and below: the gateway did not take the edit. */
  export function setHeader(name: string, value: Uint8Array): bool {
    const said = utf8(name);
    requestSet(said.dataStart, said.length, value.dataStart, value.length, area);
    return !load<u8>(area);
  }

  export function appendHeader(name: string, value: Uint8Array): bool {
    const said = utf8(name);
    requestAppend(said.dataStart, said.length, value.dataStart, value.length, area);
    return !load<u8>(area);
  }

  export function removeHeader(name: string): bool {
    const said = utf8(name);
    requestRemove(said.dataStart, said.length, area);
    return !load<u8>(area);
  }
}

@external("gatewit:plugin/response@0.1.0", "status")
declare function responseStatus(): u32;
@external("gatewit:plugin/response@0.1.0", "set-status")
declare function responseSetStatus(status: u32, to: usize): void;
@external("gatewit:plugin/response@0.1.0", "header")
declare function responseHeader(name: usize, nameLength: usize, to: usize): void;
@external("gatewit:plugin/response@0.1.0", "set-header")
declare function responseSet(name: usize, nameLength: usize, value: usize, length: usize, to: usize): void;
@external("gatewit:plugin/response@0.1.0", "remove-header")
declare function responseRemove(name: usize, nameLength: usize, to: usize): void;

export namespace response {
  export function status(): u16 {
    return u16(responseStatus());
  }

  export function setStatus(status: u16): bool {
    responseSetStatus(status, area);
    return !load<u8>(area);
  }

  export function header(name: string): Uint8Array | null {
    const said = utf8(name);
    responseHeader(said.dataStart, said.length, area);
    return load<u8>(area) ? take(area + 4) : null;
  }

  export function setHeader(name: string, value: Uint8Array): bool {
    const said = utf8(name);
    responseSet(said.dataStart, said.length, value.dataStart, value.length, area);
    return !load<u8>(area);
  }

  export function removeHeader(name: string): bool {
    const said = utf8(name);
    responseRemove(said.dataStart, said.length, area);
    return !load<u8>(area);
  }
}

@external("gatewit:plugin/context@0.1.0", "private")
declare function contextPrivate(to: usize): void;
@external("gatewit:plugin/context@0.1.0", "set-private")
declare function contextSetPrivate(state: usize, length: usize, to: usize): void;

export namespace context {
  export function getPrivate(): Uint8Array {
    contextPrivate(area);
    return take(area);
  }

  export function setPrivate(state: Uint8Array): bool {
    contextSetPrivate(state.dataStart, state.length, area);
    return !load<u8>(area);
  }
}

@external("gatewit:plugin/limits@0.1.0", "take")
declare function limitsTake(budget: usize, budgetLength: usize, key: usize, length: usize, cost: u32, to: usize): void;

/** The decision of a budget. */
export class Verdict {
  constructor(
    readonly allowed: bool,
    readonly limit: u64,
    readonly remaining: u64,
    readonly resetAfterMs: u64,
    readonly retryAfterMs: u64,
  ) {}
}

export namespace limits {
  /** Null: there is no decision. The budget is not granted, or cannot be asked. */
  export function take(budget: string, key: Uint8Array, cost: u32): Verdict | null {
    const said = utf8(budget);
    limitsTake(said.dataStart, said.length, key.dataStart, key.length, cost, area);
    if (load<u8>(area)) {
      if (load<u8>(area, 8)) drop(load<usize>(area, 12), load<usize>(area, 16)); // why
      return null;
    }
    return new Verdict(
      load<bool>(area, 8), load<u64>(area, 16), load<u64>(area, 24), load<u64>(area, 32), load<u64>(area, 40),
    );
  }
}

@external("gatewit:plugin/log@0.1.0", "emit")
declare function logEmit(level: u32, message: usize, length: usize, fields: usize, count: usize): void;

export namespace log {
  export function debug(message: string, fields: string[][] = []): void {
    emit(1, message, fields);
  }

  export function info(message: string, fields: string[][] = []): void {
    emit(2, message, fields);
  }

  export function warn(message: string, fields: string[][] = []): void {
    emit(3, message, fields);
  }

  export function error(message: string, fields: string[][] = []): void {
    emit(4, message, fields);
  }

  /** Each field is a name and a value. */
  function emit(level: u32, message: string, fields: string[][]): void {
    const said = utf8(message);
    const words: Uint8Array[] = [];
    const list = new StaticArray<usize>(fields.length * 4);
    for (let at = 0; at < fields.length * 2; at++) {
      const word = utf8(fields[at >> 1][at & 1]);
      words.push(word); // so that it stays
      list[at * 2] = word.dataStart;
      list[at * 2 + 1] = word.length;
    }
    logEmit(level, said.dataStart, said.length, changetype<usize>(list), fields.length);
  }
}

@external("gatewit:plugin/configuration@0.1.0", "text")
declare function configurationText(pointer: usize, length: usize, to: usize): void;
@external("gatewit:plugin/configuration@0.1.0", "integer")
declare function configurationInteger(pointer: usize, length: usize, to: usize): void;
@external("gatewit:plugin/configuration@0.1.0", "boolean")
declare function configurationBoolean(pointer: usize, length: usize, to: usize): void;

export namespace configuration {
  export function text(pointer: string): string | null {
    const said = utf8(pointer);
    configurationText(said.dataStart, said.length, area);
    return load<u8>(area) ? takeText(area + 4) : null;
  }

  /** Numbers and truth values cannot be null: this is what they are when they are not there. */
  export function integer(pointer: string, otherwise: i64): i64 {
    const said = utf8(pointer);
    configurationInteger(said.dataStart, said.length, area);
    return load<u8>(area) ? load<i64>(area, 8) : otherwise;
  }

  export function boolean(pointer: string, otherwise: bool): bool {
    const said = utf8(pointer);
    configurationBoolean(said.dataStart, said.length, area);
    return load<u8>(area) ? load<bool>(area, 1) : otherwise;
  }
}

// What hooks return.

export class PluginInfo {
  constructor(readonly name: string, readonly version: string, readonly configSchema: string) {}
}

/** Something that is wrong with the configuration: where, as a JSON Pointer, and what. */
export class Problem {
  constructor(readonly pointer: string, readonly message: string) {}
}

/** One line of a header. */
export class Field {
  constructor(readonly name: string, readonly value: Uint8Array) {}
}

/** What comes of a hook. */
export class Outcome {}

class Route extends Outcome {
  constructor(readonly upstream: string) {
    super();
  }
}

class Response extends Outcome {
  constructor(readonly status: u16, readonly headers: Field[], readonly body: Uint8Array) {
    super();
  }
}

class Failure extends Outcome {
  constructor(readonly tag: u8, readonly message: string) {
    super();
  }
}

/** The next plugin, or the endpoint; the response goes on. */
export function next(): Outcome {
  return new Outcome();
}

/** The request goes to this upstream. */
export function route(upstream: string): Outcome {
  return new Route(upstream);
}

/** This is the response; in a response hook, instead of the one that there is. */
export function respond(status: u16, headers: Field[], body: Uint8Array): Outcome {
  return new Response(status, headers, body);
}

/** The request is refused: 403. */
export function rejected(why: string): Outcome {
  return new Failure(0, why);
}

/** Something that the plugin needs is not there: 503. */
export function unavailable(why: string): Outcome {
  return new Failure(1, why);
}

/** Something is wrong in the plugin: 500. */
export function internal(why: string): Outcome {
  return new Failure(2, why);
}

export const enum Hook {
  Request,
  Response,
}

export function lowerInfo(info: PluginInfo): usize {
  give(utf8(info.name), result);
  give(utf8(info.version), result + 8);
  store<u8>(result, 1, 16);
  give(utf8(info.configSchema), result + 20);
  return result;
}

export function lowerProblems(problems: Problem[]): usize {
  const list = room(problems.length * 16);
  for (let at = 0; at < problems.length; at++) {
    give(utf8(problems[at].pointer), list + at * 16);
    give(utf8(problems[at].message), list + at * 16 + 8);
  }
  store<u8>(result, u8(problems.length > 0));
  store<usize>(result, list, 4);
  store<usize>(result, problems.length, 8);
  return result;
}

/** A byte says whether it is an error, another one which outcome it is, or which error. */
export function lowerOutcome(outcome: Outcome, hook: Hook): usize {
  memory.fill(result, 0, 48);
  if (outcome instanceof Failure) {
    const failure = outcome as Failure;
    store<u8>(result, 1);
    store<u8>(result, failure.tag, 4);
    give(utf8(failure.message), result + 8);
  } else if (outcome instanceof Response) {
    const response = outcome as Response;
    store<u8>(result, hook == Hook.Request ? 2 : 1, 4);
    store<u16>(result, response.status, 8);
    const list = room(response.headers.length * 16);
    for (let at = 0; at < response.headers.length; at++) {
      give(utf8(response.headers[at].name), list + at * 16);
      give(response.headers[at].value, list + at * 16 + 8);
    }
    store<usize>(result, list, 12);
    store<usize>(result, response.headers.length, 16);
    give(response.body, result + 20);
  } else if (outcome instanceof Route) {
    assert(hook == Hook.Request, "a response cannot be routed");
    // What it does not say stays 0: the endpoint is the policy's, the timeout and the retries are the route's.
    store<u8>(result, 1, 4);
    store<u8>(result, 1, 8);
    give(utf8((outcome as Route).upstream), result + 12);
  }
  return result;
}

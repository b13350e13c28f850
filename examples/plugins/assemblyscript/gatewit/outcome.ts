// What hooks return.

import { give, giveText, result } from "./memory";
import { Field, giveFields } from "./types";

export class PluginInfo {
  /** A JSON Schema; without one every configuration reaches `configure`. */
  constructor(readonly name: string, readonly version: string, readonly configSchema: string | null = null) {}
}

/** One use of the plugin: a name that the instances of one use share, and its configuration as JSON. */
export class Binding {
  constructor(readonly id: string, readonly config: string) {}
}

/** Something that is wrong with the configuration: where, as a JSON Pointer, and what. */
export class Problem {
  constructor(readonly pointer: string, readonly message: string) {}
}

/** What comes of a hook. Not each hook can have each of them: what is impossible fails it. */
export class Outcome {
  constructor(readonly step: Step) {}
}

export enum Step { Next, Route, Respond, Replace, Hold, BreakOff, Watch, Fail }

/** All hooks: the next plugin, or the endpoint; the response, the body or its piece goes on as it is. */
export function next(): Outcome {
  return new Outcome(Step.Next);
}

/** In `onRequest`: this is where the request goes. What is null or -1 is the route's, and the endpoint the policy's. */
export function route(
  upstream: string | null, pick: Pick | null = null, timeoutMs: i64 = -1, maxRetries: i32 = -1,
): Outcome {
  return new Route(upstream, pick, timeoutMs, maxRetries);
}

/** All hooks but those of pieces: this is the response; on the way back, instead of the one that there is. */
export function respond(status: u16, headers: Field[], body: Uint8Array): Outcome {
  return new Response(status, headers, body);
}

/** In body hooks and `onChunk`: this is the body, or the piece, now. */
export function replace(body: Uint8Array): Outcome {
  return new Replacement(body);
}

/** In `onChunk`: nothing goes on yet; the plugin keeps what it needs of the piece. */
export function hold(): Outcome {
  return new Outcome(Step.Hold);
}

/** In `onChunk`: the exchange is broken off (`abort`). */
export function breakOff(): Outcome {
  return new Outcome(Step.BreakOff);
}

/** In `onOpen`: the pieces of this body are wanted. With `next` it passes untouched. */
export function watch(): Outcome {
  return new Outcome(Step.Watch);
}

/** All hooks: the request is refused: 403. */
export function rejected(why: string): Outcome {
  return new Failure(0, why);
}

/** All hooks: something that the plugin needs is not there: 503. */
export function unavailable(why: string): Outcome {
  return new Failure(1, why);
}

/** All hooks: something is wrong in the plugin: 500. */
export function internal(why: string): Outcome {
  return new Failure(2, why);
}

/** Which endpoint of an upstream. */
export class Pick {
  constructor(readonly tag: u8, readonly value: Uint8Array) {}

  /** The one that this key hashes to. */
  static hashKey(key: Uint8Array): Pick {
    return new Pick(1, key);
  }

  /** This one, as `address:port`. */
  static endpoint(address: string): Pick {
    return new Pick(2, Uint8Array.wrap(String.UTF8.encode(address)));
  }
}

class Route extends Outcome {
  constructor(readonly upstream: string | null, readonly pick: Pick | null, readonly timeoutMs: i64, readonly maxRetries: i32) {
    super(Step.Route);
  }
}

class Response extends Outcome {
  constructor(readonly status: u16, readonly headers: Field[], readonly body: Uint8Array) {
    super(Step.Respond);
  }
}

class Replacement extends Outcome {
  constructor(readonly body: Uint8Array) {
    super(Step.Replace);
  }
}

class Failure extends Outcome {
  constructor(readonly tag: u8, readonly message: string) {
    super(Step.Fail);
  }
}

/**
 * Puts an outcome where the gateway reads it: a byte says whether it is an error, another one which error, or which of the
 * steps that the hook can have, in the order of the contract.
 */
export function lower(outcome: Outcome, steps: StaticArray<Step>): usize {
  memory.fill(result, 0, 48);
  if (outcome instanceof Failure) {
    const failure = outcome as Failure;
    store<u8>(result, 1);
    store<u8>(result, failure.tag, 4);
    giveText(failure.message, result + 8);
    return result;
  }
  const tag = steps.indexOf(outcome.step);
  assert(tag >= 0, "this hook cannot have this outcome");
  store<u8>(result, u8(tag), 4);
  if (outcome instanceof Response) {
    const response = outcome as Response;
    store<u16>(result, response.status, 8);
    giveFields(response.headers, result + 12);
    give(response.body, result + 20);
  } else if (outcome instanceof Replacement) {
    give((outcome as Replacement).body, result + 8);
  } else if (outcome instanceof Route) {
    lowerRoute(outcome as Route);
  }
  return result;
}

// What it does not say stays 0: none.
function lowerRoute(route: Route): void {
  const upstream = route.upstream;
  if (upstream) {
    store<u8>(result, 1, 8);
    giveText(upstream, result + 12);
  }
  const pick = route.pick;
  if (pick) {
    store<u8>(result, pick.tag, 20);
    give(pick.value, result + 24);
  }
  store<u8>(result, u8(route.timeoutMs >= 0), 32);
  store<u32>(result, u32(route.timeoutMs), 36);
  store<u8>(result, u8(route.maxRetries >= 0), 40);
  store<u8>(result, u8(route.maxRetries), 41);
}

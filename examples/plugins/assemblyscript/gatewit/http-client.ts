// HTTP calls of a plugin's own. The error is a `CallError`.

import { area, give, giveText, release, room, take, takeList, takeText } from "./memory";
import { failure, Field, giveFields, Result, ResultOf, success, takeField } from "./types";

export enum CallError { NotAllowed, TooMany, Timeout, Connect, TooLarge, Protocol }

const names: StaticArray<string> = ["not-allowed", "too-many", "timeout", "connect", "too-large", "protocol"];

/** A request. Without a timeout (-1) it has what is left of the hook's time. */
export class Call {
  constructor(
    readonly upstream: string,
    readonly method: string,
    readonly pathWithQuery: string,
    readonly headers: Field[] = [],
    readonly body: Uint8Array = new Uint8Array(0),
    readonly timeoutMs: i64 = -1,
  ) {}
}

/** The response, whatever its status. */
export class Reply {
  constructor(readonly status: u16, readonly headers: Field[], readonly body: Uint8Array) {}
}

@external("gatewit:plugin/http-client@0.1.0", "send")
declare function callSend(
  upstream: usize, upstreamLength: usize, method: usize, methodLength: usize, path: usize, pathLength: usize,
  headers: usize, count: usize, body: usize, length: usize, hasTimeout: u32, timeoutMs: u32, to: usize,
): void;
export function send(call: Call): ResultOf<Reply> {
  const at = room(SIZE);
  lower(call, at);
  callSend(
    load<usize>(at), load<usize>(at, 4), load<usize>(at, 8), load<usize>(at, 12), load<usize>(at, 16), load<usize>(at, 20),
    load<usize>(at, 24), load<usize>(at, 28), load<usize>(at, 32), load<usize>(at, 36),
    load<u8>(at, 40), load<u32>(at, 44), area,
  );
  release();
  return lifted(area);
}

@external("gatewit:plugin/http-client@0.1.0", "send-all")
declare function callSendAll(calls: usize, count: usize, to: usize): void;
export function sendAll(calls: Call[]): ResultOf<Reply>[] {
  const list = room(calls.length * SIZE);
  for (let i = 0; i < calls.length; i++) lower(calls[i], list + i * SIZE);
  callSendAll(list, calls.length, area);
  release();
  return takeList<ResultOf<Reply>>(area, 24, lifted);
}

// Of a call, in memory.
const SIZE = 48;

function lower(call: Call, at: usize): void {
  giveText(call.upstream, at);
  giveText(call.method, at + 8);
  giveText(call.pathWithQuery, at + 16);
  giveFields(call.headers, at + 24);
  give(call.body, at + 32);
  store<u8>(at, u8(call.timeoutMs >= 0), 40);
  store<u32>(at, u32(call.timeoutMs), 44);
}

function lifted(at: usize): ResultOf<Reply> {
  if (load<u8>(at)) return failure<Reply>(refusal(at + 4));
  return success(new Reply(load<u16>(at, 4), takeList<Field>(at + 8, 16, takeField), take(at + 16)));
}

function refusal(at: usize): Result {
  const error = load<u8>(at) as CallError;
  const told = error == CallError.Connect || error == CallError.Protocol;
  return new Result(false, error, told ? `${names[error]}: ${takeText(at + 4)}` : names[error]);
}

// Named stores. Where a time to live or a revision is -1, there is none. The error is a `KvError`.

import { area, take, takeText } from "./memory";
import { utf8 } from "./text";
import { done, failure, Result, ResultOf, success } from "./types";

export enum KvError { NoSuchStore, Refused, Unavailable }

/** A value, and a number that changes with every change of it. */
export class Entry {
  constructor(readonly value: Uint8Array, readonly revision: u64) {}
}

@external("gatewit:plugin/kv@0.1.0", "get")
declare function callGet(store: usize, storeLength: usize, key: usize, keyLength: usize, to: usize): void;
/** `null`: there is no such key. */
export function get(store: string, key: string): ResultOf<Entry | null> {
  const where = utf8(store);
  const said = utf8(key);
  callGet(where.dataStart, where.length, said.dataStart, said.length, area);
  if (load<u8>(area)) return failure<Entry | null>(refusal(area + 8));
  if (!load<u8>(area, 8)) return success<Entry | null>(null);
  return success<Entry | null>(new Entry(take(area + 16), load<u64>(area, 24)));
}

@external("gatewit:plugin/kv@0.1.0", "set")
declare function callSet(
  store: usize, storeLength: usize, key: usize, keyLength: usize, value: usize, length: usize,
  hasTtl: u32, ttlMs: u64, to: usize,
): void;
/** Returns the new revision. */
export function set(store: string, key: string, value: Uint8Array, ttlMs: i64 = -1): ResultOf<u64> {
  const where = utf8(store);
  const said = utf8(key);
  callSet(
    where.dataStart, where.length, said.dataStart, said.length, value.dataStart, value.length,
    u32(ttlMs >= 0), ttlMs, area,
  );
  return load<u8>(area) ? failure<u64>(refusal(area + 8)) : success(load<u64>(area, 8));
}

@external("gatewit:plugin/kv@0.1.0", "delete")
declare function callDelete(store: usize, storeLength: usize, key: usize, keyLength: usize, to: usize): void;
/** `delete` */
export function remove(store: string, key: string): Result {
  const where = utf8(store);
  const said = utf8(key);
  callDelete(where.dataStart, where.length, said.dataStart, said.length, area);
  return load<u8>(area) ? refusal(area + 4) : done();
}

@external("gatewit:plugin/kv@0.1.0", "increment")
declare function callIncrement(
  store: usize, storeLength: usize, key: usize, keyLength: usize, delta: i64, hasTtl: u32, ttlMs: u64, to: usize,
): void;
/** Returns the sum. */
export function increment(store: string, key: string, delta: i64, ttlMs: i64 = -1): ResultOf<i64> {
  const where = utf8(store);
  const said = utf8(key);
  callIncrement(
    where.dataStart, where.length, said.dataStart, said.length, delta, u32(ttlMs >= 0), ttlMs, area,
  );
  return load<u8>(area) ? failure<i64>(refusal(area + 8)) : success(load<i64>(area, 8));
}

@external("gatewit:plugin/kv@0.1.0", "compare-and-set")
declare function callCompareAndSet(
  store: usize, storeLength: usize, key: usize, keyLength: usize, hasExpected: u32, expected: u64,
  value: usize, length: usize, hasTtl: u32, ttlMs: u64, to: usize,
): void;
/** `expected` is a revision, or -1 for a key that is not there. Returns the new revision; -1 when it was another one. */
export function compareAndSet(
  store: string, key: string, expected: i64, value: Uint8Array, ttlMs: i64 = -1,
): ResultOf<i64> {
  const where = utf8(store);
  const said = utf8(key);
  callCompareAndSet(
    where.dataStart, where.length, said.dataStart, said.length, u32(expected >= 0), expected,
    value.dataStart, value.length, u32(ttlMs >= 0), ttlMs, area,
  );
  if (load<u8>(area)) return failure<i64>(refusal(area + 8));
  return success(load<u8>(area, 8) ? load<i64>(area, 16) : -1);
}

function refusal(at: usize): Result {
  const error = load<u8>(at) as KvError;
  if (error == KvError.Unavailable) return new Result(false, error, "unavailable: " + takeText(at + 4));
  return new Result(false, error, error == KvError.NoSuchStore ? "no-such-store" : "refused");
}

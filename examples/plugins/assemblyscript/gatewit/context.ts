// What an exchange remembers from hook to hook.

import { area, take } from "./memory";
import { utf8 } from "./text";
import { Attribute, edited, Kind, Result, takeAttribute } from "./types";

@external("gatewit:plugin/context@0.1.0", "private")
declare function callPrivate(to: usize): void;
/** `private` */
export function getPrivate(): Uint8Array {
  callPrivate(area);
  return take(area);
}

@external("gatewit:plugin/context@0.1.0", "set-private")
declare function callSetPrivate(state: usize, length: usize, to: usize): void;
/** The error is an `EditError`. */
export function setPrivate(state: Uint8Array): Result {
  callSetPrivate(state.dataStart, state.length, area);
  return edited();
}

@external("gatewit:plugin/context@0.1.0", "get")
declare function callGet(key: usize, keyLength: usize, to: usize): void;
export function get(key: string): Attribute | null {
  const said = utf8(key);
  callGet(said.dataStart, said.length, area);
  return load<u8>(area) ? takeAttribute(area + 8) : null;
}

@external("gatewit:plugin/context@0.1.0", "set")
declare function callSet(key: usize, keyLength: usize, kind: u32, value: u64, length: usize, to: usize): void;
/** The error is an `EditError`. */
export function set(key: string, value: Attribute): Result {
  const said = utf8(key);
  // Of a variant's cases the widest decides: an address has 64 bits here.
  const words = value.kind == Kind.Text || value.kind == Kind.Bytes;
  const bits = words ? u64(value.bytes.dataStart) : value.bits;
  const length = words ? value.bytes.length : 0;
  callSet(said.dataStart, said.length, value.kind, bits, length, area);
  return edited();
}

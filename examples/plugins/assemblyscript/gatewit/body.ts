// The whole body, in body hooks.

import { area, take } from "./memory";

@external("gatewit:plugin/body@0.1.0", "length")
declare function callLength(): u64;
export function length(): u64 {
  return callLength();
}

@external("gatewit:plugin/body@0.1.0", "read")
declare function callRead(offset: u64, max: u32, to: usize): void;
export function read(offset: u64, max: u32): Uint8Array {
  callRead(offset, max, area);
  return take(area);
}

// This use's configuration, value by value. A place is a JSON Pointer. Numbers and truth values cannot be null: `otherwise` is
// what they are when they are not there.

import { area, takeTextIf } from "./memory";
import { utf8 } from "./text";

@external("gatewit:plugin/configuration@0.1.0", "text")
declare function callText(pointer: usize, length: usize, to: usize): void;
export function text(pointer: string): string | null {
  const said = utf8(pointer);
  callText(said.dataStart, said.length, area);
  return takeTextIf(area);
}

@external("gatewit:plugin/configuration@0.1.0", "integer")
declare function callInteger(pointer: usize, length: usize, to: usize): void;
export function integer(pointer: string, otherwise: i64): i64 {
  const said = utf8(pointer);
  callInteger(said.dataStart, said.length, area);
  return load<u8>(area) ? load<i64>(area, 8) : otherwise;
}

@external("gatewit:plugin/configuration@0.1.0", "number")
declare function callNumber(pointer: usize, length: usize, to: usize): void;
export function number(pointer: string, otherwise: f64): f64 {
  const said = utf8(pointer);
  callNumber(said.dataStart, said.length, area);
  return load<u8>(area) ? load<f64>(area, 8) : otherwise;
}

@external("gatewit:plugin/configuration@0.1.0", "boolean")
declare function callBoolean(pointer: usize, length: usize, to: usize): void;
export function boolean(pointer: string, otherwise: bool): bool {
  const said = utf8(pointer);
  callBoolean(said.dataStart, said.length, area);
  return load<u8>(area) ? load<bool>(area, 1) : otherwise;
}

@external("gatewit:plugin/configuration@0.1.0", "length")
declare function callLength(pointer: usize, length: usize, to: usize): void;
/** -1 when there is neither a list nor an object. */
export function length(pointer: string): i64 {
  const said = utf8(pointer);
  callLength(said.dataStart, said.length, area);
  return load<u8>(area) ? i64(load<u32>(area, 4)) : -1;
}

@external("gatewit:plugin/configuration@0.1.0", "json")
declare function callJson(pointer: usize, length: usize, to: usize): void;
export function json(pointer: string): string | null {
  const said = utf8(pointer);
  callJson(said.dataStart, said.length, area);
  return takeTextIf(area);
}

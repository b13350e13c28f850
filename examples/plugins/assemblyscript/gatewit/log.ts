// Log lines. Each field is a name and a value.

import { givePairs, release } from "./memory";
import { utf8 } from "./text";

export enum Level { Trace, Debug, Info, Warn, Error }

@external("gatewit:plugin/log@0.1.0", "enabled")
declare function callEnabled(level: u32): u32;
/** Worth asking before a costly line. */
export function enabled(level: Level): bool {
  return callEnabled(level) != 0;
}

@external("gatewit:plugin/log@0.1.0", "emit")
declare function callEmit(level: u32, message: usize, length: usize, fields: usize, count: usize): void;
export function emit(level: Level, message: string, fields: string[][] = []): void {
  const said = utf8(message);
  callEmit(level, said.dataStart, said.length, givePairs(fields), fields.length);
  release();
}

export function debug(message: string, fields: string[][] = []): void {
  emit(Level.Debug, message, fields);
}

export function info(message: string, fields: string[][] = []): void {
  emit(Level.Info, message, fields);
}

export function warn(message: string, fields: string[][] = []): void {
  emit(Level.Warn, message, fields);
}

export function error(message: string, fields: string[][] = []): void {
  emit(Level.Error, message, fields);
}

// The response being handled. In hooks of the request nothing is there yet, but headers can be edited: it is done when the
// response comes.

import { area, take, takeIf, takeList, takeTextIf } from "./memory";
import { utf8 } from "./text";
import { edited, Field, Result, takeField } from "./types";

@external("gatewit:plugin/response@0.1.0", "status")
declare function callStatus(): u32;
export function status(): u16 {
  return u16(callStatus());
}

@external("gatewit:plugin/response@0.1.0", "endpoint")
declare function callEndpoint(to: usize): void;
export function endpoint(): string | null {
  callEndpoint(area);
  return takeTextIf(area);
}

@external("gatewit:plugin/response@0.1.0", "header")
declare function callHeader(name: usize, nameLength: usize, to: usize): void;
export function header(name: string): Uint8Array | null {
  const said = utf8(name);
  callHeader(said.dataStart, said.length, area);
  return takeIf(area);
}

@external("gatewit:plugin/response@0.1.0", "header-values")
declare function callHeaderValues(name: usize, nameLength: usize, to: usize): void;
export function headerValues(name: string): Uint8Array[] {
  const said = utf8(name);
  callHeaderValues(said.dataStart, said.length, area);
  return takeList<Uint8Array>(area, 8, take);
}

@external("gatewit:plugin/response@0.1.0", "headers")
declare function callHeaders(to: usize): void;
export function headers(): Field[] {
  callHeaders(area);
  return takeList<Field>(area, 16, takeField);
}

// Edits. The error is an `EditError`.

@external("gatewit:plugin/response@0.1.0", "set-status")
declare function callSetStatus(status: u32, to: usize): void;
export function setStatus(status: u16): Result {
  callSetStatus(status, area);
  return edited();
}

@external("gatewit:plugin/response@0.1.0", "set-header")
declare function callSetHeader(name: usize, nameLength: usize, value: usize, length: usize, to: usize): void;
export function setHeader(name: string, value: Uint8Array): Result {
  const said = utf8(name);
  callSetHeader(said.dataStart, said.length, value.dataStart, value.length, area);
  return edited();
}

@external("gatewit:plugin/response@0.1.0", "append-header")
declare function callAppendHeader(name: usize, nameLength: usize, value: usize, length: usize, to: usize): void;
export function appendHeader(name: string, value: Uint8Array): Result {
  const said = utf8(name);
  callAppendHeader(said.dataStart, said.length, value.dataStart, value.length, area);
  return edited();
}

@external("gatewit:plugin/response@0.1.0", "remove-header")
declare function callRemoveHeader(name: usize, nameLength: usize, to: usize): void;
export function removeHeader(name: string): Result {
  const said = utf8(name);
  callRemoveHeader(said.dataStart, said.length, area);
  return edited();
}

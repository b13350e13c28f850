// Compares, and remembers what differs.

import { Field, Outcome, respond, Result, text, utf8 } from "./gatewit";

let wrong: string[] = [];

/** What has differed since the last time. */
export function differences(): string[] {
  const found = wrong;
  wrong = [];
  return found;
}

export function same<T>(what: string, found: T, expected: T): void {
  if (found != expected) wrong.push(`${what}: ${found.toString()} instead of ${expected.toString()}`);
}

/** Bytes that are a text; `null` is none. */
export function reads(what: string, found: Uint8Array | null, expected: string | null): void {
  is(what, found ? text(found) : null, expected);
}

/** A text; `null` is none. */
export function is(what: string, found: string | null, expected: string | null): void {
  if (found != expected) wrong.push(`${what}: ${found || "nothing"} instead of ${expected || "nothing"}`);
}

export function succeeds(what: string, result: Result): void {
  if (!result.ok) wrong.push(`${what}: ${result.message}`);
}

export function fails(what: string, result: Result, error: i32, message: string): void {
  if (result.ok || result.error != error || result.message != message) {
    wrong.push(`${what}: ${result.ok ? "nothing" : result.message} instead of ${message}`);
  }
}

/** The lines of one header, `name=value` each. */
export function lines(fields: Field[], name: string): string {
  const found: string[] = [];
  for (let at = 0; at < fields.length; at++) {
    if (fields[at].name == name) found.push(`${name}=${text(fields[at].value)}`);
  }
  return found.join(";");
}

export function texts(values: Uint8Array[]): string {
  return values.map<string>((value) => text(value)).join(";");
}

export function tea(): Outcome {
  return respond(418, [new Field("x-made", utf8("here"))], utf8("tea"));
}

export function hex(bytes: Uint8Array, most: i32): string {
  let digits = "";
  for (let at = 0; at < min(bytes.length, most); at++) digits += bytes[at].toString(16).padStart(2, "0");
  return digits;
}

export function bytes(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length / 2);
  for (let at = 0; at < bytes.length; at++) bytes[at] = u8(parseInt(hex.substr(at * 2, 2), 16));
  return bytes;
}

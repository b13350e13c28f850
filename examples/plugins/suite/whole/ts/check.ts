// Compares, and remembers what differs.

import type { LocalResponse } from "gatewit:plugin/types@0.1.0";

let wrong: string[] = [];

/** What has differed since the last time. */
export function differences(): string[] {
  const found = wrong;
  wrong = [];
  return found;
}

export function same(what: string, found: unknown, expected: unknown) {
  if (shown(found) !== shown(expected)) wrong.push(`${what}: ${shown(found)} instead of ${shown(expected)}`);
}

/** The error of a call that fails. */
export function thrown(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return (error as { payload: unknown }).payload;
  }
  return "nothing was thrown";
}

function shown(value: unknown): string {
  return JSON.stringify(value, (_, it) => (it instanceof Uint8Array ? text(it) : it));
}

export function tea(): LocalResponse {
  return { status: 418, headers: [{ name: "x-made", value: utf8("here") }], body: utf8("tea") };
}

export function utf8(text: string): Uint8Array {
  return Uint8Array.from(unescape(encodeURIComponent(text)), (byte) => byte.charCodeAt(0));
}

export function text(bytes: Uint8Array): string {
  return decodeURIComponent(escape(String.fromCharCode(...bytes)));
}

export function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function bytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

// How the contract's types lie in memory, by the component model's "Canonical ABI": a text or a list is an address and a
// length; an option and a result are a byte in front of what they hold, which begins where its type is aligned.
//
// Who owns memory: what the gateway hands in is copied into an object and freed at once (`take…`); what a hook hands out, and
// lists that are lent to an import, are copied out of their objects (`give…`) and freed when the gateway has read them
// (`release`). Texts and bytes that are lent to an import only have to stay until it returns; nothing is collected meanwhile.

import { utf8 } from "./text";

/** Where imports put what they return, if it is more than a number: 80 bytes are enough for any of them. */
export const area = memory.data(80, 8);

/** Where hooks put what they return. */
export const result = memory.data(48, 8);

const given: usize[] = [];

/** How the gateway gets memory for what it hands in. */
export function cabi_realloc(old: usize, oldSize: usize, align: usize, size: usize): usize {
  if (size == 0) return align;
  return old ? heap.realloc(old, size) : heap.alloc(size);
}

/** Frees what was given. */
export function release(): void {
  while (given.length) heap.free(given.pop());
}

/** Memory that stays until `release`. */
export function room(size: usize): usize {
  const to = heap.alloc(size);
  given.push(to);
  return to;
}

export function give(bytes: Uint8Array, at: usize): void {
  const to = room(bytes.length);
  memory.copy(to, bytes.dataStart, bytes.length);
  store<usize>(at, to);
  store<usize>(at, bytes.length, 4);
}

export function giveText(text: string, at: usize): void {
  give(utf8(text), at);
}

/** `list<tuple<string, string>>`; returns its address. */
export function givePairs(pairs: string[][]): usize {
  const list = room(pairs.length * 16);
  for (let i = 0; i < pairs.length; i++) {
    giveText(pairs[i][0], list + i * 16);
    giveText(pairs[i][1], list + i * 16 + 8);
  }
  return list;
}

/** Bytes that were handed in. */
export function bytesOf(from: usize, length: usize): Uint8Array {
  const bytes = new Uint8Array(i32(length));
  memory.copy(bytes.dataStart, from, length);
  drop(from, length);
  return bytes;
}

/** A text that was handed in. */
export function textOf(from: usize, length: usize): string {
  const text = String.UTF8.decodeUnsafe(from, length);
  drop(from, length);
  return text;
}

/** A list that was handed in: each element takes `size` bytes, and is read by `one`. */
export function listOf<T>(from: usize, length: usize, size: usize, one: (at: usize) => T): T[] {
  const list: T[] = [];
  for (let i: usize = 0; i < length; i++) list.push(one(from + i * size));
  drop(from, length * size);
  return list;
}

// The same for what has its address and length at `at`.

export function take(at: usize): Uint8Array {
  return bytesOf(load<usize>(at), load<usize>(at, 4));
}

export function takeText(at: usize): string {
  return textOf(load<usize>(at), load<usize>(at, 4));
}

export function takeList<T>(at: usize, size: usize, one: (at: usize) => T): T[] {
  return listOf<T>(load<usize>(at), load<usize>(at, 4), size, one);
}

/** `option<list<u8>>` */
export function takeIf(at: usize): Uint8Array | null {
  return load<u8>(at) ? take(at + 4) : null;
}

/** `option<string>` */
export function takeTextIf(at: usize): string | null {
  return load<u8>(at) ? takeText(at + 4) : null;
}

function drop(at: usize, size: usize): void {
  if (size) heap.free(at);
}

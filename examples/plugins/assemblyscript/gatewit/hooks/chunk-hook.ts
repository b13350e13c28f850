// Calls `onOpen`, `onChunk` and `onClose` of `plugin.ts`.

import { bytesOf, release } from "../memory";
import { lower, Step } from "../outcome";
import { Direction } from "../types";
import * as plugin from "../../plugin";

const opening: StaticArray<Step> = [Step.Next, Step.Watch];
const steps: StaticArray<Step> = [Step.Next, Step.Replace, Step.Hold, Step.BreakOff];

export function chunk_hook_on_open(bodyId: u64, direction: u32): usize {
  return lower(plugin.onOpen(bodyId, direction as Direction), opening);
}

export function cabi_post_chunk_hook_on_open(_: usize): void {
  release();
}

export function chunk_hook_on_chunk(bodyId: u64, chunk: usize, length: usize, last: u32): usize {
  return lower(plugin.onChunk(bodyId, bytesOf(chunk, length), last != 0), steps);
}

export function cabi_post_chunk_hook_on_chunk(_: usize): void {
  release();
}

export function chunk_hook_on_close(bodyId: u64): void {
  plugin.onClose(bodyId);
}

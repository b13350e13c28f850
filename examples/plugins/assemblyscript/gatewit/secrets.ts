// Secrets.

import { area, takeIf } from "./memory";
import { utf8 } from "./text";

@external("gatewit:plugin/secrets@0.1.0", "reveal")
declare function callReveal(name: usize, length: usize, to: usize): void;
export function reveal(name: string): Uint8Array | null {
  const said = utf8(name);
  callReveal(said.dataStart, said.length, area);
  return takeIf(area);
}

// What DNS and health say now.

import { area, takeList, takeText } from "./memory";
import { utf8 } from "./text";

export class Endpoint {
  constructor(
    readonly address: string,
    readonly healthy: bool,
    readonly inFlight: u32,
    readonly latencyUs: u32,
    readonly ageMs: u64,
    readonly weight: u16,
  ) {}
}

@external("gatewit:plugin/upstreams@0.1.0", "names")
declare function callNames(to: usize): void;
export function names(): string[] {
  callNames(area);
  return takeList<string>(area, 8, takeText);
}

@external("gatewit:plugin/upstreams@0.1.0", "endpoints")
declare function callEndpoints(upstream: usize, length: usize, to: usize): void;
export function endpoints(upstream: string): Endpoint[] | null {
  const said = utf8(upstream);
  callEndpoints(said.dataStart, said.length, area);
  return load<u8>(area) ? takeList<Endpoint>(area + 4, 40, takeEndpoint) : null;
}

function takeEndpoint(at: usize): Endpoint {
  return new Endpoint(
    takeText(at), load<bool>(at, 8), load<u32>(at, 12), load<u32>(at, 16), load<u64>(at, 24), load<u16>(at, 32),
  );
}

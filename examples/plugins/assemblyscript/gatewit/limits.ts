// Budgets.

import { area, takeText } from "./memory";
import { utf8 } from "./text";
import { failure, Result, ResultOf, success } from "./types";

export enum LimitsError { NoSuchBudget, Unavailable }

/** The decision of a budget. */
export class Verdict {
  constructor(
    readonly allowed: bool,
    readonly limit: u64,
    readonly remaining: u64,
    readonly resetAfterMs: u64,
    readonly retryAfterMs: u64,
  ) {}
}

@external("gatewit:plugin/limits@0.1.0", "take")
declare function callTake(budget: usize, budgetLength: usize, key: usize, length: usize, cost: u32, to: usize): void;
/** The error is a `LimitsError`. */
export function take(budget: string, key: Uint8Array, cost: u32): ResultOf<Verdict> {
  const said = utf8(budget);
  callTake(said.dataStart, said.length, key.dataStart, key.length, cost, area);
  if (load<u8>(area)) return failure<Verdict>(refusal(area + 8));
  return success(new Verdict(
    load<bool>(area, 8), load<u64>(area, 16), load<u64>(area, 24), load<u64>(area, 32), load<u64>(area, 40),
  ));
}

function refusal(at: usize): Result {
  const error = load<u8>(at) as LimitsError;
  const message = error == LimitsError.Unavailable ? "unavailable: " + takeText(at + 4) : "no-such-budget";
  return new Result(false, error, message);
}

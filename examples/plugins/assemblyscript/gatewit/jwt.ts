// Tokens.

import { area, takeList, takeText, takeTextIf } from "./memory";
import { utf8 } from "./text";
import { done, failure, Result, ResultOf, success } from "./types";

export enum JwtError {
  NoSuchVerifier,
  Missing,
  Malformed,
  BadSignature,
  Expired,
  NotYetValid,
  WrongIssuer,
  WrongAudience,
  AlgorithmRefused,
  KeysUnavailable,
}

const names: StaticArray<string> = [
  "no-such-verifier", "missing", "malformed", "bad-signature", "expired", "not-yet-valid", "wrong-issuer", "wrong-audience",
  "algorithm-refused", "keys-unavailable",
];

/** A token that is believed. */
export class Verified {
  constructor(
    readonly subject: string | null,
    readonly issuer: string | null,
    readonly audience: string[],
    /** Seconds since 1970; -1 when it never does. */
    readonly expiresAt: i64,
    readonly keyId: string | null,
    readonly claimsJson: string,
  ) {}
}

@external("gatewit:plugin/jwt@0.1.0", "verify")
declare function callVerify(verifier: usize, verifierLength: usize, token: usize, length: usize, to: usize): void;
/** The error is a `JwtError`. */
export function verify(verifier: string, token: string): ResultOf<Verified> {
  const said = utf8(verifier);
  const shown = utf8(token);
  callVerify(said.dataStart, said.length, shown.dataStart, shown.length, area);
  if (load<u8>(area)) return failure<Verified>(refusal(area + 8));
  return success(new Verified(
    takeTextIf(area + 8), takeTextIf(area + 20), takeList<string>(area + 32, 8, takeText),
    load<u8>(area, 40) ? load<i64>(area, 48) : -1, takeTextIf(area + 56), takeText(area + 68),
  ));
}

@external("gatewit:plugin/jwt@0.1.0", "verify-bearer")
declare function callVerifyBearer(verifier: usize, length: usize, to: usize): void;
/** The error is a `JwtError`. */
export function verifyBearer(verifier: string): Result {
  const said = utf8(verifier);
  callVerifyBearer(said.dataStart, said.length, area);
  return load<u8>(area) ? refusal(area + 1) : done();
}

@external("gatewit:plugin/jwt@0.1.0", "claim")
declare function callClaim(name: usize, length: usize, to: usize): void;
export function claim(name: string): string | null {
  const said = utf8(name);
  callClaim(said.dataStart, said.length, area);
  return takeTextIf(area);
}

function refusal(at: usize): Result {
  const error = load<u8>(at);
  return new Result(false, error, names[error]);
}

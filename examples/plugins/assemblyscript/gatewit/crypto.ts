// Cryptography.

import { area, take } from "./memory";
import { utf8 } from "./text";
import { failure, Result, ResultOf, success } from "./types";

export enum Digest { Sha256, Sha384, Sha512 }

export enum Signature { RsaPkcs1Sha256, RsaPssSha256, EcdsaP256Sha256, EcdsaP384Sha384, Ed25519 }

export enum CryptoError { NoSuchKey, BadInput, Refused }

const names: StaticArray<string> = ["no-such-key", "bad-input", "refused"];

@external("gatewit:plugin/crypto@0.1.0", "hash")
declare function callHash(algorithm: u32, data: usize, length: usize, to: usize): void;
export function hash(algorithm: Digest, data: Uint8Array): Uint8Array {
  callHash(algorithm, data.dataStart, data.length, area);
  return take(area);
}

@external("gatewit:plugin/crypto@0.1.0", "hmac")
declare function callHmac(algorithm: u32, key: usize, keyLength: usize, data: usize, length: usize, to: usize): void;
/** The error, here and below, is a `CryptoError`. */
export function hmac(algorithm: Digest, key: string, data: Uint8Array): ResultOf<Uint8Array> {
  const said = utf8(key);
  callHmac(algorithm, said.dataStart, said.length, data.dataStart, data.length, area);
  return load<u8>(area) ? failure<Uint8Array>(refusal(area + 4)) : success(take(area + 4));
}

@external("gatewit:plugin/crypto@0.1.0", "verify")
declare function callVerify(
  scheme: u32, key: usize, keyLength: usize, data: usize, dataLength: usize, signature: usize, length: usize, to: usize,
): void;
export function verify(scheme: Signature, key: string, data: Uint8Array, signature: Uint8Array): ResultOf<bool> {
  const said = utf8(key);
  callVerify(
    scheme, said.dataStart, said.length, data.dataStart, data.length, signature.dataStart, signature.length, area,
  );
  return truth();
}

@external("gatewit:plugin/crypto@0.1.0", "equal")
declare function callEqual(a: usize, aLength: usize, b: usize, bLength: usize): u32;
export function equal(a: Uint8Array, b: Uint8Array): bool {
  return callEqual(a.dataStart, a.length, b.dataStart, b.length) != 0;
}

@external("gatewit:plugin/crypto@0.1.0", "verify-password")
declare function callVerifyPassword(hash: usize, hashLength: usize, password: usize, length: usize, to: usize): void;
export function verifyPassword(hash: string, password: Uint8Array): ResultOf<bool> {
  const said = utf8(hash);
  callVerifyPassword(said.dataStart, said.length, password.dataStart, password.length, area);
  return truth();
}

function truth(): ResultOf<bool> {
  return load<u8>(area) ? failure<bool>(refusal(area + 1)) : success(load<bool>(area, 1));
}

function refusal(at: usize): Result {
  const error = load<u8>(at);
  return new Result(false, error, names[error]);
}

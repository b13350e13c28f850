// Types that several interfaces share.

import { area, give, giveText, room, take, takeText } from "./memory";
import { text, utf8 } from "./text";

/** One line of a header: the name in lower case. */
export class Field {
  constructor(readonly name: string, readonly value: Uint8Array) {}
}

/** `list<field>` */
export function giveFields(fields: Field[], at: usize): void {
  const list = room(fields.length * 16);
  for (let i = 0; i < fields.length; i++) {
    giveText(fields[i].name, list + i * 16);
    give(fields[i].value, list + i * 16 + 8);
  }
  store<usize>(at, list);
  store<usize>(at, fields.length, 4);
}

export function takeField(at: usize): Field {
  return new Field(takeText(at), take(at + 8));
}

export enum HttpVersion { Http10, Http11, Http2, Http3 }

export enum EditError { InvalidSyntax, Forbidden, TooLarge, WrongPhase }

/** What a value of the context is. */
export enum Kind { Text, Integer, Number, Boolean, Bytes }

/** A value that the plugins of a chain share, and that access log lines may carry. */
export class Attribute {
  constructor(readonly kind: Kind, readonly bits: u64, readonly bytes: Uint8Array) {}

  static text(value: string): Attribute {
    return new Attribute(Kind.Text, 0, utf8(value));
  }

  static integer(value: i64): Attribute {
    return new Attribute(Kind.Integer, value, new Uint8Array(0));
  }

  static number(value: f64): Attribute {
    return new Attribute(Kind.Number, reinterpret<u64>(value), new Uint8Array(0));
  }

  static boolean(value: bool): Attribute {
    return new Attribute(Kind.Boolean, u64(value), new Uint8Array(0));
  }

  static bytes(value: Uint8Array): Attribute {
    return new Attribute(Kind.Bytes, 0, value);
  }

  // Each is good for one kind. Those of `Bytes` are `bytes`.

  get text(): string {
    return text(this.bytes);
  }

  get integer(): i64 {
    return i64(this.bits);
  }

  get number(): f64 {
    return reinterpret<f64>(this.bits);
  }

  get boolean(): bool {
    return this.bits != 0;
  }
}

export function takeAttribute(at: usize): Attribute {
  const kind = load<u8>(at) as Kind;
  if (kind == Kind.Text || kind == Kind.Bytes) return new Attribute(kind, 0, take(at + 8));
  const bits = kind == Kind.Boolean ? u64(load<u8>(at, 8)) : load<u64>(at, 8);
  return new Attribute(kind, bits, new Uint8Array(0));
}

export class NamedAttribute {
  constructor(readonly key: string, readonly value: Attribute) {}
}

/** Which body. */
export enum Direction { Request, Response }

/** An exchange that has ended: what `onComplete` is given. */
export class Summary {
  constructor(
    readonly requestId: string,
    readonly route: string,
    readonly status: u16,
    readonly durationUs: u64,
    readonly bytesIn: u64,
    readonly bytesOut: u64,
    readonly endedBy: string,
    readonly attributes: NamedAttribute[],
  ) {}
}

/** What came of a call that may fail. */
export class Result {
  constructor(
    readonly ok: bool,
    /** Why not, of the interface's errors: an `EditError`, a `kv.KvError`. Means nothing when it is ok. */
    readonly error: i32,
    /** The same in words, for the log. */
    readonly message: string,
  ) {}
}

/** The same, of a call that returns something. */
export class ResultOf<T> extends Result {
  constructor(ok: bool, error: i32, message: string, private readonly it: T) {
    super(ok, error, message);
  }

  /** What was returned. A trap when it is not ok. */
  get value(): T {
    assert(this.ok, this.message);
    return this.it;
  }
}

/** What came of a call that did what it should, and returns nothing. */
export function done(): Result {
  return new Result(true, 0, "");
}

export function success<T>(value: T): ResultOf<T> {
  return new ResultOf<T>(true, 0, "", value);
}

export function failure<T>(why: Result): ResultOf<T> {
  // Never seen: `value` traps.
  const nothing: T = isReference<T>() ? changetype<T>(<usize>0) : <T>0;
  return new ResultOf<T>(false, why.error, why.message, nothing);
}

const editErrors: StaticArray<string> = ["invalid-syntax", "forbidden", "too-large", "wrong-phase"];

/** What came of the edit that has just been made. */
export function edited(): Result {
  if (!load<u8>(area)) return done();
  const error = load<u8>(area, 1);
  return new Result(false, error, editErrors[error]);
}

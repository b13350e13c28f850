// The request being handled.

import { area, take, takeIf, takeList, takeText, takeTextIf } from "./memory";
import { utf8 } from "./text";
import { edited, Field, HttpVersion, Result, takeField } from "./types";

/** Who sent the request. */
export class ClientInfo {
  constructor(
    readonly ip: string,
    readonly port: u16,
    readonly tlsVersion: string | null,
    readonly sni: string | null,
    readonly certSubject: string | null,
    readonly certSha256: string | null,
  ) {}
}

@external("gatewit:plugin/request@0.1.0", "id")
declare function callId(to: usize): void;
export function id(): string {
  callId(area);
  return takeText(area);
}

@external("gatewit:plugin/request@0.1.0", "method")
declare function callMethod(to: usize): void;
export function method(): string {
  callMethod(area);
  return takeText(area);
}

@external("gatewit:plugin/request@0.1.0", "scheme")
declare function callScheme(to: usize): void;
export function scheme(): string {
  callScheme(area);
  return takeText(area);
}

@external("gatewit:plugin/request@0.1.0", "authority")
declare function callAuthority(to: usize): void;
export function authority(): string | null {
  callAuthority(area);
  return takeTextIf(area);
}

@external("gatewit:plugin/request@0.1.0", "path")
declare function callPath(to: usize): void;
export function path(): string {
  callPath(area);
  return takeText(area);
}

@external("gatewit:plugin/request@0.1.0", "query")
declare function callQuery(to: usize): void;
export function query(): string | null {
  callQuery(area);
  return takeTextIf(area);
}

@external("gatewit:plugin/request@0.1.0", "path-with-query")
declare function callPathWithQuery(to: usize): void;
export function pathWithQuery(): string {
  callPathWithQuery(area);
  return takeText(area);
}

@external("gatewit:plugin/request@0.1.0", "version")
declare function callVersion(): u32;
export function version(): HttpVersion {
  return callVersion() as HttpVersion;
}

@external("gatewit:plugin/request@0.1.0", "client")
declare function callClient(to: usize): void;
export function client(): ClientInfo {
  callClient(area);
  return new ClientInfo(
    takeText(area), load<u16>(area, 8),
    takeTextIf(area + 12), takeTextIf(area + 24), takeTextIf(area + 36), takeTextIf(area + 48),
  );
}

@external("gatewit:plugin/request@0.1.0", "route")
declare function callRoute(to: usize): void;
export function route(): string {
  callRoute(area);
  return takeText(area);
}

@external("gatewit:plugin/request@0.1.0", "upstream")
declare function callUpstream(to: usize): void;
export function upstream(): string {
  callUpstream(area);
  return takeText(area);
}

@external("gatewit:plugin/request@0.1.0", "path-param")
declare function callPathParam(name: usize, nameLength: usize, to: usize): void;
export function pathParam(name: string): string | null {
  const said = utf8(name);
  callPathParam(said.dataStart, said.length, area);
  return takeTextIf(area);
}

@external("gatewit:plugin/request@0.1.0", "header")
declare function callHeader(name: usize, nameLength: usize, to: usize): void;
export function header(name: string): Uint8Array | null {
  const said = utf8(name);
  callHeader(said.dataStart, said.length, area);
  return takeIf(area);
}

@external("gatewit:plugin/request@0.1.0", "header-values")
declare function callHeaderValues(name: usize, nameLength: usize, to: usize): void;
export function headerValues(name: string): Uint8Array[] {
  const said = utf8(name);
  callHeaderValues(said.dataStart, said.length, area);
  return takeList<Uint8Array>(area, 8, take);
}

@external("gatewit:plugin/request@0.1.0", "headers")
declare function callHeaders(to: usize): void;
export function headers(): Field[] {
  callHeaders(area);
  return takeList<Field>(area, 16, takeField);
}

@external("gatewit:plugin/request@0.1.0", "headers-packed")
declare function callHeadersPacked(to: usize): void;
export function headersPacked(): Uint8Array {
  callHeadersPacked(area);
  return take(area);
}

@external("gatewit:plugin/request@0.1.0", "cookie")
declare function callCookie(name: usize, nameLength: usize, to: usize): void;
export function cookie(name: string): Uint8Array | null {
  const said = utf8(name);
  callCookie(said.dataStart, said.length, area);
  return takeIf(area);
}

@external("gatewit:plugin/request@0.1.0", "query-param")
declare function callQueryParam(name: usize, nameLength: usize, to: usize): void;
export function queryParam(name: string): string | null {
  const said = utf8(name);
  callQueryParam(said.dataStart, said.length, area);
  return takeTextIf(area);
}

// Edits. The error is an `EditError`.

@external("gatewit:plugin/request@0.1.0", "set-header")
declare function callSetHeader(name: usize, nameLength: usize, value: usize, length: usize, to: usize): void;
export function setHeader(name: string, value: Uint8Array): Result {
  const said = utf8(name);
  callSetHeader(said.dataStart, said.length, value.dataStart, value.length, area);
  return edited();
}

@external("gatewit:plugin/request@0.1.0", "append-header")
declare function callAppendHeader(name: usize, nameLength: usize, value: usize, length: usize, to: usize): void;
export function appendHeader(name: string, value: Uint8Array): Result {
  const said = utf8(name);
  callAppendHeader(said.dataStart, said.length, value.dataStart, value.length, area);
  return edited();
}

@external("gatewit:plugin/request@0.1.0", "remove-header")
declare function callRemoveHeader(name: usize, nameLength: usize, to: usize): void;
export function removeHeader(name: string): Result {
  const said = utf8(name);
  callRemoveHeader(said.dataStart, said.length, area);
  return edited();
}

@external("gatewit:plugin/request@0.1.0", "set-method")
declare function callSetMethod(method: usize, length: usize, to: usize): void;
export function setMethod(method: string): Result {
  const said = utf8(method);
  callSetMethod(said.dataStart, said.length, area);
  return edited();
}

@external("gatewit:plugin/request@0.1.0", "set-authority")
declare function callSetAuthority(authority: usize, length: usize, to: usize): void;
export function setAuthority(authority: string): Result {
  const said = utf8(authority);
  callSetAuthority(said.dataStart, said.length, area);
  return edited();
}

@external("gatewit:plugin/request@0.1.0", "set-path-with-query")
declare function callSetPathWithQuery(target: usize, length: usize, to: usize): void;
export function setPathWithQuery(target: string): Result {
  const said = utf8(target);
  callSetPathWithQuery(said.dataStart, said.length, area);
  return edited();
}

import * as log from "./log";

/** Where a failed check or a `throw` ends: what it says is in the gateway's log, and the hook has failed. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  log.error(message || "aborted", [["at", `${file || "?"}:${line}:${column}`]]);
  unreachable();
}

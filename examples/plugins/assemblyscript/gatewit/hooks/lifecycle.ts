// Calls `describe` and `configure` of `plugin.ts`.

import { giveText, release, result, room, textOf } from "../memory";
import { Binding } from "../outcome";
import * as plugin from "../../plugin";

import "../abort"; // so that it is there for `--use abort=…`

export { cabi_realloc } from "../memory";

export function lifecycle_describe(): usize {
  const info = plugin.describe();
  const schema = info.configSchema;
  giveText(info.name, result);
  giveText(info.version, result + 8);
  store<u8>(result, u8(schema != null), 16);
  if (schema) giveText(schema, result + 20);
  return result;
}

export function cabi_post_lifecycle_describe(_: usize): void {
  release();
}

export function lifecycle_configure(id: usize, idLength: usize, config: usize, length: usize): usize {
  const problems = plugin.configure(new Binding(textOf(id, idLength), textOf(config, length)));
  const list = room(problems.length * 16);
  for (let at = 0; at < problems.length; at++) {
    giveText(problems[at].pointer, list + at * 16);
    giveText(problems[at].message, list + at * 16 + 8);
  }
  store<u8>(result, u8(problems.length > 0));
  store<usize>(result, list, 4);
  store<usize>(result, problems.length, 8);
  return result;
}

export function cabi_post_lifecycle_configure(_: usize): void {
  release();
}

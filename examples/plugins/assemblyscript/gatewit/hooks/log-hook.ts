// Calls `onComplete` of `plugin.ts`.

import { listOf, takeList, takeText } from "../memory";
import { NamedAttribute, Summary, takeAttribute } from "../types";
import * as plugin from "../../plugin";

export function log_hook_on_complete(batch: usize, count: usize): void {
  plugin.onComplete(listOf<Summary>(batch, count, 64, takeSummary));
}

function takeSummary(at: usize): Summary {
  return new Summary(
    takeText(at), takeText(at + 8), load<u16>(at, 16), load<u64>(at, 24), load<u64>(at, 32), load<u64>(at, 40),
    takeText(at + 48), takeList<NamedAttribute>(at + 56, 24, takeNamed),
  );
}

function takeNamed(at: usize): NamedAttribute {
  return new NamedAttribute(takeText(at), takeAttribute(at + 8));
}

// Calls `onResponse` of `plugin.ts`.

import { release } from "../memory";
import { lower, Step } from "../outcome";
import * as plugin from "../../plugin";

const steps: StaticArray<Step> = [Step.Next, Step.Respond];

export function response_hook_on_response(): usize {
  return lower(plugin.onResponse(), steps);
}

export function cabi_post_response_hook_on_response(_: usize): void {
  release();
}

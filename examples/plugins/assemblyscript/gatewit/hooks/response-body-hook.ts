// Calls `onResponseBody` of `plugin.ts`.

import { release } from "../memory";
import { lower, Step } from "../outcome";
import * as plugin from "../../plugin";

const steps: StaticArray<Step> = [Step.Next, Step.Replace, Step.Respond];

export function response_body_hook_on_response_body(): usize {
  return lower(plugin.onResponseBody(), steps);
}

export function cabi_post_response_body_hook_on_response_body(_: usize): void {
  release();
}

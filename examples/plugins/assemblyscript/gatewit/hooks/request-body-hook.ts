// Calls `onRequestBody` of `plugin.ts`.

import { release } from "../memory";
import { lower, Step } from "../outcome";
import * as plugin from "../../plugin";

const steps: StaticArray<Step> = [Step.Next, Step.Replace, Step.Respond];

export function request_body_hook_on_request_body(): usize {
  return lower(plugin.onRequestBody(), steps);
}

export function cabi_post_request_body_hook_on_request_body(_: usize): void {
  release();
}

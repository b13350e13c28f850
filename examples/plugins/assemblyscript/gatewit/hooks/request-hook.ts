// Calls `onRequest` of `plugin.ts`.

import { release } from "../memory";
import { lower, Step } from "../outcome";
import * as plugin from "../../plugin";

const steps: StaticArray<Step> = [Step.Next, Step.Route, Step.Respond];

export function request_hook_on_request(): usize {
  return lower(plugin.onRequest(), steps);
}

export function cabi_post_request_hook_on_request(_: usize): void {
  release();
}

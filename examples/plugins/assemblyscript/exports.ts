// What the gateway calls: each hook turns what the plugin returns into the component model's form of it, and is followed by
// the function that frees it. `gatewit plugin componentize` gives these functions their real names, such as
// `gatewit:plugin/request-hook@0.1.0#on-request`.

import * as gatewit from "./gatewit";
import * as plugin from "./plugin";

export { cabi_realloc } from "./gatewit";

export function lifecycle_describe(): usize {
  return gatewit.lowerInfo(plugin.describe());
}

export function cabi_post_lifecycle_describe(_: usize): void {
  gatewit.release();
}

export function lifecycle_configure(id: usize, idLength: usize, config: usize, configLength: usize): usize {
  gatewit.drop(id, idLength);
  gatewit.drop(config, configLength); // all of it as JSON; `configuration` has it value by value
  return gatewit.lowerProblems(plugin.configure());
}

export function cabi_post_lifecycle_configure(_: usize): void {
  gatewit.release();
}

export function request_hook_on_request(): usize {
  return gatewit.lowerOutcome(plugin.onRequest(), gatewit.Hook.Request);
}

export function cabi_post_request_hook_on_request(_: usize): void {
  gatewit.release();
}

export function response_hook_on_response(): usize {
  return gatewit.lowerOutcome(plugin.onResponse(), gatewit.Hook.Response);
}

export function cabi_post_response_hook_on_response(_: usize): void {
  gatewit.release();
}

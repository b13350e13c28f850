// Calls `onTick` of `plugin.ts`.

import * as plugin from "../../plugin";

export function tick_hook_on_tick(): void {
  plugin.onTick();
}

// Makes plugin.wasm of plugin.js. By the API: the command line of jco brings an older componentize-js with it, whose calls
// are ten times slower.

import { writeFile } from "node:fs/promises";
import { componentize } from "@bytecodealliance/componentize-js";

const { component } = await componentize({
  sourcePath: "plugin.js",
  witPath: "wit",
  worldName: "plugin",
  // What a plugin has no use for; `stdio` stays, so that errors and `console.log` are in the log of the gateway.
  disableFeatures: ["random", "clocks", "http", "fetch-event"],
});
await writeFile("plugin.wasm", component);

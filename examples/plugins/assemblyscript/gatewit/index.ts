// What a plugin imports: `import { kv, log, next, Outcome } from "./gatewit"`. One file for each interface of the contract,
// under the names of the contract: `set-header` is `setHeader`. What each function does is said in `wit/deps/gatewit`. What a
// plugin does not use is not in its component.
//
// What may not be there is `null`; of numbers, -1. What may fail returns a `Result`.

import * as body from "./body";
import * as configuration from "./configuration";
import * as context from "./context";
import * as crypto from "./crypto";
import * as http from "./http-client";
import * as jwt from "./jwt";
import * as kv from "./kv";
import * as limits from "./limits";
import * as log from "./log";
import * as metrics from "./metrics";
import * as request from "./request";
import * as response from "./response";
import * as secrets from "./secrets";
import * as upstreams from "./upstreams";

export { body, configuration, context, crypto, http, jwt, kv, limits, log, metrics, request, response, secrets, upstreams };

export * from "./outcome";
export * from "./text";
export * from "./types";

// What the gateway calls: one file for each hook, which calls the functions of `plugin.ts`. A hook more is a line here, one in
// `wit/world.wit`, and its function in `plugin.ts`: there are chunk-hook, log-hook, request-body-hook, request-hook,
// response-body-hook, response-hook and tick-hook.

export * from "./gatewit/hooks/lifecycle";
export * from "./gatewit/hooks/request-hook";
export * from "./gatewit/hooks/response-hook";

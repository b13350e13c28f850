// Every hook.

export * from "./gatewit/hooks/chunk-hook";
export * from "./gatewit/hooks/lifecycle";
export * from "./gatewit/hooks/log-hook";
export * from "./gatewit/hooks/request-body-hook";
export * from "./gatewit/hooks/request-hook";
export * from "./gatewit/hooks/response-body-hook";
export * from "./gatewit/hooks/response-hook";
export * from "./gatewit/hooks/tick-hook";

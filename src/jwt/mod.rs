//! Verifiers of JSON Web Tokens (RFC 7519): keys, algorithms and rules come from the configuration, keys of a URL are
//! refreshed in the background. What follows from a token is decided by plugins.

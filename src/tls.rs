//! TLS as a client: which certificates are believed.

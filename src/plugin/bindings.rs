//! The contract of `wit/` as Rust types. Host functions implement the `Host` traits of `gatewit::plugin` for
//! [`Guest`](super::guest::Guest) in `host/`, one file per interface; hooks are called through `exports`, each bound
//! by itself, because a component exports only those it needs.

wasmtime::component::bindgen!({
    path: "wit",
    world: "every-hook",
    imports: {
        "gatewit:plugin/crypto.verify-password": async | trappable,
        "gatewit:plugin/http-client.send": async | trappable,
        "gatewit:plugin/http-client.send-all": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    require_store_data_send: true,
});

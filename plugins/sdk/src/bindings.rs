//! What wit-bindgen makes of the contract in `wit/`: the imports once, and each hook by itself, so that a component
//! exports only the hooks that its plugin names.
#![allow(
    clippy::mem_forget,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    reason = "generated; the contract itself is documented in wit/"
)]

/// All that a plugin may import; what it does not use is not in the component.
pub mod imports {
    wit_bindgen::generate!({
        path: "wit",
        world: "gatewit:plugin/imports",
        generate_all,
        additional_derives: [PartialEq],
    });
}

pub mod lifecycle {
    wit_bindgen::generate!({
        path: "wit",
        inline: "package gatewit:sdk; world lifecycle { export gatewit:plugin/lifecycle@0.1.0; }",
        world: "gatewit:sdk/lifecycle",
        pub_export_macro: true,
    });
}

pub mod request {
    wit_bindgen::generate!({
        path: "wit",
        inline: "package gatewit:sdk; world request { export gatewit:plugin/request-hook@0.1.0; }",
        world: "gatewit:sdk/request",
        pub_export_macro: true,
        with: { "gatewit:plugin/types@0.1.0": crate::bindings::imports::gatewit::plugin::types },
    });
}

pub mod response {
    wit_bindgen::generate!({
        path: "wit",
        inline: "package gatewit:sdk; world response { export gatewit:plugin/response-hook@0.1.0; }",
        world: "gatewit:sdk/response",
        pub_export_macro: true,
        with: { "gatewit:plugin/types@0.1.0": crate::bindings::imports::gatewit::plugin::types },
    });
}

pub mod request_body {
    wit_bindgen::generate!({
        path: "wit",
        inline: "package gatewit:sdk; world request-body { export gatewit:plugin/request-body-hook@0.1.0; }",
        world: "gatewit:sdk/request-body",
        pub_export_macro: true,
        with: { "gatewit:plugin/types@0.1.0": crate::bindings::imports::gatewit::plugin::types },
    });
}

pub mod response_body {
    wit_bindgen::generate!({
        path: "wit",
        inline: "package gatewit:sdk; world response-body { export gatewit:plugin/response-body-hook@0.1.0; }",
        world: "gatewit:sdk/response-body",
        pub_export_macro: true,
        with: { "gatewit:plugin/types@0.1.0": crate::bindings::imports::gatewit::plugin::types },
    });
}

pub mod stream {
    wit_bindgen::generate!({
        path: "wit",
        inline: "package gatewit:sdk; world chunks { export gatewit:plugin/chunk-hook@0.1.0; }",
        world: "gatewit:sdk/chunks",
        pub_export_macro: true,
        with: { "gatewit:plugin/types@0.1.0": crate::bindings::imports::gatewit::plugin::types },
    });
}

pub mod log {
    wit_bindgen::generate!({
        path: "wit",
        inline: "package gatewit:sdk; world log { export gatewit:plugin/log-hook@0.1.0; }",
        world: "gatewit:sdk/log",
        pub_export_macro: true,
        with: { "gatewit:plugin/types@0.1.0": crate::bindings::imports::gatewit::plugin::types },
    });
}

pub mod tick {
    wit_bindgen::generate!({
        path: "wit",
        inline: "package gatewit:sdk; world tick { export gatewit:plugin/tick-hook@0.1.0; }",
        world: "gatewit:sdk/tick",
        pub_export_macro: true,
    });
}

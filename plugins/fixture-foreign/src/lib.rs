//! A plugin that imports what nobody offers, and calls it when it is told to. Not part of the gateway.

use gatewit_plugin::prelude::*;

mod bindings {
    #![allow(missing_docs, unreachable_pub, unused_qualifications, reason = "generated")]

    wit_bindgen::generate!({
        inline: "
            package acme:cloud@1.0.0;
            package wasi:io@0.2.1 {
                interface streams { resource output-stream; }
            }
            interface storage {
                use wasi:io/streams@0.2.1.{output-stream};
                resource bucket {
                    constructor(name: string);
                    keep: func(key: string) -> u64;
                }
                stores: func() -> u32;
                open: func() -> output-stream;
            }
            world drags-along { import storage; }
        ",
        generate_all,
    });
}

use bindings::acme::cloud::storage;

/// Nothing to configure.
#[config]
struct Foreign {}

impl Plugin for Foreign {
    fn request(&self, request: &mut Request) -> Result<Outcome> {
        match request.header_text("x-foreign").as_deref() {
            Some("function") => Ok(Response::status(200).text(storage::stores().to_string()).into()),
            Some("resource") => {
                let kept = storage::Bucket::new("fixture").keep("key");
                Ok(Response::status(200).text(kept.to_string()).into())
            }
            Some("stream") => {
                drop(storage::open());
                Ok(Response::status(200).into())
            }
            _ => Ok(Outcome::Next),
        }
    }
}

gatewit_plugin::export!(Foreign: request);

//! Builders of three or four words: origin, gateway, client, DNS server.

pub(crate) mod binary;
pub(crate) mod dns;

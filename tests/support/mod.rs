//! Builders of three or four words: origin, gateway, client, DNS server.

pub(crate) mod dns;

//! The keys of `[flow_proxy]`: the listener that takes the calls made for Docker Flow Proxy.

use super::{LISTEN, SECRET};
use crate::config::shape::Shape::{List, Text, Time, Word};
use crate::config::shape::{Key, Table};

pub(super) static FLOW_PROXY: Table = Table {
    keys: &[&[
        Key::new("listen", LISTEN, "Where it listens.").default("\"127.0.0.1:8080\""),
        Key::new(
            "token",
            SECRET,
            "Bearer token that every call has to bring.",
        ),
        Key::new(
            "token_file",
            Text("a file name"),
            "The same as `token = { file = … }`.",
        ),
        Key::new(
            "allow",
            List(&Text("a network such as `10.0.0.0/8`, or an IP address")),
            "Networks whose calls are taken. With a token both are asked for; with neither, only this machine is served.",
        )
        .default("[]"),
        Key::new(
            "listeners",
            List(&Text("a URL, or `host:port`")),
            "Swarm listeners that are asked for every service at start. `$LISTENER_ADDRESS` when left out.",
        )
        .default("[]"),
        Key::new(
            "grace",
            Time { zero: true },
            "How long a service outlives answers that do not name it: swarm listeners leave out what is just being updated.",
        )
        .default("\"30s\""),
        Key::new(
            "instance",
            Text("a name"),
            "Take only services whose `proxyInstanceName` is this; all when left out.",
        ),
        Key::new(
            "prefix",
            Word(&[
                ("segment", "whole elements of the path, the most specific first"),
                ("string", "any text that the path begins with, ordered by name"),
            ]),
            "What `servicePath` means: `/demo` and all below, or also `/demolition`.",
        )
        .default("\"segment\""),
        Key::new(
            "separator",
            Text("a text"),
            "What stands between the values of one parameter. `$SEPARATOR` when left out, else a comma.",
        )
        .default("\",\""),
        Key::new(
            "secrets",
            Text("a folder"),
            "Where the secrets `dfp_users_*` are, which `usersSecret` names.",
        )
        .default("\"/run/secrets\""),
    ]],
    aliases: &[
        ("address", "listen"),
        ("bind", "listen"),
        ("networks", "allow"),
        ("listener", "listeners"),
        ("listener_address", "listeners"),
        ("proxy_instance_name", "instance"),
    ],
};

//! `[flow_proxy]` as a value that can be shown.

use serde_json::{Value, json};

use super::MASK;
use crate::config::units::timed;
use crate::config::{FlowProxy, Prefix};

pub(super) fn table(flow: &FlowProxy) -> Value {
    let mut table = json!({
        "listen": flow.address.to_string(),
        "allow": flow.allow.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "listeners": flow.listeners,
        "grace": timed(flow.grace),
        "prefix": match flow.prefix { Prefix::Segment => "segment", Prefix::String => "string" },
        "separator": flow.separator,
        "secrets": flow.secrets.display().to_string(),
    });
    if flow.token.is_some() {
        table["token"] = json!(MASK);
    }
    if let Some(instance) = &flow.instance {
        table["instance"] = json!(instance);
    }
    table
}

//! JSON Schemas (draft 2020-12) of configurations, as text. [`config`](macro@crate::config) derives them; write one by
//! hand for what reads itself in a way of its own:
//!
//! ```
//! use gatewit_plugin::schema::{Schema, leaf};
//!
//! struct Duration(std::time::Duration);
//!
//! impl Schema for Duration {
//!     fn write(out: &mut String, description: &str) {
//!         leaf(out, description, r#""type":"string","pattern":"^[0-9]+(ms|s|min|h)$""#);
//!     }
//! }
//! ```

use std::collections::{BTreeMap, HashMap};

pub use gatewit_plugin_macros::Schema;

/// Has a JSON Schema.
pub trait Schema {
    /// Whether a field of this type may be missing.
    const OPTIONAL: bool = false;

    /// Writes the schema. `description` is that of the field which holds it, escaped for JSON; empty when there is none.
    fn write(out: &mut String, description: &str);
}

/// The whole schema of a type.
pub fn text<T: Schema>() -> String {
    let mut text = String::new();
    T::write(&mut text, "");
    // Every schema is an object.
    text.replacen(
        '{',
        "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",",
        1,
    )
}

/// Writes a schema whose members, but for the description, are given.
pub fn leaf(out: &mut String, description: &str, members: &str) {
    open(out, description);
    if members.is_empty() && out.ends_with(',') {
        out.pop();
    }
    out.push_str(members);
    out.push('}');
}

/// Begins a schema: further members may follow.
#[doc(hidden)]
pub fn open(out: &mut String, description: &str) {
    out.push('{');
    if !description.is_empty() {
        out.push_str("\"description\":\"");
        out.push_str(description);
        out.push_str("\",");
    }
}

/// Writes a comma, unless a list begins here.
#[doc(hidden)]
pub fn separate(out: &mut String) {
    if !out.ends_with('[') {
        out.push(',');
    }
}

/// The schema of a table, member by member.
#[doc(hidden)]
pub struct Object<'a> {
    out: &'a mut String,
    required: Vec<&'static str>,
    empty: bool,
}

impl<'a> Object<'a> {
    pub fn new(out: &'a mut String, closed: bool) -> Self {
        out.push_str("\"type\":\"object\",");
        if closed {
            out.push_str("\"additionalProperties\":false,");
        }
        out.push_str("\"properties\":{");
        Self {
            out,
            required: Vec::new(),
            empty: true,
        }
    }

    pub fn field<T: Schema>(&mut self, name: &'static str, key: &str, description: &str, optional: bool) {
        self.begin(name, key, optional || T::OPTIONAL);
        T::write(self.out, description);
    }

    pub fn any(&mut self, name: &'static str, key: &str, description: &str, optional: bool) {
        self.begin(name, key, optional);
        leaf(self.out, description, "");
    }

    pub fn constant(&mut self, name: &'static str, member: &str) {
        self.begin(name, member, false);
    }

    fn begin(&mut self, name: &'static str, key: &str, optional: bool) {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        if !optional {
            self.required.push(name);
        }
        self.out.push_str(key);
    }

    pub fn finish(self) {
        self.out.push('}');
        let Some((first, others)) = self.required.split_first() else {
            return;
        };
        // Names of Rust need no escaping; those that were given by `rename` hardly ever do.
        self.out.push_str(",\"required\":[\"");
        self.out.push_str(first);
        for other in others {
            self.out.push_str("\",\"");
            self.out.push_str(other);
        }
        self.out.push_str("\"]");
    }
}

macro_rules! leaves {
    ($($members:literal: $($type:ty),+;)+) => {
        $($(impl Schema for $type {
            fn write(out: &mut String, description: &str) {
                leaf(out, description, $members);
            }
        })+)+
    };
}

leaves! {
    "\"type\":\"boolean\"": bool;
    "\"type\":\"string\"": String, std::net::IpAddr;
    "\"type\":\"string\",\"minLength\":1,\"maxLength\":1": char;
    "\"type\":\"number\"": f32, f64;
    "\"type\":\"integer\"": i64, isize;
    "\"type\":\"integer\",\"minimum\":0": u64, usize;
    "\"type\":\"integer\",\"minimum\":0,\"maximum\":255": u8;
    "\"type\":\"integer\",\"minimum\":0,\"maximum\":65535": u16;
    "\"type\":\"integer\",\"minimum\":0,\"maximum\":4294967295": u32;
    "\"type\":\"integer\",\"minimum\":1": std::num::NonZeroU64, std::num::NonZeroUsize;
    "\"type\":\"integer\",\"minimum\":1,\"maximum\":4294967295": std::num::NonZeroU32;
    "\"type\":\"integer\",\"minimum\":-128,\"maximum\":127": i8;
    "\"type\":\"integer\",\"minimum\":-32768,\"maximum\":32767": i16;
    "\"type\":\"integer\",\"minimum\":-2147483648,\"maximum\":2147483647": i32;
    "": serde_json::Value;
}

impl<T: Schema> Schema for Option<T> {
    const OPTIONAL: bool = true;

    fn write(out: &mut String, description: &str) {
        T::write(out, description);
    }
}

impl<T: Schema> Schema for Box<T> {
    const OPTIONAL: bool = T::OPTIONAL;

    fn write(out: &mut String, description: &str) {
        T::write(out, description);
    }
}

macro_rules! around {
    ($($before:literal: $($type:ty),+;)+) => {
        $($(impl<T: Schema> Schema for $type {
            fn write(out: &mut String, description: &str) {
                open(out, description);
                out.push_str($before);
                T::write(out, "");
                out.push('}');
            }
        })+)+
    };
}

around! {
    "\"type\":\"array\",\"items\":": Vec<T>, Box<[T]>, std::collections::VecDeque<T>;
    "\"type\":\"array\",\"uniqueItems\":true,\"items\":": std::collections::BTreeSet<T>;
    "\"type\":\"object\",\"additionalProperties\":": BTreeMap<String, T>, HashMap<String, T>;
}

#[cfg(test)]
#[expect(dead_code, reason = "these types are there for their schemas")]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A bit of everything.
    ///
    /// In "two" paragraphs.
    #[crate::config]
    #[serde(rename_all = "kebab-case")]
    struct Everything {
        /// How many.
        at_most: u8,
        /// More of
        /// it.
        #[serde(default)]
        rules: Vec<Rule>,
        maybe: Option<f64>,
        #[serde(rename = "named")]
        by_name: BTreeMap<String, Any>,
        #[serde(skip)]
        _skipped: (),
        anything: Value,
        tagged: Tagged,
        wrapped: Wrapped,
    }

    /// A rule.
    #[crate::config]
    #[serde(rename_all = "kebab-case")]
    enum Rule {
        /// By a header.
        ByHeader(String),
        /// Always.
        Always,
        /// Both.
        Both {
            /// The first.
            first: i64,
            #[serde(default)]
            second: bool,
        },
    }

    #[crate::config]
    #[serde(untagged)]
    enum Any {
        /// Several.
        Many(Vec<String>),
        /// One.
        One(String),
    }

    #[crate::config]
    #[serde(tag = "kind", rename_all = "snake_case")]
    enum Tagged {
        /// None.
        NotAtAll,
        Some {
            /// So many.
            count: u32,
        },
    }

    #[crate::config]
    #[serde(transparent)]
    struct Wrapped {
        inner: String,
    }

    #[test]
    fn a_schema_says_what_is_read() {
        let schema: Value = serde_json::from_str(&text::<Everything>()).unwrap();
        let rule = json!({
            "description": "A rule.",
            "oneOf": [
                {
                    "description": "By a header.", "type": "object", "additionalProperties": false,
                    "properties": { "by-header": { "type": "string" } }, "required": ["by-header"],
                },
                { "description": "Always.", "const": "always" },
                {
                    "description": "Both.", "type": "object", "additionalProperties": false, "required": ["both"],
                    "properties": { "both": {
                        "type": "object", "additionalProperties": false, "required": ["first"],
                        "properties": {
                            "first": { "description": "The first.", "type": "integer" },
                            "second": { "type": "boolean" },
                        },
                    } },
                },
            ],
        });
        let any = json!({ "anyOf": [
            { "description": "Several.", "type": "array", "items": { "type": "string" } },
            { "description": "One.", "type": "string" },
        ] });
        let tagged = json!({ "oneOf": [
            {
                "description": "None.", "type": "object", "additionalProperties": false,
                "properties": { "kind": { "const": "not_at_all" } }, "required": ["kind"],
            },
            {
                "type": "object", "additionalProperties": false, "required": ["kind", "count"],
                "properties": {
                    "kind": { "const": "some" },
                    "count": { "description": "So many.", "type": "integer", "minimum": 0, "maximum": 4294967295u32 },
                },
            },
        ] });
        assert_eq!(
            schema,
            json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "description": "A bit of everything.\n\nIn \"two\" paragraphs.",
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "at-most": { "description": "How many.", "type": "integer", "minimum": 0, "maximum": 255 },
                    "rules": { "description": "More of it.", "type": "array", "items": rule },
                    "maybe": { "type": "number" },
                    "named": { "type": "object", "additionalProperties": any },
                    "anything": {},
                    "tagged": tagged,
                    "wrapped": { "type": "string" },
                },
                "required": ["at-most", "named", "anything", "tagged", "wrapped"],
            })
        );
    }

    #[test]
    fn what_the_schema_describes_can_be_read() {
        let everything: Everything = serde_json::from_value(json!({
            "at-most": 3, "rules": ["always", { "by-header": "x" }, { "both": { "first": 1 } }], "named": { "a": "b" },
            "anything": [1], "tagged": { "kind": "some", "count": 2 }, "wrapped": "x",
        }))
        .unwrap();
        assert_eq!((everything.at_most, everything.rules.len()), (3, 3));
        assert!(
            matches!(everything.named_one(), Any::One(one) if one == "b"),
            "{everything:?}"
        );
    }

    impl Everything {
        fn named_one(&self) -> &Any {
            &self.by_name["a"]
        }
    }
}

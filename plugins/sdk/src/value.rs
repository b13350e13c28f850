//! Anything as the value of a header: what a header cannot hold is percent-encoded.

use serde_json::Value;

/// JSON, such as a claim, as a header's value; `None` for `null`. Text is written by [`of_text`]. The elements of a list
/// are joined by `,`, a comma within one is encoded; an object is JSON.
pub fn of_json(json: &Value) -> Option<String> {
    match json {
        Value::Null => None,
        Value::String(text) => Some(of_text(text)),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(element).collect();
            Some(values.join(","))
        }
        other => Some(encoded(&other.to_string(), "")),
    }
}

/// Text as a header's value. It stays as it is where it is printable ASCII; any other byte of its UTF-8, and `%`, is
/// percent-encoded, so that no text can look like another one or end the line.
pub fn of_text(text: &str) -> String {
    encoded(text, "")
}

fn element(value: &Value) -> String {
    match value {
        Value::String(text) => encoded(text, ","),
        other => encoded(&other.to_string(), ","),
    }
}

fn encoded(text: &str, also: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        // A space at an end would be lost on the way.
        if matches!(byte, b' '..=b'~') && byte != b'%' && !also.as_bytes().contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    let kept = out.trim_matches(' ').len();
    if kept < out.len() {
        let leading = out.len() - out.trim_start_matches(' ').len();
        let trailing = out.len() - kept - leading;
        out = format!(
            "{}{}{}",
            "%20".repeat(leading),
            out.trim_matches(' '),
            "%20".repeat(trailing)
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_said_becomes_values_that_a_header_can_hold() {
        for (json, value) in [
            (json!("alice"), Some("alice")),
            (json!("a b"), Some("a b")),
            (json!(" a "), Some("%20a%20")),
            (json!("  "), Some("%20%20")),
            (json!("Zoë"), Some("Zo%C3%AB")),
            (json!("a\r\nx-admin: 1"), Some("a%0D%0Ax-admin: 1")),
            (json!("100%"), Some("100%25")),
            (json!(""), Some("")),
            (json!(7), Some("7")),
            (json!(true), Some("true")),
            (json!(["a", "b,c", 3]), Some("a,b%2Cc,3")),
            (json!([]), Some("")),
            (json!({ "a": "ë" }), Some("{\"a\":\"%C3%AB\"}")),
            (json!(null), None),
        ] {
            assert_eq!(of_json(&json).as_deref(), value, "{json}");
        }
    }
}

//! `log`: lines of a plugin in the gateway's log, said to be its own, bounded in number and size.

use std::fmt::Write;

use tracing::{debug, enabled, error, info, trace, warn};

use crate::plugin::bindings::gatewit::plugin::log::{Host, Level};
use crate::plugin::guest::Guest;

/// Bytes of a message, and of all fields together.
const MOST: usize = 4 << 10;

/// Fields of one line.
const FIELDS: usize = 32;

impl Host for Guest {
    fn enabled(&mut self, level: Level) -> wasmtime::Result<bool> {
        Ok(is_enabled(level))
    }

    fn emit(&mut self, level: Level, message: String, fields: Vec<(String, String)>) -> wasmtime::Result<()> {
        if is_enabled(level)
            && let Some(suppressed) = self.binding.lines.admit()
        {
            self.write(level, &escaped(&message), &joined(&fields), suppressed);
        }
        Ok(())
    }
}

impl Guest {
    fn write(&self, level: Level, message: &str, fields: &str, suppressed: u64) {
        let plugin = self.binding.plugin.name.as_str();
        let scene = self.scene.as_deref();
        let route = scene.map(|scene| scene.route.name.as_str());
        let request_id = scene.and_then(|scene| scene.id.to_str().ok());
        let fields = (!fields.is_empty()).then_some(fields);
        if suppressed > 0 {
            warn!(plugin, route, suppressed, "log lines of a plugin were left out");
        }
        match level {
            Level::Trace => trace!(plugin, route, request_id, fields, "{message}"),
            Level::Debug => debug!(plugin, route, request_id, fields, "{message}"),
            Level::Info => info!(plugin, route, request_id, fields, "{message}"),
            Level::Warn => warn!(plugin, route, request_id, fields, "{message}"),
            Level::Error => error!(plugin, route, request_id, fields, "{message}"),
        }
    }
}

fn is_enabled(level: Level) -> bool {
    match level {
        Level::Trace => enabled!(tracing::Level::TRACE),
        Level::Debug => enabled!(tracing::Level::DEBUG),
        Level::Info => enabled!(tracing::Level::INFO),
        Level::Warn => enabled!(tracing::Level::WARN),
        Level::Error => enabled!(tracing::Level::ERROR),
    }
}

/// Without control characters, which could end the line or command the terminal that shows it; cut.
pub(super) fn escaped(text: &str) -> String {
    let cut = &text[..text.floor_char_boundary(MOST)];
    let mut out = String::with_capacity(cut.len());
    for char in cut.chars() {
        match char {
            // Formatting characters turn the direction of what follows.
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                out.extend(char.escape_unicode());
            }
            char if char.is_control() => out.extend(char.escape_default()),
            char => out.push(char),
        }
    }
    if cut.len() < text.len() {
        out.push('…');
    }
    out
}

/// `name="value"`, with spaces between.
fn joined(fields: &[(String, String)]) -> String {
    let mut out = String::new();
    for (name, value) in fields.iter().take(FIELDS) {
        if out.len() >= MOST {
            break;
        }
        let space = if out.is_empty() { "" } else { " " };
        let (name, value) = (escaped(name), escaped(value).replace('"', "\\\""));
        // Writing to a string cannot fail.
        let _ = write!(out, "{space}{name}=\"{value}\"");
    }
    out.truncate(out.floor_char_boundary(MOST));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line_and_says_nothing_to_terminals() {
        assert_eq!(
            escaped("a\r\nb\x1b[31m\0é\t\u{202e}"),
            "a\\r\\nb\\u{1b}[31m\\u{0}é\\t\\u{202e}"
        );
    }

    #[test]
    fn lines_are_cut() {
        let long = escaped(&"é".repeat(1 << 20));
        assert_eq!(long.chars().count(), MOST / 2 + 1);
        let many = vec![("k".to_owned(), "v".repeat(100)); 10_000];
        assert!(joined(&many).len() <= MOST);
    }

    #[test]
    fn fields_are_quoted() {
        let fields = [
            ("a".to_owned(), "1".to_owned()),
            ("b".to_owned(), "x \"y\"\n".to_owned()),
        ];
        assert_eq!(joined(&fields), r#"a="1" b="x \"y\"\n""#);
    }
}

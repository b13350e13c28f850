//! What a client sent, made harmless for a line of a log: no byte of it can end the line, end the field or
//! speak to a terminal.

/// A field is cut after this many bytes: lines stay whole in collectors (Docker splits at 16 KiB).
const LONGEST: usize = 4096;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// The inside of a JSON string. Control characters become `\u00xx`; bytes that are not UTF-8 become the text
/// `\xnn`.
pub(super) fn json(bytes: &[u8], out: &mut Vec<u8>) {
    let (bytes, cut) = shorten(bytes);
    let plain = |byte: &u8| matches!(byte, 0x20..=0x7e) & !matches!(byte, b'"' | b'\\');
    // Without a way out of the loop it becomes a few vector instructions, and hardly anything needs more.
    if bytes.iter().fold(true, |all, byte| all & plain(byte)) && !cut {
        out.extend_from_slice(bytes);
        return;
    }
    let clean = bytes.iter().take_while(|byte| plain(byte)).count();
    out.extend_from_slice(&bytes[..clean]);
    for chunk in bytes[clean..].utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' => out.extend_from_slice(b"\\\""),
                '\\' => out.extend_from_slice(b"\\\\"),
                character if character.is_control() => {
                    // Control characters are U+0000–001F and U+007F–009F.
                    let byte = character as usize;
                    out.extend_from_slice(&[b'\\', b'u', b'0', b'0', HEX[byte >> 4 & 15], HEX[byte & 15]]);
                }
                character => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        for byte in chunk.invalid() {
            out.extend_from_slice(&[
                b'\\',
                b'\\',
                b'x',
                HEX[usize::from(byte >> 4)],
                HEX[usize::from(byte & 15)],
            ]);
        }
    }
    if cut {
        out.extend_from_slice("…".as_bytes());
    }
}

/// The inside of a quoted field of the combined log format, in ASCII as Apache writes it: `\"`, `\\`, `\xnn`.
pub(super) fn clf(bytes: &[u8], out: &mut Vec<u8>) {
    let (bytes, cut) = shorten(bytes);
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0x20..=0x7e => out.push(byte),
            _ => out.extend_from_slice(&[
                b'\\',
                b'x',
                HEX[usize::from(byte >> 4)],
                HEX[usize::from(byte & 15)],
            ]),
        }
    }
    if cut {
        out.extend_from_slice(b"...");
    }
}

fn shorten(bytes: &[u8]) -> (&[u8], bool) {
    match bytes.get(..LONGEST) {
        Some(start) if bytes.len() > LONGEST => {
            // Not within a character: its first byte is at most three back.
            let back = start
                .iter()
                .rev()
                .take(3)
                .position(|byte| *byte >= 0xc0)
                .map_or(0, |at| at + 1);
            (&start[..LONGEST - back], true)
        }
        _ => (bytes, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(escape: fn(&[u8], &mut Vec<u8>), bytes: &[u8]) -> String {
        let mut out = Vec::new();
        escape(bytes, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn json_strings_keep_text_and_escape_the_rest() {
        let cases: [(&[u8], &str); 8] = [
            (b"/plain path", "/plain path"),
            (b"a\"b\\c", r#"a\"b\\c"#),
            (b"a\r\nb\tc\0", r"a\u000d\u000ab\u0009c\u0000"),
            (b"\x1b[31m\x7f", r"\u001b[31m\u007f"),
            ("gr\u{fc}n \u{1f600}".as_bytes(), "gr\u{fc}n \u{1f600}"),
            ("\u{85}".as_bytes(), r"\u0085"),
            (b"a\xffb", r"a\\xffb"),
            (b"\xf0\x9f\x98", r"\\xf0\\x9f\\x98"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(written(json, bytes), expected);
            let quoted = format!("\"{}\"", written(json, bytes));
            assert!(serde_json::from_str::<String>(&quoted).is_ok(), "{quoted}");
        }
    }

    #[test]
    fn clf_fields_are_printable_ascii() {
        assert_eq!(written(clf, b"a\"b\\c\r\n"), r#"a\"b\\c\x0d\x0a"#);
        assert_eq!(written(clf, "\u{fc}".as_bytes()), r"\xc3\xbc");
    }

    #[test]
    fn long_fields_are_cut_between_characters() {
        let long = "\u{20ac}".repeat(2000);
        let text = written(json, long.as_bytes());
        assert!(
            text.ends_with("\u{20ac}…") && text.len() <= LONGEST + 3,
            "{}",
            text.len()
        );
        assert_eq!(written(clf, &[b'a'; 5000]).len(), LONGEST + 3);
        assert_eq!(written(json, &[b'a'; LONGEST]).len(), LONGEST);
    }
}

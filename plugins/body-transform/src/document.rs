//! A JSON document that is taken apart only where it is changed: what no edit touches is never read into values.

use gatewit_plugin::serde::de::IgnoredAny;
use gatewit_plugin::serde_json::{self, Value};

/// A document, or a part of it.
pub(crate) enum Document<'a> {
    /// As it was written.
    Raw(&'a str),
    /// Put here by an edit.
    New(String),
    /// Taken apart: names as they were written, with their quotes.
    Object(Vec<(Name<'a>, Self)>),
    /// Taken apart.
    List(Vec<Self>),
}

/// The name of a member: as it was written, and what it means.
pub(crate) struct Name<'a> {
    written: &'a str,
    renamed: Option<String>,
    /// `None` for one that cannot be a string of Unicode: no pointer names it.
    means: Option<String>,
}

impl<'a> Document<'a> {
    /// `None` for what is not JSON.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        // Everything below relies on it. It does not recurse, however deep the document is.
        serde_json::from_str::<IgnoredAny>(text).ok()?;
        Some(Self::Raw(text.trim_ascii()))
    }

    /// Whether anything was removed: every member of the name, should there be several.
    pub(crate) fn remove(&mut self, steps: &[String]) -> bool {
        self.at(steps, &mut |parent, step| match parent {
            Document::Object(members) => {
                let before = members.len();
                members.retain(|(name, _)| !name.is(step));
                members.len() < before
            }
            Document::List(elements) => index(step).filter(|at| *at < elements.len()).is_some_and(|at| {
                elements.remove(at);
                true
            }),
            _ => false,
        })
    }

    pub(crate) fn set(&mut self, steps: &[String], value: &Value) -> bool {
        self.at(steps, &mut |parent, step| match parent {
            Document::Object(members) => {
                let place = members.iter().position(|(name, _)| name.is(step));
                let Some(place) = place else {
                    members.push((Name::new(step), Document::New(value.to_string())));
                    return true;
                };
                members[place].1 = Document::New(value.to_string());
                // Who reads the last one of the name shall find the same.
                let mut at = 0;
                members.retain(|(name, _)| {
                    at += 1;
                    at <= place + 1 || !name.is(step)
                });
                true
            }
            Document::List(elements) if step == "-" => {
                elements.push(Document::New(value.to_string()));
                true
            }
            Document::List(elements) => {
                index(step)
                    .and_then(|at| elements.get_mut(at))
                    .is_some_and(|element| {
                        *element = Document::New(value.to_string());
                        true
                    })
            }
            _ => false,
        })
    }

    pub(crate) fn rename(&mut self, steps: &[String], to: &str) -> bool {
        self.at(steps, &mut |parent, step| match parent {
            Document::Object(members) if step != to && members.iter().any(|(name, _)| name.is(step)) => {
                members.retain(|(name, _)| !name.is(to));
                for (name, _) in members.iter_mut().filter(|(name, _)| name.is(step)) {
                    *name = Name::new(to);
                }
                true
            }
            _ => false,
        })
    }

    /// The document as text.
    pub(crate) fn written(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    /// Edits wherever the steps but the last one lead: to several places when names are there twice.
    fn at(&mut self, steps: &[String], edit: &mut dyn FnMut(&mut Self, &str) -> bool) -> bool {
        let Some((first, rest)) = steps.split_first() else {
            return false;
        };
        self.take_apart();
        if rest.is_empty() {
            return edit(self, first);
        }
        match self {
            Self::Object(members) => {
                let named = members.iter_mut().filter(|(name, _)| name.is(first));
                named.fold(false, |changed, (_, value)| value.at(rest, edit) || changed)
            }
            Self::List(elements) => {
                let element = index(first).and_then(|at| elements.get_mut(at));
                element.is_some_and(|element| element.at(rest, edit))
            }
            _ => false,
        }
    }

    /// One level of it.
    fn take_apart(&mut self) {
        let Self::Raw(text) = *self else {
            return;
        };
        let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
        if text.starts_with('{') {
            let members = parts(inner, b',').into_iter().filter_map(|member| {
                let [name, value] = parts(member, b':')[..] else {
                    return None;
                };
                Some((Name::read(name), Self::Raw(value)))
            });
            *self = Self::Object(members.collect());
        } else if text.starts_with('[') {
            *self = Self::List(parts(inner, b',').into_iter().map(Self::Raw).collect());
        }
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Raw(text) => out.push_str(text),
            Self::New(text) => out.push_str(text),
            Self::Object(members) => {
                out.push('{');
                for (at, (name, value)) in members.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { "," });
                    out.push_str(name.renamed.as_deref().unwrap_or(name.written));
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
            Self::List(elements) => {
                out.push('[');
                for (at, element) in elements.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { "," });
                    element.write(out);
                }
                out.push(']');
            }
        }
    }
}

impl<'a> Name<'a> {
    fn read(written: &'a str) -> Self {
        Self {
            written,
            renamed: None,
            means: serde_json::from_str(written).ok(),
        }
    }

    fn new(means: &str) -> Self {
        let renamed = Some(Value::from(means).to_string());
        Self {
            written: "",
            renamed,
            means: Some(means.to_owned()),
        }
    }

    /// However it is escaped: `"p\u0061ss"` is `pass`.
    fn is(&self, name: &str) -> bool {
        self.means.as_deref() == Some(name)
    }
}

/// What stands between separators that are in no string, list or object, without the spaces around. The text is valid
/// JSON but for its outermost brackets.
fn parts(text: &str, separator: u8) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut from, mut depth) = (0, 0_usize);
    let (mut in_string, mut is_escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ if byte == separator && depth == 0 => {
                parts.push(text[from..at].trim_ascii());
                from = at + 1;
            }
            _ => {}
        }
    }
    let last = text[from..].trim_ascii();
    if !last.is_empty() {
        parts.push(last);
    }
    parts
}

/// RFC 6901 section 4: no zeros in front.
fn index(step: &str) -> Option<usize> {
    let digits = step.bytes().all(|byte| byte.is_ascii_digit());
    let plain = digits && (step == "0" || !step.starts_with('0'));
    plain.then(|| step.parse().ok()).flatten()
}

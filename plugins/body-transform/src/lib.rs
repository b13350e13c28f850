//! Changes JSON bodies on their way: removes, sets and renames what JSON Pointers name. Everything else stays as it was
//! written, to the byte: the order of members, the spelling of numbers, spaces.

mod document;
mod pointer;

use document::Document;
use gatewit_plugin::prelude::*;
use gatewit_plugin::serde_json::Value;
use pointer::Pointer;

/// Changes JSON bodies on their way.
#[config]
#[serde(default)]
#[derive(Default)]
struct BodyTransform {
    /// What is done to request bodies, in this order.
    request: Vec<Edit>,
    /// What is done to response bodies, in this order.
    response: Vec<Edit>,
    /// What happens to bodies that say they are JSON and are not.
    invalid: Invalid,
}

/// One edit. Places that are not there are left alone.
#[config]
#[serde(rename_all = "kebab-case")]
enum Edit {
    /// Removes a member of an object, or an element of a list.
    Remove(Pointer),
    /// Gives a member or an element a value. The last step may be new: a member, or `-` for the end of a list.
    Set {
        /// Where.
        at: Pointer,
        /// Any JSON.
        value: Value,
    },
    /// Renames a member of an object. A member that has the new name already is replaced.
    Rename {
        /// Where.
        at: Pointer,
        /// The new name.
        to: String,
    },
}

/// What happens to bodies that say they are JSON and are not.
#[config]
#[serde(rename_all = "kebab-case")]
#[derive(Clone, Copy, Default)]
enum Invalid {
    /// A request is refused with 400, a response replaced by a 502: what had to be removed cannot pass in disguise.
    #[default]
    Refuse,
    /// They pass as they are.
    Pass,
}

impl Plugin for BodyTransform {
    fn check(&self) -> Vec<Problem> {
        if self.request.is_empty() && self.response.is_empty() {
            return vec![Problem::at(
                "",
                "changes nothing: name edits in `request` or `response`",
            )];
        }
        let mut problems = Vec::new();
        for (list, edits) in [("request", &self.request), ("response", &self.response)] {
            for (index, edit) in edits.iter().enumerate() {
                let (at, pointer) = match edit {
                    Edit::Remove(pointer) => ("remove", pointer),
                    Edit::Set { at, .. } => ("set/at", at),
                    Edit::Rename { at, .. } => ("rename/at", at),
                };
                if pointer.is_root() {
                    let why = "all of it cannot be removed, set or renamed: name a part, such as `/password`";
                    problems.push(Problem::at(format!("/{list}/{index}/{at}"), why));
                }
            }
        }
        problems
    }

    fn request(&self, request: &mut Request) -> Result<Outcome> {
        if !self.response.is_empty() {
            // Parts of a document, and compressed ones, cannot be read.
            for name in ["accept-encoding", "range", "if-range"] {
                request.remove_header(name)?;
            }
        }
        Ok(Outcome::Next)
    }

    fn request_body(&self, request: &mut Request, body: &Body) -> Result<BodyOutcome> {
        if self.request.is_empty() || !is_json(&request.header_values("content-type")) {
            return Ok(BodyOutcome::Next);
        }
        Ok(match (changed(body.bytes(), &self.request), self.invalid) {
            (Changed::To(body), _) => BodyOutcome::Replace(body),
            (Changed::Nothing, _) | (Changed::Unreadable, Invalid::Pass) => BodyOutcome::Next,
            (Changed::Unreadable, Invalid::Refuse) => {
                BodyOutcome::Respond(Response::refusal(400, "The body is not valid JSON."))
            }
        })
    }

    fn response_body(&self, _: &Request, response: &mut ResponseHead, body: &Body) -> Result<BodyOutcome> {
        if self.response.is_empty() || !is_json(&response.header_values("content-type")) {
            return Ok(BodyOutcome::Next);
        }
        Ok(match (changed(body.bytes(), &self.response), self.invalid) {
            (Changed::To(body), _) => BodyOutcome::Replace(body),
            (Changed::Nothing, _) | (Changed::Unreadable, Invalid::Pass) => BodyOutcome::Next,
            (Changed::Unreadable, Invalid::Refuse) => {
                warn!("a response says that it is JSON, and is not"; "status" => response.status());
                BodyOutcome::Respond(Response::refusal(
                    502,
                    "The service's response is not valid JSON.",
                ))
            }
        })
    }
}

/// What became of a body.
enum Changed {
    Nothing,
    To(Vec<u8>),
    Unreadable,
}

fn changed(body: Vec<u8>, edits: &[Edit]) -> Changed {
    if body.is_empty() {
        return Changed::Nothing;
    }
    let text = String::from_utf8(body).ok();
    let Some(mut document) = text.as_deref().and_then(Document::read) else {
        return Changed::Unreadable;
    };
    let mut is_changed = false;
    for edit in edits {
        is_changed |= match edit {
            Edit::Remove(at) => document.remove(at.steps()),
            Edit::Set { at, value } => document.set(at.steps(), value),
            Edit::Rename { at, to } => document.rename(at.steps(), to),
        };
    }
    if is_changed {
        Changed::To(document.written().into_bytes())
    } else {
        Changed::Nothing
    }
}

/// Whether any of the lines says JSON (RFC 8259, RFC 6839 section 3.1): whoever is behind may look at another one.
fn is_json(lines: &[Vec<u8>]) -> bool {
    let kinds = lines.iter().flat_map(|line| line.split(|byte| *byte == b','));
    kinds
        .map(|kind| kind.split(|byte| *byte == b';').next().unwrap_or_default())
        .any(|kind| {
            let kind = kind.trim_ascii().to_ascii_lowercase();
            kind == b"application/json" || kind == b"text/json" || kind.ends_with(b"+json")
        })
}

gatewit_plugin::export!(BodyTransform: request, request_body, response_body);

#[cfg(test)]
mod tests;

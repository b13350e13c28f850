//! The edits of the hook that runs: kept in a small log, checked when they are made, carried out or forgotten as a whole.
//! The exchange itself is not touched and not copied.

use std::sync::Arc;

use http::uri::{Authority, PathAndQuery};
use http::{HeaderValue, Method, StatusCode};

use super::fields::{Line, Lines, Side, editable};
use super::memory::{Attribute, Memory};
use super::scene::Scene;
use crate::jwt::Verified;
use crate::router::canonical;

/// Edits of a message in one hook.
const EDITS: usize = 256;

/// Bytes of one value.
const VALUE: usize = 64 << 10;

/// Bytes of all values of one hook.
const BYTES: usize = 1 << 20;

/// Lines that a message may have while it is edited: more than any upstream takes.
const LINES: usize = 4096;

/// Which hook runs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Phase {
    /// None.
    #[default]
    Between,
    /// `request-hook`
    Request,
    /// `request-body-hook`
    RequestBody,
    /// `response-hook`
    Response,
    /// `response-body-hook`
    ResponseBody,
    /// `chunk-hook`: neither head can be edited any more.
    Chunk,
}

impl Phase {
    /// Whether the request can be edited.
    pub fn is_request(self) -> bool {
        matches!(self, Self::Request | Self::RequestBody)
    }

    /// Whether there is a response, and it can be edited.
    pub fn is_response(self) -> bool {
        matches!(self, Self::Response | Self::ResponseBody)
    }
}

/// Why an edit was refused. Nothing was changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EditError {
    /// Not a name, a value, a method, an authority or a path.
    #[error("not valid")]
    InvalidSyntax,
    /// The gateway owns it.
    #[error("owned by the gateway")]
    Forbidden,
    /// Above a bound.
    #[error("too large")]
    TooLarge,
    /// Not in this hook.
    #[error("not possible in this hook")]
    WrongPhase,
}

/// What the hook that runs has edited so far.
#[derive(Debug, Default)]
pub struct Overlay {
    pub(super) phase: Phase,
    /// Of the message that this phase edits.
    pub(super) lines: Lines,
    /// Of the response, in a phase in which there is none yet.
    pub(super) in_advance: Lines,
    pub(super) method: Option<Method>,
    pub(super) authority: Option<HeaderValue>,
    pub(super) target: Option<Target>,
    pub(super) status: Option<StatusCode>,
    pub(super) memory: Memory,
    edits: usize,
    bytes: usize,
}

/// A path with its query.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) raw: PathAndQuery,
    /// The path's canonical form, when it is another one.
    pub(super) canonical: Option<Box<str>>,
}

impl Overlay {
    /// Forgets everything; from now on this hook runs.
    pub(super) fn begin(&mut self, phase: Phase) {
        self.phase = phase;
        if self.is_clean() {
            return;
        }
        self.lines.clear();
        self.in_advance.clear();
        self.method = None;
        self.authority = None;
        self.target = None;
        self.status = None;
        self.memory.clear();
        self.edits = 0;
        self.bytes = 0;
    }

    /// Whether there is nothing to carry out.
    pub fn is_clean(&self) -> bool {
        self.edits == 0 && self.memory.is_empty()
    }

    /// Which hook runs.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Where edits of this message are written down.
    fn log(&mut self, side: Side) -> &mut Lines {
        if side == Side::Response && self.phase.is_request() {
            return &mut self.in_advance;
        }
        &mut self.lines
    }

    /// Accounts for one edit.
    fn count(&mut self, bytes: usize) -> Result<(), EditError> {
        let sum = self.bytes.saturating_add(bytes);
        if self.edits >= EDITS || bytes > VALUE || sum > BYTES {
            return Err(EditError::TooLarge);
        }
        self.edits += 1;
        self.bytes = sum;
        Ok(())
    }
}

/// Edits, as the interfaces `request`, `response` and `context` offer them.
impl Scene {
    /// Replaces every line of a field by one.
    ///
    /// # Errors
    ///
    /// See [`EditError`].
    pub fn set_line(&mut self, side: Side, name: &str, value: Vec<u8>) -> Result<(), EditError> {
        self.add(side, name, value, Line::Set)
    }

    /// Adds a line.
    ///
    /// # Errors
    ///
    /// See [`EditError`].
    pub fn append_line(&mut self, side: Side, name: &str, value: Vec<u8>) -> Result<(), EditError> {
        self.add(side, name, value, Line::Append)
    }

    fn add(
        &mut self,
        side: Side,
        name: &str,
        value: Vec<u8>,
        line: fn(http::HeaderName, HeaderValue) -> Line,
    ) -> Result<(), EditError> {
        if self.lines(side)? >= LINES {
            return Err(EditError::TooLarge);
        }
        let name = editable(name, side)?;
        let length = value.len();
        let value = HeaderValue::from_maybe_shared(bytes::Bytes::from(value))
            .map_err(|_| EditError::InvalidSyntax)?;
        self.overlay.count(length)?;
        self.overlay.log(side).push(line(name, value));
        Ok(())
    }

    /// Removes every line of a field.
    ///
    /// # Errors
    ///
    /// See [`EditError`].
    pub fn remove_line(&mut self, side: Side, name: &str) -> Result<(), EditError> {
        self.lines(side)?;
        let name = editable(name, side)?;
        self.overlay.count(name.as_str().len())?;
        self.overlay.log(side).push(Line::Remove(name));
        Ok(())
    }

    /// Replaces the method.
    ///
    /// # Errors
    ///
    /// See [`EditError`].
    pub fn set_method(&mut self, method: &str) -> Result<(), EditError> {
        self.lines(Side::Request)?;
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| EditError::InvalidSyntax)?;
        // These two never reach an endpoint.
        if matches!(method, Method::CONNECT | Method::TRACE) {
            return Err(EditError::Forbidden);
        }
        self.overlay.count(method.as_str().len())?;
        self.overlay.method = Some(method);
        Ok(())
    }

    /// Replaces the authority that is sent upstream.
    ///
    /// # Errors
    ///
    /// See [`EditError`].
    pub fn set_authority(&mut self, authority: &str) -> Result<(), EditError> {
        self.lines(Side::Request)?;
        self.overlay.check(authority.len())?;
        let valid = authority.parse::<Authority>().is_ok()
            && !authority.contains('@')
            && canonical::host(authority).is_ok();
        let value = HeaderValue::from_str(authority).ok().filter(|_| valid);
        let value = value.ok_or(EditError::InvalidSyntax)?;
        self.overlay.count(authority.len())?;
        self.overlay.authority = Some(value);
        Ok(())
    }

    /// Replaces path and query.
    ///
    /// # Errors
    ///
    /// See [`EditError`].
    pub fn set_target(&mut self, target: &str) -> Result<(), EditError> {
        self.lines(Side::Request)?;
        self.overlay.check(target.len())?;
        let parsed = Target::parse(target).ok_or(EditError::InvalidSyntax)?;
        self.overlay.count(target.len())?;
        self.overlay.target = Some(parsed);
        Ok(())
    }

    /// Replaces the status: 200 to 599. Not in advance: nobody knows yet what it would stand in the place of.
    ///
    /// # Errors
    ///
    /// See [`EditError`].
    pub fn set_status(&mut self, status: u16) -> Result<(), EditError> {
        if self.reply().is_none() {
            return Err(EditError::WrongPhase);
        }
        let status = StatusCode::from_u16(status)
            .ok()
            .filter(|status| (200..600).contains(&status.as_u16()))
            .ok_or(EditError::InvalidSyntax)?;
        self.overlay.count(0)?;
        self.overlay.status = Some(status);
        Ok(())
    }

    /// A plugin's own bytes, with the edits made so far.
    pub fn private(&self, plugin: &str) -> &[u8] {
        let set = self.overlay.memory.private(plugin);
        set.or_else(|| self.memory.private(plugin))
            .map_or(&[], |bytes| bytes)
    }

    /// Replaces a plugin's own bytes.
    ///
    /// # Errors
    ///
    /// See [`EditError`].
    pub fn set_private(&mut self, plugin: &str, state: Vec<u8>) -> Result<(), EditError> {
        self.overlay.memory.set_private(plugin, state)
    }

    /// The token that was last verified in this exchange.
    pub fn verified(&self) -> Option<&Verified> {
        self.overlay.memory.verified().or_else(|| self.memory.verified())
    }

    /// A token was verified.
    pub fn set_verified(&mut self, verified: Arc<Verified>) {
        self.overlay.memory.set_verified(verified);
    }

    /// An attribute, with the edits made so far.
    pub fn attribute(&self, key: &str) -> Option<&Attribute> {
        let set = self.overlay.memory.attribute(key);
        set.or_else(|| self.memory.attribute(key))
    }

    /// Sets an attribute.
    ///
    /// # Errors
    ///
    /// See [`EditError`].
    pub fn set_attribute(&mut self, key: &str, value: Attribute) -> Result<(), EditError> {
        self.overlay.memory.set_attribute(&self.memory, key, value)
    }
}

impl Overlay {
    /// Refuses what is too long before it is looked at.
    fn check(&self, bytes: usize) -> Result<(), EditError> {
        if bytes > VALUE {
            return Err(EditError::TooLarge);
        }
        Ok(())
    }
}

impl Target {
    /// In origin form, with one meaning.
    fn parse(target: &str) -> Option<Self> {
        let is_plain = target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        if !is_plain || !target.starts_with('/') {
            return None;
        }
        let raw = PathAndQuery::try_from(target).ok()?;
        let path = canonical::path(raw.path()).ok()?;
        let canonical = (*path != *raw.path()).then(|| path.into());
        Some(Self { raw, canonical })
    }
}

//! The whole body, in the body hooks.

use crate::host::body;

/// The largest window that one read returns.
const WINDOW: u32 = 1 << 20;

/// The body of the exchange being handled. Reading a window copies only that window.
#[derive(Debug)]
#[non_exhaustive]
pub struct Body;

impl Body {
    /// The view that hooks are given.
    #[doc(hidden)]
    pub fn current() -> Self {
        Self
    }

    /// Bytes in all.
    pub fn length(&self) -> u64 {
        body::length()
    }

    /// At most `max` bytes from `offset`, and at most 1 MiB; empty past the end.
    pub fn read(&self, offset: u64, max: u32) -> Vec<u8> {
        body::read(offset, max)
    }

    /// All of it.
    pub fn bytes(&self) -> Vec<u8> {
        let mut all = body::read(0, WINDOW);
        while (all.len() as u64) < body::length() {
            let window = body::read(all.len() as u64, WINDOW);
            if window.is_empty() {
                break;
            }
            all.extend(window);
        }
        all
    }
}

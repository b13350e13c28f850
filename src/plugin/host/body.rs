//! `body`: windows on a whole body.

use crate::plugin::bindings::gatewit::plugin::body::Host;
use crate::plugin::guest::Guest;

/// Bytes of one window.
const WINDOW: usize = 1 << 20;

impl Guest {
    fn whole(&self) -> &[u8] {
        let body = self.scene.as_deref().and_then(|scene| scene.body.as_ref());
        body.map_or(&[], |body| body)
    }
}

impl Host for Guest {
    fn length(&mut self) -> wasmtime::Result<u64> {
        Ok(self.whole().len() as u64)
    }

    fn read(&mut self, offset: u64, max: u32) -> wasmtime::Result<Vec<u8>> {
        Ok(window(self.whole(), offset, max).to_vec())
    }
}

fn window(body: &[u8], offset: u64, max: u32) -> &[u8] {
    let start = usize::try_from(offset).unwrap_or(usize::MAX).min(body.len());
    let length = usize::try_from(max).unwrap_or(usize::MAX).min(WINDOW);
    &body[start..start.saturating_add(length).min(body.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_bounded_by_the_body_and_by_its_largest_size() {
        let body = vec![7; WINDOW + 10];
        let table = [
            (0, 3, 3),
            (5, u32::MAX, WINDOW),
            (WINDOW as u64, u32::MAX, 10),
            (WINDOW as u64 + 10, 1, 0),
            (u64::MAX, u32::MAX, 0),
            (0, 0, 0),
        ];
        for (offset, max, length) in table {
            assert_eq!(window(&body, offset, max).len(), length, "{max} from {offset}");
        }
        assert_eq!(window(b"hello", 1, 3), b"ell");
    }
}

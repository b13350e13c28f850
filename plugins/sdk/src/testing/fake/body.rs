//! `body`: the whole body.

use super::with;

pub(crate) fn length() -> u64 {
    with(|host| host.exchange.body.len() as u64)
}

pub(crate) fn read(offset: u64, max: u32) -> Vec<u8> {
    with(|host| {
        let body = &host.exchange.body;
        let from = body.len().min(usize::try_from(offset).unwrap_or(usize::MAX));
        let to = body.len().min(from + (max as usize).min(1 << 20));
        body[from..to].to_vec()
    })
}

//! `http-client`: services of the test.

use super::with;
use crate::bindings::imports::gatewit::plugin::http_client::{Call, CallError, Reply};

pub(crate) fn send(call: &Call) -> Result<Reply, CallError> {
    with(|host| {
        let service = host.world.services.get_mut(&call.upstream);
        service.ok_or(CallError::NotAllowed)?(call)
    })
}

pub(crate) fn send_all(calls: &[Call]) -> Vec<Result<Reply, CallError>> {
    calls.iter().map(send).collect()
}

//! `response`: the exchange's response, with the edits made so far, in the hooks that handle one.

use super::edit;
use super::request::{lines, values};
use crate::plugin::Side;
use crate::plugin::bindings::gatewit::plugin::response::{EditError, Field, Host};
use crate::plugin::fields::Fields;
use crate::plugin::guest::Guest;
use crate::plugin::scene::Response;

type Edited = wasmtime::Result<Result<(), EditError>>;

impl Guest {
    fn reply(&self) -> Option<(&Response, Fields<'_>)> {
        self.scene.as_deref()?.reply()
    }
}

impl Host for Guest {
    fn status(&mut self) -> wasmtime::Result<u16> {
        let status = self.scene.as_deref().and_then(|scene| scene.status());
        Ok(status.map_or(0, |status| status.as_u16()))
    }

    fn endpoint(&mut self) -> wasmtime::Result<Option<String>> {
        let endpoint = self.reply().and_then(|(response, _)| response.endpoint);
        Ok(endpoint.map(|endpoint| endpoint.to_string()))
    }

    fn header(&mut self, name: String) -> wasmtime::Result<Option<Vec<u8>>> {
        Ok(self.reply().and_then(|(_, fields)| fields.joined(&name)))
    }

    fn header_values(&mut self, name: String) -> wasmtime::Result<Vec<Vec<u8>>> {
        Ok(self
            .reply()
            .map(|(_, fields)| values(fields, &name))
            .unwrap_or_default())
    }

    fn headers(&mut self) -> wasmtime::Result<Vec<Field>> {
        Ok(self.reply().map(|(_, fields)| lines(fields)).unwrap_or_default())
    }

    fn set_status(&mut self, status: u16) -> Edited {
        edit(self, |scene| scene.set_status(status))
    }

    fn set_header(&mut self, name: String, value: Vec<u8>) -> Edited {
        edit(self, |scene| scene.set_line(Side::Response, &name, value))
    }

    fn append_header(&mut self, name: String, value: Vec<u8>) -> Edited {
        edit(self, |scene| scene.append_line(Side::Response, &name, value))
    }

    fn remove_header(&mut self, name: String) -> Edited {
        edit(self, |scene| scene.remove_line(Side::Response, &name))
    }
}

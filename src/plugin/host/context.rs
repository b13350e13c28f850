//! `context`: what an exchange remembers from hook to hook.

use super::edit;
use crate::plugin::bindings::gatewit::plugin::context::{Attribute, EditError, Host};
use crate::plugin::guest::Guest;
use crate::plugin::{memory, overlay};

type Edited = wasmtime::Result<Result<(), EditError>>;

impl Host for Guest {
    fn private(&mut self) -> wasmtime::Result<Vec<u8>> {
        let scene = self.scene.as_deref();
        let state = scene.map(|scene| scene.private(&self.binding.plugin.name).to_vec());
        Ok(state.unwrap_or_default())
    }

    fn set_private(&mut self, state: Vec<u8>) -> Edited {
        let name = &self.binding.plugin.name;
        let edited = self.scene.as_deref_mut().ok_or(overlay::EditError::WrongPhase);
        let edited = edited.and_then(|scene| scene.set_private(name, state));
        Ok(edited.map_err(EditError::from))
    }

    fn get(&mut self, key: String) -> wasmtime::Result<Option<Attribute>> {
        let scene = self.scene.as_deref();
        Ok(scene
            .and_then(|scene| scene.attribute(&key))
            .cloned()
            .map(Attribute::from))
    }

    fn set(&mut self, key: String, value: Attribute) -> Edited {
        edit(self, |scene| scene.set_attribute(&key, value.into()))
    }
}

impl From<Attribute> for memory::Attribute {
    fn from(attribute: Attribute) -> Self {
        match attribute {
            Attribute::Text(text) => Self::Text(text),
            Attribute::Integer(number) => Self::Integer(number),
            Attribute::Number(number) => Self::Number(number),
            Attribute::Boolean(boolean) => Self::Boolean(boolean),
            Attribute::Bytes(bytes) => Self::Bytes(bytes),
        }
    }
}

//! `secrets`: those that a plugin was granted.

use super::is_granted;
use crate::plugin::bindings::gatewit::plugin::secrets::Host;
use crate::plugin::guest::Guest;

impl Host for Guest {
    fn reveal(&mut self, name: String) -> wasmtime::Result<Option<Vec<u8>>> {
        let granted = is_granted(&self.binding.plugin.grants.secrets, &name);
        let secret = self.binding.powers.secret(&name).filter(|_| granted);
        Ok(secret.map(|secret| secret.0.clone().into_bytes()))
    }
}

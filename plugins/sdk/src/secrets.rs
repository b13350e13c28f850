//! Secrets of the gateway's configuration (`[secret.NAME]`). Needs the grant `secrets`.

use crate::host::secrets;

/// The secret, if it is there and granted.
pub fn reveal(name: &str) -> Option<Vec<u8>> {
    secrets::reveal(name)
}

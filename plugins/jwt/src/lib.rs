//! Authentication by JSON Web Tokens.

use gatewit_plugin::prelude::*;

/// Lets in who has a token that a verifier of the gateway believes.
#[config]
struct Jwt {
    /// Name of the verifier.
    #[serde(default = "default_verifier")]
    verifier: String,
}

fn default_verifier() -> String {
    "default".to_owned()
}

impl Plugin for Jwt {
    fn request(&self, _: &mut Request) -> Result<Outcome> {
        gatewit_plugin::jwt::verify_bearer(&self.verifier)?;
        Ok(Outcome::Next)
    }
}

gatewit_plugin::export!(Jwt: request);

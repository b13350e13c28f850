//! Authentication by JSON Web Tokens (RFC 7519). Who is believed is decided by a verifier of the gateway; here stands
//! where the token is, what it must allow, and what the service behind is told of it.

mod allow;
mod token;

use std::collections::BTreeMap;

use allow::Allowed;
use gatewit_plugin::config::header_problem;
use gatewit_plugin::jwt::{self, JwtError};
use gatewit_plugin::prelude::*;
use gatewit_plugin::value;
use token::Found;

/// Lets in who brings a token that a verifier of the gateway believes.
#[config]
#[serde(default)]
struct Jwt {
    /// Name of the verifier: `[verifier.NAME]`.
    verifier: String,
    /// Header that the token stands in. In `authorization` it follows `Bearer`; in any other one it may.
    header: String,
    /// Cookie that the token stands in when the header is not there.
    cookie: Option<String>,
    /// Query parameter that the token stands in when neither header nor cookie are there. Tokens in URLs get into logs
    /// and histories.
    query: Option<String>,
    /// Scopes that the token must all have, in `scope` or `scp`.
    scopes: Vec<String>,
    /// What claims must be: one value, or a list of which one is enough. A claim that is a list must contain it. A name
    /// that begins with `/` is a JSON Pointer.
    claims: BTreeMap<String, Allowed>,
    /// Headers for the service behind, and the claims that they hold. What the client sends under these names never
    /// gets through.
    headers: BTreeMap<String, String>,
    /// Lets requests without a token pass. One with a token that is not believed is refused all the same.
    anonymous: bool,
    /// Whether the service behind gets the token, too.
    forward_token: bool,
    /// Named in `WWW-Authenticate`.
    realm: Option<String>,
}

impl Default for Jwt {
    fn default() -> Self {
        Self {
            verifier: "default".to_owned(),
            header: "authorization".to_owned(),
            cookie: None,
            query: None,
            scopes: Vec::new(),
            claims: BTreeMap::new(),
            headers: BTreeMap::new(),
            anonymous: false,
            forward_token: true,
            realm: None,
        }
    }
}

impl Plugin for Jwt {
    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if matches!(jwt::verify(&self.verifier, ""), Err(JwtError::NoSuchVerifier)) {
            let name = &self.verifier;
            problems.push(Problem::at(
                "/verifier",
                format!("there is no verifier `{name}`: declare [verifier.{name}]"),
            ));
        }
        if let Some(why) = header_problem(&self.header) {
            problems.push(Problem::at("/header", why));
        }
        for header in self.headers.keys() {
            let at = format!("/headers/{}", header.replace('~', "~0").replace('/', "~1"));
            if let Some(why) = header_problem(header) {
                problems.push(Problem::at(at, why));
            } else if header.eq_ignore_ascii_case(&self.header) {
                problems.push(Problem::at(at, "this is where the token stands"));
            }
        }
        let quoted = |text: &String| {
            text.bytes()
                .all(|byte| matches!(byte, b' '..=b'~') && !b"\"\\".contains(&byte))
        };
        if !self.realm.as_ref().is_none_or(quoted) {
            problems.push(Problem::at("/realm", "printable ASCII without `\"` and `\\`"));
        }
        for (at, scope) in self.scopes.iter().enumerate() {
            // RFC 6749 section 3.3.
            if scope.is_empty() || !quoted(scope) || scope.contains(' ') {
                problems.push(Problem::at(
                    format!("/scopes/{at}"),
                    "not a scope: printable ASCII without spaces",
                ));
            }
        }
        problems
    }

    fn request(&self, request: &mut Request) -> Result<Outcome> {
        // Before anything can let the request pass: the service believes these headers.
        for header in self.headers.keys() {
            request.remove_header(header)?;
        }
        match self.verify(request) {
            Ok(()) => {}
            Err(JwtError::Missing) if self.anonymous => return Ok(Outcome::Next),
            Err(unable @ (JwtError::KeysUnavailable | JwtError::NoSuchVerifier)) => return Err(unable.into()),
            Err(why) => {
                debug!("token refused"; "why" => why.name());
                // The same for every reason: who tries tokens learns nothing (RFC 6750 section 3.1 allows to).
                return Ok(Response::refusal(401, "A valid token is needed.")
                    .header("www-authenticate", self.challenge(None))
                    .into());
            }
        }
        if !self.permits() {
            debug!("token does not allow this"; "sub" => jwt::claim("sub").unwrap_or_default());
            return Ok(Response::refusal(403, "The token does not allow this.")
                .header("www-authenticate", self.challenge(Some("insufficient_scope")))
                .into());
        }
        for (header, claim) in &self.headers {
            if let Some(value) = jwt::claim(claim).as_ref().and_then(value::of_json) {
                request.set_header(header, value)?;
            }
        }
        if !self.forward_token {
            token::remove(
                request,
                &self.header,
                self.cookie.as_deref(),
                self.query.as_deref(),
            )?;
        }
        Ok(Outcome::Next)
    }
}

impl Jwt {
    fn verify(&self, request: &Request) -> Result<(), JwtError> {
        if self.header.eq_ignore_ascii_case("authorization") {
            match jwt::verify_bearer(&self.verifier) {
                Err(JwtError::Missing) => {}
                decided => return decided,
            }
        }
        match token::find(
            request,
            &self.header,
            self.cookie.as_deref(),
            self.query.as_deref(),
        ) {
            Found::Token(token) => jwt::verify(&self.verifier, &token).map(|_| ()),
            Found::Ambiguous => Err(JwtError::Malformed),
            Found::Nothing => Err(JwtError::Missing),
        }
    }

    /// Whether the token that was just verified allows what is asked of it.
    fn permits(&self) -> bool {
        allow::has_scopes(&self.scopes)
            && self
                .claims
                .iter()
                .all(|(name, allowed)| jwt::claim(name).is_some_and(|claim| allowed.holds(&claim)))
    }

    /// RFC 6750 section 3.
    fn challenge(&self, error: Option<&str>) -> String {
        let mut parameters = Vec::new();
        if let Some(realm) = &self.realm {
            parameters.push(format!("realm=\"{realm}\""));
        }
        if let Some(error) = error {
            parameters.push(format!("error=\"{error}\""));
            if !self.scopes.is_empty() {
                parameters.push(format!("scope=\"{}\"", self.scopes.join(" ")));
            }
        }
        format!("Bearer {}", parameters.join(", ")).trim_end().to_owned()
    }
}

gatewit_plugin::export!(Jwt: request);

#[cfg(test)]
mod tests;

//! Authentication by name and password (RFC 7617). Passwords are compared by the gateway, slowly on purpose.

mod base64;
mod users;

use std::cell::OnceCell;

use gatewit_plugin::config::header_problem;
use gatewit_plugin::crypto::{self, CryptoError};
use gatewit_plugin::prelude::*;
use gatewit_plugin::{context, secrets};
use users::Users;

/// Lets in who knows a name and its password.
#[config]
#[serde(default)]
struct BasicAuth {
    /// Users, as `htpasswd -nB NAME` prints them: `NAME:HASH`. Hashes are bcrypt, or argon2id in PHC format.
    users: Vec<String>,
    /// Name of a secret (`[secret.NAME]`) with more of them, one a line.
    users_secret: Option<String>,
    /// What the browser shows when it asks.
    realm: String,
    /// Header that tells the service behind who the user is. What the client sends under this name never gets through.
    user_header: Option<String>,
    /// Whether the service behind gets name and password, too.
    forward_credentials: bool,
    #[serde(skip)]
    known: OnceCell<Users>,
}

impl Default for BasicAuth {
    fn default() -> Self {
        Self {
            users: Vec::new(),
            users_secret: None,
            realm: "restricted".to_owned(),
            user_header: None,
            forward_credentials: false,
            known: OnceCell::new(),
        }
    }
}

impl Plugin for BasicAuth {
    fn check(&self) -> Vec<Problem> {
        let (users, mut problems) = self.read();
        if users.is_empty() && problems.is_empty() {
            problems.push(Problem::at(
                "",
                "nobody has a password: name users in `users` or `users_secret`",
            ));
        }
        let quoted = |byte: u8| matches!(byte, b' '..=b'~') && !b"\"\\".contains(&byte);
        if !self.realm.bytes().all(quoted) {
            problems.push(Problem::at("/realm", "printable ASCII without `\"` and `\\`"));
        }
        if let Some(header) = &self.user_header {
            if let Some(why) = header_problem(header) {
                problems.push(Problem::at("/user_header", why));
            } else if header.eq_ignore_ascii_case("authorization") {
                problems.push(Problem::at("/user_header", "this is where the password stands"));
            }
        }
        problems
    }

    fn request(&self, request: &mut Request) -> Result<Outcome> {
        // Before anything else: the service believes this header.
        if let Some(header) = &self.user_header {
            request.remove_header(header)?;
        }
        let Some(user) = self.user(request)? else {
            let challenge = format!("Basic realm=\"{}\", charset=\"UTF-8\"", self.realm);
            return Ok(Response::refusal(401, "A name and its password are needed.")
                .header("www-authenticate", challenge)
                .into());
        };
        if let Some(header) = &self.user_header {
            request.set_header(header, &user)?;
        }
        context::set("user", user)?;
        if !self.forward_credentials {
            request.remove_header("authorization")?;
        }
        Ok(Outcome::Next)
    }
}

impl BasicAuth {
    /// Who it is, if the password is right.
    fn user(&self, request: &Request) -> Result<Option<String>> {
        let lines = request.header_values("authorization");
        let [line] = lines.as_slice() else {
            return Ok(None);
        };
        let Some((name, password)) = credentials(line) else {
            return Ok(None);
        };
        let users = self.known.get_or_init(|| self.read().0);
        // Who is not there costs as much as who is: the time it takes does not tell names.
        let (hash, is_known) = users.hash_of(&name);
        let is_right = match crypto::verify_password(hash, password) {
            // What stands in for a hash need not be one.
            Err(CryptoError::BadInput) if !is_known => false,
            verified => verified?,
        };
        Ok((is_right && is_known).then_some(name))
    }

    /// All users. Secrets are read once in every instance.
    fn read(&self) -> (Users, Vec<Problem>) {
        let mut users = Users::default();
        let mut problems = Vec::new();
        for (at, line) in self.users.iter().enumerate() {
            if let Err(why) = users.add(line) {
                problems.push(Problem::at(format!("/users/{at}"), why));
            }
        }
        if let Some(name) = &self.users_secret {
            let mut complain = |why| problems.push(Problem::at("/users_secret", why));
            match secrets::reveal(name).map(String::from_utf8) {
                None => complain(format!("there is no secret `{name}`: declare [secret.{name}]")),
                Some(Err(_)) => complain(format!("the secret `{name}` is not text")),
                Some(Ok(text)) => {
                    let lines = text.lines().map(str::trim).enumerate();
                    for (at, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
                        if let Err(why) = users.add(line) {
                            complain(format!("line {}: {why}", at + 1));
                        }
                    }
                }
            }
        }
        (users, problems)
    }
}

/// Name and password (RFC 7617 section 2). Neither may contain control characters.
fn credentials(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let line = std::str::from_utf8(line).ok()?;
    let (scheme, encoded) = line.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let both = base64::decoded(encoded.trim_matches(' '))?;
    let colon = both.iter().position(|byte| *byte == b':')?;
    if both.iter().any(u8::is_ascii_control) {
        return None;
    }
    let name = String::from_utf8(both[..colon].to_vec()).ok()?;
    Some((name, both[colon + 1..].to_vec()))
}

gatewit_plugin::export!(BasicAuth: request);

#[cfg(test)]
mod tests;

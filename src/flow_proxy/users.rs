//! Who may pass: users of a call and of secrets. Passwords are hashed, slowly and on purpose, once the call is
//! understood; nothing here keeps or shows one.

use std::fmt;

use super::reader::Reader;

/// Of bcrypt: about 50 ms, for every user of a call, and later once a minute for each.
const COST: u32 = 10;

/// Of bcrypt: what comes behind would not be compared.
const LONGEST: usize = 72;

/// Users of one service.
const MOST: usize = 100;

/// Somebody with a password.
#[derive(Clone, Eq, PartialEq)]
pub(super) struct User {
    /// Printable ASCII without a colon.
    pub name: String,
    password: Password,
}

#[derive(Clone, Eq, PartialEq)]
enum Password {
    Plain(String),
    Hash(String),
}

/// Without the password.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl User {
    /// `NAME:HASH`, as the plugin takes it. `earlier` are lines of the same service: one that fits is used again, so
    /// that saying the same twice means the same. Takes long.
    ///
    /// # Errors
    ///
    /// There are no random numbers for a salt.
    pub(super) fn line(&self, earlier: &[String]) -> Result<String, bcrypt::BcryptError> {
        let name = &self.name;
        let password = match &self.password {
            Password::Hash(hash) => return Ok(format!("{name}:{hash}")),
            Password::Plain(password) => password,
        };
        let fits = |line: &&String| {
            let hash = line
                .strip_prefix(name.as_str())
                .and_then(|rest| rest.strip_prefix(':'));
            hash.is_some_and(|hash| bcrypt::verify(password, hash).unwrap_or(false))
        };
        match earlier.iter().find(fits) {
            Some(line) => Ok(line.clone()),
            None => Ok(format!("{name}:{}", bcrypt::hash(password, COST)?)),
        }
    }
}

/// The users of `users` and `usersSecret`.
pub(super) fn read(reader: &mut Reader<'_>) -> Vec<User> {
    let hashed = reader.flag("usersPassEncrypted", 0);
    let named = pairs(reader.said.of("users").unwrap_or_default(), reader.separator);
    let secret = match reader.said.of("usersSecret") {
        None => None,
        Some(name) => match secret(reader, name) {
            Ok(text) => Some(pairs(&text, reader.separator)),
            Err(why) => {
                reader.wrong("usersSecret", 0, why);
                return Vec::new();
            }
        },
    };
    let all = match (named.is_empty(), &secret) {
        (true, None) => return Vec::new(),
        (true, Some(secret)) => secret.clone(),
        (false, secret) => completed(reader, named, secret.as_deref().unwrap_or_default()),
    };
    if all.is_empty() && secret.is_some() {
        // Nobody is not everybody.
        reader.wrong("usersSecret", 0, "there is no user in it: write `NAME:PASSWORD`");
    }
    if all.len() > MOST {
        reader.wrong("users", 0, format!("there are more than {MOST}"));
        return Vec::new();
    }
    let users: Vec<_> = all
        .into_iter()
        .map(|(name, password)| user(reader, name, password, hashed))
        .collect();
    users.into_iter().flatten().collect()
}

fn secret(reader: &Reader<'_>, name: &str) -> Result<String, String> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.bytes().all(good) {
        (reader.secrets)(&format!("dfp_users_{name}"))
    } else {
        Err("the name of a secret has letters, digits, `-`, `_` and `.`".to_owned())
    }
}

/// Names with passwords, and names alone.
fn pairs(text: &str, separator: &str) -> Vec<(String, Option<String>)> {
    let entries = text.lines().flat_map(|line| line.split(separator)).map(str::trim);
    let entries = entries.filter(|entry| !entry.is_empty());
    let pair = |entry: &str| match entry.split_once(':') {
        Some((name, password)) => (name.trim().to_owned(), Some(password.trim().to_owned())),
        None => (entry.to_owned(), None),
    };
    entries.map(pair).collect()
}

/// A name alone has its password in the secret.
fn completed(
    reader: &mut Reader<'_>,
    named: Vec<(String, Option<String>)>,
    secret: &[(String, Option<String>)],
) -> Vec<(String, Option<String>)> {
    let find = |name: &str| {
        let found = secret.iter().find(|(other, _)| other == name);
        found.and_then(|(_, password)| password.clone())
    };
    let mut completed = Vec::new();
    for (name, password) in named {
        let password = password.or_else(|| find(&name));
        if password.is_none() {
            reader.wrong(
                "users",
                0,
                format!("`{name}` has no password, and there is none in `usersSecret`"),
            );
        }
        completed.push((name, password));
    }
    completed
}

fn user(reader: &mut Reader<'_>, name: String, password: Option<String>, hashed: bool) -> Option<User> {
    let mut wrong = |why: String| -> Option<User> {
        reader.wrong("users", 0, why);
        None
    };
    let password = password.filter(|password| !password.is_empty());
    let Some(password) = password else {
        return wrong(format!("`{name}` has no password: write `NAME:PASSWORD`"));
    };
    if name.is_empty() || !name.bytes().all(|byte| matches!(byte, b'!'..=b'~')) {
        return wrong("the name of a user is printable ASCII without spaces".to_owned());
    }
    if hashed
        && !["$2a$", "$2b$", "$2y$", "$argon2id$"]
            .iter()
            .any(|kind| password.starts_with(kind))
    {
        return wrong(format!(
            "the hash of `{name}` is neither bcrypt nor argon2id: `htpasswd -nB {name}` makes one"
        ));
    }
    if !hashed && password.len() > LONGEST {
        return wrong(format!("the password of `{name}` has more than {LONGEST} bytes"));
    }
    let password = if hashed {
        Password::Hash(password)
    } else {
        Password::Plain(password)
    };
    Some(User { name, password })
}

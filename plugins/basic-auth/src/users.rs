//! Users and the hashes of their passwords, as htpasswd writes them.

use std::collections::BTreeMap;

/// Users by name.
#[derive(Debug, Default)]
pub(crate) struct Users {
    hashes: BTreeMap<String, String>,
    /// Stands in for who is not there: of the same kind and cost as the first hash, and of no password.
    nobodys: String,
}

impl Users {
    pub(crate) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Adds a line `NAME:HASH`. What is wrong is said without repeating the hash.
    pub(crate) fn add(&mut self, line: &str) -> Result<(), String> {
        let Some((name, hash)) = line.split_once(':') else {
            return Err("not a user: NAME:HASH, as `htpasswd -nB NAME` prints it".to_owned());
        };
        if name.is_empty() || !name.bytes().all(|byte| matches!(byte, b'!'..=b'~')) {
            return Err("the name of a user is printable ASCII without spaces".to_owned());
        }
        if !is_bcrypt(hash) && !is_argon2id(hash) {
            return Err(format!(
                "the hash of `{name}` is neither bcrypt nor argon2id: `htpasswd -nB {name}` makes one"
            ));
        }
        if self.hashes.contains_key(name) {
            return Err(format!("`{name}` is there twice"));
        }
        if self.nobodys.is_empty() {
            self.nobodys = nobodys(hash);
        }
        self.hashes.insert(name.to_owned(), hash.to_owned());
        Ok(())
    }

    /// The hash to compare with, and whether it is really this user's.
    pub(crate) fn hash_of(&self, name: &str) -> (&str, bool) {
        match self.hashes.get(name) {
            Some(hash) => (hash, true),
            None => (&self.nobodys, false),
        }
    }
}

/// `$2b$12$`, 22 characters of salt, 31 of the hash.
fn is_bcrypt(hash: &str) -> bool {
    let Some((kind, rest)) = hash.split_at_checked(4) else {
        return false;
    };
    let Some((cost, rest)) = rest.split_once('$') else {
        return false;
    };
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"./".contains(&byte);
    ["$2a$", "$2b$", "$2y$"].contains(&kind)
        && cost.len() == 2
        && cost.parse::<u8>().is_ok_and(|cost| (4..=31).contains(&cost))
        && rest.len() == 53
        && rest.bytes().all(letter)
}

/// `$argon2id$v=19$m=65536,t=3,p=4$SALT$HASH`
fn is_argon2id(hash: &str) -> bool {
    let parts: Vec<&str> = hash.split('$').collect();
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"+/".contains(&byte);
    let is_base64 = |part: &str| !part.is_empty() && part.bytes().all(letter);
    matches!(parts.as_slice(), ["", "argon2id", "v=19", parameters, salt, hash]
        if parameters.starts_with("m=") && is_base64(salt) && is_base64(hash))
}

/// A hash with the same salt and cost, whose last part is all zeros: no password is known to have it.
fn nobodys(hash: &str) -> String {
    let (kept, zero) = if is_bcrypt(hash) {
        (hash.len() - 31, ".")
    } else {
        (hash.rfind('$').map_or(0, |at| at + 1), "A")
    };
    format!("{}{}", &hash[..kept], zero.repeat(hash.len() - kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BCRYPT: &str = "$2y$05$bvIG6Nmid91Mu9RcmmWZfO5HJIMCT8riNW0hEp8f6/FuA2/mHZFpe";
    const ARGON2ID: &str =
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b1eWpkPWmXlF0jEOYKGuQy8r3c";

    #[test]
    fn users_are_read() {
        for (line, is_one) in [
            (format!("alice:{BCRYPT}"), true),
            (format!("alice:{ARGON2ID}"), true),
            (BCRYPT.to_owned(), false),
            (format!(":{BCRYPT}"), false),
            (format!("a lice:{BCRYPT}"), false),
            (format!("al\r\nice:{BCRYPT}"), false),
            ("alice:secret".to_owned(), false),
            ("alice:".to_owned(), false),
            ("alice:$apr1$x$y".to_owned(), false),
            ("alice:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=".to_owned(), false),
            (format!("alice:{}", &BCRYPT[..59]), false),
            (format!("alice:{}", BCRYPT.replace("05", "99")), false),
            (format!("alice:{}", ARGON2ID.replace("2id", "2i")), false),
            ("alice:ä€𝄞".to_owned(), false),
        ] {
            let added = Users::default().add(&line);
            assert_eq!(added.is_ok(), is_one, "{line}");
            assert!(
                !added.is_err_and(|why| why.contains("secret") || why.contains("$2y")),
                "{line}"
            );
        }
        let mut users = Users::default();
        users.add(&format!("alice:{BCRYPT}")).unwrap();
        assert!(users.add(&format!("alice:{ARGON2ID}")).is_err());
    }

    #[test]
    fn who_is_not_there_has_a_hash_of_the_same_cost() {
        for (hash, begins) in [
            (BCRYPT, &BCRYPT[..29]),
            (ARGON2ID, "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$"),
        ] {
            let mut users = Users::default();
            users.add(&format!("alice:{hash}")).unwrap();
            users.add(&format!("bob:{BCRYPT}")).unwrap();
            assert_eq!(users.hash_of("alice"), (hash, true));
            let (nobodys, is_known) = users.hash_of("mallory");
            assert!(
                !is_known && nobodys != hash && nobodys.len() == hash.len() && nobodys.starts_with(begins)
            );
            assert!(is_bcrypt(nobodys) || is_argon2id(nobodys), "{nobodys}");
        }
    }
}

//! Passwords against their hashes: slow by design, so done on threads of their own, few at a time, and remembered for a
//! minute. What is remembered is found again by a keyed hash of both; neither is kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use argon2::{Argon2, PasswordHash, PasswordVerifier};
use aws_lc_rs::hmac;
use bcrypt::HashParts;
use tokio::sync::{Semaphore, watch};
use tokio::task::spawn_blocking;

/// Checks that run at once.
const AT_ONCE: usize = 2;

/// Checks that run or wait for their turn.
const WAITING: usize = 16;

/// How long a result holds. A hash that is changed is another question.
const REMEMBERED: Duration = Duration::from_secs(60);

/// Results remembered.
const MOST: usize = 4096;

/// Bytes of a password.
const LONGEST: usize = 4 << 10;

/// Of bcrypt: about two seconds.
const MOST_COST: u32 = 15;

/// Of Argon2: KiB, passes and lanes.
const MOST_WORK: [(&str, u32); 3] = [("m", 128 << 10), ("t", 16), ("p", 16)];

/// Why there is no result.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum Error {
    /// The hash is of an unknown kind, or the password longer than 4 KiB.
    #[error("not a hash that can be checked")]
    Unreadable,
    /// The hash asks for too much, or too many passwords are checked already.
    #[error("too much work")]
    TooMuch,
}

/// What is known of passwords. Cheap to share; the process has one.
#[derive(Clone, Debug)]
pub(super) struct Passwords(Arc<State>);

#[derive(Debug)]
struct State {
    turns: Arc<Semaphore>,
    /// New in every process.
    secret: hmac::Key,
    known: Mutex<HashMap<Tag, Known>>,
}

type Tag = [u8; 32];

#[derive(Clone, Debug)]
enum Known {
    /// Being checked: whoever asks the same waits for the same.
    Pending(watch::Receiver<Option<bool>>),
    Checked {
        matches: bool,
        until: Instant,
    },
}

impl Default for Passwords {
    fn default() -> Self {
        let mut secret = [0; 32];
        // Without random numbers what is remembered could be found out from the memory alone, nothing worse.
        let _ = aws_lc_rs::rand::fill(&mut secret);
        Self(Arc::new(State {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            secret: hmac::Key::new(hmac::HMAC_SHA256, &secret),
            known: Mutex::default(),
        }))
    }
}

impl Passwords {
    /// Whether a password belongs to a hash: bcrypt (`$2a$`, `$2b$`, `$2y$`), or argon2id in PHC format.
    ///
    /// Who does not wait for the result finds it remembered the next time: a first check may take longer than a hook
    /// has time.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub(super) async fn verify(&self, hash: String, password: Vec<u8>) -> Result<bool, Error> {
        let scheme = Scheme::of(&hash)?;
        if password.len() > LONGEST {
            return Err(Error::Unreadable);
        }
        let mut receiver = match self.look(&hash, &password) {
            Look::Checked(matches) => return Ok(matches),
            Look::Pending(receiver) => receiver,
            Look::New(tag, sender) => {
                let receiver = sender.subscribe();
                let state = self.0.clone();
                drop(tokio::spawn(state.check(tag, scheme, hash, password, sender)));
                receiver
            }
            Look::Full => return Err(Error::TooMuch),
        };
        let checked = receiver.wait_for(Option::is_some).await;
        checked.ok().and_then(|matches| *matches).ok_or(Error::TooMuch)
    }

    fn look(&self, hash: &str, password: &[u8]) -> Look {
        let tag = self.0.tag(hash, password);
        let mut known = self.0.known();
        match known.get(&tag) {
            Some(Known::Checked { matches, until }) if *until > Instant::now() => {
                return Look::Checked(*matches);
            }
            // Its sender is gone when the worker that checked it stopped.
            Some(Known::Pending(receiver)) if receiver.has_changed().is_ok() => {
                return Look::Pending(receiver.clone());
            }
            _ => {}
        }
        let pending = known.values().filter(|known| matches!(known, Known::Pending(_)));
        if pending.count() >= WAITING {
            return Look::Full;
        }
        make_room(&mut known);
        let (sender, receiver) = watch::channel(None);
        known.insert(tag, Known::Pending(receiver));
        Look::New(tag, sender)
    }
}

enum Look {
    Checked(bool),
    Pending(watch::Receiver<Option<bool>>),
    New(Tag, watch::Sender<Option<bool>>),
    Full,
}

impl State {
    fn known(&self) -> MutexGuard<'_, HashMap<Tag, Known>> {
        // Entries are only put in and taken out.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tag(&self, hash: &str, password: &[u8]) -> Tag {
        let mut context = hmac::Context::with_key(&self.secret);
        context.update(&(hash.len() as u64).to_le_bytes());
        context.update(hash.as_bytes());
        context.update(password);
        let mut tag = Tag::default();
        tag.copy_from_slice(context.sign().as_ref());
        tag
    }

    /// Goes on when nobody waits for it any more.
    async fn check(
        self: Arc<Self>,
        tag: Tag,
        scheme: Scheme,
        hash: String,
        password: Vec<u8>,
        sender: watch::Sender<Option<bool>>,
    ) {
        let turn = self.turns.clone().acquire_owned().await;
        let checked = spawn_blocking(move || {
            let _turn = turn;
            scheme.verify(&hash, &password)
        });
        // A panic in a check is a password that does not match.
        let matches = checked.await.unwrap_or(false);
        let until = Instant::now() + REMEMBERED;
        self.known().insert(tag, Known::Checked { matches, until });
        sender.send_replace(Some(matches));
    }
}

/// What is over goes first, then passwords that did not match: who guesses does not make the others wait again.
fn make_room(known: &mut HashMap<Tag, Known>) {
    if known.len() < MOST {
        return;
    }
    let now = Instant::now();
    known.retain(|_, known| !matches!(known, Known::Checked { until, .. } if *until <= now));
    if known.len() >= MOST {
        known.retain(|_, known| !matches!(known, Known::Checked { matches: false, .. }));
    }
    if known.len() >= MOST {
        known.retain(|_, known| matches!(known, Known::Pending(_)));
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Scheme {
    Bcrypt,
    Argon2id,
}

impl Scheme {
    /// Looks at a hash, and at what it would cost.
    fn of(hash: &str) -> Result<Self, Error> {
        if ["$2a$", "$2b$", "$2y$"]
            .iter()
            .any(|prefix| hash.starts_with(prefix))
        {
            let parts: HashParts = hash.parse().map_err(|_| Error::Unreadable)?;
            return if parts.get_cost() > MOST_COST {
                Err(Error::TooMuch)
            } else {
                Ok(Self::Bcrypt)
            };
        }
        if !hash.starts_with("$argon2id$") {
            return Err(Error::Unreadable);
        }
        let parsed = PasswordHash::new(hash).map_err(|_| Error::Unreadable)?;
        if parsed.salt.is_none() || parsed.hash.is_none() {
            return Err(Error::Unreadable);
        }
        for (name, most) in MOST_WORK {
            let work = parsed.params.get_decimal(name).ok_or(Error::Unreadable)?;
            if work > most {
                return Err(Error::TooMuch);
            }
        }
        Ok(Self::Argon2id)
    }

    fn verify(self, hash: &str, password: &[u8]) -> bool {
        match self {
            Self::Bcrypt => bcrypt::verify(password, hash).unwrap_or(false),
            Self::Argon2id => PasswordHash::new(hash)
                .is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of "secret", with the least work there is.
    const ARGON2ID: &str = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$";

    fn bcrypt_of(password: &str) -> String {
        bcrypt::hash_with_salt(password, 4, [7; 16]).unwrap().to_string()
    }

    fn argon2id_of(password: &str) -> String {
        use argon2::{Algorithm, Params, PasswordHasher, Version};
        let params = Params::new(8, 1, 1, None).unwrap();
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash = argon2.hash_password_with_salt(password.as_bytes(), b"somesalt");
        hash.unwrap().to_string()
    }

    #[tokio::test]
    async fn the_right_password_matches_and_others_do_not() {
        let passwords = Passwords::default();
        let php = bcrypt_of("secret").replace("$2b$", "$2y$");
        assert!(argon2id_of("secret").starts_with(ARGON2ID));
        for hash in [bcrypt_of("secret"), php, argon2id_of("secret")] {
            for (password, matches) in [("secret", true), ("Secret", false), ("", false)] {
                // The second time from memory.
                for _ in 0..2 {
                    let verified = passwords.verify(hash.clone(), password.into()).await;
                    assert_eq!(verified, Ok(matches), "{password} {hash}");
                }
            }
        }
    }

    #[tokio::test]
    async fn hashes_of_other_kinds_and_of_too_much_work_are_refused() {
        let passwords = Passwords::default();
        let good = argon2id_of("secret");
        let table = [
            (String::new(), Error::Unreadable),
            ("secret".to_owned(), Error::Unreadable),
            ("$apr1$x$y".to_owned(), Error::Unreadable),
            ("$2b$04$short".to_owned(), Error::Unreadable),
            (ARGON2ID.to_owned(), Error::Unreadable),
            (good.replace("argon2id", "argon2i"), Error::Unreadable),
            (good.replace("m=8", "m=1000000"), Error::TooMuch),
            (good.replace("t=1", "t=17"), Error::TooMuch),
            (good.replace("p=1", "p=17"), Error::TooMuch),
            (bcrypt_of("secret").replace("$04$", "$31$"), Error::TooMuch),
        ];
        for (hash, error) in table {
            assert_eq!(
                passwords.verify(hash.clone(), b"secret".to_vec()).await,
                Err(error),
                "{hash}"
            );
        }
        let long = passwords.verify(good, vec![b'x'; LONGEST + 1]).await;
        assert_eq!(long, Err(Error::Unreadable));
    }

    #[tokio::test]
    async fn who_asks_the_same_waits_for_the_same_and_the_queue_is_bounded() {
        let passwords = Passwords::default();
        let turns = passwords.0.turns.clone();
        let held = turns.acquire_many(2).await.unwrap();
        let hash = bcrypt_of("secret");
        let ask = |password: String| {
            let (passwords, hash) = (passwords.clone(), hash.clone());
            tokio::spawn(async move { passwords.verify(hash, password.into_bytes()).await })
        };
        let same: Vec<_> = (0..50).map(|_| ask("secret".to_owned())).collect();
        let others: Vec<_> = (0..20).map(|number| ask(number.to_string())).collect();
        // All have asked, and none can be answered.
        while passwords.0.known().len() < WAITING {
            tokio::task::yield_now().await;
        }
        drop(held);
        for answer in same {
            assert_eq!(answer.await.unwrap(), Ok(true));
        }
        let mut refused = 0;
        for answer in others {
            refused += usize::from(answer.await.unwrap() == Err(Error::TooMuch));
        }
        assert_eq!(refused, 20 + 1 - WAITING);
    }

    #[tokio::test]
    async fn a_check_that_nobody_waits_for_is_remembered() {
        let passwords = Passwords::default();
        let hash = bcrypt_of("secret");
        let turns = passwords.0.turns.clone();
        let held = turns.acquire_many(2).await.unwrap();
        let impatient = passwords.verify(hash.clone(), b"secret".to_vec());
        let timed_out = tokio::time::timeout(Duration::ZERO, impatient).await;
        assert!(timed_out.is_err());
        drop(held);
        let done = |known: &Known| matches!(known, Known::Checked { matches: true, .. });
        while !passwords.0.known().values().all(done) {
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn guesses_do_not_push_out_what_matched() {
        let mut known = HashMap::new();
        let until = Instant::now() + REMEMBERED;
        for number in 0..MOST {
            let mut tag = Tag::default();
            tag[..8].copy_from_slice(&number.to_le_bytes());
            known.insert(
                tag,
                Known::Checked {
                    matches: number < 10,
                    until,
                },
            );
        }
        make_room(&mut known);
        assert_eq!(known.len(), 10);
    }
}

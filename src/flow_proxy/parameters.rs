//! Every parameter of Docker Flow Proxy's `reconfigure`, and what became of it here. What the values mean is a matter
//! of the files beside this one.

use std::collections::BTreeMap;

use crate::config;

use super::known::KNOWN;

/// The largest index: `servicePath.10`.
pub(super) const INDEXES: u8 = 10;

/// What is known of a parameter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Parameter {
    /// As it is written in a query.
    pub name: &'static str,
    /// Whether there may be one for each destination: `port.1`, `port.2`.
    pub indexed: bool,
    /// Whether it is understood.
    pub fate: Fate,
    /// What it does here; or why it is refused, and what to use instead.
    pub about: &'static str,
}

/// What becomes of a parameter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fate {
    /// It is understood.
    Works,
    /// It is refused, but for these values, which ask for what is so anyway.
    Refused(&'static [&'static str]),
    /// It is somebody else's: taken, told in the answer, and without any effect.
    Foreign,
}

/// One thing that is wrong with a call.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{parameter}: {message}")]
pub(super) struct Problem {
    /// Which parameter, as it was written.
    pub parameter: String,
    /// What is wrong, and what to do about it.
    pub message: String,
}

impl Problem {
    pub(super) fn new(parameter: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            parameter: parameter.into(),
            message: message.into(),
        }
    }
}

/// The parameters of one call that are not empty, by name and index; 0 for none.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Said(BTreeMap<(&'static str, u8), String>);

impl Said {
    /// Understands names. What is unknown, refused, or said twice in two ways is a problem; what belongs to somebody
    /// else is a warning.
    pub(super) fn read<N: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> (Self, Vec<Problem>, Vec<Problem>) {
        let (mut said, mut problems, mut warnings) = (Self::default(), Vec::new(), Vec::new());
        for (name, value) in pairs {
            let (name, value) = (name.as_ref(), value.as_ref().trim());
            // As for Docker Flow Proxy, an empty value is none.
            if value.is_empty() {
                continue;
            }
            match find(name) {
                Err(problem) => problems.push(problem),
                Ok((parameter, _)) if parameter.fate == Fate::Foreign => {
                    warnings.push(Problem::new(name, parameter.about));
                }
                Ok((parameter, _)) if parameter.refuses(value) => {
                    problems.push(Problem::new(name, parameter.about));
                }
                Ok((parameter, index)) => {
                    let key = (parameter.name, index);
                    let before = said.0.insert(key, value.to_owned());
                    if before.is_some_and(|before| before != value) {
                        problems.push(Problem::new(name, "is there twice: say it once"));
                    }
                }
            }
        }
        (said, problems, warnings)
    }

    /// The value for a destination: its own, else that of all. 0 is a destination without a number.
    pub(super) fn at(&self, name: &'static str, index: u8) -> Option<&str> {
        debug_assert!(KNOWN.iter().any(|known| known.name == name), "{name}");
        let own = self.0.get(&(name, index));
        own.or_else(|| self.0.get(&(name, 0))).map(String::as_str)
    }

    /// The value of a parameter that is about the whole service.
    pub(super) fn of(&self, name: &'static str) -> Option<&str> {
        self.at(name, 0)
    }

    /// Whether it is there for this very destination.
    pub(super) fn has(&self, name: &'static str, index: u8) -> bool {
        self.0.contains_key(&(name, index))
    }
}

impl Parameter {
    fn refuses(&self, value: &str) -> bool {
        match self.fate {
            Fate::Refused(but) => !but.iter().any(|harmless| harmless.eq_ignore_ascii_case(value)),
            Fate::Works | Fate::Foreign => false,
        }
    }
}

/// As it is written in a query.
pub(super) fn spelled(name: &str, index: u8) -> String {
    match index {
        0 => name.to_owned(),
        index => format!("{name}.{index}"),
    }
}

/// All that are known, for the documentation.
pub fn all() -> &'static [Parameter] {
    KNOWN
}

fn find(said: &str) -> Result<(&'static Parameter, u8), Problem> {
    let (name, index) = match said.rsplit_once('.') {
        Some((name, index)) if !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit()) => {
            (name, Some(index))
        }
        _ => (said, None),
    };
    let Some(parameter) = KNOWN.iter().find(|known| known.name == name) else {
        return Err(unknown(said, name));
    };
    let Some(index) = index else {
        return Ok((parameter, 0));
    };
    if !parameter.indexed {
        let message = format!("`{name}` is about the whole service and takes no number");
        return Err(Problem::new(said, message));
    }
    match index.parse() {
        Ok(index @ 1..=INDEXES) => Ok((parameter, index)),
        _ => Err(Problem::new(said, format!("destinations go from 1 to {INDEXES}"))),
    }
}

fn unknown(said: &str, name: &str) -> Problem {
    let nearest = config::nearest(name, KNOWN.iter().map(|known| known.name));
    let message = match nearest {
        Some(nearest) => format!("unknown parameter: did you mean `{nearest}`?"),
        None => "unknown parameter".to_owned(),
    };
    Problem::new(said, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> (Said, Vec<String>, Vec<String>) {
        let (said, problems, warnings) = Said::read(pairs.iter().copied());
        let text = |problems: Vec<Problem>| problems.iter().map(Problem::to_string).collect();
        (said, text(problems), text(warnings))
    }

    #[test]
    fn names_are_unique_and_say_what_becomes_of_them() {
        for (at, known) in KNOWN.iter().enumerate() {
            assert!(!known.about.is_empty(), "{}", known.name);
            assert!(
                KNOWN[..at].iter().all(|other| other.name != known.name),
                "{}",
                known.name
            );
        }
    }

    #[test]
    fn a_value_of_all_destinations_stands_in_for_that_of_one() {
        let (said, problems, _) = read(&[("port", "80"), ("port.2", "81"), ("servicePath.1", "/a")]);
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(said.at("port", 1), Some("80"));
        assert_eq!(said.at("port", 2), Some("81"));
        assert_eq!(said.at("servicePath", 2), None);
        assert!(said.has("port", 2) && !said.has("port", 1));
    }

    #[test]
    fn empty_values_are_none() {
        assert_eq!(read(&[("port", ""), ("colour", " ")]).0, Said::default());
    }

    #[test]
    fn nothing_is_ignored() {
        for (name, value, wanted) in [
            (
                "servicepath",
                "/a",
                "servicepath: unknown parameter: did you mean `servicePath`?",
            ),
            ("colour", "red", "colour: unknown parameter"),
            ("port.11", "80", "port.11: destinations go from 1 to 10"),
            ("port.0", "80", "port.0: destinations go from 1 to 10"),
            ("port.x", "80", "port.x: unknown parameter: did you mean `port`?"),
            (
                "serviceName.1",
                "a",
                "serviceName.1: `serviceName` is about the whole service and takes no number",
            ),
            ("reqMode", "tcp", "reqMode: "),
            ("reqMode.3", "sni", "reqMode.3: "),
            ("sslVerifyNone", "true", "sslVerifyNone: "),
            ("backendExtra", "timeout connect 1s", "backendExtra: "),
        ] {
            let (_, problems, _) = read(&[(name, value)]);
            assert!(
                problems.len() == 1 && problems[0].starts_with(wanted),
                "{name}: {problems:?}"
            );
        }
        let (_, problems, _) = read(&[("port", "80"), ("port", "81")]);
        assert_eq!(problems, ["port: is there twice: say it once"]);
        assert!(read(&[("port", "80"), ("port", "80")]).1.is_empty());
    }

    #[test]
    fn what_asks_for_what_is_so_anyway_is_taken() {
        for (name, value) in [
            ("reqMode", "http"),
            ("sslVerifyNone", "false"),
            ("denyHttp.2", "False"),
            ("timeoutTunnel", "3600"),
            ("compressionAlgo", "identity"),
        ] {
            assert!(read(&[(name, value)]).1.is_empty(), "{name}={value}");
        }
    }

    #[test]
    fn what_belongs_to_others_is_told() {
        let (_, problems, warnings) = read(&[("scrapePort", "8080"), ("shortName", "true")]);
        assert!(problems.is_empty());
        assert_eq!(warnings.len(), 2);
    }
}

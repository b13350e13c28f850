//! Rates: so many in so long.

use std::str::FromStr;
use std::time::Duration;

use super::parse::Malformed;
use super::units;

/// So many in so long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Rate {
    pub(super) count: u64,
    pub(super) period: Duration,
}

const HELP: &str = "write `10/s`, `100/min`, `1000/h`, `1/d` or `5/10s`";

const PERIODS: [(&str, u64); 13] = [
    ("s", 1),
    ("sec", 1),
    ("second", 1),
    ("m", 60),
    ("min", 60),
    ("minute", 60),
    ("h", 3600),
    ("hr", 3600),
    ("hour", 3600),
    ("d", 86_400),
    ("day", 86_400),
    ("w", 604_800),
    ("week", 604_800),
];

impl FromStr for Rate {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let Some((count, period)) = text.split_once('/') else {
            let wrong = Malformed::new("a rate says in how long");
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            return Err(wrong.help(if digits {
                format!("write `{text}/s`, or `{text}/min`")
            } else {
                HELP.to_owned()
            }));
        };
        let slash = count.len();
        let (count, period) = (count.trim(), period.trim());
        let number = || {
            Malformed::new("not a whole number")
                .help(HELP)
                .at(0..slash.max(1))
        };
        if count.is_empty() || !count.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(number());
        }
        let count: u64 = count.parse().map_err(|_| number())?;
        let word = PERIODS.iter().find(|(word, _)| *word == period);
        let period = match word {
            Some((_, seconds)) => Duration::from_secs(*seconds),
            None => units::duration(period)
                .map_err(|_| Malformed::new("not a period").help(HELP).at(slash..text.len()))?,
        };
        if period.is_zero() {
            return Err(Malformed::new("the period is nothing")
                .help(HELP)
                .at(slash..text.len()));
        }
        // A microsecond for each is the finest that budgets tell apart.
        if u128::from(count) > period.as_micros() {
            return Err(Malformed::new("faster than a million a second").help("leave the budget out"));
        }
        Ok(Self { count, period })
    }
}

/// As it would be written.
impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let period = units::timed(self.period);
        match period
            .strip_prefix('1')
            .filter(|unit| ["s", "m", "h"].contains(unit))
        {
            Some(unit) => write!(f, "{}/{unit}", self.count),
            None => write!(f, "{}/{period}", self.count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_count_and_a_period() {
        for (text, count, seconds) in [
            ("10/s", 10, 1),
            ("1000/h", 1000, 3600),
            ("5/10s", 5, 10),
            ("100/min", 100, 60),
            ("100/m", 100, 60),
            ("1/d", 1, 86_400),
            ("7 / 1h30m", 7, 5400),
            ("0/s", 0, 1),
            ("1000000/s", 1_000_000, 1),
        ] {
            let period = Duration::from_secs(seconds);
            assert_eq!(text.parse(), Ok(Rate { count, period }), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_an_example() {
        for text in [
            "",
            "10",
            "10rps",
            "/s",
            "10/",
            "-1/s",
            "1.5/s",
            "10/0s",
            "10/fortnight",
            "1/s/s",
            "1000001/s",
            "99999999999999999999/s",
            "é/s",
            "1/é",
        ] {
            let wrong = text.parse::<Rate>().map_err(|wrong| {
                let range = wrong.range.clone().unwrap_or_default();
                (wrong.help.is_some(), text.get(range).is_some() || text.len() < 2)
            });
            assert_eq!(wrong, Err((true, true)), "{text}");
        }
    }

    #[test]
    fn what_is_shown_can_be_read_again() {
        for text in ["10/s", "1000/h", "5/10s", "100/m", "1/24h", "3/1500ms"] {
            assert_eq!(
                text.parse::<Rate>().map(|rate| rate.to_string()),
                Ok(text.to_owned())
            );
        }
    }
}

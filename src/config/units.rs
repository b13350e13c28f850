//! Numbers with units: durations and sizes. And ranges of statuses.

use std::str::FromStr;
use std::time::Duration;

use super::parse::Malformed;
use super::types::Size;

const SIZES: [(&str, u64); 8] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("KB", 1_000),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];

impl FromStr for Size {
    type Err = Malformed;

    /// A whole number and a unit: `64KiB`, `10MB`.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let wrong = |help: &str| Malformed::new("not a size").help(help);
        let digits = text
            .find(|char: char| !char.is_ascii_digit())
            .unwrap_or(text.len());
        let (number, unit) = (&text[..digits], text[digits..].trim_start());
        let Some((_, factor)) = SIZES.iter().find(|(name, _)| *name == unit) else {
            let binary = ["KiB", "MiB", "GiB"].into_iter().find(|name| {
                unit.chars()
                    .next()
                    .is_some_and(|first| name.starts_with(first.to_ascii_uppercase()))
            });
            return Err(match binary {
                Some(binary) if digits > 0 => wrong(&format!("write `{number}{binary}`")),
                _ => wrong("a whole number and a unit: `512B`, `64KiB`, `32MiB`, `1GiB`"),
            });
        };
        if number.is_empty() {
            return Err(wrong(
                "a whole number and a unit: `512B`, `64KiB`, `32MiB`, `1GiB`",
            ));
        }
        let whole = number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(*factor));
        whole
            .map(Self)
            .ok_or_else(|| Malformed::new("larger than any size"))
    }
}

/// Seconds.
const TIMES: [(&str, f64); 7] = [
    ("us", 1e-6),
    ("µs", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
    ("d", 86_400.0),
];

/// Clocks may be asked for the instant so far ahead without running over.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// `250ms`, `1.5s`, `1h30m`.
///
/// # Errors
/// When a number has no unit, a unit is unknown, or nothing is there.
pub fn duration(text: &str) -> Result<Duration, Malformed> {
    let wrong = |what: &str| Malformed::new(what).help("a number and a unit: `250ms`, `1.5s`, `2m`, `1h30m`");
    let mut rest = text;
    let mut total = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest
            .find(|char: char| !char.is_ascii_digit() && char != '.')
            .unwrap_or(rest.len());
        let (number, behind) = rest.split_at(digits);
        let whole = number.ends_with(|last: char| last.is_ascii_digit()) && !number.starts_with('.');
        let seconds = number
            .parse::<f64>()
            .ok()
            .filter(|_| whole)
            .ok_or_else(|| wrong("not a duration"))?;
        let end = behind
            .find(|char: char| char.is_ascii_digit())
            .unwrap_or(behind.len());
        let unit = behind[..end].trim();
        match TIMES.iter().find(|(name, _)| *name == unit) {
            Some((_, factor)) => total += seconds * factor,
            None if unit.is_empty() => return Err(wrong("a duration needs a unit")),
            None => {
                return Err(match spelled_out(unit) {
                    Some(unit) => Malformed::new("not a duration").help(format!("write `{number}{unit}`")),
                    None => wrong("not a duration"),
                });
            }
        }
        rest = &behind[end..];
    }
    if text.is_empty() {
        return Err(wrong("a duration is missing"));
    }
    match Duration::try_from_secs_f64(total) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        _ => Err(Malformed::new("longer than a year").help("the longest duration is `365d`")),
    }
}

/// The unit of those who write `5 minutes`.
fn spelled_out(unit: &str) -> Option<&'static str> {
    let unit = unit.to_ascii_lowercase();
    [("mil", "ms"), ("mi", "m"), ("s", "s"), ("h", "h"), ("d", "d")]
        .into_iter()
        .find(|(beginning, _)| unit.starts_with(beginning))
        .map(|(_, unit)| unit)
}

/// A size in the largest unit that leaves a whole number.
pub(super) fn sized(bytes: u64) -> String {
    let units = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
    let unit = units
        .iter()
        .find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit));
    unit.map_or_else(
        || "0B".to_owned(),
        |(name, unit)| format!("{}{name}", bytes / unit),
    )
}

/// A duration in the largest unit that leaves a whole number.
pub(super) fn timed(time: Duration) -> String {
    let units = [
        ("h", 3_600_000_000),
        ("m", 60_000_000),
        ("s", 1_000_000),
        ("ms", 1000),
        ("us", 1),
    ];
    let micros = time.as_micros();
    let unit = units
        .iter()
        .find(|(_, unit)| micros >= *unit && micros.is_multiple_of(*unit));
    unit.map_or_else(
        || "0s".to_owned(),
        |(name, unit)| format!("{}{name}", micros / unit),
    )
}

/// `200-399`, both bounds included.
pub(super) fn statuses(text: &str) -> Result<(u16, u16), Malformed> {
    let status = |text: &str| {
        text.trim()
            .parse::<u16>()
            .ok()
            .filter(|status| (100..=599).contains(status))
    };
    let range = match text.split_once('-') {
        Some((from, to)) => status(from).zip(status(to)),
        None => status(text).map(|status| (status, status)),
    };
    match range {
        Some((from, to)) if from <= to => Ok((from, to)),
        _ => Err(Malformed::new("not a range of statuses").help("write `\"200-399\"`, from 100 to 599")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, millis) in [
            ("250ms", 250),
            ("1.5s", 1500),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            ("0s", 0),
            ("2 m", 120_000),
            ("1500us", 1),
            ("365d", 31_536_000_000),
        ] {
            assert_eq!(duration(text).map(|it| it.as_millis()), Ok(millis), "{text}");
        }
        for text in [
            "",
            "5",
            "s",
            "1.s",
            ".5s",
            "1..5s",
            "-1s",
            "1s5",
            "366d",
            "1e3s",
            "5 fortnights",
            "é",
            "1é",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [
            ("0B", 0),
            ("64KiB", 65_536),
            ("1 MB", 1_000_000),
            ("16GiB", 1 << 34),
        ] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for text in ["", "5", "KiB", "1.5MiB", "64kb", "-1B", "99999999999GiB", "1é"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_shown_can_be_read_again() {
        for millis in [0, 1, 999, 1000, 1500, 60_000, 90_000, 3_600_000, 86_400_000] {
            let time = Duration::from_millis(millis);
            assert_eq!(duration(&timed(time)), Ok(time));
        }
        for bytes in [0, 1, 1023, 1024, 1025, 1 << 20, 3 << 30] {
            assert_eq!(sized(bytes).parse(), Ok(Size(bytes)));
        }
    }
}

//! Numbers with units: durations and sizes. And ranges of statuses.

use std::str::FromStr;
use std::time::Duration;

use super::parse::Malformed;
use super::types::Size;

impl FromStr for Size {
    type Err = Malformed;

    /// `512`… never: a number and a unit, `64KiB`, `10MB`.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let digits = text
            .find(|char: char| !char.is_ascii_digit() && char != '.')
            .unwrap_or(text.len());
        let factor: u64 = match text[digits..].trim_start() {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "KB" | "kB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            _ => {
                return Err(Malformed::new("not a size")
                    .help("a number and a unit: `512B`, `64KiB`, `32MiB`, `1GiB`"));
            }
        };
        let whole = text[..digits]
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(factor));
        whole
            .map(Size)
            .ok_or_else(|| Malformed::new("not a size").help("a whole number and a unit: `64KiB`, `1536MiB`"))
    }
}

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
        let number: f64 = rest[..digits].parse().map_err(|_| wrong("not a duration"))?;
        let end = rest[digits..]
            .find(|char: char| char.is_ascii_digit())
            .map_or(rest.len(), |unit| digits + unit);
        total += number
            * match rest[digits..end].trim() {
                "us" | "µs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                "d" => 86_400.0,
                "" => return Err(wrong("a duration needs a unit")),
                _ => return Err(wrong("not a duration")),
            };
        rest = rest[end..].trim_start();
    }
    if text.is_empty() {
        return Err(wrong("a duration is missing"));
    }
    match Duration::try_from_secs_f64(total) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        _ => Err(Malformed::new("longer than a year").help("the longest duration is `365d`")),
    }
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

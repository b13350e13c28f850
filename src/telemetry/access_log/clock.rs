//! Points in time as text, in UTC. The date and the second are formatted once per second.

use std::time::{Duration, SystemTime};

/// Formats points in time; remembers the last second.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    /// Second that the texts belong to; `None` at first.
    second: Option<u64>,
    /// `2026-11-22T14:47:00`
    rfc3339: [u8; 19],
    /// `22/Nov/2026:14:47:00 +0000`
    clf: [u8; 26],
}

const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";

impl Clock {
    /// RFC 3339 with milliseconds: `2026-11-22T14:47:00.123Z`. A time before 1970 is written as 1970.
    pub(crate) fn rfc3339(&mut self, time: SystemTime, out: &mut Vec<u8>) {
        let since = self.at(time);
        out.extend_from_slice(&self.rfc3339);
        let mut millis = *b".000Z";
        digits(&mut millis[1..4], since.subsec_millis().into());
        out.extend_from_slice(&millis);
    }

    /// As in Apache's logs: `22/Nov/2026:14:47:00 +0000`.
    pub(crate) fn clf(&mut self, time: SystemTime, out: &mut Vec<u8>) {
        self.at(time);
        out.extend_from_slice(&self.clf);
    }

    fn at(&mut self, time: SystemTime) -> Duration {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        if self.second != Some(since.as_secs()) {
            self.second = Some(since.as_secs());
            self.render(since.as_secs());
        }
        since
    }

    fn render(&mut self, seconds: u64) {
        let (year, month, day) = date(seconds / 86_400);
        let of_day = seconds % 86_400;
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        self.rfc3339 = *b"0000-00-00T00:00:00";
        self.clf = *b"00/---/0000:00:00:00 +0000";
        for (at, value) in [(5, month), (8, day), (11, hour), (14, minute), (17, second)] {
            digits(&mut self.rfc3339[at..at + 2], value);
        }
        digits(&mut self.rfc3339[..4], year);
        for (at, value) in [(0, day), (12, hour), (15, minute), (18, second)] {
            digits(&mut self.clf[at..at + 2], value);
        }
        digits(&mut self.clf[7..11], year);
        let name = 3 * (month as usize - 1);
        self.clf[3..6].copy_from_slice(&MONTHS[name..name + 3]);
    }
}

/// Year, month and day of a day since 1970-01-01, by counting in eras of 400 years that begin on 1 March
/// (so that the leap day is the last of a year).
fn date(days: u64) -> (u64, u64, u64) {
    /// From 0000-03-01 to 1970-01-01.
    const OFFSET: u64 = 719_468;
    const ERA: u64 = 146_097;
    let days = days + OFFSET;
    let (era, day) = (days / ERA, days % ERA);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + year + next, month, day_of_month)
}

/// Writes the last digits of a number, with leading zeros.
fn digits(out: &mut [u8], mut value: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // Seconds as `date -u -d … +%s` says.
        let cases = [
            (0, "1970-01-01T00:00:00.000Z", "01/Jan/1970:00:00:00 +0000"),
            (
                951_782_399,
                "2000-02-28T23:59:59.000Z",
                "28/Feb/2000:23:59:59 +0000",
            ),
            (
                951_782_400,
                "2000-02-29T00:00:00.000Z",
                "29/Feb/2000:00:00:00 +0000",
            ),
            (
                951_868_800,
                "2000-03-01T00:00:00.000Z",
                "01/Mar/2000:00:00:00 +0000",
            ),
            (
                1_798_761_599,
                "2026-12-31T23:59:59.000Z",
                "31/Dec/2026:23:59:59 +0000",
            ),
            (
                4_107_542_400,
                "2100-03-01T00:00:00.000Z",
                "01/Mar/2100:00:00:00 +0000",
            ),
        ];
        let mut clock = Clock::default();
        for (seconds, rfc3339, clf) in cases {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            let mut out = Vec::new();
            clock.rfc3339(time, &mut out);
            out.push(b' ');
            clock.clf(time, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), format!("{rfc3339} {clf}"));
        }
    }

    #[test]
    fn milliseconds_change_within_a_remembered_second() {
        let mut clock = Clock::default();
        let mut out = Vec::new();
        for millis in [1_007, 1_999] {
            clock.rfc3339(SystemTime::UNIX_EPOCH + Duration::from_millis(millis), &mut out);
        }
        assert_eq!(out, b"1970-01-01T00:00:01.007Z1970-01-01T00:00:01.999Z");
    }
}

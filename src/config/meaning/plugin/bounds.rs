//! `limits` of plugins and of their uses.

use std::time::Duration;

use crate::config::diagnostics::Code;
use crate::config::reading::Reading;
use crate::config::section::Section;
use crate::config::units::{sized, timed};
use crate::config::{Bounds, defaults};

const LONGEST_CPU: Duration = Duration::from_secs(10);
const LONGEST_TIME: Duration = Duration::from_secs(300);
/// A component's own data seldom fits less than one MiB; more than one GiB is refused by the allocator.
const MEMORY: (u64, u64) = (1 << 20, 1 << 30);
const LARGEST_BODY: u64 = 256 << 20;

/// What was said so far: by defaults, then the plugin, then the use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) bounds: Bounds,
    /// Whether somebody said how long a call may take; otherwise it may take as long as its CPU time.
    timed: bool,
}

impl Limits {
    /// `waits` for plugins that make HTTP calls.
    pub(super) fn new(waits: bool) -> Self {
        let mut bounds = Bounds::default();
        if waits {
            bounds.time = defaults::WAITING_TIME;
        }
        Self { bounds, timed: false }
    }

    /// Overwrites what a section says.
    pub(super) fn read(&mut self, mut section: Section, reading: &mut Reading<'_>) {
        let at = ["time", "cpu"].into_iter().find_map(|key| section.key_at(key));
        let bounds = &mut self.bounds;
        if let Some(cpu) = time(&mut section, "cpu", LONGEST_CPU, reading) {
            bounds.cpu = cpu;
        }
        if let Some(time) = time(&mut section, "time", LONGEST_TIME, reading) {
            (bounds.time, self.timed) = (time, true);
        }
        for (key, size, range) in [
            ("memory", &mut bounds.memory, MEMORY),
            ("request_body", &mut bounds.request_body, (1, LARGEST_BODY)),
            ("response_body", &mut bounds.response_body, (1, LARGEST_BODY)),
        ] {
            *size = within(&mut section, key, range, reading).unwrap_or(*size);
        }
        if let Some(number) = section.whole("instances") {
            bounds.instances = usize::try_from(number).unwrap_or(usize::MAX);
        }
        bounds.calls = section.whole("calls").unwrap_or(bounds.calls);
        bounds.log_lines = super::super::settings::count(&mut section, "log_lines", bounds.log_lines);
        if !self.timed {
            bounds.time = bounds.time.max(bounds.cpu);
        } else if let (Some(at), true) = (at, bounds.time < bounds.cpu) {
            let message = format!(
                "a call may take {} in all, but {} of CPU time",
                timed(bounds.time),
                timed(bounds.cpu)
            );
            let help = "`time` counts waiting too: it is at least as long as `cpu`";
            reading.problems.error(Code::Conflict, at, message).help(help);
        }
    }
}

fn time(section: &mut Section, key: &str, most: Duration, reading: &mut Reading<'_>) -> Option<Duration> {
    let at = section.key_at(key)?;
    let time = section.time(key)?;
    if time > most {
        let help = format!("at most `{key} = \"{}\"`", timed(most));
        return reading.invalid(at, format!("`{key}` is too long for one call"), help);
    }
    Some(time)
}

pub(in crate::config::meaning) fn within(
    section: &mut Section,
    key: &str,
    (least, most): (u64, u64),
    reading: &mut Reading<'_>,
) -> Option<u64> {
    let at = section.key_at(key)?;
    let size = section.size(key)?;
    if (least..=most).contains(&size) {
        return Some(size);
    }
    let help = if least > 1 {
        format!("from `\"{}\"` to `\"{}\"`", sized(least), sized(most))
    } else {
        format!("at most `\"{}\"`", sized(most))
    };
    reading.invalid(at, format!("`{key}` is out of range"), help)
}

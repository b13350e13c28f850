//! What clients are told: `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-09), which are lists,
//! so that every limit on the way adds its own.

use gatewit_plugin::context;
use gatewit_plugin::limits::Verdict;
use gatewit_plugin::prelude::*;

/// The values of `RateLimit` and `RateLimit-Policy`. The policy has no window: a budget fills up steadily.
pub(crate) fn fields(budget: &str, verdict: &Verdict) -> (Vec<u8>, Vec<u8>) {
    let (mut limit, mut policy) = (Vec::new(), Vec::new());
    write_limit(&mut limit, budget, verdict);
    write_policy(&mut policy, budget, verdict);
    (limit, policy)
}

// Put together by hand: every request that passes is told, and `format!` takes longer than the decision.
fn write_limit(out: &mut Vec<u8>, budget: &str, verdict: &Verdict) {
    write_quoted(out, budget);
    out.extend_from_slice(b";r=");
    write_number(out, verdict.remaining);
    out.extend_from_slice(b";t=");
    write_number(out, seconds(verdict.reset_after_ms));
}

fn write_policy(out: &mut Vec<u8>, budget: &str, verdict: &Verdict) {
    write_quoted(out, budget);
    out.extend_from_slice(b";q=");
    write_number(out, verdict.limit);
}

/// A string of structured fields (RFC 9651 section 3.3.3).
fn write_quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

fn write_number(out: &mut Vec<u8>, mut number: u64) {
    // The largest has 20 digits.
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Whole seconds, rounded up: who waits so long does not come too early.
pub(crate) fn seconds(millis: u64) -> u64 {
    millis.div_ceil(1000)
}

/// Keeps a verdict for the response. A route may use the plugin several times, with one memory.
pub(crate) fn remember(budget: &str, verdict: &Verdict) -> Result<()> {
    let mut lines = context::private();
    lines.reserve(2 * budget.len() + 64);
    write_limit(&mut lines, budget, verdict);
    lines.push(b'\n');
    write_policy(&mut lines, budget, verdict);
    lines.push(b'\n');
    Ok(context::set_private(lines)?)
}

/// Adds everything that was remembered. The first use that sees the response tells for all.
pub(crate) fn tell(response: &mut ResponseHead) -> Result<()> {
    let lines = context::private();
    if lines.is_empty() {
        return Ok(());
    }
    let mut lines = lines.split(|byte| *byte == b'\n');
    while let (Some(limit), Some(policy)) = (lines.next(), lines.next()) {
        response.append_header("ratelimit", limit)?;
        response.append_header("ratelimit-policy", policy)?;
    }
    Ok(context::set_private("")?)
}

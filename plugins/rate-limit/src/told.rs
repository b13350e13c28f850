//! What clients are told: `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-09), which are lists,
//! so that every limit on the way adds its own.

use gatewit_plugin::context;
use gatewit_plugin::limits::Verdict;
use gatewit_plugin::prelude::*;

/// The values of `RateLimit` and `RateLimit-Policy`. The policy has no window: a budget fills up steadily.
pub(crate) fn fields(budget: &str, verdict: &Verdict) -> (String, String) {
    // Put together by hand: every request that passes is told, and `format!` takes longer than the decision.
    let mut limit = quoted(budget);
    let mut policy = limit.clone();
    limit.push_str(";r=");
    limit.push_str(&verdict.remaining.to_string());
    limit.push_str(";t=");
    limit.push_str(&seconds(verdict.reset_after_ms).to_string());
    policy.push_str(";q=");
    policy.push_str(&verdict.limit.to_string());
    (limit, policy)
}

/// A string of structured fields (RFC 9651 section 3.3.3).
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 32);
    quoted.push('"');
    for char in text.chars() {
        if matches!(char, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(char);
    }
    quoted.push('"');
    quoted
}

/// Whole seconds, rounded up: who waits so long does not come too early.
pub(crate) fn seconds(millis: u64) -> u64 {
    millis.div_ceil(1000)
}

/// Keeps a verdict for the response. A route may use the plugin several times, with one memory.
pub(crate) fn remember(budget: &str, verdict: &Verdict) -> Result<()> {
    let (limit, policy) = fields(budget, verdict);
    let mut lines = context::private();
    for line in [limit, policy] {
        lines.extend_from_slice(line.as_bytes());
        lines.push(b'\n');
    }
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

//! What clients are told: `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-09), which are lists,
//! so that every limit on the way adds its own.

use gatewit_plugin::limits::Verdict;

/// The values of `RateLimit` and `RateLimit-Policy`. The policy has no window: a budget fills up steadily.
// Put together by hand: every request that passes is told, and `format!` takes longer than the decision.
pub(crate) fn fields(budget: &str, verdict: &Verdict) -> (Vec<u8>, Vec<u8>) {
    let mut limit = Vec::with_capacity(budget.len() + 48);
    write_quoted(&mut limit, budget);
    let mut policy = Vec::with_capacity(budget.len() + 32);
    policy.extend_from_slice(&limit);
    limit.extend_from_slice(b";r=");
    write_number(&mut limit, verdict.remaining);
    limit.extend_from_slice(b";t=");
    write_number(&mut limit, seconds(verdict.reset_after_ms));
    policy.extend_from_slice(b";q=");
    write_number(&mut policy, verdict.limit);
    (limit, policy)
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

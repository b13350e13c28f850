//! Rate limits. How much in how long is said by a budget of the gateway, which also counts, for all workers at once;
//! here stands who shares a budget, and what the client is told.

mod key;
mod told;

use gatewit_plugin::limits::{self, LimitsError, Verdict};
use gatewit_plugin::prelude::*;
use key::{Key, Keyed, Missing};

/// Refuses requests that a budget of the gateway has no room for.
#[config]
#[serde(default)]
struct RateLimit {
    /// Name of the budget: `[budget.NAME]`.
    budget: String,
    /// Who has a budget of their own: everybody who differs in any of these.
    key: Key,
    /// Leading bits of an IPv6 address that make a client: a household or a machine usually has a /64 for itself.
    ipv6_prefix: u8,
    /// What happens to a request that lacks a part of the key.
    missing: Missing,
    /// What one request takes out of the budget.
    cost: u32,
    /// Whether clients are told of the budget, by `RateLimit` and `RateLimit-Policy`.
    headers: bool,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self {
            budget: "default".to_owned(),
            key: Key::default(),
            ipv6_prefix: 64,
            missing: Missing::Client,
            cost: 1,
            headers: true,
        }
    }
}

impl Plugin for RateLimit {
    fn check(&self) -> Vec<Problem> {
        let mut problems = self.key.problems();
        if matches!(limits::take(&self.budget, "", 0), Err(LimitsError::NoSuchBudget)) {
            let name = &self.budget;
            problems.push(Problem::at(
                "/budget",
                format!("there is no budget `{name}`: declare [budget.{name}]"),
            ));
        }
        if !(1..=128).contains(&self.ipv6_prefix) {
            problems.push(Problem::at("/ipv6_prefix", "1 to 128"));
        }
        if self.cost == 0 {
            problems.push(Problem::at("/cost", "a cost of 0 would limit nothing"));
        }
        problems
    }

    fn request(&self, request: &mut Request) -> Result<Outcome> {
        let key = match self.key.of(request, self.ipv6_prefix, self.missing) {
            Keyed::By(key) => key,
            Keyed::Unlimited => return Ok(Outcome::Next),
            Keyed::Refused => return Err(Error::rejected("a part of the rate limit's key is missing")),
        };
        let verdict = limits::take(&self.budget, key, self.cost)?;
        if verdict.allowed {
            if self.headers {
                let (limit, policy) = told::fields(&self.budget, &verdict);
                request.append_response_header("ratelimit", limit)?;
                request.append_response_header("ratelimit-policy", policy)?;
            }
            return Ok(Outcome::Next);
        }
        debug!("limited"; "budget" => self.budget, "retry_after_ms" => verdict.retry_after_ms);
        Ok(self.refuse(&verdict).into())
    }
}

impl RateLimit {
    /// RFC 6585 section 4.
    fn refuse(&self, verdict: &Verdict) -> Response {
        let mut response = Response::refusal(429, "Too many requests. Come back later.");
        // It may never fit, when the cost is above the burst.
        if verdict.retry_after_ms < u64::MAX {
            response = response.header("retry-after", told::seconds(verdict.retry_after_ms).to_string());
        }
        if self.headers {
            let (limit, policy) = told::fields(&self.budget, verdict);
            response = response
                .header("ratelimit", limit)
                .header("ratelimit-policy", policy);
        }
        response
    }
}

gatewit_plugin::export!(RateLimit: request);

#[cfg(test)]
mod tests;

//! What the claims of a token must say. Signatures are checked before.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::{Error, Verified};
use crate::config;

/// Issuer, audience, required claims, and how far clocks may differ.
#[derive(Debug)]
pub(super) struct Rules {
    issuer: Vec<String>,
    audience: Vec<String>,
    required: Vec<String>,
    /// Seconds.
    leeway: f64,
}

impl Rules {
    pub(super) fn new(declared: &config::Verifier) -> Self {
        Self {
            issuer: declared.issuer.clone(),
            audience: declared.audience.clone(),
            required: declared.required.clone(),
            leeway: declared.leeway.as_secs_f64(),
        }
    }

    /// Reads the payload of a token whose signature is right.
    pub(super) fn judge(
        &self,
        payload: &[u8],
        key_id: Option<&str>,
        now: SystemTime,
    ) -> Result<Verified, Error> {
        let Ok(Value::Object(claims)) = serde_json::from_slice(payload) else {
            return Err(Error::Malformed);
        };
        let verified = Verified::read(&claims, key_id)?;
        self.on_time(&verified, now)?;
        if !self.issuer.is_empty() {
            let issuer = verified.issuer.as_deref().ok_or(Error::WrongIssuer)?;
            if !self.issuer.iter().any(|expected| expected == issuer) {
                return Err(Error::WrongIssuer);
            }
        }
        let is_meant = |audience: &str| self.audience.iter().any(|expected| expected == audience);
        if !self.audience.is_empty() && !verified.audience.iter().any(|audience| is_meant(audience)) {
            return Err(Error::WrongAudience);
        }
        let missing = |name: &String| claims.get(name).is_none_or(Value::is_null);
        match self
            .required
            .iter()
            .find(|name| missing(name))
            .map(String::as_str)
        {
            None => Ok(verified),
            Some("iss") => Err(Error::WrongIssuer),
            Some("aud") => Err(Error::WrongAudience),
            Some(_) => Err(Error::Malformed),
        }
    }

    /// `exp` is the first moment at which a token does not count any more (RFC 7519 section 4.1.4).
    pub(super) fn on_time(&self, verified: &Verified, now: SystemTime) -> Result<(), Error> {
        let now = now
            .duration_since(UNIX_EPOCH)
            .map_or(0.0, |since| since.as_secs_f64());
        if verified.expires_at.is_some_and(|end| now >= end + self.leeway) {
            return Err(Error::Expired);
        }
        if verified.not_before.is_some_and(|start| now < start - self.leeway) {
            return Err(Error::NotYetValid);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn rules(issuer: &[&str], audience: &[&str], required: &[&str], leeway: f64) -> Rules {
        let owned = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        Rules {
            issuer: owned(issuer),
            audience: owned(audience),
            required: owned(required),
            leeway,
        }
    }

    fn judge(rules: &Rules, claims: &Value) -> Result<(), Error> {
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        rules.judge(claims.to_string().as_bytes(), None, now).map(drop)
    }

    #[test]
    fn time_has_exact_edges_and_leeway() {
        for (claims, leeway, expected) in [
            (json!({"exp": 1000}), 0.0, Err(Error::Expired)),
            (json!({"exp": 1000.5}), 0.0, Ok(())),
            (json!({"exp": 1001}), 0.0, Ok(())),
            (json!({"exp": 940}), 60.0, Err(Error::Expired)),
            (json!({"exp": 941}), 60.0, Ok(())),
            (json!({"exp": -1}), 60.0, Err(Error::Expired)),
            (json!({"exp": 1e300}), 0.0, Ok(())),
            (json!({"exp": "2000"}), 0.0, Err(Error::Malformed)),
            (json!({"exp": null}), 0.0, Err(Error::Malformed)),
            (json!({"nbf": 1000}), 0.0, Ok(())),
            (json!({"nbf": 1001}), 0.0, Err(Error::NotYetValid)),
            (json!({"nbf": 1060}), 60.0, Ok(())),
            (json!({"nbf": 1061}), 60.0, Err(Error::NotYetValid)),
            (json!({"nbf": "0"}), 0.0, Err(Error::Malformed)),
            (json!({}), 0.0, Ok(())),
        ] {
            assert_eq!(
                judge(&rules(&[], &[], &[], leeway), &claims),
                expected,
                "{claims} {leeway}"
            );
        }
    }

    #[test]
    fn issuer_audience_and_required_claims_are_asked_for() {
        let strict = rules(&["a", "b"], &["x", "y"], &["sub"], 0.0);
        for (claims, expected) in [
            (json!({"iss": "b", "aud": "x", "sub": "s"}), Ok(())),
            (json!({"iss": "a", "aud": ["z", "y"], "sub": "s"}), Ok(())),
            (
                json!({"iss": "c", "aud": "x", "sub": "s"}),
                Err(Error::WrongIssuer),
            ),
            (json!({"aud": "x", "sub": "s"}), Err(Error::WrongIssuer)),
            (
                json!({"iss": ["a"], "aud": "x", "sub": "s"}),
                Err(Error::Malformed),
            ),
            (
                json!({"iss": "a", "aud": [], "sub": "s"}),
                Err(Error::WrongAudience),
            ),
            (
                json!({"iss": "a", "aud": "xy", "sub": "s"}),
                Err(Error::WrongAudience),
            ),
            (json!({"iss": "a", "sub": "s"}), Err(Error::WrongAudience)),
            (json!({"iss": "a", "aud": "x"}), Err(Error::Malformed)),
        ] {
            assert_eq!(judge(&strict, &claims), expected, "{claims}");
        }
        let required = rules(&[], &[], &["exp", "tenant"], 0.0);
        assert_eq!(judge(&required, &json!({"tenant": 1})), Err(Error::Malformed));
        assert_eq!(
            judge(&required, &json!({"exp": 2000, "tenant": null})),
            Err(Error::Malformed)
        );
        assert_eq!(judge(&required, &json!({"exp": 2000, "tenant": 0})), Ok(()));
    }

    #[test]
    fn a_payload_is_an_object() {
        for payload in ["", "[]", "1", "\"a\"", "null", "{", "{} {}"] {
            let judged = rules(&[], &[], &[], 0.0).judge(payload.as_bytes(), None, UNIX_EPOCH);
            assert_eq!(judged, Err(Error::Malformed), "{payload}");
        }
    }
}

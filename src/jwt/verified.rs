//! What is left of a token that is believed: a few claims at hand, all of them as JSON text, and until when it counts.

use serde_json::{Map, Value};

use super::Error;

/// A token that is believed. Small: tokens are remembered by the thousand.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// `sub`.
    pub subject: Option<Box<str>>,
    /// `iss`.
    pub issuer: Option<Box<str>>,
    /// `aud`, one or more.
    pub audience: Box<[Box<str>]>,
    /// `kid`.
    pub key_id: Option<Box<str>>,
    /// `exp`, seconds since 1970.
    pub expires_at: Option<f64>,
    /// `nbf`, seconds since 1970.
    pub not_before: Option<f64>,
    /// In their order, each as JSON.
    claims: Box<[(Box<str>, Box<str>)]>,
}

impl Verified {
    /// Reads the claims: types only, see [`super::rules`] for what they must say.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] for a registered claim (RFC 7519 section 4.1) of the wrong type.
    pub(super) fn read(claims: &Map<String, Value>, key_id: Option<&str>) -> Result<Self, Error> {
        number(claims, "iat")?;
        Ok(Self {
            subject: text(claims, "sub")?,
            issuer: text(claims, "iss")?,
            audience: audience(claims)?,
            key_id: key_id.map(Into::into),
            expires_at: number(claims, "exp")?,
            not_before: number(claims, "nbf")?,
            claims: claims
                .iter()
                .map(|(name, value)| (name.as_str().into(), value.to_string().into()))
                .collect(),
        })
    }

    /// A claim as JSON; `/` in front makes it a JSON Pointer (RFC 6901).
    pub fn claim(&self, name: &str) -> Option<String> {
        let Some(pointer) = name.strip_prefix('/') else {
            return self.find(name).map(str::to_owned);
        };
        let (first, rest) = pointer.split_at(pointer.find('/').unwrap_or(pointer.len()));
        let text = self.find(&first.replace("~1", "/").replace("~0", "~"))?;
        if rest.is_empty() {
            return Some(text.to_owned());
        }
        let value: Value = serde_json::from_str(text).ok()?;
        value.pointer(rest).map(Value::to_string)
    }

    /// All claims, a JSON object. Names are unique: of several with the same name the last one counted.
    pub fn claims_json(&self) -> String {
        let mut json = String::from("{");
        for (at, (name, value)) in self.claims.iter().enumerate() {
            if at > 0 {
                json.push(',');
            }
            json.push_str(&Value::from(name.as_ref()).to_string());
            json.push(':');
            json.push_str(value);
        }
        json.push('}');
        json
    }

    fn find(&self, name: &str) -> Option<&str> {
        let (_, value) = self.claims.iter().find(|(its, _)| **its == *name)?;
        Some(value)
    }
}

/// A NumericDate (RFC 7519 section 2): a number, whole or not. Neither text nor `null` is one.
fn number(claims: &Map<String, Value>, name: &str) -> Result<Option<f64>, Error> {
    claims
        .get(name)
        .map(|value| value.as_f64().ok_or(Error::Malformed))
        .transpose()
}

fn text(claims: &Map<String, Value>, name: &str) -> Result<Option<Box<str>>, Error> {
    claims
        .get(name)
        .map(|value| value.as_str().map(Into::into).ok_or(Error::Malformed))
        .transpose()
}

/// One text, or a list of them (RFC 7519 section 4.1.3).
fn audience(claims: &Map<String, Value>) -> Result<Box<[Box<str>]>, Error> {
    match claims.get("aud") {
        None => Ok(Box::default()),
        Some(Value::String(one)) => Ok([one.as_str().into()].into()),
        Some(Value::Array(list)) => list
            .iter()
            .map(|value| value.as_str().map(Into::into).ok_or(Error::Malformed))
            .collect(),
        Some(_) => Err(Error::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(claims: &Value) -> Result<Verified, Error> {
        Verified::read(claims.as_object().unwrap(), None)
    }

    #[test]
    fn registered_claims_have_their_types() {
        for (name, good) in [
            ("exp", json!(1)),
            ("exp", json!(1.5)),
            ("nbf", json!(-1)),
            ("iat", json!(0)),
            ("sub", json!("")),
            ("iss", json!("a")),
            ("aud", json!("a")),
            ("aud", json!(["a", "b"])),
        ] {
            assert!(read(&json!({ name: good })).is_ok(), "{name} {good}");
        }
        let wrong = [json!(null), json!("1"), json!(true), json!({}), json!([1])];
        for name in ["exp", "nbf", "iat"] {
            for value in &wrong {
                assert_eq!(
                    read(&json!({ name: value })),
                    Err(Error::Malformed),
                    "{name} {value}"
                );
            }
        }
        for name in ["sub", "iss", "aud"] {
            for value in [json!(null), json!(1), json!({}), json!([1])] {
                assert_eq!(
                    read(&json!({ name: value })),
                    Err(Error::Malformed),
                    "{name} {value}"
                );
            }
        }
    }

    #[test]
    fn claims_are_found_by_name_and_by_pointer() {
        let token = read(&json!({
            "scope": "a b", "https://x/y": 1, "a/b": [{"c~d": null}], "realm": {"roles": ["r1", "r2"]},
        }))
        .unwrap();
        for (name, expected) in [
            ("scope", Some(r#""a b""#)),
            ("https://x/y", Some("1")),
            ("/realm/roles/1", Some(r#""r2""#)),
            ("/realm/roles", Some(r#"["r1","r2"]"#)),
            ("/realm", Some(r#"{"roles":["r1","r2"]}"#)),
            ("/a~1b/0/c~0d", Some("null")),
            ("/realm/roles/2", None),
            ("/scope/0", None),
            ("/", None),
            ("", None),
            ("none", None),
        ] {
            assert_eq!(token.claim(name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn all_claims_come_back_as_json() {
        for claims in [json!({}), json!({"a\"b": "\u{1}é", "n": 1.5, "o": {"x": []}})] {
            let back: Value = serde_json::from_str(&read(&claims).unwrap().claims_json()).unwrap();
            assert_eq!(back, claims);
        }
    }
}

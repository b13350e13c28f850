//! A token in compact serialization (RFC 7515 section 7.1), taken apart. Nothing of it is believed yet.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{Deserialize, Deserializer, IgnoredAny};

use super::{Error, MAX_TOKEN};

/// The parts of a token.
pub(super) struct Token<'t> {
    pub(super) header: Header,
    /// What was signed: header, dot, payload.
    pub(super) signed: &'t str,
    payload: &'t str,
    /// In base64url.
    pub(super) signature: &'t str,
}

/// What is looked at in a header. Everything else is ignored, above all what would bring its own keys along.
#[derive(serde::Deserialize)]
pub(super) struct Header {
    pub(super) alg: String,
    #[serde(default)]
    pub(super) kid: Option<String>,
    /// Extensions that must be understood (RFC 7515 section 4.1.11): there are none that are.
    #[serde(default, deserialize_with = "is_there")]
    crit: bool,
    /// An unencoded payload (RFC 7797) is another message than the one that would be verified here.
    #[serde(default, deserialize_with = "is_there")]
    b64: bool,
}

fn is_there<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_| true)
}

impl<'t> Token<'t> {
    /// # Errors
    ///
    /// [`Error::Malformed`].
    pub(super) fn parse(text: &'t str) -> Result<Self, Error> {
        if text.len() > MAX_TOKEN {
            return Err(Error::Malformed);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Error::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(Error::Malformed)?;
        if payload.contains('.') {
            return Err(Error::Malformed);
        }
        let header = decode(header)?;
        // A struct could be read from an array as well.
        if header.first() != Some(&b'{') {
            return Err(Error::Malformed);
        }
        let header: Header = serde_json::from_slice(&header).map_err(|_| Error::Malformed)?;
        if header.crit || header.b64 {
            return Err(Error::Malformed);
        }
        Ok(Self {
            header,
            signed,
            payload,
            signature,
        })
    }

    /// The claims, as sent.
    pub(super) fn payload(&self) -> Result<Vec<u8>, Error> {
        decode(self.payload)
    }
}

fn decode(part: &str) -> Result<Vec<u8>, Error> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Error::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(header: &str) -> Result<(String, Option<String>), Error> {
        let text = format!("{}.e30.AAAA", URL_SAFE_NO_PAD.encode(header));
        Token::parse(&text).map(|token| (token.header.alg, token.header.kid))
    }

    #[test]
    fn a_header_is_an_object_with_an_algorithm() {
        assert_eq!(
            parse(r#"{"alg":"RS256","kid":"a","typ":"JWT"}"#),
            Ok(("RS256".into(), Some("a".into())))
        );
        for header in [
            "",
            "{}",
            "null",
            r#""RS256""#,
            r#"["RS256","a"]"#,
            r#"{"alg":1}"#,
            r#"{"alg":null}"#,
            r#"{"alg":"RS256","kid":7}"#,
            r#"{"alg":"RS256","alg":"HS256"}"#,
            r#"{"alg":"RS256"} {}"#,
        ] {
            assert_eq!(parse(header), Err(Error::Malformed), "{header}");
        }
    }

    #[test]
    fn extensions_are_refused_and_keys_of_its_own_ignored() {
        for header in [
            r#"{"alg":"RS256","crit":["exp"],"exp":1}"#,
            r#"{"alg":"RS256","crit":[]}"#,
            r#"{"alg":"RS256","crit":null}"#,
            r#"{"alg":"RS256","b64":false}"#,
            r#"{"alg":"RS256","b64":true,"crit":["b64"]}"#,
        ] {
            assert_eq!(parse(header), Err(Error::Malformed), "{header}");
        }
        let own = r#"{"alg":"RS256","jwk":"what","jku":"https://evil","x5u":5,"x5c":{}}"#;
        assert!(parse(own).is_ok());
    }

    #[test]
    fn three_parts_and_no_more_than_the_limit() {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#);
        for text in [
            String::new(),
            "a".into(),
            format!("{header}.e30"),
            format!("{header}.e30.AA.AA.AA"),
            format!("{header}=.e30.AAAA"),
            format!("{header}.{}.AAAA", "e".repeat(MAX_TOKEN)),
        ] {
            assert!(matches!(Token::parse(&text), Err(Error::Malformed)), "{text}");
        }
    }
}

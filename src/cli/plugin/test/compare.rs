//! What happened against what was expected.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use serde_json::Value;

use crate::config::Place;
use crate::config::ValuePattern;
use crate::config::cases::{Expect, Expected, Forwarded, Outcome};

/// More of a text says nothing new.
const SHOWN: usize = 2_000;

/// What came of one request.
#[derive(Debug)]
pub(super) struct Happened {
    /// What the plugin decided.
    pub(super) outcome: Outcome,
    /// Name of the cause and what was said about it, when the plugin failed.
    pub(super) error: Option<(&'static str, String)>,
    /// What the client got; `None` when the exchange was broken off.
    pub(super) response: Option<Got>,
    /// What the upstream got, if it was asked.
    pub(super) forwarded: Option<Sent>,
    /// Lines that the plugin logged.
    pub(super) log: Vec<String>,
    /// Attributes that it left.
    pub(super) attributes: BTreeMap<String, Value>,
}

/// A response as the client gets it.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// A request as the upstream gets it.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) host: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) upstream: String,
    pub(super) endpoint: Option<String>,
    pub(super) hash_key: Option<String>,
}

/// Something that is not as it was expected.
#[derive(Debug)]
pub(super) struct Difference {
    /// Where the expectation stands.
    pub(super) place: Place,
    /// What it is about.
    pub(super) what: String,
    /// One item a line, expected and found.
    pub(super) expected: String,
    pub(super) found: String,
}

/// Everything that is not as `expect` says; `at` is the place of what was not said at all.
pub(super) fn differences(expect: &Expect, happened: &Happened, at: &Place) -> Vec<Difference> {
    let mut all = Differences(Vec::new());
    all.failure(expect, happened, at);
    all.equal("outcome", &expect.outcome, happened.outcome, |outcome| {
        outcome.name().to_owned()
    });
    let response = happened.response.as_ref();
    if let Some(status) = &expect.status {
        let found = response.map_or_else(|| "no response".to_owned(), |got| got.status.to_string());
        all.text("status", status, &status.value.to_string(), &found);
    }
    all.fields("", &expect.headers, response.map(|got| &got.headers));
    all.body("body", expect.body.as_ref(), response.map(|got| &got.body));
    all.forwarded(&expect.forwarded, happened.forwarded.as_ref());
    for part in &expect.log {
        if !happened.log.iter().any(|line| line.contains(&part.value)) {
            all.add("log", part, format!("… {} …", part.value), listed(&happened.log));
        }
    }
    for (name, value) in &expect.attributes {
        let found = happened.attributes.get(name);
        if found != Some(&value.value) {
            let found = found.map_or_else(|| "not there".to_owned(), Value::to_string);
            all.add(
                &format!("attribute {name}"),
                value,
                value.value.to_string(),
                found,
            );
        }
    }
    all.0
}

struct Differences(Vec<Difference>);

impl Differences {
    fn add<T>(&mut self, what: &str, expected: &Expected<T>, wanted: String, found: String) {
        self.0.push(Difference {
            place: expected.place.clone(),
            what: what.to_owned(),
            expected: wanted,
            found,
        });
    }

    /// A failure is never passed over in silence.
    fn failure(&mut self, expect: &Expect, happened: &Happened, at: &Place) {
        let said = happened
            .error
            .as_ref()
            .map(|(name, text)| format!("{name}: the plugin {text}"));
        match (&expect.error, &happened.error) {
            (Some(expected), Some((name, _))) if expected.value == *name => {}
            (Some(expected), _) => {
                let found = said.unwrap_or_else(|| "the plugin did not fail".to_owned());
                self.add("error", expected, expected.value.clone(), found);
            }
            (None, Some(_)) => self.0.push(Difference {
                place: at.clone(),
                what: "error".to_owned(),
                expected: "the plugin does not fail".to_owned(),
                found: said.unwrap_or_default(),
            }),
            (None, None) => {}
        }
    }

    fn equal<T: PartialEq + Copy>(
        &mut self,
        what: &str,
        expected: &Option<Expected<T>>,
        found: T,
        said: impl Fn(T) -> String,
    ) {
        if let Some(expected) = expected
            && expected.value != found
        {
            self.add(what, expected, said(expected.value), said(found));
        }
    }

    fn text<T>(&mut self, what: &str, expected: &Expected<T>, wanted: &str, found: &str) {
        if wanted != found {
            self.add(what, expected, wanted.to_owned(), found.to_owned());
        }
    }

    fn pattern(&mut self, what: &str, expected: Option<&Expected<ValuePattern>>, found: Option<&str>) {
        let Some(expected) = expected else { return };
        if !holds(&expected.value, found) {
            let found = found.map_or_else(|| "not there".to_owned(), shown);
            self.add(what, expected, wanted(&expected.value), found);
        }
    }

    fn fields(
        &mut self,
        whose: &str,
        expected: &[(HeaderName, Expected<ValuePattern>)],
        found: Option<&HeaderMap>,
    ) {
        for (name, pattern) in expected {
            let found = found.and_then(|headers| joined(headers, name));
            self.pattern(&format!("{whose}header {name}"), Some(pattern), found.as_deref());
        }
    }

    fn body(&mut self, what: &str, expected: Option<&Expected<ValuePattern>>, found: Option<&Bytes>) {
        let text = found.map(|body| String::from_utf8_lossy(body));
        let text = text.as_deref().filter(|text| !text.is_empty());
        match expected {
            // No body and an empty one are the same to who reads it.
            Some(expected) if matches!(&expected.value, ValuePattern::Exact(wanted) if wanted.is_empty()) => {
                self.text(what, expected, "", &text.map_or_else(String::new, shown));
            }
            expected => self.pattern(what, expected, text),
        }
    }

    fn forwarded(&mut self, expected: &Forwarded, sent: Option<&Sent>) {
        let texts = [
            ("method", &expected.method, sent.map(|sent| sent.method.as_str())),
            (
                "upstream",
                &expected.upstream,
                sent.map(|sent| sent.upstream.as_str()),
            ),
            (
                "endpoint",
                &expected.endpoint,
                sent.and_then(|sent| sent.endpoint.as_deref()),
            ),
            (
                "hash_key",
                &expected.hash_key,
                sent.and_then(|sent| sent.hash_key.as_deref()),
            ),
        ];
        for (what, expected, found) in texts {
            if let Some(expected) = expected {
                let found = found.unwrap_or(if sent.is_some() { "none" } else { NOT_FORWARDED });
                self.text(&format!("forwarded {what}"), expected, &expected.value, found);
            }
        }
        let Some(sent) = sent else {
            let patterns = [&expected.target, &expected.host, &expected.body];
            let patterns = patterns.into_iter().flatten();
            for pattern in patterns.chain(expected.headers.iter().map(|(_, pattern)| pattern)) {
                self.add(
                    "forwarded",
                    pattern,
                    wanted(&pattern.value),
                    NOT_FORWARDED.to_owned(),
                );
            }
            return;
        };
        self.pattern("forwarded path", expected.target.as_ref(), Some(&sent.target));
        self.pattern("forwarded host", expected.host.as_ref(), Some(&sent.host));
        self.fields("forwarded ", &expected.headers, Some(&sent.headers));
        self.body("forwarded body", expected.body.as_ref(), Some(&sent.body));
    }
}

const NOT_FORWARDED: &str = "nothing was forwarded";

/// All lines of a field, as plugins see them too.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines = headers.get_all(name).iter();
    let lines: Vec<_> = lines
        .map(|line| String::from_utf8_lossy(line.as_bytes()))
        .collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

fn holds(pattern: &ValuePattern, found: Option<&str>) -> bool {
    match (pattern, found) {
        (ValuePattern::Absent, None) | (ValuePattern::Present, Some(_)) => true,
        (ValuePattern::Exact(wanted), Some(found)) => wanted == found,
        (ValuePattern::Regex(regex), Some(found)) => regex.is_match(found),
        _ => false,
    }
}

fn wanted(pattern: &ValuePattern) -> String {
    match pattern {
        ValuePattern::Exact(text) => text.clone(),
        pattern => pattern.to_string(),
    }
}

fn listed(lines: &[String]) -> String {
    if lines.is_empty() {
        return "nothing was logged".to_owned();
    }
    lines.join("\n")
}

/// A text of bearable length.
fn shown(text: &str) -> String {
    if text.len() <= SHOWN {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(SHOWN);
    format!("{}… ({} bytes)", &text[..end], text.len())
}

/// Lines that both have at the beginning and the end are said once.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expected: Vec<_> = self.expected.split('\n').collect();
        let found: Vec<_> = self.found.split('\n').collect();
        let same =
            |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| pairs.take_while(|(a, b)| a == b).count();
        let before = same(&mut expected.iter().zip(&found));
        let rest = expected.len().min(found.len()) - before;
        let after = same(&mut expected.iter().rev().zip(found.iter().rev())).min(rest);
        let lines = |f: &mut fmt::Formatter<'_>, mark: char, lines: &[&str]| {
            let told = |line: &&&str| mark != ' ' || !line.is_empty();
            lines
                .iter()
                .filter(told)
                .try_for_each(|line| writeln!(f, "{mark} {line}"))
        };
        lines(f, ' ', &expected[..before])?;
        lines(f, '-', &expected[before..expected.len() - after])?;
        lines(f, '+', &found[before..found.len() - after])?;
        lines(f, ' ', &expected[expected.len() - after..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn happened() -> Happened {
        let mut headers = HeaderMap::new();
        headers.append("x-a", "1".parse().unwrap());
        headers.append("x-a", "2".parse().unwrap());
        Happened {
            outcome: Outcome::Next,
            error: None,
            response: Some(Got {
                status: 200,
                headers: headers.clone(),
                body: Bytes::from_static(b"one\ntwo\nthree"),
            }),
            forwarded: Some(Sent {
                method: "GET".to_owned(),
                target: "/a?b".to_owned(),
                host: "h".to_owned(),
                headers,
                body: Bytes::new(),
                upstream: "app".to_owned(),
                endpoint: None,
                hash_key: None,
            }),
            log: vec!["info hello path=/".to_owned()],
            attributes: BTreeMap::from([("user".to_owned(), Value::from("ada"))]),
        }
    }

    fn expected<T>(value: T) -> Expected<T> {
        Expected {
            value,
            place: Place::default(),
        }
    }

    fn exact(text: &str) -> Expected<ValuePattern> {
        expected(ValuePattern::Exact(text.to_owned()))
    }

    fn told(expect: &Expect, happened: &Happened) -> Vec<String> {
        let all = differences(expect, happened, &Place::default());
        all.iter().map(|one| format!("{}\n{one}", one.what)).collect()
    }

    #[test]
    fn what_is_as_expected_is_not_told() {
        let header = |name, value| (HeaderName::from_static(name), expected(value));
        let expect = Expect {
            outcome: Some(expected(Outcome::Next)),
            status: Some(expected(200)),
            headers: vec![
                header("x-a", ValuePattern::Exact("1, 2".to_owned())),
                header("x-b", ValuePattern::Absent),
                header("x-a", ValuePattern::regex("[0-9, ]+").unwrap()),
            ],
            body: Some(exact("one\ntwo\nthree")),
            forwarded: Forwarded {
                target: Some(exact("/a?b")),
                body: Some(exact("")),
                upstream: Some(expected("app".to_owned())),
                ..Forwarded::default()
            },
            log: vec![expected("hello".to_owned())],
            attributes: vec![("user".to_owned(), expected(Value::from("ada")))],
            error: None,
        };
        assert_eq!(told(&expect, &happened()), Vec::<String>::new());
    }

    #[test]
    fn each_expectation_can_fail() {
        let expect = Expect {
            outcome: Some(expected(Outcome::Respond)),
            status: Some(expected(403)),
            headers: vec![(HeaderName::from_static("x-b"), expected(ValuePattern::Present))],
            body: Some(exact("one\n2\nthree")),
            forwarded: Forwarded {
                method: Some(expected("POST".to_owned())),
                endpoint: Some(expected("10.0.0.1:80".to_owned())),
                headers: vec![(HeaderName::from_static("x-a"), expected(ValuePattern::Absent))],
                ..Forwarded::default()
            },
            log: vec![expected("bye".to_owned())],
            attributes: vec![("age".to_owned(), expected(Value::from(7)))],
            error: Some(expected("trap".to_owned())),
        };
        assert_eq!(
            told(&expect, &happened()),
            [
                "error\n- trap\n+ the plugin did not fail\n",
                "outcome\n- respond\n+ next\n",
                "status\n- 403\n+ 200\n",
                "header x-b\n- is there\n+ not there\n",
                "body\n  one\n- 2\n+ two\n  three\n",
                "forwarded method\n- POST\n+ GET\n",
                "forwarded endpoint\n- 10.0.0.1:80\n+ none\n",
                "forwarded header x-a\n- is not there\n+ 1, 2\n",
                "log\n- … bye …\n+ info hello path=/\n",
                "attribute age\n- 7\n+ not there\n",
            ]
        );
    }

    #[test]
    fn a_failure_that_nobody_expects_is_told() {
        let mut failed = happened();
        failed.error = Some(("trap", "trapped: unreachable".to_owned()));
        assert_eq!(
            told(&Expect::default(), &failed),
            ["error\n- the plugin does not fail\n+ trap: the plugin trapped: unreachable\n"]
        );
        let expect = Expect {
            error: Some(expected("trap".to_owned())),
            ..Expect::default()
        };
        assert!(told(&expect, &failed).is_empty());
    }

    #[test]
    fn nothing_is_forwarded_when_the_plugin_answers() {
        let mut answered = happened();
        answered.forwarded = None;
        let expect = Expect {
            forwarded: Forwarded {
                target: Some(exact("/")),
                ..Forwarded::default()
            },
            ..Expect::default()
        };
        assert_eq!(
            told(&expect, &answered),
            ["forwarded\n- /\n+ nothing was forwarded\n"]
        );
    }
}

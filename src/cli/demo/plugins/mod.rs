//! The part of the demo that is about plugins: a token, a rate, a choice of upstream, and a plugin that is replaced. The
//! plugins are those of the binary.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, StatusCode, header};

use super::{Error, PATIENCE};
use crate::cli::ask::{Answer, Connection};

mod flow;
mod token;
mod words;

pub(super) use token::secret;
pub(super) use words::next_steps;

/// More than the budget has room for, with what comes back on a slow machine.
const MOST: usize = 100;

/// What was shown.
pub(super) struct Shown {
    /// In words.
    pub(super) text: String,
    /// Whether it was as it should be.
    pub(super) is_well: bool,
    /// The token, for others to try.
    pub(super) token: String,
}

/// One request of the demo, and what came of it.
struct Step {
    request: &'static str,
    wanted: StatusCode,
    got: StatusCode,
    remark: String,
    /// The status is not all there is to it.
    is_right: bool,
}

/// Shows all of it, against the gateway at these addresses.
pub(super) async fn show(target: SocketAddr, admin: SocketAddr, secret: &str) -> Result<Shown, Error> {
    let token = token::sign(secret)?;
    let mut connection = Connection::open(target).await?;
    let mut steps = orders(&mut connection, &token).await?;
    steps.extend(shop(&mut connection).await?);
    let flow = flow::run(target, admin).await?;
    Ok(Shown {
        text: words::told(&steps, &flow),
        is_well: steps.iter().all(Step::is_well) && flow.is_well(),
        token,
    })
}

impl Step {
    fn new(request: &'static str, wanted: StatusCode, answer: &Answer) -> Self {
        Self {
            request,
            wanted,
            got: answer.status,
            remark: String::new(),
            is_right: true,
        }
    }

    /// What is said besides, and whether it is as it should be.
    fn remark(mut self, remark: String, is_right: bool) -> Self {
        self.remark = remark;
        self.is_right = is_right;
        self
    }

    fn is_well(&self) -> bool {
        self.got == self.wanted && self.is_right
    }
}

/// A token, and a rate.
async fn orders(connection: &mut Connection, token: &str) -> Result<Vec<Step>, Error> {
    let request = || Request::get("/orders");
    let with_token = || request().header(header::AUTHORIZATION, format!("Bearer {token}"));
    let refused = connection.ask(request(), Bytes::new(), PATIENCE).await?;
    let challenge = told(&refused, header::WWW_AUTHENTICATE.as_str());
    let is_challenged = challenge.starts_with("WWW-Authenticate: Bearer");
    let mut steps =
        vec![Step::new("/orders", StatusCode::UNAUTHORIZED, &refused).remark(challenge, is_challenged)];
    let first = connection.ask(with_token(), Bytes::new(), PATIENCE).await?;
    steps.push(Step::new("/orders with the token", StatusCode::OK, &first).remark(who(&first), true));
    let mut last = first;
    let mut sent = 1;
    while last.status == StatusCode::OK && sent < MOST {
        last = connection.ask(with_token(), Bytes::new(), PATIENCE).await?;
        sent += 1;
    }
    let remark = format!(
        "request {sent} of this minute; {}",
        told(&last, header::RETRY_AFTER.as_str())
    );
    let is_right = last.headers.contains_key(header::RETRY_AFTER);
    steps.push(
        Step::new("/orders with the token", StatusCode::TOO_MANY_REQUESTS, &last).remark(remark, is_right),
    );
    Ok(steps)
}

/// A choice of upstream.
async fn shop(connection: &mut Connection) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    for (text, version, wanted) in [
        ("/shop", "1", "app."),
        ("/shop with x-version: 2", "2", "app-next."),
    ] {
        let request = Request::get("/shop").header("x-version", version);
        let answer = connection.ask(request, Bytes::new(), PATIENCE).await?;
        let who = who(&answer);
        let is_right = who.starts_with(wanted);
        steps.push(Step::new(text, StatusCode::OK, &answer).remark(who, is_right));
    }
    Ok(steps)
}

/// Who answered.
fn who(answer: &Answer) -> String {
    answer
        .body
        .trim_end()
        .rsplit(' ')
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// A line of the answer's head.
fn told(answer: &Answer, name: &str) -> String {
    let value = answer.headers.get(name).and_then(|value| value.to_str().ok());
    let words = name.split('-').map(|word| match word {
        "www" => "WWW".to_owned(),
        word => word[..1].to_uppercase() + &word[1..],
    });
    let name = words.collect::<Vec<_>>().join("-");
    value.map_or_else(|| format!("no {name}"), |value| format!("{name}: {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: [(header::RETRY_AFTER, "6".parse().unwrap())]
                .into_iter()
                .collect(),
            body: body.to_owned(),
        }
    }

    #[test]
    fn what_is_not_as_it_should_be_is_told() {
        let good = Step::new("/a", StatusCode::OK, &answer(200, ""));
        let bad = Step::new("/b", StatusCode::UNAUTHORIZED, &answer(200, ""));
        let other = Step::new("/c", StatusCode::OK, &answer(200, "")).remark("app.1".to_owned(), false);
        assert_eq!([&good, &bad, &other].map(Step::is_well), [true, false, false]);
        let text = words::told(&[good, bad, other], &flow::Flow::default());
        assert_eq!(text.matches("NOT AS IT SHOULD BE").count(), 3, "{text}");
        assert!(text.contains("NOT AS IT SHOULD BE: 401 is"), "{text}");
    }

    #[test]
    fn answers_are_told_by_their_lines() {
        let answer = answer(200, "Hello, world! I am app.1\n");
        assert_eq!(who(&answer), "app.1");
        assert_eq!(told(&answer, "retry-after"), "Retry-After: 6");
        assert_eq!(told(&answer, "www-authenticate"), "no WWW-Authenticate");
    }
}

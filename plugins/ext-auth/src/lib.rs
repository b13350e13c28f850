//! Authentication by a service: it is asked about every request, and its answer lets the request pass or is the answer.

use std::time::Duration;

use gatewit_plugin::config::header_problem;
use gatewit_plugin::http::{self, CallError, Reply};
use gatewit_plugin::prelude::*;

/// What the service is told of the request besides its headers.
const TOLD: [&str; 6] = [
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-method",
    "x-forwarded-proto",
    "x-forwarded-uri",
    "x-request-id",
];

/// Lets pass what a service says may pass.
#[config]
struct ExtAuth {
    /// Name of the upstream of the service.
    upstream: String,
    /// Path, and query, of the service.
    #[serde(default = "path")]
    path: String,
    /// Headers of the request that the service gets, with all their lines.
    #[serde(default = "asked_with")]
    send: Vec<String>,
    /// Headers of the service's answer that a request takes along when it passes. What the client sends under these
    /// names never gets through.
    #[serde(default)]
    take: Vec<String>,
    /// Headers of the service's answer that the client gets when it does not pass.
    #[serde(default = "answered_with")]
    answer: Vec<String>,
    /// How long the service may take, milliseconds; at most what is left of the plugin's time.
    timeout_ms: Option<u32>,
}

fn path() -> String {
    "/".to_owned()
}

fn asked_with() -> Vec<String> {
    ["authorization", "cookie"].map(str::to_owned).to_vec()
}

fn answered_with() -> Vec<String> {
    ["content-type", "location", "set-cookie", "www-authenticate"]
        .map(str::to_owned)
        .to_vec()
}

impl Plugin for ExtAuth {
    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        // Without a path it is no request: nobody is called, but grants are looked at.
        if matches!(http::get(&self.upstream, "").send(), Err(CallError::NotAllowed)) {
            let name = &self.upstream;
            problems.push(Problem::at(
                "/upstream",
                format!("there is no upstream `{name}` that the plugin may call: declare [upstream.{name}], and grant it by `http`"),
            ));
        }
        if !self.path.starts_with('/')
            || !self
                .path
                .bytes()
                .all(|byte| matches!(byte, b'!'..=b'~') && byte != b'#')
        {
            problems.push(Problem::at(
                "/path",
                "a path begins with `/`, and has what it cannot hold percent-encoded",
            ));
        }
        for (list, names) in [
            ("send", &self.send),
            ("take", &self.take),
            ("answer", &self.answer),
        ] {
            for (at, name) in names.iter().enumerate() {
                let at = format!("/{list}/{at}");
                if let Some(why) = header_problem(name) {
                    problems.push(Problem::at(at, why));
                } else if list == "send" && TOLD.iter().any(|told| name.eq_ignore_ascii_case(told)) {
                    problems.push(Problem::at(at, "the service is told this anyway"));
                }
            }
        }
        problems
    }

    fn request(&self, request: &mut Request) -> Result<Outcome> {
        let reply = self.ask(request)?;
        if !(200..300).contains(&reply.status()) {
            return self.refusal(&reply).map(Outcome::Respond);
        }
        // Also those that the answer lacks: the service behind believes them.
        for name in &self.take {
            request.remove_header(name)?;
            for line in lines(&reply, name) {
                request.append_header(name, line)?;
            }
        }
        Ok(Outcome::Next)
    }
}

impl ExtAuth {
    fn ask(&self, request: &Request) -> Result<Reply> {
        // The path as it was routed: `/public/../admin` must not look public.
        let mut uri = request.path();
        if let Some(query) = request.query() {
            uri = format!("{uri}?{query}");
        }
        let mut call = http::get(&self.upstream, &self.path)
            .header("x-forwarded-for", request.client().ip)
            .header("x-forwarded-method", request.method())
            .header("x-forwarded-proto", request.scheme())
            .header("x-forwarded-uri", uri)
            .header("x-request-id", request.id());
        if let Some(host) = request.authority() {
            call = call.header("x-forwarded-host", host);
        }
        for name in &self.send {
            for line in request.header_values(name) {
                call = call.header(name, line);
            }
        }
        if let Some(millis) = self.timeout_ms {
            call = call.timeout(Duration::from_millis(millis.into()));
        }
        Ok(call.send()?)
    }

    /// The service's answer, as far as the client may see it.
    fn refusal(&self, reply: &Reply) -> Result<Response> {
        let status = reply.status();
        if !(200..600).contains(&status) {
            return Err(Error::unavailable(format!(
                "the service answered with status {status}"
            )));
        }
        let mut response = Response::status(status);
        for name in &self.answer {
            for line in lines(reply, name) {
                response = response.header(name, line);
            }
        }
        if !self
            .answer
            .iter()
            .any(|name| name.eq_ignore_ascii_case("cache-control"))
        {
            response = response.header("cache-control", "no-store");
        }
        // RFC 9110 section 15.4.5.
        let body = if status == 304 { &[][..] } else { reply.body() };
        Ok(response.body(body))
    }
}

/// Every line of a header.
fn lines<'a>(reply: &'a Reply, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let named = reply
        .headers()
        .iter()
        .filter(move |line| line.name.eq_ignore_ascii_case(name));
    named.map(|line| line.value.as_slice())
}

gatewit_plugin::export!(ExtAuth: request);

#[cfg(test)]
mod tests;

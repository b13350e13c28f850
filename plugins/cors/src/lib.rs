//! Cross-origin resource sharing, as browsers ask for it (Fetch standard, section 3.3): preflights are answered here,
//! and the responses of the service get the headers that let an allowed origin read them.

mod origin;

use gatewit_plugin::config::header_problem;
use gatewit_plugin::prelude::*;
use origin::Origin;

/// What only this plugin decides: services behind are not asked.
const DECIDED: [&str; 6] = [
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
];

/// Lets pages of other origins use a service.
#[config]
struct Cors {
    /// Origins whose pages may: `https://app.example.com`; `https://*.example.com` for all hosts below; `null` for pages
    /// without one; `*` for everybody.
    origins: Vec<Origin>,
    /// Methods that they may use. `GET`, `HEAD` and `POST` are possible for simple requests whatever stands here.
    #[serde(default = "methods")]
    methods: Vec<String>,
    /// Headers that they may send; `*` for all that are asked for.
    #[serde(default = "any")]
    headers: Vec<String>,
    /// Headers of responses that they may read, besides the few that they always may; `*` for all.
    #[serde(default)]
    expose: Vec<String>,
    /// Whether requests may carry cookies and other credentials.
    #[serde(default)]
    credentials: bool,
    /// How long a browser may remember the answer to a preflight, seconds.
    #[serde(default = "max_age")]
    max_age: u32,
}

fn methods() -> Vec<String> {
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
        .map(str::to_owned)
        .to_vec()
}

fn any() -> Vec<String> {
    vec!["*".to_owned()]
}

fn max_age() -> u32 {
    600
}

impl Plugin for Cors {
    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.origins.is_empty() {
            problems.push(Problem::at("/origins", "nobody is allowed: name an origin"));
        }
        let any = self
            .origins
            .iter()
            .position(|origin| matches!(origin, Origin::Any));
        if let Some(at) = any.filter(|_| self.credentials) {
            problems.push(Problem::at(
                format!("/origins/{at}"),
                "with `credentials` every page of the web could act as the user: name the origins",
            ));
        }
        for (at, method) in self.methods.iter().enumerate() {
            if !is_token(method) || method == "*" {
                problems.push(Problem::at(
                    format!("/methods/{at}"),
                    format!("`{method}` is not a method"),
                ));
            }
        }
        for (list, names) in [("headers", &self.headers), ("expose", &self.expose)] {
            for (at, name) in names.iter().enumerate() {
                let at = format!("/{list}/{at}");
                // Reading what belongs to the gateway is fine; only a name that is none can never be there.
                if header_problem(&format!("x-{name}")).is_some() || name.is_empty() {
                    problems.push(Problem::at(at, format!("`{name}` is not the name of a header")));
                } else if name == "*" && list == "expose" && self.credentials {
                    problems.push(Problem::at(
                        at,
                        "browsers take `*` by its letter with `credentials`: name them",
                    ));
                }
            }
        }
        problems
    }

    fn request(&self, request: &mut Request) -> Result<Outcome> {
        let is_preflight = request.method() == "OPTIONS"
            && request.header("origin").is_some()
            && request.header("access-control-request-method").is_some();
        Ok(if is_preflight {
            self.preflight(request).into()
        } else {
            Outcome::Next
        })
    }

    fn response(&self, request: &Request, response: &mut ResponseHead) -> Result<ResponseOutcome> {
        for name in DECIDED {
            response.remove_header(name)?;
        }
        if !self.is_same_for_all() && !varies_by_origin(response) {
            response.append_header("vary", "Origin")?;
        }
        if let Some(allowed) = self.allowed(request) {
            response.set_header("access-control-allow-origin", allowed)?;
            if self.credentials {
                response.set_header("access-control-allow-credentials", "true")?;
            }
            if !self.expose.is_empty() {
                response.set_header("access-control-expose-headers", self.expose.join(", "))?;
            }
        }
        Ok(ResponseOutcome::Next)
    }
}

impl Cors {
    /// The answer to a preflight. An origin that is not allowed is told nothing: its browser gives up.
    fn preflight(&self, request: &Request) -> Response {
        let vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
        let answer = Response::status(204).header("vary", vary);
        let Some(allowed) = self.allowed(request) else {
            return answer;
        };
        let mut answer = answer
            .header("access-control-allow-origin", allowed)
            .header("access-control-allow-methods", self.methods.join(", "))
            .header("access-control-max-age", self.max_age.to_string());
        if self.credentials {
            answer = answer.header("access-control-allow-credentials", "true");
        }
        let headers = self.allowed_headers(request);
        if !headers.is_empty() {
            answer = answer.header("access-control-allow-headers", headers);
        }
        answer
    }

    /// What is said of the origin that asks, if it is allowed.
    fn allowed(&self, request: &Request) -> Option<String> {
        // Two lines are no origin: joined by a comma, they match nothing.
        let asking = String::from_utf8(request.header("origin")?).ok()?;
        if self.is_same_for_all() {
            return Some("*".to_owned());
        }
        self.origins
            .iter()
            .any(|origin| origin.admits(&asking))
            .then_some(asking)
    }

    fn is_same_for_all(&self) -> bool {
        self.origins.iter().any(|origin| matches!(origin, Origin::Any))
    }

    /// Those of the configuration; or those asked for, as far as they are names. `*` itself would not do: browsers do not
    /// take it for `authorization`, nor with credentials.
    fn allowed_headers(&self, request: &Request) -> String {
        if !self.headers.iter().any(|name| name == "*") {
            return self.headers.join(", ");
        }
        let asked = request
            .header_text("access-control-request-headers")
            .unwrap_or_default();
        let names: Vec<&str> = asked
            .split(',')
            .map(str::trim)
            .filter(|name| is_token(name))
            .collect();
        names.join(", ")
    }
}

fn varies_by_origin(response: &ResponseHead) -> bool {
    let vary = response.header_text("vary").unwrap_or_default();
    vary.split(',')
        .map(str::trim)
        .any(|name| name == "*" || name.eq_ignore_ascii_case("origin"))
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(token)
}

gatewit_plugin::export!(Cors: request, response);

#[cfg(test)]
mod tests;

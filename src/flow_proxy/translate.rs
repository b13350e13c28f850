//! From a service to tables of routes and upstreams, as the file would have them. No I/O: whether the tables go
//! together with the rest is for the reader of the configuration to say.
//!
//! Names order routes that are equally specific, so they begin with what Docker Flow Proxy sorted by, `aclName`:
//! `flow.ACL`, `flow.ACL,SERVICE` where the two differ, and `+02`, `+03`, … behind the first route.

use serde_json::{Map, Value, json};

use super::parameters::{Problem, spelled};
use super::path::Path;
use super::service::{Destination, DomainAlgo, Service};
use crate::config::{HostPattern, Prefix};

/// Routes of one service.
const MOST: usize = 99;

/// Tables by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tables {
    /// Tables of `[[route]]`.
    pub routes: Vec<(String, Value)>,
    /// Tables of `[upstream.NAME]`.
    pub upstreams: Vec<(String, Value)>,
}

/// What is meant by all calls.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// What `servicePath` means.
    pub(super) prefix: Prefix,
    /// Whether there are proxies that are believed when they say how a request came.
    pub(super) trusting: bool,
    /// Where requests arrive.
    pub(super) ports: Vec<u16>,
}

/// What a service becomes. `users` are lines `NAME:HASH`.
///
/// # Errors
///
/// Parameters that a route cannot express.
pub(super) fn translate(service: &Service, rules: Rules, users: &[String]) -> Result<Tables, Vec<Problem>> {
    let mut translation = Translation {
        service,
        rules,
        users,
        tables: Tables::default(),
        problems: Vec::new(),
    };
    for destination in &service.destinations {
        translation.destination(destination);
    }
    if let (true, Some(last)) = (service.is_default, service.destinations.last()) {
        translation.default_route(last);
    }
    if translation.tables.routes.len() > MOST {
        let message = format!("the service would need more than {MOST} routes");
        translation.problems.push(Problem::new("servicePath", message));
    }
    if translation.problems.is_empty() {
        Ok(translation.tables)
    } else {
        Err(translation.problems)
    }
}

struct Translation<'a> {
    service: &'a Service,
    rules: Rules,
    users: &'a [String],
    tables: Tables,
    problems: Vec<Problem>,
}

/// The conditions that several routes of one destination share, and where they lead.
struct Pattern<'a> {
    destination: &'a Destination,
    table: Map<String, Value>,
    to: String,
    rewrite: Option<Value>,
    /// In front of the name.
    head: &'static str,
}

impl Translation<'_> {
    fn destination(&mut self, destination: &Destination) {
        self.schemes(destination);
        self.source(destination);
        let to = self.target(destination);
        let hosts = self.hosts(destination, &destination.domains, "serviceDomain");
        let except: Vec<_> = destination
            .excluded
            .iter()
            .filter_map(|path| self.path(destination, "servicePathExclude", path))
            .map(|path| path.exception())
            .collect();
        let headers = self.headers(destination);
        for said in &destination.paths {
            let Some(path) = self.path(destination, "servicePath", said) else {
                continue;
            };
            let mut table = Map::new();
            if !hosts.is_empty() {
                table.insert("host".into(), json!(hosts));
            }
            let (key, value) = path.entry();
            table.insert(key.into(), value);
            if !except.is_empty() {
                table.insert("path_except".into(), json!(except));
            }
            if !headers.is_empty() {
                table.insert("header".into(), Value::Object(headers.clone()));
            }
            let rewrite = self.rewrite(destination, &path);
            self.routes(&Pattern {
                destination,
                table,
                to: to.clone(),
                rewrite,
                head: self.head(),
            });
        }
        self.redirect_from(destination);
    }

    fn default_route(&mut self, destination: &Destination) {
        let to = match self.tables.upstreams.last() {
            Some((name, _)) => name.clone(),
            None => address(self.service, destination),
        };
        let mut table = Map::new();
        table.insert("path".into(), json!("/"));
        self.routes(&Pattern {
            destination,
            table,
            to,
            rewrite: None,
            head: "flow~",
        });
    }

    /// The routes for one pattern. Each has more conditions than those behind it that match the same requests, or
    /// stands in front of them where only the order counts.
    fn routes(&mut self, pattern: &Pattern<'_>) {
        let (service, destination) = (self.service, pattern.destination);
        let allowed: Vec<_> = destination
            .allowed
            .iter()
            .filter(|method| !destination.denied.contains(method))
            .collect();
        let (some, denied) = (!destination.allowed.is_empty(), &destination.denied);
        if some && allowed.is_empty() {
            let name = spelled("allowedMethods", destination.index);
            self.problems.push(Problem::new(
                name,
                "none is left that `deniedMethods` does not name",
            ));
        }
        let redirects = destination.https_only || service.redirect_unless_https;
        let encrypted = redirects || destination.deny_http;
        if !some && !denied.is_empty() {
            self.refuse(pattern, &json!({"method": denied}));
        }
        let methods = if some {
            json!({"method": allowed})
        } else {
            json!({})
        };
        if service.redirect_when_http && !redirects {
            let plain = json!({"header": {"x-forwarded-proto": "http"}});
            self.encrypt(pattern, &merged(&methods, plain));
        }
        let scheme = if encrypted {
            json!({"header": {"x-forwarded-proto": "https"}})
        } else {
            json!({})
        };
        self.forward(pattern, &merged(&methods, scheme.clone()));
        if redirects {
            if some {
                self.refuse(pattern, &scheme);
            }
            self.encrypt(pattern, &json!({}));
        } else if some || destination.deny_http {
            self.refuse(pattern, &json!({}));
        }
    }

    /// Tells that requests arrive elsewhere, too: a route does not see where.
    fn source(&mut self, destination: &Destination) {
        let Some(port) = destination.source_port else {
            return;
        };
        if self.rules.ports.iter().any(|other| *other != port) {
            let name = spelled("srcPort", destination.index);
            let message = "requests arrive at other ports, too, and routes are the same on every listener: tell destinations apart by `serviceDomain`, `servicePath` or `serviceHeader`";
            self.problems.push(Problem::new(name, message));
        }
    }

    /// Tells that nobody is believed who says how requests came.
    fn schemes(&mut self, destination: &Destination) {
        let asked = [
            ("httpsOnly", destination.https_only),
            ("denyHttp", destination.deny_http),
            ("redirectUnlessHttpsProto", self.service.redirect_unless_https),
            ("redirectWhenHttpProto", self.service.redirect_when_http),
        ];
        if self.rules.trusting {
            return;
        }
        for (parameter, _) in asked.into_iter().filter(|(_, asked)| *asked) {
            let message = "needs `trusted_proxies` in the configuration: the proxy that ends TLS, whose `X-Forwarded-Proto` is believed";
            self.problems.push(Problem::new(parameter, message));
        }
    }

    fn forward(&mut self, pattern: &Pattern<'_>, more: &Value) {
        let mut table = json!({"to": pattern.to});
        if let Some(rewrite) = &pattern.rewrite {
            table["rewrite"] = rewrite.clone();
        }
        let edits = [
            ("request_headers", self.service.request_headers.table()),
            ("response_headers", self.service.response_headers.table()),
        ];
        for (key, edits) in edits {
            if let Some(edits) = edits {
                table[key] = edits;
            }
        }
        if let Some(seconds) = pattern.destination.timeout {
            table["timeout"] = json!(format!("{seconds}s"));
        }
        if !self.users.is_empty() && !pattern.destination.open {
            let realm = format!("{}Realm", self.service.name);
            table["plugins"] = json!([{"use": "basic-auth", "users": self.users, "realm": realm}]);
        }
        self.add(pattern, merged(more, table));
    }

    /// 403 for everybody.
    fn refuse(&mut self, pattern: &Pattern<'_>, more: &Value) {
        let table = json!({
            "to": pattern.to,
            "plugins": [{"use": "ip-allow", "deny": ["0.0.0.0/0", "::/0"]}],
        });
        self.add(pattern, merged(more, table));
    }

    fn encrypt(&mut self, pattern: &Pattern<'_>, more: &Value) {
        let code = pattern.destination.redirect_code;
        let table = json!({"redirect": {"scheme": "https", "status": code}});
        self.add(pattern, merged(more, table));
    }

    fn redirect_from(&mut self, destination: &Destination) {
        if destination.redirect_from.is_empty() {
            return;
        }
        let name = spelled("redirectFromDomain", destination.index);
        let hosts = self.hosts(destination, &destination.redirect_from, "redirectFromDomain");
        let Some(first) = destination
            .domains
            .first()
            .filter(|domain| !domain.starts_with('*'))
        else {
            let message = "leads to the first `serviceDomain`, which has to be one host";
            self.problems.push(Problem::new(name, message));
            return;
        };
        if hosts.contains(first) {
            let message = format!("`{first}` would lead to itself");
            self.problems.push(Problem::new(name, message));
            return;
        }
        let table = json!({"host": hosts, "path": "/", "redirect": {"host": first, "status": 301}});
        let name = self.route_name(self.head());
        self.tables.routes.push((name, table));
    }

    fn add(&mut self, pattern: &Pattern<'_>, more: Value) {
        let name = self.route_name(pattern.head);
        let table = merged(&Value::Object(pattern.table.clone()), more);
        self.tables.routes.push((name, table));
    }

    /// What `to` says. An upstream of its own where the one that goes without saying is not enough.
    fn target(&mut self, destination: &Destination) -> String {
        let address = address(self.service, destination);
        if !self.service.sticky && !self.service.closes {
            return address;
        }
        let mut table = json!({"to": address});
        if self.service.sticky {
            table["policy"] = json!({"sticky": {"cookie": self.service.name}});
        }
        if self.service.closes {
            table["idle_connections"] = json!(0);
        }
        let name = match destination.index {
            0 | 1 => format!("flow.{}", self.service.name),
            index => format!("flow.{}+{index:02}", self.service.name),
        };
        self.tables.upstreams.push((name.clone(), table));
        name
    }

    fn path(&mut self, destination: &Destination, parameter: &'static str, said: &str) -> Option<Path> {
        match Path::new(said, destination.path_type, self.rules.prefix) {
            Ok(path) => Some(path),
            Err(why) => {
                let name = spelled(parameter, destination.index);
                self.problems.push(Problem::new(name, format!("`{said}`: {why}")));
                None
            }
        }
    }

    fn rewrite(&mut self, destination: &Destination, path: &Path) -> Option<Value> {
        let name = spelled("reqPathSearchReplace", destination.index);
        let (search, replace) = match destination.replace.as_slice() {
            [] => return None,
            [pair] => pair,
            _ => {
                let message = "several pairs are not replaced one after the other: write a `[[route]]` with `path_regex` and `rewrite`";
                self.problems.push(Problem::new(name, message));
                return None;
            }
        };
        path.rewrite(search, replace)
            .map_err(|why| self.problems.push(Problem::new(name, why)))
            .ok()
    }

    fn hosts(
        &mut self,
        destination: &Destination,
        domains: &[String],
        parameter: &'static str,
    ) -> Vec<String> {
        let mut hosts: Vec<String> = Vec::new();
        for domain in domains {
            let star = domain.starts_with('*');
            let bare = domain.trim_start_matches('*');
            let below = star || self.service.domain_algo == DomainAlgo::Below;
            // `.acme.com` is what ends so, and not the name itself.
            let name = bare.trim_start_matches('.');
            let wildcard = format!("*.{name}");
            let said = [
                (!bare.starts_with('.')).then_some(name),
                below.then_some(wildcard.as_str()),
            ];
            for host in said.into_iter().flatten() {
                match host.parse::<HostPattern>() {
                    Ok(host) if hosts.contains(&host.to_string()) => {}
                    Ok(host) => hosts.push(host.to_string()),
                    Err(wrong) => {
                        let message = format!("`{domain}`: {wrong}");
                        let name = spelled(parameter, destination.index);
                        self.problems.push(Problem::new(name, message));
                        break;
                    }
                }
            }
        }
        hosts
    }

    fn headers(&mut self, destination: &Destination) -> Map<String, Value> {
        let mut headers: Map<String, Value> = destination
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        let mut taken = |name: &str, by: &str| {
            if headers.contains_key(name) {
                let message = format!("`{name}` is asked for by `{by}` already");
                let parameter = spelled("serviceHeader", destination.index);
                self.problems.push(Problem::new(parameter, message));
            }
        };
        if destination.https_only
            || destination.deny_http
            || self.service.redirect_unless_https
            || self.service.redirect_when_http
        {
            taken("x-forwarded-proto", "what is done about https");
        }
        if !destination.user_agents.is_empty() {
            taken("user-agent", "userAgent");
            let agents: Vec<_> = destination
                .user_agents
                .iter()
                .map(|agent| regex::escape(agent))
                .collect();
            let regex = format!("(?i).*(?:{}).*", agents.join("|"));
            headers.insert("user-agent".into(), json!({"regex": regex}));
        }
        headers
    }

    /// In front of the names of its routes. With prefixes of elements the most specific wins, and only the order of
    /// those that are equal is left; with prefixes of text, order is all there is.
    fn head(&self) -> &'static str {
        let paths = || self.service.destinations.iter().flat_map(|it| it.paths.iter());
        let begins = |path: &String| path.to_ascii_lowercase().starts_with("/.well-known");
        match self.rules.prefix {
            Prefix::String if paths().any(begins) => "flow!",
            Prefix::String if paths().any(|path| path == "/") => "flow~",
            _ => "flow.",
        }
    }

    fn route_name(&self, head: &str) -> String {
        let Service { name, acl_name, .. } = self.service;
        let number = self.tables.routes.len() + 1;
        let mut route = format!("{head}{acl_name}");
        if acl_name != name {
            route.push_str(&format!(",{name}"));
        }
        if number > 1 {
            route.push_str(&format!("+{number:02}"));
        }
        route
    }
}

fn address(service: &Service, destination: &Destination) -> String {
    let host = destination.outbound.as_ref().unwrap_or(&service.name);
    format!("{host}:{}", destination.port)
}

/// Both, `header` put together.
fn merged(one: &Value, other: Value) -> Value {
    let mut merged = one.clone();
    if let (Value::Object(merged), Value::Object(other)) = (&mut merged, other) {
        for (key, value) in other {
            match (merged.get_mut(&key), value) {
                (Some(Value::Object(both)), Value::Object(more)) if key == "header" => both.extend(more),
                (_, value) => {
                    merged.insert(key, value);
                }
            }
        }
    }
    merged
}

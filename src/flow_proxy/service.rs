//! A service as a call describes it: parameters with types, for each destination. What routes it becomes is said in
//! `translate.rs`.

use serde_json::{Map, Value, json};

use super::parameters::{INDEXES, Problem, Said, spelled};
use super::users::User;
use super::{header, users};
use crate::config::MASK;

/// A service with its destinations, at least one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Service {
    /// Identity, and the name that is resolved.
    pub name: String,
    /// Orders routes that are equally specific; the name when nothing else was said.
    pub acl_name: String,
    /// Where its requests go.
    pub destinations: Vec<Destination>,
    /// How `serviceDomain` is compared.
    pub domain_algo: DomainAlgo,
    /// Edits to requests.
    pub request_headers: header::Edits,
    /// Edits to responses.
    pub response_headers: header::Edits,
    /// Whether requests that came as `http` are redirected.
    pub redirect_when_http: bool,
    /// Whether requests that did not come as `https` are redirected.
    pub redirect_unless_https: bool,
    /// Who may pass; everybody when there is none.
    pub users: Vec<User>,
    /// Whether a client stays with its task.
    pub sticky: bool,
    /// Whether connections to its tasks are closed after every response.
    pub closes: bool,
    /// Whether it takes what no other route takes.
    pub is_default: bool,
    /// How many tasks there are, if it was said; 0 removes the service.
    pub replicas: Option<u64>,
    /// Whether the other instances are meant, too.
    pub distribute: bool,
    /// For which instance it is.
    pub instance: Option<String>,
}

/// One destination of a service.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Destination {
    /// From 1; 0 for the only one without a number.
    pub index: u8,
    /// Any of these; at least one.
    pub paths: Vec<String>,
    /// None of these.
    pub excluded: Vec<String>,
    /// How paths are compared.
    pub path_type: PathType,
    /// Any of these; every host when there is none.
    pub domains: Vec<String>,
    /// All of these.
    pub headers: Vec<(String, String)>,
    /// Any of these texts in `User-Agent`; whatever when there is none.
    pub user_agents: Vec<String>,
    /// 1 to 65535.
    pub port: u16,
    /// Where requests have to arrive.
    pub source_port: Option<u16>,
    /// Resolved instead of the service's name.
    pub outbound: Option<String>,
    /// Only these; any when there is none.
    pub allowed: Vec<String>,
    /// None of these.
    pub denied: Vec<String>,
    /// Whether requests that did not come as `https` are redirected.
    pub https_only: bool,
    /// Whether requests that did not come as `https` are refused.
    pub deny_http: bool,
    /// Status of that redirect.
    pub redirect_code: u64,
    /// Hosts that are redirected to the first domain.
    pub redirect_from: Vec<String>,
    /// Whether everybody may pass, whatever the users.
    pub open: bool,
    /// Until the head of the response, seconds.
    pub timeout: Option<u64>,
    /// Pairs of a regular expression and what takes its place in the path.
    pub replace: Vec<(String, String)>,
}

/// How paths are compared.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum PathType {
    /// By their beginning.
    #[default]
    Beginning,
    /// The whole.
    Exact,
    /// By a regular expression, anywhere in it.
    Regex,
    /// By their end.
    End,
    /// By any part.
    Part,
    /// By whole elements, anywhere in it.
    Elements,
}

/// How domains are compared.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum DomainAlgo {
    /// The whole name.
    #[default]
    Exact,
    /// The name, and every one below.
    Below,
}

const PATH_TYPES: [(&str, PathType); 6] = [
    ("path_beg", PathType::Beginning),
    ("path", PathType::Exact),
    ("path_reg", PathType::Regex),
    ("path_end", PathType::End),
    ("path_sub", PathType::Part),
    ("path_dir", PathType::Elements),
];

/// Reads the parameters of a call; `secrets` gives the users of a secret.
pub(super) struct Reader<'a> {
    pub(super) said: &'a Said,
    pub(super) separator: &'a str,
    pub(super) secrets: &'a dyn Fn(&str) -> Result<String, String>,
    pub(super) problems: Vec<Problem>,
}

impl Reader<'_> {
    /// Whether HTTP is wanted, but neither a path nor a domain is there.
    pub(super) fn leads_nowhere(&self) -> bool {
        let any = |index| {
            ["servicePath", "serviceDomain"]
                .iter()
                .any(|name| self.said.has(name, index))
        };
        !(0..=INDEXES).any(any)
    }

    /// The service, when there are no problems.
    pub(super) fn service(&mut self) -> Option<Service> {
        let name = self.name("serviceName", "serviceName parameter is mandatory.")?;
        let acl_name = match self.said.of("aclName") {
            Some(_) => self.name("aclName", "")?,
            None => name.clone(),
        };
        let destinations = self.destinations();
        let service = Service {
            destinations,
            domain_algo: self.domain_algo(),
            request_headers: header::Edits::read(self, ["addReqHeader", "setReqHeader", "delReqHeader"]),
            response_headers: header::Edits::read(self, ["addResHeader", "setResHeader", "delResHeader"]),
            redirect_when_http: self.flag("redirectWhenHttpProto", 0),
            redirect_unless_https: self.flag("redirectUnlessHttpsProto", 0),
            users: users::read(self),
            sticky: self.word("sessionType", &["sticky-server"]).is_some(),
            closes: self.word("connectionMode", &["http-keep-alive", "http-server-close"])
                == Some("http-server-close"),
            is_default: self.flag("isDefaultBackend", 0),
            replicas: self.whole("replicas", 0, u64::MAX),
            distribute: self.flag("distribute", 0),
            instance: self.said.of("proxyInstanceName").map(str::to_owned),
            name,
            acl_name,
        };
        self.flag("checkResolvers", 0);
        self.word("discoveryType", &["Overlay", "DNS"]);
        self.problems.is_empty().then_some(service)
    }

    /// A name of which names of routes and upstreams can be made.
    fn name(&mut self, parameter: &'static str, missing: &str) -> Option<String> {
        let Some(name) = self.said.of(parameter) else {
            self.wrong(parameter, 0, missing);
            return None;
        };
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if !name.bytes().all(good) || name.len() > 200 {
            self.wrong(
                parameter,
                0,
                "a name has at most 200 letters, digits, `-`, `_` and `.`",
            );
            return None;
        }
        Some(name.to_owned())
    }

    fn destinations(&mut self) -> Vec<Destination> {
        let there = |index: &u8| {
            let own = ["servicePath", "port", "serviceDomain", "httpsPort"];
            own.iter().any(|name| self.said.has(name, *index))
        };
        // Numbers end where one is missing, as they always did; but what stands behind the gap is not lost in silence.
        let numbered: Vec<u8> = (1..=INDEXES).take_while(there).collect();
        let beyond: Vec<u8> = (1..=INDEXES).skip(numbered.len()).filter(there).collect();
        for index in beyond {
            let gap = numbered.len() + 1;
            self.wrong(
                "port",
                index,
                format!("there is no destination {gap}: numbers go up without a gap"),
            );
        }
        match numbered.as_slice() {
            [] => vec![self.destination(0)],
            numbered => numbered.iter().map(|index| self.destination(*index)).collect(),
        }
    }

    fn destination(&mut self, index: u8) -> Destination {
        let domains = self.list("serviceDomain", index);
        let mut paths = self.list("servicePath", index);
        if paths.is_empty() && domains.is_empty() {
            self.wrong("servicePath", index, "servicePath or serviceDomain is mandatory");
        } else if paths.is_empty() {
            paths.push("/".to_owned());
        }
        Destination {
            index,
            paths,
            domains,
            excluded: self.list("servicePathExclude", index),
            path_type: self.path_type(index),
            headers: self.headers(index),
            user_agents: self.list("userAgent", index),
            port: self.port(index),
            source_port: self
                .whole("srcPort", index, u64::from(u16::MAX))
                .and_then(|port| port.try_into().ok()),
            outbound: self.said.at("outboundHostname", index).map(str::to_owned),
            allowed: self.methods("allowedMethods", index),
            denied: self.methods("deniedMethods", index),
            https_only: self.flag("httpsOnly", index),
            deny_http: self.flag("denyHttp", index),
            redirect_code: self.redirect_code(index),
            redirect_from: self.list("redirectFromDomain", index),
            open: self.flag("ignoreAuthorization", index),
            timeout: self.timeout(index),
            replace: self.replacements(index),
        }
    }

    fn path_type(&mut self, index: u8) -> PathType {
        let Some(said) = self.said.at("pathType", index) else {
            return PathType::default();
        };
        if let Some((_, path_type)) = PATH_TYPES.iter().find(|(name, _)| *name == said) {
            return *path_type;
        }
        let known: Vec<_> = PATH_TYPES.iter().map(|(name, _)| format!("`{name}`")).collect();
        self.wrong("pathType", index, format!("is one of {}", known.join(", ")));
        PathType::default()
    }

    fn domain_algo(&mut self) -> DomainAlgo {
        let said = self
            .said
            .of("serviceDomainAlgo")
            .map(|said| said.trim_end_matches("-i").trim());
        match said {
            None if self.flag("serviceDomainMatchAll", 0) => DomainAlgo::Below,
            None | Some("hdr(host)" | "hdr_beg(host)") => DomainAlgo::Exact,
            Some("hdr_end(host)" | "hdr_dom(host)") => DomainAlgo::Below,
            Some(_) => {
                let message = "is one of `hdr(host)`, `hdr_beg(host)`, `hdr_end(host)`, `hdr_dom(host)`; for others write a `[[route]]`";
                self.wrong("serviceDomainAlgo", 0, message);
                DomainAlgo::Exact
            }
        }
    }

    fn headers(&mut self, index: u8) -> Vec<(String, String)> {
        let mut headers: Vec<(String, String)> = Vec::new();
        for pair in self.list("serviceHeader", index) {
            match pair.split_once(':') {
                Some((name, value))
                    if !headers
                        .iter()
                        .any(|(other, _)| other.eq_ignore_ascii_case(name.trim())) =>
                {
                    headers.push((name.trim().to_lowercase(), value.trim().to_owned()));
                }
                Some((name, _)) => {
                    self.wrong(
                        "serviceHeader",
                        index,
                        format!("`{}` is there twice", name.trim()),
                    );
                }
                None => self.wrong("serviceHeader", index, "a header is `Name:value`"),
            }
        }
        headers
    }

    fn port(&mut self, index: u8) -> u16 {
        let port = self.said.at("port", index).map(str::parse);
        match port {
            Some(Ok(port @ 1..)) => port,
            Some(_) => {
                self.wrong("port", index, "a port goes from 1 to 65535");
                0
            }
            None => {
                let message = "When MODE is set to \"service\" or \"swarm\", the port query is mandatory";
                self.wrong("port", index, message);
                0
            }
        }
    }

    fn methods(&mut self, name: &'static str, index: u8) -> Vec<String> {
        let list = self.list(name, index);
        let mut methods: Vec<String> = list.iter().map(|method| method.to_uppercase()).collect();
        methods.sort();
        methods.dedup();
        methods
    }

    fn redirect_code(&mut self, index: u8) -> u64 {
        match self.said.at("httpsRedirectCode", index) {
            None => 302,
            Some(said) => match said.parse() {
                Ok(code @ (301 | 302 | 303 | 307 | 308)) => code,
                _ => {
                    self.wrong("httpsRedirectCode", index, "is 301, 302, 303, 307 or 308");
                    302
                }
            },
        }
    }

    fn timeout(&mut self, index: u8) -> Option<u64> {
        let seconds = self.whole("timeoutServer", index, 86_400)?;
        if seconds == 0 {
            self.wrong("timeoutServer", index, "is at least 1 second");
        }
        Some(seconds)
    }

    fn replacements(&mut self, index: u8) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        match (self.said.of("reqPathSearch"), self.said.of("reqPathReplace")) {
            (None, None) => {}
            (Some(search), replace) => {
                pairs.push((search.to_owned(), replace.unwrap_or_default().to_owned()))
            }
            (None, Some(_)) => self.wrong("reqPathReplace", 0, "there is no `reqPathSearch`"),
        }
        let said = self.said.at("reqPathSearchReplace", index).unwrap_or_default();
        for pair in said.split(':').filter(|pair| !pair.is_empty()) {
            match pair.split_once(',') {
                Some((search, replace)) => pairs.push((search.to_owned(), replace.to_owned())),
                None => self.wrong("reqPathSearchReplace", index, "a pair is `search,replacement`"),
            }
        }
        pairs
    }

    /// The parts of a value, without those that are empty.
    pub(super) fn list(&self, name: &'static str, index: u8) -> Vec<String> {
        let said = self.said.at(name, index).unwrap_or_default();
        let parts = said.split(self.separator).map(str::trim);
        parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    /// As Go reads it.
    pub(super) fn flag(&mut self, name: &'static str, index: u8) -> bool {
        match self.said.at(name, index).map(str::to_ascii_lowercase).as_deref() {
            Some("true" | "t" | "1") => true,
            None | Some("false" | "f" | "0") => false,
            Some(_) => {
                self.wrong(name, index, "is `true` or `false`");
                false
            }
        }
    }

    fn whole(&mut self, name: &'static str, index: u8, most: u64) -> Option<u64> {
        let said = self.said.at(name, index)?;
        match said.parse() {
            Ok(number) if number <= most => Some(number),
            _ => {
                self.wrong(name, index, "is a whole number, and not that large");
                None
            }
        }
    }

    fn word(&mut self, name: &'static str, known: &[&'static str]) -> Option<&'static str> {
        let said = self.said.of(name)?;
        let found = known.iter().find(|word| word.eq_ignore_ascii_case(said));
        if found.is_none() {
            let known: Vec<_> = known.iter().map(|word| format!("`{word}`")).collect();
            self.wrong(
                name,
                0,
                format!("is {}; others are not served", known.join(" or ")),
            );
        }
        found.copied()
    }

    pub(super) fn wrong(&mut self, name: &'static str, index: u8, message: impl Into<String>) {
        // The value of all stands in for that of one: that is where it was said.
        let at = if self.said.has(name, index) { index } else { 0 };
        self.problems.push(Problem::new(spelled(name, at), message));
    }
}

impl Service {
    /// The service in the words of Docker Flow Proxy's answers, without passwords and what else is secret.
    pub(super) fn shown(&self) -> Map<String, Value> {
        let users: Vec<_> = self
            .users
            .iter()
            .map(|user| json!({"Username": user.name}))
            .collect();
        let shown = json!({
            "AclName": self.acl_name,
            "ServiceName": self.name,
            "AddReqHeader": self.request_headers.shown_added(),
            "SetReqHeader": self.request_headers.shown_set(),
            "DelReqHeader": self.request_headers.removed,
            "AddResHeader": self.response_headers.shown_added(),
            "SetResHeader": self.response_headers.shown_set(),
            "DelResHeader": self.response_headers.removed,
            "ConnectionMode": if self.closes { "http-server-close" } else { "http-keep-alive" },
            "Distribute": self.distribute,
            "IsDefaultBackend": self.is_default,
            "IsGlobal": self.replicas.is_none(),
            "ProxyInstanceName": self.instance.as_deref().unwrap_or_default(),
            "RedirectWhenHttpProto": self.redirect_when_http,
            "RedirectUnlessHttpsProto": self.redirect_unless_https,
            "Replicas": self.replicas.unwrap_or(0),
            "ServiceDomainAlgo": match self.domain_algo {
                DomainAlgo::Exact => "hdr(host)",
                DomainAlgo::Below => "hdr_dom(host)",
            },
            "SessionType": if self.sticky { "sticky-server" } else { "" },
            "Users": users,
            "ServiceDest": self.destinations.iter().map(Destination::shown).collect::<Vec<_>>(),
        });
        match shown {
            Value::Object(shown) => shown,
            _ => Map::new(),
        }
    }
}

impl Destination {
    fn shown(&self) -> Value {
        let headers: Map<_, _> = self
            .headers
            .iter()
            .map(|(name, value)| {
                let secret = crate::config::sensitive(name);
                (name.clone(), json!(if secret { MASK } else { value.as_str() }))
            })
            .collect();
        let path_type = PATH_TYPES
            .iter()
            .find(|(_, path_type)| *path_type == self.path_type);
        let replace: Vec<_> = self
            .replace
            .iter()
            .map(|(search, replacement)| format!("{search},{replacement}"))
            .collect();
        json!({
            "AllowedMethods": self.allowed,
            "DeniedMethods": self.denied,
            "DenyHttp": self.deny_http,
            "HttpsOnly": self.https_only,
            "HttpsRedirectCode": self.redirect_code.to_string(),
            "IgnoreAuthorization": self.open,
            "Index": self.index,
            "OutboundHostname": self.outbound.as_deref().unwrap_or_default(),
            "PathType": path_type.map(|(name, _)| *name),
            "Port": self.port.to_string(),
            "RedirectFromDomain": self.redirect_from,
            "ReqMode": "http",
            "ReqPathSearchReplace": replace.join(":"),
            "SrcPort": self.source_port.unwrap_or(0),
            "ServiceDomain": self.domains,
            "ServiceHeader": headers,
            "ServicePath": self.paths,
            "ServicePathExclude": self.excluded,
            "TimeoutServer": self.timeout.map(|seconds| seconds.to_string()).unwrap_or_default(),
            "UserAgent": {"Value": self.user_agents},
        })
    }
}

//! A service as a call describes it, with types, for each destination; and how it is shown. How parameters are read
//! is said in `reader.rs`, what routes they become in `translate.rs`.

use serde_json::{Map, Value, json};

use super::header;
use super::users::User;
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

pub(super) const PATH_TYPES: [(&str, PathType); 6] = [
    ("path_beg", PathType::Beginning),
    ("path", PathType::Exact),
    ("path_reg", PathType::Regex),
    ("path_end", PathType::End),
    ("path_sub", PathType::Part),
    ("path_dir", PathType::Elements),
];

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

//! From the values of parameters to a service, with every problem at once.

use super::parameters::{INDEXES, Problem, Said, spelled};
use super::service::{Destination, DomainAlgo, PATH_TYPES, PathType, Service};
use super::{header, users};

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

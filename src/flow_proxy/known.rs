//! The parameters as data: what each does here, or why it does nothing and what to use instead. The migration page in
//! `examples/flow-proxy/` shows this table.

use super::parameters::{Fate, Parameter};

/// Values that leave a switch off.
const OFF: &[&str] = &["false", "f", "0"];

const fn works(name: &'static str, about: &'static str) -> Parameter {
    Parameter {
        name,
        indexed: false,
        fate: Fate::Works,
        about,
    }
}

const fn indexed(name: &'static str, about: &'static str) -> Parameter {
    Parameter {
        indexed: true,
        ..works(name, about)
    }
}

const fn refused(name: &'static str, but: &'static [&'static str], about: &'static str) -> Parameter {
    Parameter {
        fate: Fate::Refused(but),
        ..works(name, about)
    }
}

const fn refused_indexed(name: &'static str, but: &'static [&'static str], about: &'static str) -> Parameter {
    Parameter {
        indexed: true,
        ..refused(name, but, about)
    }
}

const fn foreign(name: &'static str, about: &'static str) -> Parameter {
    Parameter {
        fate: Fate::Foreign,
        ..works(name, about)
    }
}

const TCP: &str = "belongs to TCP, and only HTTP is served: put a TCP balancer beside the gateway";
const TEMPLATE: &str =
    "is text of HAProxy's configuration: write a `[[route]]` in the file, or put one by the API";
const MONITOR: &str = "is for Docker Flow Monitor: no effect here";
const LISTENER: &str = "is for the swarm listener: no effect here";
const PORTS: &str = "routes are the same on every listener: tell destinations apart by `serviceDomain`, `servicePath` or `serviceHeader`";
const NO_TLS: &str = "listeners speak no TLS: it ends in front of the gateway";

/// In the order of the documentation.
pub(super) static KNOWN: &[Parameter] = &[
    works(
        "serviceName",
        "the name that is resolved, and that `remove` asks for",
    ),
    works(
        "aclName",
        "comes first in the names of routes, and so orders those that are equally specific; `serviceName` when left out",
    ),
    indexed(
        "servicePath",
        "`path`, one route for each; whole elements, or any text with `prefix = \"string\"`; `/` when there is only a domain",
    ),
    indexed(
        "servicePathExclude",
        "`path_except` of the routes, in the way of `pathType`",
    ),
    indexed(
        "pathType",
        "`path_beg` is `path`, `path` is `path_exact`, and `path_reg`, `path_end`, `path_sub`, `path_dir` are `path_regex`",
    ),
    indexed(
        "serviceDomain",
        "`host`; `*.acme.com` is every name below, `*acme.com` that name and every one below; ports are not looked at",
    ),
    works(
        "serviceDomainAlgo",
        "`hdr(host)` and `hdr_beg(host)` are the exact name, `hdr_end(host)` and `hdr_dom(host)` the name and every one below; others are refused",
    ),
    works("serviceDomainMatchAll", "as `serviceDomainAlgo=hdr_dom(host)`"),
    indexed("serviceHeader", "`header`, exact values"),
    indexed(
        "userAgent",
        "`header.user-agent`, any of the texts anywhere in it, whatever the case",
    ),
    indexed("port", "the port in `to`"),
    refused_indexed(
        "httpsPort",
        &[],
        "listeners speak no TLS, so every request goes to `port`: leave it out",
    ),
    indexed(
        "srcPort",
        "taken when it is the port of every listener; others are refused: routes are the same on every listener",
    ),
    refused_indexed("srcHttpsPort", &[], PORTS),
    refused_indexed(
        "reqMode",
        &["http"],
        "only `http` is served: put a TCP balancer beside the gateway",
    ),
    indexed(
        "reqPathSearchReplace",
        "`rewrite`, when one pair replaces a prefix of `servicePath` (`/demo,/new`, `^/demo/(.*),/\\1`); others are refused: write a `[[route]]` with `path_regex` and `rewrite`",
    ),
    works(
        "reqPathSearch",
        "with `reqPathReplace`, as one pair of `reqPathSearchReplace`",
    ),
    works("reqPathReplace", "see `reqPathSearch`"),
    works(
        "addReqHeader",
        "`request_headers.add`; values with `%[…]` or a condition are refused: use the plugin `headers` in a `[[route]]`",
    ),
    works("setReqHeader", "`request_headers.set`, likewise"),
    works("delReqHeader", "`request_headers.remove`"),
    works("addResHeader", "`response_headers.add`, likewise"),
    works("setResHeader", "`response_headers.set`, likewise"),
    works("delResHeader", "`response_headers.remove`"),
    works("addHeader", "as `addReqHeader`"),
    works("setHeader", "as `setReqHeader`"),
    indexed(
        "allowedMethods",
        "`method`, and a route behind it that answers 403 (plugin `ip-allow`)",
    ),
    indexed(
        "deniedMethods",
        "a route in front that answers 403 (plugin `ip-allow`)",
    ),
    indexed(
        "denyHttp",
        "403 unless a proxy in `trusted_proxies` says `X-Forwarded-Proto: https`: TLS ends in front of the gateway",
    ),
    indexed(
        "httpsOnly",
        "a redirect to `https` unless a proxy in `trusted_proxies` says `X-Forwarded-Proto: https`",
    ),
    indexed(
        "httpsRedirectCode",
        "status of redirects to `https`: 301, 302, 303, 307 or 308; 302 when left out",
    ),
    works(
        "redirectWhenHttpProto",
        "a redirect to `https` when a proxy in `trusted_proxies` says `X-Forwarded-Proto: http`",
    ),
    works(
        "redirectUnlessHttpsProto",
        "as `httpsOnly`, for every destination",
    ),
    indexed(
        "redirectFromDomain",
        "a route that redirects (301) from these hosts to the first `serviceDomain`, with the scheme and port of the request",
    ),
    works(
        "users",
        "plugin `basic-auth`; passwords are hashed (bcrypt) on receipt, and never shown",
    ),
    works(
        "usersSecret",
        "names the file `dfp_users_…` in `flow_proxy.secrets`, read when the call comes; those of its users that `users` names, or all",
    ),
    works(
        "usersPassEncrypted",
        "passwords are hashes already: bcrypt or argon2id; those of crypt(3) (`$1$`, `$5$`, `$6$`) are refused: `htpasswd -nB NAME`",
    ),
    indexed("ignoreAuthorization", "no `basic-auth` for this destination"),
    refused_indexed("verifyClientSsl", OFF, NO_TLS),
    refused_indexed(
        "sslVerifyNone",
        OFF,
        "certificates are always verified: write an `[upstream.NAME]` with `to = \"https://…\"`, its authority in `ca_file`, and a `[[route]]` to it",
    ),
    refused("serviceCert", &[], NO_TLS),
    indexed("outboundHostname", "the host in `to`, also outside the Swarm"),
    works(
        "discoveryType",
        "`Overlay` and `DNS` both mean what is always so: each task is found by DNS",
    ),
    works("checkResolvers", "names are always asked while the gateway runs"),
    works(
        "sessionType",
        "`sticky-server` is `policy.sticky` with a cookie named after the service; others are refused",
    ),
    works(
        "connectionMode",
        "`http-keep-alive` is so anyway, `http-server-close` is `idle_connections = 0`; others are refused",
    ),
    refused(
        "compressionAlgo",
        &["identity"],
        "responses are passed as they are: compress in the service",
    ),
    refused(
        "compressionType",
        &[],
        "responses are passed as they are: compress in the service",
    ),
    indexed(
        "timeoutServer",
        "`timeout` in seconds, until the head of the response; that of `[defaults]` when left out",
    ),
    refused_indexed(
        "timeoutTunnel",
        &["3600"],
        "is one for all: `timeouts.tunnel_idle` in the configuration",
    ),
    refused_indexed("timeoutClient", &[], TCP),
    refused_indexed("clitcpka", OFF, TCP),
    refused_indexed("checkTcp", OFF, TCP),
    refused_indexed("serviceGroup", &[], TCP),
    refused_indexed("balanceGroup", &[], TCP),
    works(
        "isDefaultBackend",
        "one more route, `path = \"/\"` for every host, behind all others",
    ),
    refused("backendExtra", &[], TEMPLATE),
    refused("templateFePath", &[], TEMPLATE),
    refused("templateBePath", &[], TEMPLATE),
    refused_indexed("userDef", &[], "is for templates, which are refused"),
    works(
        "proxyInstanceName",
        "services of another instance are left alone when `flow_proxy.instance` is set",
    ),
    works(
        "distribute",
        "this gateway changes, and says so: others learn of it by their own swarm listener or call",
    ),
    works("replicas", "0 removes the service; how many there are DNS says"),
    foreign("nodeInfo", "tasks are found by DNS: no effect here"),
    foreign("shortName", LISTENER),
    foreign("notify", LISTENER),
    foreign("notifyService", LISTENER),
    foreign("scrapeNetwork", LISTENER),
    foreign("scrapePort", MONITOR),
    foreign("scrapeInterval", MONITOR),
    foreign("scrapeTimeout", MONITOR),
    foreign("scrapeType", MONITOR),
    foreign("metricsPath", MONITOR),
    Parameter {
        indexed: true,
        ..foreign("alertName", MONITOR)
    },
    Parameter {
        indexed: true,
        ..foreign("alertIf", MONITOR)
    },
    Parameter {
        indexed: true,
        ..foreign("alertFor", MONITOR)
    },
    Parameter {
        indexed: true,
        ..foreign("alertLabels", MONITOR)
    },
    Parameter {
        indexed: true,
        ..foreign("alertAnnotations", MONITOR)
    },
];

//! What calls mean: from a query to tables, or to what is wrong with it.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::fs;

use serde_json::{Value, json};

use super::translate::{Rules, Tables, translate};
use super::understand::{Understood, Wrong, removed, understand};
use crate::config::{self, Additions, FlowProxy, Kind, Prefix};

const BCRYPT: &str = "$2y$05$bvIG6Nmid91Mu9RcmmWZfO5HJIMCT8riNW0hEp8f6/FuA2/mHZFpe";

fn pairs(query: &str) -> Vec<(String, String)> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    let pair = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (name.to_owned(), value.replace('+', " "))
    };
    parts.map(pair).collect()
}

fn said(query: &str) -> Result<Understood, Wrong> {
    understand(pairs(query), &FlowProxy::default())
}

fn tables_with(prefix: Prefix, query: &str) -> Tables {
    let understood = said(query).unwrap_or_else(|wrong| panic!("{query}: {wrong}"));
    let users: Vec<_> = understood
        .service
        .users
        .iter()
        .map(|user| format!("{}:HASH", user.name))
        .collect();
    let rules = Rules {
        prefix,
        trusting: true,
        ports: vec![80, 80],
    };
    let tables =
        translate(&understood.service, rules, &users).unwrap_or_else(|wrong| panic!("{query}: {wrong:?}"));
    accept(query, &tables);
    tables
}

/// The reader of the configuration takes what comes out.
fn accept(query: &str, tables: &Tables) {
    let source = config::Source::Text {
        name: "test".to_owned(),
        text: "[flow_proxy]\n".to_owned(),
    };
    let mut added = Additions::default();
    for (kind, tables) in [(Kind::Route, &tables.routes), (Kind::Upstream, &tables.upstreams)] {
        tables
            .iter()
            .for_each(|(name, table)| added.put(kind, name, table.clone()));
    }
    let loaded = config::load(source).unwrap().config.with(&added);
    let loaded = loaded.unwrap_or_else(|problems| panic!("{query}\n{problems}\n{tables:#?}"));
    assert!(
        loaded.inactive.is_empty(),
        "{query}\n{:?}\n{tables:#?}",
        loaded.inactive
    );
}

fn tables(query: &str) -> Tables {
    tables_with(Prefix::Segment, query)
}

/// The only route.
fn route(query: &str) -> Value {
    let tables = tables(query);
    assert_eq!(tables.routes.len(), 1, "{tables:#?}");
    tables.routes[0].1.clone()
}

fn wrong(query: &str) -> String {
    match said(query) {
        Err(wrong) => wrong.to_string(),
        Ok(understood) => match translate(
            &understood.service,
            Rules {
                prefix: Prefix::Segment,
                trusting: false,
                ports: vec![80, 443],
            },
            &[],
        ) {
            Err(problems) => Wrong::Parameters(problems).to_string(),
            Ok(tables) => panic!("{query}: {tables:#?}"),
        },
    }
}

const DEMO: &str = "serviceName=go-demo&servicePath=/demo&port=8080";

#[test]
fn the_article_becomes_one_route() {
    let tables = tables(DEMO);
    let wanted = json!({"path": "/demo", "to": "go-demo:8080"});
    assert_eq!(tables.routes, [("flow.go-demo".to_owned(), wanted)]);
    assert!(tables.upstreams.is_empty());
}

#[test]
fn every_parameter_about_matching_and_forwarding_has_its_key() {
    for (more, wanted) in [
        (
            "&pathType=path",
            json!({"path_exact": "/demo", "to": "go-demo:8080"}),
        ),
        (
            "&pathType=path_reg",
            json!({"path_regex": ".*(?:/demo).*", "to": "go-demo:8080"}),
        ),
        (
            "&serviceDomain=Acme.com",
            json!({"host": ["acme.com"], "path": "/demo", "to": "go-demo:8080"}),
        ),
        (
            "&serviceDomain=acme.com,*.acme.org,*acme.net",
            json!({"host": ["acme.com", "*.acme.org", "acme.net", "*.acme.net"], "path": "/demo", "to": "go-demo:8080"}),
        ),
        (
            "&serviceDomain=acme.com&serviceDomainAlgo=hdr_dom(host)",
            json!({"host": ["acme.com", "*.acme.com"], "path": "/demo", "to": "go-demo:8080"}),
        ),
        (
            "&serviceDomain=acme.com&serviceDomainMatchAll=true",
            json!({"host": ["acme.com", "*.acme.com"], "path": "/demo", "to": "go-demo:8080"}),
        ),
        (
            "&servicePathExclude=/demo/metrics",
            json!({"path": "/demo", "path_except": ["/demo/metrics"], "to": "go-demo:8080"}),
        ),
        (
            "&serviceHeader=X-Version:3,name:viktor",
            json!({"path": "/demo", "header": {"x-version": "3", "name": "viktor"}, "to": "go-demo:8080"}),
        ),
        (
            "&userAgent=google.bot,iphone",
            json!({"path": "/demo", "header": {"user-agent": {"regex": "(?i).*(?:google\\.bot|iphone).*"}}, "to": "go-demo:8080"}),
        ),
        (
            "&outboundHostname=ecme.com",
            json!({"path": "/demo", "to": "ecme.com:8080"}),
        ),
        (
            "&timeoutServer=60",
            json!({"path": "/demo", "to": "go-demo:8080", "timeout": "60s"}),
        ),
        (
            "&reqPathSearchReplace=/demo,/",
            json!({"path": "/demo", "to": "go-demo:8080", "rewrite": {"prefix": "/demo", "replace_prefix": "/"}}),
        ),
        (
            "&reqPathSearch=/demo&reqPathReplace=/new",
            json!({"path": "/demo", "to": "go-demo:8080", "rewrite": {"prefix": "/demo", "replace_prefix": "/new"}}),
        ),
        (
            "&addReqHeader=X-A+1,X-A+2&setReqHeader=X-B+a\\+b&delReqHeader=X-C",
            json!({"path": "/demo", "to": "go-demo:8080",
                "request_headers": {"remove": ["x-c"], "set": {"x-b": "a b"}, "add": {"x-a": ["1", "2"]}}}),
        ),
        (
            "&addHeader=X-A+1&addResHeader=X-B+50%%&setResHeader=X-B+2&delResHeader=Server",
            json!({"path": "/demo", "to": "go-demo:8080",
                "request_headers": {"add": {"x-a": ["1"]}},
                "response_headers": {"remove": ["server"], "set": {"x-b": "2"}}}),
        ),
        (
            "&users=me:secret,you:other",
            json!({"path": "/demo", "to": "go-demo:8080",
                "plugins": [{"use": "basic-auth", "users": ["me:HASH", "you:HASH"], "realm": "go-demoRealm"}]}),
        ),
        (
            "&users=me:secret&ignoreAuthorization=true",
            json!({"path": "/demo", "to": "go-demo:8080"}),
        ),
    ] {
        assert_eq!(route(&format!("{DEMO}{more}")), wanted, "{more}");
    }
}

#[test]
fn what_changes_nothing_is_taken() {
    for more in [
        "&reqMode=http&srcPort=80",
        "&discoveryType=DNS",
        "&checkResolvers=true",
        "&connectionMode=http-keep-alive",
        "&proxyInstanceName=docker-flow",
        "&replicas=3&distribute=true",
        "&sslVerifyNone=false&denyHttp=false&timeoutTunnel=3600",
        "&scrapePort=8080&shortName=true",
        "&colour=",
    ] {
        let query = format!("{DEMO}{more}");
        assert_eq!(
            route(&query),
            json!({"path": "/demo", "to": "go-demo:8080"}),
            "{more}"
        );
    }
}

#[test]
fn only_a_domain_means_every_path() {
    let wanted = json!({"host": ["acme.com"], "path": "/", "to": "go-demo:8080"});
    assert_eq!(
        route("serviceName=go-demo&serviceDomain=acme.com&port=8080"),
        wanted
    );
}

#[test]
fn destinations_are_numbered_and_take_what_is_said_for_all() {
    let query = "serviceName=a&servicePath.1=/x,/y&port.1=81&servicePath.2=/z&port=80&serviceDomain=acme.com";
    let tables = tables(query);
    let brief: Vec<_> = tables
        .routes
        .iter()
        .map(|(name, table)| {
            (
                name.as_str(),
                table["path"].as_str().unwrap(),
                table["to"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        brief,
        [
            ("flow.a", "/x", "a:81"),
            ("flow.a+02", "/y", "a:81"),
            ("flow.a+03", "/z", "a:80")
        ]
    );
    assert!(
        tables
            .routes
            .iter()
            .all(|(_, table)| table["host"] == json!(["acme.com"]))
    );
    assert!(
        wrong("serviceName=a&servicePath.1=/x&port=80&servicePath.3=/z")
            .contains("there is no destination 2")
    );
}

#[test]
fn names_order_as_acl_names_did() {
    let name = |more: &str, prefix| {
        tables_with(prefix, &format!("serviceName=a&port=80{more}")).routes[0]
            .0
            .clone()
    };
    for (more, prefix, wanted) in [
        ("&servicePath=/x", Prefix::Segment, "flow.a"),
        ("&servicePath=/x&aclName=05-a", Prefix::Segment, "flow.05-a,a"),
        ("&servicePath=/", Prefix::Segment, "flow.a"),
        ("&servicePath=/x", Prefix::String, "flow.a"),
        ("&servicePath=/", Prefix::String, "flow~a"),
        ("&servicePath=/.Well-Known/acme", Prefix::String, "flow!a"),
    ] {
        assert_eq!(name(more, prefix), wanted, "{more}");
    }
    // Whatever the rest of the names is: what comes behind a name sorts before what makes it longer.
    assert!("flow.a+02" < "flow.a-b" && "flow.a,b" < "flow.a-b" && "flow.a+02" < "flow.a.b");
}

#[test]
fn prefixes_of_text_are_regular_expressions() {
    let tables = tables_with(Prefix::String, &format!("{DEMO}&servicePathExclude=/demo/v1."));
    let wanted =
        json!({"path_regex": "/demo.*", "path_except": [{"regex": "/demo/v1\\..*"}], "to": "go-demo:8080"});
    assert_eq!(tables.routes[0].1, wanted);
}

#[test]
fn methods_that_are_not_served_get_403_behind_or_in_front() {
    let refusal = json!([{"use": "ip-allow", "deny": ["0.0.0.0/0", "::/0"]}]);
    let allowed = tables(&format!("{DEMO}&allowedMethods=get,POST")).routes;
    assert_eq!(
        allowed[0].1,
        json!({"path": "/demo", "method": ["GET", "POST"], "to": "go-demo:8080"})
    );
    assert_eq!(
        allowed[1].1,
        json!({"path": "/demo", "to": "go-demo:8080", "plugins": refusal})
    );
    let denied = tables(&format!("{DEMO}&deniedMethods=PUT")).routes;
    assert_eq!(
        denied[0].1,
        json!({"path": "/demo", "method": ["PUT"], "to": "go-demo:8080", "plugins": refusal})
    );
    assert_eq!(denied[1].1, json!({"path": "/demo", "to": "go-demo:8080"}));
    let both = tables(&format!("{DEMO}&allowedMethods=GET,PUT&deniedMethods=PUT")).routes;
    assert_eq!(both[0].1["method"], json!(["GET"]));
}

#[test]
fn redirects_to_https_look_at_the_forwarded_scheme() {
    let only = |more: &str| tables(&format!("{DEMO}{more}")).routes;
    for more in ["&httpsOnly=true", "&redirectUnlessHttpsProto=true"] {
        let routes = only(more);
        let header = json!({"x-forwarded-proto": "https"});
        assert_eq!(
            routes[0].1,
            json!({"path": "/demo", "header": header, "to": "go-demo:8080"})
        );
        assert_eq!(
            routes[1].1,
            json!({"path": "/demo", "redirect": {"scheme": "https", "status": 302}})
        );
    }
    let when = only("&redirectWhenHttpProto=true&httpsRedirectCode=301&allowedMethods=GET");
    let header = json!({"x-forwarded-proto": "http"});
    let redirect = json!({"scheme": "https", "status": 301});
    assert_eq!(
        when[0].1,
        json!({"path": "/demo", "method": ["GET"], "header": header, "redirect": redirect})
    );
    assert_eq!(
        when[1].1,
        json!({"path": "/demo", "method": ["GET"], "to": "go-demo:8080"})
    );
    assert_eq!(when.len(), 3);
    let deny = only("&denyHttp=true");
    assert_eq!(deny[0].1["header"], json!({"x-forwarded-proto": "https"}));
    assert_eq!(deny[1].1["plugins"][0]["use"], "ip-allow");
    assert!(wrong(&format!("{DEMO}&httpsOnly=true")).starts_with("httpsOnly: needs `trusted_proxies`"));
}

#[test]
fn other_domains_are_redirected_to_the_first() {
    let routes = tables(&format!(
        "{DEMO}&serviceDomain=acme.com,acme.org&redirectFromDomain=old.com,*.old.com"
    ))
    .routes;
    let wanted = json!({"host": ["old.com", "*.old.com"], "path": "/", "redirect": {"host": "acme.com", "status": 301}});
    assert_eq!(routes[1].1, wanted);
    for more in [
        "&redirectFromDomain=old.com",
        "&serviceDomain=a.com&redirectFromDomain=a.com",
    ] {
        assert!(
            wrong(&format!("{DEMO}{more}")).starts_with("redirectFromDomain: "),
            "{more}"
        );
    }
}

#[test]
fn stickiness_and_closing_are_an_upstream_of_its_own() {
    let tables = tables(&format!(
        "{DEMO}&sessionType=sticky-server&connectionMode=http-server-close"
    ));
    let wanted =
        json!({"to": "go-demo:8080", "policy": {"sticky": {"cookie": "go-demo"}}, "idle_connections": 0});
    assert_eq!(tables.upstreams, [("flow.go-demo".to_owned(), wanted)]);
    assert_eq!(tables.routes[0].1["to"], "flow.go-demo");
}

#[test]
fn the_default_takes_every_path_and_comes_last() {
    let routes = tables(&format!(
        "{DEMO}&isDefaultBackend=true&serviceDomain=acme.com&timeoutServer=5"
    ))
    .routes;
    let wanted = json!({"path": "/", "to": "go-demo:8080", "timeout": "5s"});
    assert_eq!(routes[1], ("flow~go-demo+02".to_owned(), wanted));
}

#[test]
fn what_is_wrong_is_said_with_a_way_out() {
    for (query, wanted) in [
        ("", "serviceName: serviceName parameter is mandatory."),
        (
            "servicePath=/a&port=80",
            "serviceName: serviceName parameter is mandatory.",
        ),
        (
            "serviceName=a/b&servicePath=/a&port=80",
            "serviceName: a name has",
        ),
        ("serviceName=a&servicePath=/a", "port: When MODE is set to"),
        (
            "serviceName=a&servicePath=/a&port=0",
            "port: a port goes from 1 to 65535",
        ),
        (
            "serviceName=a&servicePath=/a&port.1=80&servicePath.1=/b&port.2=http",
            "port.2: a port goes",
        ),
        (
            "serviceName=a&servicePath=a&port=80",
            "servicePath: `a`: a path begins with `/`: write `/a`",
        ),
        (
            "serviceName=a&servicePath=/a&port=80&pathType=path_len",
            "pathType: is one of `path_beg`",
        ),
        (
            "serviceName=a&servicePath=(&port=80&pathType=path_reg",
            "servicePath: `(`: not a regular expression",
        ),
        (
            "serviceName=a&serviceDomain=a.com:80&port=80",
            "serviceDomain: `a.com:80`: ",
        ),
        (
            "serviceName=a&servicePath=/a&port=80&serviceDomainAlgo=req.ssl_sni",
            "serviceDomainAlgo: is one of",
        ),
        (
            "serviceName=a&servicePath=/a&port=80&serviceHeader=x",
            "serviceHeader: a header is `Name:value`",
        ),
        (
            "serviceName=a&servicePath=/a&port=80&reqMode=tcp",
            "reqMode: only `http` is served",
        ),
        (
            "serviceName=a&reqMode=sni&srcPort=443&port=443",
            "reqMode: only `http` is served",
        ),
        (
            "serviceName=a&servicePath=/a&port=80&srcPort=80",
            "srcPort: requests arrive at other ports, too",
        ),
        (
            "serviceName=a&servicePath=/a&httpsPort=443",
            "httpsPort: listeners speak no TLS",
        ),
        (
            "serviceName=a&servicePath=/a&port=80&addReqHeader=X-A+%[src]",
            "addReqHeader: `X-A`: `%` begins an",
        ),
        (
            "serviceName=a&servicePath=/a&port=80&setHeader=X-A+on+if+{+ssl_fc+}",
            "setHeader: `X-A`: conditions are",
        ),
        (
            "serviceName=a&servicePath=/a&port=80&addResHeader=X-A",
            "addResHeader: `X-A` has no value",
        ),
        (
            "serviceName=a&servicePath=/a&port=80&reqPathSearchReplace=/a,/b:/c,/d",
            "reqPathSearchReplace: several",
        ),
        (
            "serviceName=a&servicePath=/a&port=80&reqPathSearchReplace=x",
            "reqPathSearchReplace: a pair is",
        ),
        (
            "serviceName=a&servicePath=/a&port=80&reqPathSearchReplace=[a],/b",
            "reqPathSearchReplace: a regular",
        ),
        (
            "serviceName=a&servicePath=/a&port=80&allowedMethods=PUT&deniedMethods=PUT",
            "allowedMethods: none is left",
        ),
        (
            "serviceName=a&servicePath=/a&port=80&httpsRedirectCode=200",
            "httpsRedirectCode: is 301,",
        ),
        (
            "serviceName=a&servicePath=/a&port=80&timeoutServer=0",
            "timeoutServer: is at least 1 second",
        ),
        (
            "serviceName=a&servicePath=/a&port=80&timeoutServer=20s",
            "timeoutServer: is a whole number",
        ),
        (
            "serviceName=a&servicePath=/a&port=80&httpsOnly=yes",
            "httpsOnly: is `true` or `false`",
        ),
        (
            "serviceName=a&servicePath=/a&port=80&sessionType=cookie",
            "sessionType: is `sticky-server`",
        ),
        (
            "serviceName=a&servicePath=/a&port=80&connectionMode=httpclose",
            "connectionMode: is `http-keep-alive` or",
        ),
        (
            "serviceName=a&servicePath=/a&port=80&users=me",
            "users: `me` has no password",
        ),
        (
            "serviceName=a&servicePath=/a&port=80&users=a+b:c",
            "users: the name of a user is",
        ),
        (
            "serviceName=a&servicePath=/a&port=80&usersSecret=x/../y",
            "usersSecret: the name of a secret has",
        ),
        (
            "serviceName=a&servicePath=/a&port=80&usersSecret=gone",
            "usersSecret: the secret `dfp_users_gone` cannot",
        ),
        (
            "serviceName=a&servicePath=/a&port=80&usersPassEncrypted=true&users=me:$6$x$y",
            "users: the hash of `me` is neither bcrypt nor argon2id",
        ),
    ] {
        let said = wrong(query);
        assert!(said.starts_with(wanted), "{query}\n{said}");
        assert!(!said.contains("$6$"), "{said}");
    }
}

#[test]
fn a_service_without_path_and_domain_is_final() {
    for query in [
        "serviceName=a",
        "serviceName=a&port=80&colour=red",
        "serviceName=a&port=80&servicepath=/a",
    ] {
        let wrong = said(query).unwrap_err();
        assert!(matches!(wrong, Wrong::Nowhere(_)), "{query}");
        assert!(
            wrong
                .to_string()
                .starts_with("When using reqMode http, servicePath or serviceDomain are mandatory")
        );
    }
    assert!(wrong("serviceName=a&port=80&servicepath=/a").ends_with("did you mean `servicePath`?"));
}

#[test]
fn users_come_from_the_call_and_from_secrets() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("dfp_users_team"),
        "ann:one, bob:two\ncarl:three\n",
    )
    .unwrap();
    fs::write(folder.path().join("dfp_users_none"), "\n").unwrap();
    let flow = FlowProxy {
        secrets: folder.path().to_owned(),
        ..FlowProxy::default()
    };
    let earlier = format!("me:{}", bcrypt::hash("secret", 4).unwrap());
    let lines = |more: &str| {
        let service = understand(pairs(&format!("{DEMO}{more}")), &flow)?.service;
        let lines: Vec<_> = service
            .users
            .iter()
            .map(|user| user.line(std::slice::from_ref(&earlier)).unwrap())
            .collect();
        Ok::<_, Wrong>(lines)
    };
    let names = |more: &str| {
        let lines = lines(more).unwrap();
        lines
            .iter()
            .map(|line| line.split(':').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names("&usersSecret=team"), ["ann", "bob", "carl"]);
    assert_eq!(names("&usersSecret=team&users=bob,me:secret"), ["bob", "me"]);
    assert!(lines("&usersSecret=team&users=eve").is_err());
    // Nobody is not everybody.
    assert!(lines("&usersSecret=none").is_err());
    let hashed = format!("&users=you:{BCRYPT}&usersPassEncrypted=true");
    assert_eq!(lines(&hashed).unwrap(), [format!("you:{BCRYPT}")]);
    // The same password has the hash that it had; another one a new one.
    assert_eq!(lines("&users=me:secret").unwrap(), std::slice::from_ref(&earlier));
    let other = lines("&users=me:other").unwrap();
    assert!(
        other[0].starts_with("me:$2b$10$") && !other[0].contains("other"),
        "{other:?}"
    );
}

#[test]
fn no_password_and_no_key_is_shown() {
    let query = format!(
        "{DEMO}&users=me:hunter2&setReqHeader=Authorization+hunter2,X-A+seen&serviceHeader=x-api-key:hunter2"
    );
    let understood = said(&query).unwrap();
    let shown = Value::Object(understood.service.shown()).to_string();
    assert!(shown.contains("seen") && shown.contains("\"me\""), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(!format!("{:?}", understood.service.users).contains("hunter2"));
}

#[test]
fn removing_takes_all_that_listeners_send() {
    assert_eq!(
        removed(pairs("serviceName=a&distribute=true&servicePath=/x&reqMode=tcp")),
        Ok("a".to_owned())
    );
    for query in ["", "serviceName=", "serviceName=a&servicename=b"] {
        assert!(removed(pairs(query)).is_err(), "{query}");
    }
}

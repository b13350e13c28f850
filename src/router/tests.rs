//! The router against tables, and against a plain reading of its own documentation.

use std::cmp::Reverse;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::*;
use crate::config::{Action, Element, Forward, HeaderEdits, PathPattern, Place, Rewrite, ValuePattern};

/// Routes, one a line: `@host` (any number), `METHOD`s, `name:value` headers (`name:` for present,
/// `name:!` for absent, `name:~regex`), `?name=value` query conditions, and the path as `/prefix/{capture}`,
/// `=/exact` or `~regex`, with a `!` in front of those that it leaves to others. Each is named by its line.
pub(super) fn routes(lines: &[&str]) -> Vec<Arc<Route>> {
    lines.iter().map(|line| Arc::new(route(line))).collect()
}

fn route(line: &str) -> Route {
    let mut route = Route {
        name: line.to_owned(),
        hosts: Vec::new(),
        path: PathPattern::Prefix(String::new()),
        path_except: Vec::new(),
        methods: Vec::new(),
        headers: Vec::new(),
        query: Vec::new(),
        chain: Vec::new(),
        action: Action::Forward(Forward {
            targets: Vec::new(),
            rewrite: Rewrite::Keep,
            host: None,
        }),
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        timeout: Duration::ZERO,
        retries: 0,
        request_body: 0,
        place: Place::default(),
    };
    for word in line.split(' ') {
        if let Some(host) = word.strip_prefix('@') {
            route.hosts.push(host.parse().unwrap());
        } else if let Some(except) = word.strip_prefix("!~") {
            route.path_except.push(PathPattern::regex(except).unwrap());
        } else if let Some(except) = word.strip_prefix('!') {
            route.path_except.push(except.parse().unwrap());
        } else if let Some(exact) = word.strip_prefix('=') {
            route.path = PathPattern::exact(exact).unwrap();
        } else if let Some(regex) = word.strip_prefix('~') {
            route.path = PathPattern::regex(regex).unwrap();
        } else if word.starts_with('/') {
            route.path = word.parse().unwrap();
        } else if let Some((name, value)) = word.strip_prefix('?').and_then(|word| word.split_once('=')) {
            route.query.push((name.to_owned(), value_pattern(value)));
        } else if let Some((name, value)) = word.split_once(':') {
            route.headers.push((name.parse().unwrap(), value_pattern(value)));
        } else {
            route.methods.push(word.parse().unwrap());
        }
    }
    route
}

fn value_pattern(text: &str) -> ValuePattern {
    match text.strip_prefix('~') {
        Some(regex) => ValuePattern::regex(regex).unwrap(),
        None if text.is_empty() => ValuePattern::Present,
        None if text == "!" => ValuePattern::Absent,
        None => ValuePattern::Exact(text.to_owned()),
    }
}

/// A request as it comes: `METHOD host/path?query`, and headers.
struct Incoming {
    method: Method,
    host: String,
    path: String,
    query: Option<String>,
    headers: HeaderMap,
}

impl Incoming {
    fn request(&self) -> Request<'_> {
        Request {
            host: &self.host,
            path: &self.path,
            query: self.query.as_deref(),
            method: &self.method,
            headers: &self.headers,
        }
    }
}

fn incoming(line: &str) -> Incoming {
    let mut words = line.split(' ');
    let method = words.next().unwrap().parse().unwrap();
    let url = words.next().unwrap();
    let (url, query) = url
        .split_once('?')
        .map_or((url, None), |(url, query)| (url, Some(query.to_owned())));
    let (authority, path) = url.split_at(url.find('/').unwrap_or(url.len()));
    let mut headers = HeaderMap::new();
    for (name, value) in words.map(|word| word.split_once(':').unwrap()) {
        headers.append(
            name.parse::<HeaderName>().unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    Incoming {
        method,
        host: canonical::host(authority).unwrap().0.into_owned(),
        path: canonical::path(path).unwrap().into_owned(),
        query,
        headers,
    }
}

/// The name of the route found, `-` for none; the slow way has to agree.
fn found(router: &Router, line: &str) -> String {
    let incoming = incoming(line);
    let found = router.find(&incoming.request());
    let verdicts = router.explain(&incoming.request());
    let explained = verdicts.iter().find(|verdict| verdict.outcome == Outcome::Wins);
    assert_eq!(
        found.as_ref().map(|m| m.index),
        explained.map(|verdict| verdict.index),
        "{line}"
    );
    assert_eq!(verdicts.len(), router.routes.len(), "{line}");
    found.map_or("-".to_owned(), |found| found.route.name.clone())
}

#[test]
fn precedence_is_that_of_the_gateway_api() {
    // For each case: routes from the least to the most specific, and a request that all of them match.
    for (request, lines) in [
        (
            "GET a.b.example.com/x",
            &[
                "/x",
                "@*.com /x",
                "@*.example.com /x",
                "@*.b.example.com /x",
                "@a.b.example.com /x",
            ][..],
        ),
        ("GET h/a/b/c", &["/", "/a", "/a/b", "/a/b/c", "=/a/b/c"]),
        (
            "GET h/a/b",
            &[
                "/", "~.*", "/{x}", "/{x}/{y}", "/{x}/b", "/a", "/a/{y}", "/a/b", "=/a/b",
            ],
        ),
        // Host before path, path before method, method before headers, headers before query.
        ("GET h/a/b?k=v&l=w a:1 b:2", &["=/a/b GET a:1 ?k=v", "@h /"]),
        ("GET h/a/b?k=v&l=w a:1 b:2", &["/a GET a:1 b:2 ?k=v ?l=w", "/a/b"]),
        ("GET h/a/b?k=v&l=w a:1 b:2", &["/a a:1 b:2 ?k=v ?l=w", "GET /a"]),
        ("GET h/a/b?k=v&l=w a:1 b:2", &["/a a:1 ?k=v ?l=w", "/a a:1 b:2"]),
        ("GET h/a/b?k=v&l=w a:1 b:2", &["/a", "/a ?k=v", "/a ?k=v ?l=w"]),
    ] {
        for keep in 1..=lines.len() {
            let expected = lines[keep - 1];
            for turn in 0..keep {
                let mut some: Vec<&str> = lines[..keep].to_vec();
                some.rotate_left(turn);
                assert_eq!(found(&Router::new(&routes(&some)), request), expected, "{some:?}");
                some.reverse();
                assert_eq!(found(&Router::new(&routes(&some)), request), expected, "{some:?}");
            }
        }
    }
}

#[test]
fn equals_are_decided_by_file_order_and_expressions_by_nothing_else() {
    for (request, lines) in [
        ("GET h/a", &["/a GET", "/a POST GET"][..]),
        ("GET h/a x:1 y:2", &["/a x:1", "/a y:2"]),
        ("GET h/a/b", &["/{x}/b", "/{y}/b"]),
        ("GET h/a", &["~/[a-z]", "GET ~/a", "~/a"]),
        ("GET h/a x:1", &["~/a", "~/[a-z] GET x:1"]),
    ] {
        assert_eq!(found(&Router::new(&routes(lines)), request), lines[0]);
        let swapped: Vec<&str> = lines.iter().rev().copied().collect();
        assert_eq!(found(&Router::new(&routes(&swapped)), request), swapped[0]);
    }
}

#[test]
fn what_is_left_to_others_goes_to_others() {
    let router = Router::new(&routes(&["/a !/a/b !~/a/[0-9]+", "~/r/.* !~/r/.*x", "/"]));
    for (request, expected) in [
        ("GET h/a", "/a !/a/b !~/a/[0-9]+"),
        ("GET h/a/bb", "/a !/a/b !~/a/[0-9]+"),
        ("GET h/a/b", "/"),
        ("GET h/a/b/c", "/"),
        ("GET h/a/%62", "/"),
        ("GET h/a/17", "/"),
        ("GET h/a/17/x", "/a !/a/b !~/a/[0-9]+"),
        ("GET h/r/1", "~/r/.* !~/r/.*x"),
        ("GET h/r/1x", "/"),
        // One tree for us and another one for the backend.
        ("GET h/a/b;x", "-"),
    ] {
        assert_eq!(found(&router, request), expected, "{request}");
    }
}

#[test]
fn a_route_that_fails_on_a_later_count_hides_nothing() {
    let router = Router::new(&routes(&[
        "@a.example.com =/x POST",
        "@a.example.com /x/y",
        "@*.example.com /x k:v",
        "@*.com /",
        "/x/y/z",
    ]));
    for (request, expected) in [
        ("POST a.example.com/x", "@a.example.com =/x POST"),
        ("GET a.example.com/x k:v", "@*.example.com /x k:v"),
        ("GET a.example.com/x", "@*.com /"),
        ("GET a.example.com/x/y/z", "@a.example.com /x/y"),
        ("GET other/x/y/z", "/x/y/z"),
        ("GET other/x", "-"),
    ] {
        assert_eq!(found(&router, request), expected, "{request}");
    }
    let backtracking = Router::new(&routes(&["/a/b/c/d POST", "/a/{x}/c", "/{y}/b"]));
    assert_eq!(found(&backtracking, "GET h/a/b/c/d"), "/a/{x}/c");
    assert_eq!(found(&backtracking, "GET h/a/b"), "/{y}/b");
}

#[test]
fn prefixes_end_at_elements() {
    let router = Router::new(&routes(&["/abc", "/users/{id}", "=/exact", "=/exact/"]));
    for (request, expected) in [
        ("GET h/abc", "/abc"),
        ("GET h/abc/", "/abc"),
        ("GET h/abc/d", "/abc"),
        ("GET h/abcd", "-"),
        ("GET h/ab", "-"),
        ("GET h/ABC", "-"),
        ("GET h/x/abc", "-"),
        ("GET h/users", "-"),
        ("GET h/users/", "-"),
        ("GET h/users/7", "/users/{id}"),
        ("GET h/users/7/", "/users/{id}"),
        ("GET h/users/7/posts", "/users/{id}"),
        ("GET h/exact", "=/exact"),
        ("GET h/exact/", "=/exact/"),
        ("GET h/exact/x", "-"),
        ("GET h/", "-"),
        ("OPTIONS h", "-"),
    ] {
        assert_eq!(found(&router, request), expected, "{request}");
    }
}

#[test]
fn no_spelling_of_a_path_leaves_its_route() {
    let router = Router::new(&routes(&["/", "/admin", "/caf%c3%a9", "=/%7euser"]));
    for path in [
        "/admin",
        "/%61dmin",
        "/x/../admin",
        "/x/%2e%2e/admin",
        "//admin",
        "/./admin",
        "/admin/;x",
    ] {
        assert_eq!(found(&router, &format!("GET h{path}")), "/admin", "{path}");
    }
    // In the tree for servers that cut parameters off, outside for others: nobody's.
    for path in [
        "/admin;x",
        "/admin;x/y",
        "/;x/admin",
        "/x;/admin/../../admin;",
        "/caf%C3%A9;",
    ] {
        assert_eq!(found(&router, &format!("GET h{path}")), "-", "{path}");
    }
    for path in ["/x;y", "/x/admin;y", "/administrator", "/%41dmin", "/..admin"] {
        assert_eq!(found(&router, &format!("GET h{path}")), "/", "{path}");
    }
    assert_eq!(found(&router, "GET h/caf%C3%a9/x"), "/caf%c3%a9");
    assert_eq!(found(&router, "GET h/~user"), "=/%7euser");
}

#[test]
fn an_asterisk_is_no_path() {
    let router = Router::new(&routes(&["/", "~.*", "/{x}"]));
    let headers = HeaderMap::new();
    let request = Request {
        host: "h",
        path: "*",
        query: None,
        method: &Method::OPTIONS,
        headers: &headers,
    };
    assert!(router.find(&request).is_none());
}

#[test]
fn hosts_match_the_same_way_alone_and_among_a_thousand() {
    let wanted = [
        "@api.example.com /",
        "@*.example.com /",
        "@[::1] /",
        "@10.0.0.1 /",
        "/",
    ];
    let crowd: Vec<String> = (0..500)
        .flat_map(|n| [format!("@h{n}.example.org /"), format!("@*.w{n}.example.org /")])
        .collect();
    let crowded: Vec<&str> = crowd.iter().map(String::as_str).chain(wanted).collect();
    for lines in [&wanted[..], &crowded] {
        let router = Router::new(&routes(lines));
        for (host, expected) in [
            ("api.example.com", wanted[0]),
            ("API.Example.COM", wanted[0]),
            ("api.example.com:8080", wanted[0]),
            ("api.example.com.", wanted[0]),
            ("Api.example.com.:80", wanted[0]),
            ("x.example.com", wanted[1]),
            ("X.Y.EXAMPLE.com:1", wanted[1]),
            ("x.api.example.com", wanted[1]),
            ("example.com", wanted[4]),
            ("notexample.com", wanted[4]),
            ("[0::1]:80", wanted[2]),
            ("10.0.0.1:80", wanted[3]),
            ("", wanted[4]),
        ] {
            assert_eq!(found(&router, &format!("GET {host}/")), expected, "{host}");
        }
    }
    let router = Router::new(&routes(&crowded));
    assert_eq!(found(&router, "GET H499.example.org./"), "@h499.example.org /");
    assert_eq!(found(&router, "GET a.b.w7.EXAMPLE.org/"), "@*.w7.example.org /");
}

#[test]
fn a_star_stands_for_something() {
    let router = Router::new(&routes(&["@*.example.com /"]));
    let headers = HeaderMap::new();
    for (host, matches) in [
        ("a.example.com", true),
        (".example.com", false),
        ("example.com", false),
        ("", false),
    ] {
        let request = Request {
            host,
            path: "/",
            query: None,
            method: &Method::GET,
            headers: &headers,
        };
        assert_eq!(router.find(&request).is_some(), matches, "{host}");
        assert_eq!(
            router.explain(&request)[0].outcome == Outcome::Wins,
            matches,
            "{host}"
        );
    }
}

#[test]
fn headers_are_one_value_however_many_lines() {
    for (condition, headers, matches) in [
        ("x:admin", "x:admin", true),
        ("x:admin", "X:admin", true),
        ("x:admin", "x:Admin", false),
        ("x:admin", "x:user x:admin", false),
        ("x:admin", "x:admin x:user", false),
        ("x:user,admin", "x:user x:admin", true),
        ("x:", "x:", true),
        ("x:", "y:1", false),
        ("x:!", "y:1", true),
        ("x:!", "x:", false),
        ("x:~v[0-9]+", "x:v12", true),
        ("x:~v[0-9]+", "x:v12x", false),
        ("x:~v[0-9]+", "x:v\u{e9}", false),
        ("cookie:a=1;", "cookie:a=1;", true),
        ("cookie:~a;.b", "cookie:a cookie:b", true),
    ] {
        let line = format!("/ {condition}");
        let router = Router::new(&routes(&[&line]));
        assert_eq!(
            found(&router, &format!("GET h/ {headers}")) == line,
            matches,
            "{condition} | {headers}"
        );
    }
}

#[test]
fn the_query_is_decoded_and_its_first_value_counts() {
    for (condition, query, matches) in [
        ("?k=v", "?k=v", true),
        ("?k=v", "?a=b&k=v&c", true),
        ("?k=v", "?%6b=%76", true),
        ("?k=v", "?K=v", false),
        ("?k=v", "?k=w&k=v", false),
        ("?k=v", "?k=v&k=w", true),
        ("?k=v", "", false),
        ("?k=v", "?", false),
        ("?k=v", "?;k=v", false),
        ("?k=", "?k", true),
        ("?k=", "?k=&x", true),
        ("?k=", "?kk", false),
        ("?k=!", "?kk", true),
        ("?k=!", "", true),
        ("?k=!", "?k", false),
        ("?k=a+b", "?k=a%2Bb", true),
        ("?k=~a.b", "?k=a+b", true),
        ("?k=%zz", "?k=%zz", true),
        ("?k=~.*", "?k=%ff", false),
    ] {
        let line = format!("/ {condition}");
        let router = Router::new(&routes(&[&line]));
        assert_eq!(
            found(&router, &format!("GET h/{query}")) == line,
            matches,
            "{condition} | {query}"
        );
    }
}

#[test]
fn captures_are_canonical_and_cost_nothing_when_there_are_none() {
    let router = Router::new(&routes(&[
        "/",
        "/u/{id}/p/{post}",
        "~/r/(?<a>[^/]+)(/(?<b>x))?(/.*)?",
    ]));
    for (request, expected) in [
        ("GET h/", &[][..]),
        ("GET h/u/7/p/%61%c3%a9/more", &[("id", "7"), ("post", "a%C3%A9")]),
        ("GET h/u/7;v=1/p/x;", &[("id", "7;v=1"), ("post", "x;")]),
        ("GET h/r/1/x/y", &[("a", "1"), ("b", "x")]),
        ("GET h/r/1", &[("a", "1"), ("b", "")]),
    ] {
        let incoming = incoming(request);
        let found = router.find(&incoming.request()).unwrap();
        assert_eq!(found.captures.iter().collect::<Vec<_>>(), expected, "{request}");
        assert_eq!(
            found.captures.value("id"),
            expected.iter().find(|(name, _)| *name == "id").map(|(_, v)| *v)
        );
    }
}

#[test]
fn explain_says_what_each_route_lost_by() {
    let router = Router::new(&routes(&[
        "/",
        "@h /a k:v",
        "@h /a ?q=1",
        "@h /a POST",
        "@other @h /a/b",
        "@x /",
        "@h /z",
        "@h /a",
    ]));
    let incoming = incoming("GET h/a/b");
    let outcomes: Vec<(usize, Outcome)> = router
        .explain(&incoming.request())
        .into_iter()
        .map(|verdict| (verdict.index, verdict.outcome))
        .collect();
    assert_eq!(
        outcomes,
        [
            (4, Outcome::Wins),
            (3, Outcome::Method),
            (1, Outcome::Header(HeaderName::from_static("k"))),
            (2, Outcome::Query("q".to_owned())),
            (
                7,
                Outcome::Outranked {
                    by: 4,
                    rule: Rule::Path
                }
            ),
            (6, Outcome::Path),
            (5, Outcome::Host),
            (
                0,
                Outcome::Outranked {
                    by: 4,
                    rule: Rule::Host
                }
            ),
        ]
    );
    let parameters = self::incoming("GET h/a;x");
    let verdicts = router.explain(&parameters.request());
    let ambiguous: Vec<_> = verdicts
        .iter()
        .filter(|v| matches!(v.outcome, Outcome::Ambiguous { .. }))
        .map(|v| v.index)
        .collect();
    assert_eq!(ambiguous, [0]);
}

/// The documentation of the module, word for word and without any of its machinery.
fn plainly(routes: &[Arc<Route>], request: &Request<'_>) -> Option<usize> {
    let mut matching = Vec::new();
    for (index, route) in routes.iter().enumerate() {
        let Some(host) = plain_host(&route.hosts, request.host) else {
            continue;
        };
        let Some(path) = plain_path(&route.path, request.path) else {
            continue;
        };
        let header = |name: &HeaderName| request.headers.get(name).and_then(|value| value.to_str().ok());
        let query = |name: &str| {
            let pairs = request
                .query
                .unwrap_or("")
                .split('&')
                .filter_map(|pair| pair.split_once('='));
            pairs
                .into_iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value)
        };
        let holds = |value: Option<&str>, pattern: &ValuePattern| match pattern {
            ValuePattern::Exact(text) => value == Some(text),
            ValuePattern::Present => value.is_some(),
            ValuePattern::Absent => value.is_none(),
            ValuePattern::Regex(regex) => value.is_some_and(|value| regex.is_match(value)),
        };
        let method = route.methods.is_empty() || route.methods.contains(request.method);
        let headers = route
            .headers
            .iter()
            .all(|(name, pattern)| holds(header(name), pattern));
        let parameters = route
            .query
            .iter()
            .all(|(name, pattern)| holds(query(name), pattern));
        if method && headers && parameters {
            let regex = matches!(route.path, PathPattern::Regex(_));
            let count = |n: usize| Reverse(if regex { 0 } else { n });
            let conditions = [
                usize::from(!route.methods.is_empty()),
                route.headers.len(),
                route.query.len(),
            ]
            .map(count);
            matching.push((host, path, conditions, index));
        }
    }
    matching.into_iter().min().map(|(.., index)| index)
}

/// The least is the most specific.
fn plain_host(hosts: &[HostPattern], host: &str) -> Option<(u8, Reverse<usize>)> {
    let any = hosts.is_empty().then_some((2, Reverse(0)));
    let best = hosts.iter().filter_map(|pattern| match pattern {
        HostPattern::Exact(name) => (name == host).then_some((0, Reverse(0))),
        HostPattern::Suffix(suffix) => host
            .strip_suffix(suffix.as_str())
            .filter(|rest| !rest.is_empty())
            .map(|_| (1, Reverse(suffix.len()))),
    });
    best.min().or(any)
}

/// The least is the most specific.
fn plain_path(pattern: &PathPattern, path: &str) -> Option<(u8, Vec<u8>)> {
    let elements: Vec<&str> = path.split('/').skip(1).collect();
    match pattern {
        PathPattern::Exact(exact) => (exact == path).then_some((0, Vec::new())),
        PathPattern::Prefix(prefix) if prefix.is_empty() => Some((3, Vec::new())),
        PathPattern::Prefix(prefix) => {
            let rest = path.strip_prefix(prefix.as_str())?;
            let steps = prefix.matches('/').map(|_| 0).chain([2]).collect();
            (rest.is_empty() || rest.starts_with('/')).then_some((1, steps))
        }
        PathPattern::Template(parts) => {
            let mut steps = Vec::new();
            for (at, part) in parts.iter().enumerate() {
                let element = elements.get(at)?;
                match part {
                    Element::Literal(text) if text == element => steps.push(0),
                    Element::Capture(_) if !element.is_empty() => steps.push(1),
                    _ => return None,
                }
            }
            steps.push(2);
            Some((1, steps))
        }
        PathPattern::Regex(regex) => regex.is_match(path).then_some((2, Vec::new())),
    }
}

#[test]
fn the_fast_way_the_slow_way_and_the_documentation_agree() {
    const HOSTS: &[&str] = &["", "", "@a.x", "@b.a.x", "@*.x", "@*.a.x", "@a.x @*.x"];
    const PATHS: &[&str] = &[
        "/",
        "/a",
        "/a/b",
        "/b/a",
        "/{p}",
        "/a/{p}",
        "/{p}/b",
        "/{p}/{q}",
        "/a/{p}/b",
        "/{p}/a/{q}",
        "/b/{p}/{q}",
        "=/a",
        "=/a/b",
        "=/a/",
        "~/a.*",
        "~.*/b",
        "~/[ab]/[^/]+",
    ];
    const CONDITIONS: &[&str] = &[
        "",
        "",
        "",
        "GET",
        "POST",
        "GET POST",
        "k:v",
        "k:",
        "k:!",
        "j:",
        "?q=1",
        "?q=",
        "?r=~[0-9]",
    ];
    const TARGETS: &[&str] = &[
        "", "/", "/a", "/a/", "/a/b", "/b/a/b", "/a/a/b", "/b/b/a", "/c", "/c/b/a/", "/a;x", "/a/b;/c",
    ];
    let mut random = fastrand::Rng::with_seed(2015);
    let mut pick = |choices: &[&'static str]| choices[random.usize(..choices.len())];
    let (mut hits, mut misses) = (0, 0);
    for round in 0..400 {
        let lines: Vec<String> = (0..=round % 24)
            .map(|_| [HOSTS, PATHS, CONDITIONS, CONDITIONS].map(&mut pick))
            .map(|words| {
                words
                    .into_iter()
                    .filter(|word| !word.is_empty())
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let routes = routes(&lines);
        let router = Router::new(&routes);
        for _ in 0..100 {
            let host = pick(&["", "a.x", "b.a.x", "c.a.x", "b.x", "x", "y"]);
            let query = pick(&["", "?q=1", "?q=2&r=3", "?r=x"]);
            let headers = pick(&["", " k:v", " k:w j:1", " j:2"]);
            let line = format!(
                "{} {host}{}{query}{headers}",
                pick(&["GET", "POST", "PUT"]),
                pick(TARGETS)
            );
            let incoming = incoming(&line);
            let request = incoming.request();
            let literally = plainly(&routes, &request);
            let cut = canonical::path(&request.path.replace(";x", "").replace(';', ""))
                .unwrap()
                .into_owned();
            let bare = plainly(
                &routes,
                &Request {
                    path: &cut,
                    ..request
                },
            );
            let expected = literally.filter(|_| literally == bare).map(|index| lines[index]);
            assert_eq!(
                found(&router, &line),
                expected.unwrap_or("-"),
                "{line} in {lines:#?}"
            );
            if expected.is_some() {
                hits += 1
            } else {
                misses += 1
            }
        }
    }
    assert!(hits > 10_000 && misses > 5_000, "{hits} hits, {misses} misses");
}

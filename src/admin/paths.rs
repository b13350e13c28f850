//! Every path of the API: with which methods, for what, what it takes and what it answers. `/` lists them, OpenAPI
//! describes them, and requests are told apart by them.

use http::Method;

/// One path. A part may be `{name}`: whatever stands there, percent-decoded.
pub(super) struct Path {
    pub(super) pattern: &'static str,
    pub(super) operations: &'static [Operation],
}

/// What a method does with a path.
pub(super) struct Operation {
    pub(super) method: Method,
    /// One sentence.
    pub(super) about: &'static str,
    /// What the body has to be.
    pub(super) body: Option<Body>,
    /// Names of what the query may say.
    pub(super) query: &'static [&'static str],
    /// Statuses of its own, beside those that every path has.
    pub(super) statuses: &'static [u16],
}

/// What a body has to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Body {
    /// A component.
    Wasm,
    /// A table as in the configuration, under this key.
    Table(&'static str),
    /// The same, with only what is to be different (RFC 7396).
    Patch(&'static str),
    /// `plugins` of a route.
    Chain,
    /// Everything that is added.
    Added,
}

impl Path {
    /// The methods, with HEAD where GET is.
    pub(super) fn allow(&self) -> String {
        let methods = self.operations.iter().flat_map(|operation| {
            let head = (operation.method == Method::GET).then_some("HEAD");
            std::iter::once(operation.method.as_str()).chain(head)
        });
        methods.collect::<Vec<_>>().join(", ")
    }
}

/// The path that this is, and what stands in the place of `{name}`: empty where there is no such place.
pub(super) fn find(path: &str) -> Option<(&'static Path, &str)> {
    PATHS
        .iter()
        .find_map(|known| Some((known, name_in(known.pattern, path)?)))
}

fn name_in<'p>(pattern: &str, path: &'p str) -> Option<&'p str> {
    let Some((before, after)) = pattern.split_once("{name}") else {
        return (pattern == path).then_some("");
    };
    let name = path.strip_prefix(before)?.strip_suffix(after)?;
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

const fn get(about: &'static str) -> Operation {
    reading(about, &[200])
}

const fn reading(about: &'static str, statuses: &'static [u16]) -> Operation {
    Operation {
        method: Method::GET,
        about,
        body: None,
        query: &[],
        statuses,
    }
}

const fn post(about: &'static str, query: &'static [&'static str], statuses: &'static [u16]) -> Operation {
    Operation {
        method: Method::POST,
        about,
        body: None,
        query,
        statuses,
    }
}

/// Changes one table, or all.
const fn change(method: Method, about: &'static str, body: Option<Body>) -> Operation {
    Operation {
        method,
        about,
        body,
        query: &["dry_run"],
        statuses: &[200, 201, 400, 404, 408, 409, 412, 413, 415, 422, 507],
    }
}

/// One table of a kind.
const fn tables(key: &'static str, texts: [&'static str; 4]) -> [Operation; 4] {
    [
        reading(texts[0], &[200, 404]),
        change(Method::PUT, texts[1], Some(Body::Table(key))),
        change(Method::PATCH, texts[2], Some(Body::Patch(key))),
        change(Method::DELETE, texts[3], None),
    ]
}

static ROUTE: [Operation; 4] = tables(
    "route",
    [
        "one route: as it was added, or as it is in effect",
        "adds a route, or puts it in another's place",
        "changes the keys of a route that the body names; null removes one",
        "removes a route that was added",
    ],
);

static UPSTREAM: [Operation; 4] = tables(
    "upstream",
    [
        "one upstream: as it was added, or as it is in effect",
        "adds an upstream, or puts it in another's place",
        "changes the keys of an upstream that the body names; null removes one",
        "removes an upstream that was added",
    ],
);

static BUDGET: [Operation; 4] = tables(
    "budget",
    [
        "one budget: as it was added, or as it is in effect",
        "adds a budget, or puts it in another's place",
        "changes the keys of a budget that the body names; null removes one",
        "removes a budget that was added",
    ],
);

/// In the order in which `/` lists them.
pub(super) static PATHS: &[Path] = &[
    Path {
        pattern: "/healthz",
        operations: &[get("200 while the process lives")],
    },
    Path {
        pattern: "/readyz",
        operations: &[reading("200 while requests are welcome", &[200, 503])],
    },
    Path {
        pattern: "/metrics",
        operations: &[get("for Prometheus")],
    },
    Path {
        pattern: "/api/v1/openapi.json",
        operations: &[get("this API, as OpenAPI 3.1 describes it")],
    },
    Path {
        pattern: "/api/v1/version",
        operations: &[get("what is running, and since when")],
    },
    Path {
        pattern: "/api/v1/config",
        operations: &[Operation {
            method: Method::GET,
            about: "what the configuration means, defaults included; ?format=toml for a file",
            body: None,
            query: &["format"],
            statuses: &[200, 400],
        }],
    },
    Path {
        pattern: "/api/v1/routes",
        operations: &[get("in the order in which they are tried")],
    },
    Path {
        pattern: "/api/v1/routes/{name}",
        operations: &ROUTE,
    },
    Path {
        pattern: "/api/v1/routes/{name}/plugins",
        operations: &[
            reading("the plugins of a route", &[200, 404]),
            change(
                Method::PUT,
                "binds plugins to a route that was added",
                Some(Body::Chain),
            ),
            change(
                Method::DELETE,
                "leaves a route that was added with the default plugins",
                None,
            ),
        ],
    },
    Path {
        pattern: "/api/v1/upstreams",
        operations: &[get("endpoints and DNS")],
    },
    Path {
        pattern: "/api/v1/upstreams/{name}",
        operations: &UPSTREAM,
    },
    Path {
        pattern: "/api/v1/budgets",
        operations: &[get("every budget")],
    },
    Path {
        pattern: "/api/v1/budgets/{name}",
        operations: &BUDGET,
    },
    Path {
        pattern: "/api/v1/state",
        operations: &[
            get("everything that is added to the configuration, and what of it is not in effect"),
            change(
                Method::PUT,
                "replaces everything that is added",
                Some(Body::Added),
            ),
        ],
    },
    Path {
        pattern: "/api/v1/state/versions",
        operations: &[get(
            "what was added before: the versions that can be gone back to",
        )],
    },
    Path {
        pattern: "/api/v1/state/versions/{name}",
        operations: &[reading("everything that was added in this version", &[200, 404])],
    },
    Path {
        pattern: "/api/v1/state/rollback",
        operations: &[post(
            "goes back to ?version=N, as a new version",
            &["version", "dry_run"],
            &[200, 400, 404, 409, 412, 422, 507],
        )],
    },
    Path {
        pattern: "/api/v1/reload",
        operations: &[
            get("how the last reload ended"),
            post("reads the configuration again", &[], &[200, 422]),
        ],
    },
    Path {
        pattern: "/api/v1/verifiers",
        operations: &[get("verifiers of tokens, and their keys")],
    },
    Path {
        pattern: "/api/v1/plugins",
        operations: &[get("every plugin, in short")],
    },
    Path {
        pattern: "/api/v1/plugins/{name}",
        operations: &[
            reading("one plugin, its uses and its history", &[200, 404]),
            Operation {
                method: Method::PUT,
                about: "runs the component in the body",
                body: Some(Body::Wasm),
                query: &[],
                statuses: &[200, 400, 404, 408, 409, 413, 422],
            },
        ],
    },
    Path {
        pattern: "/api/v1/plugins/{name}/reload",
        operations: &[post("loads the plugin again", &[], &[200, 404, 422])],
    },
    Path {
        pattern: "/api/v1/plugins/{name}/rollback",
        operations: &[post(
            "goes back to the generation before, or to ?generation=N",
            &["generation"],
            &[200, 400, 404, 409, 422],
        )],
    },
];

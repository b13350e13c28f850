//! Every key that a configuration may have.

use super::shape::Shape::{Any, Flag, Fraction, List, Map, Number, Size, Text, Time, Whole, Word};
use super::shape::{Key, Shape, Table, Zero};

mod flow_proxy;
mod plugin;

const MANY: u64 = u32::MAX as u64;
/// A weight is a share, not a count: four digits express any.
const WEIGHT: Shape = Whole { min: 0, max: 10_000 };
const TIME: Shape = Time { zero: false };
const TIME_OR_ZERO: Shape = Time { zero: true };

/// The main file.
pub(super) static ROOT: Table = Table {
    keys: &[
        &[
            Key::new(
                "version",
                Number(&[1]),
                "Version of this format. There is one so far.",
            )
            .default("1"),
            Key::new(
                "listen",
                Any(&[LISTEN, List(&LISTEN)]),
                "Addresses that accept requests: `:PORT` for every address, or `IP:PORT`.",
            )
            .default("[\":2015\"]"),
            Key::new(
                "listener",
                List(&Shape::Table(&LISTENER)),
                "The same as tables, when an address needs a name.",
            ),
            Key::new(
                "admin",
                Any(&[Text("an address, or `\"off\"`"), Shape::Table(&ADMIN)]),
                "Health, metrics and API: an address, `\"off\"`, or a table.",
            )
            .default("\"127.0.0.1:9901\""),
            Key::new(
                "flow_proxy",
                Shape::Table(&flow_proxy::FLOW_PROXY),
                "Takes the calls made for Docker Flow Proxy, on a listener of its own. Off when left out.",
            ),
            Key::new(
                "defaults",
                Shape::Table(&DEFAULTS),
                "What routes and upstreams take when they do not say.",
            ),
        ],
        PARTS,
        plugin::PARTS,
        &[
            Key::new(
                "state",
                Text("a folder"),
                "Where compiled and downloaded plugins are kept. `$STATE_DIRECTORY`, `$XDG_STATE_HOME/gatewit` or `~/.local/state/gatewit` when left out.",
            ),
            Key::new(
                "ca_file",
                Text("a file name"),
                "Certificates (PEM) of authorities that are believed besides the system's: those of upstreams and of whatever is fetched by `https`.",
            ),
            Key::new(
                "server_timing",
                Flag,
                "Whether responses say in `Server-Timing` how long each plugin took.",
            )
            .default("false"),
            Key::new("dns", Shape::Table(&DNS), "How names become addresses."),
            Key::new(
                "trusted_proxies",
                List(&Text("a network such as `10.0.0.0/8`, or an IP address")),
                "Peers whose `X-Forwarded-*` and `Forwarded` are believed.",
            )
            .default("[]"),
            Key::new(
                "timeouts",
                Shape::Table(&TIMEOUTS),
                "Time limits on the client's side and of stopping.",
            ),
            Key::new("limits", Shape::Table(&LIMITS), "Bounds on what is accepted."),
            Key::new(
                "access_log",
                Any(&[ACCESS_LOG_FORMAT, Shape::Table(&ACCESS_LOG)]),
                "One line for each exchange: a format, or a table.",
            )
            .default("\"json\""),
        ],
    ],
    aliases: &[
        ("listeners", "listener"),
        ("routes", "route"),
        ("upstreams", "upstream"),
        ("service", "upstream"),
        ("services", "upstream"),
        ("cluster", "upstream"),
        ("backend", "upstream"),
        ("server", "listener"),
        ("docker_flow_proxy", "flow_proxy"),
        ("dfp", "flow_proxy"),
        ("resolver", "dns"),
        ("log", "access_log"),
        ("plugins", "plugin"),
        ("middleware", "plugin"),
        ("middlewares", "plugin"),
        ("filter", "plugin"),
        ("filters", "plugin"),
        ("budgets", "budget"),
        ("rate_limit", "budget"),
        ("verifiers", "verifier"),
        ("jwt", "verifier"),
        ("stores", "store"),
        ("keys", "key"),
        ("secrets", "secret"),
        ("state_dir", "state"),
        ("data_dir", "state"),
    ],
};

/// A file that another one includes.
pub(super) static INCLUDED: Table = Table {
    keys: &[PARTS, plugin::PARTS],
    aliases: ROOT.aliases,
};

static PARTS: &[Key] = &[
    Key::new(
        "include",
        List(&Text("a file name; its last part may hold `*`")),
        "More files with routes and upstreams, relative to this one.",
    ),
    Key::new(
        "route",
        List(&Shape::Table(&ROUTE)),
        "What is done with which requests.",
    ),
    Key::new(
        "upstream",
        Map {
            key: "upstreams by name",
            of: &Shape::Table(&UPSTREAM),
        },
        "Named sets of endpoints, when the defaults are not enough.",
    ),
];

const LISTEN: Shape = Text("an address: `:PORT` or `IP:PORT`");

static LISTENER: Table = Table {
    keys: &[&[
        Key::new("address", LISTEN, "`:PORT` for every address, or `IP:PORT`.").required(),
        Key::new(
            "name",
            Text("a name"),
            "Label in logs and metrics; the address when left out.",
        ),
    ]],
    aliases: &[
        ("listen", "address"),
        ("bind", "address"),
        ("addr", "address"),
        ("port", "address"),
    ],
};

const SECRET_FILE: Shape = Shape::Table(&Table {
    keys: &[&[Key::new(
        "file",
        Text("a file name"),
        "The file that holds it, relative to this one.",
    )
    .required()]],
    aliases: &[("path", "file")],
});

const SECRET: Shape = Any(&[Text("a text"), SECRET_FILE]);

static ADMIN: Table = Table {
    keys: &[&[
        Key::new("address", LISTEN, "Where it listens.").default("\"127.0.0.1:9901\""),
        Key::new(
            "token",
            SECRET,
            "Bearer token; without one only loopback peers are served.",
        ),
        Key::new(
            "token_file",
            Text("a file name"),
            "The same as `token = { file = … }`.",
        ),
    ]],
    aliases: &[("listen", "address"), ("bind", "address")],
};

static DEFAULTS: Table = Table {
    keys: &[ROUTE_TUNING, UPSTREAM_TUNING],
    aliases: UPSTREAM.aliases,
};

static ROUTE_TUNING: &[Key] = &[
    Key::new(
        "timeout",
        TIME,
        "From the request's last byte to the response head, over all attempts.",
    )
    .default("\"15s\""),
    Key::new(
        "retries",
        Whole { min: 0, max: 100 },
        "Further attempts after the first, when it is safe.",
    )
    .default("2"),
    Key::new(
        "request_body",
        Size(Zero::Unlimited),
        "Largest request body, or `\"unlimited\"`.",
    )
    .default("\"1GiB\""),
    Key::new(
        "plugins",
        plugin::PLUGINS,
        "Plugins that requests go through, in this order: names, or tables with `use`. A route's own list replaces that of `[defaults]`.",
    )
    .default("[]"),
];

const TARGET: Shape = Text("an upstream's name, `host:port` or `https://host`");

const TARGETS: Shape = Any(&[
    TARGET,
    List(&Any(&[
        TARGET,
        Shape::Table(&Table {
            keys: &[&[
                Key::new(
                    "to",
                    TARGET,
                    "An upstream's name, `host:port`, or `https://host`.",
                )
                .required(),
                Key::new(
                    "weight",
                    WEIGHT,
                    "Share of the requests, relative to the others'; 0 for none.",
                )
                .default("1"),
            ]],
            aliases: &[
                ("upstream", "to"),
                ("name", "to"),
                ("address", "to"),
                ("url", "to"),
            ],
        }),
    ])),
]);

const REGEX: Shape = Shape::Table(&Table {
    keys: &[&[Key::new(
        "regex",
        Text("a regular expression"),
        "Must match all of the value.",
    )
    .required()]],
    aliases: &[("pattern", "regex"), ("matches", "regex")],
});

/// `"gold"`, `{ regex = "…" }`, `true` (there) or `false` (not there).
const CONDITION: Shape = Any(&[Text("a text"), Flag, REGEX]);

static ROUTE: Table = Table {
    keys: &[
        &[
            Key::new(
                "name",
                Text("a name"),
                "Unique; shown in logs and metrics. Made of host and path when left out.",
            ),
            Key::new(
                "host",
                Any(&[HOST, List(&HOST)]),
                "`api.example.com` or `*.example.com`; every host when left out.",
            ),
            Key::new(
                "path",
                Text("a path such as `/orders` or `/orders/{id}`"),
                "Path prefix by element, with `{captures}`; `/orders` matches `/orders/7`, never `/orders2`.",
            )
            .default("\"/\""),
            Key::new("path_exact", Text("a path"), "The whole path, byte for byte."),
            Key::new(
                "path_regex",
                Text("a regular expression"),
                "Must match the whole path; named groups are captures.",
            ),
            Key::new(
                "path_except",
                Any(&[EXCEPTION, List(&Any(&[EXCEPTION, REGEX]))]),
                "Paths that are left to other routes: by element, as `path`, or `{ regex = … }`.",
            ),
            Key::new(
                "method",
                Any(&[METHOD, List(&METHOD)]),
                "`GET` or `[\"GET\", \"HEAD\"]`; every method when left out.",
            ),
            Key::new(
                "header",
                Map {
                    key: "header names",
                    of: &CONDITION,
                },
                "Request headers that must match: a text, `{ regex = … }`, `true` (present) or `false` (absent).",
            ),
            Key::new(
                "query",
                Map {
                    key: "query parameters",
                    of: &CONDITION,
                },
                "Query parameters that must match: a text, `{ regex = … }`, `true` (present) or `false` (absent).",
            ),
            Key::new(
                "to",
                TARGETS,
                "Where it goes: `host:port`, `https://host`, an upstream's name, or a weighted list.",
            ),
            Key::new(
                "redirect",
                Any(&[Text("a location or a path"), Shape::Table(&REDIRECT)]),
                "Answer with a redirect instead: a location, a path template, or a table.",
            ),
            Key::new(
                "strip_prefix",
                Any(&[Text("a path"), Flag]),
                "Remove this prefix of the path before forwarding; `true` for all of `path`.",
            ),
            Key::new(
                "rewrite",
                Any(&[Text("a path template such as `/v2/{id}`"), Shape::Table(&REWRITE)]),
                "Replace the path, or its prefix, before forwarding. The query is kept.",
            ),
            Key::new(
                "host_header",
                Text("a host"),
                "`Host` sent upstream; the client's when left out.",
            ),
            Key::new(
                "request_headers",
                Shape::Table(&EDITS),
                "Edits to the request, in the order remove, set, add.",
            ),
            Key::new(
                "response_headers",
                Shape::Table(&EDITS),
                "Edits to the response, in the order remove, set, add.",
            ),
        ],
        ROUTE_TUNING,
    ],
    aliases: &[
        ("hosts", "host"),
        ("domain", "host"),
        ("prefix", "path"),
        ("path_prefix", "path"),
        ("paths", "path"),
        ("location", "path"),
        ("exact", "path_exact"),
        ("regex", "path_regex"),
        ("except", "path_except"),
        ("exclude", "path_except"),
        ("methods", "method"),
        ("headers", "header"),
        ("upstream", "to"),
        ("service", "to"),
        ("backend", "to"),
        ("url", "to"),
        ("proxy_pass", "to"),
        ("proxy", "to"),
        ("target", "to"),
        ("stripprefix", "strip_prefix"),
        ("set_headers", "request_headers"),
        ("max_body_size", "request_body"),
        ("body_limit", "request_body"),
        ("plugin", "plugins"),
        ("middleware", "plugins"),
        ("middlewares", "plugins"),
        ("filters", "plugins"),
        ("chain", "plugins"),
    ],
};

const HOST: Shape = Text("a host such as `api.example.com` or `*.example.com`");
const EXCEPTION: Shape = Text("a path such as `/orders/internal`");
const METHOD: Shape = Text("a method such as `GET`");

static REDIRECT: Table = Table {
    keys: &[&[
        Key::new(
            "to",
            Text("a location such as `https://example.com/new`"),
            "The complete location.",
        ),
        Key::new(
            "status",
            Number(&[301, 302, 303, 307, 308]),
            "Status of the answer.",
        )
        .default("308"),
        Key::new(
            "scheme",
            Word(&[("http", "plain"), ("https", "encrypted")]),
            "The request's when left out.",
        ),
        Key::new("host", Text("a host name"), "The request's when left out."),
        Key::new(
            "port",
            Whole { min: 1, max: 65_535 },
            "The request's when left out; the scheme's when it changes.",
        ),
        Key::new(
            "path",
            Text("a path template"),
            "May hold `{captures}`; the request's path when left out.",
        ),
        Key::new("keep_query", Flag, "Whether the query is carried over.").default("true"),
    ]],
    aliases: &[("code", "status"), ("url", "to"), ("location", "to")],
};

static REWRITE: Table = Table {
    keys: &[&[
        Key::new(
            "path",
            Text("a path template such as `/v2/{id}`"),
            "Replaces the whole path.",
        ),
        Key::new(
            "replace_prefix",
            Text("a path"),
            "Stands in place of the matched prefix.",
        ),
        Key::new(
            "prefix",
            Text("a path"),
            "Which prefix is replaced; all of the route's `path` when left out.",
        ),
    ]],
    aliases: &[("to", "path"), ("with", "replace_prefix")],
};

static EDITS: Table = Table {
    keys: &[&[
        Key::new("remove", List(&Text("a header name")), "Headers to remove."),
        Key::new(
            "set",
            Map {
                key: "header names",
                of: &SECRET,
            },
            "Replaces all lines of this name by one.",
        ),
        Key::new(
            "add",
            Map {
                key: "header names",
                of: &Any(&[Text("a text"), List(&Text("a text")), SECRET_FILE]),
            },
            "Appends a line, or several.",
        ),
    ]],
    aliases: &[("delete", "remove"), ("append", "add"), ("replace", "set")],
};

static UPSTREAM: Table = Table {
    keys: &[
        &[Key::new(
            "to",
            TARGETS,
            "`host:port`, `https://host`, or a weighted list. Not needed when the table's name is itself `host:port`.",
        )],
        UPSTREAM_TUNING,
    ],
    aliases: &[
        ("url", "to"),
        ("address", "to"),
        ("addresses", "to"),
        ("servers", "to"),
        ("endpoints", "to"),
        ("hosts", "to"),
        ("balance", "policy"),
        ("lb_policy", "policy"),
        ("load_balancing", "policy"),
        ("health", "probe"),
        ("health_check", "probe"),
        ("healthcheck", "probe"),
        ("keepalive", "tcp_keepalive"),
        ("outlier_detection", "ejection"),
        ("max_connections", "max_in_flight"),
    ],
};

static UPSTREAM_TUNING: &[Key] = &[
    Key::new(
        "policy",
        Any(&[Word(POLICIES), Shape::Table(&POLICY)]),
        "Which endpoint gets the next request.",
    )
    .default("\"least-request\""),
    Key::new("connect_timeout", TIME, "TCP connect.").default("\"1s\""),
    Key::new(
        "idle_timeout",
        TIME,
        "How long an idle pooled connection is kept.",
    )
    .default("\"4s\""),
    Key::new(
        "idle_connections",
        Whole { min: 0, max: 65_535 },
        "Connections that one worker keeps idle for one endpoint.",
    )
    .default("1024"),
    Key::new(
        "max_in_flight",
        Whole { min: 0, max: MANY },
        "Requests in flight to one endpoint; more go elsewhere or are answered 503. 0 for no bound.",
    )
    .default("0"),
    Key::new("tcp_keepalive", TIME, "Pause between TCP keep-alive probes.").default("\"30s\""),
    Key::new(
        "hedge",
        Any(&[Flag, Shape::Table(&HEDGE)]),
        "Trying elsewhere when an endpoint says nothing for much longer than usual.",
    )
    .default("true"),
    Key::new(
        "budget",
        Shape::Table(&BUDGET),
        "Extra attempts (retries and hedges), over the last ten seconds.",
    ),
    Key::new(
        "replay_body",
        Size(Zero::Nothing),
        "Largest request body that is kept for replay on another endpoint.",
    )
    .default("\"64KiB\""),
    Key::new(
        "ejection",
        Any(&[Flag, Shape::Table(&EJECTION)]),
        "Leaving out endpoints that fail.",
    )
    .default("true"),
    Key::new(
        "probe",
        Any(&[
            Text("`\"tcp\"`, or a path to GET such as `/healthz`"),
            Flag,
            Shape::Table(&PROBE),
        ]),
        "Asking endpoints whether they are well: `\"tcp\"`, a path to GET, or a table.",
    )
    .default("false"),
    Key::new("slow_start", TIME_OR_ZERO, "Ramp-up of a new endpoint.").default("\"0s\""),
    Key::new(
        "hold",
        TIME_OR_ZERO,
        "How long endpoints outlive a DNS answer that says there are none.",
    )
    .default("\"10s\""),
];

const POLICIES: &[(&str, &str)] = &[
    (
        "least-request",
        "of two random endpoints the one with fewer requests in flight",
    ),
    ("round-robin", "one after the other, by weight"),
    ("random", "any"),
];

static POLICY: Table = Table {
    keys: &[&[
        Key::new(
            "hash",
            Any(&[
                Word(&[
                    ("client-ip", "the client's address"),
                    ("path", "the canonical path"),
                ]),
                Shape::Table(&Table {
                    keys: &[&[
                        Key::new("header", Text("a header name"), "This request header's value."),
                        Key::new("cookie", Text("a cookie's name"), "This cookie's value."),
                    ]],
                    aliases: &[],
                }),
            ]),
            "The same key goes to the same endpoint: `\"client-ip\"`, `\"path\"`, `{ header = … }` or `{ cookie = … }`.",
        ),
        Key::new(
            "sticky",
            Any(&[
                Text("a cookie's name"),
                Shape::Table(&Table {
                    keys: &[&[
                        Key::new("cookie", Text("a cookie's name"), "Name of the cookie.")
                            .default("\"gatewit\""),
                        Key::new(
                            "ttl",
                            TIME_OR_ZERO,
                            "Its `Max-Age`; `\"0s\"` for a session cookie.",
                        )
                        .default("\"0s\""),
                    ]],
                    aliases: &[("name", "cookie"), ("max_age", "ttl")],
                }),
            ]),
            "A cookie set by the gateway pins a client to an endpoint.",
        ),
    ]],
    aliases: &[],
};

static HEDGE: Table = Table {
    keys: &[&[
        Key::new("floor", TIME, "Never sooner than this.").default("\"1s\""),
        Key::new(
            "factor",
            Fraction { min: 1.0, max: 100.0 },
            "Times what the upstream normally takes.",
        )
        .default("2.0"),
    ]],
    aliases: &[("after", "floor"), ("delay", "floor")],
};

static BUDGET: Table = Table {
    keys: &[&[
        Key::new("floor", Whole { min: 0, max: MANY }, "Always allowed.").default("20"),
        Key::new("ratio", Fraction { min: 0.0, max: 1.0 }, "Share of the requests.").default("0.2"),
    ]],
    aliases: &[("min", "floor")],
};

static EJECTION: Table = Table {
    keys: &[&[
        Key::new(
            "failures",
            Whole { min: 0, max: MANY },
            "Connection failures in a row that eject; 0 for never.",
        )
        .default("1"),
        Key::new(
            "errors",
            Whole { min: 0, max: MANY },
            "Answers 502, 503, 504 in a row that eject; 0 for never.",
        )
        .default("0"),
        Key::new("time", TIME, "First ejection; doubles up to ten times this.").default("\"5s\""),
        Key::new(
            "panic",
            Fraction { min: 0.0, max: 1.0 },
            "Above this share of ejected endpoints all are used again.",
        )
        .default("0.5"),
    ]],
    aliases: &[("consecutive_errors", "errors"), ("duration", "time")],
};

static PROBE: Table = Table {
    keys: &[&[
        Key::new(
            "path",
            Text("a path such as `/healthz`"),
            "GET this; without it, a TCP connection is enough.",
        ),
        Key::new(
            "host",
            Text("a host"),
            "`Host` of the probe; the endpoint's address when left out.",
        ),
        Key::new(
            "status",
            Any(&[
                Whole { min: 100, max: 599 },
                Text("a range such as `\"200-399\"`"),
            ]),
            "Healthy statuses: one, or a range.",
        )
        .default("\"200-399\""),
        Key::new("interval", TIME, "Pause between probes.").default("\"10s\""),
        Key::new("timeout", TIME, "Longest wait for one probe.").default("\"2s\""),
        Key::new(
            "unhealthy_after",
            Whole { min: 1, max: 1000 },
            "Failures in a row that mark it unhealthy.",
        )
        .default("2"),
        Key::new(
            "healthy_after",
            Whole { min: 1, max: 1000 },
            "Successes in a row that mark it healthy.",
        )
        .default("1"),
    ]],
    aliases: &[
        ("uri", "path"),
        ("url", "path"),
        ("fails", "unhealthy_after"),
        ("passes", "healthy_after"),
    ],
};

static DNS: Table = Table {
    keys: &[&[
        Key::new(
            "servers",
            List(&Text("an IP address, with a port when it is not 53")),
            "Name servers; those of `/etc/resolv.conf` when left out.",
        )
        .default("[]"),
        Key::new("refresh", TIME, "Time between two questions for a name, ±20 %.").default("\"1s\""),
        Key::new("timeout", TIME, "Longest wait for one answer.").default("\"1s\""),
        Key::new(
            "backoff",
            TIME,
            "Longest pause when a name is down and nobody asks for it.",
        )
        .default("\"5s\""),
        Key::new(
            "tasks",
            Word(&[
                ("auto", "for names of one label"),
                ("always", "for every name"),
                ("never", "not at all"),
            ]),
            "Whether `tasks.NAME` is asked before `NAME`: Swarm's name for the single tasks of a service.",
        )
        .default("\"auto\""),
        Key::new(
            "guard",
            Word(&[("auto", "on inside a container"), ("on", "on"), ("off", "off")]),
            "Refuse answers for Swarm task names that lie outside the attached subnets.",
        )
        .default("\"auto\""),
    ]],
    aliases: &[
        ("resolvers", "servers"),
        ("nameservers", "servers"),
        ("server", "servers"),
        ("interval", "refresh"),
    ],
};

static TIMEOUTS: Table = Table {
    keys: &[&[
        Key::new("request_head", TIME, "For the request head, from its first byte.").default("\"10s\""),
        Key::new("keep_alive", TIME, "An idle keep-alive connection.").default("\"75s\""),
        Key::new(
            "request_body_idle",
            TIME,
            "No byte of the request body for this long.",
        )
        .default("\"30s\""),
        Key::new(
            "response_write_idle",
            TIME,
            "No byte taken by the client for this long.",
        )
        .default("\"30s\""),
        Key::new(
            "response_body_idle",
            TIME,
            "No byte of the response body for this long.",
        )
        .default("\"60s\""),
        Key::new(
            "tunnel_idle",
            TIME,
            "An upgraded connection (WebSocket) without a byte.",
        )
        .default("\"1h\""),
        Key::new(
            "stop_delay",
            TIME_OR_ZERO,
            "Between SIGTERM and closing the listeners.",
        )
        .default("\"2s\""),
        Key::new("stop_grace", TIME_OR_ZERO, "Then, longest wait for exchanges.").default("\"7s\""),
    ]],
    aliases: &[
        ("idle", "keep_alive"),
        ("grace", "stop_grace"),
        ("shutdown", "stop_grace"),
        ("websocket", "tunnel_idle"),
    ],
};

static LIMITS: Table = Table {
    keys: &[&[
        Key::new(
            "connections",
            Whole {
                min: 1,
                max: 10_000_000,
            },
            "Open client connections.",
        )
        .default("10000"),
        Key::new("request_head", Size(Zero::Refused), "Request head.").default("\"64KiB\""),
        Key::new(
            "request_headers",
            Whole { min: 1, max: 10_000 },
            "Request header lines.",
        )
        .default("100"),
        Key::new(
            "request_body",
            Size(Zero::Unlimited),
            "Request body, or `\"unlimited\"`.",
        )
        .default("\"1GiB\""),
        Key::new(
            "requests_per_connection",
            Whole {
                min: 0,
                max: i64::MAX as u64,
            },
            "Requests on one client connection, then it is closed; 0 for no bound.",
        )
        .default("0"),
        Key::new(
            "memory",
            Size(Zero::Refused),
            "Resident memory above which new work is answered 503; 90 % of the container's when left out.",
        ),
    ]],
    aliases: &[
        ("max_connections", "connections"),
        ("body", "request_body"),
        ("headers", "request_headers"),
    ],
};

const ACCESS_LOG_FORMAT: Shape = Word(&[
    ("json", "one JSON object a line"),
    ("clf", "combined log format"),
    ("off", "no access log"),
]);

static ACCESS_LOG: Table = Table {
    keys: &[&[
        Key::new("format", ACCESS_LOG_FORMAT, "How a line is written.").default("\"json\""),
        Key::new(
            "path",
            Text("a file name"),
            "The file, relative to this one; standard output when left out.",
        ),
        Key::new(
            "headers",
            List(&Text("a header name")),
            "Request headers that are logged too.",
        )
        .default("[]"),
        Key::new("query", Flag, "Whether the query string is logged.").default("false"),
    ]],
    aliases: &[("file", "path"), ("output", "path"), ("fields", "headers")],
};

/// Tables in which a key may belong that was written elsewhere, and what they are called.
pub(super) fn homes() -> impl Iterator<Item = (&'static str, &'static Table)> {
    let homes = [
        ("a `[[route]]` or `[defaults]`", &ROUTE_DEFAULTS),
        ("a `[[route]]`", &ROUTE),
        ("an `[upstream.NAME]` or `[defaults]`", &UPSTREAM),
        ("`[timeouts]`", &TIMEOUTS),
        ("`[limits]`", &LIMITS),
        ("`[dns]`", &DNS),
        ("`[admin]`", &ADMIN),
        ("`[flow_proxy]`", &flow_proxy::FLOW_PROXY),
        ("`[access_log]`", &ACCESS_LOG),
        ("the `probe` of an `[upstream.NAME]`", &PROBE),
    ];
    homes.into_iter().chain(plugin::HOMES)
}

static ROUTE_DEFAULTS: Table = Table {
    keys: &[ROUTE_TUNING],
    aliases: &[],
};

//! Every key that a file of cases may have.

use super::Outcome;
use crate::config::shape::Shape::{Any, Flag, Free, Lines, List, Map, Text, Time, Whole, Word};
use crate::config::shape::{Key, Shape, Table};

/// The file. What is free here is read as a gateway's configuration.
pub(super) static CASES: Table = Table {
    keys: &[&[
        Key::new(
            "plugin",
            Free("a table as `[plugin.NAME]` in gatewit.toml"),
            "What `[plugin.NAME]` says of the plugin, without its source. Without `grants` it may use whatever the file has.",
        ),
        Key::new(
            "now",
            Text("a date such as `2026-01-01T00:00:00Z`"),
            "The date when a case begins. It goes on by `after` only.",
        )
        .default("\"2026-01-01T00:00:00Z\""),
        Key::new("budget", Free("budgets by name"), "As in gatewit.toml."),
        Key::new("verifier", Free("verifiers by name"), "As in gatewit.toml."),
        Key::new("store", Free("stores by name"), "As in gatewit.toml."),
        Key::new("key", Free("keys by name"), "As in gatewit.toml."),
        Key::new("secret", Free("secrets by name"), "As in gatewit.toml."),
        Key::new(
            "upstream",
            Free("upstreams by name"),
            "As in gatewit.toml; addresses are endpoints that are well.",
        ),
        Key::new("case", List(&Shape::Table(&CASE)), "What is tried.").required(),
    ]],
    aliases: &[
        ("cases", "case"),
        ("test", "case"),
        ("budgets", "budget"),
        ("verifiers", "verifier"),
        ("stores", "store"),
        ("keys", "key"),
        ("secrets", "secret"),
        ("upstreams", "upstream"),
    ],
};

static CASE: Table = Table {
    keys: &[
        &[
            Key::new("name", Text("a name"), "What should happen, in a few words.").required(),
            Key::new(
                "config",
                Free("the plugin's configuration"),
                "Overlays that of `[plugin]`.",
            ),
            Key::new(
                "route",
                Text("a path pattern such as `/orders/{id}`"),
                "The path of the route.",
            )
            .default("\"/\""),
            Key::new(
                "to",
                Text("an upstream's name, or `host:port`"),
                "The route's upstream.",
            )
            .default("\"origin:80\""),
            Key::new(
                "http",
                List(&Shape::Table(&ANSWER)),
                "What servers say that the plugin asks; the first that fits is said, each as often as it is asked.",
            ),
            Key::new(
                "refused",
                Text("a text"),
                "The configuration is refused, and this is part of why, as in `/word: must not be empty`; no request is sent.",
            ),
            Key::new(
                "step",
                List(&Shape::Table(&STEP)),
                "Requests that come one after the other.",
            ),
        ],
        STEP_KEYS,
    ],
    aliases: &[("steps", "step"), ("configuration", "config"), ("upstream", "to")],
};

static STEP: Table = Table {
    keys: &[STEP_KEYS],
    aliases: &[("expected", "expect"), ("repeat", "times")],
};

static STEP_KEYS: &[Key] = &[
    Key::new(
        "after",
        Time { zero: true },
        "Time that passes before it, without anybody waiting.",
    )
    .default("\"0s\""),
    Key::new(
        "times",
        Whole { min: 1, max: 100_000 },
        "How often it is sent; each time the same is expected.",
    )
    .default("1"),
    Key::new("request", Shape::Table(&REQUEST), "What the client sends."),
    Key::new("response", Shape::Table(&RESPONSE), "What the upstream answers."),
    Key::new(
        "expect",
        Shape::Table(&EXPECT),
        "What should come of it; what is not said is not looked at.",
    ),
];

const BODY: Shape = Any(&[
    Lines("a text"),
    List(&Lines("a text")),
    Shape::Table(&Table {
        keys: &[&[Key::new(
            "file",
            Text("a file name"),
            "The file that holds it, relative to this one.",
        )
        .required()]],
        aliases: &[("path", "file")],
    }),
]);

const FIELDS: Shape = Map {
    key: "values by header name",
    of: &Any(&[Lines("a text"), List(&Lines("a text"))]),
};

static REQUEST: Table = Table {
    keys: &[&[
        Key::new("method", Text("a method"), "Method.").default("\"GET\""),
        Key::new("path", Text("a path, with its query"), "Path and query.").default("\"/\""),
        Key::new("host", Text("a host"), "`Host`.").default("\"localhost\""),
        Key::new(
            "scheme",
            Word(&[("http", "in the clear"), ("https", "over TLS")]),
            "What the client speaks.",
        )
        .default("\"http\""),
        Key::new(
            "client",
            Text("an address, with or without a port"),
            "Who sends it.",
        )
        .default("\"192.0.2.1\""),
        Key::new("headers", FIELDS, "Fields; a list for several lines of one name."),
        Key::new(
            "body",
            BODY,
            "A text, a list of the pieces in which it arrives, or `{ file = \"…\" }`.",
        ),
    ]],
    aliases: &[
        ("header", "headers"),
        ("url", "path"),
        ("ip", "client"),
        ("target", "path"),
    ],
};

static RESPONSE: Table = Table {
    keys: &[&[
        Key::new("status", STATUS, "Status.").default("200"),
        Key::new("headers", FIELDS, "Fields; a list for several lines of one name."),
        Key::new(
            "body",
            BODY,
            "A text, a list of the pieces in which it arrives, or `{ file = \"…\" }`.",
        ),
    ]],
    aliases: &[("header", "headers")],
};

const STATUS: Shape = Whole { min: 200, max: 599 };

static ANSWER: Table = Table {
    keys: &[&[
        Key::new("upstream", Text("an upstream's name"), "Who is asked.").required(),
        Key::new("method", Text("a method"), "Only for this method."),
        Key::new("path", Text("a path, with its query"), "Only for this path."),
        Key::new("delay", Time { zero: true }, "Time until it is said.").default("\"0s\""),
        Key::new("status", STATUS, "Status.").default("200"),
        Key::new("headers", FIELDS, "Fields."),
        Key::new("body", BODY, "Body."),
    ]],
    aliases: &[("header", "headers")],
};

/// As a route's `header` has them.
const PATTERN: Shape = Any(&[
    Lines("a text"),
    Flag,
    Shape::Table(&Table {
        keys: &[&[Key::new("regex", Text("a regular expression"), "Anchored at both ends.").required()]],
        aliases: &[("regexp", "regex"), ("pattern", "regex")],
    }),
]);

const PATTERNS: Shape = Map {
    key: "patterns by header name",
    of: &PATTERN,
};

static EXPECT: Table = Table {
    keys: &[&[
        Key::new("outcome", Word(&Outcome::WORDS), "What the plugin decides."),
        Key::new(
            "status",
            Whole { min: 200, max: 599 },
            "The status that the client gets.",
        ),
        Key::new(
            "headers",
            PATTERNS,
            "Fields that the client gets: the value, `true` or `false` for there or not there, or `{ regex = \"…\" }`.",
        ),
        Key::new("body", PATTERN, "The body that the client gets: the same."),
        Key::new(
            "forwarded",
            Shape::Table(&FORWARDED),
            "The request as the upstream gets it.",
        ),
        Key::new(
            "log",
            Any(&[Text("a text"), List(&Text("a text"))]),
            "Parts of lines that the plugin logs, its console among them.",
        ),
        Key::new(
            "attributes",
            Free("values by attribute"),
            "Attributes that the plugin leaves.",
        ),
        Key::new(
            "error",
            Word(&[
                ("trap", "it traps, exits, or exhausts its stack or memory"),
                ("cpu", "its CPU time is over"),
                ("time", "its time is over"),
                ("busy", "it has no free instance"),
                ("outcome", "what it returns cannot be carried out"),
                ("unavailable", "it says so"),
                ("internal", "it says so"),
                ("rejected", "it says so"),
            ]),
            "Why the plugin fails. When it is not said, a failure makes the case fail.",
        ),
    ]],
    aliases: &[
        ("header", "headers"),
        ("logs", "log"),
        ("request", "forwarded"),
        ("attribute", "attributes"),
    ],
};

static FORWARDED: Table = Table {
    keys: &[&[
        Key::new("method", Text("a method"), "Method."),
        Key::new("path", PATTERN, "Path and query."),
        Key::new("host", PATTERN, "`Host`."),
        Key::new("headers", PATTERNS, "Fields."),
        Key::new("body", PATTERN, "Body."),
        Key::new("upstream", Text("an upstream's name"), "The upstream."),
        Key::new(
            "endpoint",
            Text("`address:port`"),
            "The endpoint that the plugin picks.",
        ),
        Key::new(
            "hash_key",
            Text("a text"),
            "The key that the plugin picks the endpoint by.",
        ),
    ]],
    aliases: &[("header", "headers"), ("to", "upstream")],
};

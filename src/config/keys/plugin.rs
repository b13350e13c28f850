//! Keys of plugins, and of what they may be granted.

use super::super::shape::Shape::{Any, Flag, Free, Lines, List, Map, Size, Text, Whole, Word};
use super::super::shape::{Key, Shape, Table, Zero};
use super::{SECRET, TIME, TIME_OR_ZERO};

const FILE: Shape = Text("a file name");
const CLOSED: (&str, &str) = ("closed", "the answer that the cause has of its own");
const OPEN: (&str, &str) = ("open", "the exchange goes on as it was before the plugin");
const STATUS: Shape = Whole { min: 400, max: 599 };
/// What happens after most causes.
const REACTION: Shape = Any(&[Word(&[CLOSED, OPEN]), STATUS]);
/// The answer of these says more than a status: when to come back, or what was impossible.
const OPEN_OR_CLOSED: Shape = Word(&[CLOSED, OPEN]);

/// `plugins = [...]` of routes and `[defaults]`.
pub(super) const PLUGINS: Shape = List(&Any(&[Text("a plugin's name"), Shape::Open(&USE)]));

/// The tables of plugins and of what they may be granted, in files of every kind.
pub(super) static PARTS: &[Key] = &[
    Key::new(
        "plugin",
        Map {
            key: "plugins by name",
            of: &Shape::Table(&PLUGIN),
        },
        "Plugins that are not bundled, and bundled ones with settings for all routes.",
    ),
    Key::new(
        "budget",
        Map {
            key: "budgets by name",
            of: &Shape::Table(&BUDGET),
        },
        "Rates that plugins count against.",
    ),
    Key::new(
        "verifier",
        Map {
            key: "verifiers by name",
            of: &Shape::Table(&VERIFIER),
        },
        "Whose tokens (JWT) are believed.",
    ),
    Key::new(
        "store",
        Map {
            key: "stores by name",
            of: &Shape::Table(&STORE),
        },
        "What plugins keep in memory, for all workers.",
    ),
    Key::new(
        "key",
        Map {
            key: "keys by name",
            of: &Shape::Table(&KEY),
        },
        "Keys that plugins sign and verify with.",
    ),
    Key::new(
        "secret",
        Map {
            key: "secrets by name",
            of: &Shape::Table(&SECRET_TABLE),
        },
        "Secrets that plugins may read.",
    ),
];

/// What a use may say of itself, and a plugin's table for all of its uses.
static BEHAVIOUR: &[Key] = &[
    Key::new(
        "config",
        Free("a table with the plugin's own keys"),
        "The plugin's own configuration. A use's keys replace those of the plugin's table.",
    ),
    Key::new("limits", Shape::Table(&LIMITS), "Bounds of each use."),
    Key::new(
        "failure",
        Any(&[Word(&[CLOSED, OPEN]), STATUS, Shape::Table(&FAILURE)]),
        "What happens when it fails: `\"closed\"`, `\"open\"`, a status, or a table by cause.",
    )
    .default("\"closed\""),
    Key::new(
        "isolation",
        Word(&[
            ("reused", "an instance serves many exchanges"),
            ("fresh", "every call gets a new instance"),
        ]),
        "Whether instances are used again.",
    )
    .default("\"reused\""),
    Key::new(
        "authentication",
        Flag,
        "Whether it decides who may pass: then it cannot fail open by mistake. So `jwt`, `api-key`, `basic-auth`, `ext-auth` and `ip-allow` when left out.",
    ),
    Key::new(
        "authentication_may_fail_open",
        Flag,
        "Lets `failure = \"open\"` stand where the plugin decides who may pass.",
    )
    .default("false"),
];

static USE: Table = Table {
    keys: &[
        &[Key::new(
            "use",
            Text("a plugin's name"),
            "Which plugin. Keys that are not listed here are the plugin's own.",
        )
        .required()],
        BEHAVIOUR,
    ],
    aliases: &[("plugin", "use"), ("name", "use")],
};

static PLUGIN: Table = Table {
    keys: &[
        &[
            Key::new(
                "file",
                FILE,
                "The component, relative to this file; watched for changes.",
            ),
            Key::new(
                "url",
                Text("a location, `https://…`"),
                "Where the component is downloaded from, once; needs `sha256`.",
            ),
            Key::new(
                "sha256",
                Text("64 hexadecimal digits"),
                "What must come from `url`.",
            ),
            Key::new(
                "bundled",
                Text("the name of a bundled plugin"),
                "The bundled plugin that this is. Its own name when the table has no `file` and no `url`.",
            ),
            Key::new(
                "grants",
                Shape::Table(&GRANTS),
                "What it may use. Bundled plugins may use everything unless this says otherwise.",
            ),
            Key::new(
                "env",
                Map {
                    key: "environment variables",
                    of: &Text("a text"),
                },
                "Environment variables that it sees.",
            ),
            Key::new("tick", TIME, "Pause between two calls of its `tick-hook`.").default("\"10s\""),
            Key::new(
                "stub_ungranted",
                Flag,
                "Loads it although it imports what it was not granted, or what nobody offers: calling that fails.",
            )
            .default("false"),
        ],
        BEHAVIOUR,
    ],
    aliases: &[
        ("path", "file"),
        ("source", "file"),
        ("component", "file"),
        ("digest", "sha256"),
        ("checksum", "sha256"),
        ("sha", "sha256"),
        ("grant", "grants"),
        ("permissions", "grants"),
        ("capabilities", "grants"),
        ("environment", "env"),
        ("configuration", "config"),
        ("settings", "config"),
        ("options", "config"),
        ("limit", "limits"),
        ("on_failure", "failure"),
        ("interval", "tick"),
        ("stub-ungranted", "stub_ungranted"),
        ("stub", "stub_ungranted"),
    ],
};

static LIMITS: Table = Table {
    keys: &[&[
        Key::new("cpu", TIME, "CPU time of one call, 1 ms to 10 s.").default("\"10ms\""),
        Key::new(
            "time",
            TIME,
            "Time of one call, waiting included, up to 5 min. 2 s for plugins that make HTTP calls.",
        )
        .default("\"100ms\""),
        Key::new(
            "memory",
            Size(Zero::Refused),
            "Linear memory of one instance, 1 MiB to 1 GiB.",
        )
        .default("\"64MiB\""),
        Key::new(
            "instances",
            Whole { min: 1, max: 65_535 },
            "Instances of one use on one worker that are busy at once.",
        )
        .default("256"),
        Key::new(
            "calls",
            Whole {
                min: 1,
                max: 1_000_000_000,
            },
            "Calls after which an instance is replaced.",
        )
        .default("10000"),
        Key::new(
            "request_body",
            Size(Zero::Refused),
            "Largest request body that is kept for the plugin, up to 256 MiB.",
        )
        .default("\"1MiB\""),
        Key::new(
            "response_body",
            Size(Zero::Refused),
            "Largest body of a response that it makes, reads whole or is sent, up to 256 MiB.",
        )
        .default("\"1MiB\""),
        Key::new(
            "log_lines",
            Whole { min: 0, max: 100_000 },
            "Log lines a second; more are counted.",
        )
        .default("100"),
    ]],
    aliases: &[
        ("timeout", "time"),
        ("deadline", "time"),
        ("wall", "time"),
        ("fuel", "cpu"),
        ("mem", "memory"),
        ("logs", "log_lines"),
        ("log", "log_lines"),
    ],
};

static FAILURE: Table = Table {
    keys: &[&[
        Key::new("load", REACTION, "It could not be loaded. Its own answer: 503."),
        Key::new(
            "trap",
            REACTION,
            "A trap, an exit, its stack or memory exhausted. Its own answer: 500.",
        ),
        Key::new(
            "timeout",
            REACTION,
            "Its CPU time or its time is over. Its own answer: 504.",
        ),
        Key::new(
            "busy",
            OPEN_OR_CLOSED,
            "No free instance. Its own answer: 503 with `Retry-After`.",
        ),
        Key::new(
            "outcome",
            OPEN_OR_CLOSED,
            "It wants what cannot be done. Its own answer: 500.",
        ),
        Key::new(
            "unavailable",
            REACTION,
            "It says `unavailable`. Its own answer: 503.",
        ),
        Key::new("internal", REACTION, "It says `internal`. Its own answer: 500."),
        Key::new(
            "rejected",
            Any(&[Word(&[("closed", "403; what is rejected never goes on")]), STATUS]),
            "It says `rejected`. Its own answer: 403; another status, but never `\"open\"`.",
        ),
    ]],
    aliases: &[
        ("cpu", "timeout"),
        ("time", "timeout"),
        ("crash", "trap"),
        ("memory", "trap"),
        ("error", "internal"),
    ],
};

static GRANTS: Table = Table {
    keys: &[&[
        Key::new(
            "upstreams",
            List(&Text("an upstream's name, or `host:port`")),
            "Upstreams whose endpoints it sees and may route to, besides the route's own.",
        )
        .default("[]"),
        Key::new(
            "http",
            List(&Text("an upstream's name, or `host:port`")),
            "Upstreams that it may send requests to.",
        )
        .default("[]"),
        Key::new("budgets", List(&Text("a budget's name")), "Budgets.").default("[]"),
        Key::new("verifiers", List(&Text("a verifier's name")), "Verifiers.").default("[]"),
        Key::new("stores", List(&Text("a store's name")), "Stores.").default("[]"),
        Key::new("keys", List(&Text("a key's name")), "Keys.").default("[]"),
        Key::new("secrets", List(&Text("a secret's name")), "Secrets.").default("[]"),
    ]],
    aliases: &[
        ("upstream", "upstreams"),
        ("budget", "budgets"),
        ("limits", "budgets"),
        ("verifier", "verifiers"),
        ("jwt", "verifiers"),
        ("store", "stores"),
        ("kv", "stores"),
        ("key", "keys"),
        ("crypto", "keys"),
        ("secret", "secrets"),
    ],
};

static BUDGET: Table = Table {
    keys: &[&[
        Key::new(
            "rate",
            Text("a rate such as `\"10/s\"`"),
            "So many in so long: `\"10/s\"`, `\"1000/h\"`, `\"5/10s\"`. None at all: `\"0/s\"`.",
        )
        .required(),
        Key::new(
            "burst",
            Whole {
                min: 1,
                max: 1_000_000_000,
            },
            "So many at once; as many as the rate names when left out.",
        ),
        Key::new(
            "keys",
            Whole {
                min: 1,
                max: 10_000_000,
            },
            "Keys that are remembered; the least used go first.",
        )
        .default("100000"),
    ]],
    aliases: &[("limit", "rate"), ("requests", "rate"), ("capacity", "burst")],
};

static VERIFIER: Table = Table {
    keys: &[&[
        Key::new(
            "jwks",
            Lines("a location, a file name or a key set"),
            "Public keys as a JSON Web Key Set: `https://…`, a file, or the set itself, `{ \"keys\": … }`.",
        ),
        Key::new("pem", Lines("a public key in PEM"), "Public keys in PEM."),
        Key::new("pem_file", FILE, "The same in a file."),
        Key::new("secret", SECRET, "A shared secret (HMAC)."),
        Key::new("secret_file", FILE, "The same as `secret = { file = … }`."),
        Key::new(
            "algorithms",
            List(&Text("an algorithm such as `RS256`")),
            "What tokens may be signed with. `HS256` with a secret, else `RS256`, `PS256`, `ES256` and `EdDSA` when left out.",
        ),
        Key::new("issuer", NAMES, "`iss` must be one of these; any when left out."),
        Key::new(
            "audience",
            NAMES,
            "`aud` must hold one of these; any when left out.",
        ),
        Key::new(
            "required",
            List(&Text("a claim's name")),
            "Claims that must be there.",
        )
        .default("[\"exp\"]"),
        Key::new("leeway", TIME_OR_ZERO, "Clock difference that is forgiven.").default("\"60s\""),
        Key::new(
            "cache",
            Whole {
                min: 0,
                max: 10_000_000,
            },
            "Verified tokens that are remembered until they expire; 0 for none.",
        )
        .default("10000"),
        Key::new("refresh", TIME, "Between two fetches of `jwks`.").default("\"5m\""),
        Key::new(
            "grace",
            TIME_OR_ZERO,
            "How long fetched keys are believed that could not be refreshed.",
        )
        .default("\"24h\""),
    ]],
    aliases: &[
        ("jwks_url", "jwks"),
        ("jwks_uri", "jwks"),
        ("jwks_file", "jwks"),
        ("url", "jwks"),
        ("public_key", "pem"),
        ("algorithm", "algorithms"),
        ("alg", "algorithms"),
        ("iss", "issuer"),
        ("issuers", "issuer"),
        ("aud", "audience"),
        ("audiences", "audience"),
        ("claims", "required"),
        ("clock_skew", "leeway"),
    ],
};

const NAMES: Shape = Any(&[Text("a text"), List(&Text("a text"))]);

static STORE: Table = Table {
    keys: &[&[
        Key::new(
            "entries",
            Whole {
                min: 1,
                max: 10_000_000,
            },
            "Entries; the least used go first.",
        )
        .default("10000"),
        Key::new("value", Size(Zero::Refused), "Largest value, up to 16 MiB.").default("\"64KiB\""),
    ]],
    aliases: &[
        ("size", "entries"),
        ("capacity", "entries"),
        ("max_value", "value"),
    ],
};

static KEY: Table = Table {
    keys: &[&[
        Key::new("secret", SECRET, "A secret, for HMAC."),
        Key::new("secret_file", FILE, "The same as `secret = { file = … }`."),
        Key::new(
            "pem",
            Lines("a public key in PEM"),
            "A public key in PEM, for signatures.",
        ),
        Key::new("pem_file", FILE, "The same in a file."),
    ]],
    aliases: &[
        ("public_key", "pem"),
        ("file", "secret_file"),
        ("value", "secret"),
    ],
};

static SECRET_TABLE: Table = Table {
    keys: &[&[
        Key::new(
            "value",
            Text("a text"),
            "The secret itself; best as `${VARIABLE}`.",
        ),
        Key::new("file", FILE, "The file that holds it, relative to this one."),
        Key::new(
            "env",
            Text("the name of an environment variable"),
            "The environment variable that holds it.",
        ),
    ]],
    aliases: &[("secret", "value"), ("path", "file"), ("variable", "env")],
};

/// Tables in which a key may belong that was written elsewhere, and what they are called.
pub(super) static HOMES: [(&str, &Table); 6] = [
    ("a `[plugin.NAME]`", &PLUGIN),
    ("the `limits` of a `[plugin.NAME]`", &LIMITS),
    ("the `grants` of a `[plugin.NAME]`", &GRANTS),
    ("a `[budget.NAME]`", &BUDGET),
    ("a `[verifier.NAME]`", &VERIFIER),
    ("a `[store.NAME]`", &STORE),
];

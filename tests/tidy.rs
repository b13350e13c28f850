//! The architecture as a test: what the head of `src/lib.rs` says about layers, and the rules that no compiler
//! checks. It looks at the text of `src/`, without comments, strings and tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// From the bottom: where a module stands. Those of one row, but in row 2, may know each other.
const LAYERS: [&[&str]; 9] = [
    &["body", "durable", "fetch", "shutdown", "telemetry", "tls"],
    &["config"],
    &["jwt", "limits", "listener", "router", "upstream"],
    &["plugin"],
    &["snapshot"],
    &["proxy", "reload"],
    &["admin", "flow_proxy"],
    &["gateway", "worker"],
    &["cli", "main"],
];

/// Below which modules of one layer are strangers to each other.
const MECHANISMS: usize = 2;

struct Source {
    /// Below `src/`.
    path: String,
    text: String,
    /// Without comments, strings, and what is for tests only.
    code: String,
}

impl Source {
    /// The module that it belongs to, at the root of the crate.
    fn module(&self) -> &str {
        self.path.split(['/', '.']).next().unwrap()
    }

    fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path.starts_with(place))
    }
}

fn sources() -> Vec<Source> {
    fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, into);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                into.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    assert!(paths.len() > 20, "{root:?}");
    paths
        .iter()
        .map(|path| {
            let text = fs::read_to_string(path).unwrap();
            Source {
                path: path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(),
                code: code(&text),
                text,
            }
        })
        .filter(|source| !source.path.ends_with("tests.rs") && !source.path.contains("/tests/"))
        .collect()
}

/// The code alone: comments and the contents of strings are blanked, `#[cfg(test)]` items left out.
fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(quotes) = raw_string(rest) {
            let end = format!("\"{}", "#".repeat(quotes));
            let start = rest.find('"').unwrap() + 1;
            rest[start..]
                .find(&end)
                .map_or(rest.len(), |at| start + at + end.len())
        } else if next == '"' {
            string(rest)
        } else if let Some(length) = character(rest) {
            length
        } else {
            out.push(next);
            rest = &rest[next.len_utf8()..];
            continue;
        };
        // Lines keep their numbers.
        out.extend(rest[..skip].chars().filter(|char| *char == '\n'));
        if next == '"' {
            out.push_str("\"\"");
        }
        rest = &rest[skip..];
    }
    match out.find("#[cfg(test)]\nmod tests {") {
        Some(tests) => out[..tests].to_owned(),
        None => out,
    }
}

/// The number of its `#`, if a raw string begins here.
fn raw_string(text: &str) -> Option<usize> {
    let hashes = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let bare = hashes.trim_start_matches('#');
    bare.starts_with('"').then_some(hashes.len() - bare.len())
}

fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, char) in text.char_indices().skip(1) {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of the character literal that begins here; not of a lifetime.
fn character(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('\'')?;
    if let Some(escape) = inner.strip_prefix('\\') {
        return escape
            .char_indices()
            .skip(1)
            .find(|(_, char)| *char == '\'')
            .map(|(at, _)| at + 3);
    }
    let char = inner.chars().next()?;
    inner[char.len_utf8()..]
        .starts_with('\'')
        .then(|| 2 + char.len_utf8())
}

/// Every `word` in `code`, with what follows it, that is not part of a longer word.
fn mentions<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = &'a str> {
    code.match_indices(word).filter_map(move |(at, _)| {
        let before = code[..at].chars().next_back();
        let whole = !before.is_some_and(|char| char.is_alphanumeric() || char == '_');
        whole.then(|| &code[at + word.len()..])
    })
}

/// The modules of this crate that a file names: `crate::x`, `crate::{x, y}`, and `gatewit::x` in `main.rs`.
fn uses(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for root in ["crate::", "gatewit::"] {
        for rest in mentions(&source.code, root) {
            match rest.strip_prefix('{') {
                Some(group) => found.extend(names_of_group(group)),
                None => found.push(word(rest)),
            }
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

/// The first word of each part of `a::{b, c}, d}`.
fn names_of_group(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut fresh) = (0, Vec::new(), true);
    for (at, char) in group.char_indices() {
        match char {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            _ if depth == 0 && fresh && char.is_alphanumeric() => {
                names.push(word(&group[at..]));
                fresh = false;
            }
            _ => {}
        }
    }
    names
}

fn word(text: &str) -> String {
    text.chars()
        .take_while(|char| char.is_alphanumeric() || *char == '_')
        .collect()
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// Collects what is wrong, so that one run tells everything.
#[derive(Default)]
struct Wrong(BTreeMap<String, Vec<String>>);

impl Wrong {
    fn add(&mut self, source: &Source, what: impl Into<String>) {
        self.0.entry(source.path.clone()).or_default().push(what.into());
    }
}

impl Drop for Wrong {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.0.is_empty(), "{:#?}", self.0);
        }
    }
}

#[test]
fn arrows_point_down() {
    let mut wrong = Wrong::default();
    for source in sources().iter().filter(|source| source.path != "lib.rs") {
        let own = source.module();
        let Some(here) = layer(own) else {
            wrong.add(source, "its module stands in no layer");
            continue;
        };
        for used in uses(source).iter().filter(|used| *used != own) {
            // What is not a module is an item of the crate's root, of which there are none.
            match layer(used) {
                None => wrong.add(source, format!("names `{used}`, which stands in no layer")),
                Some(there) if there > here => wrong.add(source, format!("names `{used}`, which is above")),
                Some(there) if there == here && here == MECHANISMS => {
                    wrong.add(source, format!("names `{used}`, which is a stranger"));
                }
                Some(_) => {}
            }
        }
    }
}

#[test]
fn the_layers_are_those_of_the_crate() {
    let root = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let mut declared: Vec<&str> = root
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    let mut layered: Vec<&str> = LAYERS
        .concat()
        .into_iter()
        .filter(|name| *name != "main")
        .collect();
    declared.sort_unstable();
    layered.sort_unstable();
    assert_eq!(declared, layered);
}

/// Names that only some places may say, and where.
#[test]
fn dependencies_are_named_where_they_belong() {
    const PLACES: [(&[&str], &[&str]); 8] = [
        (&["toml"], &["config/"]),
        (&["hickory_net", "hickory_proto"], &["upstream/dns", "cli/demo"]),
        (
            &["hyper::server", "hyper::client"],
            &["listener/", "upstream/", "admin/", "cli/", "fetch.rs"],
        ),
        (
            &["std::env", "env::var", "env::args"],
            &["cli/", "config/", "main.rs"],
        ),
        (&["prometheus_client"], &["telemetry/"]),
        (&["tracing_subscriber"], &["telemetry/", "cli/"]),
        (&["wasmtime"], &["plugin/"]),
        (
            &[
                "wasmparser",
                "wasm_encoder",
                "wit_parser",
                "wit_component",
                "wit_bindgen_core",
            ],
            &["cli/plugin/author/"],
        ),
    ];
    let mut wrong = Wrong::default();
    for source in &sources() {
        for (names, places) in PLACES {
            for name in names {
                // A dependency is followed by `::`, or stands alone in a `use`.
                let named = mentions(&source.code, name)
                    .any(|rest| rest.starts_with("::") || name.contains("::") && !rest.starts_with('_'));
                if named && !source.is_in(places) {
                    wrong.add(source, format!("names `{name}`"));
                }
            }
        }
    }
}

#[test]
fn what_may_not_fail_does_not() {
    const REFUSED: [&str; 8] = [
        ".unwrap()",
        ".unwrap_err()",
        "todo!",
        "dbg!",
        "unimplemented!",
        "panic!",
        "unreachable!",
        "static mut",
    ];
    let mut wrong = Wrong::default();
    for source in &sources() {
        for refused in REFUSED.iter().filter(|refused| source.code.contains(**refused)) {
            wrong.add(source, format!("`{refused}`"));
        }
        // Compiled code can only be believed: once, where its folder is guarded.
        let allowed = usize::from(source.path == "plugin/cache.rs");
        let unsafe_code = mentions(&source.code, "unsafe").filter(|rest| rest.starts_with(' '));
        if unsafe_code.count() != allowed {
            wrong.add(source, "`unsafe`");
        }
    }
}

/// `router/` and the balancing decide: no I/O, no waiting, no locks.
#[test]
fn decisions_are_pure() {
    const REFUSED: [&str; 9] = [
        "async ",
        ".await",
        "Mutex",
        "RwLock",
        "RefCell",
        "tokio::",
        "std::net::Tcp",
        "std::fs",
        "std::io::",
    ];
    let mut wrong = Wrong::default();
    for source in &sources() {
        if source.is_in(&[
            "router/",
            "upstream/balance",
            "upstream/patience",
            "upstream/budget",
            "upstream/health",
        ]) {
            for refused in REFUSED.iter().filter(|refused| source.code.contains(**refused)) {
                wrong.add(source, format!("`{refused}`"));
            }
        }
    }
}

/// Nothing on the request path reads files or blocks.
#[test]
fn the_request_path_does_not_block() {
    let mut wrong = Wrong::default();
    for source in &sources() {
        if source.is_in(&[
            "proxy/",
            "listener/",
            "body.rs",
            "upstream/client.rs",
            "upstream/pool.rs",
        ]) {
            for refused in ["std::fs", "fs::", "thread::sleep", "block_on", "RwLock"] {
                if mentions(&source.code, refused).next().is_some() {
                    wrong.add(source, format!("`{refused}`"));
                }
            }
        }
    }
}

/// Only `proxy/answer.rs` chooses a status for an answer of the gateway to a request (redirects say what their
/// route says, and a refused connection has no request yet).
#[test]
fn statuses_of_answers_are_chosen_in_one_place() {
    let mut wrong = Wrong::default();
    for source in &sources() {
        if source.is_in(&["proxy/"]) && source.path != "proxy/answer.rs" {
            let answers = [
                "BAD_GATEWAY",
                "SERVICE_UNAVAILABLE",
                "GATEWAY_TIMEOUT",
                "BAD_REQUEST",
                "NOT_FOUND",
            ];
            for status in answers {
                if source.code.contains(&format!("StatusCode::{status}")) {
                    wrong.add(source, format!("chooses {status}"));
                }
            }
        }
    }
}

#[test]
fn files_open_with_what_they_are_about() {
    let mut wrong = Wrong::default();
    for source in &sources() {
        if !source.text.starts_with("//! ") {
            wrong.add(source, "does not open with `//!`");
        }
    }
}

#[test]
fn files_are_one_idea_long() {
    let mut wrong = Wrong::default();
    for source in &sources() {
        let lines = source.text.lines().count();
        // A table of keys with their documentation is one idea, however long.
        if lines > 500 && source.path != "config/keys.rs" {
            wrong.add(source, format!("{lines} lines"));
        }
    }
}

#[test]
fn nothing_is_left_for_later() {
    let mut wrong = Wrong::default();
    for source in &sources() {
        for note in ["TODO", "FIXME", "XXX", "HACK"] {
            if mentions(&source.text, note).any(|rest| !rest.starts_with(char::is_alphanumeric)) {
                wrong.add(source, note);
            }
        }
    }
}

/// The tests of this file look at code alone.
#[test]
fn code_is_told_from_text() {
    let text = "//! TODO\nfn f<'a>() { g(\"x // \\\" .unwrap()\", 'c', '\\'', r#\"panic!\"#); } // dbg!\n\
                #[cfg(test)]\nmod tests {\n x.unwrap()\n}\n";
    assert_eq!(code(text), "\nfn f<'a>() { g(\"\", , , ); } \n");
    let group = Source {
        path: "x.rs".to_owned(),
        text: String::new(),
        code: "use crate::{self, config::{A, B}, router};\nuse crate::upstream::C;\nlet x = crate::body::D;"
            .to_owned(),
    };
    assert_eq!(uses(&group), ["self", "config", "router", "upstream", "body"]);
}

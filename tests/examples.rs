//! What the documentation says: every configuration in it loads, every key is explained, every test and file that
//! it names is there, and output that it shows is what comes out.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use gatewit::config::{self, Loaded, Source};
use gatewit::router;
use gatewit::telemetry::Flag;
use http::StatusCode;
use regex::Regex;
use serde_json::Value;

use crate::support::binary::{HEAD, Running, ask, eventually, forward_to, lines, origin, said};
use crate::support::{keys, origin};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines between two marks of the README.
pub(crate) fn marked(name: &str) -> String {
    let readme = read("README.md");
    let (_, rest) = readme.split_once(&format!("<!-- {name} -->\n")).expect(name);
    let (inside, _) = rest.split_once(&format!("<!-- /{name} -->")).expect(name);
    inside.to_owned()
}

/// A configuration in this folder, with the secrets that it names.
fn written(text: &str, folder: &Path) -> PathBuf {
    let secrets = folder.join("secrets");
    fs::create_dir_all(folder.join("routes")).unwrap();
    fs::create_dir_all(&secrets).unwrap();
    for name in Regex::new("/run/secrets/([a-z_-]+)").unwrap().captures_iter(text) {
        let secret = match &name[1] {
            "htpasswd" => "alice:$2y$05$bvIG6Nmid91Mu9RcmmWZfO5HJIMCT8riNW0hEp8f6/FuA2/mHZFpe\n",
            _ => "a secret\n",
        };
        fs::write(secrets.join(&name[1]), secret).unwrap();
    }
    let text = text.replace("/run/secrets", secrets.to_str().unwrap());
    let path = folder.join("gatewit.toml");
    fs::write(&path, text).unwrap();
    path
}

/// Loads a configuration from a folder of its own.
fn load(text: &str) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    let path = written(text, folder.path());
    config::load(Source::File(path)).unwrap_or_else(|problems| panic!("{problems}\nin\n{text}"))
}

fn assert_flawless(text: &str) {
    let loaded = load(text);
    assert!(loaded.warnings.is_empty(), "{}\nin\n{text}", loaded.warnings);
    let dead = router::unreachable(&loaded.config.routes);
    assert!(dead.is_empty(), "{dead:?}\nin\n{text}");
}

fn examples() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("examples")).unwrap();
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    files
}

#[test]
fn every_example_is_a_good_configuration() {
    assert!(examples().len() >= 7);
    for path in examples() {
        assert_flawless(&read(path));
    }
}

/// An example on free ports, with an origin in the place of each service.
fn running(name: &str) -> Running {
    let text = read(Path::new("examples").join(name));
    let listen = Regex::new(r"(?m)^listen = .*$").unwrap();
    let text = listen.replace(&text, HEAD);
    let service = Regex::new(r#""[a-z-]+:[0-9]+""#).unwrap();
    let text = service.replace_all(&text, |_: &regex::Captures<'_>| format!("\"{}\"", origin()));
    Running::with(&text)
}

#[test]
fn the_small_examples_serve_what_their_comments_say() {
    for (name, host, path, status, wanted) in [
        ("1-minimal.toml", "localhost", "/hello", 200, ""),
        ("2-hosts-and-paths.toml", "api.example.com", "/orders/7", 200, ""),
        ("2-hosts-and-paths.toml", "shop.example.com", "/x", 200, ""),
        ("2-hosts-and-paths.toml", "api.example.org", "/orders/7", 404, ""),
        ("3-canary.toml", "localhost", "/", 200, ""),
        (
            "4-sticky.toml",
            "localhost",
            "/shop/7",
            200,
            "set-cookie: shop-task=",
        ),
        ("4-sticky.toml", "localhost", "/elsewhere", 404, ""),
        (
            "5-redirects.toml",
            "www.example.com",
            "/a?b=c",
            308,
            "location: https://example.com/a?b=c\r\n",
        ),
        (
            "5-redirects.toml",
            "h",
            "/blog/2019/hello",
            301,
            "location: http://h/posts/hello\r\n",
        ),
        (
            "5-redirects.toml",
            "h",
            "/shop?a=b",
            302,
            "location: https://shop.example.com/\r\n",
        ),
        ("5-redirects.toml", "h", "/else", 200, ""),
    ] {
        let host = format!("Host: {host}");
        let (got, head, _) = ask(running(name).listener, "GET", path, &[&host]);
        assert_eq!(got, status, "{name} {path}: {head}");
        assert!(format!("{head}\r\n").contains(wanted), "{name} {path}: {head}");
    }
}

#[test]
fn every_example_is_in_the_index() {
    let index = read("examples/README.md");
    for path in examples() {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(index.contains(&format!("({name})")), "{name}");
    }
}

#[test]
fn the_first_example_is_the_built_in_configuration() {
    let without_comments: Vec<_> = read("examples/1-minimal.toml")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    assert_eq!(without_comments, config::DEFAULT.lines().collect::<Vec<_>>());
}

#[test]
fn every_configuration_in_the_readme_is_good() {
    let blocks = blocks("README.md", "toml");
    assert!(blocks.len() >= 9, "{}", blocks.len());
    for block in blocks {
        assert_flawless(&block);
    }
    let sdk = self::blocks("plugins/sdk/README.md", "toml");
    let sdk: Vec<_> = sdk
        .iter()
        .filter(|block| block.starts_with("# gatewit.toml"))
        .collect();
    assert!(!sdk.is_empty());
    for block in sdk {
        assert_flawless(block);
    }
    let handbook = self::blocks("plugins/README.md", "toml");
    assert!(handbook.len() >= 5, "{}", handbook.len());
    for block in handbook {
        assert_flawless(&block);
    }
    let languages = self::blocks("examples/plugins/README.md", "toml");
    assert!(!languages.is_empty());
    for block in languages {
        assert_flawless(&block);
    }
}

/// There it is compiled, and called; here is seen that it is the same.
#[test]
fn the_code_in_the_handbook_is_that_of_its_test() {
    let bare = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    let test = bare(&read("plugins/fixture/tests/handbook.rs"));
    let blocks = blocks("plugins/README.md", "rust");
    assert!(blocks.len() >= 20, "{}", blocks.len());
    for block in blocks {
        assert!(test.contains(&bare(&block)), "{block}");
    }
}

/// A line such as "`c/plugin.c`: …" says which file the block under it is of.
#[test]
fn the_code_of_every_language_is_that_of_its_folder() {
    let page = read("examples/plugins/README.md");
    let excerpts = Regex::new(r"(?ms)^`([a-z-]+/[a-z./]+)`[^\n]*\n\n```[a-z]+\n(.*?)^```$").unwrap();
    let fences = Regex::new("(?m)^```([a-z]+)$").unwrap();
    let code = fences
        .captures_iter(&page)
        .filter(|fence| !["sh", "toml"].contains(&&fence[1]));
    assert_eq!(
        excerpts.captures_iter(&page).count(),
        code.count(),
        "each has a file"
    );
    for excerpt in excerpts.captures_iter(&page) {
        let source = read(Path::new("examples/plugins").join(&excerpt[1]));
        assert!(
            stand_in(&source, &excerpt[2]),
            "{}:\n{}",
            &excerpt[1],
            &excerpt[2]
        );
    }
    for entry in fs::read_dir(root().join("examples/plugins")).unwrap() {
        let folder = entry.unwrap().path();
        if folder.join("build.sh").exists() {
            let name = folder.file_name().unwrap().to_str().unwrap();
            assert!(page.contains(&format!("]({name}/README.md)")), "{name}");
            let shown = page.matches(&format!("\n`{name}/")).count();
            assert!(shown >= 2, "{name} is shown {shown} times");
        }
    }
}

/// Whether a source has these lines one after the other, further to the right or not.
fn stand_in(source: &str, lines: &str) -> bool {
    let source = format!("\n{source}");
    let indented = |by: &str| {
        let lines = lines.lines().map(|line| match line {
            "" => String::new(),
            _ => format!("{by}{line}"),
        });
        format!("\n{}\n", lines.collect::<Vec<_>>().join("\n"))
    };
    let found = |by: &str| source.contains(&indented(by));
    (0..=16).any(|width| found(&" ".repeat(width)) || found(&"\t".repeat(width)))
}

/// Blocks of a document in this language.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let fence = Regex::new(&format!("(?s)```{language}\n(.*?)```")).unwrap();
    let text = read(document);
    fence
        .captures_iter(&text)
        .map(|block| block[1].to_owned())
        .collect()
}

/// What a fragment of a plugin's README stands in: a line that begins with `plugins` is one of a route, and names what
/// the reader has declared.
fn completed(block: &str) -> String {
    if !block.starts_with("plugins = ") {
        return block.to_owned();
    }
    let mut text = format!("[[route]]\nto = \"app:12345\"\n{block}\n");
    let budget = Regex::new("budget = \"([a-z-]+)\"").unwrap();
    for name in budget.captures_iter(block) {
        writeln!(text, "[budget.{}]\nrate = \"10/s\"", &name[1]).unwrap();
    }
    if block.contains("\"jwt\"") {
        text.push_str("[verifier.default]\njwks = \"https://id.example.com/jwks.json\"\n");
    }
    text
}

/// Everything that the README of a bundled plugin shows is accepted by the reader, and by the plugin itself.
#[test]
fn every_configuration_of_a_bundled_plugin_is_good() {
    let (folder, mut wrong) = (tempfile::tempdir().unwrap(), Vec::new());
    for name in gatewit::plugin::bundled::NAMES {
        let blocks = blocks(&format!("plugins/{name}/README.md"), "toml");
        assert!(!blocks.is_empty(), "{name}");
        for block in blocks {
            let text = format!("state = {:?}\n{}", folder.path().join("state"), completed(&block));
            let path = written(&text, folder.path());
            let (code, _, err) = said(&["check", "-c", path.to_str().unwrap()]);
            if code != 0 {
                wrong.push(format!("{err}\nin the README of {name}:\n{text}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// As it stands there, with the test's services in the place of those that it names.
#[test]
fn a_token_and_a_rate_are_eight_lines_that_work() {
    let text = marked("token");
    let text = text
        .trim()
        .strip_prefix("```toml\n")
        .unwrap()
        .strip_suffix("```")
        .unwrap();
    assert!(text.lines().count() <= 8, "{text}");
    let key = keys::p256();
    let keys = origin::answering(origin::ok(&keys::jwks(&[key.jwk("a")])));
    let url = format!("http://{}/keys", keys.address());
    let text = text.replace("https://id.example.com/.well-known/jwks.json", &url);
    let text = text.replace("orders:8080", &origin().to_string());
    let gateway = Running::with(&format!("{HEAD}{text}"));
    let token = format!(
        "Authorization: Bearer {}",
        key.token(Some("a"), &serde_json::json!({}))
    );
    eventually("the keys are there", || {
        (ask(gateway.listener, "GET", "/", &[&token]).0 == 200).then_some(())
    });
    assert_eq!(ask(gateway.listener, "GET", "/", &[]).0, 401);
    let (_, head, _) = eventually("the rate is exceeded", || {
        Some(ask(gateway.listener, "GET", "/", &[&token])).filter(|(status, ..)| *status == 429)
    });
    assert!(head.contains("retry-after: "), "{head}");
}

#[test]
fn the_problems_in_the_readme_are_what_check_says() {
    let text = "listen = [\":8080\"]\n\n[[route]]\npath = \"/orders\"\ntoo = \"orders:8080\"\n\n[[route]]\n\
                path = \"/customers/{id}\"\nrewrite = \"/people/{name}\"\ntimeout = 15\nto = \"customers\"\n";
    let source = Source::Text {
        name: "bad.toml".to_owned(),
        text: text.to_owned(),
    };
    let problems = config::load(source).unwrap_err();
    let expected = format!(
        "```text\n{}{} errors\n```\n",
        problems.render(false),
        problems.len()
    );
    assert_eq!(
        marked("check").trim(),
        expected.trim(),
        "it should be\n{expected}"
    );
}

/// The reference in the README is made of the schema, so no key is missing there and no default is another.
#[test]
fn every_key_of_the_schema_is_in_the_readme() {
    let mut rows = String::from("| key | takes | default | |\n|---|---|---|---|\n");
    let schema = config::schema();
    let shared: BTreeSet<_> = schema["properties"]["defaults"]["properties"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    describe(&schema, "", &shared, &mut rows);
    assert!(rows.lines().count() > 100);
    assert_eq!(marked("keys").trim(), rows.trim(), "it should be\n\n{rows}");
}

/// The same for what cases of plugins say. A step has the keys of a case that are about its request.
#[test]
fn every_key_of_a_case_is_in_the_readme() {
    let mut rows = String::from("| key | takes | default | |\n|---|---|---|---|\n");
    let mut schema = config::cases::schema();
    schema["properties"]["case"]["items"]["properties"]["step"]["items"] = Value::Null;
    describe(&schema, "", &BTreeSet::new(), &mut rows);
    assert_eq!(marked("cases").trim(), rows.trim(), "it should be\n\n{rows}");
}

/// What a new plugin is tested with is what the README shows, and that is played in `plugins/cli.rs`.
#[test]
fn the_cases_in_the_readme_are_those_of_a_new_plugin() {
    let template = read("src/cli/plugin/new/template/cases.toml.in");
    let (_, cases) = template.split_once("\n\n").unwrap();
    assert!(marked("case").contains(cases.trim()), "it should have\n\n{cases}");
}

fn describe(shape: &Value, path: &str, shared: &BTreeSet<&str>, rows: &mut String) {
    for (key, value) in shape["properties"].as_object().into_iter().flatten() {
        let inner = format!("{path}{key}");
        let star = if is_tuning(path) && shared.contains(key.as_str()) {
            " *"
        } else {
            ""
        };
        let default = value
            .get("default")
            .map_or(String::new(), |value| format!("`{value}`"));
        let about = value["description"].as_str().unwrap();
        writeln!(
            rows,
            "| `{inner}`{star} | {} | {default} | {about} |",
            takes(value)
        )
        .unwrap();
        // Its keys are those with a star.
        if inner != "defaults" {
            descend(value, &inner, shared, rows);
        }
    }
}

fn is_tuning(path: &str) -> bool {
    ["route[].", "upstream.NAME."].contains(&path)
}

fn descend(value: &Value, path: &str, shared: &BTreeSet<&str>, rows: &mut String) {
    describe(value, &format!("{path}."), shared, rows);
    if let Some(items) = value.get("items") {
        descend(items, &format!("{path}[]"), shared, rows);
    }
    if let Some(of) = value.get("additionalProperties").filter(|of| of.is_object()) {
        descend(of, &format!("{path}.NAME"), shared, rows);
    }
    for choice in value["anyOf"].as_array().into_iter().flatten() {
        descend(choice, path, shared, rows);
    }
}

/// What a key takes, in a word or two.
fn takes(value: &Value) -> String {
    if let Some(choices) = value["anyOf"].as_array() {
        let mut words: Vec<String> = Vec::new();
        for choice in choices.iter().map(takes).filter(|choice| !choice.is_empty()) {
            if !words.contains(&choice) {
                words.push(choice);
            }
        }
        return words.join(", ");
    }
    if let Some(word) = value["const"].as_str() {
        return format!("`\"{word}\"`");
    }
    if let Some(numbers) = value["enum"].as_array() {
        return numbers
            .iter()
            .map(Value::to_string)
            .collect::<Vec<_>>()
            .join(", ");
    }
    let pattern = value["pattern"].as_str().unwrap_or_default();
    match value["type"].as_str() {
        // Any word may be made of variables.
        Some("string") if pattern == r"\$\{|\$\$" => String::new(),
        Some("string") if pattern.contains("GiB") => "size".to_owned(),
        Some("string") if pattern.contains("ms") => "time".to_owned(),
        Some("string") => "text".to_owned(),
        Some("boolean") => "`true`, `false`".to_owned(),
        Some("integer" | "number") => format!("{} to {}", value["minimum"], value["maximum"]),
        Some("array") => format!("list of {}", takes(&value["items"])),
        _ => "table".to_owned(),
    }
}

/// Whether the README has this, as code.
#[track_caller]
fn assert_in_readme(what: &str, all: impl IntoIterator<Item = String>) {
    let readme = read("README.md");
    let missing: Vec<_> = all
        .into_iter()
        .filter(|one| !readme.contains(&format!("`{one}`")) && !readme.contains(&format!("`{one} ")))
        .collect();
    assert!(
        missing.is_empty(),
        "{what} that the README does not have: {missing:?}"
    );
}

#[test]
fn everything_that_a_running_gateway_tells_is_explained() {
    let gateway = Running::with(&forward_to(origin()));
    assert_eq!(
        ask(gateway.listener, "GET", "/", &["Referer: x", "User-Agent: y"]).0,
        200
    );
    let (_, _, paths) = ask(gateway.admin, "GET", "/", &[]);
    let paths: serde_json::Map<String, Value> = serde_json::from_str(&paths).unwrap();
    let methods = |path: &str| match path.rsplit('/').next() {
        Some("rollback") => "POST",
        Some("reload") if path.contains("plugins") => "POST",
        _ => "GET",
    };
    assert_in_readme(
        "paths",
        paths.keys().map(|path| format!("{} {path}", methods(path))),
    );
    let (_, _, metrics) = ask(gateway.admin, "GET", "/metrics", &[]);
    let kinds = Regex::new("(?m)^# TYPE ([a-z_]+) ([a-z]+)$").unwrap();
    let names = kinds.captures_iter(&metrics).map(|kind| match &kind[2] {
        "counter" => format!("{}_total", &kind[1]),
        "info" => format!("{}_info", &kind[1]),
        _ => kind[1].to_owned(),
    });
    let names: Vec<_> = names.collect();
    assert!(names.len() > 20);
    assert_in_readme("metrics", names);
    let line = eventually("a line of the access log", || {
        lines(&gateway.file("stdout")).pop()
    });
    let line: serde_json::Map<String, Value> = serde_json::from_str(&line).unwrap();
    assert_in_readme("fields", line.keys().cloned());
    assert_in_readme("flags", Flag::ALL.map(|flag| flag.name().to_owned()));
}

/// Keys of the example of an endpoint, as the API has them.
#[test]
fn the_example_of_the_admin_api_has_its_keys() {
    let section = section("### Admin API");
    let (_, example) = section.split_once("```json\n").unwrap();
    let example: Value = serde_json::from_str(example.split("```").next().unwrap()).unwrap();
    let gateway = Running::with(&forward_to(origin()));
    let real: Value = serde_json::from_str(&ask(gateway.admin, "GET", "/api/v1/upstreams", &[]).2).unwrap();
    let keys = |value: &Value| -> BTreeSet<String> { value.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(keys(&example), keys(&real));
    let (example, real) = (&example["upstreams"][0], &real["upstreams"][0]);
    assert_eq!(keys(example), keys(real));
    assert_eq!(keys(&example["endpoints"][0]), keys(&real["endpoints"][0]));
}

#[test]
fn commands_in_the_readme_say_what_stands_there() {
    let readme = read("README.md");
    let blocks = Regex::new(r"(?s)```console\n\$ gatewit ([^\n]*)\n(.+?)```").unwrap();
    let mut count = 0;
    for block in blocks.captures_iter(&readme) {
        let line = format!("'{}' {}", env!("CARGO_BIN_EXE_gatewit"), &block[1]);
        let shell = Command::new("sh")
            .args(["-c", &line])
            .current_dir(root())
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8(shell.stdout).unwrap(),
            block[2],
            "{}",
            &block[1]
        );
        count += 1;
    }
    assert!(count > 0);
}

#[test]
fn every_command_and_option_is_explained() {
    let commands = commands(&[]);
    assert!(commands.len() > 9, "{commands:?}");
    for command in &commands {
        explained(&[command.as_str()]);
    }
}

/// The commands that the help of this one lists.
fn commands(command: &[&str]) -> Vec<String> {
    let (_, help, _) = said(&[command, &["--help"]].concat());
    let names = Regex::new(r"(?m)^  ([a-z]+) +[A-Z]").unwrap();
    let listed = help
        .split_once("\nCommands:\n")
        .map_or("", |(_, listed)| listed.split("\n\n").next().unwrap());
    let names = names.captures_iter(listed).map(|found| found[1].to_owned());
    names.filter(|name| name != "help").collect()
}

/// Whether a command has a row, and every option a word, or all of its commands do.
fn explained(command: &[&str]) {
    let readme = read("README.md");
    let inner = commands(command);
    for inner in &inner {
        explained(&[command, &[inner.as_str()]].concat());
    }
    if !inner.is_empty() {
        return;
    }
    let row = match command {
        ["run"] => "gatewit [run]".to_owned(),
        command => format!("gatewit {}", command.join(" ")),
    };
    assert!(readme.contains(&format!("| `{row}")), "{row}");
    let options = Regex::new(r"(?m)^ +(?:-[a-zA-Z], )?--([a-z-]+)").unwrap();
    for option in options.captures_iter(&said(&[command, &["--help"]].concat()).1) {
        let option = format!("--{}", &option[1]);
        let known = ["--help", "--config", "--header"].contains(&option.as_str());
        assert!(known || readme.contains(&option), "{row} {option}");
    }
}

#[test]
fn every_status_that_the_gateway_chooses_is_explained() {
    let table = section("### Answers of the gateway itself");
    let chosen = Regex::new(r"\bS::([A-Z_]+)").unwrap();
    let code = read("src/proxy/answer.rs");
    let mut count = 0;
    for name in chosen.captures_iter(&code) {
        let status = (200..600)
            .filter_map(|code| StatusCode::from_u16(code).ok())
            .find(|status| {
                let reason = status.canonical_reason().unwrap_or_default();
                reason.to_uppercase().replace(['-', ' '], "_") == name[1]
            })
            .unwrap();
        assert!(table.contains(&format!("| {} |", status.as_u16())), "{status}");
        count += 1;
    }
    assert!(count > 10);
}

/// What follows a heading of the README until the next one.
fn section(heading: &str) -> String {
    let readme = read("README.md");
    let (_, rest) = readme.split_once(heading).expect(heading);
    rest.split("\n#").next().unwrap_or_default().to_owned()
}

fn documents() -> [&'static str; 8] {
    [
        "README.md",
        "benches/neighbour/README.md",
        "examples/README.md",
        "examples/plugins/README.md",
        "examples/swarm/README.md",
        "examples/swarm/TRAPS.md",
        "plugins/README.md",
        "plugins/sdk/README.md",
    ]
}

#[test]
fn every_file_that_a_document_links_to_is_there() {
    let links = Regex::new(r"\]\(([^)#]+)[^)]*\)").unwrap();
    // What looks like a link in Go is none.
    let code = Regex::new("(?ms)^```.*?^```$").unwrap();
    for document in documents() {
        let folder = root().join(document).parent().unwrap().to_owned();
        let text = read(document);
        for link in links.captures_iter(&code.replace_all(&text, "")) {
            if !link[1].contains("://") {
                assert!(folder.join(&link[1]).exists(), "{document} links to {}", &link[1]);
            }
        }
    }
}

#[test]
fn every_trap_has_a_test_that_exists_or_a_reason() {
    let traps = read("examples/swarm/TRAPS.md");
    let rows: Vec<_> = traps
        .lines()
        .filter(|line| line.starts_with("| ") && line.as_bytes().get(2).is_some_and(u8::is_ascii_digit))
        .collect();
    let test = Regex::new(r"`((?:src|tests)/[a-z_0-9/]+\.rs): ([a-z_0-9]+)`").unwrap();
    let scenario = Regex::new(r"`examples/swarm/test\.sh: ([a-z-]+)`").unwrap();
    let scenarios = read("examples/swarm/rig/scenarios.sh");
    for (index, row) in rows.iter().enumerate() {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        assert_eq!(cells[1], (index + 1).to_string(), "in order");
        assert_eq!(cells.len(), 6, "{row}");
        for name in test.captures_iter(row) {
            let function = format!("fn {}(", &name[2]);
            assert!(
                read(&name[1]).contains(&function),
                "trap {}: {}",
                cells[1],
                &name[0]
            );
        }
        for name in scenario.captures_iter(row) {
            assert!(
                scenarios.contains(&format!("scenario_{}()", &name[1])),
                "{}",
                &name[0]
            );
        }
        assert!(
            test.is_match(row) || scenario.is_match(row) || cells[4].len() > 40,
            "trap {} has neither",
            cells[1]
        );
    }
    assert_eq!(rows.len(), 35);
}

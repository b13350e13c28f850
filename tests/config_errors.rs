//! Configurations that are wrong, and what is said about them; configurations that are right.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use gatewit::config::{self, Diagnostics, Loaded, Source};

/// Every `.toml` in a folder of `tests/data/config`, by name.
fn samples(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new("tests/data/config").join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    assert!(!files.is_empty());
    files
}

fn load(file: &Path) -> Result<Loaded, Diagnostics> {
    config::load(Source::File(file.to_owned()))
}

/// `UPDATE_EXPECT=1 cargo test every_mistake` writes the expectations anew: read them before they are committed.
#[test]
fn every_mistake_is_told_in_the_expected_words() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut wrong = Vec::new();
    for file in samples("bad") {
        let Err(problems) = load(&file) else {
            panic!("{} is accepted", file.display())
        };
        let said = problems.render(false);
        let expectation = file.with_extension("stderr");
        if update {
            fs::write(&expectation, &said).unwrap();
        } else if fs::read_to_string(&expectation).unwrap_or_default() != said {
            wrong.push(format!("{}:\n{said}", expectation.display()));
        }
    }
    assert!(wrong.is_empty(), "not as expected:\n{}", wrong.join("\n"));
}

#[test]
fn what_is_right_is_accepted() {
    for file in samples("good") {
        let loaded = load(&file).unwrap_or_else(|problems| panic!("{}:\n{problems}", file.display()));
        assert!(
            loaded.warnings.is_empty(),
            "{}:\n{}",
            file.display(),
            loaded.warnings
        );
    }
}

#[test]
fn every_problem_has_a_place_and_a_line() {
    for file in samples("bad") {
        for problem in &load(&file).unwrap_err() {
            let place = problem
                .place
                .as_ref()
                .unwrap_or_else(|| panic!("{}: {}", file.display(), problem.message));
            assert!(place.line > 0 && place.column > 0, "{}", problem.message);
            assert!(
                (place.end.line, place.end.column) >= (place.line, place.column),
                "{}",
                problem.message
            );
        }
    }
}

#[test]
fn no_secret_is_ever_shown() {
    for file in samples("bad") {
        let problems = load(&file).unwrap_err();
        for shown in [
            problems.render(false),
            problems.render(true),
            serde_json::to_string(&problems).unwrap(),
        ] {
            assert!(!shown.contains("hunter"), "{}:\n{shown}", file.display());
        }
    }
    let everything = load(Path::new("tests/data/config/good/everything.toml"))
        .unwrap()
        .config;
    for shown in [config::render(&everything).to_string(), format!("{everything:?}")] {
        assert!(!shown.contains("correct horse"), "{shown}");
    }
}

#[test]
fn problems_are_data_for_programs() {
    let problems = config::load(Source::Text {
        name: "x.toml".to_owned(),
        text: "[[route]]\nto = \"app:80\"\ntimeut = \"1s\"\n".to_owned(),
    })
    .unwrap_err();
    let expected = serde_json::json!([{
        "severity": "error",
        "code": "unknown-key",
        "message": "unknown key `timeut` in [[route]]",
        "file": "x.toml",
        "line": 3,
        "column": 1,
        "end": { "line": 3, "column": 7 },
        "help": "did you mean `timeout`?",
    }]);
    assert_eq!(serde_json::to_value(&problems).unwrap(), expected);
}

#[test]
fn everything_that_was_read_is_known_for_watching() {
    let config = load(Path::new("tests/data/config/good/everything.toml"))
        .unwrap()
        .config;
    let names: Vec<_> = config
        .files
        .iter()
        .map(|file| file.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "everything.toml",
            "10-blog.toml",
            "20-shop.toml",
            "shop.toml",
            "token",
            "authority.pem",
            "set.json",
            "ed25519.pem",
            "signing"
        ]
    );
    assert_eq!(config.folders, [Path::new("tests/data/config/good/conf.d")]);
}

/// Whatever is written, the answer is a configuration or a list of problems that can be shown.
#[test]
fn no_text_makes_the_reader_panic() {
    let mut random = fastrand::Rng::with_seed(2015);
    let words = [
        "[[route]]",
        "\"",
        "'''",
        "{",
        "}",
        "[",
        "]",
        "=",
        "\n",
        "${",
        "}",
        "é",
        "\0",
        "1e9",
        "%",
        ".",
        "to",
    ];
    for file in samples("bad").into_iter().chain(samples("good")) {
        let original = fs::read_to_string(&file).unwrap();
        for _ in 0..60 {
            let mut text: Vec<char> = original.chars().collect();
            for _ in 0..random.usize(1..6) {
                let at = random.usize(0..text.len());
                match random.u8(0..3) {
                    0 => drop(text.drain(at..(at + random.usize(1..20)).min(text.len()))),
                    1 => drop(text.splice(at..at, words[random.usize(0..words.len())].chars())),
                    _ => {
                        let other = random.usize(0..text.len());
                        text.swap(at, other);
                    }
                }
                if text.is_empty() {
                    break;
                }
            }
            let text = String::from_iter(text);
            if let Err(problems) = config::load(Source::Text {
                name: "mutant.toml".to_owned(),
                text,
            }) {
                assert!(!problems.render(true).is_empty());
                assert!(serde_json::to_string(&problems).is_ok());
            }
        }
    }
}

fn check(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_gatewit"))
        .arg("check")
        .args(arguments)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[test]
fn check_says_what_it_found_by_its_exit_code() {
    let (code, said) = check(&["-c", "tests/data/config/good/minimal.toml"]);
    assert_eq!(
        (code, said.as_str()),
        (
            Some(0),
            "The configuration is good: 1 listener, 1 route, 1 upstream\n"
        )
    );
    let (code, said) = check(&["-c", "tests/data/config/bad/many.toml"]);
    assert_eq!(code, Some(3));
    assert!(said.ends_with(" errors\n"), "{said}");
    let (code, said) = check(&["-c", "/nowhere.toml"]);
    assert_eq!(
        (code, said.as_str()),
        (
            Some(3),
            "error: cannot read /nowhere.toml: there is no such file\n\n1 error\n"
        )
    );
}

#[test]
fn check_warns_of_routes_that_never_match_and_fails_only_when_told_to() {
    let file = "tests/data/config/odd/shadowed.toml";
    let (code, said) = check(&["-c", file]);
    assert_eq!(code, Some(0));
    assert!(said.contains("the route \"second\" can never match"), "{said}");
    assert!(said.contains("shadowed.toml:5:1"), "{said}");
    let (code, said) = check(&["-c", file, "--deny-warnings", "--format", "json"]);
    assert_eq!(code, Some(3));
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["ok"], false);
    assert_eq!(said["problems"][0]["code"], "unreachable");
    assert_eq!(said["problems"][0]["line"], 5);
}

#[test]
fn check_can_do_without_the_secrets_of_production() {
    let file = "tests/data/config/odd/elsewhere.toml";
    let (code, said) = check(&["-c", file]);
    assert_eq!(code, Some(3), "{said}");
    let (code, said) = check(&["-c", file, "--without-secrets"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said.matches("warning: ").count(), 6, "{said}");
}

#[test]
fn the_examples_are_right() {
    let files = fs::read_dir("examples/config")
        .unwrap()
        .map(|entry| entry.unwrap().path());
    for file in files.filter(|file| file.extension().is_some_and(|extension| extension == "toml")) {
        let (code, said) = check(&["-c", file.to_str().unwrap(), "--deny-warnings"]);
        assert_eq!(code, Some(0), "{}:\n{said}", file.display());
    }
}

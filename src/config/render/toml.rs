//! A [`Config`] as a file that a gateway accepts again: everything that it means, with variables in the place of
//! secrets. How TOML is written stands in `writer.rs`; what is said of a configuration, one level up.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{self, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use super::writer::document;
use super::{masks, render};
use crate::config::{Component, Config, Use};

const HEAD: &str = "\
# What a gateway means by its configuration, defaults included: a file for `gatewit run -c FILE`.
";

/// The configuration as a file: what [`render`] says, as TOML. Reading it again gives the same file.
///
/// In the place of a secret stands a variable such as `${ADMIN_TOKEN}`; comments at the top name all of them. Names of
/// files and folders are absolute, so that it does not matter where the file is put.
pub fn render_toml(config: &Config) -> String {
    let mut shown = render(&anywhere(config));
    shorten(&mut shown);
    let variables = masks::into_variables(&mut shown);
    let mut text = HEAD.to_owned();
    if !variables.is_empty() {
        text.push_str(
            "#\n# Secrets are not in it. Set these variables, or write in their place what belongs there; until then\n\
             # `gatewit check --without-secrets --no-plugins -c FILE` checks the rest.\n",
        );
    }
    for name in &variables {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "#   {name}");
    }
    text.push_str("\nversion = 1\n");
    if let Value::Object(table) = &shown {
        text.push_str(&document(table));
    }
    text
}

/// The same as it is written in any other place: names of files are absolute, for those in a file are relative to its
/// folder, and names of secrets are no secrets.
fn anywhere(config: &Config) -> Config {
    let mut config = config.clone();
    for path in [&mut config.state, &mut config.access_log.path] {
        path.iter_mut().for_each(absolute);
    }
    if let Some(authorities) = &mut config.authorities {
        absolute(&mut authorities.file);
    }
    if let Some(flow) = &mut config.flow_proxy {
        absolute(&mut flow.secrets);
    }
    for plugin in &mut config.plugins {
        if matches!(plugin.source, Component::File(_))
            && let Component::File(path) = &mut Arc::make_mut(plugin).source
        {
            absolute(path);
        }
    }
    let declared: BTreeSet<_> = config.secrets.iter().map(|it| it.name.as_str()).collect();
    let routes = config.routes.iter_mut().filter(|route| !route.chain.is_empty());
    for used in routes.flat_map(|route| &mut Arc::make_mut(route).chain) {
        show_names(used, &declared);
    }
    config
}

/// Masks no text that only names a secret: `users_secret = "users"` where `[secret.users]` is declared.
fn show_names(used: &mut Arc<Use>, declared: &BTreeSet<&str>) {
    let hidden = &used.config.secrets;
    let names_one = |pointer: &String| {
        let text = used.config.value.pointer(pointer).and_then(Value::as_str);
        pointer.to_ascii_lowercase().contains("secret") && text.is_some_and(|text| declared.contains(text))
    };
    let secrets: BTreeSet<_> = hidden
        .iter()
        .filter(|pointer| !names_one(pointer))
        .cloned()
        .collect();
    if secrets.len() < hidden.len() {
        Arc::make_mut(used).config.secrets = Arc::new(secrets);
    }
}

/// Says in short what has a short form, and nothing of what goes without saying.
fn shorten(shown: &mut Value) {
    let routes = shown["route"].as_array_mut().into_iter().flatten();
    for route in routes {
        shorten_target(route);
        for used in route
            .get_mut("plugins")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            let causes = used["failure"].as_object().into_iter().flatten();
            if causes.into_iter().all(|(_, reaction)| reaction == "closed") {
                used["failure"] = json!("closed");
            }
        }
    }
    let upstreams = shown["upstream"].as_object_mut().into_iter().flatten();
    upstreams.for_each(|(_, upstream)| shorten_target(upstream));
    if let Value::Object(table) = shown {
        table.retain(|_, value| value.as_object().is_none_or(|table| !table.is_empty()));
    }
}

/// `to = "app:80"` for a list of it alone.
fn shorten_target(table: &mut Value) {
    if let Some([only]) = table["to"].as_array().map(Vec::as_slice)
        && only["weight"] == 1
    {
        table["to"] = only["to"].clone();
    }
}

/// Left as it is where the working folder is gone.
fn absolute(path: &mut PathBuf) {
    if let Ok(absolute) = path::absolute(&path) {
        *path = absolute;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

    use std::path::Path;

    use super::super::MASK;
    use super::*;
    use crate::config::{Source, load};

    fn read(text: &str) -> Config {
        // What stands for secrets has to be there: none of it is set here.
        let variable = regex::Regex::new(r"(^|[^$])\$\{([A-Z0-9_]+)\}").unwrap();
        let text = variable.replace_all(text, "$1$${$2:-as long as a secret for signing has to be}");
        let source = Source::Text {
            name: "rendered.toml".to_owned(),
            text: text.clone().into_owned(),
        };
        load(source)
            .unwrap_or_else(|problems| panic!("{problems}in\n{text}"))
            .config
    }

    fn samples() -> Vec<PathBuf> {
        let folder = Path::new("tests/data/config/good");
        let entries = std::fs::read_dir(folder).unwrap();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
        assert!(files.len() > 6);
        files
    }

    #[test]
    fn what_is_rendered_means_the_same_and_is_rendered_the_same_again() {
        for file in samples() {
            let config = load(Source::File(file.clone())).unwrap().config;
            let text = render_toml(&config);
            let again = read(&text);
            assert_eq!(
                render(&anywhere(&again)),
                render(&anywhere(&config)),
                "{}\n{text}",
                file.display()
            );
            assert_eq!(render_toml(&again), text, "{}", file.display());
        }
    }

    #[test]
    fn the_rendered_file_is_as_people_write_it() {
        let text = "state = '/s'\nlisten = ':1'\n[[route]]\nto = 'a:1'\nhost = 'a.b'\n";
        let rendered = render_toml(&read(text));
        let head = "\
# What a gateway means by its configuration, defaults included: a file for `gatewit run -c FILE`.

version = 1
trusted_proxies = []
state = \"/s\"
server_timing = false

[[listener]]
address = \"[::]:1\"
name = \":1\"

[admin]
address = \"127.0.0.1:9901\"

[[route]]
name = \"a.b/\"
host = [\"a.b\"]
path = \"/\"
to = \"a:1\"
timeout = \"15s\"
retries = 2
request_body = \"1GiB\"

[upstream.\"a:1\"]
to = \"a:1\"
";
        assert!(rendered.starts_with(head), "{rendered}");
    }

    #[test]
    fn secrets_become_variables_that_say_where_they_belong() {
        let text = "admin = { token = 'hunter2' }\n[[route]]\nname = \"it's\"\nto = 'a:1'\nplugins = ['jwt']\n\
                    request_headers = { set = { cookie = 'hunter2' }, add = { x-a = ['1', '${NONE:-hunter2}'] } }\n\
                    [[route]]\nname = 'it-s'\npath = '/b'\nto = 'a:1'\n\
                    request_headers = { set = { cookie = 'hunter2' } }\n\
                    [verifier.default]\nsecret = 'hunter2, but longer than what is too short'\n";
        let rendered = render_toml(&read(text));
        assert!(
            !rendered.contains("hunter2") && !rendered.contains(MASK),
            "{rendered}"
        );
        for line in [
            "token = \"${ADMIN_TOKEN}\"\n",
            "set = { cookie = \"${ROUTE_IT_S_REQUEST_HEADERS_SET_COOKIE}\" }",
            "add = { x-a = [\"1\", \"${ROUTE_IT_S_REQUEST_HEADERS_ADD_X_A_2}\"] }",
            "set = { cookie = \"${ROUTE_IT_S_REQUEST_HEADERS_SET_COOKIE_2}\" }",
            "secret = \"${VERIFIER_DEFAULT_SECRET}\"\n",
            "#   ADMIN_TOKEN\n#   ROUTE_IT_S_REQUEST_HEADERS_SET_COOKIE\n",
        ] {
            assert!(rendered.contains(line), "{line} in\n{rendered}");
        }
        assert_eq!(render_toml(&read(&rendered)), rendered);
    }

    #[test]
    fn names_of_secrets_are_not_masked_but_what_sounds_like_them_is() {
        let text = "[secret.users]\nvalue = '${NONE:-hunter2}'\n[[route]]\nto = 'a:1'\nplugins = [\
                    { use = 'basic-auth', users_secret = 'users' },\
                    { use = 'api-key', secrets = { bob = 'users', eve = 'hunter3' }, password = 'users' }]\n";
        let rendered = render_toml(&read(text));
        for line in [
            "config = { users_secret = \"users\" }\n",
            "secrets = { bob = \"users\", eve = \"${ROUTE_PLUGINS_API_KEY_CONFIG_SECRETS_EVE}\" }\n",
            "password = \"${ROUTE_PLUGINS_API_KEY_CONFIG_PASSWORD}\"",
            "failure = \"closed\"\n",
            "basic-auth = { bundled = \"basic-auth\", env = {}, tick = \"10s\" }\n",
        ] {
            assert!(rendered.contains(line), "{line} in\n{rendered}");
        }
        assert!(
            !rendered.contains("hunter") && !rendered.contains("grants"),
            "{rendered}"
        );
    }

    #[test]
    fn dollars_that_would_be_taken_for_variables_are_doubled() {
        let text = "[[route]]\nto = 'a:1'\nheader = { x-a = '$${HOME}', x-b = '5$', x-c = '$$$$' }\n";
        let config = read(text);
        let rendered = render_toml(&config);
        assert!(
            rendered.contains(r#"{ x-a = "$${HOME}", x-b = "5$", x-c = "$$$$" }"#),
            "{rendered}"
        );
        assert_eq!(render(&read(&rendered)), render(&config));
    }
}

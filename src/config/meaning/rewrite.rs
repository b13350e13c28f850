//! What happens to the path of a forwarded request, and the templates of new paths.

use crate::config::parse::Malformed;
use crate::config::path;
use crate::config::reading::Reading;
use crate::config::section::{Section, What};
use crate::config::tree::Text;
use crate::config::{Element, PathPattern, Rewrite};

/// `strip_prefix` or `rewrite`.
pub(super) fn rewrite(
    table: &mut Section,
    pattern: &PathPattern,
    reading: &mut Reading<'_>,
) -> Option<Rewrite> {
    let help = "a rewrite replaces the prefix too: `rewrite = { replace_prefix = \"/new\" }`";
    reading.conflict(table, ["strip_prefix", "rewrite"], help);
    let key_at = table.key_at("strip_prefix").unwrap_or(table.at);
    match table.take("strip_prefix") {
        Some(What::Flag(false)) => return Some(Rewrite::Keep),
        Some(What::Flag(true)) => {
            return match whole(pattern) {
                Some(prefix) => Some(strip(prefix)),
                None => reading.invalid(
                    key_at,
                    "`true` needs a route with a plain `path`",
                    "write the prefix: `\"/api\"`",
                ),
            };
        }
        Some(What::Text(text)) => return Some(strip(prefix(&text, pattern, reading)?)),
        _ => {}
    }
    match table.take("rewrite") {
        Some(What::Text(text)) => template(&text, pattern, reading).map(Rewrite::Path),
        Some(What::Table(section)) => by_table(section, pattern, reading),
        _ => Some(Rewrite::Keep),
    }
}

fn strip(prefix: String) -> Rewrite {
    if prefix.is_empty() {
        Rewrite::Keep
    } else {
        Rewrite::StripPrefix(prefix)
    }
}

fn by_table(mut section: Section, pattern: &PathPattern, reading: &mut Reading<'_>) -> Option<Rewrite> {
    let at = section.at;
    reading.conflict(
        &section,
        ["path", "replace_prefix"],
        "replace the whole path or its prefix",
    );
    reading.conflict(
        &section,
        ["path", "prefix"],
        "`prefix` belongs to `replace_prefix`",
    );
    if let Some(text) = section.text("path") {
        return template(&text, pattern, reading).map(Rewrite::Path);
    }
    let Some(to) = section.text("replace_prefix") else {
        if section.has("path") || section.has("replace_prefix") {
            return None;
        }
        return reading.invalid(
            at,
            "the rewrite says nothing",
            "write `path = \"/new/{id}\"` or `replace_prefix = \"/new\"`",
        );
    };
    let from = match section.text("prefix") {
        Some(text) => prefix(&text, pattern, reading)?,
        None => match whole(pattern) {
            Some(prefix) => prefix,
            None => {
                let help = "add `prefix = \"/api\"`, or replace the whole path: `rewrite = \"/new/{id}\"`";
                return reading.invalid(
                    to.at,
                    "which prefix is replaced is not clear: the route has no plain `path`",
                    help,
                );
            }
        },
    };
    match plain(&to) {
        Ok(to) => Some(Rewrite::ReplacePrefix { from, to }),
        Err(wrong) => reading.parsed(&to, Err(wrong), "a path"),
    }
}

/// The whole of a plain path.
fn whole(pattern: &PathPattern) -> Option<String> {
    match pattern {
        PathPattern::Prefix(path) | PathPattern::Exact(path) => Some(path.trim_end_matches('/').to_owned()),
        PathPattern::Template(_) | PathPattern::Regex(_) => None,
    }
}

/// A path without captures and without the slash at its end.
fn plain(text: &Text) -> Result<String, Malformed> {
    // An exact path has no captures.
    PathPattern::exact(&text.value).map(|path| path.to_string().trim_end_matches('/').to_owned())
}

/// A prefix that every request of this route has.
fn prefix(text: &Text, pattern: &PathPattern, reading: &mut Reading<'_>) -> Option<String> {
    let path = match plain(text) {
        Ok(path) => path,
        Err(wrong) => return reading.parsed(text, Err(wrong), "a path"),
    };
    let common = match pattern {
        PathPattern::Prefix(path) | PathPattern::Exact(path) => path.clone(),
        PathPattern::Template(elements) => {
            let literals = elements.iter().map_while(|element| match element {
                Element::Literal(text) => Some(format!("/{text}")),
                Element::Capture(_) => None,
            });
            literals.collect()
        }
        PathPattern::Regex(_) => {
            let help =
                "capture what is to stay: `path_regex = \"/api/(?<rest>.*)\"` with `rewrite = \"/{rest}\"`";
            return reading.invalid(text.at, "a route with `path_regex` has no fixed prefix", help);
        }
    };
    let rest = common.strip_prefix(path.as_str());
    if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
        return Some(path);
    }
    let message = "not a prefix of the route's path: no request would have it";
    let shown = if common.is_empty() { "/" } else { common.as_str() };
    reading.invalid(
        text.at,
        message,
        format!("the route's path begins with `{shown}`"),
    )
}

/// A path with `{captures}`, each of which the route's path defines.
pub(super) fn template(text: &Text, pattern: &PathPattern, reading: &mut Reading<'_>) -> Option<String> {
    let known = captures(pattern);
    let holes = match path::template(&text.value) {
        Ok(holes) => holes,
        Err(wrong) => return reading.parsed(text, Err(wrong), "a path template"),
    };
    let mut complete = true;
    for (name, range) in holes {
        if !known.contains(&name) {
            complete = false;
            let help = match known.as_slice() {
                [] => "the route's path has no captures; write them as `path = \"/orders/{id}\"`".to_owned(),
                known => format!("known captures: {}", listed(known)),
            };
            let what = if text.variables.is_empty() {
                format!("`{{{name}}}`")
            } else {
                "a capture here".to_owned()
            };
            reading.invalid::<()>(
                text.part(Some(range)),
                format!("{what} is not in the route's path"),
                help,
            );
        }
    }
    complete.then(|| text.value.clone())
}

fn listed(names: &[String]) -> String {
    names
        .iter()
        .map(|name| format!("`{{{name}}}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn captures(pattern: &PathPattern) -> Vec<String> {
    match pattern {
        PathPattern::Template(elements) => elements
            .iter()
            .filter_map(|element| match element {
                Element::Capture(name) => Some(name.clone()),
                Element::Literal(_) => None,
            })
            .collect(),
        PathPattern::Regex(regex) => regex.capture_names().flatten().map(str::to_owned).collect(),
        PathPattern::Prefix(_) | PathPattern::Exact(_) => Vec::new(),
    }
}

//! Names of budgets, verifiers, stores, keys and secrets: declared, granted, and used by nobody.

use std::collections::HashSet;

use crate::config::diagnostics::{At, Code};
use crate::config::reading::Reading;
use crate::config::suggest;
use crate::config::tree::{Key, Text};

/// The names of one kind.
#[derive(Debug)]
pub(super) struct Names {
    /// As in `[budget.NAME]`.
    kind: &'static str,
    /// Right or wrong: what is declared with a problem is known too.
    declared: Vec<(String, At)>,
    used: HashSet<String>,
}

impl Names {
    pub(super) fn new(kind: &'static str) -> Self {
        Self {
            kind,
            declared: Vec::new(),
            used: HashSet::new(),
        }
    }

    /// Also the key of the file under which their tables stand.
    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }

    /// Whether the name is new; tells when it is not, and when it is not a name.
    pub(super) fn declare(&mut self, key: &Key, reading: &mut Reading<'_>) -> bool {
        checked(key, self.kind, reading);
        if let Some((_, first)) = self.declared.iter().find(|(name, _)| *name == key.name) {
            let place = reading.problems.locate(*first);
            let message = format!("there are two {}s called `{}`", self.kind, key.name);
            let help = format!(
                "rename one of them; the first is at {}:{}",
                place.file, place.line
            );
            reading
                .problems
                .error(Code::Duplicate, key.at, message)
                .help(help);
            return false;
        }
        self.declared.push((key.name.clone(), key.at));
        true
    }

    /// The name that a grant means, if there is such a thing.
    pub(super) fn granted(&self, text: &Text, reading: &mut Reading<'_>) -> Option<String> {
        if self.declared.iter().any(|(name, _)| *name == text.value) {
            return Some(text.value.clone());
        }
        let near = suggest::nearest(&text.value, self.declared.iter().map(|(name, _)| name.as_str()));
        let message = match text.variables.as_slice() {
            [] => format!("there is no {} `{}`", self.kind, text.value),
            _ => format!("with the variable's value this is no {}", self.kind),
        };
        let problem = reading.problems.error(Code::UnknownName, text.at, message);
        match near {
            Some(near) => problem.label(format!("did you mean `{near}`?")),
            None => problem.help(format!("declare it: `[{}.NAME]`", self.kind)),
        };
        None
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<String> {
        self.declared.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Remembers that a plugin which is used may use these.
    pub(super) fn used(&mut self, names: &[String]) {
        self.used.extend(names.iter().cloned());
    }

    /// Warns of what no plugin may use.
    pub(super) fn finish(self, reading: &mut Reading<'_>) {
        for (name, at) in self.declared {
            if !self.used.contains(&name) {
                let message = format!("no plugin uses the {} `{name}`", self.kind);
                let help = format!(
                    "remove it, or name it in the `grants` of a plugin that a route uses: `{}s = [\"{name}\"]`",
                    self.kind
                );
                reading.problems.warning(Code::Unused, at, message).help(help);
            }
        }
    }
}

/// Tells when a name would not do in logs, metrics and paths of the admin API.
pub(super) fn checked(key: &Key, kind: &str, reading: &mut Reading<'_>) {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let dots = key.name.bytes().all(|byte| byte == b'.');
    if dots || key.name.len() > 64 || !key.name.bytes().all(fits) {
        reading.invalid::<()>(
            key.at,
            format!("not a name for a {kind}"),
            "up to 64 letters, digits, `-`, `_` and `.`",
        );
    }
}

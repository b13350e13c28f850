//! What plugins may be granted: budgets, verifiers, stores, keys and secrets, with their names.

use std::sync::Arc;
use std::time::Duration;

use super::material::{public_key, secret_or_file};
use super::names::Names;
use super::plugin::within;
use super::verifier::verifier;
use crate::config::diagnostics::{At, Code};
use crate::config::rate::Rate;
use crate::config::reading::Reading;
use crate::config::section::{Section, What};
use crate::config::tree::Key as Name;
use crate::config::{Config, Key, KeyMaterial, NamedSecret, RateBudget, Secret, Store, Verifier, defaults};

/// A burst that is not there again in so long is a mistake.
const LONGEST_REFILL: Duration = Duration::from_secs(10 * 365 * 86_400);

const LARGEST_VALUE: u64 = 16 << 20;

/// All that there is so far.
pub(super) struct Powers {
    budgets: Vec<Arc<RateBudget>>,
    verifiers: Vec<Arc<Verifier>>,
    stores: Vec<Arc<Store>>,
    keys: Vec<Arc<Key>>,
    secrets: Vec<Arc<NamedSecret>>,
    pub(super) names: Kinds,
}

/// The names of each kind.
pub(super) struct Kinds {
    pub(super) budgets: Names,
    pub(super) verifiers: Names,
    pub(super) stores: Names,
    pub(super) keys: Names,
    pub(super) secrets: Names,
}

impl Powers {
    pub(super) fn new() -> Self {
        Self {
            budgets: Vec::new(),
            verifiers: Vec::new(),
            stores: Vec::new(),
            keys: Vec::new(),
            secrets: Vec::new(),
            names: Kinds {
                budgets: Names::new("budget"),
                verifiers: Names::new("verifier"),
                stores: Names::new("store"),
                keys: Names::new("key"),
                secrets: Names::new("secret"),
            },
        }
    }

    /// Reads the tables of one document.
    pub(super) fn read(&mut self, document: &mut Section, reading: &mut Reading<'_>) {
        let names = &mut self.names;
        read(document, &mut names.budgets, budget, &mut self.budgets, reading);
        read(
            document,
            &mut names.verifiers,
            verifier,
            &mut self.verifiers,
            reading,
        );
        read(document, &mut names.stores, store, &mut self.stores, reading);
        read(document, &mut names.keys, key, &mut self.keys, reading);
        read(document, &mut names.secrets, secret, &mut self.secrets, reading);
    }

    /// Hands everything over, after a warning for each that nothing uses.
    pub(super) fn finish(self, config: &mut Config, reading: &mut Reading<'_>) {
        let Kinds {
            budgets,
            verifiers,
            stores,
            keys,
            secrets,
        } = self.names;
        for names in [budgets, verifiers, stores, keys, secrets] {
            names.finish(reading);
        }
        config.budgets = self.budgets;
        config.verifiers = self.verifiers;
        config.stores = self.stores;
        config.keys = self.keys;
        config.secrets = self.secrets;
    }
}

/// Reads the tables of one kind.
fn read<T>(
    document: &mut Section,
    names: &mut Names,
    meaning: fn(&Name, Section, &mut Reading<'_>) -> Option<T>,
    into: &mut Vec<Arc<T>>,
    reading: &mut Reading<'_>,
) {
    let tables = document.section(names.kind());
    for (name, said) in tables.into_iter().flat_map(Section::into_entries) {
        if let (What::Table(table), true) = (said, names.declare(&name, reading)) {
            into.extend(meaning(&name, table, reading).map(Arc::new));
        }
    }
}

fn budget(name: &Name, mut table: Section, reading: &mut Reading<'_>) -> Option<RateBudget> {
    let at = table.key_at("burst");
    let burst = table.whole("burst");
    let keys = table.whole("keys").map(count);
    let Rate { count, period } = reading.parse(&table.text("rate")?, "a rate")?;
    if let (Some(at), 0) = (at, count) {
        let message = "a budget of nothing has no burst";
        let help = "leave `burst` out, or allow something: `rate = \"1/s\"`";
        reading.problems.error(Code::Conflict, at, message).help(help);
    }
    let burst = burst.unwrap_or(count);
    let refill = period.as_secs_f64() * burst as f64 / count.max(1) as f64;
    if let (Some(at), true) = (at, refill > LONGEST_REFILL.as_secs_f64()) {
        let message = "at this rate it takes more than ten years until all of the burst is there again";
        return reading.invalid(at, message, "lower `burst`, or raise `rate`");
    }
    Some(RateBudget {
        name: name.name.clone(),
        count,
        period,
        burst,
        keys: keys.unwrap_or(defaults::BUDGET_KEYS),
    })
}

fn store(name: &Name, mut table: Section, reading: &mut Reading<'_>) -> Option<Store> {
    let value = within(&mut table, "value", (1, LARGEST_VALUE), reading);
    Some(Store {
        name: name.name.clone(),
        entries: table.whole("entries").map_or(defaults::STORE_ENTRIES, count),
        value: value.unwrap_or(defaults::STORE_VALUE),
    })
}

fn key(name: &Name, mut table: Section, reading: &mut Reading<'_>) -> Option<Key> {
    hide(&table, "secret", reading);
    let kinds = &["secret", "secret_file", "pem", "pem_file"];
    let said = only(&name.name, name.at, "key", kinds, &table, reading)?;
    let material = if said.starts_with("secret") {
        KeyMaterial::Secret(secret_or_file(&mut table, reading)?)
    } else {
        KeyMaterial::Public(public_key(&mut table, reading)?)
    };
    Some(Key {
        name: name.name.clone(),
        material,
    })
}

fn secret(name: &Name, mut table: Section, reading: &mut Reading<'_>) -> Option<NamedSecret> {
    hide(&table, "value", reading);
    let kinds = &["file", "env", "value"];
    let secret = match only(&name.name, name.at, "secret", kinds, &table, reading)? {
        "file" => reading.secret_file(&table.text("file")?),
        "env" => variable(&mut table, reading),
        _ => super::settings::secret(table.take("value"), "value", reading),
    };
    Some(NamedSecret {
        name: name.name.clone(),
        secret: secret?,
    })
}

/// Whatever else is wrong with its table, a secret is not shown.
pub(super) fn hide(table: &Section, key: &str, reading: &mut Reading<'_>) {
    if let Some(What::Text(text)) = table.see(key) {
        reading.problems.hide(text.at);
    }
}

fn variable(table: &mut Section, reading: &mut Reading<'_>) -> Option<Secret> {
    let name = table.text("env")?;
    let value = (reading.environment)(&name.value);
    let value = value.and_then(|value| value.into_string().ok());
    if let Some(value) = value.filter(|value| !value.is_empty()) {
        return Some(Secret(value));
    }
    let message = format!("the environment variable `{}` holds nothing", name.value);
    reading
        .problems
        .missing(Code::Environment, name.at, message)
        .help("set it, to plain UTF-8 text");
    None
}

/// Which of several keys is said; exactly one of them must be.
pub(super) fn only(
    name: &str,
    at: At,
    kind: &str,
    keys: &[&'static str],
    table: &Section,
    reading: &mut Reading<'_>,
) -> Option<&'static str> {
    let mut said = keys.iter().copied().filter(|key| table.has(key));
    let Some(first) = said.next() else {
        let message = format!("the {kind} `{name}` holds nothing");
        let keys: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
        let help = format!("say one of {}", keys.join(", "));
        reading.problems.error(Code::MissingKey, at, message).help(help);
        return None;
    };
    match said.next() {
        Some(second) => {
            reading.conflict(table, [first, second], "say one of them");
            None
        }
        None => Some(first),
    }
}

/// Bounded by the grammar already.
pub(super) fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

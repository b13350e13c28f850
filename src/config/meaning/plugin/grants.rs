//! `grants`: what a plugin may use.

use crate::config::Grants;
use crate::config::meaning::powers::Kinds;
use crate::config::meaning::upstream;
use crate::config::reading::Reading;
use crate::config::section::Section;

/// What a section names; what it names and is not there is told.
pub(super) fn grants(
    mut section: Section,
    upstreams: &mut upstream::Set,
    kinds: &Kinds,
    reading: &mut Reading<'_>,
) -> Grants {
    let mut grants = Grants::default();
    for (key, names) in [("upstreams", &mut grants.upstreams), ("http", &mut grants.http)] {
        for text in section.texts(key) {
            let name = upstreams.granted(&text, reading);
            names.extend(name);
        }
    }
    for (key, kind, names) in [
        ("budgets", &kinds.budgets, &mut grants.budgets),
        ("verifiers", &kinds.verifiers, &mut grants.verifiers),
        ("stores", &kinds.stores, &mut grants.stores),
        ("keys", &kinds.keys, &mut grants.keys),
        ("secrets", &kinds.secrets, &mut grants.secrets),
    ] {
        for text in section.texts(key) {
            names.extend(kind.granted(&text, reading));
        }
    }
    grants
}

/// Everything that the configuration declares.
pub(super) fn everything(upstreams: &[String], kinds: &Kinds) -> Grants {
    Grants {
        everything: true,
        upstreams: upstreams.to_vec(),
        http: upstreams.to_vec(),
        budgets: kinds.budgets.all(),
        verifiers: kinds.verifiers.all(),
        stores: kinds.stores.all(),
        keys: kinds.keys.all(),
        secrets: kinds.secrets.all(),
    }
}

/// Remembers that a plugin is used which may use these.
pub(super) fn used(grants: &Grants, kinds: &mut Kinds) {
    kinds.budgets.used(&grants.budgets);
    kinds.verifiers.used(&grants.verifiers);
    kinds.stores.used(&grants.stores);
    kinds.keys.used(&grants.keys);
    kinds.secrets.used(&grants.secrets);
}

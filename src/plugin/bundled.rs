//! The plugins that are part of the binary: one for each folder of `plugins/` that is a plugin. `build.rs` makes them.

/// Names and components, sorted by name.
const BUNDLED: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

/// Their names, sorted.
pub const NAMES: [&str; BUNDLED.len()] = {
    let mut names = [""; BUNDLED.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = BUNDLED[at].0;
        at += 1;
    }
    names
};

/// The component of a bundled plugin.
pub fn find(name: &str) -> Option<&'static [u8]> {
    let at = BUNDLED.binary_search_by_key(&name, |(name, _)| name).ok()?;
    Some(BUNDLED[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bundled_plugin_is_a_component() {
        assert!(NAMES.contains(&"jwt"), "{NAMES:?}");
        for name in NAMES {
            let component = find(name).unwrap();
            // The preamble of a component, not of a core module.
            assert_eq!(component[..8], *b"\0asm\x0d\0\x01\0", "{name}");
        }
    }

    #[test]
    fn what_the_configuration_knows_is_what_there_is() {
        let mut known = crate::config::BUNDLED;
        known.sort_unstable();
        assert_eq!(NAMES[..], known[..]);
    }

    /// The first example of each README.
    #[test]
    fn every_bundled_plugin_shows_a_configuration_that_loads() {
        for name in NAMES {
            let readme = format!("{}/plugins/{name}/README.md", env!("CARGO_MANIFEST_DIR"));
            let readme = std::fs::read_to_string(readme).unwrap();
            let example = readme.split("```toml\n").nth(1).unwrap();
            let (text, _) = example.split_once("```").unwrap();
            let source = crate::config::Source::Text {
                name: format!("plugins/{name}/README.md"),
                text: text.to_owned(),
            };
            crate::config::load_without_secrets(source).unwrap_or_else(|problems| panic!("{problems}"));
        }
    }

    #[test]
    fn what_is_for_tests_is_not_bundled() {
        assert_eq!(find("fixture"), None);
        assert_eq!(find("sdk"), None);
    }
}

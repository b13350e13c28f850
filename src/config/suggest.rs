//! "Did you mean …?"

/// The candidate that a mistyped name probably means.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_ascii_lowercase().replace('-', "_");
    let distance = |candidate: &str| strsim::damerau_levenshtein(&name, &candidate.replace('-', "_"));
    candidates
        .into_iter()
        .map(|candidate| (distance(candidate), candidate))
        // A third of the letters wrong is a slip, more is another word.
        .filter(|(distance, candidate)| *distance <= candidate.len().min(name.len()).div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A list for a sentence.
pub(super) fn listed(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let keys = ["strip_prefix", "timeout", "to", "path"];
        for (typed, meant) in [
            ("strip_prefx", Some("strip_prefix")),
            ("strip-prefix", Some("strip_prefix")),
            ("Timeout", Some("timeout")),
            ("tiemout", Some("timeout")),
            ("pth", Some("path")),
            ("colour", None),
            ("x", None),
        ] {
            assert_eq!(nearest(typed, keys), meant, "{typed}");
        }
    }
}

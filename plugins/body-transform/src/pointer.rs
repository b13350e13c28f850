//! JSON Pointers (RFC 6901).

use gatewit_plugin::config;

/// A JSON Pointer, such as `/user/password` or `/items/0`.
#[config]
#[serde(try_from = "String")]
pub(crate) struct Pointer(Vec<String>);

impl Pointer {
    /// The way to it, from the outside.
    pub(crate) fn steps(&self) -> &[String] {
        &self.0
    }

    /// Whether it names the whole document.
    pub(crate) fn is_root(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<String> for Pointer {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let not_one = || format!("`{text}` is not a JSON Pointer, such as `/user/password`");
        let steps = text.strip_prefix('/').ok_or_else(not_one)?.split('/');
        let read = |step: &str| {
            // Every `~` is the beginning of `~0` or `~1`.
            let bare = step.replace("~0", "").replace("~1", "");
            (!bare.contains('~')).then(|| step.replace("~1", "/").replace("~0", "~"))
        };
        let steps: Option<Vec<String>> = steps.map(read).collect();
        steps.map(Self).ok_or_else(not_one)
    }
}

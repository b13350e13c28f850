//! The grammar of a configuration as data: which keys a table has and what each takes.
//!
//! The reader checks against it and the JSON Schema is made of it, so that the two cannot differ.
//! The tables themselves are in `keys.rs`.

/// What a key takes.
#[derive(Debug)]
pub(super) enum Shape {
    /// A text; said as "an address, `host:port`".
    Text(&'static str),
    /// A text that may have several lines.
    Lines(&'static str),
    /// One of these words, each with its meaning.
    Word(&'static [(&'static str, &'static str)]),
    /// `true` or `false`.
    Flag,
    /// A whole number, both bounds included.
    Whole { min: u64, max: u64 },
    /// One of these numbers.
    Number(&'static [u64]),
    /// A number, both bounds included.
    Fraction { min: f64, max: f64 },
    /// A text with a number and a unit.
    Time { zero: bool },
    /// A text with a number and a unit.
    Size(Zero),
    /// Any number of these.
    List(&'static Self),
    /// Known keys.
    Table(&'static Table),
    /// Known keys, and any other with any value: those are somebody else's to judge.
    Open(&'static Table),
    /// A table with any keys and values: somebody else's to judge.
    Free(&'static str),
    /// Keys of the user's choice.
    Map { key: &'static str, of: &'static Self },
    /// One of these, told apart by their TOML type.
    Any(&'static [Self]),
}

/// What nothing means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Zero {
    /// Zero is a mistake.
    Refused,
    /// Zero is a size like any other.
    Nothing,
    /// Zero is not written; the word `unlimited` says that there is no bound.
    Unlimited,
}

/// A table with known keys.
#[derive(Debug)]
pub(super) struct Table {
    /// In the order of the documentation.
    pub(super) keys: &'static [&'static [Key]],
    /// What people write who come from elsewhere, and what it is called here.
    pub(super) aliases: &'static [(&'static str, &'static str)],
}

/// A key of a table.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// One line for editors and documentation.
    pub(super) about: &'static str,
    /// JSON.
    pub(super) default: Option<&'static str>,
    pub(super) required: bool,
}

impl Key {
    pub(super) const fn new(name: &'static str, shape: Shape, about: &'static str) -> Self {
        Self {
            name,
            shape,
            about,
            default: None,
            required: false,
        }
    }

    pub(super) const fn default(self, json: &'static str) -> Self {
        Self {
            default: Some(json),
            required: self.required,
            ..self
        }
    }

    pub(super) const fn required(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }
}

impl Table {
    pub(super) fn keys(&self) -> impl Iterator<Item = &'static Key> + use<> {
        self.keys.iter().flat_map(|group| group.iter())
    }

    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.name == name)
    }
}

impl Shape {
    /// For "expected …".
    pub(super) fn what(&self) -> String {
        match self {
            Self::Text(what) | Self::Lines(what) | Self::Free(what) => (*what).to_owned(),
            Self::Word(words) => {
                let words: Vec<_> = words.iter().map(|(word, _)| format!("`\"{word}\"`")).collect();
                either(&words)
            }
            Self::Flag => "`true` or `false`".to_owned(),
            Self::Whole { .. } => "a whole number".to_owned(),
            Self::Number(numbers) => either(&numbers.iter().map(u64::to_string).collect::<Vec<_>>()),
            Self::Fraction { .. } => "a number".to_owned(),
            Self::Time { .. } => "a duration such as `\"15s\"`".to_owned(),
            Self::Size(_) => "a size such as `\"64KiB\"`".to_owned(),
            Self::List(of) => format!("a list (of {})", of.what()),
            Self::Table(table) | Self::Open(table) => {
                let keys: Vec<_> = table
                    .keys()
                    .take(3)
                    .map(|key| format!("`{}`", key.name))
                    .collect();
                let more = if table.keys().count() > 3 { ", …" } else { "" };
                format!("a table with {}{more}", keys.join(", "))
            }
            Self::Map { key, .. } => format!("a table of {key}"),
            Self::Any(shapes) => shapes.iter().map(Self::what).collect::<Vec<_>>().join(", or "),
        }
    }
}

/// `a`, `a or b`, `a, b or c`.
fn either(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

//! A text that was read, kept for showing the lines that problems are in. Secrets in it are never shown.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::Place;
use super::diagnostics::At;
use super::variables::sensitive;

/// The texts of a configuration, each with the index of its file; kept for problems that are found later.
#[derive(Clone, Default)]
pub(super) struct Texts(Arc<[(Origin, Arc<Text>)]>);

/// The index of the file, and whether the API added it.
type Origin = (Option<usize>, bool);

impl Texts {
    pub(super) fn new(texts: impl Iterator<Item = (Origin, Arc<Text>)>) -> Self {
        Self(texts.collect())
    }

    /// The text that a place is in; `None` for one that is nowhere.
    pub(super) fn of(&self, place: &Place) -> Option<Arc<Text>> {
        let known = self
            .0
            .iter()
            .find(|(origin, _)| *origin == (place.file, place.added) && place.line > 0);
        known.map(|(_, text)| text.clone())
    }
}

/// Secrets may stand there.
impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} texts", self.0.len())
    }
}

/// A text that was read.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) name: String,
    text: String,
    /// Where each line begins.
    lines: Vec<usize>,
    hidden: Vec<Range<usize>>,
    /// What stands where, as JSON Pointers; only where there are no lines that anybody wrote.
    pointers: Vec<(Range<usize>, String)>,
}

impl Text {
    pub(super) fn new(name: String, text: &str) -> Self {
        let lines = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(newline, _)| newline + 1))
            .collect();
        Self {
            name,
            text: text.to_owned(),
            lines,
            hidden: Vec::new(),
            pointers: Vec::new(),
        }
    }

    /// The same, where everything is called by its JSON Pointer.
    pub(super) fn pointed(mut self, pointers: Vec<(Range<usize>, String)>) -> Self {
        self.pointers = pointers;
        self
    }

    /// The JSON Pointer (RFC 6901) of the smallest thing that a range is in.
    pub(super) fn pointer(&self, at: At) -> Option<&str> {
        let around = |range: &Range<usize>| range.start <= at.start && at.end <= range.end;
        let all = self.pointers.iter().filter(|(range, _)| around(range));
        let smallest = all.min_by_key(|(range, _)| range.len());
        smallest.map(|(_, pointer)| pointer.as_str())
    }

    /// Never shows these bytes: a secret stands there.
    pub(super) fn hide(&mut self, range: Range<usize>) {
        self.hidden.push(range);
    }

    /// Line and column of a byte, 1-based, the column in characters.
    pub(super) fn position(&self, byte: usize) -> (usize, usize) {
        let byte = self.floor(byte);
        let line = self.lines.partition_point(|start| *start <= byte);
        let start = self.lines[..line].last().copied().unwrap_or_default();
        (line, self.text[start..byte].chars().count() + 1)
    }

    /// The lines that hold a range, secrets blotted out, and the range within them. Where lines are broken, nobody
    /// knows what is a secret: all of a line that sounds like one is blotted out.
    pub(super) fn excerpt(&self, at: At, broken: bool) -> (String, Range<usize>) {
        let (start, end) = (self.floor(at.start), self.floor(at.end.max(at.start)));
        let from = self.text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let to = self.text[end..]
            .find('\n')
            .map_or(self.text.len(), |newline| end + newline);
        let mut lines = String::with_capacity(to - from);
        let mut line_from = from;
        for line in self.text[from..to].split_inclusive('\n') {
            let secret = (broken && (sensitive(line) || self.is_among_secrets(line_from)))
                .then(|| line_from + line.find('=').map_or(0, |equals| equals + 1));
            for (offset, char) in line
                .char_indices()
                .map(|(offset, char)| (line_from + offset, char))
            {
                let hidden = secret.is_some_and(|secret| offset >= secret)
                    || self.hidden.iter().any(|range| range.contains(&offset));
                if hidden && char != '\n' {
                    // As many bytes as the character has, so that ranges hold.
                    lines.extend(std::iter::repeat_n('*', char.len_utf8()));
                } else {
                    lines.push(char);
                }
            }
            line_from += line.len();
        }
        (lines, start - from..end - from)
    }

    /// Whether the last header before a line is that of a `[secret.NAME]`, where no key sounds like one.
    fn is_among_secrets(&self, line: usize) -> bool {
        let mut before = self.text[..line].lines().rev().map(str::trim_start);
        let header = before.find(|line| line.starts_with('['));
        header.is_some_and(|header| header.trim_start_matches(['[', ' ']).starts_with("secret"))
    }

    fn floor(&self, byte: usize) -> usize {
        self.text.floor_char_boundary(byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let text = Text::new("test".to_owned(), "a\nüber = 1\n");
        for (byte, position) in [
            (0, (1, 1)),
            (1, (1, 2)),
            (2, (2, 1)),
            (4, (2, 2)),
            (12, (3, 1)),
            (99, (3, 1)),
        ] {
            assert_eq!(text.position(byte), position, "{byte}");
        }
    }

    #[test]
    fn hidden_bytes_are_stars_and_ranges_hold() {
        let mut text = Text::new("test".to_owned(), "x = 1\ntoken = \"gehüt\" # y\n");
        text.hide(14..22);
        let (lines, span) = text.excerpt(
            At {
                text: 0,
                start: 23,
                end: 24,
            },
            false,
        );
        assert_eq!((lines.as_str(), &lines[span]), ("token = ******** # y", "#"));
    }

    #[test]
    fn a_broken_line_that_sounds_like_a_secret_is_hidden_whole() {
        let text = Text::new("test".to_owned(), "token = \"abc\nx = \"abc\n");
        let (lines, _) = text.excerpt(
            At {
                text: 0,
                start: 0,
                end: 14,
            },
            true,
        );
        assert_eq!(lines, "token =*****\nx = \"abc");
    }
}

//! How problems are shown: to people with the line and a caret, to programs as JSON.

use std::fmt;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;
use serde::ser::SerializeMap;

use super::{Code, Diagnostic, Diagnostics, Severity};

impl Diagnostics {
    /// All of them for people: the line, a caret, and what to do. Ends with a newline unless empty.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        self.list
            .iter()
            .map(|problem| self.render_one(problem, &renderer))
            .collect()
    }

    fn render_one(&self, problem: &Diagnostic, renderer: &Renderer) -> String {
        let level = match problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(&problem.message);
        let mut group = match &problem.place {
            None => Group::with_title(title),
            Some(location) => {
                let broken = problem.code == Code::Syntax;
                let (excerpt, span) = self.texts[location.at.text].excerpt(location.at, broken);
                let mark = AnnotationKind::Primary.span(span).label(problem.label.as_deref());
                title.element(
                    Snippet::source(excerpt)
                        .path(location.file.as_str())
                        .line_start(location.line)
                        .annotation(mark),
                )
            }
        };
        if let Some(help) = &problem.help {
            group = group.element(Level::HELP.message(help));
        }
        let mut text = renderer.render(&[group]);
        text.push_str("\n\n");
        text
    }
}

/// `severity`, `code`, `message`, `file`, `pointer`, `line`, `column`, `end`, `help`.
impl Serialize for Diagnostic {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("severity", &self.severity)?;
        map.serialize_entry("code", &self.code)?;
        map.serialize_entry("message", &self.message)?;
        if let Some(place) = &self.place {
            map.serialize_entry("file", &place.file)?;
            if let Some(pointer) = &place.pointer {
                map.serialize_entry("pointer", pointer)?;
            }
            map.serialize_entry("line", &place.line)?;
            map.serialize_entry("column", &place.column)?;
            map.serialize_entry("end", &place.end)?;
        }
        // What the caret says is help too, to those who see no caret.
        let help: Vec<&str> = [&self.label, &self.help]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        if !help.is_empty() {
            map.serialize_entry("help", &help.join("; "))?;
        }
        map.end()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

impl Serialize for Diagnostics {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.list)
    }
}

//! What plugins log while they are tested: kept, instead of written.

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// Where lines of plugins come from.
const TARGET: &str = "gatewit::plugin";

/// The lines since they were last taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    /// Keeps the lines of this thread, as long as the guard is held.
    pub(super) fn keep() -> (Self, DefaultGuard) {
        let lines = Self::default();
        let subscriber = tracing_subscriber::registry().with(lines.clone());
        (lines, tracing::subscriber::set_default(subscriber))
    }

    /// Takes them.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target().starts_with(TARGET)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        if line.by_plugin {
            let level = event.metadata().level().as_str().to_ascii_lowercase();
            let text = format!("{level} {}{}", line.message, line.fields);
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text);
        }
    }
}

#[derive(Default)]
struct Line {
    message: String,
    fields: String,
    /// Other lines of the gateway are not the plugin's.
    by_plugin: bool,
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "fields" => {
                let _ = write!(self.fields, " {value}");
            }
            "plugin" => self.by_plugin = true,
            // The same in every line of a case.
            "route" | "request_id" => {}
            "message" => self.message.push_str(value),
            name => {
                let _ = write!(self.fields, " {name}={value:?}");
            }
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => {
                let _ = write!(self.message, "{value:?}");
            }
            "suppressed" if format!("{value:?}") == "0" => {}
            name => {
                let _ = write!(self.fields, " {name}={value:?}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_plugins_are_kept_and_others_are_not() {
        let (lines, _guard) = Lines::keep();
        let fields = Some("path=\"/\"");
        tracing::info!(target: "gatewit::plugin::host::log", plugin = "p", route = "r", fields, "wrong {}", "word");
        tracing::debug!(target: "gatewit::plugin", plugin = "p", suppressed = 0, "quiet");
        tracing::warn!(target: "gatewit::plugin::cache", "the gateway's own");
        tracing::warn!(target: "gatewit::proxy", plugin = "p", "the gateway's own");
        assert_eq!(lines.take(), ["info wrong word path=\"/\"", "debug quiet"]);
        assert!(lines.take().is_empty());
    }
}

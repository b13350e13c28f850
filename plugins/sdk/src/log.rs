//! Lines in the gateway's log, named for plugin, route and request. The macros [`trace!`](crate::trace!),
//! [`debug!`](crate::debug!), [`info!`](crate::info!), [`warn!`](crate::warn!) and [`error!`](crate::error!) format only
//! what is written: `info!("refused"; "path" => request.path(), "tries" => 3)`.

use crate::host::log;

pub use crate::bindings::imports::gatewit::plugin::log::Level;

/// Whether a line of this level would be written.
pub fn enabled(level: Level) -> bool {
    log::enabled(level)
}

/// Writes a line. Longer than 4 KiB is cut; control characters are escaped.
pub fn emit(level: Level, message: &str, fields: &[(String, String)]) {
    log::emit(level, message, fields);
}

/// Writes a line of a [`Level`].
#[macro_export]
macro_rules! log {
    ($level:expr, $format:literal $(, $argument:expr)* $(; $($key:expr => $value:expr),+ $(,)?)?) => {{
        let level = $level;
        if $crate::log::enabled(level) {
            $crate::log::emit(
                level,
                &::std::format!($format $(, $argument)*),
                &[$($((::std::string::String::from($key), ::std::string::ToString::to_string(&$value))),+)?],
            );
        }
    }};
}

/// Writes a line of `Level::Trace`.
#[macro_export]
macro_rules! trace { ($($line:tt)+) => { $crate::log!($crate::log::Level::Trace, $($line)+) }; }

/// Writes a line of `Level::Debug`.
#[macro_export]
macro_rules! debug { ($($line:tt)+) => { $crate::log!($crate::log::Level::Debug, $($line)+) }; }

/// Writes a line of `Level::Info`.
#[macro_export]
macro_rules! info { ($($line:tt)+) => { $crate::log!($crate::log::Level::Info, $($line)+) }; }

/// Writes a line of `Level::Warn`.
#[macro_export]
macro_rules! warn { ($($line:tt)+) => { $crate::log!($crate::log::Level::Warn, $($line)+) }; }

/// Writes a line of `Level::Error`.
#[macro_export]
macro_rules! error { ($($line:tt)+) => { $crate::log!($crate::log::Level::Error, $($line)+) }; }

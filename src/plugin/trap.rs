//! What is told of a call that trapped or ran for too long: why, in which function, and, at the level debug, the way
//! there. The names of functions are the component's own; one that was stripped has none.

use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use super::failure::Cause;
use super::guest::Guest;
use super::instance::Spent;

/// The longest name that a cause tells.
const NAME: usize = 120;

/// How names begin that say nothing of the plugin: by them languages stop, after something else went wrong.
const MACHINERY: [&str; 11] = [
    "<alloc::",
    "<core::",
    "<std::",
    "__",
    "alloc::",
    "core::",
    "panic_abort::",
    "runtime.",
    "rust_begin_unwind",
    "rust_panic",
    "std::",
];

/// Such names, whole.
const STOPS: [&str; 4] = ["abort", "exit", "proc_exit", "raise"];

/// One function on the way there.
#[derive(Debug, Eq, PartialEq)]
struct Step {
    name: String,
    /// File, line and column, where the component has debug information and wasmtime was told to read it.
    place: Option<String>,
}

/// What an error means that came out of a call.
pub(super) fn explain(error: &wasmtime::Error, guest: &Guest) -> Cause {
    let steps = error.downcast_ref::<WasmBacktrace>();
    let steps = steps.map(|trace| steps_of(&trace.to_string()));
    if let Some(steps) = &steps {
        tell(steps, guest);
    }
    if error.is::<Spent>() {
        return Cause::Cpu;
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return Cause::Busy;
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return Cause::Trap(format!("it exited with status {}", exit.0));
    }
    let mut why = match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => "its stack is exhausted".to_owned(),
        Some(Trap::UnreachableCodeReached) => "it panicked or aborted (unreachable)".to_owned(),
        Some(trap) => trap.to_string(),
        None => error.root_cause().to_string(),
    };
    if guest.extent.refused {
        why.push_str("; it had asked for more memory than its limit");
    }
    if let Some(Step { name, .. }) = steps.iter().flatten().next() {
        why.push_str(" in ");
        why.push_str(&name[..name.floor_char_boundary(NAME)]);
    }
    Cause::Trap(why)
}

/// Writes the way there, a line for each function.
fn tell(steps: &[Step], guest: &Guest) {
    let plugin = guest.binding.plugin.name.as_str();
    let scene = guest.scene.as_ref();
    let route = scene.map(|scene| scene.route.name.as_str());
    let request_id = scene.and_then(|scene| scene.id.to_str().ok());
    if steps.is_empty() {
        tracing::debug!(
            target: "gatewit::plugin", plugin, route, request_id,
            "back trace: its functions have no names; build it without stripping them"
        );
    }
    for Step { name, place } in steps {
        let name = name.escape_debug();
        match place {
            Some(place) => {
                let place = place.escape_debug();
                tracing::debug!(target: "gatewit::plugin", plugin, route, request_id, "back trace: {name} at {place}");
            }
            None => {
                tracing::debug!(target: "gatewit::plugin", plugin, route, request_id, "back trace: {name}")
            }
        }
    }
}

/// What wasmtime writes of a back trace, read: the functions that have names, the innermost first, beginning with the
/// plugin's own. A line is `0: 0x1234 - module!name`. Where there is debug information it has no module, and lines follow
/// with its place, and names and places of what was inlined.
fn steps_of(trace: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in trace.lines().skip(1).map(str::trim_start) {
        if let (Some(place), Some(step)) = (line.strip_prefix("at "), steps.last_mut()) {
            step.place = Some(place.to_owned());
        } else if let Some((_, name)) = line.split_once("- ") {
            let module = |(module, _): &(&str, &str)| !module.contains("::");
            let name = name.split_once('!').filter(module).map_or(name, |(_, name)| name);
            let (name, place) = (plain(name), None);
            steps.push(Step { name, place });
        }
    }
    steps.retain(|step| !step.name.starts_with("<wasm function"));
    let own = steps.iter().position(|step| !step.is_machinery()).unwrap_or(0);
    steps.split_off(own)
}

impl Step {
    fn is_machinery(&self) -> bool {
        // Where Rust's own library was when it was built.
        let of_rust = self
            .place
            .as_ref()
            .is_some_and(|place| place.starts_with("/rustc/"));
        let name = self.name.as_str();
        of_rust || STOPS.contains(&name) || MACHINERY.iter().any(|start| name.starts_with(start))
    }
}

/// A name without what rustc makes it unique by: `::h0123456789abcdef` at its end, `[0123456789abcdef]` anywhere.
fn plain(name: &str) -> String {
    let is_hash = |text: &str| text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let name = match name.rsplit_once("::h") {
        Some((name, hash)) if is_hash(hash) => name,
        _ => name,
    };
    let mut plain = String::with_capacity(name.len());
    for (index, part) in name.split('[').enumerate() {
        match part.split_once(']') {
            Some((hash, rest)) if is_hash(hash) => plain.push_str(rest),
            _ if index == 0 => plain.push_str(part),
            _ => {
                plain.push('[');
                plain.push_str(part);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str, place: Option<&str>) -> Step {
        Step {
            name: name.to_owned(),
            place: place.map(str::to_owned),
        }
    }

    #[test]
    fn the_way_begins_with_the_plugins_own_function() {
        let trace = "error while executing at wasm backtrace:
    0:  0x117fe - trap.wasm!abort
    1:   0xfe4f - trap.wasm!std[d123b7a1a2ed1472]::process::abort
    2:  0x10b07 - trap.wasm!std[d123b7a1a2ed1472]::sys::short::<std[d123b7a1a2ed1472]::handler::{closure#0}, !>
    3:   0x43ac - trap.wasm!core[6d9e98711c484d2e]::panicking::panic_bounds_check
    4:   0x4061 - trap.wasm!trap::fourth::<[u8; 4]>::h938cedc3dfcde8f0
    5:   0x4062 - <unknown>!<wasm function 7>
    6:   0xa504 - trap.wasm!gatewit:plugin/request-hook@0.1.0#on-request
note: using the `WASMTIME_BACKTRACE_DETAILS=1` environment variable may show more debugging information";
        assert_eq!(
            steps_of(trace),
            [
                step("trap::fourth::<[u8; 4]>", None),
                step("gatewit:plugin/request-hook@0.1.0#on-request", None)
            ]
        );
    }

    #[test]
    fn what_was_inlined_is_told_with_its_place() {
        let trace = "error while executing at wasm backtrace:
    0:  0x117fe - abort
    1:  0x10b07 - std[d123b7a1a2ed1472]::sys::short::<std[d123b7a1a2ed1472]::handler::{closure#0}, !>
                    at /rustc/5980/library/std/src/sys/backtrace.rs:182:18
    2:   0x4595 - index<&str>
                    at /rustc/5980/library/core/src/slice/index.rs:272:10
                - fourth
                    at /work/src/lib.rs:19:46";
        assert_eq!(steps_of(trace), [step("fourth", Some("/work/src/lib.rs:19:46"))]);
    }

    #[test]
    fn without_names_there_is_no_way_and_machinery_is_better_than_nothing() {
        let none = "error while executing at wasm backtrace:\n    0:  0x1 - <unknown>!<wasm function 192>";
        assert!(steps_of(none).is_empty());
        let only = "error while executing at wasm backtrace:\n    0:  0x1 - m!abort";
        assert_eq!(steps_of(only), [step("abort", None)]);
        assert!(steps_of("").is_empty());
    }
}

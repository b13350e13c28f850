//! The languages that a plugin can be begun in.

use super::vendor::Placed;
use super::{guest, rust};

/// See the module. Each but Rust is a folder of `examples/plugins`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(super) enum Language {
    /// With the SDK
    Rust,
    /// Zig's C compiler
    C,
    /// Zig's C++ compiler, over the bindings for C
    Cpp,
    /// Zig, over the bindings for C
    Zig,
    /// The official Go
    Go,
    /// JavaScript, in QuickJS
    Js,
    /// TypeScript, in QuickJS
    Ts,
    /// JavaScript, in the full engine of Firefox: slower, and larger
    JsStarlingmonkey,
    /// CPython
    Python,
    /// What looks like TypeScript, and is compiled ahead of time
    Assemblyscript,
    /// Nim, over the bindings for C
    Nim,
}

impl Language {
    /// Everything that a plugin's folder holds.
    pub(super) fn files(self, name: &str) -> Vec<Placed> {
        match self.folder() {
            None => rust::files(name),
            Some(folder) => guest::files(folder, self.name(), name),
        }
    }

    /// The folder of `examples/plugins` that it is begun with.
    fn folder(self) -> Option<&'static str> {
        Some(match self {
            Self::Rust => return None,
            Self::C => "c",
            Self::Cpp => "cpp",
            Self::Zig => "zig",
            Self::Go => "go",
            Self::Js => "js",
            Self::Ts => "ts",
            Self::JsStarlingmonkey => "js-starlingmonkey",
            Self::Python => "python",
            Self::Assemblyscript => "assemblyscript",
            Self::Nim => "nim",
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::C => "C",
            Self::Cpp => "C++",
            Self::Zig => "Zig",
            Self::Go => "Go",
            Self::Js | Self::JsStarlingmonkey => "JavaScript",
            Self::Ts => "TypeScript",
            Self::Python => "Python",
            Self::Assemblyscript => "AssemblyScript",
            Self::Nim => "Nim",
        }
    }
}

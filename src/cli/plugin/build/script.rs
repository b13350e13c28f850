//! Plugins that bring a script which builds them: `build.sh`, which leaves `plugin.wasm` beside itself.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use super::{COMPONENT, Error, unstarted};

const SCRIPT: &str = "build.sh";

/// Tells the script which program this is: the one whose contract the plugin has to fit to.
const GATEWIT: &str = "GATEWIT";

/// Why the script made no component.
#[derive(Debug, thiserror::Error)]
pub(super) enum ScriptError {
    #[error("{SCRIPT} failed ({0}); what it said stands above")]
    Failed(ExitStatus),
    #[error("{SCRIPT} came to its end, but made no {COMPONENT} in {0}")]
    NoComponent(String),
}

/// Whether a folder is built by a script.
pub(super) fn builds(dir: &Path) -> bool {
    dir.join(SCRIPT).is_file()
}

/// Runs the script: where the component is. What it says goes to standard error.
pub(super) fn build(dir: &Path) -> Result<PathBuf, Error> {
    let component = dir.join(COMPONENT);
    let mut script = Command::new("sh");
    script
        .arg(SCRIPT)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(io::stderr());
    if let Ok(own) = env::current_exe() {
        script.env(GATEWIT, own);
    }
    let status = script.status().map_err(|source| unstarted("sh", source))?;
    if !status.success() {
        return Err(ScriptError::Failed(status).into());
    }
    if !component.is_file() {
        return Err(ScriptError::NoComponent(dir.display().to_string()).into());
    }
    Ok(component)
}

//! The configuration of the demo, and where it stands: in the program, or with plugins in a folder of its own, so that
//! it can be edited while the gateway runs.

use std::env;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{Args, Error};
use crate::config::{self, Source};

/// What plugins do on which route.
const PLUGINS: &str = r#"
# A token of the verifier, then a budget for each client.
[[route]]
path = "/orders"
to = "app:12345"
plugins = ["jwt", "rate-limit"]

[verifier.default]
secret_file = "secret"

[budget.default]
rate = "10/min"
burst = 3

# The next version, for those who ask for it.
[[route]]
path = "/shop"
to = "app:12345"
plugins = [{ use = "router", rules = [{ when = { header = "x-version", is = "2" }, upstream = "app-next" }] }]

[upstream.app-next]
to = "app-next:12345"

# Replaced while requests flow: `headers` has nothing to do here, `request-id` marks responses.
[[route]]
path = "/marked"
to = "app:12345"
plugins = ["mark"]

[plugin.mark]
bundled = "headers"
"#;

/// The built-in one with what was asked for, and what a machine without Swarm needs: its own DNS server instead of the
/// system's, and loopback addresses in its answers, which are not believed inside a container. The access log would
/// fill the screen.
pub(super) fn text(args: &Args, dns: SocketAddr) -> String {
    let mut text = String::new();
    for line in config::DEFAULT.lines() {
        match &args.listen {
            Some(listener) if line.starts_with("listen =") => {
                text.push_str(&format!("listen = [{:?}]\n", listener.name));
            }
            _ => text.push_str(&format!("{line}\n")),
        }
        if line.starts_with("listen =") {
            if let Some(admin) = args.admin {
                text.push_str(&format!("admin = \"{admin}\"\n"));
            }
            if args.plugins {
                text.push_str("state = \"state\"\n");
            }
        }
    }
    if args.plugins {
        text.push_str(PLUGINS);
    }
    let dns = format!("[dns]  # for the demo alone\nservers = [\"{dns}\"]\nguard = \"off\"");
    format!("{text}\n{dns}\n\n[access_log]  # the same\nformat = \"off\"\n")
}

/// The text alone, as a configuration.
pub(super) fn in_the_program(text: String) -> Source {
    Source::Text {
        name: "<demo>".to_owned(),
        text,
    }
}

/// A folder that is gone when it is dropped.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Where temporary files belong, and nobody else may look.
    pub(super) fn new() -> Result<Self, Error> {
        let all = env::temp_dir();
        let path = all.join(format!("gatewit-demo-{:08x}", fastrand::u32(..)));
        let made = fs::create_dir_all(&all).and_then(|()| DirBuilder::new().mode(0o700).create(&path));
        made.map_err(|error| Error::Folder(path.clone(), error))?;
        Ok(Self(path))
    }

    /// Of a file in it.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(super) fn write(&self, name: &str, content: &[u8]) -> Result<PathBuf, Error> {
        let path = self.path(name);
        write(&path, content).map_err(|error| Error::Folder(path.clone(), error))?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Whoever cleans up temporary files was quicker, or will do it.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    file?.write_all(content)
}

//! `gatewit plugin build`, as a process of its own: it may take long, and ends with the gateway.

use std::env;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

/// How often it is asked whether it has come to its end.
const LOOK: Duration = Duration::from_millis(20);

/// A build that runs. Dropped, it is killed with all that it started.
pub(super) struct Build {
    child: Child,
    /// Reads what it says: a pipe that nobody reads would stop it.
    said: Option<JoinHandle<Vec<u8>>>,
}

impl Build {
    /// Starts the build of this folder.
    pub(super) fn start(folder: &Path) -> io::Result<Self> {
        use std::os::unix::process::CommandExt as _;

        let mut command = Command::new(env::current_exe()?);
        command
            .args(["plugin", "build"])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // A group of its own, so that all of it can be killed.
            .process_group(0);
        let mut child = command.spawn()?;
        let said = child.stderr.take().map(|mut pipe| {
            thread::spawn(move || {
                let mut said = Vec::new();
                // What was read before an error is what there is.
                let _ = pipe.read_to_end(&mut said);
                said
            })
        });
        Ok(Self { child, said })
    }

    /// Waits for its end. What it said, when it failed.
    pub(super) async fn end(mut self) -> Result<(), String> {
        loop {
            match self.child.try_wait() {
                Ok(None) => tokio::time::sleep(LOOK).await,
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(_)) => return Err(self.said()),
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    fn said(&mut self) -> String {
        let said = self.said.take().and_then(|said| said.join().ok());
        String::from_utf8_lossy(&said.unwrap_or_default())
            .trim_end()
            .to_owned()
    }
}

impl Drop for Build {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
            // It may have ended meanwhile: then there is nothing to kill.
            let _ = group.map(|group| kill_process_group(group, Signal::KILL));
            let _ = self.child.wait();
        }
    }
}

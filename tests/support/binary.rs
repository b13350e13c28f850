//! The real binary as a child: started with a configuration, told by signals, looked at from outside.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Longer than anything here takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

/// The binary with these arguments, in an environment that says nothing of Gatewit.
pub(crate) fn gatewit(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatewit"));
    command.args(arguments).stdin(Stdio::null());
    let ours = |name: &str| name.starts_with("GATEWIT_") || name == "RUST_LOG";
    for (name, _) in std::env::vars().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
    command
}

/// Runs it to its end: exit code, standard output, standard error.
pub(crate) fn said(arguments: &[&str]) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = gatewit(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// A gateway that has started.
pub(crate) struct Running {
    child: Child,
    folder: tempfile::TempDir,
    log: Arc<Mutex<Vec<String>>>,
    pub(crate) listener: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) flow_proxy: Option<SocketAddr>,
}

/// What every configuration here begins with: free ports, and no pause before it stops.
pub(crate) const HEAD: &str = "listen = [\"127.0.0.1:0\"]\nadmin = \"127.0.0.1:0\"\n";

/// Forwards everything there, and stops at once.
pub(crate) fn forward_to(origin: SocketAddr) -> String {
    format!("{HEAD}[timeouts]\nstop_delay = \"0s\"\n[[route]]\nto = \"{origin}\"\n")
}

impl Running {
    /// Starts `gatewit run` on this configuration.
    pub(crate) fn with(configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("gatewit.toml"), configuration).unwrap();
        Self::start(folder, &["run"], &[])
    }

    /// The same with these environment variables, and `folder` for its files.
    pub(crate) fn within(folder: tempfile::TempDir, configuration: &str, variables: &[(&str, &str)]) -> Self {
        fs::write(folder.path().join("gatewit.toml"), configuration).unwrap();
        Self::start(folder, &["run"], variables)
    }

    /// Starts it with these arguments in a folder that holds its files.
    pub(crate) fn in_folder(folder: tempfile::TempDir, arguments: &[&str]) -> Self {
        Self::start(folder, arguments, &[])
    }

    /// Ends it at once, and gives its folder back.
    pub(crate) fn killed(mut self) -> tempfile::TempDir {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }

    /// Starts it with these arguments.
    pub(crate) fn by(arguments: &[&str]) -> Self {
        Self::start(tempfile::tempdir().unwrap(), arguments, &[])
    }

    fn start(folder: tempfile::TempDir, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut child = gatewit(arguments)
            .current_dir(folder.path())
            // What one test has a plugin run is no other test's business.
            .env_remove("STATE_DIRECTORY")
            .env("XDG_STATE_HOME", folder.path())
            .envs(variables.iter().copied())
            .stdout(fs::File::create(folder.path().join("stdout")).unwrap())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let kept = Arc::clone(&log);
        thread::spawn(move || {
            lines
                .map_while(Result::ok)
                .for_each(|line| kept.lock().unwrap().push(line))
        });
        let start = eventually("the gateway says that it runs", || {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended: {ended:?} {:?}", log.lock().unwrap());
            find(&log, "gatewit runs")
        });
        let address = |key: &str| {
            start[key]
                .as_str()
                .unwrap()
                .trim_matches(['[', ']'])
                .parse()
                .unwrap()
        };
        Self {
            child,
            folder,
            listener: address("listeners"),
            admin: address("admin"),
            flow_proxy: start["flow_proxy"]
                .as_str()
                .map(|address| address.parse().unwrap()),
            log,
        }
    }

    /// Waits for a log line with this message.
    pub(crate) fn logged(&self, message: &str) -> Value {
        eventually(message, || find(&self.log, message))
    }

    /// How often a message was logged so far.
    pub(crate) fn times_logged(&self, message: &str) -> usize {
        let lines = self.log.lock().unwrap();
        let values = lines
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        values.filter(|value| value["message"] == message).count()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes another configuration where the first one was.
    pub(crate) fn rewrite(&self, configuration: &str) {
        // In one step, as editors do: the gateway looks at the file by itself.
        fs::write(self.file("next"), configuration).unwrap();
        fs::rename(self.file("next"), self.file("gatewit.toml")).unwrap();
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end.
    pub(crate) fn exit_code(&mut self) -> i32 {
        eventually("the gateway ends", || self.child.try_wait().unwrap())
            .code()
            .unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn find(log: &Mutex<Vec<String>>, message: &str) -> Option<Value> {
    let lines = log.lock().unwrap();
    let mut values = lines
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    values.find(|value| value["message"] == message)
}

/// Polls until there is something, with a limit.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "in vain: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Lines of a file that may not be there yet.
pub(crate) fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path)
        .unwrap_or_default()
        .lines()
        .map(str::to_owned)
        .collect()
}

/// Sends bytes on a connection of their own and reads to the end of the answer.
pub(crate) fn raw(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A reset after the answer is as good as an end.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

/// Status, head and body.
pub(crate) fn ask(address: SocketAddr, method: &str, path: &str, lines: &[&str]) -> (u16, String, String) {
    let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !lines.iter().any(|line| line.starts_with("Host:")) {
        request.push_str(&format!("Host: {address}\r\n"));
    }
    lines
        .iter()
        .for_each(|line| request.push_str(&format!("{line}\r\n")));
    let answer = raw(address, &format!("{request}\r\n"));
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .unwrap_or(0);
    (status, head.to_ascii_lowercase(), body.to_owned())
}

/// An origin that answers everything with 200 and closes.
pub(crate) fn origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut seen = Vec::new();
                while !seen.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    if stream.read(&mut byte).unwrap_or(0) == 0 {
                        return;
                    }
                    seen.push(byte[0]);
                }
                let _ =
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
            });
        }
    });
    address
}

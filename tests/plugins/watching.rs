//! `gatewit run --watch`: a source is saved, and the gateway runs what came out of it.

use std::fs;
use std::path::Path;

use rustix::process::Signal;

use crate::support::Client;
use crate::support::binary::{HEAD, Running, eventually, lines};
use crate::support::versions::{table, version};

/// A plugin whose source names the component that building it makes.
fn project(folder: &Path) {
    fs::create_dir(folder).unwrap();
    fs::write(folder.join("one.wasm"), version(1)).unwrap();
    fs::write(folder.join("two.wasm"), version(2)).unwrap();
    fs::write(folder.join("three.wasm"), "not WebAssembly").unwrap();
    fs::write(folder.join("plugin.wasm"), version(1)).unwrap();
    fs::write(folder.join("which"), "one.wasm").unwrap();
    // Beside itself, in one step, as a good linker does.
    let script = "cp \"$(cat which)\" build.out && mv build.out plugin.wasm\n";
    fs::write(folder.join("build.sh"), script).unwrap();
}

#[test]
fn what_is_saved_is_built_and_runs() {
    let folder = tempfile::tempdir().unwrap();
    let mine = folder.path().join("mine");
    project(&mine);
    let configuration = format!(
        "{HEAD}{}[[route]]\nto = \"127.0.0.1:1\"\nplugins = [{{ use = \"mine\", request = \"respond:200\" }}]\n\
         [timeouts]\nstop_delay = \"0s\"\n",
        table(&mine.join("plugin.wasm")),
    );
    fs::write(folder.path().join("gatewit.toml"), configuration).unwrap();
    let mut gateway = Running::in_folder(folder, &["run", "--watch"]);
    let told = || {
        let response = Client::connect(gateway.listener).get("/");
        response.field("x-fixture").unwrap_or_default()
    };
    let said = |what: &str| {
        eventually(what, || {
            let said = lines(&gateway.file("stdout"));
            said.into_iter().find(|line| line.contains(what))
        })
    };
    assert_eq!(told(), "00000001");

    fs::write(mine.join("which"), "two.wasm").unwrap();
    let line = said("live");
    assert!(line.starts_with("mine: which changed; built in "), "{line}");
    assert!(line.contains(" later: plugin mine: generation 2 ("), "{line}");
    assert_eq!(told(), "00000002");

    fs::write(mine.join("which"), "nothing.wasm").unwrap();
    let line = said("does not build");
    assert_eq!(line, "mine: which changed; does not build, the old one runs on:");
    said("nothing.wasm");
    said("build.sh failed");
    assert_eq!(told(), "00000002");

    fs::write(mine.join("which"), "three.wasm").unwrap();
    let line = said("refused");
    assert!(line.starts_with("mine: which changed; built in "), "{line}");
    said("it is not WebAssembly");
    assert_eq!(told(), "00000002");

    fs::write(mine.join("which"), "one.wasm").unwrap();
    eventually("the first one is back", || (told() == "00000001").then_some(()));

    // A build that never ends does not keep the gateway, and ends with it.
    fs::write(
        mine.join("build.sh"),
        "echo $$ > pid.part && mv pid.part pid && exec sleep 600\n",
    )
    .unwrap();
    let pid = eventually("the build has begun", || {
        fs::read_to_string(mine.join("pid")).ok()
    });
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.exit_code(), 0);
    let process = Path::new("/proc").join(pid.trim());
    eventually("the build has ended", || (!process.exists()).then_some(()));
}

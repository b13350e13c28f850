//! From what a compiler makes to a plugin: `gatewit plugin bindgen` and `componentize`.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::binary::gatewit;

/// What the modules here are made for.
const WORLD: &str = "package a:b;\nworld by-hand {\n  export gatewit:plugin/lifecycle@0.1.0;\n  \
                     export gatewit:plugin/request-hook@0.1.0;\n}\n";

/// It lets everything pass, as often as it is asked.
const CASES: &str = "[[case]]\nname = \"a\"\n[[case.step]]\ntimes = 100\nexpect = { outcome = \"next\" }\n";

/// A plugin that lets everything pass. Its exports are called by identifiers.
const SILENT: &str = r#"
  (memory (export "memory") 1)
  (data (i32.const 128) "by-hand1.2.3")
  (global $free (mut i32) (i32.const 4096))
  (global $posted (mut i32) (i32.const 1))
  (func (export "cabi_realloc") (param $old i32) (param $was i32) (param $align i32) (param $size i32) (result i32)
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (i32.and (i32.add (local.get $size) (i32.const 7)) (i32.const -8)))))
  (func (export "lifecycle_describe") (result i32)
    (i32.store (i32.const 256) (i32.const 128))
    (i32.store (i32.const 260) (i32.const 7))
    (i32.store (i32.const 264) (i32.const 135))
    (i32.store (i32.const 268) (i32.const 5))
    (i32.store (i32.const 272) (i32.const 0))
    (i32.const 256))
  (func (export "lifecycle_configure") (param i32 i32 i32 i32) (result i32)
    (i32.store (i32.const 256) (i32.const 0))
    (i32.const 256))
  (func (export "cabi_post_request_hook_on_request") (param i32)
    (global.set $posted (i32.const 1)))
  (func $expect (param i32)
    (if (i32.eqz (local.get 0)) (then (unreachable))))
  (func (export "request_hook_on_request") (result i32)
    ;; Once for each call.
    (call $expect (global.get $posted))
    (global.set $posted (i32.const 0))
    (call $work)
    (i32.store (i32.const 256) (i32.const 0))
    (i32.store (i32.const 260) (i32.const 0))
    (i32.const 256))
"#;

fn module(imports: &str, work: &str) -> Vec<u8> {
    wat::parse_str(format!("(module {imports} {SILENT} (func $work {work}))")).unwrap()
}

/// Runs `gatewit plugin …` there: exit code, standard output, standard error.
fn plugin(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = gatewit(&["plugin"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// A folder with a world and a module.
fn folder(module: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("wit")).unwrap();
    fs::write(folder.path().join("wit/world.wit"), WORLD).unwrap();
    fs::write(folder.path().join("core.wasm"), module).unwrap();
    folder
}

#[track_caller]
fn assert_all_well(folder: &Path, cases: &str) {
    fs::write(folder.join("cases.toml"), cases).unwrap();
    let (code, out, err) = plugin(folder, &["test", "plugin.wasm", "cases.toml"]);
    assert_eq!(code, 0, "{out}{err}");
}

/// What a plugin imports of WASI.
fn wasi(folder: &Path) -> Value {
    let (code, out, err) = plugin(folder, &["inspect", "--json", "plugin.wasm"]);
    assert_eq!(code, 0, "{err}");
    serde_json::from_str::<Value>(&out).unwrap()["wasi"].clone()
}

#[test]
fn a_module_becomes_a_plugin_and_its_exports_may_be_identifiers() {
    let folder = folder(&module("", ""));
    let (code, out, err) = plugin(folder.path(), &["componentize", "core.wasm"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("component  plugin.wasm\n"), "{out}");
    assert_eq!(wasi(folder.path()), serde_json::json!([]));
    assert_all_well(folder.path(), CASES);
}

/// A module that carries its world needs no folder; another world can still be asked for.
#[test]
fn a_module_may_carry_its_world() {
    let folder = folder(&module("", ""));
    let (_, _, err) = plugin(folder.path(), &["bindgen", "--lang", "c", "made"]);
    let object = fs::read(folder.path().join("made/by_hand_component_type.o")).expect(&err);
    // What a linker makes of both: the sections of the object that are not its own, behind those of the module.
    let (_, section) = sections(&object)
        .into_iter()
        .find(|(name, _)| name.starts_with("component-type"))
        .unwrap();
    let mut carrying = module("", "");
    carrying.extend(section);
    fs::write(folder.path().join("core.wasm"), carrying).unwrap();
    fs::rename(folder.path().join("wit"), folder.path().join("elsewhere")).unwrap();
    let (code, _, err) = plugin(folder.path(), &["componentize", "core.wasm", "-o", "a.wasm"]);
    assert_eq!(code, 0, "{err}");
    let (code, _, err) = plugin(
        folder.path(),
        &[
            "componentize",
            "core.wasm",
            "--wit",
            "elsewhere",
            "--output",
            "plugin.wasm",
        ],
    );
    assert_eq!(code, 0, "{err}");
    assert_all_well(folder.path(), CASES);
    fs::rename(folder.path().join("a.wasm"), folder.path().join("plugin.wasm")).unwrap();
    assert_all_well(folder.path(), CASES);
}

/// The custom sections of a module, whole, by their names.
fn sections(module: &[u8]) -> Vec<(String, Vec<u8>)> {
    let (mut at, mut found) = (8, Vec::new());
    while at < module.len() {
        let (length, start) = number(module, at + 1);
        if module[at] == 0 {
            let (name_length, name) = number(module, start);
            let name = String::from_utf8(module[name..name + name_length].to_vec()).unwrap();
            found.push((name, module[at..start + length].to_vec()));
        }
        at = start + length;
    }
    found
}

/// LEB128, and where it ends.
fn number(bytes: &[u8], mut at: usize) -> (usize, usize) {
    let (mut value, mut shift) = (0, 0);
    loop {
        value |= usize::from(bytes[at] & 0x7f) << shift;
        at += 1;
        if bytes[at - 1] < 0x80 {
            return (value, at);
        }
        shift += 7;
    }
}

/// What standard libraries ask of WASI 0.1 is there, without any authority; what they write is in the log.
#[test]
fn a_module_for_wasi_preview1_finds_a_clock_randomness_and_the_log() {
    let imports = r#"
      (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
      (import "wasi_snapshot_preview1" "adapter_monotonic_clock_set_paused" (func $pause (param i32)))
      (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $stat (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "sock_shutdown" (func $shutdown (param i32 i32) (result i32)))
    "#;
    let work = r#"
      ;; What the adapter borrows is put back.
      (i64.store (i32.const 0) (i64.const 0x1122334455667788))
      (i64.store (i32.const 8) (i64.const 0x99aabbccddeeff00))
      (i64.store (i32.const 512) (i64.const 0x0a6f7720736f7277)) ;; "wros wo\n"
      (i32.store (i32.const 600) (i32.const 512))
      (i32.store (i32.const 604) (i32.const 8))
      ;; More than the host takes at once.
      (memory.fill (i32.const 16384) (i32.const 0x78) (i32.const 10000))
      (i32.store (i32.const 608) (i32.const 16384))
      (i32.store (i32.const 612) (i32.const 10000))
      (call $expect (i32.eqz (call $fd_write (i32.const 1) (i32.const 600) (i32.const 2) (i32.const 620))))
      (call $expect (i32.eq (i32.load (i32.const 620)) (i32.const 10008)))
      (call $expect (i32.eqz (call $fd_write (i32.const 2) (i32.const 600) (i32.const 1) (i32.const 620))))
      (call $expect (i32.eq (call $fd_write (i32.const 0) (i32.const 600) (i32.const 1) (i32.const 620)) (i32.const 8)))
      (call $expect (i32.eq (call $fd_write (i32.const 3) (i32.const 600) (i32.const 1) (i32.const 620)) (i32.const 8)))
      ;; The time of day, in nanoseconds, is after 2020.
      (call $expect (i32.eqz (call $time (i32.const 0) (i64.const 1) (i32.const 640))))
      (call $expect (i64.gt_u (i64.load (i32.const 640)) (i64.const 1577836800000000000)))
      (call $expect (i32.eqz (call $time (i32.const 1) (i64.const 1) (i32.const 640))))
      (call $expect (i64.gt_u (i64.load (i32.const 640)) (i64.const 0)))
      (call $expect (i32.eq (call $time (i32.const 4) (i64.const 1) (i32.const 640)) (i32.const 28)))
      ;; A paused clock stands still.
      (call $pause (i32.const 1))
      (call $expect (i32.eqz (call $time (i32.const 1) (i64.const 1) (i32.const 648))))
      (call $expect (i64.eq (i64.load (i32.const 640)) (i64.load (i32.const 648))))
      (call $expect (i32.eqz (call $fd_write (i32.const 1) (i32.const 600) (i32.const 1) (i32.const 620))))
      (call $pause (i32.const 0))
      ;; As many bytes as were asked for.
      (i64.store (i32.const 700) (i64.const 0))
      (i64.store (i32.const 708) (i64.const 0))
      (call $expect (i32.eqz (call $random (i32.const 700) (i32.const 11))))
      (call $expect (i64.ne (i64.load (i32.const 700)) (i64.const 0)))
      (call $expect (i32.eqz (i32.load offset=1 (i32.const 710))))
      ;; Nothing of the process, no files, no sockets.
      (call $expect (i32.eqz (call $environ (i32.const 720) (i32.const 724))))
      (call $expect (i64.eqz (i64.load (i32.const 720))))
      (call $expect (i32.eq (call $prestat (i32.const 3) (i32.const 720)) (i32.const 8)))
      (call $expect (i32.eqz (call $stat (i32.const 1) (i32.const 720))))
      (call $expect (i32.eq (i32.load8_u (i32.const 720)) (i32.const 2)))
      (call $expect (i32.eq (call $stat (i32.const 3) (i32.const 720)) (i32.const 8)))
      (call $expect (i32.eq (call $shutdown (i32.const 3) (i32.const 0)) (i32.const 52)))
      ;; Nobody waits.
      (i64.store (i32.const 800) (i64.const 7))
      (i64.store (i32.const 848) (i64.const 9))
      (i32.store8 (i32.const 856) (i32.const 1))
      (call $expect (i32.eqz (call $poll (i32.const 800) (i32.const 900) (i32.const 2) (i32.const 980))))
      (call $expect (i32.eq (i32.load (i32.const 980)) (i32.const 2)))
      (call $expect (i64.eq (i64.load (i32.const 900)) (i64.const 7)))
      (call $expect (i64.eqz (i64.load (i32.const 908))))
      (call $expect (i64.eq (i64.load (i32.const 932)) (i64.const 9)))
      (call $expect (i32.eq (i32.load16_u (i32.const 940)) (i32.const 8)))
      (call $expect (i64.eq (i64.load (i32.const 0)) (i64.const 0x1122334455667788)))
      (call $expect (i64.eq (i64.load (i32.const 8)) (i64.const 0x99aabbccddeeff00)))
    "#;
    let folder = folder(&module(imports, work));
    let (code, _, err) = plugin(folder.path(), &["componentize", "core.wasm"]);
    assert_eq!(code, 0, "{err}");
    let wasi = wasi(folder.path()).to_string();
    for word in [
        "monotonic-clock",
        "wall-clock",
        "random",
        "stdout",
        "stderr",
        "streams",
    ] {
        assert!(wasi.contains(word), "{wasi}");
    }
    assert!(
        !wasi.contains("filesystem") && !wasi.contains("sockets"),
        "{wasi}"
    );
    assert_all_well(
        folder.path(),
        "[[case]]\nname = \"a\"\n[[case.step]]\ntimes = 3\nexpect = { outcome = \"next\", log = [\"wros wo\", \"xxxxx\"] }\n",
    );
    // What is to be had in another version of WASI 0.2 is no stub.
    assert_all_well(
        folder.path(),
        &format!("[plugin]\nstub_ungranted = true\n{CASES}"),
    );
}

/// The functions of the adapter that a module does not import bring nothing with them.
#[test]
fn a_module_imports_of_wasi_only_what_it_uses() {
    let imports = r#"(import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))"#;
    let folder = folder(&module(
        imports,
        "(drop (call $environ (i32.const 720) (i32.const 724)))",
    ));
    let (code, _, err) = plugin(folder.path(), &["componentize", "core.wasm"]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(wasi(folder.path()), serde_json::json!([]));
}

#[test]
fn what_cannot_become_a_component_is_told() {
    let without = SILENT.replace("request_hook_on_request", "on_request");
    let without = wat::parse_str(format!("(module {without} (func $work))")).unwrap();
    let foreign = module("(import \"env\" \"abort\" (func))", "");
    let typed = SILENT.replace("(param i32 i32 i32 i32) (result i32)", "(result i32)");
    let typed = wat::parse_str(format!("(module {typed} (func $work))")).unwrap();
    let damaged = &module("", "")[..90];
    let component = wat::parse_str("(component)").unwrap();
    for (bytes, words) in [
        (
            without.as_slice(),
            [
                "core.wasm does not export what the world `by-hand` asks for",
                "`gatewit:plugin/request-hook@0.1.0#on-request`, or `request_hook_on_request`",
            ],
        ),
        (&foreign, ["does not fit to the world `by-hand`", "env"]),
        (&typed, ["does not fit to the world `by-hand`", "configure"]),
        (damaged, ["core.wasm is damaged", "unexpected end"]),
        (&component, ["core.wasm is a component already", ""]),
        (b"int main() {}", ["core.wasm is not a WebAssembly module", ""]),
        (b"", ["core.wasm is not a WebAssembly module", ""]),
    ] {
        let folder = folder(bytes);
        let (code, out, err) = plugin(folder.path(), &["componentize", "core.wasm"]);
        assert_eq!((code, out.as_str()), (1, ""), "{err}");
        assert!(words.iter().all(|word| err.contains(word)), "{words:?}\n{err}");
        assert!(!folder.path().join("plugin.wasm").exists());
    }
}

#[test]
fn a_world_that_is_not_there_is_told() {
    let folder = folder(&module("", ""));
    for (arguments, word) in [
        (&["--world", "other"][..], "`other` not found"),
        (&["--wit", "nowhere"], "there is no nowhere"),
    ] {
        let arguments = [&["componentize", "core.wasm"], arguments].concat();
        let (code, _, err) = plugin(folder.path(), &arguments);
        assert_eq!(code, 1);
        assert!(err.contains(word), "{err}");
    }
    fs::write(
        folder.path().join("wit/world.wit"),
        "package a:b;\nworld w {\n  imprt x;\n}\n",
    )
    .unwrap();
    let (code, _, err) = plugin(folder.path(), &["bindgen", "--lang", "c", "made"]);
    assert_eq!(code, 1);
    assert!(err.contains("wit/world.wit:3:3"), "{err}");
}

#[test]
fn bindings_for_c_are_a_header_a_source_and_the_type() {
    let folder = folder(b"");
    let (code, out, err) = plugin(folder.path(), &["bindgen", "--lang", "c", "made/c"]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(
        out,
        "made/c/by_hand.c\nmade/c/by_hand.h\nmade/c/by_hand_component_type.o\n"
    );
    let header = fs::read_to_string(folder.path().join("made/c/by_hand.h")).unwrap();
    assert!(
        header.contains("bool exports_gatewit_plugin_request_hook_on_request("),
        "{header}"
    );
}

#[test]
fn bindings_for_go_come_with_what_they_build_on() {
    let folder = folder(b"");
    let bindgen = || plugin(folder.path(), &["bindgen", "--lang", "go", "made"]);
    let (code, out, err) = bindgen();
    assert_eq!(code, 0, "{err}");
    let read = |name: &str| fs::read_to_string(folder.path().join("made").join(name)).unwrap();
    assert!(
        read("go.mod").contains("replace go.bytecodealliance.org/pkg => ./gatewit"),
        "{out}"
    );
    for name in [
        "gatewit/go.mod",
        "gatewit/wit/types/types.go",
        "gatewit/wit/runtime/runtime.go",
    ] {
        assert!(out.contains(name) && read(name).len() > 10, "{name}\n{out}");
    }
    // An empty list has an address, too, which is that of a variable: Go stops at a small number among its pointers.
    let runtime = read("gatewit/wit/runtime/runtime.go");
    assert!(
        runtime.contains("\tif size == 0 {\n\t\treturn unsafe.Pointer(&nothing)\n"),
        "{runtime}"
    );
    // Nothing that the host has written stays pinned after a hook.
    let exports = read("wit_exports.go");
    let functions: Vec<&str> = exports.split("//go:wasmexport gatewit:plugin/").skip(1).collect();
    assert_eq!(functions.len(), 3, "{exports}");
    for function in functions {
        let mut lines = function.lines().skip(2);
        assert_eq!(lines.next(), Some("\tdefer witRuntime.Unpin()"), "{function}");
    }
    // The author's own list of dependencies stays.
    fs::write(folder.path().join("made/go.mod"), "module mine\n").unwrap();
    let (code, out, _) = bindgen();
    assert_eq!((code, read("go.mod").as_str()), (0, "module mine\n"), "{out}");
}

#[test]
fn a_type_that_no_generator_knows_is_told() {
    let folder = folder(b"");
    for kind in ["error-context", "list<u8, 4>"] {
        let world =
            format!("package a:b;\ninterface i {{ f: func() -> {kind}; }}\nworld w {{ export i; }}\n");
        fs::write(folder.path().join("wit/world.wit"), world).unwrap();
        for language in ["c", "go"] {
            let (code, out, err) = plugin(folder.path(), &["bindgen", "--lang", language, "made"]);
            assert_eq!((code, out.as_str()), (1, ""), "{err}");
            assert!(
                err.starts_with("error: the world `w` cannot be said in this language: "),
                "{err}"
            );
        }
    }
}

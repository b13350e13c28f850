//! Plugins that are replaced while requests flow through them.

use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use crate::support::Client;
use crate::support::binary::{HEAD, Running};
use crate::support::versions::{InFile, api, table, version};

/// Swaps, each with requests in between.
const SWAPS: usize = 200;

/// Bytes by which a process may grow from the twentieth swap to the last: buffers of its allocator, nothing that adds up.
/// One generation of the fixture takes more than 2 MB, so that keeping a tenth of them would show.
const GROWTH: usize = 24 << 20;

/// How much memory a process has.
fn resident(process: u32) -> usize {
    let statm = fs::read_to_string(format!("/proc/{process}/statm")).unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

fn put(admin: SocketAddr, component: &[u8]) {
    let (status, answer) = api(admin, "PUT", "/api/v1/plugins/mine", component);
    assert!(status == 200 && answer["result"] == "applied", "{answer}");
}

#[test]
fn two_hundred_swaps_under_load_lose_no_request_and_leave_no_memory() {
    let versions = [version(1), version(2)];
    let file = InFile::new(&versions[0]);
    let (table, state) = (table(&file.path()), file.state());
    let gateway = Running::with(&format!(
        "state = {state:?}\n{HEAD}{table}[[route]]\nto = \"127.0.0.1:1\"\n\
         plugins = [{{ use = \"mine\", request = \"respond:200\", say = \"hello\" }}]\n"
    ));
    let (over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let ask = || {
        let mut client = Client::connect(gateway.listener);
        while !over.load(Ordering::SeqCst) {
            let response = client.get("/");
            let told = response.field("x-fixture").unwrap_or_default();
            assert_eq!(
                (response.status, response.text().as_str()),
                (200, "hello"),
                "{told}"
            );
            assert!(["00000001", "00000002"].contains(&told.as_str()), "{told}");
            answered.fetch_add(1, Ordering::SeqCst);
        }
    };
    let mut settled = 0;
    thread::scope(|scope| {
        let clients = [scope.spawn(ask), scope.spawn(ask)];
        let end = AtTheEnd(&over);
        for swap in 1..=SWAPS {
            let before = answered.load(Ordering::SeqCst);
            put(gateway.admin, &versions[swap % 2]);
            let mut client = Client::connect(gateway.listener);
            let told = client.get("/").field("x-fixture").unwrap();
            assert_eq!(
                told,
                format!("{:08}", swap % 2 + 1),
                "the new one answers as soon as it is said to run"
            );
            crate::support::eventually("traffic goes on", || {
                answered.load(Ordering::SeqCst) > before || clients.iter().any(|client| client.is_finished())
            });
            if swap == SWAPS / 10 {
                settled = resident(gateway.process());
            }
        }
        drop(end);
    });
    let grown = resident(gateway.process()).saturating_sub(settled);
    assert!(
        grown < GROWTH,
        "{} KiB more than after {} swaps",
        grown / 1024,
        SWAPS / 10
    );
    assert!(answered.load(Ordering::SeqCst) >= SWAPS);
}

/// Configuration and component change every time.
#[test]
#[ignore = "takes half a minute: cargo test --test gatewit -- --ignored --nocapture"]
fn a_thousand_reloads_under_load_leave_no_memory() {
    let versions = [version(1), version(2)];
    let file = InFile::new(&versions[0]);
    let (table, state) = (table(&file.path()), file.state());
    let configuration = |turn: usize| {
        let rate = 10 + turn % 3;
        let table = table.replace("10/s", &format!("{rate}/s"));
        format!(
            "state = {state:?}\n{HEAD}{table}[[route]]\nto = \"127.0.0.1:1\"\n\
             plugins = [{{ use = \"mine\", request = \"respond:200\", say = \"{turn}\" }}]\n"
        )
    };
    let gateway = Running::with(&configuration(0));
    let (over, began) = (AtomicBool::new(false), Instant::now());
    let mut sizes = Vec::new();
    thread::scope(|scope| {
        let flow = scope.spawn(|| {
            let (mut client, mut answered) = (Client::connect(gateway.listener), 0);
            while !over.load(Ordering::SeqCst) {
                assert_eq!(client.get("/").status, 200);
                answered += 1;
            }
            answered
        });
        let end = AtTheEnd(&over);
        for turn in 1..=1000 {
            file.write(&versions[turn % 2]);
            gateway.rewrite(&configuration(turn));
            let (status, answer) = api(gateway.admin, "POST", "/api/v1/reload", b"");
            // It may have seen the change by itself.
            assert!(status == 200, "{answer}");
            let response = Client::connect(gateway.listener).get("/");
            let told = (response.text(), response.field("x-fixture").unwrap());
            assert_eq!(told, (turn.to_string(), format!("{:08}", turn % 2 + 1)));
            if turn % 100 == 0 {
                sizes.push(resident(gateway.process()));
            }
        }
        drop(end);
        let answered: usize = flow.join().unwrap();
        let mib: Vec<_> = sizes.iter().map(|size| size >> 20).collect();
        println!(
            "1000 reloads in {:.0?} with {answered} requests; MiB after each hundred: {mib:?}",
            began.elapsed()
        );
    });
    let grown = sizes[9].saturating_sub(sizes[0]);
    assert!(grown < GROWTH, "{} KiB more than after 100 reloads", grown / 1024);
}

/// Tells the others that it is over, also when a test fails.
struct AtTheEnd<'a>(&'a AtomicBool);

impl Drop for AtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

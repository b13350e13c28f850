//! Whose tasks the addresses of Swarm names are (PTR): what is told of it, what is done about it, and that
//! nothing depends on it.

use std::collections::BTreeSet;

use gatewit::upstream::Mixture;
use serde_json::{Value, json};

use super::*;
use crate::support::binary::{HEAD, Running, ask};
use crate::support::dns::reverse;

const ONE: [u8; 4] = [127, 0, 1, 1];
const TWO: [u8; 4] = [127, 0, 1, 2];

fn task(service: &str, slot: u8) -> String {
    format!("{service}.{slot}.{slot:0>25}.net.")
}

/// Service and slot of each endpoint, as far as they are known.
fn owners(upstream: &Upstream) -> Vec<Option<String>> {
    let owner = |task: gatewit::upstream::Task| format!("{}.{}", task.service, task.slot);
    let endpoints = upstream.view().endpoints.into_iter();
    endpoints.map(|endpoint| endpoint.task.map(owner)).collect()
}

fn known(tasks: &[&str]) -> Vec<Option<String>> {
    tasks.iter().map(|task| Some((*task).to_owned())).collect()
}

impl Plan {
    fn owned(self, address: [u8; 4], service: &str, slot: u8) -> Self {
        self.dns.own(address, &task(service, slot));
        self
    }
}

#[tokio::test]
async fn an_endpoint_tells_whose_task_it_is_where_that_is_known() {
    let strange = [127, 0, 1, 3];
    let twice = [127, 0, 1, 4];
    let scene = Plan::new(&["app:80"])
        .await
        .answers("tasks.app", &[ONE, TWO, strange, twice])
        .owned(ONE, "shop_app", 1)
        .says(
            &reverse(strange),
            Say::Owners(vec!["shop-app-1.shop_default.".to_owned()]),
        )
        .says(
            &reverse(twice),
            Say::Owners(vec![task("shop_app", 1), task("blog_app", 1)]),
        )
        .start()
        .await;
    until("the first is known", || owners(scene.only())[0].is_some()).await;
    let task = scene.only().view().endpoints[0].task.clone().unwrap();
    assert_eq!((task.service.as_str(), task.slot.as_str()), ("shop_app", "1"));
    assert_eq!(
        (task.id.as_str(), task.network.as_str()),
        ("0000000000000000000000001", "net")
    );
    until("all were asked for", || scene.dns.times(&reverse(twice)) > 0).await;
    rounds(&scene.dns, "tasks.app", 2).await;
    assert_eq!(owners(scene.only())[1..], [None, None, None]);
    assert_eq!(scene.name("app").mixed, None);
}

#[tokio::test]
async fn a_known_task_is_asked_for_once_and_an_unknown_one_now_and_then() {
    let scene = Plan::new(&["app:80"])
        .await
        .answers("tasks.app", &[ONE, TWO])
        .owned(ONE, "app", 1)
        .start()
        .await;
    let began = Instant::now();
    until("asked for again", || scene.dns.times(&reverse(TWO)) >= 3).await;
    assert!(began.elapsed() >= 30 * REFRESH, "{:?}", began.elapsed());
    scene.dns.own(TWO, &task("app", 2));
    until("known after all", || {
        owners(scene.only()) == known(&["app.1", "app.2"])
    })
    .await;
    assert_eq!(scene.dns.times(&reverse(ONE)), 1);
}

#[tokio::test]
async fn nobody_is_asked_about_other_names_and_addresses() {
    let scene = Plan::new(&["api.example:80", "localhost:80", "127.0.1.2:80", "tasks.app:80"])
        .await
        .answers("api.example", &[[127, 0, 1, 9]])
        .answers("tasks.app", &[ONE])
        .start()
        .await;
    until("a Swarm name", || scene.dns.times(&reverse(ONE)) > 0).await;
    rounds(&scene.dns, "api.example", 10).await;
    let asked = scene.dns.asked().into_iter();
    let others: Vec<_> = asked
        .filter(|asked| asked.kind == RecordType::PTR && asked.name != reverse(ONE))
        .collect();
    assert!(others.is_empty(), "{others:?}");
}

#[tokio::test]
async fn a_server_that_does_not_know_owners_delays_nothing() {
    let many: Vec<_> = (1..=20).map(|n| [127, 0, 1, n]).collect();
    let mut plan = Plan::new(&["app:80"]).await.answers("tasks.app", &many);
    for address in &many {
        plan = plan.says(&reverse(*address), Say::Silence);
    }
    let plan = plan.with_dns(|dns| dns.timeout = Duration::from_secs(60));
    let scene = plan.start().await;
    until("owners are asked for", || {
        scene
            .dns
            .asked()
            .iter()
            .any(|asked| asked.kind == RecordType::PTR)
    })
    .await;
    assert!(pick(scene.only()).is_ok());
    scene.dns.answer("tasks.app", &[[127, 0, 2, 1]]);
    until("the new address", || {
        addresses(scene.only()) == ips(&[[127, 0, 2, 1]])
    })
    .await;
    let asked = scene.dns.asked().into_iter();
    let owners = asked.filter(|asked| asked.kind == RecordType::PTR);
    let owners: BTreeSet<_> = owners.map(|asked| asked.name).collect();
    assert!(owners.len() <= 4, "in flight: {owners:?}");
}

/// Traps 5 and 21: a name that several stacks share means the tasks of all of them.
#[tokio::test]
async fn a_name_of_several_services_or_networks_says_so_and_what_to_write_instead() {
    let scene = Plan::new(&["app:80"])
        .await
        .answers("tasks.app", &[ONE, TWO])
        .owned(ONE, "shop_app", 1)
        .owned(TWO, "blog_app", 1)
        .start()
        .await;
    until("mixed", || scene.name("app").mixed.is_some()).await;
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let expected = Mixture {
        services: owned(&["blog_app", "shop_app"]),
        networks: owned(&["net"]),
        instead: owned(&["blog_app", "shop_app"]),
    };
    assert_eq!(scene.name("app").mixed, Some(expected));
    scene.dns.answer("tasks.app", &[ONE]);
    until("of one service", || scene.name("app").mixed.is_none()).await;
    let third = [127, 0, 1, 3];
    let elsewhere = format!("shop_app.3.{:0>25}.other.", 3);
    scene.dns.own(third, &elsewhere);
    scene.dns.answer("tasks.app", &[ONE, third]);
    until("on two networks", || scene.name("app").mixed.is_some()).await;
    let instead = scene.name("app").mixed.unwrap().instead;
    assert_eq!(instead, ["tasks.shop_app.net", "tasks.shop_app.other"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mixed_name_is_logged_once_and_shown_by_the_admin_api_and_the_metrics() {
    let dns = Dns::start().await;
    dns.answer("tasks.app", &[ONE, TWO]);
    dns.own(ONE, &task("shop_app", 1));
    dns.own(TWO, &task("blog_app", 2));
    let settings = format!(
        "[dns]\nservers = [\"{}\"]\nrefresh = \"20ms\"\nguard = \"off\"\n",
        dns.address()
    );
    let gateway = Running::with(&format!("{HEAD}{settings}[[route]]\nto = \"app:80\"\n"));
    let mixed = "name means several services or networks, write one of those instead";
    let line = gateway.logged(mixed);
    assert_eq!(line["instead"], "[\"blog_app\", \"shop_app\"]", "{line}");
    let (_, _, body) = ask(gateway.admin, "GET", "/api/v1/upstreams", &[]);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        body["dns"][0]["mixed"],
        json!({"services": ["blog_app", "shop_app"], "networks": ["net"], "instead": ["blog_app", "shop_app"]})
    );
    let gauge = |value: &str| {
        let line = format!("gatewit_dns_name_mixed{{name=\"app\"}} {value}");
        ask(gateway.admin, "GET", "/metrics", &[]).2.contains(&line)
    };
    assert!(gauge("1.0"));
    until("the endpoints tell", || {
        let (_, _, body) = ask(gateway.admin, "GET", "/api/v1/upstreams", &[]);
        let body: Value = serde_json::from_str(&body).unwrap();
        let expected =
            json!({"service": "blog_app", "slot": "2", "id": format!("{:0>25}", 2), "network": "net"});
        body["upstreams"][0]["endpoints"][1]["task"] == expected
    })
    .await;
    rounds(&dns, "tasks.app", 10).await;
    assert_eq!(gateway.times_logged(mixed), 1);
    dns.answer("tasks.app", &[ONE]);
    gateway.logged("name means one service on one network again");
    assert!(gauge("0.0"));
    assert_eq!(gateway.times_logged(mixed), 1);
}

/// Trap 12: while DNS says nothing good, an address may be given to another service, which answers on the same port.
#[tokio::test]
async fn a_kept_address_that_another_service_got_is_out_at_once() {
    for failure in [Say::Servfail, Say::Silence, Say::Nxdomain, Say::Nodata] {
        let recycled = Peer::on("127.0.1.1:0".parse().unwrap()).await;
        let _other = Peer::on(SocketAddr::from((TWO, recycled.address.port()))).await;
        let scene = Plan::new(&[&format!("app:{}", recycled.address.port())])
            .await
            .with(|upstream| upstream.hold = Duration::from_secs(60))
            .answers("tasks.app", &[ONE, TWO])
            .owned(ONE, "app", 1)
            .owned(TWO, "app", 2)
            .start()
            .await;
        let all = known(&["app.1", "app.2"]);
        until("both known", || owners(scene.only()) == all).await;
        let held = pick_from(scene.only(), recycled.address);
        scene.dns.say("tasks.app", failure.clone());
        until("kept", || {
            matches!(scene.name("app").state, NameState::Stale | NameState::Held)
        })
        .await;
        scene.dns.own(ONE, &task("blog_web", 1));
        until("out", || addresses(scene.only()) == ips(&[TWO])).await;
        assert!(held.endpoint().is_retired(), "{failure:?}");
        for _ in 0..10 {
            assert_eq!(
                pick(scene.only()).unwrap().endpoint().address().ip(),
                ips(&[TWO])[0]
            );
        }
        scene.dns.answer("tasks.app", &[ONE, TWO]);
        until("back by the word of dns, as what it is", || {
            let endpoints = scene.only().view().endpoints.into_iter();
            let active = endpoints.filter(|one| one.state == State::Active);
            let services: Vec<_> = active.filter_map(|one| Some(one.task?.service.clone())).collect();
            services == ["blog_web", "app"]
        })
        .await;
        assert!(scene.name("app").mixed.is_some());
    }
}

/// Trap 12: nobody's word against an endpoint is no word against it.
#[tokio::test]
async fn a_kept_address_stays_when_its_owner_is_the_same_or_cannot_be_told() {
    let peer = Peer::on("127.0.1.1:0".parse().unwrap()).await;
    let scene = Plan::new(&[&format!("app:{}", peer.address.port())])
        .await
        .answers("tasks.app", &[ONE])
        .owned(ONE, "app", 1)
        .start()
        .await;
    until("known", || owners(scene.only()) == known(&["app.1"])).await;
    scene.dns.say("tasks.app", Say::Servfail);
    until("stale", || scene.name("app").state == NameState::Stale).await;
    for said in [
        Say::Nxdomain,
        Say::Nodata,
        Say::Servfail,
        Say::Garbage,
        Say::Owners(vec!["blog-web-1.blog_default.".to_owned()]),
        Say::Owners(vec![task("app", 1), task("blog_web", 1)]),
        Say::Addresses(vec![ONE.into()]),
        Say::OtherQuestion(vec![ONE.into()]),
    ] {
        scene.dns.say(&reverse(ONE), said.clone());
        rounds(&scene.dns, &reverse(ONE), 2).await;
        assert_eq!(addresses(scene.only()), ips(&[ONE]), "{said:?}");
        assert_eq!(owners(scene.only()), known(&["app.1"]), "{said:?}");
    }
    scene.dns.own(ONE, &task("app", 2));
    until("another task of the same service", || {
        owners(scene.only()) == known(&["app.2"])
    })
    .await;
    assert!(pick(scene.only()).is_ok());
}

#[tokio::test]
async fn a_kept_address_is_not_asked_for_all_the_time() {
    let scene = Plan::new(&["app:80"])
        .await
        .answers("tasks.app", &[ONE])
        .owned(ONE, "app", 1)
        .start()
        .await;
    until("known", || owners(scene.only()) == known(&["app.1"])).await;
    scene.dns.say("tasks.app", Say::Servfail);
    until("stale", || scene.name("app").state == NameState::Stale).await;
    let (began, before) = (Instant::now(), scene.dns.times(&reverse(ONE)));
    rounds(&scene.dns, &reverse(ONE), 10).await;
    let asked = u32::try_from(scene.dns.times(&reverse(ONE)) - before).unwrap();
    let shortest = 3 * REFRESH * (asked - 1);
    assert!(began.elapsed() >= shortest, "{asked} in {:?}", began.elapsed());
}

#[tokio::test]
async fn no_answer_for_some_addresses_keeps_no_other_from_its_turn() {
    let many: Vec<_> = (1..=12).map(|n| [127, 0, 1, n]).collect();
    let mut plan = Plan::new(&["app:80"]).await.answers("tasks.app", &many);
    for address in &many {
        plan = plan.owned(*address, "app", address[3]);
    }
    let scene = plan.start().await;
    until("all known", || owners(scene.only()).iter().all(Option::is_some)).await;
    scene.dns.say("tasks.app", Say::Servfail);
    // Each takes longer than the pause between two questions for one address.
    many.iter()
        .for_each(|address| scene.dns.say(&reverse(*address), Say::Silence));
    until("stale", || scene.name("app").state == NameState::Stale).await;
    let before: Vec<_> = many
        .iter()
        .map(|address| scene.dns.times(&reverse(*address)))
        .collect();
    until("each is asked for again", || {
        let asked = many.iter().zip(&before);
        asked
            .into_iter()
            .all(|(address, before)| scene.dns.times(&reverse(*address)) > before + 1)
    })
    .await;
}

#[tokio::test]
async fn a_task_that_was_replaced_while_dns_failed_is_known_when_dns_is_back() {
    let scene = Plan::new(&["app:80"])
        .await
        .answers("tasks.app", &[ONE])
        .owned(ONE, "app", 1)
        .start()
        .await;
    until("known", || owners(scene.only()) == known(&["app.1"])).await;
    scene.dns.say(&reverse(ONE), Say::Nxdomain);
    scene.dns.say("tasks.app", Say::Servfail);
    until("stale", || scene.name("app").state == NameState::Stale).await;
    scene.dns.answer("tasks.app", &[ONE]);
    until("fresh", || scene.name("app").state == NameState::Fresh).await;
    // That nobody knows at first does not end it.
    rounds(&scene.dns, &reverse(ONE), 1).await;
    scene.dns.own(ONE, &task("app", 2));
    until("the new one", || owners(scene.only()) == known(&["app.2"])).await;
}

#[tokio::test]
async fn the_next_server_is_asked_for_the_owner_when_one_fails() {
    for failure in [Say::Servfail, Say::Refused, Say::Silence] {
        let spare = Dns::start().await;
        spare.own(ONE, &task("app", 1));
        let plan = Plan::new(&["app:80"]).await.answers("tasks.app", &[ONE]);
        let plan = plan.says(&reverse(ONE), failure);
        let scene = plan
            .with_dns(|dns| dns.servers.push(spare.address()))
            .start()
            .await;
        until("known", || owners(scene.only()) == known(&["app.1"])).await;
    }
}

#[tokio::test]
async fn a_changed_configuration_forgets_no_owner() {
    let scene = Plan::new(&["app:80"])
        .await
        .answers("tasks.app", &[ONE])
        .owned(ONE, "app", 1)
        .start()
        .await;
    until("known", || owners(scene.only()) == known(&["app.1"])).await;
    scene.dns.say("tasks.app", Say::Servfail);
    let mut config = scene.config.clone();
    config.dns.backoff *= 2;
    let set = Set::build(&config, Some(&scene.set), &Handle::current());
    let upstream = set.find("app:80").unwrap();
    assert_eq!(owners(upstream), known(&["app.1"]), "at once");
    until("stale", || set.names()[0].state == NameState::Stale).await;
    scene.dns.own(ONE, &task("blog_web", 1));
    until("out", || addresses(upstream).is_empty()).await;
}

fn pick_from(upstream: &Arc<Upstream>, address: SocketAddr) -> Attempt {
    loop {
        let attempt = pick(upstream).unwrap();
        if attempt.endpoint().address() == address {
            return attempt;
        }
    }
}

//! DNS that fails, denies, or is silent, and what requests see of it.

use super::*;

/// Trap 10: a name that is down is asked for less and less, unless requests want it.
#[tokio::test]
async fn a_name_that_is_down_is_asked_for_rarely_until_a_request_wants_it() {
    let scene = Plan::new(&["app:80"])
        .await
        .with_dns(|dns| dns.backoff = Duration::from_secs(60))
        .start()
        .await;
    until("a pause of two seconds", || scene.dns.times("tasks.app") >= 6).await;
    let before = scene.dns.times("tasks.app");
    sleep(Duration::from_millis(200)).await;
    assert!(scene.dns.times("tasks.app") - before <= 1);
    scene.dns.answer("tasks.app", &[[127, 0, 1, 1]]);
    let began = Instant::now();
    until("served", || pick(scene.only()).is_ok()).await;
    assert!(
        began.elapsed() < Duration::from_millis(1500),
        "{:?}",
        began.elapsed()
    );
}

/// Trap 11: names vanish or fail while the tasks are fine, for longer than any hold.
#[tokio::test]
async fn failures_of_dns_keep_the_last_good_endpoints_that_answer() {
    for failure in [
        Say::Servfail,
        Say::Refused,
        Say::Silence,
        Say::Garbage,
        Say::OtherQuestion(vec![[1, 1, 1, 1].into()]),
    ] {
        let peer = Peer::on("127.0.1.1:0".parse().unwrap()).await;
        let target = format!("app:{}", peer.address.port());
        let scene = Plan::new(&[&target])
            .await
            .with(|upstream| upstream.hold = REFRESH)
            .answers("app", &[[127, 0, 9, 9]])
            .answers("tasks.app", &[v4(peer.address), [127, 0, 1, 2]])
            .start()
            .await;
        scene.dns.say("tasks.app", failure.clone());
        until("stale", || scene.name("app").state == NameState::Stale).await;
        rounds(&scene.dns, "tasks.app", 3).await;
        assert_eq!(
            addresses(scene.only()),
            ips(&[[127, 0, 1, 1], [127, 0, 1, 2]]),
            "{failure:?}"
        );
        let out = || scene.only().view().endpoints[1].state == State::Ejected;
        until("the one that does not answer is out", out).await;
        for _ in 0..20 {
            assert_eq!(pick(scene.only()).unwrap().endpoint().address(), peer.address);
        }
        scene.dns.answer("tasks.app", &[[127, 0, 1, 2]]);
        until("only the other", || {
            addresses(scene.only()) == ips(&[[127, 0, 1, 2]])
        })
        .await;
        until("back by the word of dns", || {
            state(scene.only()) == Some(State::Active)
        })
        .await;
        assert_eq!(
            scene.dns.times("app"),
            0,
            "no virtual address in place of tasks that were there"
        );
    }
}

/// Traps 11 and 12: when the tasks are really gone, requests learn it at once.
#[tokio::test]
async fn kept_endpoints_of_which_none_answers_are_no_endpoint() {
    let address = vacant().await;
    let target = format!("app:{}", address.port());
    let scene = Plan::new(&[&target])
        .await
        .answers("tasks.app", &[v4(address)])
        .start()
        .await;
    assert!(pick(scene.only()).is_ok());
    scene.dns.say("tasks.app", Say::Servfail);
    until("no endpoint", || {
        pick(scene.only()).err() == Some(Error::NoEndpoint)
    })
    .await;
    assert_eq!(
        addresses(scene.only()),
        ips(&[[127, 0, 0, 1]]),
        "it is remembered"
    );
    let _peer = Peer::on(address).await;
    until("it answers again", || pick(scene.only()).is_ok()).await;
}

/// Trap 12: after an answer that says there are none, endpoints are kept for `hold`, not for ever.
#[tokio::test]
async fn an_empty_answer_is_believed_after_the_hold() {
    for empty in [Say::Nodata, Say::Nxdomain] {
        let peer = Peer::on("127.0.1.1:0".parse().unwrap()).await;
        let target = format!("app:{}", peer.address.port());
        let scene = Plan::new(&[&target])
            .await
            .answers("tasks.app", &[v4(peer.address)])
            .start()
            .await;
        let began = Instant::now();
        scene.dns.say("tasks.app", empty);
        until("held", || scene.name("app").state == NameState::Held).await;
        assert!(pick(scene.only()).is_ok(), "it still answers");
        scene.dns.say("tasks.app", Say::Servfail);
        until("gone", || addresses(scene.only()).is_empty()).await;
        let held = began.elapsed().as_millis();
        assert!(
            (400..1000).contains(&held),
            "{held} ms, failures in between notwithstanding"
        );
        assert_eq!(pick(scene.only()).unwrap_err(), Error::NoEndpoint);
    }
}

/// Trap 12: and those of them that do not answer are out before that.
#[tokio::test]
async fn held_endpoints_that_do_not_answer_are_out_at_once() {
    let address = vacant().await;
    let target = format!("app:{}", address.port());
    let plan = Plan::new(&[&target])
        .await
        .with(|upstream| upstream.hold = Duration::from_secs(60));
    let scene = plan.answers("tasks.app", &[v4(address)]).start().await;
    scene.dns.say("tasks.app", Say::Nodata);
    until("no endpoint", || pick(scene.only()).is_err()).await;
    assert_eq!(scene.name("app").state, NameState::Held);
    assert_eq!(scene.only().retry_after(), Duration::from_secs(1));
}

/// Trap 33: no storm of questions or waiting requests when there are no tasks, and quick service when there are.
#[tokio::test]
async fn a_service_without_tasks_fails_fast_and_comes_back_fast() {
    let plan = Plan::new(&["app:80"])
        .await
        .with_dns(|dns| dns.refresh = Duration::from_millis(100));
    let scene = plan.start().await;
    let before = scene.dns.times("tasks.app");
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(1500) {
        assert_eq!(pick(scene.only()).unwrap_err(), Error::NoEndpoint);
        tokio::task::yield_now().await;
    }
    let asked = scene.dns.times("tasks.app") - before;
    // Intervals are at least 80 ms; a busy machine makes fewer of them, never more.
    let most = began.elapsed().as_millis() / 80 + 1;
    assert!(
        (1..=most).contains(&(asked as u128)),
        "{asked} questions, {most} at most"
    );
    let before = scene.dns.times("tasks.app");
    scene.dns.answer("tasks.app", &[[127, 0, 1, 1]]);
    until("served", || pick(scene.only()).is_ok()).await;
    let asked = scene.dns.times("tasks.app") - before;
    assert!(
        asked <= 3,
        "served after {asked} questions: the first one is enough"
    );
    assert!(scene.only().view().no_endpoint > 0);
}

#[tokio::test]
async fn the_next_server_is_asked_when_one_fails() {
    for failure in [Say::Servfail, Say::Refused, Say::Silence] {
        let broken = Dns::start().await;
        broken.say("tasks.app", failure);
        let plan = Plan::new(&["app:80"])
            .await
            .answers("tasks.app", &[[127, 0, 1, 1]]);
        let scene = plan
            .with_dns(|dns| dns.servers.insert(0, broken.address()))
            .start()
            .await;
        assert_eq!(addresses(scene.only()), ips(&[[127, 0, 1, 1]]));
        assert_eq!(scene.name("app").server, Some(scene.dns.address()));
        rounds(&scene.dns, "tasks.app", 5).await;
        assert_eq!(
            broken.times("tasks.app"),
            1,
            "the one that works is asked first from now on"
        );
    }
}

#[tokio::test]
async fn a_server_that_denies_is_believed() {
    let spare = Dns::start().await;
    spare.answer("tasks.app", &[[127, 0, 6, 6]]);
    let plan = Plan::new(&["app:80"]).await.says("tasks.app", Say::Nxdomain);
    let scene = plan
        .with_dns(|dns| dns.servers.push(spare.address()))
        .start()
        .await;
    assert_eq!(pick(scene.only()).unwrap_err(), Error::NoEndpoint);
    assert!(spare.asked().is_empty());
}

/// Reliability: the gateway starts without a resolver and finds endpoints as soon as there is one.
#[tokio::test]
async fn a_silent_server_at_the_start_delays_the_first_answers_only_as_long_as_wanted() {
    let plan = Plan::new(&["app:80"])
        .await
        .says("tasks.app", Say::Silence)
        .says("app", Say::Silence);
    let plan = plan.with_dns(|dns| dns.timeout = Duration::from_secs(60));
    let set = Set::build(&plan.config, None, &Handle::current());
    assert!(!set.first_answers(Duration::from_millis(50)).await);
    let upstream = set.find("app:80").unwrap();
    assert_eq!(pick(upstream).unwrap_err(), Error::NoEndpoint);
    assert_eq!(set.names()[0].state, NameState::Pending);
}

/// Trap 9: requests never wait for DNS, and never make it be asked more than once at a time.
#[tokio::test]
async fn picks_do_not_wait_for_a_server_that_is_silent() {
    let scene = Plan::new(&["app:80"])
        .await
        .answers("tasks.app", &[[127, 0, 1, 1]])
        .start()
        .await;
    let _peer = Peer::on(SocketAddr::from(([127, 0, 1, 1], 0))).await;
    scene.dns.say("tasks.app", Say::Silence);
    let before = scene.dns.times("tasks.app");
    let began = Instant::now();
    for _ in 0..10_000 {
        let _ = pick(scene.only());
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(scene.dns.times("tasks.app") <= before + 1);
}

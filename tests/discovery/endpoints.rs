//! The life of an endpoint: appearing, failing, recovering, leaving; and of the sets that hold them.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use super::*;

/// Traps 6, 13 and 14: what pools hold is keyed by endpoint, not by name; an endpoint that left DNS gets nothing
/// new at once, says so to the pools, and may finish what it has.
#[tokio::test]
async fn an_endpoint_that_left_is_retired_at_once_and_drains() {
    let scene = Plan::new(&["app:80"])
        .await
        .answers("tasks.app", &[[127, 0, 1, 1]])
        .start()
        .await;
    let attempt = pick(scene.only()).unwrap();
    let old = Arc::clone(attempt.endpoint());
    scene.dns.answer("tasks.app", &[[127, 0, 1, 2]]);
    until("retired", || old.is_retired()).await;
    assert_eq!(
        pick(scene.only()).unwrap().endpoint().address().ip(),
        ips(&[[127, 0, 1, 2]])[0]
    );
    let draining = |upstream: &Upstream| {
        upstream
            .view()
            .endpoints
            .iter()
            .any(|one| one.state == State::Draining)
    };
    assert!(draining(scene.only()));
    scene.dns.answer("tasks.app", &[[127, 0, 1, 1]]);
    until("back", || addresses(scene.only()) == ips(&[[127, 0, 1, 1]])).await;
    let new = Arc::clone(pick(scene.only()).unwrap().endpoint());
    assert_ne!(new.id(), old.id(), "the same address is another endpoint now");
    assert!(old.is_retired() && !new.is_retired());
    drop(attempt);
    until("drained", || !draining(scene.only())).await;
}

/// Trap 18: a task without health check is in DNS before it listens.
#[tokio::test]
async fn an_endpoint_that_refuses_at_first_serves_soon_after_it_listens() {
    let starting = vacant().await;
    let running = Peer::on(SocketAddr::from(([127, 0, 1, 1], starting.port()))).await;
    let target = format!("app:{}", starting.port());
    let plan = Plan::new(&[&target])
        .await
        .with_dns(|dns| dns.refresh = Duration::from_secs(1));
    let scene = plan
        .answers("tasks.app", &[v4(starting), v4(running.address)])
        .start()
        .await;
    let attempt = scene.only().pick(&Want::default(), &[running.address]).unwrap();
    attempt.failed(Failure::Connect);
    drop(attempt);
    for _ in 0..50 {
        assert_eq!(pick(scene.only()).unwrap().endpoint().address(), running.address);
    }
    let _peer = Peer::on(starting).await;
    let began = Instant::now();
    until("it serves", || {
        scene.only().pick(&Want::default(), &[running.address]).is_ok()
    })
    .await;
    assert!(
        began.elapsed() < Duration::from_millis(3000),
        "{:?}",
        began.elapsed()
    );
}

/// Trap 19: ejecting everything would be an outage of our own making.
#[tokio::test]
async fn when_everything_is_ejected_everything_is_tried() {
    let scene = Plan::new(&["app:80"])
        .await
        .answers("tasks.app", &[[127, 0, 1, 1], [127, 0, 1, 2]])
        .start()
        .await;
    for _ in 0..2 {
        pick(scene.only()).unwrap().failed(Failure::Reset);
    }
    assert!(
        scene
            .only()
            .view()
            .endpoints
            .iter()
            .all(|one| one.state == State::Ejected)
    );
    let attempt = pick(scene.only()).unwrap();
    attempt.heard(StatusCode::OK);
    let address = attempt.endpoint().address();
    let found = scene
        .only()
        .view()
        .endpoints
        .into_iter()
        .find(|one| one.address == address)
        .unwrap();
    assert_eq!(found.state, State::Active, "it answered after all");
}

#[tokio::test]
async fn a_silent_endpoint_is_noticed_and_taken_back_when_it_speaks() {
    let scene = Plan::new(&["app:80"])
        .await
        .answers("tasks.app", &[[127, 0, 1, 1], [127, 0, 1, 2]])
        .start()
        .await;
    let attempt = pick(scene.only()).unwrap();
    let other = pick(scene.only()).unwrap();
    let patience = Duration::from_millis(30);
    assert!(attempt.is_silent_for(patience).unwrap_err() <= patience);
    until("silent", || attempt.is_silent_for(patience).is_ok()).await;
    assert_eq!(
        attempt
            .is_silent_for(Duration::from_secs(60))
            .unwrap_err()
            .as_secs(),
        59
    );
    other.heard(StatusCode::OK);
    attempt.failed(Failure::Silent);
    for _ in 0..20 {
        assert_eq!(pick(scene.only()).unwrap().endpoint().id(), other.endpoint().id());
    }
    attempt.heard(StatusCode::CONTINUE);
    assert!(attempt.is_silent_for(patience).is_err(), "it said something");
    assert!(
        scene
            .only()
            .view()
            .endpoints
            .iter()
            .all(|one| one.state == State::Active)
    );
}

#[tokio::test]
async fn one_request_tries_an_endpoint_whose_ejection_is_over() {
    let plan = Plan::new(&["app:80"])
        .await
        .with(|upstream| upstream.ejection.time = Duration::from_millis(50));
    let scene = plan
        .answers("tasks.app", &[[127, 0, 1, 1], [127, 0, 1, 2], [127, 0, 1, 3]])
        .start()
        .await;
    let attempt = pick(scene.only()).unwrap();
    let ejected = Arc::clone(attempt.endpoint());
    attempt.failed(Failure::Reset);
    drop(attempt);
    let view = || {
        scene
            .only()
            .view()
            .endpoints
            .into_iter()
            .find(|one| one.id == ejected.id())
            .unwrap()
    };
    assert_eq!(view().state, State::Ejected);
    until("probing", || view().state == State::Probing).await;
    let pick_many = || (0..30).map(|_| pick(scene.only()).unwrap()).collect::<Vec<_>>();
    let is_trial = |attempt: &&Attempt| attempt.endpoint().id() == ejected.id();
    let given_up = pick_many();
    assert_eq!(given_up.iter().filter(is_trial).count(), 1);
    assert!(
        !pick_many().iter().any(|attempt| is_trial(&attempt)),
        "one at a time"
    );
    drop(given_up);
    let attempts = pick_many();
    let trials: Vec<_> = attempts.iter().filter(is_trial).collect();
    assert_eq!(trials.len(), 1, "the first one ended without a verdict");
    trials[0].heard(StatusCode::OK);
    assert_eq!(view().state, State::Active);
}

#[tokio::test]
async fn active_probes_take_endpoints_out_and_back() {
    let said = Arc::new(Mutex::new("HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n"));
    let good = Peer::saying(Arc::new(Mutex::new("HTTP/1.1 204 No Content\r\n\r\n"))).await;
    let bad = Peer::saying(Arc::clone(&said)).await;
    let kind = ProbeKind::Http {
        path: "/health".to_owned(),
        host: None,
        status: (200, 399),
    };
    let plan = Plan::new(&["set:1"]).await.with(|upstream| {
        let source = |peer: &Peer| {
            (
                Authority {
                    host: Host::Ip(peer.address.ip()),
                    port: peer.address.port(),
                    tls: false,
                },
                1,
            )
        };
        upstream.sources = vec![source(&good), source(&bad)];
        upstream.probe = Some(Probe {
            interval: Duration::from_millis(20),
            ..Probe::new(kind.clone())
        });
    });
    let scene = plan.start().await;
    let view = |address| {
        scene
            .only()
            .view()
            .endpoints
            .into_iter()
            .find(|one| one.address == address)
            .unwrap()
    };
    until("unhealthy", || view(bad.address).state == State::Ejected).await;
    assert_eq!(
        (view(bad.address).reason, view(good.address).state),
        (Some("probe"), State::Active)
    );
    assert!(view(bad.address).probe_failures >= 2);
    scene
        .only()
        .pick(&Want::default(), &[bad.address])
        .unwrap()
        .failed(Failure::Silent);
    until("cleared by a probe", || view(good.address).state == State::Active).await;
    *said.lock().unwrap() = "HTTP/1.1 302 Found\r\nlocation: /login\r\n\r\n";
    until("healthy again", || view(bad.address).state == State::Active).await;
}

#[tokio::test]
async fn the_budget_bounds_extra_attempts() {
    let scene = Plan::new(&["127.0.0.1:9"]).await.start().await;
    let upstream = scene.only();
    (0..100).for_each(|_| upstream.exchange());
    let allowed = (0..1000).filter(|_| upstream.allow_extra()).count();
    assert_eq!(allowed, 40, "a floor of 20 and a fifth of 100");
    let view = upstream.view();
    assert_eq!((view.extras, view.extras_refused), (40, 960));
}

#[tokio::test]
async fn the_limit_of_requests_in_flight_is_never_exceeded() {
    let plan = Plan::new(&["127.0.0.1:9"])
        .await
        .with(|upstream| upstream.max_in_flight = 1);
    let scene = plan.start().await;
    let (inside, most, done) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        for _ in 0..50_000 {
            let Ok(attempt) = pick(scene.only()) else { continue };
            most.fetch_max(inside.fetch_add(1, SeqCst) + 1, SeqCst);
            done.fetch_add(1, SeqCst);
            inside.fetch_sub(1, SeqCst);
            drop(attempt);
        }
    };
    std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(work))));
    assert_eq!(most.load(SeqCst), 1);
    assert!(done.load(SeqCst) > 0);
    let held = pick(scene.only()).unwrap();
    assert_eq!(pick(scene.only()).unwrap_err(), Error::Overloaded);
    drop(held);
    assert!(pick(scene.only()).is_ok());
}

#[tokio::test]
async fn an_unchanged_upstream_lives_on_and_a_changed_one_knows_what_was_known() {
    let plan = Plan::new(&["app:80", "db:80"]).await;
    let scene = plan
        .answers("tasks.app", &[[127, 0, 1, 1]])
        .answers("tasks.db", &[[127, 0, 1, 2]])
        .start()
        .await;
    pick(scene.set.find("app:80").unwrap())
        .unwrap()
        .failed(Failure::Reset);
    let mut config = scene.config.clone();
    Arc::make_mut(&mut config.upstreams[1]).policy = config::Policy::RoundRobin;
    let next = Set::build(&config, Some(&scene.set), &Handle::current());
    assert!(Arc::ptr_eq(
        next.find("app:80").unwrap(),
        scene.set.find("app:80").unwrap()
    ));
    assert!(!Arc::ptr_eq(
        next.find("db:80").unwrap(),
        scene.set.find("db:80").unwrap()
    ));
    assert!(pick(next.find("db:80").unwrap()).is_ok(), "without waiting");
    let ids = |set: &Set| pick(set.find("db:80").unwrap()).unwrap().endpoint().id();
    assert_ne!(ids(&next), ids(&scene.set));
    config.dns.backoff *= 2;
    let third = Set::build(&config, Some(&next), &Handle::current());
    assert!(
        pick(third.find("app:80").unwrap()).is_ok(),
        "also when [dns] changed"
    );
    drop((scene.set, next));
    rounds(&scene.dns, "tasks.app", 2).await;
}

#[tokio::test]
async fn the_last_set_takes_its_questions_with_it() {
    let scene = Plan::new(&["app:80"])
        .await
        .answers("tasks.app", &[[127, 0, 1, 1]])
        .start()
        .await;
    let second = Set::build(&scene.config, Some(&scene.set), &Handle::current());
    let upstream = Arc::downgrade(scene.only());
    drop(scene.set);
    rounds(&scene.dns, "tasks.app", 2).await;
    second.stop().await;
    let asked = scene.dns.times("tasks.app");
    sleep(5 * REFRESH).await;
    assert_eq!(scene.dns.times("tasks.app"), asked);
    drop(second);
    assert!(upstream.upgrade().is_none());
}

/// The views are what the admin API sends.
#[tokio::test]
async fn views_can_be_written_as_json() {
    let scene = Plan::new(&["app:80"])
        .await
        .answers("tasks.app", &[[127, 0, 1, 1]])
        .start()
        .await;
    let upstream = serde_json::to_value(scene.only().view()).unwrap();
    assert_eq!(upstream["endpoints"][0]["state"], "active");
    let name = serde_json::to_value(scene.name("app")).unwrap();
    assert_eq!(
        (name["state"].as_str(), name["asked"].as_str()),
        (Some("fresh"), Some("tasks.app."))
    );
    assert!(
        timeout(Duration::from_secs(1), scene.set.first_answers(Duration::ZERO))
            .await
            .is_ok()
    );
}

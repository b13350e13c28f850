//! Swarm services: tasks before virtual addresses, and strangers in place of either.

use super::*;

/// Trap 3: a service without tasks is asked for outside, and a stranger answers.
#[tokio::test]
async fn strangers_are_refused_for_swarm_names_and_counted() {
    let scene = Plan::new(&["app:80", "api.example:80"])
        .await
        .with_dns(|dns| dns.guard = Guard::On)
        .answers("tasks.app", &[[203, 0, 113, 7]])
        .answers("app", &[[203, 0, 113, 8]])
        .answers("api.example", &[[203, 0, 113, 9]])
        .start()
        .await;
    assert_eq!(
        pick(scene.set.find("app:80").unwrap()).unwrap_err(),
        Error::NoEndpoint
    );
    let name = scene.name("app");
    assert!(name.guarded >= 2, "of tasks.app and of app: {name:?}");
    assert_eq!(
        (name.result, name.refused),
        (Some(LookupResult::Refused), ips(&[[203, 0, 113, 8]]))
    );
    let public = scene.set.find("api.example:80").unwrap();
    assert_eq!(
        addresses(public),
        ips(&[[203, 0, 113, 9]]),
        "a dotted name may be anywhere"
    );
}

/// Trap 20: there is no number of replicas to configure.
#[tokio::test]
async fn every_task_of_a_scaled_service_gets_its_share() {
    let scene = Plan::new(&["app:80"])
        .await
        .answers("tasks.app", &[[127, 0, 1, 1]])
        .start()
        .await;
    let thirty: Vec<_> = (1..=30).map(|n| [127, 0, 1, n]).collect();
    scene.dns.answer("tasks.app", &thirty);
    until("thirty", || addresses(scene.only()).len() == 30).await;
    for _ in 0..300 {
        pick(scene.only()).unwrap().heard(StatusCode::OK);
    }
    let view = scene.only().view();
    assert!(view.endpoints.iter().all(|one| one.attempts == 10), "{view:?}");
}

/// Traps 7 and 35: behind a virtual address, connections may reach tasks that are being stopped, and never the new ones.
#[tokio::test]
async fn tasks_are_preferred_to_the_virtual_address() {
    let plan = Plan::new(&["app:80"]).await.answers("app", &[[127, 0, 9, 9]]);
    let scene = plan
        .answers("tasks.app", &[[127, 0, 1, 1], [127, 0, 1, 2]])
        .start()
        .await;
    assert_eq!(addresses(scene.only()), ips(&[[127, 0, 1, 1], [127, 0, 1, 2]]));
    rounds(&scene.dns, "tasks.app", 3).await;
    assert_eq!(scene.dns.times("app"), 0);
}

#[tokio::test]
async fn without_tasks_the_name_itself_decides() {
    for unknown in [Say::Nxdomain, Say::Nodata, Say::Servfail, Say::Silence] {
        let plan = Plan::new(&["app:80"]).await.says("tasks.app", unknown.clone());
        let scene = plan.answers("app", &[[127, 0, 1, 9]]).start().await;
        assert_eq!(addresses(scene.only()), ips(&[[127, 0, 1, 9]]), "{unknown:?}");
        scene.dns.answer("tasks.app", &[[127, 0, 1, 1]]);
        until("tasks after all", || {
            addresses(scene.only()) == ips(&[[127, 0, 1, 1]])
        })
        .await;
    }
}

#[tokio::test]
async fn a_virtual_address_does_not_hide_a_scale_to_zero() {
    let plan = Plan::new(&["app:80"]).await.answers("app", &[[127, 0, 9, 9]]);
    let scene = plan
        .answers("tasks.app", &[[127, 0, 1, 1]])
        // Long enough for three more questions on a busy machine.
        .with(|upstream| upstream.hold = Duration::from_secs(2))
        .start()
        .await;
    scene.dns.say("tasks.app", Say::Nxdomain);
    until("held", || scene.name("app").state == NameState::Held).await;
    rounds(&scene.dns, "tasks.app", 3).await;
    assert_eq!(scene.dns.times("app"), 0);
    until("asked for after the hold", || scene.dns.times("app") > 0).await;
}

#[tokio::test]
async fn which_names_are_tasks_is_configurable() {
    for (mode, target, asked, not_asked) in [
        (Tasks::Auto, "app.example:80", "app.example", "tasks.app.example"),
        (
            Tasks::Always,
            "app.example:80",
            "tasks.app.example",
            "app.example",
        ),
        (Tasks::Never, "app:80", "app", "tasks.app"),
        (Tasks::Always, "tasks.app:80", "tasks.app", "tasks.tasks.app"),
    ] {
        let plan = Plan::new(&[target]).await.with_dns(|dns| dns.tasks = mode);
        let scene = plan.answers(asked, &[[127, 0, 1, 1]]).start().await;
        assert_eq!(addresses(scene.only()), ips(&[[127, 0, 1, 1]]), "{target}");
        assert_eq!(scene.dns.times(not_asked), 0, "{not_asked}");
    }
}

//! Endpoints found by DNS, against a scripted server: everything that Docker's resolver, other
//! resolvers and broken ones may say, and what becomes of the endpoints then. "Trap" refers to the list of
//! mistakes that gateways in Swarm were seen to make.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatewit::config::{self, Authority, Config, Guard, Host, Probe, ProbeKind, Tasks};
use gatewit::upstream::{
    Attempt, Error, Failure, LookupResult, NameState, NameView, Set, State, Upstream, Want,
};
use hickory_proto::rr::RecordType;
use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::support::dns::{Dns, Say};

mod endpoints;
mod outages;
mod owners;
mod tasks;

const REFRESH: Duration = Duration::from_millis(20);

/// A configuration under construction, whose names a scripted server answers.
struct Plan {
    dns: Dns,
    config: Config,
}

/// What was built from a plan.
struct Scene {
    dns: Dns,
    config: Config,
    set: Set,
}

impl Plan {
    /// One upstream per `NAME:PORT`, with holds and time-outs that fit a test.
    async fn new(targets: &[&str]) -> Self {
        let dns = Dns::start().await;
        let mut config = config::for_proxy("unused:1", "127.0.0.1:1").unwrap();
        config.dns = config::Dns {
            servers: vec![dns.address()],
            refresh: REFRESH,
            timeout: Duration::from_millis(200),
            backoff: Duration::from_millis(100),
            tasks: Tasks::Auto,
            guard: Guard::Off,
        };
        config.upstreams = targets.iter().map(|target| Arc::new(upstream(target))).collect();
        Self { dns, config }
    }

    fn with_dns(mut self, change: impl FnOnce(&mut config::Dns)) -> Self {
        change(&mut self.config.dns);
        self
    }

    fn with(mut self, change: impl Fn(&mut config::Upstream)) -> Self {
        self.config
            .upstreams
            .iter_mut()
            .for_each(|upstream| change(Arc::make_mut(upstream)));
        self
    }

    fn says(self, name: &str, say: Say) -> Self {
        self.dns.say(name, say);
        self
    }

    fn answers(self, name: &str, addresses: &[[u8; 4]]) -> Self {
        self.dns.answer(name, addresses);
        self
    }

    /// Builds the set and waits for its first answers.
    async fn start(self) -> Scene {
        let set = Set::build(&self.config, None, &Handle::current());
        assert!(
            set.first_answers(Duration::from_secs(5)).await,
            "no first answers"
        );
        Scene {
            dns: self.dns,
            config: self.config,
            set,
        }
    }
}

fn upstream(target: &str) -> config::Upstream {
    let (host, port) = target.rsplit_once(':').unwrap();
    let host = host.trim_matches(['[', ']']);
    let host = host
        .parse()
        .map_or_else(|_| Host::Name(host.to_owned()), Host::Ip);
    let source = Authority {
        host,
        port: port.parse().unwrap(),
        tls: false,
    };
    config::Upstream {
        hold: Duration::from_millis(400),
        ..config::Upstream::new(target, source)
    }
}

impl Scene {
    /// The only upstream.
    fn only(&self) -> &Arc<Upstream> {
        assert_eq!(self.config.upstreams.len(), 1);
        self.set.find(&self.config.upstreams[0].name).unwrap()
    }

    fn name(&self, name: &str) -> NameView {
        self.set
            .names()
            .into_iter()
            .find(|view| view.name == name)
            .unwrap()
    }
}

fn pick(upstream: &Arc<Upstream>) -> Result<Attempt, Error> {
    upstream.pick(&Want::default(), &[])
}

fn addresses(upstream: &Upstream) -> Vec<IpAddr> {
    let endpoints = upstream.view().endpoints;
    endpoints
        .iter()
        .filter(|one| one.state != State::Draining)
        .map(|one| one.address.ip())
        .collect()
}

fn ips(addresses: &[[u8; 4]]) -> Vec<IpAddr> {
    addresses
        .iter()
        .map(|address| Ipv4Addr::from(*address).into())
        .collect()
}

fn state(upstream: &Upstream) -> Option<State> {
    upstream.view().endpoints.first().map(|endpoint| endpoint.state)
}

/// Polls until it is so; fails after five seconds.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(5), "never: {what}");
        sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until the name was asked for `more` times again, so that all has been seen that was said before.
async fn rounds(dns: &Dns, name: &str, more: usize) {
    let before = dns.times(name);
    until("more questions", || dns.times(name) >= before + more).await;
}

/// Something that accepts connections and says nothing; ends when dropped.
struct Peer {
    address: SocketAddr,
    _serving: JoinSet<()>,
}

impl Peer {
    async fn on(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            loop {
                listener.accept().await.unwrap();
            }
        });
        Self {
            address,
            _serving: serving,
        }
    }

    /// Answers every connection with what this says at the time, after having read something.
    async fn saying(response: Arc<Mutex<&'static str>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 1024]).await;
                let response = *response.lock().unwrap();
                let _ = stream.write_all(response.as_bytes()).await;
            }
        });
        Self {
            address,
            _serving: serving,
        }
    }
}

/// A loopback address on which nobody listens.
async fn vacant() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
}

fn v4(address: SocketAddr) -> [u8; 4] {
    let IpAddr::V4(ip) = address.ip() else {
        panic!("not IPv4: {address}")
    };
    ip.octets()
}

/// Trap 1: Docker says TTL 600 for addresses that are gone a second later.
#[tokio::test]
async fn a_changed_answer_counts_at_the_next_question_whatever_the_ttl() {
    let scene = Plan::new(&["app:80"])
        .await
        .answers("tasks.app", &[[127, 0, 1, 1]])
        .start()
        .await;
    for (ttl, last) in [(600, 2), (0, 3), (1 << 31, 4)] {
        scene.dns.ttl(ttl);
        scene.dns.answer("tasks.app", &[[127, 0, 1, last]]);
        rounds(&scene.dns, "tasks.app", 2).await;
        until("the new address", || {
            addresses(scene.only()) == ips(&[[127, 0, 1, last]])
        })
        .await;
    }
}

/// Traps 2 and 17: an answer that was cut is a random part, so it is asked for over TCP and nothing ever
/// seems to come and go; each address is an endpoint of its own with a connect time-out of its own.
#[tokio::test]
async fn five_hundred_tasks_are_all_known_and_none_of_them_flaps() {
    let many: Vec<_> = (0..500_u16)
        .map(|n| [127, 1, n.to_be_bytes()[0], n.to_be_bytes()[1]])
        .collect();
    let scene = Plan::new(&["app:80"])
        .await
        .answers("tasks.app", &many)
        .start()
        .await;
    rounds(&scene.dns, "tasks.app", 20).await;
    assert_eq!(addresses(scene.only()), ips(&many));
    let name = scene.name("app");
    assert_eq!((name.added, name.removed), (500, 0));
    assert!(name.truncated >= 5, "{name:?}");
    assert!(
        scene
            .dns
            .asked()
            .iter()
            .filter(|asked| asked.kind != RecordType::PTR)
            .all(|asked| asked.payload == Some(4096) && asked.kind == RecordType::A)
    );
}

/// Trap 2: up to 254 tasks fit into one datagram.
#[tokio::test]
async fn two_hundred_tasks_need_no_tcp() {
    let many: Vec<_> = (1..=200).map(|n| [127, 1, 0, n]).collect();
    let scene = Plan::new(&["app:80"])
        .await
        .answers("tasks.app", &many)
        .start()
        .await;
    assert_eq!(addresses(scene.only()).len(), 200);
    assert_eq!(scene.name("app").truncated, 0);
    assert!(scene.dns.asked().iter().all(|asked| !asked.tcp));
}

/// Trap 2: a part of the endpoints is not taken for all of them.
#[tokio::test]
async fn a_cut_answer_without_tcp_changes_nothing() {
    let scene = Plan::new(&["app:80"])
        .await
        .answers("tasks.app", &[[127, 0, 1, 1]])
        .start()
        .await;
    scene.dns.refuse_tcp();
    let many: Vec<_> = (0..500_u16)
        .map(|n| [127, 1, n.to_be_bytes()[0], n.to_be_bytes()[1]])
        .collect();
    scene.dns.answer("tasks.app", &many);
    until("stale", || scene.name("app").state == NameState::Stale).await;
    assert_eq!(addresses(scene.only()), ips(&[[127, 0, 1, 1]]));
}

/// Trap 3: only what was asked for is believed.
#[tokio::test]
async fn records_of_other_names_and_impossible_addresses_are_passed_over() {
    let scene = Plan::new(&["app:80", "db:80"])
        .await
        .says(
            "tasks.app",
            Say::WithStranger(vec![[127, 0, 1, 1].into()], vec![[127, 0, 9, 9].into()]),
        )
        .answers(
            "tasks.db",
            &[
                [0, 0, 0, 0],
                [224, 0, 0, 1],
                [255, 255, 255, 255],
                [127, 0, 1, 2],
                [127, 0, 1, 2],
            ],
        )
        .start()
        .await;
    assert_eq!(
        addresses(scene.set.find("app:80").unwrap()),
        ips(&[[127, 0, 1, 1]])
    );
    assert_eq!(
        addresses(scene.set.find("db:80").unwrap()),
        ips(&[[127, 0, 1, 2]])
    );
    assert!(scene.name("db").bogus >= 3);
}

/// Trap 4: every stack-qualified service has an underscore.
#[tokio::test]
async fn names_may_have_underscores_anywhere() {
    let plan = Plan::new(&["shop_check_out:80", "_odd_.local_net:80"]).await;
    let plan = plan
        .answers("tasks.shop_check_out", &[[127, 0, 1, 1]])
        .answers("_odd_.local_net", &[[127, 0, 1, 2]]);
    let scene = plan.start().await;
    assert_eq!(
        addresses(scene.set.find("shop_check_out:80").unwrap()),
        ips(&[[127, 0, 1, 1]])
    );
    assert_eq!(
        addresses(scene.set.find("_odd_.local_net:80").unwrap()),
        ips(&[[127, 0, 1, 2]])
    );
}

/// Trap 9 again: a name is asked for once, whoever uses it, and one question at a time.
#[tokio::test]
async fn upstreams_that_share_a_name_share_its_questions() {
    let scene = Plan::new(&["app:80", "app:81", "app:82"])
        .await
        .says("tasks.app", Say::Silence);
    let scene = scene
        .with_dns(|dns| dns.timeout = Duration::from_millis(50))
        .start()
        .await;
    assert_eq!(scene.set.names().len(), 1);
    let before = scene.dns.times("tasks.app");
    sleep(Duration::from_millis(500)).await;
    let asked = scene.dns.times("tasks.app") - before;
    // Each takes its 50 ms and the pause of at least 16 ms after it.
    assert!((1..=8).contains(&asked), "{asked} questions in 500 ms");
}

#[tokio::test]
async fn forged_answers_are_passed_over_and_the_true_one_counts() {
    let forged = Say::Forged(vec![[127, 0, 6, 6].into()], vec![[127, 0, 1, 1].into()]);
    let scene = Plan::new(&["app:80"])
        .await
        .says("tasks.app", forged)
        .start()
        .await;
    assert_eq!(addresses(scene.only()), ips(&[[127, 0, 1, 1]]));
}

#[tokio::test]
async fn aliases_are_followed() {
    let alias = Say::Alias("real.example".to_owned(), vec![[127, 0, 1, 1].into()]);
    let scene = Plan::new(&["app.example:80"])
        .await
        .says("app.example", alias)
        .start()
        .await;
    assert_eq!(addresses(scene.only()), ips(&[[127, 0, 1, 1]]));
}

#[tokio::test]
async fn addresses_and_localhost_need_no_server() {
    let plan = Plan::new(&["127.0.3.1:80", "[::1]:80", "localhost:80"]).await;
    let set = Set::build(&plan.config, None, &Handle::current());
    for (target, expected) in [("127.0.3.1:80", "127.0.3.1:80"), ("[::1]:80", "[::1]:80")] {
        let attempt = pick(set.find(target).unwrap()).unwrap();
        assert_eq!(attempt.endpoint().address(), expected.parse().unwrap(), "at once");
    }
    assert!(set.first_answers(Duration::from_secs(5)).await);
    assert_eq!(
        addresses(set.find("localhost:80").unwrap()),
        ips(&[[127, 0, 0, 1]])
    );
    assert!(plan.dns.asked().is_empty());
}

#[tokio::test]
async fn several_sources_make_one_set() {
    let plan = Plan::new(&["app:80"]).await.with(|upstream| {
        let source = |host, port| Authority {
            host,
            port,
            tls: false,
        };
        upstream.sources = vec![
            (source(Host::Name("app".to_owned()), 80), 3),
            (source(Host::Name("app".to_owned()), 81), 1),
            (source(Host::Ip([127, 0, 2, 2].into()), 80), 1),
        ];
    });
    let scene = plan.answers("tasks.app", &[[127, 0, 1, 1]]).start().await;
    for _ in 0..500 {
        pick(scene.only()).unwrap();
    }
    let view = scene.only().view();
    let shares: Vec<_> = view
        .endpoints
        .iter()
        .map(|one| (one.weight, one.attempts / 10))
        .collect();
    assert_eq!(
        shares.iter().map(|(weight, _)| *weight).collect::<Vec<_>>(),
        [3, 1, 1]
    );
    assert!(
        shares
            .iter()
            .all(|(weight, tens)| tens.abs_diff(u64::from(*weight) * 10) <= 1),
        "{shares:?}"
    );
}

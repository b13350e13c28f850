//! What a Swarm would be to the gateway: services with their tasks, and a DNS server that names them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::task::JoinSet;

use super::{Error, dns, hello};

/// What the built-in configuration forwards to, and the last numbers of its tasks' addresses; far from what others use.
const APP: (&str, &[u8]) = ("app", &[111, 112, 113]);

/// Its next version, for plugins to choose.
const NEXT: (&str, &[u8]) = ("app-next", &[114]);

/// The built-in configuration's port.
const PORT: u16 = 12345;

/// Another demo may have the first addresses: so many times others are tried.
const BLOCKS: u8 = 10;

/// Running services and their DNS server; they end when it is dropped.
#[derive(Debug)]
pub(super) struct Swarm {
    /// Name and address of each task of `app`.
    pub(super) app: Vec<(String, SocketAddr)>,
    /// The same for `app-next`, which may not be there.
    pub(super) next: Vec<(String, SocketAddr)>,
    /// The DNS server.
    pub(super) dns: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Swarm {
    /// `app`, and `app-next` when it is wanted.
    pub(super) async fn start(with_next: bool) -> Result<Self, Error> {
        let mut tasks = JoinSet::new();
        let mut known = Vec::new();
        let mut shown = [Vec::new(), Vec::new()];
        let wanted = if with_next { &[APP, NEXT][..] } else { &[APP] };
        for (bound, (shown, (name, _))) in bind(wanted).await?.into_iter().zip(shown.iter_mut().zip(wanted)) {
            let mut addresses = Vec::new();
            for (service, address) in bound {
                shown.push((service.name().to_owned(), service.address()));
                addresses.push(address);
                tasks.spawn(service.serve());
            }
            known.push(((*name).to_owned(), addresses));
        }
        let server = dns::Server::bind(known).await.map_err(Error::Dns)?;
        let dns = server.address().map_err(Error::Dns)?;
        tasks.spawn(server.serve());
        let [app, next] = shown;
        Ok(Self {
            app,
            next,
            dns,
            _tasks: tasks,
        })
    }
}

/// The tasks of one service, bound.
type Bound = Vec<(hello::Service, Ipv4Addr)>;

/// All in one block of addresses, or none.
async fn bind(wanted: &[(&str, &[u8])]) -> Result<Vec<Bound>, Error> {
    let mut block = 0;
    loop {
        match bind_block(wanted, block).await {
            Err(Error::Service(_, error))
                if error.kind() == io::ErrorKind::AddrInUse && block + 1 < BLOCKS =>
            {
                block += 1;
            }
            done => return done,
        }
    }
}

async fn bind_block(wanted: &[(&str, &[u8])], block: u8) -> Result<Vec<Bound>, Error> {
    let mut all = Vec::new();
    for (name, hosts) in wanted {
        let mut bound = Vec::new();
        for (index, host) in hosts.iter().enumerate() {
            let ip = Ipv4Addr::new(127, 0, block, *host);
            let address = SocketAddr::from((ip, PORT));
            let service = hello::Service::bind(format!("{name}.{}", index + 1), address).await;
            bound.push((service.map_err(|error| Error::Service(address, error))?, ip));
        }
        all.push(bound);
    }
    Ok(all)
}

//! What a Swarm would be to the gateway: three tasks of a service, and a DNS server that names them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::task::JoinSet;

use super::{Error, dns, hello};

/// What the services are called, and what the built-in configuration forwards to.
const NAME: &str = "app";

/// The built-in configuration's port.
const PORT: u16 = 12345;

/// The last number of each address; far from what others use.
const HOSTS: [u8; 3] = [111, 112, 113];

/// Another demo may have the first addresses: so many times others are tried.
const BLOCKS: u8 = 10;

/// Running services and their DNS server; they end when it is dropped.
#[derive(Debug)]
pub(super) struct Swarm {
    /// Name and address of each service.
    pub(super) services: Vec<(String, SocketAddr)>,
    /// The DNS server.
    pub(super) dns: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Swarm {
    pub(super) async fn start() -> Result<Self, Error> {
        let mut tasks = JoinSet::new();
        let mut services = Vec::new();
        for service in bind().await? {
            services.push((service.name().to_owned(), service.address()));
            tasks.spawn(service.serve());
        }
        let addresses = services.iter().filter_map(|(_, address)| match address {
            SocketAddr::V4(address) => Some(*address.ip()),
            SocketAddr::V6(_) => None,
        });
        let server = dns::Server::bind(NAME, addresses.collect())
            .await
            .map_err(Error::Dns)?;
        let dns = server.address().map_err(Error::Dns)?;
        tasks.spawn(server.serve());
        Ok(Self {
            services,
            dns,
            _tasks: tasks,
        })
    }
}

/// All in one block of addresses, or none.
async fn bind() -> Result<Vec<hello::Service>, Error> {
    let mut block = 0;
    loop {
        match bind_block(block).await {
            Err(Error::Service(_, error))
                if error.kind() == io::ErrorKind::AddrInUse && block + 1 < BLOCKS =>
            {
                block += 1;
            }
            done => return done,
        }
    }
}

async fn bind_block(block: u8) -> Result<Vec<hello::Service>, Error> {
    let mut services = Vec::new();
    for (index, host) in HOSTS.into_iter().enumerate() {
        let address = SocketAddr::from((Ipv4Addr::new(127, 0, block, host), PORT));
        let service = hello::Service::bind(format!("{NAME}.{}", index + 1), address).await;
        services.push(service.map_err(|error| Error::Service(address, error))?);
    }
    Ok(services)
}

//! Asking DNS one question: which server, over which transport, and what of the answer is believed.
//!
//! Nothing is cached and no TTL is looked at: Docker's resolver says 600 s whatever happens. When to
//! ask and what to make of answers over time is decided in `name`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hickory_net::runtime::TokioRuntimeProvider;
use hickory_net::tcp::TcpClientStream;
use hickory_net::udp::UdpClientStream;
use hickory_net::xfer::{DnsRequestSender, FirstAnswer};
use hickory_net::{DnsHandle, NetError};
use hickory_proto::op::{DnsRequest, DnsRequestOptions, Message, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, RecordType};
use tokio::time::{Instant, timeout};

use super::guard::Guard;
use super::hosts::{Hosts, Watched, parse_hosts, parse_servers};
use super::view::LookupResult;
use crate::config;

/// What we take over UDP: 254 tasks fit. More come over TCP.
const UDP_PAYLOAD: u16 = 4096;

/// More addresses than this in one answer are cut off.
const MOST_ADDRESSES: usize = 4096;

/// Longest chain of aliases that is followed within an answer.
const MOST_ALIASES: usize = 16;

/// A server that answered is asked first for this long; then those before it get another chance.
const PREFERENCE: Duration = Duration::from_secs(30);

/// Knows the servers and the local names.
#[derive(Debug)]
pub(super) struct Resolver {
    /// Empty: those of the file.
    servers: Vec<SocketAddr>,
    file: Watched<Vec<SocketAddr>>,
    hosts: Watched<Hosts>,
    guard: Guard,
    timeout: Duration,
    preferred: Mutex<Option<(SocketAddr, Instant)>>,
}

/// One question and what came of it.
#[derive(Clone, Debug)]
pub(super) struct Lookup {
    /// The name that was asked, absolute.
    pub(super) question: String,
    pub(super) result: LookupResult,
    /// Sorted, without duplicates; empty unless found.
    pub(super) addresses: Vec<IpAddr>,
    /// Who answered.
    pub(super) server: Option<SocketAddr>,
    /// TCP had to be used.
    pub(super) truncated: bool,
    pub(super) guarded: Vec<IpAddr>,
    pub(super) bogus: Vec<IpAddr>,
    pub(super) took: Duration,
}

/// Whether the guard looks at the answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Trust {
    /// A Swarm service's name.
    Guarded,
    /// Any other name.
    Plain,
}

impl Resolver {
    pub(super) fn new(dns: &config::Dns) -> Self {
        Self {
            servers: dns.servers.clone(),
            file: Watched::new("/etc/resolv.conf", parse_servers),
            hosts: Watched::new("/etc/hosts", parse_hosts),
            guard: Guard::new(dns.guard),
            timeout: dns.timeout,
            preferred: Mutex::new(None),
        }
    }

    /// The addresses that this machine itself gives a name.
    pub(super) fn local(&self, host: &str) -> Option<Lookup> {
        let addresses = if host == "localhost" {
            vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]
        } else {
            self.hosts.current().get(host).cloned()?
        };
        Some(Lookup {
            addresses,
            ..Lookup::empty(host, LookupResult::Local)
        })
    }

    /// Asks one server after the other until one answers, whatever the answer is.
    pub(super) async fn ask(&self, host: &str, trust: Trust) -> Lookup {
        let began = Instant::now();
        let question = format!("{host}.");
        let mut lookup = Lookup::empty(&question, LookupResult::Malformed);
        // `from_ascii` takes underscores anywhere in a label, as Swarm's stack names have them.
        if let Ok(name) = Name::from_ascii(&question) {
            for server in self.in_order() {
                match self.ask_server(server, &name).await {
                    Ok((message, truncated)) => {
                        lookup.truncated |= truncated;
                        lookup.server = Some(server);
                        self.judge(&message, &name, trust, &mut lookup);
                    }
                    Err(result) => lookup.result = result,
                }
                if !lookup.result.is_failure() {
                    self.prefer(server);
                    break;
                }
            }
        }
        lookup.took = began.elapsed();
        lookup
    }

    /// The name of an address (RFC 1035 section 3.5), when there is exactly one. Which of no name, several and no answer
    /// it was makes no difference to anybody. Names of tasks fit into one datagram.
    pub(super) async fn owner(&self, address: IpAddr) -> Option<String> {
        let name = Name::from(address);
        for server in self.in_order() {
            let answer = self.over_udp(server, request(&name, RecordType::PTR)).await;
            let Ok(message) = answer else { continue };
            match message.metadata.response_code {
                ResponseCode::NoError => return owner(&message, &name),
                ResponseCode::NXDomain => return None,
                _ => {}
            }
        }
        None
    }

    /// The servers, the one that answered lately first.
    fn in_order(&self) -> Vec<SocketAddr> {
        let mut servers = if self.servers.is_empty() {
            self.file.current().to_vec()
        } else {
            self.servers.clone()
        };
        let preferred = *self.preferred.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((server, until)) = preferred
            && until > Instant::now()
            && let Some(place) = servers.iter().position(|other| *other == server)
        {
            servers[..=place].rotate_right(1);
        }
        servers
    }

    fn prefer(&self, server: SocketAddr) {
        let mut preferred = self.preferred.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if !preferred.is_some_and(|(known, until)| known == server && until > now) {
            *preferred = Some((server, now + PREFERENCE));
        }
    }

    /// UDP, then TCP when the answer did not fit: a cut answer is another random part of the endpoints each time.
    /// Says whether that was needed.
    async fn ask_server(&self, server: SocketAddr, name: &Name) -> Result<(Message, bool), LookupResult> {
        let request = request(name, RecordType::A);
        let message = self.over_udp(server, request.clone()).await?;
        if !message.metadata.truncation {
            return Ok((message, false));
        }
        let answer = timeout(self.timeout, over_tcp(server, request, self.timeout)).await;
        Ok((
            answer
                .unwrap_or(Err(NetError::Timeout))
                .map_err(|error| blame(&error))?,
            true,
        ))
    }

    /// A random id and a random port for every question; answers from elsewhere, with another id or to another
    /// question are passed over.
    async fn over_udp(&self, server: SocketAddr, request: DnsRequest) -> Result<Message, LookupResult> {
        let mut stream = UdpClientStream::builder(server, TokioRuntimeProvider::new())
            .with_timeout(Some(self.timeout))
            // The refresh is the repetition.
            .with_max_retries(1)
            .build();
        let answer = stream.send_message(request).first_answer().await;
        answer
            .map(|response| response.into_message())
            .map_err(|error| blame(&error))
    }

    fn judge(&self, message: &Message, name: &Name, trust: Trust, lookup: &mut Lookup) {
        lookup.result = match message.metadata.response_code {
            ResponseCode::NoError => LookupResult::Found,
            ResponseCode::NXDomain => LookupResult::Nxdomain,
            _ => LookupResult::Servfail,
        };
        if !is_about(message, name, RecordType::A) {
            lookup.result = LookupResult::Malformed;
        }
        if lookup.result != LookupResult::Found {
            return;
        }
        for address in addresses(message, name) {
            if is_bogus(address) {
                lookup.bogus.push(address.into());
            } else if trust == Trust::Guarded && !self.guard.allows(address.into()) {
                lookup.guarded.push(address.into());
            } else {
                lookup.addresses.push(address.into());
            }
        }
        if lookup.addresses.is_empty() {
            let refused = !lookup.bogus.is_empty() || !lookup.guarded.is_empty();
            lookup.result = if refused {
                LookupResult::Refused
            } else {
                LookupResult::Nodata
            };
        }
    }
}

impl Lookup {
    fn empty(question: &str, result: LookupResult) -> Self {
        Self {
            question: question.to_owned(),
            result,
            addresses: Vec::new(),
            server: None,
            truncated: false,
            guarded: Vec::new(),
            bogus: Vec::new(),
            took: Duration::ZERO,
        }
    }
}

impl LookupResult {
    /// No answer to rely on: what was known before still counts.
    pub(super) fn is_failure(self) -> bool {
        matches!(
            self,
            Self::Servfail | Self::Timeout | Self::Malformed | Self::Unreachable
        )
    }
}

fn request(name: &Name, kind: RecordType) -> DnsRequest {
    let mut options = DnsRequestOptions::default();
    options.use_edns = true;
    options.edns_payload_len = UDP_PAYLOAD;
    DnsRequest::from_query(Query::query(name.clone(), kind), options)
}

async fn over_tcp(server: SocketAddr, request: DnsRequest, limit: Duration) -> Result<Message, NetError> {
    // Owns the task behind the connection, which ends with it.
    let provider = TokioRuntimeProvider::new();
    let exchange = TcpClientStream::exchange(server, None, limit, Some(1), provider.clone()).await?;
    Ok(exchange.send(request).first_answer().await?.into_message())
}

fn blame(error: &NetError) -> LookupResult {
    match error {
        NetError::Timeout => LookupResult::Timeout,
        NetError::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => LookupResult::Timeout,
        NetError::Io(_) => LookupResult::Unreachable,
        _ => LookupResult::Malformed,
    }
}

/// Whether an answer repeats the question.
fn is_about(message: &Message, name: &Name, kind: RecordType) -> bool {
    let asked = |query: &Query| query.name == *name && query.query_type == kind;
    message.queries.len() == 1 && message.queries.iter().all(asked)
}

/// The only name in an answer to a question of type PTR.
fn owner(message: &Message, name: &Name) -> Option<String> {
    let mut owners = message
        .answers
        .iter()
        .filter(|record| record.dns_class == DNSClass::IN && record.name == *name)
        .filter_map(|record| match &record.data {
            RData::PTR(owner) => Some(owner.0.to_ascii()),
            _ => None,
        });
    let only = owners.next()?;
    (owners.next().is_none() && is_about(message, name, RecordType::PTR)).then_some(only)
}

/// The IPv4 addresses of a name, through the aliases that the answer gives. Records of any other name are none of
/// our business. Sorted, without duplicates, at most [`MOST_ADDRESSES`].
fn addresses(message: &Message, name: &Name) -> Vec<Ipv4Addr> {
    let mut name = name;
    let mut found = Vec::new();
    for _ in 0..=MOST_ALIASES {
        let records = message
            .answers
            .iter()
            .filter(|record| record.dns_class == DNSClass::IN && record.name == *name);
        let mut alias = None;
        for record in records {
            match &record.data {
                RData::A(address) => found.push(address.0),
                RData::CNAME(target) => alias = Some(&target.0),
                _ => {}
            }
        }
        match alias {
            Some(target) if found.is_empty() => name = target,
            _ => break,
        }
    }
    found.sort_unstable();
    found.dedup();
    found.truncate(MOST_ADDRESSES);
    found
}

/// Nothing can be reached there. Loopback and link-local addresses are allowed, unless the guard is in charge.
fn is_bogus(address: Ipv4Addr) -> bool {
    address.octets()[0] == 0 || address.is_multicast() || address.is_broadcast()
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::Record;
    use hickory_proto::rr::rdata::{A, CNAME};

    use super::*;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    fn a(owner: &str, address: [u8; 4]) -> Record {
        Record::from_rdata(name(owner), 600, RData::A(A(address.into())))
    }

    fn alias(owner: &str, target: &str) -> Record {
        Record::from_rdata(name(owner), 600, RData::CNAME(CNAME(name(target))))
    }

    fn found(records: Vec<Record>) -> Vec<Ipv4Addr> {
        let mut message = Message::query();
        message.answers = records;
        addresses(&message, &name("app."))
    }

    #[test]
    fn only_records_of_the_name_and_its_aliases_count() {
        assert_eq!(
            found(vec![a("APP.", [10, 0, 0, 1]), a("other.", [10, 0, 0, 2])]),
            [Ipv4Addr::new(10, 0, 0, 1)]
        );
        let chain = vec![
            a("c.", [10, 0, 0, 3]),
            alias("b.", "c."),
            alias("app.", "b."),
            a("d.", [10, 0, 0, 4]),
        ];
        assert_eq!(found(chain), [Ipv4Addr::new(10, 0, 0, 3)]);
    }

    #[test]
    fn an_answer_to_another_question_is_none() {
        let resolver = Resolver::new(&config::Dns::default());
        for (questions, expected) in [
            (vec![("app.", RecordType::A)], LookupResult::Found),
            (vec![("other.", RecordType::A)], LookupResult::Malformed),
            (vec![("app.", RecordType::AAAA)], LookupResult::Malformed),
            (
                vec![("app.", RecordType::A), ("app.", RecordType::A)],
                LookupResult::Malformed,
            ),
            (vec![], LookupResult::Malformed),
        ] {
            let mut message = Message::query();
            message.queries = questions
                .iter()
                .map(|(owner, kind)| Query::query(name(owner), *kind))
                .collect();
            message.answers = vec![a("app.", [10, 0, 0, 1])];
            let mut lookup = Lookup::empty("app.", LookupResult::Timeout);
            resolver.judge(&message, &name("app."), Trust::Plain, &mut lookup);
            assert_eq!(lookup.result, expected, "{questions:?}");
        }
    }

    #[test]
    fn aliases_in_a_circle_end() {
        assert!(found(vec![alias("app.", "b."), alias("b.", "app.")]).is_empty());
    }

    #[test]
    fn addresses_are_sorted_unique_and_bounded() {
        let two = vec![
            a("app.", [10, 0, 0, 2]),
            a("app.", [10, 0, 0, 1]),
            a("app.", [10, 0, 0, 2]),
        ];
        assert_eq!(
            found(two),
            [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)]
        );
        let many = (0..5000_u16)
            .map(|n| a("app.", [10, 0, n.to_be_bytes()[0], n.to_be_bytes()[1]]))
            .collect();
        assert_eq!(found(many).len(), 4096);
    }

    #[test]
    fn addresses_where_nothing_can_be_are_bogus() {
        for (address, expected) in [
            ([0, 0, 0, 0], true),
            ([0, 1, 2, 3], true),
            ([224, 0, 0, 1], true),
            ([239, 255, 255, 255], true),
            ([255, 255, 255, 255], true),
            ([127, 0, 0, 1], false),
            ([169, 254, 1, 1], false),
            ([10, 0, 0, 1], false),
        ] {
            assert_eq!(is_bogus(address.into()), expected, "{address:?}");
        }
    }
}

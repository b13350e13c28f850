//! A scripted DNS server on loopback, over UDP and TCP: says what it is told to, as Docker's resolver
//! would say it (TTL 600, shuffled, cut to what the client takes), and remembers what it was asked.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, CNAME, PTR};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

/// What is said about a name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Say {
    Addresses(Vec<Ipv4Addr>),
    /// The name exists without addresses.
    Nodata,
    Nxdomain,
    Servfail,
    Refused,
    /// Nothing at all.
    Silence,
    /// These addresses under another id, then the true ones.
    Forged(Vec<Ipv4Addr>, Vec<Ipv4Addr>),
    /// An answer to another question, then nothing.
    OtherQuestion(Vec<Ipv4Addr>),
    /// Addresses of the name, and others that belong to `stranger.`.
    WithStranger(Vec<Ipv4Addr>, Vec<Ipv4Addr>),
    /// An alias and the addresses of its target.
    Alias(String, Vec<Ipv4Addr>),
    /// The names of an address, for [`reverse`].
    Owners(Vec<String>),
    /// Bytes that are no message, behind the right id.
    Garbage,
}

/// One question as it arrived.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Asked {
    pub(crate) name: String,
    pub(crate) kind: RecordType,
    pub(crate) tcp: bool,
    /// The client's EDNS payload size.
    pub(crate) payload: Option<u16>,
}

/// Ends when dropped.
pub(crate) struct Dns {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    _serving: JoinSet<()>,
}

struct Script {
    says: HashMap<String, Say>,
    ttl: u32,
    tcp: bool,
    asked: Vec<Asked>,
}

impl Dns {
    /// Every name is unknown at first.
    pub(crate) async fn start() -> Self {
        let (udp, tcp) = loop {
            let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
            if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let address = tcp.local_addr().unwrap();
        let script = Script {
            says: HashMap::new(),
            ttl: 600,
            tcp: true,
            asked: Vec::new(),
        };
        let script = Arc::new(Mutex::new(script));
        let mut serving = JoinSet::new();
        serving.spawn(serve_udp(udp, Arc::clone(&script)));
        serving.spawn(serve_tcp(tcp, Arc::clone(&script)));
        Self {
            address,
            script,
            _serving: serving,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn say(&self, name: &str, say: Say) {
        self.script.lock().unwrap().says.insert(name.to_owned(), say);
    }

    /// These addresses, from now on.
    pub(crate) fn answer(&self, name: &str, addresses: &[[u8; 4]]) {
        self.say(
            name,
            Say::Addresses(addresses.iter().map(|address| (*address).into()).collect()),
        );
    }

    /// The address belongs to this task, from now on.
    pub(crate) fn own(&self, address: [u8; 4], task: &str) {
        self.say(&reverse(address), Say::Owners(vec![task.to_owned()]));
    }

    pub(crate) fn ttl(&self, seconds: u32) {
        self.script.lock().unwrap().ttl = seconds;
    }

    /// TCP connections are closed without an answer.
    pub(crate) fn refuse_tcp(&self) {
        self.script.lock().unwrap().tcp = false;
    }

    /// Every question so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.script.lock().unwrap().asked.clone()
    }

    /// Questions for one name so far.
    pub(crate) fn times(&self, name: &str) -> usize {
        self.script
            .lock()
            .unwrap()
            .asked
            .iter()
            .filter(|asked| asked.name == name)
            .count()
    }
}

/// The name under which an address is asked for.
pub(crate) fn reverse([a, b, c, d]: [u8; 4]) -> String {
    format!("{d}.{c}.{b}.{a}.in-addr.arpa")
}

async fn serve_udp(socket: UdpSocket, script: Arc<Mutex<Script>>) {
    let mut buffer = vec![0; 4096];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            continue;
        };
        let Ok(request) = Message::from_vec(&buffer[..length]) else {
            continue;
        };
        let room = usize::from(
            request
                .edns
                .as_ref()
                .map_or(512, |edns| edns.max_payload().max(512)),
        );
        for answer in answers(&request, &script, false) {
            let bytes = match answer {
                Answer::Message(message) => cut(message, room),
                Answer::Bytes(bytes) => bytes,
            };
            socket.send_to(&bytes, from).await.unwrap();
        }
    }
}

async fn serve_tcp(listener: TcpListener, script: Arc<Mutex<Script>>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        if script.lock().unwrap().tcp {
            connections.spawn(serve_stream(stream, Arc::clone(&script)));
        }
    }
}

async fn serve_stream(mut stream: TcpStream, script: Arc<Mutex<Script>>) {
    while let Ok(length) = stream.read_u16().await {
        let mut buffer = vec![0; length.into()];
        if stream.read_exact(&mut buffer).await.is_err() {
            return;
        }
        let Ok(request) = Message::from_vec(&buffer) else {
            return;
        };
        for answer in answers(&request, &script, true) {
            let bytes = match answer {
                Answer::Message(message) => message.to_vec().unwrap(),
                Answer::Bytes(bytes) => bytes,
            };
            let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
            if stream.write_all(&[&length[..], &bytes].concat()).await.is_err() {
                return;
            }
        }
    }
}

enum Answer {
    Message(Message),
    Bytes(Vec<u8>),
}

fn answers(request: &Message, script: &Mutex<Script>, tcp: bool) -> Vec<Answer> {
    let query = request.queries[0].clone();
    let name = query.name.to_ascii().trim_end_matches('.').to_owned();
    let mut script = script.lock().unwrap();
    script.asked.push(Asked {
        name: name.clone(),
        kind: query.query_type,
        tcp,
        payload: request.edns.as_ref().map(|edns| edns.max_payload()),
    });
    let ttl = script.ttl;
    let reply = |code, records| Answer::Message(reply(request.metadata.id, &query, code, records));
    let of = |owner: &Name, addresses: &[Ipv4Addr]| records(owner, addresses, ttl);
    match script.says.get(&name).cloned().unwrap_or(Say::Nxdomain) {
        Say::Addresses(addresses) => vec![reply(ResponseCode::NoError, of(&query.name, &addresses))],
        Say::Nodata => vec![reply(ResponseCode::NoError, Vec::new())],
        Say::Nxdomain => vec![reply(ResponseCode::NXDomain, Vec::new())],
        Say::Servfail => vec![reply(ResponseCode::ServFail, Vec::new())],
        Say::Refused => vec![reply(ResponseCode::Refused, Vec::new())],
        Say::Silence => Vec::new(),
        Say::Forged(forged, real) => {
            let id = request.metadata.id.wrapping_add(1);
            let forged = self::reply(id, &query, ResponseCode::NoError, of(&query.name, &forged));
            vec![
                Answer::Message(forged),
                reply(ResponseCode::NoError, of(&query.name, &real)),
            ]
        }
        Say::OtherQuestion(addresses) => {
            let other = Name::from_ascii("other.").unwrap();
            let records = of(&other, &addresses);
            let other = Query::query(other, RecordType::A);
            vec![Answer::Message(self::reply(
                request.metadata.id,
                &other,
                ResponseCode::NoError,
                records,
            ))]
        }
        Say::WithStranger(own, others) => {
            let mut records = of(&Name::from_ascii("stranger.").unwrap(), &others);
            records.extend(of(&query.name, &own));
            vec![reply(ResponseCode::NoError, records)]
        }
        Say::Alias(target, addresses) => {
            let target = Name::from_ascii(format!("{target}.")).unwrap();
            let mut records = of(&target, &addresses);
            records.push(Record::from_rdata(
                query.name.clone(),
                ttl,
                RData::CNAME(CNAME(target)),
            ));
            vec![reply(ResponseCode::NoError, records)]
        }
        Say::Owners(owners) => {
            let owners = owners.iter().map(|owner| Name::from_ascii(owner).unwrap());
            let record = |owner| Record::from_rdata(query.name.clone(), ttl, RData::PTR(PTR(owner)));
            vec![reply(ResponseCode::NoError, owners.map(record).collect())]
        }
        Say::Garbage => vec![Answer::Bytes(
            [&request.metadata.id.to_be_bytes()[..], &[0x80; 9]].concat(),
        )],
    }
}

/// Shuffled, as Docker's resolver does it for every answer.
fn records(owner: &Name, addresses: &[Ipv4Addr], ttl: u32) -> Vec<Record> {
    let mut addresses = addresses.to_vec();
    fastrand::shuffle(&mut addresses);
    let record = |address| Record::from_rdata(owner.clone(), ttl, RData::A(A(address)));
    addresses.into_iter().map(record).collect()
}

fn reply(id: u16, query: &Query, code: ResponseCode, records: Vec<Record>) -> Message {
    let mut message = Message::new(id, MessageType::Response, OpCode::Query);
    message.metadata.response_code = code;
    message.metadata.recursion_available = true;
    message.queries.push(query.clone());
    message.answers = records;
    message
}

/// Drops records until the rest fits, and says so.
fn cut(mut message: Message, room: usize) -> Vec<u8> {
    loop {
        let bytes = message.to_vec().unwrap();
        if bytes.len() <= room {
            return bytes;
        }
        message.metadata.truncation = true;
        let over = (bytes.len() - room).div_ceil(16);
        message
            .answers
            .truncate(message.answers.len().saturating_sub(over));
    }
}

//! A DNS server that knows services as Swarm's does: every task of each under `NAME` and `tasks.NAME`, and whose task
//! an address is.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::rdata::PTR;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;

/// As Docker's, which the gateway knows better than to believe.
const TTL: u32 = 600;

/// A bound server.
#[derive(Debug)]
pub(super) struct Server {
    socket: UdpSocket,
    services: Vec<Service>,
}

/// A name, and where its tasks are.
pub(super) type Service = (String, Vec<Ipv4Addr>);

impl Server {
    pub(super) async fn bind(services: Vec<Service>) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Ok(Self { socket, services })
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Answers until dropped.
    pub(super) async fn serve(self) {
        let mut buffer = [0; 4096];
        loop {
            // An error here is about an earlier answer that nobody took.
            let Ok((length, peer)) = self.socket.recv_from(&mut buffer).await else {
                continue;
            };
            let Ok(question) = Message::from_vec(&buffer[..length]) else {
                continue;
            };
            if let Ok(answer) = self.answer(&question).to_vec() {
                let _ = self.socket.send_to(&answer, peer).await;
            }
        }
    }

    /// The addresses for a question of type A, nothing for another type, NXDOMAIN for another name; the task for an
    /// address.
    fn answer(&self, question: &Message) -> Message {
        let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
        answer.metadata.recursion_desired = question.metadata.recursion_desired;
        answer.metadata.recursion_available = true;
        let Some(query) = question.queries.first() else {
            answer.metadata.response_code = ResponseCode::FormErr;
            return answer;
        };
        answer.add_query(query.clone());
        if let Some(task) = self.task(query) {
            answer.add_answer(task);
            return answer;
        }
        match self.find(query) {
            None => answer.metadata.response_code = ResponseCode::NXDomain,
            Some(addresses) if query.query_type == RecordType::A => {
                let record = |address: &Ipv4Addr| {
                    Record::from_rdata(query.name.clone(), TTL, RData::A((*address).into()))
                };
                answer.add_answers(addresses.iter().map(record));
            }
            Some(_) => {}
        }
        answer
    }

    /// `SERVICE.SLOT.ID.NETWORK`, in the order of the addresses.
    fn task(&self, query: &Query) -> Option<Record> {
        let is_asked = |address: &Ipv4Addr| Name::from(*address) == query.name;
        let mut services = self.services.iter();
        let (service, slot) = services.find_map(|(name, addresses)| {
            let at = addresses.iter().position(is_asked)?;
            Some((name, at + 1))
        })?;
        let task = Name::from_ascii(format!("{service}.{slot}.{slot:0>25}.demo.")).ok()?;
        let data = RData::PTR(PTR(task));
        (query.query_type == RecordType::PTR).then(|| Record::from_rdata(query.name.clone(), TTL, data))
    }

    fn find(&self, query: &Query) -> Option<&[Ipv4Addr]> {
        let name = query.name.to_ascii().to_ascii_lowercase();
        let name = name.trim_end_matches('.');
        let name = name.strip_prefix("tasks.").unwrap_or(name);
        let mut services = self.services.iter();
        services.find_map(|(known, addresses)| (known == name).then_some(addresses.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_knows_its_services_and_their_tasks_and_nothing_else() {
        let address = |last| Ipv4Addr::new(127, 0, 0, last);
        let services = vec![
            ("app".to_owned(), vec![address(111)]),
            ("next".to_owned(), vec![address(113), address(114)]),
        ];
        let server = Server::bind(services).await.unwrap();
        for (name, kind, code, answers) in [
            ("tasks.app.", RecordType::A, ResponseCode::NoError, 1),
            ("APP.", RecordType::A, ResponseCode::NoError, 1),
            ("next.", RecordType::A, ResponseCode::NoError, 2),
            ("app.", RecordType::AAAA, ResponseCode::NoError, 0),
            ("app.example.", RecordType::A, ResponseCode::NXDomain, 0),
            (
                "111.0.0.127.in-addr.arpa.",
                RecordType::PTR,
                ResponseCode::NoError,
                1,
            ),
            (
                "112.0.0.127.in-addr.arpa.",
                RecordType::PTR,
                ResponseCode::NXDomain,
                0,
            ),
        ] {
            let mut question = Message::query();
            question.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
            let answer = server.answer(&question);
            assert_eq!(
                (answer.metadata.response_code, answer.answers.len()),
                (code, answers),
                "{name}"
            );
            assert_eq!(answer.metadata.id, question.metadata.id);
        }
    }
}

//! A DNS server that knows one service, as Swarm's does: every task of it under `NAME` and `tasks.NAME`, and whose
//! task an address is.

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
    name: String,
    addresses: Vec<Ipv4Addr>,
}

impl Server {
    pub(super) async fn bind(name: &str, addresses: Vec<Ipv4Addr>) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Ok(Self {
            socket,
            name: name.to_owned(),
            addresses,
        })
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
        } else if !self.knows(query) {
            answer.metadata.response_code = ResponseCode::NXDomain;
        } else if query.query_type == RecordType::A {
            let records = self.addresses.iter();
            answer.add_answers(
                records
                    .map(|address| Record::from_rdata(query.name.clone(), TTL, RData::A((*address).into()))),
            );
        }
        answer
    }

    /// `SERVICE.SLOT.ID.NETWORK`, in the order of the addresses.
    fn task(&self, query: &Query) -> Option<Record> {
        let is_asked = |address: &Ipv4Addr| Name::from(*address) == query.name;
        let slot = self.addresses.iter().position(is_asked)? + 1;
        let task = Name::from_ascii(format!("{}.{slot}.{slot:0>25}.demo.", self.name)).ok()?;
        let data = RData::PTR(PTR(task));
        (query.query_type == RecordType::PTR).then(|| Record::from_rdata(query.name.clone(), TTL, data))
    }

    fn knows(&self, query: &Query) -> bool {
        let name = query.name.to_ascii().to_ascii_lowercase();
        let name = name.trim_end_matches('.');
        name.strip_prefix("tasks.").unwrap_or(name) == self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_knows_the_service_and_its_tasks_and_nothing_else() {
        let address = Ipv4Addr::new(127, 0, 0, 111);
        let server = Server::bind("app", vec![address]).await.unwrap();
        for (name, kind, code, answers) in [
            ("tasks.app.", RecordType::A, ResponseCode::NoError, 1),
            ("APP.", RecordType::A, ResponseCode::NoError, 1),
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

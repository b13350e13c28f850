//! One exchange from its request head to its end, and the record that is left of it.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Request, Uri, Version};
use http_body::Body as _;
use hyper::body::Incoming;

use super::chain::Visit;
use super::request::Told;
use super::{Error, Shared};
use crate::body::Upload;
use crate::listener::{Order, Peer, Wait};
use crate::shutdown::Phase;
use crate::snapshot::Snapshot;
use crate::telemetry::metrics::InFlight;
use crate::telemetry::{Flag, Record};
use crate::upstream::Upstream;

/// What is known of an exchange. Dropping it writes its record: also when the client goes away in the middle.
pub struct Exchange {
    shared: Rc<Shared>,
    /// The configuration it began with, and keeps.
    pub snapshot: Arc<Snapshot>,
    /// The connection it came on.
    pub peer: Rc<Peer>,
    /// The client, after trusted proxies.
    pub client_ip: IpAddr,
    /// In every answer, log line and forwarded request.
    pub request_id: HeaderValue,
    /// As received.
    pub method: Method,
    /// As received.
    pub uri: Uri,
    /// As received.
    pub version: Version,
    /// `Host`, or the authority of an absolute-form target.
    pub host: HeaderValue,
    /// Index of the route, once found.
    pub route: Option<usize>,
    /// The upstream, once chosen.
    pub upstream: Option<Arc<Upstream>>,
    /// The last attempt's endpoint.
    pub endpoint: Option<SocketAddr>,
    /// Attempts made.
    pub attempts: u32,
    /// Status of the response head that an endpoint sent.
    pub upstream_status: Option<u16>,
    /// From the last attempt's start to its response head.
    pub upstream_duration: Option<Duration>,
    /// Waiting for endpoints, up to the response head.
    pub waiting: Duration,
    /// The client's body, when there is one.
    pub upload: Option<Upload>,
    /// Why the gateway answered or cut the exchange itself.
    pub flag: Option<Flag>,
    /// Its way through the plugins of the route, when there are any.
    pub(super) visit: Option<Box<Visit>>,
    /// Whether nothing else may be read from the connection.
    pub ends_connection: bool,
    status: u16,
    /// Bytes of the response body handed to the connection.
    pub(super) bytes_out: u64,
    time: SystemTime,
    began: Instant,
    head: Option<Duration>,
    user_agent: Option<HeaderValue>,
    referer: Option<HeaderValue>,
    extra: Vec<(HeaderName, HeaderValue)>,
    in_flight: Option<InFlight>,
}

impl Exchange {
    /// Begins with a request head as it was received.
    pub(super) fn begin(shared: &Rc<Shared>, peer: &Rc<Peer>, request: &Request<Incoming>) -> Box<Self> {
        let headers = request.headers();
        // Until all of the body has been read, if ever.
        peer.line.linger(!request.body().is_end_stream());
        let snapshot = shared.live.load_full();
        let extra = snapshot
            .config
            .access_log
            .headers
            .iter()
            .flat_map(|name| {
                headers
                    .get_all(name)
                    .iter()
                    .map(|value| (name.clone(), value.clone()))
            })
            .collect();
        Box::new(Self {
            shared: Rc::clone(shared),
            peer: Rc::clone(peer),
            client_ip: peer.address.ip(),
            request_id: shared.ids.next(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            host: headers
                .get(header::HOST)
                .cloned()
                .unwrap_or_else(|| HeaderValue::from_static("")),
            route: None,
            upstream: None,
            endpoint: None,
            attempts: 0,
            upstream_status: None,
            upstream_duration: None,
            waiting: Duration::ZERO,
            upload: None,
            flag: None,
            visit: None,
            ends_connection: false,
            status: 0,
            bytes_out: 0,
            time: SystemTime::now(),
            began: Instant::now(),
            head: None,
            user_agent: headers.get(header::USER_AGENT).cloned(),
            referer: headers.get(header::REFERER).cloned(),
            extra,
            in_flight: None,
            snapshot,
        })
    }

    /// The route that was found.
    pub(super) fn matched(&mut self, route: usize) {
        self.route = Some(route);
        let name = &self.snapshot.config.routes[route].name;
        self.in_flight = Some(self.shared.metrics.borrow_mut().begin(name));
    }

    /// When the request head was received.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// The request id as text.
    pub fn id(&self) -> &str {
        self.request_id.to_str().unwrap_or_default()
    }

    /// The response head is about to be sent.
    pub(super) fn answered(&mut self, status: u16) {
        self.status = status;
        self.head = Some(self.began.elapsed());
    }

    /// The tunnel that this exchange became has ended.
    pub(super) fn tunnelled(&mut self, bytes: u64) {
        self.bytes_out = bytes;
    }

    /// Leaves a record of something that was not a request.
    pub(super) fn refused(shared: &Rc<Shared>, peer: &Peer, status: u16) {
        let method = Method::default();
        let record = Record {
            time: SystemTime::now(),
            request_id: "",
            listener: &peer.listener.name,
            route: None,
            upstream: None,
            endpoint: None,
            client_ip: peer.address.ip(),
            peer: peer.address,
            method: &method,
            scheme: "http",
            host: "",
            path: "",
            query: None,
            version: Version::HTTP_11,
            status,
            upstream_status: None,
            bytes_in: 0,
            bytes_out: 0,
            duration: Duration::ZERO,
            head: None,
            upstream_duration: None,
            waiting: Duration::ZERO,
            attempts: 0,
            flag: Some(Flag::BadRequest),
            user_agent: None,
            referer: None,
            extra: &[],
            plugins: &[],
            attributes: &[],
        };
        shared.metrics.borrow_mut().observe(&record);
        shared.log.borrow_mut().write(&record);
    }

    /// The request's head as it was forwarded, for plugins that look at the response.
    pub(super) fn recall(&mut self, told: Told) {
        if let Some(visit) = &mut self.visit {
            visit.recall(told);
        }
    }

    /// Why a plugin stopped the request's body, if one did.
    pub(super) fn stopped(&mut self) -> Option<Error> {
        self.visit.as_mut()?.stopped()
    }

    /// Writes the record, and lets the plugins that want to know of the end know of it.
    fn leave(&self) {
        let (mut plugins, mut attributes) = (Vec::new(), Vec::new());
        let chain = self.route.map(|route| self.snapshot.plugins.chain(route));
        if let (Some(visit), Some(chain)) = (&self.visit, chain) {
            plugins = visit.times(chain.uses.iter().map(|link| link.used().plugin.as_str()));
            attributes = visit.attributes();
        }
        let record = Record {
            plugins: &plugins,
            attributes: &attributes,
            ..self.record()
        };
        self.shared.metrics.borrow_mut().observe(&record);
        self.shared.log.borrow_mut().write(&record);
        if let (Some(visit), Some(chain)) = (&self.visit, chain.filter(|chain| chain.hooks.log)) {
            self.shared.summaries.add(chain, &self.request_id, &record, visit);
        }
    }

    fn record(&self) -> Record<'_> {
        let config = &self.snapshot.config;
        let host = self.host.to_str().unwrap_or_default();
        Record {
            time: self.time,
            request_id: self.id(),
            listener: &self.peer.listener.name,
            route: self.route.map(|route| config.routes[route].name.as_str()),
            upstream: self.upstream.as_ref().map(|upstream| upstream.name()),
            endpoint: self.endpoint,
            client_ip: self.client_ip,
            peer: self.peer.address,
            method: &self.method,
            scheme: "http",
            host: host
                .rsplit_once(':')
                .filter(|(_, port)| !port.contains(']'))
                .map_or(host, |(host, _)| host),
            path: self.uri.path(),
            query: self.uri.query(),
            version: self.version,
            status: self.status,
            upstream_status: self.upstream_status,
            bytes_in: self.upload.as_ref().map_or(0, Upload::bytes),
            bytes_out: self.bytes_out,
            duration: self.began.elapsed(),
            head: self.head,
            upstream_duration: self.upstream_duration,
            waiting: self.waiting,
            attempts: self.attempts,
            flag: self.flag,
            user_agent: self.user_agent.as_ref(),
            referer: self.referer.as_ref(),
            extra: &self.extra,
            plugins: &[],
            attributes: &[],
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.flag = Some(Flag::Internal);
            self.shared.metrics.borrow().panicked();
        } else if self.peer.line.order() == Order::Cut {
            let draining = self.shared.life.phase() == Phase::Draining;
            self.flag = Some(if draining { Flag::Drain } else { Flag::Timeout });
        } else if self.head.is_none() {
            self.flag = Some(Flag::ClientGone);
        }
        self.peer.line.end(Wait::RequestBody);
        self.peer.line.end(Wait::ResponseBody);
        if self.upload.as_ref().is_some_and(Upload::is_complete) {
            self.peer.line.linger(false);
        }
        // From here on the connection is idle, unless the next request is here already.
        self.peer.line.begin(Wait::Request);
        self.leave();
    }
}

/// Makes request ids: 32 hex digits, of which half differ between workers and starts and half count.
pub(super) struct Ids {
    prefix: [u8; 16],
    next: RefCell<u64>,
}

impl Ids {
    pub(super) fn new() -> Self {
        let mut prefix = [0; 16];
        write_hex(fastrand::u64(..), &mut prefix);
        // The counter starts anywhere, so that an id does not tell how busy the gateway is.
        Self {
            prefix,
            next: RefCell::new(fastrand::u64(..)),
        }
    }

    fn next(&self) -> HeaderValue {
        let mut next = self.next.borrow_mut();
        // An odd constant steps through all numbers, in an order that does not look like one.
        *next = next.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut id = [0; 32];
        id[..16].copy_from_slice(&self.prefix);
        let (_, tail) = id.split_at_mut(16);
        write_hex(*next, tail);
        HeaderValue::from_bytes(&id).unwrap_or_else(|_| HeaderValue::from_static("none"))
    }
}

fn write_hex(number: u64, out: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (place, digit) in out.iter_mut().enumerate() {
        let shift = 60 - 4 * place;
        *digit = DIGITS[(number >> shift & 0xf) as usize];
    }
}

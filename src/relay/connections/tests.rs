//! Upstreams that move to another address. Only Linux has all addresses of 127.0.0.0/8.

#![cfg(target_os = "linux")]

use super::*;
use crate::azure::TlsRoots;
use crate::net::dns::Resolver;
use axum::body::Bytes;
use axum::http::{Request, Response};
use http_body_util::Full;
use stand_ins::{HttpsServer, Protocols};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::AtomicU32;

const NAME: &str = "signer.example";

/// A name server on loopback that resolves every name to one address, which can change.
struct NameServer {
    address: SocketAddr,
    named: Arc<AtomicU32>,
}

impl NameServer {
    fn start(named: Ipv4Addr, ttl: Duration) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let named = Arc::new(AtomicU32::new(named.into()));
        let current = Arc::clone(&named);
        let ttl = u32::try_from(ttl.as_secs()).unwrap();
        // Ends with the test.
        std::thread::spawn(move || {
            let mut packet = [0; 512];
            while let Ok((length, client)) = socket.recv_from(&mut packet) {
                let answer = answer(&packet[..length], Ipv4Addr::from(current.load(Ordering::Relaxed)), ttl);
                socket.send_to(&answer, client).unwrap();
            }
        });
        Self { address, named }
    }

    fn move_to(&self, named: Ipv4Addr) {
        self.named.store(named.into(), Ordering::Relaxed);
    }
}

/// RFC 1035, section 4: the header and the question of the query, and an answer if the question is about IPv4 addresses.
fn answer(query: &[u8], address: Ipv4Addr, ttl: u32) -> Vec<u8> {
    let name = query[12..].iter().position(|length| *length == 0).unwrap();
    let question = &query[12..12 + name + 5];
    let is_ipv4 = question[name + 1..] == [0, 1, 0, 1];
    let counts = [0, 1, 0, u8::from(is_ipv4), 0, 0, 0, 0];
    let mut answer = [&query[..2], &[0x81, 0x80], &counts, question].concat();
    if is_ipv4 {
        answer.extend([&[0xc0, 12, 0, 1, 0, 1], &ttl.to_be_bytes()[..], &[0, 4], &address.octets()].concat());
    }
    answer
}

fn server(address: SocketAddr) -> HttpsServer {
    let answer = |_| std::future::ready(Ok(Response::new(Full::default())));
    HttpsServer::start(address, &[NAME], Protocols::Http2, answer).unwrap()
}

/// Two servers of one name, on the same port of two addresses.
struct Upstream {
    old: HttpsServer,
    new: HttpsServer,
    names: NameServer,
    pool: ConnectionPool,
}

impl Upstream {
    fn start(ttl: Duration) -> Self {
        let old = server(([127, 0, 0, 2], 0).into());
        let new = server(([127, 0, 0, 3], old.address().port()).into());
        let names = NameServer::start(Ipv4Addr::new(127, 0, 0, 2), ttl);
        let url = format!("https://{NAME}:{}", old.address().port()).parse().unwrap();
        let roots = TlsRoots::of(&[old.authority_pem(), new.authority_pem()]);
        let connector = Connector::new(&url, &roots, Arc::new(Resolver::at(names.address)), None).unwrap();
        Self { old, new, names, pool: ConnectionPool::new(connector) }
    }

    /// The connections that each server has accepted, after one more request over an open connection or a new one.
    async fn request(&self) -> Result<(u64, u64), CannotOpen> {
        let lease = match self.pool.take(Sharing::Any) {
            Some(lease) => lease,
            None => self.pool.open_new().await?,
        };
        let url = format!("https://{NAME}/");
        let request = Request::get(url).body(Full::<Bytes>::default()).unwrap();
        let response = tokio::time::timeout(Duration::from_secs(20), lease.connection.send(request)).await;
        assert_eq!(response.expect("a connection that works").unwrap().status(), 200);
        lease.answered();
        Ok((self.old.connections(), self.new.connections()))
    }
}

#[tokio::test]
async fn new_connections_go_to_the_address_that_the_name_has_by_then() {
    let upstream = Upstream::start(Duration::ZERO);
    assert_eq!(upstream.request().await.unwrap(), (1, 0));
    upstream.names.move_to(Ipv4Addr::new(127, 0, 0, 3));
    assert_eq!(upstream.request().await.unwrap(), (1, 0), "the old address still answers");
    upstream.old.freeze_connections();
    // As before a hedge.
    upstream.pool.discard_unused_since(Instant::now());
    assert_eq!(upstream.request().await.unwrap(), (1, 1));
}

#[tokio::test]
async fn an_address_that_cannot_be_reached_is_resolved_again_before_it_expires() {
    let upstream = Upstream::start(Duration::from_hours(1));
    assert_eq!(upstream.request().await.unwrap(), (1, 0));
    upstream.names.move_to(Ipv4Addr::new(127, 0, 0, 3));
    upstream.old.refuse_connections(true).unwrap();
    upstream.pool.discard_unused_since(Instant::now());
    let refused = upstream.request().await.unwrap_err();
    assert!(refused.to_string().contains("Connection refused"), "{refused}");
    assert_eq!(upstream.request().await.unwrap(), (1, 1));
}

//! Sends requests to the signers or relays over HTTP and records the answers, even if nobody waits for them any more.

use crate::fleet::AddressBook;
use crate::history::{Answer, Exchange, Recorder};
use crate::keys::{Authorized, BakerKey};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HOST;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// How long a client waits for an answer: longer than any pause and any deadline.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(12);

/// Connections that have been idle for longer are not reused.
const IDLE_TIMEOUT: Duration = Duration::from_secs(2);

/// Maximum number of the paired bakers' requests in flight. With more, a slow machine would answer none of them in time. A
/// request in flight for longer than the second limit no longer counts.
const MAX_IN_FLIGHT: usize = 40;
const IN_FLIGHT_TIMEOUT: Duration = Duration::from_millis(250);

/// The addresses of the signers or relays; the process at a place changes.
#[derive(Debug)]
pub(crate) struct Client {
    places: Vec<Mutex<Option<Arc<Endpoint>>>>,
    /// Places that require authentication.
    authenticating: Vec<usize>,
    authorized: Authorized,
    recorder: Arc<Recorder>,
    permits: Arc<Semaphore>,
    /// Has one reference for each request in flight, and this one.
    in_flight: Arc<()>,
}

/// A listening process.
#[derive(Debug)]
struct Endpoint {
    address: SocketAddr,
    idle: Mutex<Vec<(Instant, Connection)>>,
}

type Connection = SendRequest<Full<Bytes>>;

/// The body of an answer with a signature.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    signature: Box<str>,
}

/// The only error format that octez-client parses.
#[derive(Deserialize)]
struct OctezError {
    kind: String,
    id: String,
    msg: Box<str>,
}

impl Client {
    pub(crate) fn new(places: usize, authenticating: Vec<usize>, recorder: Arc<Recorder>) -> Self {
        let places = (0..places).map(|_| Mutex::default()).collect();
        let permits = Arc::new(Semaphore::new(MAX_IN_FLIGHT));
        Self { places, authenticating, authorized: Authorized::new(), recorder, permits, in_flight: Arc::default() }
    }

    /// Number of places.
    pub(crate) fn places(&self) -> usize {
        self.places.len()
    }

    fn endpoint(&self, place: usize) -> Option<Arc<Endpoint>> {
        self.places.get(place)?.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Requests a signature as soon as the limit of requests in flight permits. The answer is recorded even if nobody waits for
    /// it. If no process listens at the place, nothing is recorded, and the receiver gets an error.
    pub(crate) fn request(
        self: &Arc<Self>,
        place: usize,
        key: &BakerKey,
        payload: &Arc<[u8]>,
    ) -> oneshot::Receiver<Answer> {
        let (client, permits) = (Arc::clone(self), Arc::clone(&self.permits));
        self.request_after(async move { permits.acquire_owned().await.ok() }, client, place, key, payload)
    }

    /// The same, regardless of the limit.
    pub(crate) fn request_now(
        self: &Arc<Self>,
        place: usize,
        key: &BakerKey,
        payload: &Arc<[u8]>,
    ) -> oneshot::Receiver<Answer> {
        self.request_after(async { None }, Arc::clone(self), place, key, payload)
    }

    fn request_after(
        &self,
        permit: impl Future<Output = Option<OwnedSemaphorePermit>> + Send + 'static,
        client: Arc<Self>,
        place: usize,
        key: &BakerKey,
        payload: &Arc<[u8]>,
    ) -> oneshot::Receiver<Answer> {
        let authentication = self.authenticating.contains(&place).then(|| self.authorized.authentication(key, payload));
        let path = match authentication {
            Some(authentication) => format!("/keys/{}?version=3&authentication={authentication}", key.address),
            None => format!("/keys/{}?version=3", key.address),
        };
        let body = Bytes::from(format!("\"{}\"\n", hex::encode(payload)));
        let (key, payload) = (Arc::clone(&key.address), Arc::clone(payload));
        let (sender, receiver) = oneshot::channel();
        let in_flight = Arc::clone(&self.in_flight);
        tokio::spawn(async move {
            let permit = permit.await;
            let Some(endpoint) = client.endpoint(place) else { return };
            let at = Instant::now();
            let exchange = endpoint.exchange(Method::POST, path, body);
            let answer = match tokio::time::timeout(ANSWER_TIMEOUT, with_permit(permit, exchange)).await {
                Ok(Ok((status, body))) => read(status, &body),
                Ok(Err(why)) => Answer::None { why: why.into() },
                Err(_) => Answer::None { why: format!("no answer for {ANSWER_TIMEOUT:?}").into() },
            };
            let until = Instant::now();
            client.recorder.exchange(Exchange { place, key, payload, at, until, answer: answer.clone() });
            // The receiver may be gone.
            drop(sender.send(answer));
            drop(in_flight);
        });
        receiver
    }

    /// Waits until all requests are answered or have timed out.
    pub(crate) async fn finish(&self) {
        while Arc::strong_count(&self.in_flight) > 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl AddressBook for Client {
    fn set_address(&self, place: usize, address: Option<SocketAddr>) {
        if let Some(endpoint) = self.places.get(place) {
            let new = address.map(|address| Arc::new(Endpoint { address, idle: Mutex::default() }));
            *endpoint.lock().unwrap_or_else(PoisonError::into_inner) = new;
        }
    }
}

/// Holds the permit only while the request counts.
async fn with_permit<T>(permit: Option<OwnedSemaphorePermit>, exchange: impl Future<Output = T>) -> T {
    tokio::pin!(exchange);
    if let Ok(answer) = tokio::time::timeout(IN_FLIGHT_TIMEOUT, &mut exchange).await {
        return answer;
    }
    drop(permit);
    exchange.await
}

impl Endpoint {
    async fn exchange(&self, method: Method, path: String, body: Bytes) -> Result<(u16, Bytes), String> {
        let mut connection = match self.idle() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let in_words = |error: hyper::Error| format!("{error:?}");
        connection.ready().await.map_err(in_words)?;
        let request = Request::builder().method(method).uri(path).header(HOST, "localhost");
        let request = request.body(Full::new(body)).map_err(|error| error.to_string())?;
        let response = connection.send_request(request).await.map_err(in_words)?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.map_err(in_words)?.to_bytes();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), connection));
        Ok((status, body))
    }

    fn idle(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(since, connection)| since.elapsed() < IDLE_TIMEOUT && !connection.is_closed());
        idle.pop().map(|(_, connection)| connection)
    }

    async fn connect(&self) -> Result<Connection, String> {
        let stream = TcpStream::connect(self.address).await.map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

fn read(status: u16, body: &[u8]) -> Answer {
    let unreadable = || Answer::Unreadable { status, body: String::from_utf8_lossy(body).into() };
    if status == 200 {
        return serde_json::from_slice(body)
            .map_or_else(|_| unreadable(), |Signed { signature }| Answer::Signed(signature));
    }
    match serde_json::from_slice::<[OctezError; 1]>(body) {
        Ok([error]) if error.kind == "temporary" && error.id == "failure" => {
            Answer::NotSigned { status, reason: error.msg }
        }
        _ => unreadable(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_parsed_like_by_octez() {
        let error = |reason: &str| format!(r#"[{{"kind":"temporary","id":"failure","msg":"{reason}"}}]"#);
        let signed = Answer::Signed("sig".into());
        assert_eq!(read(200, br#"{"signature":"sig"}"#), signed);
        assert_eq!(read(500, error("why").as_bytes()), Answer::NotSigned { status: 500, reason: "why".into() });
        for (status, body) in [(200, r#"{"signature":"sig","more":1}"#), (500, ""), (409, "[]"), (500, "no")] {
            assert!(matches!(read(status, body.as_bytes()), Answer::Unreadable { .. }), "{status} {body}");
        }
    }
}

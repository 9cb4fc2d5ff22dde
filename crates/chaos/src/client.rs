//! Asks the signers over HTTP and writes down what comes of it, also when nobody waits for it any more.

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

/// After so long without an answer a client gives up: longer than any pause and any deadline.
const PATIENCE: Duration = Duration::from_secs(12);

/// A connection that was idle for longer is not used again.
const IDLE_TIMEOUT: Duration = Duration::from_secs(2);

/// So many requests of the two bakers are under way at a time, or a slow machine would be busy with all of them at once and
/// answer none in time. One that has waited for so long does not count any more.
const MAX_IN_FLIGHT: usize = 40;
const COUNTS_FOR: Duration = Duration::from_millis(250);

/// Where the signers are, whichever process is at a place now.
#[derive(Debug)]
pub(crate) struct Client {
    places: Vec<Mutex<Option<Arc<Door>>>>,
    /// Whose owner these places want to have authenticated.
    authenticating: Vec<usize>,
    authorized: Authorized,
    recorder: Arc<Recorder>,
    room: Arc<Semaphore>,
    /// As many as there are requests without an answer, and this one.
    under_way: Arc<()>,
}

/// A process that listens.
#[derive(Debug)]
struct Door {
    address: SocketAddr,
    idle: Mutex<Vec<(Instant, Connection)>>,
}

type Connection = SendRequest<Full<Bytes>>;

/// The body of an answer with a signature, and no other.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    signature: Box<str>,
}

/// The one error that octez-client reads.
#[derive(Deserialize)]
struct OctezError {
    kind: String,
    id: String,
    msg: Box<str>,
}

impl Client {
    pub(crate) fn new(places: usize, authenticating: Vec<usize>, recorder: Arc<Recorder>) -> Self {
        let places = (0..places).map(|_| Mutex::default()).collect();
        let room = Arc::new(Semaphore::new(MAX_IN_FLIGHT));
        Self { places, authenticating, authorized: Authorized::new(), recorder, room, under_way: Arc::default() }
    }

    /// How many places there are.
    pub(crate) fn places(&self) -> usize {
        self.places.len()
    }

    /// A process listens at this place from now on, or none does.
    pub(crate) fn listens(&self, place: usize, address: Option<SocketAddr>) {
        if let Some(door) = self.places.get(place) {
            let new = address.map(|address| Arc::new(Door { address, idle: Mutex::default() }));
            *door.lock().unwrap_or_else(PoisonError::into_inner) = new;
        }
    }

    fn door(&self, place: usize) -> Option<Arc<Door>> {
        self.places.get(place)?.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks for a signature, as soon as there is room for one more request. The answer is written down whether or not
    /// anybody waits for it. If no process listens there, it is no request, and the receiver learns that there is none.
    pub(crate) fn ask(
        self: &Arc<Self>,
        place: usize,
        key: &BakerKey,
        payload: &Arc<[u8]>,
    ) -> oneshot::Receiver<Answer> {
        let (client, room) = (Arc::clone(self), Arc::clone(&self.room));
        self.ask_after(async move { room.acquire_owned().await.ok() }, client, place, key, payload)
    }

    /// The same, without waiting for room.
    pub(crate) fn ask_now(
        self: &Arc<Self>,
        place: usize,
        key: &BakerKey,
        payload: &Arc<[u8]>,
    ) -> oneshot::Receiver<Answer> {
        self.ask_after(async { None }, Arc::clone(self), place, key, payload)
    }

    fn ask_after(
        &self,
        room: impl Future<Output = Option<OwnedSemaphorePermit>> + Send + 'static,
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
        let (tell, told) = oneshot::channel();
        let under_way = Arc::clone(&self.under_way);
        tokio::spawn(async move {
            let room = room.await;
            let Some(door) = client.door(place) else { return };
            let at = Instant::now();
            let exchange = door.exchange(Method::POST, path, body);
            let answer = match tokio::time::timeout(PATIENCE, with_room(room, exchange)).await {
                Ok(Ok((status, body))) => read(status, &body),
                Ok(Err(why)) => Answer::None { why: why.into() },
                Err(_) => Answer::None { why: format!("nothing for {PATIENCE:?}").into() },
            };
            let until = Instant::now();
            client.recorder.asked(Exchange { place, key, payload, at, until, answer: answer.clone() });
            // Who asked may have gone on.
            drop(tell.send(answer));
            drop(under_way);
        });
        told
    }

    /// Waits until all requests are answered or given up.
    pub(crate) async fn finish(&self) {
        while Arc::strong_count(&self.under_way) > 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Holds the room only for the time that it counts.
async fn with_room<T>(room: Option<OwnedSemaphorePermit>, exchange: impl Future<Output = T>) -> T {
    tokio::pin!(exchange);
    if let Ok(answer) = tokio::time::timeout(COUNTS_FOR, &mut exchange).await {
        return answer;
    }
    drop(room);
    exchange.await
}

impl Door {
    async fn exchange(&self, method: Method, path: String, body: Bytes) -> Result<(u16, Bytes), String> {
        let mut connection = match self.idle() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let in_words = |error: hyper::Error| format!("{error:?}");
        connection.ready().await.map_err(in_words)?;
        let request = Request::builder().method(method).uri(path).header(HOST, "signer");
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
    fn answers_are_read_as_octez_reads_them() {
        let error = |reason: &str| format!(r#"[{{"kind":"temporary","id":"failure","msg":"{reason}"}}]"#);
        let signed = Answer::Signed("sig".into());
        assert_eq!(read(200, br#"{"signature":"sig"}"#), signed);
        assert_eq!(read(500, error("why").as_bytes()), Answer::NotSigned { status: 500, reason: "why".into() });
        for (status, body) in [(200, r#"{"signature":"sig","more":1}"#), (500, ""), (409, "[]"), (500, "no")] {
            assert!(matches!(read(status, body.as_bytes()), Answer::Unreadable { .. }), "{status} {body}");
        }
    }
}

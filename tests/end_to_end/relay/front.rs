//! What stands before a signer, as the relay sees it: the platform, which checks the function key, and a network that can be in
//! trouble. Forwards to a signer of its own, and counts.

use crate::support::http::{Answer, Connection};
use axum::body::Bytes;
use axum::http::{HeaderName, Request, Response};
use http_body_util::Full;
use stand_ins::{ConnectionNumber, HttpsServer, Protocols};
use std::collections::{BTreeMap, VecDeque};
use std::future::pending;
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::watch;

/// The function key that it requires.
pub(crate) const KEY: &str = "functionkeyoftherelay";

/// What becomes of a request with a credential.
#[derive(Clone)]
pub(crate) enum Effect {
    /// It is answered after [`Front::release`].
    Held,
    /// The signer answers, and its answer arrives after [`Front::release`].
    AnswerHeld,
    /// It is never answered.
    Silence,
    /// The connection ends before the answer; with HTTP/2, the stream.
    Broken,
    /// It is answered with this, and the signer never sees it.
    Instead(Answer),
    /// The signer's answer is changed.
    Changed(fn(&mut Answer)),
}

/// A request that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) connection: u64,
    pub(crate) is_http2: bool,
}

/// A front, over TLS. Ends with the test.
pub(crate) struct Front {
    /// Its connections.
    pub(crate) server: HttpsServer,
    shared: Arc<Shared>,
}

struct Shared {
    signer: Mutex<SocketAddr>,
    state: Mutex<State>,
    released: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    key: String,
    effects: VecDeque<Effect>,
    always: Option<Effect>,
    answers_held: u32,
    /// Of each answer that was passed on; empty for those without one.
    reasons: Vec<String>,
    seen: Vec<Seen>,
}

impl Front {
    pub(crate) fn start(signer: SocketAddr) -> Self {
        Self::start_with(signer, Protocols::Http2)
    }

    pub(crate) fn start_with(signer: SocketAddr, protocols: Protocols) -> Self {
        let state = Mutex::new(State { key: KEY.to_owned(), ..State::default() });
        let shared = Arc::new(Shared { signer: Mutex::new(signer), state, released: watch::Sender::new(false) });
        let of_server = Arc::clone(&shared);
        let answer = move |request| {
            let shared = Arc::clone(&of_server);
            async move { shared.answer(request).await }
        };
        let server = HttpsServer::start(([127, 0, 0, 1], 0).into(), &[], protocols, answer).unwrap();
        Self { server, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.server.address())
    }

    /// Forwards to another signer.
    pub(crate) fn lead_to(&self, signer: SocketAddr) {
        *self.shared.signer.lock().unwrap() = signer;
    }

    /// What becomes of the next signing requests, one after the other.
    pub(crate) fn next(&self, effects: impl IntoIterator<Item = Effect>) {
        self.shared.lock().effects.extend(effects);
    }

    /// What becomes of every signing request, until it is called again.
    pub(crate) fn always(&self, effect: Option<Effect>) {
        self.shared.lock().always = effect;
    }

    /// Answers what is held.
    pub(crate) fn release(&self) {
        self.shared.released.send_replace(true);
    }

    /// Answers of the signer that are held.
    pub(crate) fn answers_held(&self) -> u32 {
        self.shared.lock().answers_held
    }

    /// How many answers with this reason have been passed on.
    pub(crate) fn answers_with(&self, reason: &str) -> usize {
        self.shared.lock().reasons.iter().filter(|other| *other == reason).count()
    }

    /// Requires another function key.
    pub(crate) fn require_key(&self, key: &str) {
        key.clone_into(&mut self.shared.lock().key);
    }

    /// Closes all connections, and refuses new ones, or no longer.
    pub(crate) fn refuse(&self, refuse: bool) {
        self.server.refuse_connections(refuse).unwrap();
    }

    /// All requests that arrived.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.lock().seen.clone()
    }

    /// The requests to sign that arrived.
    pub(crate) fn posts(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.method == "POST").collect()
    }

    /// How many requests to sign arrived.
    pub(crate) fn signing_requests(&self) -> usize {
        self.posts().len()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn answer(self: Arc<Self>, request: Request<Bytes>) -> io::Result<Response<Full<Bytes>>> {
        let seen = Seen::of(&request);
        let effect = {
            let mut state = self.lock();
            state.seen.push(seen.clone());
            if seen.headers.get("x-functions-key") != Some(&state.key) {
                return Ok(written(&platform(401)));
            }
            let next = if seen.method == "POST" { state.effects.pop_front() } else { None };
            next.or_else(|| state.always.clone().filter(|_| seen.method == "POST"))
        };
        let mut answer = match &effect {
            Some(Effect::Broken) => return Err(ErrorKind::ConnectionReset.into()),
            Some(Effect::Silence) => pending().await,
            Some(Effect::Instead(answer)) => answer.clone(),
            Some(Effect::Held | Effect::AnswerHeld | Effect::Changed(_)) | None => {
                if matches!(effect, Some(Effect::Held)) {
                    self.wait_for_release().await;
                }
                let shared = Arc::clone(&self);
                let forward = move || shared.forward(&seen, request.body());
                tokio::task::spawn_blocking(forward).await??
            }
        };
        match effect {
            Some(Effect::Changed(change)) => change(&mut answer),
            Some(Effect::AnswerHeld) => {
                self.lock().answers_held += 1;
                self.wait_for_release().await;
            }
            _ => {}
        }
        self.lock().reasons.push(answer.header("x-signer-reason").to_owned());
        Ok(written(&answer))
    }

    async fn wait_for_release(&self) {
        drop(self.released.subscribe().wait_for(|is_released| *is_released).await);
    }

    fn forward(&self, seen: &Seen, body: &[u8]) -> io::Result<Answer> {
        let mut connection = Connection::open(*self.signer.lock().unwrap())?;
        let mut head = format!(
            "{} {} HTTP/1.1\r\nhost: signer\r\nconnection: close\r\ncontent-length: {}\r\n",
            seen.method,
            seen.target,
            body.len()
        );
        let own = ["host", "content-length", "connection"];
        for (name, value) in seen.headers.iter().filter(|(name, _)| !own.contains(&name.as_str())) {
            head.extend([name.as_str(), ": ", value.as_str(), "\r\n"]);
        }
        connection.write_all(&[head.as_bytes(), b"\r\n", body].concat())?;
        connection.read_answer()
    }
}

impl Seen {
    fn of(request: &Request<Bytes>) -> Self {
        let headers = request.headers().iter();
        Self {
            method: request.method().to_string(),
            target: request.uri().path_and_query().unwrap().to_string(),
            headers: headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect(),
            connection: request.extensions().get::<ConnectionNumber>().unwrap().0,
            is_http2: request.version() == axum::http::Version::HTTP_2,
        }
    }
}

fn written(answer: &Answer) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(answer.status);
    let framing = ["content-length", "connection", "transfer-encoding"];
    for (name, value) in answer.headers.iter().filter(|(name, _)| !framing.contains(&name.as_str())) {
        response = response.header(name.parse::<HeaderName>().unwrap(), value);
    }
    response.body(Full::from(answer.body.clone())).unwrap()
}

/// An answer of a platform, which has no signer's headers.
pub(crate) fn platform(status: u16) -> Answer {
    Answer { status, ..Answer::default() }
}

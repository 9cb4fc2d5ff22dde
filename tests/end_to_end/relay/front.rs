//! What stands before a signer, as the relay sees it: the platform, which checks the function key, and a network that can be in
//! trouble. Forwards to a signer of its own, and counts.

use crate::support::http::{Answer, Connection};
use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

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
    /// The connection ends before the answer.
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
}

/// A front. Ends with the test.
pub(crate) struct Front {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    signer: Mutex<SocketAddr>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    key: String,
    effects: VecDeque<Effect>,
    always: Option<Effect>,
    is_released: bool,
    answers_held: u32,
    /// Of each answer that was passed on; empty for those without one.
    reasons: Vec<String>,
    is_refusing: bool,
    connections: u32,
    open: Vec<TcpStream>,
    seen: Vec<Seen>,
}

impl Front {
    pub(crate) fn start(signer: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Mutex::new(State { key: KEY.to_owned(), ..State::default() });
        let shared = Arc::new(Shared { signer: Mutex::new(signer), state, changed: Condvar::new() });
        let of_thread = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&of_thread);
                let mut state = shared.lock();
                state.connections += 1;
                if state.is_refusing {
                    drop(stream.shutdown(Shutdown::Both));
                    continue;
                }
                state.open.push(stream.try_clone().unwrap());
                drop(state);
                std::thread::spawn(move || drop(shared.serve(stream)));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
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
        self.shared.lock().is_released = true;
        self.shared.changed.notify_all();
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

    /// Closes all connections, and each new one, or no longer.
    pub(crate) fn refuse(&self, refuse: bool) {
        let mut state = self.shared.lock();
        state.is_refusing = refuse;
        for stream in std::mem::take(&mut state.open) {
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    /// Connections that were ever opened.
    pub(crate) fn connections(&self) -> u32 {
        self.shared.lock().connections
    }

    /// All requests that arrived.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.lock().seen.clone()
    }

    /// How many requests to sign arrived.
    pub(crate) fn signing_requests(&self) -> usize {
        self.seen().iter().filter(|seen| seen.method == "POST").count()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut writer = stream.try_clone()?;
        let mut reader = BufReader::new(stream);
        while let Some((seen, body)) = read_request(&mut reader)? {
            let is_known = seen.headers.get("x-functions-key") == Some(&self.lock().key);
            self.lock().seen.push(seen.clone());
            if !is_known {
                writer.write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n")?;
                continue;
            }
            let effect = if seen.method == "POST" { self.effect() } else { None };
            let answer = match effect {
                Some(Effect::Broken) => return writer.shutdown(Shutdown::Both),
                Some(Effect::Silence) => {
                    // Until the other side gives up.
                    drop(reader.read(&mut [0]));
                    return Ok(());
                }
                Some(Effect::Instead(answer)) => answer,
                Some(Effect::Held) => {
                    self.wait_for_release();
                    self.forward(&seen, &body)?
                }
                Some(Effect::AnswerHeld) => {
                    let answer = self.forward(&seen, &body)?;
                    self.lock().answers_held += 1;
                    self.wait_for_release();
                    answer
                }
                Some(Effect::Changed(change)) => {
                    let mut answer = self.forward(&seen, &body)?;
                    change(&mut answer);
                    answer
                }
                None => self.forward(&seen, &body)?,
            };
            writer.write_all(&written(&answer))?;
            self.lock().reasons.push(answer.header("x-signer-reason").to_owned());
        }
        Ok(())
    }

    fn wait_for_release(&self) {
        drop(self.changed.wait_while(self.lock(), |state| !state.is_released).unwrap());
    }

    fn effect(&self) -> Option<Effect> {
        let mut state = self.lock();
        let next = state.effects.pop_front();
        next.or_else(|| state.always.clone())
    }

    fn forward(&self, seen: &Seen, body: &[u8]) -> std::io::Result<Answer> {
        let mut connection = Connection::open(*self.signer.lock().unwrap())?;
        let mut head = format!(
            "{} {} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n",
            seen.method,
            seen.target,
            body.len()
        );
        for (name, value) in seen.headers.iter().filter(|(name, _)| *name != "content-length" && *name != "connection")
        {
            head.extend([name.as_str(), ": ", value.as_str(), "\r\n"]);
        }
        connection.write_all(&[head.as_bytes(), b"\r\n", body].concat())?;
        connection.read_answer()
    }
}

fn read_request(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<(Seen, Vec<u8>)>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some((Seen { method, target, headers }, body)))
}

fn written(answer: &Answer) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {} x\r\ncontent-length: {}\r\n", answer.status, answer.body.len());
    let framing = ["content-length", "connection", "transfer-encoding"];
    for (name, value) in answer.headers.iter().filter(|(name, _)| !framing.contains(&name.as_str())) {
        text.extend([name.as_str(), ": ", value.as_str(), "\r\n"]);
    }
    (text + "\r\n" + &answer.body).into_bytes()
}

/// An answer of a platform, which has no signer's headers.
pub(crate) fn platform(status: u16) -> Answer {
    Answer { status, ..Answer::default() }
}

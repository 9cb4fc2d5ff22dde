//! A minimal signer with one deliberate fault. It keeps marks correctly, but decodes nothing of a payload except level and
//! round.

use conformance::crypto::{Curve, Scheme, SecretKey, with_other_s};
use serde_json::json;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// The deliberate fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// Signs every payload, and keeps no marks.
    SignsEverything,
    /// Signs a repeated block again, so the signature differs by ECDSA's randomness.
    FreshSignatureOfBlocks,
    /// Tags 21 and 23 have separate marks.
    MarkOfTag,
    /// secp256k1 signatures have a high s, as those of HSMs may.
    HighS,
    /// The mark ignores the round.
    IgnoresRounds,
    /// One mark for all chains.
    IgnoresChains,
    /// Checks the mark, waits, and then writes it.
    ChecksThenWrites,
    /// The answer has a second field.
    ExtraField,
    /// Refuses everything.
    RefusesEverything,
    /// Answers 200 with an unrelated signature.
    Garbage,
}

pub(crate) struct Stub {
    pub(crate) address: SocketAddr,
}

struct Signer {
    fault: Fault,
    keys: HashMap<String, SecretKey>,
    marks: Mutex<HashMap<MarkId, Mark>>,
    randomness: AtomicU64,
}

/// Chain, key, watermark byte, and a distinction that a fault adds.
type MarkId = (Vec<u8>, String, u8, u8);

#[derive(Clone)]
struct Mark {
    position: (u32, u32),
    payload: Vec<u8>,
    version: String,
    signature: String,
}

impl Stub {
    pub(crate) fn start(fault: Fault) -> Self {
        let suite = conformance::tables::suite().keys;
        let keys = suite.keys.iter().filter(|key| !["client", "stranger"].contains(&key.role.as_str()));
        let keys = keys.map(|key| (key.hash.clone(), SecretKey::from_text(&key.secret_key).unwrap())).collect();
        let signer = Arc::new(Signer { fault, keys, marks: Mutex::default(), randomness: AtomicU64::new(0) });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let signer = Arc::clone(&signer);
                std::thread::spawn(move || signer.serve(stream));
            }
        });
        Self { address }
    }
}

impl Signer {
    /// Serves one request per connection.
    fn serve(&self, mut stream: TcpStream) {
        let mut bytes = Vec::new();
        let (path, body) = loop {
            let mut buffer = [0; 4096];
            let Ok(count @ 1..) = stream.read(&mut buffer) else { return };
            bytes.extend_from_slice(&buffer[..count]);
            if let Some(request) = parsed(&bytes) {
                break request;
            }
        };
        let (status, answer) = match body {
            None => self.public_key(&path),
            Some(body) => self.sign(&path, &body),
        };
        let head = "content-type: application/json\r\nconnection: close";
        let answer = format!("HTTP/1.1 {status} X\r\n{head}\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
        drop(stream.write_all(answer.as_bytes()));
    }

    fn public_key(&self, path: &str) -> (u16, String) {
        match self.keys.get(path.trim_start_matches("/keys/")) {
            Some(key) => (200, json!({"public_key": key.public_key().text()}).to_string()),
            None => refusal(404),
        }
    }

    fn sign(&self, path: &str, body: &str) -> (u16, String) {
        let (hash, query) =
            path.trim_start_matches("/keys/").split_once('?').unwrap_or((path.trim_start_matches("/keys/"), ""));
        let Some(key) = self.keys.get(hash) else { return refusal(404) };
        let version = query.split_once("version=").map_or("3", |(_, version)| version);
        let payload = hex::decode(body.trim().trim_matches('"')).unwrap();
        match self.fault {
            Fault::RefusesEverything => refusal(409),
            Fault::Garbage => (200, json!({"signature": "edsigtXomBKi5CTRf5cjATJWSyaRvhfYNHqSUGrn4SdbYRcGwQrUGjzEfQDTuqHhuA8b2d8NarZjz8TRf65WkpQmo423BtomS8Q"}).to_string()),
            Fault::SignsEverything => self.answer(&self.text(key, &payload, version)),
            _ if version == "0" && key.curve() == Curve::Bls => refusal(403),
            _ => self.sign_by_mark(hash, key, &payload, version),
        }
    }

    fn sign_by_mark(&self, hash: &str, key: &SecretKey, payload: &[u8], version: &str) -> (u16, String) {
        let Some(watermark @ 0x11..=0x13) = payload.first().copied() else {
            return self.answer(&self.text(key, payload, version));
        };
        let Some((mut position, tag)) = position(payload) else { return refusal(403) };
        let mut chain = payload[1..5].to_vec();
        match self.fault {
            Fault::IgnoresRounds => position.1 = 0,
            Fault::IgnoresChains => chain = Vec::new(),
            _ => {}
        }
        let tag = if self.fault == Fault::MarkOfTag { tag } else { 0 };
        let id = (chain, hash.to_owned(), watermark, tag);
        let text = self.text(key, payload, version);
        let new = Mark { position, payload: payload.to_vec(), version: version.to_owned(), signature: text.clone() };

        let mut marks = self.marks.lock().unwrap();
        let stored = marks.get(&id).cloned();
        match stored {
            Some(mark) if mark.position > position => refusal(409),
            Some(mark) if mark.position == position => {
                if self.fault != Fault::IgnoresRounds && mark.payload != payload {
                    return refusal(409);
                }
                let is_block = watermark == 0x11;
                // Versions 2 and 3 are one scheme.
                if is_block && (mark.version == "1") != (version == "1") {
                    return refusal(409);
                }
                let fresh = !is_block || matches!(self.fault, Fault::FreshSignatureOfBlocks | Fault::IgnoresRounds);
                self.answer(if fresh { &text } else { &mark.signature })
            }
            Some(mark) if position.0 - mark.position.0 > 100_000 => refusal(409),
            _ => {
                if self.fault == Fault::ChecksThenWrites {
                    drop(marks);
                    // Long enough for all copies of a case to pass the check, even on a slow machine.
                    std::thread::sleep(std::time::Duration::from_millis(300));
                    marks = self.marks.lock().unwrap();
                }
                marks.insert(id, new);
                self.answer(&text)
            }
        }
    }

    fn text(&self, key: &SecretKey, payload: &[u8], version: &str) -> String {
        let scheme = if version == "1" { Scheme::Augmented } else { Scheme::ProofOfPossession };
        let number = self.randomness.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let randomness: &[u8] = if self.fault == Fault::FreshSignatureOfBlocks { &number } else { &[] };
        let mut bytes = key.sign_with(payload, scheme, randomness);
        if self.fault == Fault::HighS && key.curve() == Curve::Secp256k1 {
            bytes = with_other_s(key.curve(), &bytes);
        }
        key.curve().signature().encode(&bytes)
    }

    fn answer(&self, signature: &str) -> (u16, String) {
        let mut answer = json!({"signature": signature});
        if self.fault == Fault::ExtraField {
            answer["level"] = 10.into();
        }
        (200, answer.to_string())
    }
}

fn refusal(status: u16) -> (u16, String) {
    (status, json!([{"kind": "temporary", "id": "failure", "msg": "no"}]).to_string())
}

/// Path and body, once they are complete. A GET request has no body.
fn parsed(bytes: &[u8]) -> Option<(String, Option<String>)> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let path = head.split(' ').nth(1).unwrap().to_owned();
    if head.starts_with("GET") {
        return Some((path, None));
    }
    let length = head.split_once("content-length: ").unwrap().1.split("\r\n").next().unwrap().parse::<usize>().unwrap();
    (body.len() >= length).then(|| (path, Some(body.to_owned())))
}

/// Level, round and tag of a block or vote that is long enough.
fn position(payload: &[u8]) -> Option<((u32, u32), u8)> {
    let number = |at: usize| Some(u32::from_be_bytes(payload.get(at..at + 4)?.try_into().ok()?));
    if payload[0] == 0x11 {
        let round_at = 83 + number(83)? as usize;
        let shortest = round_at + 4 + 32 + 46;
        return (payload.len() >= shortest).then_some(((number(5)?, number(round_at)?), 0));
    }
    let tag = *payload.get(37)?;
    let (level_at, length) = if matches!(tag, 40 | 41) { (38, 78) } else { (40, 80) };
    (payload.len() >= length).then_some(((number(level_at)?, number(level_at + 4)?), tag))
}

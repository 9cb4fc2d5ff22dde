//! Parses a script of requests.
//!
//! A body that begins with `@` is generated, as a JSON string of hexadecimal digits:
//!
//! * `@a 10 0 1`: the attestation of level 10, round 0, variant 1; `@p` a preattestation, `@b` a block, `@d` an attestation
//!   with DAL content, `@s` an attestation for tz4 keys;
//! * `@t 7 1`: a transfer of 7 mutez for a fee of 1;
//! * `@x` and bytes: those bytes;
//! * `@z 128`: this many KiB of zeros.

use super::store::Fault;
use super::vault;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Request, Uri};
use azurehsm_signer::tezos::payload::Kind;
use payloads::{attestation, block, bls_attestation, payload, transfer};

#[path = "../../../tests/support/payloads.rs"]
#[allow(dead_code, reason = "not every payload is needed here")]
mod payloads;

/// The maximum number of requests in a script.
const MAX_REQUESTS: usize = 8;

/// The configuration of the signer.
#[derive(Debug, Clone, Copy)]
pub struct Config {
    pub(super) lists_known_keys: bool,
    pub(super) asks_for_authentication: bool,
    pub(super) allows_operations: bool,
}

/// One request.
#[derive(Debug)]
pub struct Ask {
    pub(super) at_second_instance: bool,
    pub(super) method: Method,
    target: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) fault: Option<Fault>,
    pub(super) body: Vec<u8>,
    /// The payload of a generated body.
    pub(super) made: Option<Vec<u8>>,
}

/// Parses a script, and skips invalid requests.
pub fn read(input: &[u8]) -> (Config, Vec<Ask>) {
    let (letters, requests) = split_at_text(input, b"\n");
    let has = |letter: u8| letters.contains(&letter);
    let config =
        Config { lists_known_keys: has(b'k'), asks_for_authentication: has(b'a'), allows_operations: has(b'o') };
    let mut scripted = Vec::new();
    let mut rest = requests;
    while !rest.is_empty() && scripted.len() < MAX_REQUESTS {
        let (request, after) = split_at_text(rest, b"\n===\n");
        scripted.extend(ask(request));
        rest = after;
    }
    (config, scripted)
}

fn split_at_text<'a>(bytes: &'a [u8], text: &[u8]) -> (&'a [u8], &'a [u8]) {
    match bytes.windows(text.len()).position(|window| window == text) {
        Some(at) => (&bytes[..at], &bytes[at + text.len()..]),
        None => (bytes, &[]),
    }
}

fn ask(request: &[u8]) -> Option<Ask> {
    let (head, body) = split_at_text(request, b"\n\n");
    let head = str::from_utf8(head).ok()?;
    let mut lines = head.lines();
    let (method, target) = lines.next()?.split_once(' ')?;
    let (at_second_instance, method) = method.strip_prefix('!').map_or((false, method), |method| (true, method));
    let mut headers = Vec::new();
    let mut fault = None;
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { continue };
        if name == "x-fault" {
            fault = fault_of_name(value.trim());
        } else if let (Ok(name), Ok(value)) = (name.parse(), value.trim().parse()) {
            headers.push((name, value));
        }
    }
    let made = made(body);
    let body = match &made {
        Some(payload) => format!("\"{}\"\n", hex::encode(payload)).into(),
        None => large(body).unwrap_or_else(|| body.to_vec()),
    };
    let method = method.parse().ok()?;
    Some(Ask { at_second_instance, method, target: target.to_owned(), headers, fault, body, made })
}

fn fault_of_name(name: &str) -> Option<Fault> {
    Some(match name {
        "answer-lost" => Fault::AnswerLost,
        "write-lost" => Fault::WriteLost,
        "write-late" => Fault::WriteLate,
        "written-twice" => Fault::WrittenTwice,
        "write-refused" => Fault::WriteRefused,
        "read-fails" => Fault::ReadFails,
        _ => return None,
    })
}

fn made(body: &[u8]) -> Option<Vec<u8>> {
    if let Some(bytes) = body.strip_prefix(b"@x") {
        return Some(bytes.to_vec());
    }
    let mut words = str::from_utf8(body).ok()?.split_ascii_whitespace();
    let what = words.next()?;
    let mut number = || words.next().and_then(|word| word.parse::<u32>().ok()).unwrap_or_default();
    let (first, second, third) = (number(), number(), number());
    let small = |number: u32| number.to_be_bytes()[3];
    Some(match what {
        "@b" => block(first, second, small(third)),
        "@p" => payload(Kind::Preattestation, first, second, small(third)),
        "@a" => payload(Kind::Attestation, first, second, small(third)),
        "@d" => attestation(first, second, small(third)).with_dal(2048).bytes(),
        "@s" => bls_attestation(first, second, small(third)),
        "@t" => transfer(small(first) & 0x7f, small(second) & 0x7f),
        _ => return None,
    })
}

/// A large body of digits.
fn large(body: &[u8]) -> Option<Vec<u8>> {
    let kibibytes: usize = str::from_utf8(body.strip_prefix(b"@z ")?).ok()?.parse().ok()?;
    let mut body = vec![b'0'; kibibytes.min(255) * 1024];
    if let [first, .., last] = body.as_mut_slice() {
        *first = b'"';
        *last = b'"';
    }
    Some(body)
}

impl Ask {
    /// The request, if its target and headers are valid.
    pub(super) fn request(&self) -> Option<Request<Body>> {
        let mut request = Request::new(Body::from(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri()?;
        for (name, value) in &self.headers {
            request.headers_mut().append(name, value.clone());
        }
        Some(request)
    }

    /// The target, with placeholders replaced.
    pub(super) fn uri(&self) -> Option<Uri> {
        let mut target = self.target.clone();
        for key in vault::keys() {
            target = target.replace(&format!("{{{}}}", key.name), &key.hash.to_string());
        }
        if target.contains("{auth}") {
            let key = vault::keys().find(|key| target.contains(&key.hash.to_string()))?;
            let signature = vault::authenticate(key, &self.payload()?);
            target = target.replace("{auth}", &signature.to_string());
        }
        target.parse().ok()
    }

    /// The payload, if the body is a JSON string of hexadecimal digits.
    pub(super) fn payload(&self) -> Option<Vec<u8>> {
        if let Some(made) = &self.made {
            return Some(made.clone());
        }
        let body = self.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.body);
        hex::decode(serde_json::from_slice::<String>(body).ok()?).ok()
    }

    /// The name of the key, if this is a plain request for the signature of a block or a vote.
    pub(super) fn plain_key(&self) -> Option<&str> {
        let is_plain = self.method == Method::POST && self.headers.is_empty() && self.fault.is_none();
        let key = self.target.strip_prefix("/keys/{")?;
        let key = key.strip_suffix("?version=3").unwrap_or(key).strip_suffix('}')?;
        (is_plain && self.made.is_some() && ["tz2", "tz3"].contains(&key)).then_some(key)
    }
}

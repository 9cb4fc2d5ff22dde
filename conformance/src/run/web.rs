//! Cases of raw HTTP requests.

use super::client::{ClientError, Connection as Open, Response};
use super::compare::{Signed, expect_public_key, expect_refusal, expect_signature, octez_errors, shown};
use super::context::{Chains, Run};
use super::exchange;
use super::options::Target;
use super::outcome::Outcome;
use super::request::{Bytes, Parts};
use crate::case::{Answer, Body, Connection, HttpCase, HttpRequest, Instance};
use crate::crypto::Scheme;
use crate::hexadecimal::Hex;

/// Runs the requests of a case, up to the first whose answer differs.
pub(super) fn case(run: &Run<'_>, case: &HttpCase) -> Outcome {
    if let Some(missing) = run.missing(&case.needs) {
        return missing;
    }
    try_case(run, case).unwrap_or_else(|outcome| outcome)
}

fn try_case(run: &Run<'_>, case: &HttpCase) -> Result<Outcome, Outcome> {
    let chains = run.chains(&case.id);
    let last = case.requests.len().saturating_sub(1);
    let mut ready = Vec::new();
    for (index, request) in case.requests.iter().enumerate() {
        let keeps = case.connection != Connection::New && index < last;
        ready.push(Ready::new(run, &chains, request, keeps)?);
    }
    let mut outcome = Outcome::Passed;
    let mut open: Option<Open> = None;
    if case.connection == Connection::Pipelined {
        let mut connection = ready.first().ok_or(Outcome::Passed)?.connect(run)?;
        let all: Vec<u8> =
            ready.iter().flat_map(|ready| [ready.bytes.head.as_slice(), &ready.bytes.body].concat()).collect();
        connection.send(&all).map_err(|error| Outcome::differs("answers in order", error.to_string()))?;
        open = Some(connection);
    }
    for (number, ready) in (1..).zip(&ready) {
        let mut connection = match open.take() {
            Some(connection) => connection,
            None => ready.connect(run)?,
        };
        let answer = match case.connection {
            Connection::Pipelined => connection.receive(ready.bytes.is_head),
            Connection::New | Connection::Kept => exchange::on(&mut connection, &ready.bytes),
        };
        if case.connection != Connection::New {
            open = Some(connection);
        }
        outcome = outcome.or(ready.compare(run, answer, number, case.requests.len()));
        if matches!(outcome, Outcome::Differs { .. }) {
            break;
        }
    }
    Ok(outcome)
}

/// A request that is ready to be sent.
struct Ready<'a> {
    request: &'a HttpRequest,
    payload: Option<Hex>,
    bytes: Bytes,
}

impl<'a> Ready<'a> {
    fn new(run: &Run<'_>, chains: &Chains, request: &'a HttpRequest, keeps: bool) -> Result<Self, Outcome> {
        let payload = match &request.body {
            Some(Body::Text { payload: Some(payload), .. }) => {
                let is_consensus = matches!(payload.0.first(), Some(0x11..=0x13));
                Some(chains.written_over(payload, is_consensus.then_some('a')))
            }
            _ => None,
        };
        let body = request.body.as_ref().map(|body| bytes_of(body, payload.as_ref()));
        let path = with_hashes(run, &request.path)?;
        let client = run.options.client(target(request)).ok_or_else(no_instance)?;
        let parts = Parts {
            method: &request.method,
            path: &path,
            headers: request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            body: body.as_deref(),
            framing: request.framing,
            keeps,
        };
        Ok(Self { request, payload, bytes: parts.bytes(client) })
    }

    fn connect(&self, run: &Run<'_>) -> Result<Open, Outcome> {
        let client = run.options.client(target(self.request)).ok_or_else(no_instance)?;
        client.connect().map_err(|error| Outcome::differs("a connection", error.to_string()))
    }

    fn compare(&self, run: &Run<'_>, answer: Result<Response, ClientError>, number: usize, of: usize) -> Outcome {
        let which = if of > 1 { format!("answer {number}: ") } else { String::new() };
        let expected = || format!("{which}{}", self.expectation());
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Outcome::differs(expected(), error.to_string()),
        };
        match self.compared(run, &answer) {
            Ok(Outcome::Status { came, .. }) => Outcome::status(expected(), came),
            Ok(Outcome::Differs { came, difference, .. }) => {
                Outcome::Differs { expected: expected(), came, difference }
            }
            Ok(outcome) => outcome,
            Err(came) => Outcome::differs(expected(), came),
        }
    }

    fn expectation(&self) -> String {
        let status = self.request.expect.status;
        match &self.request.expect.answer {
            Answer::Signature(key) => format!("{status}, exactly a signature by {key}"),
            Answer::PublicKey(key) => format!("{status}, exactly the public key of {key}"),
            Answer::Json(json) => format!("{status}, exactly {json}"),
            Answer::Success => "200".to_owned(),
            Answer::Errors => format!("{status}, a list of octez errors"),
            Answer::NoSuccess => format!("{status}"),
            Answer::NoBody => format!("{status}, no body"),
        }
    }

    /// The outcome, or what the actual answer is if the verdict differs.
    fn compared(&self, run: &Run<'_>, answer: &Response) -> Result<Outcome, String> {
        let status = self.request.expect.status;
        match &self.request.expect.answer {
            Answer::Signature(name) => {
                let key = run.key(name).map_err(|_| format!("no key {name}"))?;
                let payload = self.payload.clone().unwrap_or_default();
                let signed = Signed { key: &key.public_key, payload: &payload.0, scheme: Scheme::default() };
                expect_signature(answer, "signature", &signed).map(|_| Outcome::Passed)
            }
            Answer::PublicKey(name) => {
                let key = run.key(name).map_err(|_| format!("no key {name}"))?;
                expect_public_key(answer, &key.public_key).map(|()| Outcome::Passed)
            }
            Answer::Json(json) => {
                let is_same = serde_json::from_slice(&answer.body).is_ok_and(|body: serde_json::Value| body == *json);
                if answer.status == status && is_same { Ok(Outcome::Passed) } else { Err(shown(answer)) }
            }
            Answer::Success => {
                if answer.status == 200 {
                    Ok(Outcome::Passed)
                } else {
                    Err(shown(answer))
                }
            }
            Answer::NoBody => {
                if answer.status == status && answer.body.is_empty() {
                    Ok(Outcome::Passed)
                } else {
                    Err(shown(answer))
                }
            }
            Answer::Errors => Ok(expect_refusal(answer, status)),
            Answer::NoSuccess => match expect_refusal(answer, status) {
                // Where octez-signer answers without a body, none is required; a JSON body must be one that octez-client can parse.
                Outcome::Status { .. }
                    if answer.status == status && (answer.body.is_empty() || octez_errors(answer).is_ok()) =>
                {
                    Ok(Outcome::Passed)
                }
                outcome => Ok(outcome),
            },
        }
    }
}

fn no_instance() -> Outcome {
    Outcome::NotRun { reason: "there is no such instance".to_owned() }
}

fn target(request: &HttpRequest) -> Target<'_> {
    match request.at {
        Instance::First => Target::Holding(key_in(&request.path).unwrap_or_default()),
        Instance::Second => Target::Second,
        Instance::Authenticated => Target::Authenticated,
    }
}

/// The name of the key in a path.
fn key_in(path: &str) -> Option<&str> {
    Some(path.split_once('{')?.1.split_once('}')?.0)
}

/// Replaces the name of the key by its hash.
fn with_hashes(run: &Run<'_>, path: &str) -> Result<String, Outcome> {
    let Some(name) = key_in(path) else { return Ok(path.to_owned()) };
    Ok(path.replace(&format!("{{{name}}}"), &run.key(name)?.hash))
}

fn bytes_of(body: &Body, payload: Option<&Hex>) -> Vec<u8> {
    match body {
        Body::Bytes(bytes) => bytes.0.clone(),
        Body::Zeros(count) => [b"\"", "0".repeat(*count).as_bytes(), b"\""].concat(),
        Body::Text { text, .. } => {
            let digits = payload.map(|payload| hex::encode(&payload.0)).unwrap_or_default();
            text.replace("{payload}", &digits)
                .replace("{PAYLOAD}", &digits.to_uppercase())
                .replace("{payload-from-1}", digits.get(2..).unwrap_or_default())
                .into_bytes()
        }
    }
}

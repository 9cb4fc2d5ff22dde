//! Builds requests and cases.

use super::super::consequences;
use crate::case::{Answer, Body, Connection, Expectation, Framing, HttpCase, HttpRequest, Instance};
use crate::crypto::Curve;
use crate::payload::consensus::{Kind, Vote};

/// The key of most requests.
pub(super) const BAKER: &str = "baker-p256";

pub(super) fn vote() -> Vec<u8> {
    Vote::new(Kind::Attestation, Curve::P256, 10, 0).bytes()
}

pub(super) fn request(method: &str, path: &str, status: u16, answer: Answer) -> HttpRequest {
    HttpRequest {
        method: method.to_owned(),
        path: path.to_owned(),
        headers: Vec::new(),
        body: None,
        framing: Framing::Length,
        at: Instance::First,
        expect: Expectation { status, answer },
    }
}

pub(super) fn get(path: &str, status: u16, answer: Answer) -> HttpRequest {
    request("GET", path, status, answer)
}

pub(super) fn post(body: Body, status: u16, answer: Answer) -> HttpRequest {
    let content_type = ("content-type".to_owned(), "application/json".to_owned());
    HttpRequest {
        body: Some(body),
        headers: vec![content_type],
        ..request("POST", "/keys/{baker-p256}", status, answer)
    }
}

/// A template around the vote.
pub(super) fn around(text: &str) -> Body {
    Body::Text { text: text.to_owned(), payload: Some(vote().into()) }
}

pub(super) fn text(text: &str) -> Body {
    Body::Text { text: text.to_owned(), payload: None }
}

pub(super) fn signs(body: Body) -> HttpRequest {
    post(body, 200, Answer::Signature(BAKER.to_owned()))
}

/// octez-client's body: minified JSON and a newline.
pub(super) fn usual() -> Body {
    around("\"{payload}\"\n")
}

pub(super) fn case(name: &str, why: &str, requests: Vec<HttpRequest>) -> HttpCase {
    let id = format!("http/{name}");
    HttpCase {
        id,
        why: why.to_owned(),
        consequence: consequences::of_requests(&requests),
        features: Vec::new(),
        needs: Vec::new(),
        connection: Connection::New,
        requests,
    }
}

/// Completes a short reason.
pub(super) fn explained(why: &str) -> String {
    if why.len() > 40 { why.to_owned() } else { format!("{why} It must be rejected with an error.") }
}

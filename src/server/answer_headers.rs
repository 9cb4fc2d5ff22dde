//! The headers of answers: the verdict, which store, policy and version it came from, and whether from an observer.

use crate::answer::{Cause, UNKNOWN, Verdict, header};
use crate::signer::{Companion, Signer};
use crate::tezos::Signature;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use std::sync::Arc;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A signature, or a proof of possession.
pub(super) fn signed(body: Value) -> Response {
    let mut response = Json(body).into_response();
    set_verdict(response.headers_mut(), Verdict::Signed);
    response
}

/// Adds the companion key's signature, or the cause of its absence.
pub(super) fn add_companion(headers: &mut HeaderMap, companion: Result<Signature, Cause>) {
    match companion {
        Ok(signature) => {
            // Base58Check is valid in a header.
            if let Ok(signature) = HeaderValue::try_from(signature.to_string()) {
                headers.insert(header::COMPANION_SIGNATURE, signature);
            }
        }
        Err(cause) => drop(headers.insert(header::COMPANION_REASON, HeaderValue::from_static(cause.name()))),
    }
}

/// The companion key that a request names; `None` if it names none.
///
/// # Errors
/// [`Cause::Request`] if it is not one public key hash.
pub(super) fn companion_in(headers: &HeaderMap) -> Result<Option<Companion>, Cause> {
    let mut named = headers.get_all(header::COMPANION).iter();
    let Some(name) = named.next() else { return Ok(None) };
    let key = name.to_str().ok().and_then(|text| text.parse().ok());
    let key = key.filter(|_| named.next().is_none()).ok_or(Cause::Request)?;
    let authentication = headers.get(header::COMPANION_AUTHENTICATION).and_then(|value| value.to_str().ok());
    Ok(Some(Companion { key, authentication: authentication.map(str::to_owned) }))
}

/// Marks an answer as refused or failed.
pub(super) fn set_cause(headers: &mut HeaderMap, cause: Cause) {
    set_verdict(headers, cause.verdict());
    headers.insert(header::REASON, HeaderValue::from_static(cause.name()));
}

/// Marks every answer that has no verdict as one that is not about signing.
pub(super) async fn complete_verdict(mut response: Response) -> Response {
    if !response.headers().contains_key(header::VERDICT) {
        set_verdict(response.headers_mut(), Verdict::Answered);
    }
    response
}

/// Adds the store, the policy and the version.
pub(super) async fn identify(State(signer): State<Arc<Signer>>, mut response: Response) -> Response {
    let store = signer.store_digest().map_or_else(|| UNKNOWN.to_owned(), |digest| digest.to_string());
    let headers = response.headers_mut();
    for (name, text) in [(header::STORE, store), (header::POLICY, signer.policy().to_string())] {
        // Hexadecimal digits are valid in a header.
        let value = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(UNKNOWN));
        headers.insert(name, value);
    }
    headers.insert(header::VERSION, HeaderValue::from_static(VERSION));
    if signer.observes() {
        headers.insert(header::OBSERVES, HeaderValue::from_static("true"));
    }
    response
}

fn set_verdict(headers: &mut HeaderMap, verdict: Verdict) {
    headers.insert(header::VERDICT, HeaderValue::from_static(verdict.name()));
}

//! The routes of the relay: those of a signer, so that octez notices no difference.

use super::answers::{Answer, Passed};
use super::companions::Wanted;
use super::core::{NoKey, Relay};
use super::live::{Configured, Live};
use super::log::Line;
use super::race::TIME_TO_ANSWER;
use super::record::Record;
use super::request::{Companion, Request, Subject};
use super::responses::{self, passed};
use crate::server::{
    Arrival, ErrorResponse, InvalidRequest, LargeBodies, NotRead, PossessionQuery, SignQuery, hash_in_path,
    read_payload, understood, without_empty_segments, without_route,
};
use crate::tezos::{PublicKey, PublicKeyHash, Signature, SignatureVersion};
use crate::traces::Tracer;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request as HttpRequest, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde_json::json;
use std::sync::Arc;
use tokio::time::Instant;
use tower::util::MapRequest;

/// What the handlers need.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) live: Arc<Live>,
    pub(super) tracer: Tracer,
    pub(super) large_bodies: LargeBodies,
}

/// The service that answers requests. Empty path segments are ignored.
pub(super) fn router(server: Server) -> Router {
    let routes = Router::new()
        .route("/keys", get(keys))
        .route("/keys/{pkh}", get(public_key).post(sign))
        .route("/authorized_keys", get(authorized_keys))
        .route("/known_keys", get(known_keys))
        .route("/bls_prove_possession/{pkh}", get(prove_possession))
        .fallback(no_route)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(server.clone(), check_origin))
        // Probes name the host as they please, and learn nothing but yes or no.
        .route("/health", get(health))
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(server);
    Router::new().fallback_service(MapRequest::new(routes, without_empty_segments))
}

async fn check_origin(State(server): State<Server>, request: HttpRequest, next: Next) -> Response {
    match server.live.current().admission.check_origin(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(not_admitted) => responses::not_admitted(&not_admitted).into_response(),
    }
}

async fn sign(
    State(server): State<Server>,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<SignQuery>, QueryRejection>,
    arrival: Option<Extension<Arrival>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ErrorResponse> {
    let start = Instant::now();
    let configured = server.live.current();
    let deadline = start + configured.deadline;
    let hash = hash_in_path(path)?;
    let query = understood(query)?;
    let version = query.signature_version()?;
    let payload = read_payload(body, &server.large_bodies, deadline).await.map_err(|error| match error {
        NotRead::Late => responses::body_late(configured.deadline),
        NotRead::Invalid(invalid) => invalid.into(),
        NotRead::Failed(failed) => failed.into(),
    })?;
    if let Some(Extension(arrival)) = arrival {
        arrival.is_complete();
    }
    let Configured { relay, admission, .. } = &*configured;
    admission.check_payload(&hash, &payload).map_err(|error| responses::not_admitted(&error))?;
    let authenticated = admission.check_authentication(&hash, &payload, version, query.authentication.as_deref()).await;
    authenticated.map_err(|error| responses::not_admitted(&error))?;

    let mut record = Record::start(Line::new(&hash, &payload, start), &server.tracer, &headers);
    if relay.companions.is_companion(&hash)
        && let Some(signature) = relay.companions.kept_signature(&Wanted::new(hash, &payload, version))
    {
        record.kept();
        return Ok(signed("signature", &signature));
    }
    let key = find_key(relay, &hash, deadline).await?;
    record.found_key();
    // Where the relay has authorized keys, the client's authentication was for the relay.
    let of_client =
        query.authentication.filter(|_| relay.authentication_key.is_none() || admission.authorized_keys.is_empty());
    let authentication = match of_client {
        None => authentication_of_relay(relay, &hash, &payload, version).await?,
        of_client => of_client,
    };
    let companion = match relay.companions.of(&hash, &payload).and_then(|companion| relay.state.key(&companion)) {
        Some(key) => {
            let authentication = authentication_of_relay(relay, &key.hash(), &payload, version).await?;
            Some(Companion { key, authentication })
        }
        None => None,
    };
    let subject = Subject::Payload { payload: payload.into(), version, authentication };
    let request = Request { key, subject, companion, parent: record.parent_of_calls() };
    answer(relay, request, record, deadline).await
}

/// The relay's signature of a request, if it has a key for that.
async fn authentication_of_relay(
    relay: &Relay,
    key: &PublicKeyHash,
    payload: &[u8],
    version: SignatureVersion,
) -> Result<Option<String>, ErrorResponse> {
    let Some(own) = &relay.authentication_key else { return Ok(None) };
    let signature = own.sign(key, payload, version).await;
    signature.map(Some).map_err(|error| responses::failed(format!("RELAY_AUTHENTICATION_KEY_FILE: {error}")))
}

async fn prove_possession(
    State(server): State<Server>,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<PossessionQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, ErrorResponse> {
    let start = Instant::now();
    let configured = server.live.current();
    let deadline = start + configured.deadline;
    let hash = hash_in_path(path)?;
    let about = understood(query)?.public_key()?;
    let mut record = Record::start(Line::of_possession(&hash, start), &server.tracer, &headers);
    let key = find_key(&configured.relay, &hash, deadline).await?;
    record.found_key();
    let subject = Subject::Possession { about: about.map(|key| key.to_string()) };
    let request = Request { key, subject, companion: None, parent: record.parent_of_calls() };
    answer(&configured.relay, request, record, deadline).await
}

async fn answer(
    relay: &Arc<Relay>,
    request: Request,
    record: Record,
    deadline: Instant,
) -> Result<Response, ErrorResponse> {
    let field = request.field();
    match relay.answer(request, deadline).await {
        Answer::Signed(answer) => {
            record.signed(relay.upstreams.get(answer.upstream).map(|upstream| &upstream.url));
            Ok(signed(field, &answer.signature))
        }
        Answer::Passed(Passed { reply, upstream }) => {
            record.passed(relay.upstreams.get(upstream).map(|upstream| &upstream.url), &reply);
            Ok(passed(&reply))
        }
        Answer::Failed { reason } => {
            record.failed(&reason);
            Err(responses::failed(reason))
        }
    }
}

fn signed(field: &str, signature: &Signature) -> Response {
    Json(json!({field: signature.to_string()})).into_response()
}

async fn find_key(relay: &Relay, hash: &PublicKeyHash, deadline: Instant) -> Result<PublicKey, ErrorResponse> {
    // A failure must be reported in time, too.
    let deadline = deadline - TIME_TO_ANSWER;
    relay.public_key(hash, deadline).await.map_err(|no_key| match no_key {
        NoKey::Refused => responses::no_key(hash),
        NoKey::Failed(reason) => responses::failed(format!("the public key of {hash} is not known yet: {reason}")),
    })
}

async fn public_key(
    State(server): State<Server>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, ErrorResponse> {
    let configured = server.live.current();
    let deadline = Instant::now() + configured.deadline;
    let key = find_key(&configured.relay, &hash_in_path(path)?, deadline).await?;
    Ok(Json(json!({"public_key": key.to_string()})).into_response())
}

/// The keys that a signer lists, or those that the relay has seen if no signer answers.
async fn keys(State(server): State<Server>) -> Response {
    let configured = server.live.current();
    if let Some(reply) = configured.relay.list("/keys", Instant::now() + configured.deadline).await {
        return passed(&reply);
    }
    let keys = configured.relay.state.keys();
    let keys: Vec<_> = keys
        .iter()
        .map(|key| json!({"curve": key.curve().name(), "public_key_hash": key.hash().to_string(), "public_key": key.to_string()}))
        .collect();
    Json(keys).into_response()
}

/// The same as octez reads it. Signers refuse it unless `ALLOW_LIST_KNOWN_KEYS` is set.
async fn known_keys(State(server): State<Server>) -> Response {
    let configured = server.live.current();
    if let Some(reply) = configured.relay.list("/known_keys", Instant::now() + configured.deadline).await {
        return passed(&reply);
    }
    let hashes: Vec<_> = configured.relay.state.keys().iter().map(|key| key.hash().to_string()).collect();
    Json(json!({"known_keys": hashes})).into_response()
}

/// The relay's own keys where it has some. Otherwise none if the relay signs requests itself, and those of the upstreams if not.
async fn authorized_keys(State(server): State<Server>) -> Result<Response, ErrorResponse> {
    let configured = server.live.current();
    let own = &configured.admission.authorized_keys;
    let hashes = if own.is_empty() && configured.relay.authentication_key.is_some() {
        Vec::new()
    } else if own.is_empty() {
        let unknown = || responses::failed("no upstream has named its authorized keys yet: see the log".to_owned());
        configured.relay.state.authorized_keys().ok_or_else(unknown)?
    } else {
        own.iter().map(|key| key.hash).collect()
    };
    if hashes.is_empty() {
        return Ok(Json(json!({})).into_response());
    }
    let hashes: Vec<_> = hashes.iter().map(ToString::to_string).collect();
    Ok(Json(json!({"authorized_keys": hashes})).into_response())
}

/// Whether requests can be forwarded: the store is known, and an upstream is well.
async fn health(State(server): State<Server>) -> Response {
    let is_healthy = server.live.current().relay.is_ready();
    let mut response = Json(json!({"healthy": is_healthy})).into_response();
    if !is_healthy {
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    response
}

async fn no_route(uri: Uri) -> ErrorResponse {
    without_route(&uri).into()
}

async fn method_not_allowed() -> ErrorResponse {
    InvalidRequest::Method.into()
}

//! The routes, and how requests are parsed and handed to the signer.

use super::answer_headers::{add_companion, companion_in, complete_verdict, identify, set_cause, signed};
use super::arguments::{PossessionQuery, SignQuery, hash_in_path, understood};
use super::body::{self, LargeBodies, NotRead};
use super::client_certificates::{ClientCertificates, require_client_certificate};
use super::connections::Arrival;
use super::error_response::ErrorResponse;
use super::invalid::InvalidRequest;
use super::path::without_empty_segments;
use crate::answer::Cause;
use crate::signer::{Failure, NotSigned, SignRequest, Signer};
use crate::tezos::PublicKeyHash;
use crate::traces::TraceParent;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::{from_fn_with_state, map_response, map_response_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tower::util::MapRequest;

/// Settings of the server.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// How long a request may take, from the moment its head has arrived.
    pub deadline: Duration,
    /// Whether `GET /known_keys` lists keys.
    pub list_known_keys: bool,
    /// Whether requests come from the Functions host.
    pub is_under_functions_host: bool,
    /// The certificates of which a client must have one; `None` if it needs none.
    pub client_certificates: Option<Arc<ClientCertificates>>,
}

#[derive(Clone)]
struct Server {
    signer: Arc<Signer>,
    settings: ServerSettings,
    large_bodies: LargeBodies,
}

/// The router for all requests. Empty path segments are ignored.
pub fn router(signer: Arc<Signer>, settings: ServerSettings) -> Router {
    // A layer of the router would run after routing, so the path is normalized around it.
    Router::new().fallback_service(MapRequest::new(routes(signer, settings), without_empty_segments))
}

fn routes(signer: Arc<Signer>, settings: ServerSettings) -> Router {
    let certificates = settings.client_certificates.clone();
    Router::new()
        .route("/keys", get(keys))
        .route("/keys/{pkh}", get(public_key).post(sign))
        .route("/authorized_keys", get(authorized_keys))
        .route("/known_keys", get(known_keys))
        .route("/bls_prove_possession/{pkh}", get(prove_possession))
        .fallback(unknown_route)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(certificates, require_client_certificate))
        .layer(map_response_with_state(Arc::clone(&signer), identify))
        // The routes from here on are anonymous, and do not identify the signer.
        // The Functions host polls this every 25 ms until it is answered, before it sends anything else.
        .route("/", get(StatusCode::OK))
        .route("/health", get(health))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(map_response(complete_verdict))
        .with_state(Server { signer, settings, large_bodies: LargeBodies::default() })
}

async fn sign(
    State(server): State<Server>,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<SignQuery>, QueryRejection>,
    arrival: Option<Extension<Arrival>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ErrorResponse> {
    let deadline = Instant::now() + server.settings.deadline;
    refuse_web_pages(&headers)?;
    let key = hash_in_path(path)?;
    let query = understood(query)?;
    let version = query.signature_version()?;
    let payload = body::payload(body, &server.large_bodies, deadline).await.map_err(|error| match error {
        NotRead::Late => InvalidRequest::BodyLate(server.settings.deadline).into(),
        NotRead::Invalid(invalid) => ErrorResponse::from(invalid),
        NotRead::Failed(failed) => failed.into(),
    })?;
    if let Some(Extension(arrival)) = arrival {
        arrival.is_complete();
    }
    let request = SignRequest {
        key,
        payload,
        version,
        authentication: query.authentication,
        deadline,
        invocation: headers
            .get("x-azure-functions-invocationid")
            .and_then(|id| id.to_str().ok())
            .map(|id| id.chars().take(64).collect()),
        parent: TraceParent::of(&headers),
    };
    // A separate task, so that the request is finished, recorded and logged even if the client disconnects.
    let (signer, companion) = (Arc::clone(&server.signer), companion_in(&headers));
    let verdict = tokio::spawn(async move {
        Ok(match companion {
            Ok(None) => (signer.sign(&request).await?, None),
            Err(cause) => (signer.sign(&request).await?, Some(Err(cause))),
            Ok(Some(companion)) => {
                let (signature, of_companion) = signer.sign_with_companion(&request, companion).await?;
                (signature, Some(of_companion))
            }
        })
    });
    let verdict = verdict.await.unwrap_or_else(|error| Err(NotSigned::from(Failure::task_failed(&error))));
    let (signature, of_companion) = verdict?;
    let mut response = signed(json!({"signature": signature.to_string()}));
    if let Some(of_companion) = of_companion {
        add_companion(response.headers_mut(), of_companion);
    }
    Ok(response)
}

async fn public_key(
    State(server): State<Server>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, ErrorResponse> {
    let deadline = Instant::now() + server.settings.deadline;
    let public_key = server.signer.public_key(&hash_in_path(path)?, deadline).await?;
    Ok(Json(json!({"public_key": public_key.to_string()})).into_response())
}

/// A key as `GET /keys` lists it, for operators.
#[derive(Serialize)]
struct ListedKey {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    curve: &'static str,
    public_key_hash: String,
    public_key: String,
}

async fn keys(State(server): State<Server>) -> Response {
    let keys: Vec<_> = server
        .signer
        .keys()
        .iter()
        .map(|key| ListedKey {
            name: key.name.clone(),
            version: key.version.clone(),
            curve: key.curve().name(),
            public_key_hash: key.hash.to_string(),
            public_key: key.public_key.to_string(),
        })
        .collect();
    Json(keys).into_response()
}

async fn authorized_keys(State(server): State<Server>) -> Response {
    let Some(keys) = server.signer.authorized_keys() else { return Json(json!({})).into_response() };
    let hashes: Vec<_> = keys.hashes().map(|hash| hash.to_string()).collect();
    Json(json!({"authorized_keys": hashes})).into_response()
}

async fn known_keys(State(server): State<Server>) -> Result<Response, ErrorResponse> {
    if !server.settings.list_known_keys {
        return Err(InvalidRequest::KnownKeys.into());
    }
    let hashes: Vec<_> = server.signer.keys().iter().map(|key| key.hash.to_string()).collect();
    Ok(Json(json!({"known_keys": hashes})).into_response())
}

async fn prove_possession(
    State(server): State<Server>,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<PossessionQuery>, QueryRejection>,
) -> Result<Response, ErrorResponse> {
    let deadline = Instant::now() + server.settings.deadline;
    let hash = hash_in_path(path)?;
    let about = understood(query)?.public_key()?;
    let proof = server.signer.prove_possession(&hash, about.as_ref(), deadline).await?;
    Ok(signed(json!({"bls_prove_possession": proof.to_string()})))
}

/// Accessible without authentication, so it reveals nothing but yes or no.
async fn health(State(server): State<Server>) -> Response {
    let is_ready = server.signer.is_ready();
    let mut response = Json(json!({"healthy": is_ready})).into_response();
    if !is_ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        set_cause(response.headers_mut(), Cause::NotReady);
    }
    response
}

/// The functions of the app. A host that does not proxy requests posts a description of each request to the function's name.
const FUNCTIONS: [&str; 3] = ["/sign", "/keys", "/health"];

/// Whether this is the envelope of a host that does not support `enableProxyingHttpRequest`. A host that supports it never
/// forwards such a request: clients can post to `/keys/{pkh}` only.
fn is_host_envelope(server: &Server, method: &Method, uri: &Uri) -> bool {
    server.settings.is_under_functions_host && method == Method::POST && FUNCTIONS.contains(&uri.path())
}

async fn method_not_allowed(State(server): State<Server>, method: Method, uri: Uri) -> ErrorResponse {
    let is_envelope = is_host_envelope(&server, &method, &uri);
    let invalid =
        if is_envelope { InvalidRequest::HostEnvelope(StatusCode::METHOD_NOT_ALLOWED) } else { InvalidRequest::Method };
    invalid.into()
}

async fn unknown_route(State(server): State<Server>, method: Method, uri: Uri) -> ErrorResponse {
    if is_host_envelope(&server, &method, &uri) {
        return InvalidRequest::HostEnvelope(StatusCode::NOT_FOUND).into();
    }
    without_route(&uri).into()
}

/// Browsers add `Origin` to everything a page posts; no Tezos client sends it. Without this check, any page could make a signer on
/// its visitor's machine sign, and raise marks.
fn refuse_web_pages(headers: &HeaderMap) -> Result<(), InvalidRequest> {
    if headers.contains_key(ORIGIN) { Err(InvalidRequest::WebPage) } else { Ok(()) }
}

/// A path that no route has. One that ends with a public key hash comes from a client whose base address lacks `/keys`, or has a
/// prefix that no proxy removed.
pub(crate) fn without_route(uri: &Uri) -> InvalidRequest {
    let last = uri.path().rsplit('/').find(|segment| !segment.is_empty());
    let key: Option<PublicKeyHash> = last.and_then(|text| text.parse().ok());
    key.map_or(InvalidRequest::Route, InvalidRequest::RouteOfKey)
}

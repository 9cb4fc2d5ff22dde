use super::answer::NotOk;
use super::body::{self, LargeBodies};
use super::connections::Arrival;
use crate::signer::{Failure, NotSigned, SignRequest, Signer};
use crate::tezos::{PublicKey, PublicKeyHash};
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, Request, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What the server needs to know beside the signer.
#[derive(Debug, Clone, Copy)]
pub struct ServerSettings {
    /// How long a request may take, from the moment its head has arrived.
    pub deadline: Duration,
    /// Whether `GET /known_keys` answers.
    pub list_known_keys: bool,
}

#[derive(Clone)]
struct Server {
    signer: Arc<Signer>,
    settings: ServerSettings,
    large_bodies: LargeBodies,
}

/// All routes.
pub fn router(signer: Arc<Signer>, settings: ServerSettings) -> Router {
    Router::new()
        // The Functions host asks this before anything else, every 25 ms until there is an answer.
        .route("/", get(StatusCode::OK))
        .route("/health", get(health))
        .route("/keys", get(keys))
        .route("/keys/{pkh}", get(public_key).post(sign))
        .route("/authorized_keys", get(authorized_keys))
        .route("/known_keys", get(known_keys))
        .route("/bls_prove_possession/{pkh}", get(prove_possession))
        .fallback(unknown_route)
        .method_not_allowed_fallback(async || {
            NotOk::new(StatusCode::METHOD_NOT_ALLOWED, "this route does not take this method")
        })
        .with_state(Server { signer, settings, large_bodies: LargeBodies::default() })
}

/// Empty path segments count for nothing, as in octez-signer: a base address that ends in `/` gives `//keys/…`.
pub(super) fn without_empty_segments<B>(mut request: Request<B>) -> Request<B> {
    let path = request.uri().path();
    if path.contains("//") || (path.len() > 1 && path.ends_with('/')) {
        let segments: Vec<_> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let mut target = format!("/{}", segments.join("/"));
        if let Some(query) = request.uri().query() {
            target.push('?');
            target.push_str(query);
        }
        if let Ok(uri) = target.parse::<Uri>() {
            *request.uri_mut() = uri;
        }
    }
    request
}

#[derive(Deserialize)]
struct SignQuery {
    version: Option<String>,
    authentication: Option<String>,
}

async fn sign(
    State(server): State<Server>,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<SignQuery>, QueryRejection>,
    arrival: Option<Extension<Arrival>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, NotOk> {
    let deadline = Instant::now() + server.settings.deadline;
    refuse_web_pages(&headers)?;
    let key = hash_in_path(path)?;
    let query = understood(query)?;
    let version = query.version.as_deref().map(str::parse).transpose().map_err(bad_request)?.unwrap_or_default();
    let payload =
        tokio::time::timeout_at(deadline, body::payload(body, &server.large_bodies)).await.map_err(|_| {
            let ms = server.settings.deadline.as_millis();
            NotOk::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the body did not arrive within {ms} ms"))
        })??;
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
    };
    // A task of its own: what was begun is finished, recorded and logged, also when the client goes away.
    let signer = Arc::clone(&server.signer);
    let verdict = tokio::spawn(async move { signer.sign(&request).await }).await;
    let signature = verdict.map_err(|error| NotSigned::from(Failure::task_failed(&error)))??;
    Ok(Json(json!({"signature": signature.to_string()})).into_response())
}

async fn public_key(
    State(server): State<Server>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, NotOk> {
    let deadline = Instant::now() + server.settings.deadline;
    let public_key = server.signer.public_key(&hash_in_path(path)?, deadline).await?;
    Ok(Json(json!({"public_key": public_key.to_string()})).into_response())
}

/// A key in the list for people.
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
    if server.signer.authorized_keys().is_empty() {
        return Json(json!({})).into_response();
    }
    let hashes: Vec<_> = server.signer.authorized_keys().hashes().map(|hash| hash.to_string()).collect();
    Json(json!({"authorized_keys": hashes})).into_response()
}

async fn known_keys(State(server): State<Server>) -> Result<Response, NotOk> {
    if !server.settings.list_known_keys {
        let message = "listing known keys is not allowed: ALLOW_LIST_KNOWN_KEYS=true allows it";
        return Err(NotOk::new(StatusCode::FORBIDDEN, message));
    }
    let hashes: Vec<_> = server.signer.keys().iter().map(|key| key.hash.to_string()).collect();
    Ok(Json(json!({"known_keys": hashes})).into_response())
}

#[derive(Deserialize)]
struct PossessionQuery {
    bls_pk: Option<String>,
}

async fn prove_possession(
    State(server): State<Server>,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<PossessionQuery>, QueryRejection>,
) -> Result<Response, NotOk> {
    let deadline = Instant::now() + server.settings.deadline;
    let hash = hash_in_path(path)?;
    let about: Option<PublicKey> = understood(query)?
        .bls_pk
        .map(|text| text.parse())
        .transpose()
        .map_err(|error| bad_request(format!("bls_pk: {error}")))?;
    let proof = server.signer.prove_possession(&hash, about.as_ref(), deadline).await?;
    Ok(Json(json!({"bls_prove_possession": proof.to_string()})).into_response())
}

/// Anonymous, so it says nothing but yes or no.
async fn health(State(server): State<Server>) -> Response {
    let is_ready = server.signer.is_ready();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({"healthy": is_ready}))).into_response()
}

async fn unknown_route(uri: Uri) -> NotOk {
    NotOk::new(StatusCode::NOT_FOUND, unknown_path(uri.path()))
}

/// A path that ends with a key is one of a client whose base address lacks `/keys`, or has a prefix that no proxy took off.
fn unknown_path(path: &str) -> String {
    let last = path.rsplit('/').find(|segment| !segment.is_empty()).and_then(|text| text.parse::<PublicKeyHash>().ok());
    match last {
        Some(key) => format!(
            "unknown route: GET /keys/{key} gives its public key, and POST /keys/{key} signs with it; octez-client adds \
             /keys by itself"
        ),
        None => "unknown route: there are /keys, /keys/{public key hash}, /authorized_keys, /known_keys, \
                 /bls_prove_possession/{public key hash} and /health"
            .to_owned(),
    }
}

/// Browsers add `Origin` to what a page posts, to whichever address; no Tezos client does. Without this, any page could
/// have the signer on its visitor's machine raise marks.
fn refuse_web_pages(headers: &HeaderMap) -> Result<(), NotOk> {
    if headers.contains_key(ORIGIN) {
        return Err(NotOk::new(StatusCode::FORBIDDEN, "requests of web pages (with an Origin header) are not signed"));
    }
    Ok(())
}

fn hash_in_path(path: Result<Path<String>, PathRejection>) -> Result<PublicKeyHash, NotOk> {
    let Path(text) = path.map_err(|error| NotOk::new(StatusCode::NOT_FOUND, error.body_text()))?;
    text.parse().map_err(|error| {
        let shown: String = text.chars().take(64).collect();
        NotOk::new(StatusCode::NOT_FOUND, format!("{shown:?} is not a public key hash: {error}"))
    })
}

fn understood<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, NotOk> {
    query.map(|Query(query)| query).map_err(|rejection| {
        let text = rejection.body_text();
        // What is wrong stands behind the framework's own words.
        let why = text.split_once(": ").map_or(text.as_str(), |(_, why)| why);
        bad_request(format!("the query cannot be read: {why}"))
    })
}

fn bad_request(message: impl Into<String>) -> NotOk {
    NotOk::new(StatusCode::BAD_REQUEST, message)
}

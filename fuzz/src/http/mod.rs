//! The whole server except for sockets: router, signer and ledger, with vault and mark store in memory.
//!
//! An input is a script. Its first line has letters: `k` lists known keys, `a` requires authentication, `o` allows operations.
//! Then follow requests, separated by a line `===`:
//!
//! ```text
//! POST /keys/{tz3}?version=3
//! header: value
//! x-fault: answer-lost
//!
//! @a 10 0 1
//! ```
//!
//! `{tz2}`, `{tz3}` and `{tz4}` in the target are the hashes of the keys, `{auth}` is an authentication of this request. A `!`
//! before the method selects the second of two instances. The body is literal, or generated: see [`script`]. `x-fault` is a
//! fault of the next call of the store.

mod released;
pub mod script;
mod store;
mod vault;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use azurehsm_signer::answer::{Cause, Verdict, header};
use azurehsm_signer::marks::Ledger;
use azurehsm_signer::server::{MAX_BODY_BYTES, ServerSettings, router};
use azurehsm_signer::signer::{AuthorizedKeys, HeadRule, KeyRing, Policy, Signer, WhenHeadUnknown};
use azurehsm_signer::tezos::authentication::AuthorizedKey;
use http_body_util::BodyExt;
use released::Released;
use script::{Ask, Config};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use store::FaultyMarks;
use tokio::runtime::Runtime;
use tower::ServiceExt;
use vault::MemoryVault;

thread_local! {
    static RUNTIME: Runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
}

/// Runs the script.
pub fn check(input: &[u8]) {
    let (config, requests) = script::read(input);
    RUNTIME.with(|runtime| runtime.block_on(run(config, &requests)));
}

async fn run(config: Config, requests: &[Ask]) {
    let vault = Arc::new(MemoryVault::default());
    let store = Arc::new(FaultyMarks::default());
    // Created lazily: creating one takes longer than a request, and most scripts only use the first.
    let mut instances = [None, None];
    let mut released = Released::new(config);
    for ask in requests {
        let Some(request) = ask.request() else { continue };
        store.fails_next(ask.fault);
        let path = normalized(request.uri().path());
        let chosen = &mut instances[usize::from(ask.at_second_instance)];
        let router = match chosen {
            Some(router) => router,
            None => chosen.insert(instance(config, &vault, &store).await),
        };
        let answer = answer(router, request).await;
        check_answer(ask, &path, &answer);
        released.check(ask, &answer, &store);
    }
}

async fn instance(config: Config, vault: &Arc<MemoryVault>, store: &Arc<FaultyMarks>) -> Router {
    let authorized = config
        .asks_for_authentication
        .then(|| AuthorizedKey { public_key: vault::client().public_key.clone(), hash: vault::client().hash });
    let signer = Signer::new(
        KeyRing::new(vault.clone(), Duration::ZERO),
        Ledger::new(store.clone(), "fuzz"),
        if config.allows_operations { vault::GENEROUS.clone() } else { Policy::default() },
        HeadRule { watch: None, when_unknown: WhenHeadUnknown::Fail, jump_limit: released::JUMP_LIMIT },
        AuthorizedKeys::new(authorized.into_iter().collect()),
    );
    signer.refresh_keys().await.expect("this vault always lists its keys");
    let settings = ServerSettings {
        deadline: Duration::from_mins(1),
        list_known_keys: config.lists_known_keys,
        is_under_functions_host: false,
        client_certificates: None,
    };
    router(Arc::new(signer), settings)
}

/// The path without empty segments, as the routes match it.
fn normalized(path: &str) -> String {
    if path.is_empty() {
        // A target such as `host`, which matches no route.
        return String::new();
    }
    let segments: Vec<_> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    format!("/{}", segments.join("/"))
}

/// An answer with its complete body.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

async fn answer(router: &Router, request: Request<Body>) -> Answer {
    let answer = router.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
    let (status, headers) = (answer.status(), answer.headers().clone());
    Answer { status, headers, body: answer.into_body().collect().await.expect("the body is in memory").to_bytes() }
}

/// Every answer has a verdict, a reason unless it is positive, and the store, the policy and the version unless it is anonymous.
fn check_headers(ask: &Ask, path: &str, answer: &Answer) {
    let value = |name| answer.headers.get(name).map(|value| value.to_str().expect("ASCII"));
    let verdict: Verdict = value(header::VERDICT).expect("a verdict").parse().expect("of the closed set");
    let is_positive = matches!(verdict, Verdict::Signed | Verdict::Answered);
    assert_eq!(is_positive, answer.status == StatusCode::OK, "{verdict} {ask:?}");
    let cause = value(header::REASON).map(|name| name.parse::<Cause>().expect("of the closed set"));
    assert_eq!(cause.map(Cause::verdict), (!is_positive).then_some(verdict), "{ask:?}");
    let is_anonymous = path == "/" || path == "/health";
    for name in [header::STORE, header::POLICY, header::VERSION] {
        assert_eq!(value(name).is_none(), is_anonymous, "{name} {ask:?}");
    }
}

/// The statuses documented in `docs/architecture.md`, with an error that octez can read.
fn check_answer(ask: &Ask, path: &str, answer: &Answer) {
    let status = answer.status.as_u16();
    check_headers(ask, path, answer);
    if ask.method == Method::HEAD {
        return;
    }
    if status == 200 {
        assert!((path == "/") == answer.body.is_empty(), "{ask:?}");
        assert!(path == "/" || serde_json::from_slice::<Value>(&answer.body).is_ok());
        return;
    }
    if status == 503 {
        // For the platform, which reads only the status; without a reason, since it needs no key.
        assert_eq!((path, answer.body.as_ref()), ("/health", br#"{"healthy":false}"#.as_slice()));
        return;
    }
    assert!([400, 401, 403, 404, 405, 409, 413, 500].contains(&status), "{status} to {ask:?}");
    assert!(status != 413 || ask.body.len() > MAX_BODY_BYTES);
    let body: Value = serde_json::from_slice(&answer.body).expect("an error is JSON");
    let [error] = body.as_array().expect("a list").as_slice() else { panic!("of one error: {body}") };
    let fields: Vec<_> = error.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(fields, ["id", "kind", "msg"], "octez takes no other fields");
    assert_eq!((error["id"].as_str(), error["kind"].as_str()), (Some("failure"), Some("temporary")));
    assert!(error["msg"].as_str().is_some_and(|message| !message.is_empty() && message.len() < 2000), "{error}");
}

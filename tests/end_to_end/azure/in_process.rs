//! Tokens and connections without the rest of the program, in a separate test process whose environment refers to the stand-ins:
//! the SDK reads the identity endpoint from there, and TLS the certificates.

use crate::azure::cloud;
use azure_core::credentials::TokenCredential;
use azure_core::http::{HttpClient, Method, Request, Url};
use azurehsm_signer::azure::{Identity, IdentitySettings, ServiceClient, TlsRoots, Tokens};
use stand_ins::{Effect, Operation};
use std::env;
use std::process::Command;
use std::time::{Duration, Instant};

/// Runs one of the tests below in a separate process.
fn in_a_separate_process(test: &str, azure: &stand_ins::Azure) {
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", &format!("azure::in_process::{test}"), "--ignored", "--nocapture"])
        .envs(azure.environment())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

fn tokens(roots: &TlsRoots) -> std::sync::Arc<Tokens> {
    Tokens::new(IdentitySettings { has_endpoint: true, ..IdentitySettings::default() }, roots).unwrap()
}

#[test]
fn all_callers_share_one_token_per_scope() {
    let azure = cloud::start();
    in_a_separate_process("requests_tokens", &azure);
    assert_eq!(azure.identity.requests(Operation::Token), 2, "one for each scope");
}

#[tokio::test]
#[ignore = "another test runs it"]
async fn requests_tokens() {
    const VAULT: &str = "https://vault.localhost/.default";
    const COSMOS: &str = "https://cosmos.azure.com/.default";
    let tokens = tokens(&TlsRoots::read().unwrap());
    tokens.keep(VAULT);
    let mut of_vault = Vec::new();
    for _ in 0..20 {
        of_vault.push(tokens.get_token(&[VAULT], None).await.unwrap().token.secret().to_owned());
    }
    of_vault.dedup();
    let of_cosmos = tokens.get_token(&[COSMOS], None).await.unwrap();
    assert!(of_vault.len() == 1 && of_vault[0] != of_cosmos.token.secret());
    let state = tokens.state(VAULT).await;
    assert!(state.token.is_some_and(|(identity, _)| identity == Identity::AppService) && state.problem.is_none());
    assert!(tokens.get_token(&[VAULT, COSMOS], None).await.is_err(), "a token is for one service");
    assert!(!format!("{tokens:?}").contains(&of_vault[0]));
}

#[test]
fn without_an_identity_token_requests_fail_soon_with_the_reason() {
    for effect in [Effect::Hang, Effect::status(500)] {
        let azure = cloud::start();
        cloud::always(azure.identity.faults(), Operation::Token, effect);
        in_a_separate_process("requests_tokens_without_an_identity", &azure);
    }
}

#[tokio::test]
#[ignore = "another test runs it"]
async fn requests_tokens_without_an_identity() {
    let tokens = tokens(&TlsRoots::read().unwrap());
    let start = Instant::now();
    let error = tokens.get_token(&["https://vault.localhost/.default"], None).await.unwrap_err().to_string();
    assert!(error.contains("managed identity (App Service)"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    // The second request does not wait: the endpoint has already answered.
    let start = Instant::now();
    assert!(tokens.get_token(&["https://vault.localhost/.default"], None).await.is_err());
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

#[test]
fn connections_send_tokens_only_to_their_own_service() {
    let azure = cloud::start();
    in_a_separate_process("follows_links", &azure);
    assert_eq!(azure.key_vault.requests(Operation::Any), 1);
    assert_eq!(azure.cosmos.requests(Operation::Any) + azure.identity.requests(Operation::Any), 0);
}

#[tokio::test]
#[ignore = "another test runs it"]
async fn follows_links() {
    let vault = Url::parse(&env::var("KEY_VAULT_URL").unwrap()).unwrap();
    let roots = TlsRoots::read().unwrap();
    let connections = ServiceClient::new(vault.clone(), roots, Duration::from_secs(5), Duration::from_secs(5)).unwrap();
    let ask = async |url: &str| connections.execute_request(&Request::new(Url::parse(url).unwrap(), Method::Get)).await;
    assert_eq!(ask(&format!("{vault}keys?api-version=7.6")).await.unwrap().status(), 401);
    let other_port = env::var("COSMOS_ENDPOINT").unwrap().replace("localhost", vault.host_str().unwrap());
    let by_another_name = vault.as_str().replace("standin", "other");
    let plain = vault.as_str().replace("https://", "http://");
    for elsewhere in [&other_port, &by_another_name, &plain, &env::var("IDENTITY_ENDPOINT").unwrap()] {
        let error = ask(elsewhere).await.err().unwrap().to_string();
        assert!(error.contains("refusing to send a token"), "{elsewhere}: {error}");
    }
}

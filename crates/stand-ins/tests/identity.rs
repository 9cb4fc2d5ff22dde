//! Tokens: who gets them, and how long they are valid.

#![cfg(test)]

mod support;

use stand_ins::{Azure, Operation, Options};
use std::time::Duration;
use support::{VAULT_AUDIENCE, Vault, client, p256_key, status, token};

#[tokio::test]
async fn no_token_is_issued_without_the_headers_and_parameters() {
    let azure = Azure::start().await;
    let url = format!("{}?api-version=2019-08-01&resource={VAULT_AUDIENCE}", azure.identity.url());
    let secret = azure.identity.secret();
    let request = |url: &str| client(&azure).get(url);
    assert_eq!(status(request(&url).header("metadata", "true")).await, 401);
    assert_eq!(status(request(&url).header("metadata", "true").header("x-identity-header", "wrong")).await, 401);
    assert_eq!(status(request(&url).header("x-identity-header", secret)).await, 400);
    let request = |url: &str| request(url).header("metadata", "true").header("x-identity-header", secret);
    assert_eq!(status(request(&azure.identity.url())).await, 400);
    assert_eq!(status(request(&format!("{}?api-version=2019-08-01", azure.identity.url()))).await, 400);
    assert_eq!(status(request(&url)).await, 200);
    assert_eq!(azure.identity.tokens().len(), 1);
}

#[tokio::test]
async fn a_token_is_valid_for_its_audience_until_it_expires_or_is_revoked() {
    let azure = Azure::start_with(Options { token_life: Duration::from_secs(2), ..Options::default() }).await;
    let key = p256_key(&azure);
    let mut vault = Vault::of(&azure).await;
    assert_eq!(status(vault.sign(&key)).await, 200);
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert_eq!(status(vault.sign(&key)).await, 401, "expired");

    azure.identity.set_token_life(Duration::from_mins(1));
    vault.token = token(&azure, VAULT_AUDIENCE).await;
    assert_eq!(status(vault.sign(&key)).await, 200);
    azure.identity.revoke_all();
    assert_eq!(status(vault.sign(&key)).await, 401, "revoked");
    vault.token = token(&azure, "https://cosmos.azure.com").await;
    assert_eq!(status(vault.sign(&key)).await, 401, "wrong audience");
    vault.token = token(&azure, VAULT_AUDIENCE).await;
    assert_eq!(status(vault.sign(&key)).await, 200);
    assert_eq!(azure.key_vault.requests(Operation::Unauthorized), 3);
    assert_eq!(azure.identity.tokens().len(), 4);
}

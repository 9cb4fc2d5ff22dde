//! The platform in front of a signer, which here is the identity endpoint: any HTTP service will do.

#![cfg(test)]

mod support;

use reqwest::Certificate;
use stand_ins::{Azure, FunctionApp, Operation};
use std::net::{IpAddr, Ipv4Addr};
use support::status;

#[tokio::test]
async fn only_requests_with_the_function_key_are_forwarded() {
    let azure = Azure::start().await;
    let app = FunctionApp::start(IpAddr::V4(Ipv4Addr::LOCALHOST), azure.identity.address(), "key").unwrap();
    let authority = Certificate::from_pem(app.authority_pem().as_bytes()).unwrap();
    let client = support::builder(&azure).tls_certs_only([authority]).build().unwrap();
    let url = format!("{}/msi/token?api-version=2019-08-01&resource={}", app.url(), support::VAULT_AUDIENCE);
    let request = |key: &str| client.get(&url).header("metadata", "true").header("x-functions-key", key);

    assert_eq!(status(request("wrong")).await, 401);
    assert_eq!(azure.identity.requests(Operation::Any), 0);
    let with_secret = request("key").header("x-identity-header", azure.identity.secret());
    assert_eq!(status(with_secret).await, 200, "path, query and headers arrive");
    assert_eq!(status(request("key")).await, 401, "the answer is passed on");
    assert_eq!(azure.identity.requests(Operation::Any), 2);

    assert_eq!((app.requests(Operation::Unauthorized), app.requests(Operation::Execution)), (1, 2));
    assert_eq!(app.connections(), 1, "it is kept open");
}

//! The Azure SDK works against the stand-ins: identity, keys, and items.

#![cfg(test)]

mod support;

use azure_core::credentials::TokenCredential;
use azure_core::error::ErrorKind;
use azure_core::http::{ClientOptions, RetryOptions, StatusCode, Transport, Url};
use azure_data_cosmos::options::{
    BinaryEncodingOptions, ConnectionPoolOptions, ItemWriteOptions, Precondition, Region, RoutingStrategy,
};
use azure_data_cosmos::{AccountReference, ContainerClient, CosmosClient, CosmosRuntime};
use azure_identity::{ManagedIdentityCredential, ManagedIdentityCredentialOptions};
use azure_security_keyvault_keys::models::{
    KeyClientGetKeyOptions, KeyClientSignOptions, SignParameters, SignatureAlgorithm,
};
use azure_security_keyvault_keys::{KeyClient, KeyClientOptions, ResourceExt};
use futures::TryStreamExt;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use serde::{Deserialize, Serialize};
use stand_ins::{Azure, Curve, NewKey, Operation, Options, VaultKind};
use std::env;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;

#[tokio::test]
async fn the_sdk_signs_and_writes() {
    for vault in [VaultKind::KeyVault, VaultKind::ManagedHsm] {
        let azure = Azure::start_with(Options { vault, ..Options::default() }).await;
        for number in 0..7 {
            azure.key_vault.add_key(NewKey::new(format!("key-{number}"), Curve::P256));
        }
        // The SDK reads the certificate authority from the environment of its process.
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "in_a_child_process", "--ignored", "--nocapture"])
            .envs(azure.environment())
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&child.stdout) + String::from_utf8_lossy(&child.stderr);
        assert!(child.status.success(), "{output}");
        assert!(azure.key_vault.requests(Operation::ListKeys) >= 3, "in pages");
        assert_eq!(azure.key_vault.requests(Operation::Unauthorized), 1, "the challenge");
        assert_eq!(azure.cosmos.item("tz1", "mark").await.unwrap()["level"], 2);
    }
}

#[tokio::test]
#[ignore = "run by the_sdk_signs_and_writes"]
async fn in_a_child_process() {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let without_retries = ClientOptions { retry: RetryOptions::none(), ..ClientOptions::default() };
    let options = ManagedIdentityCredentialOptions { client_options: without_retries, ..Default::default() };
    let credential: Arc<dyn TokenCredential> = ManagedIdentityCredential::new(Some(options)).unwrap();
    keys(Arc::clone(&credential)).await;
    items(credential).await;
}

async fn keys(credential: Arc<dyn TokenCredential>) {
    let vault = Url::parse(&env::var("KEY_VAULT_URL").unwrap()).unwrap();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, vault.port().unwrap()));
    let client = reqwest::Client::builder().http1_only().resolve(vault.host_str().unwrap(), address).build().unwrap();
    let client_options = ClientOptions {
        retry: RetryOptions::none(),
        transport: Some(Transport::new(Arc::new(client))),
        ..ClientOptions::default()
    };
    let options = KeyClientOptions { client_options, ..KeyClientOptions::default() };
    let keys = KeyClient::new(vault.as_str(), credential, Some(options)).unwrap();

    let listed: Vec<_> = keys.list_key_properties(None).unwrap().try_collect().await.unwrap();
    let names: Vec<_> = listed.iter().map(|key| key.resource_id().unwrap().name).collect();
    assert_eq!(names, ["key-0", "key-1", "key-2", "key-3", "key-4", "key-5", "key-6"]);
    let versions: Vec<_> = keys.list_key_properties_versions("key-3", None).unwrap().try_collect().await.unwrap();
    let [version] = versions.as_slice() else { panic!("{versions:?}") };
    let version = version.resource_id().unwrap().version.unwrap();

    let options = KeyClientGetKeyOptions { key_version: Some(version.clone()), ..Default::default() };
    let key = keys.get_key("key-3", Some(options)).await.unwrap().into_model().unwrap();
    assert_eq!(key.attributes.as_ref().unwrap().enabled, Some(true));
    let key = key.key.unwrap();
    let mut point = vec![4];
    point.extend(key.x.unwrap());
    point.extend(key.y.unwrap());
    let public_key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).unwrap();

    let digest = [3; 32];
    let request = SignParameters { algorithm: Some(SignatureAlgorithm::Es256), value: Some(digest.to_vec()) };
    let options = KeyClientSignOptions { key_version: Some(version), ..Default::default() };
    let answer = keys.sign("key-3", request.try_into().unwrap(), Some(options)).await.unwrap().into_model().unwrap();
    let signature = p256::ecdsa::Signature::from_slice(&answer.result.unwrap()).unwrap();
    public_key.verify_prehash(&digest, &signature).unwrap();

    let error = keys.get_key("no-such-key", None).await.unwrap_err();
    let ErrorKind::HttpResponse { status, error_code, .. } = error.kind() else { panic!("{error}") };
    assert_eq!((*status, error_code.as_deref()), (StatusCode::NotFound, Some("KeyNotFound")));
}

#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    id: String,
    pkh: String,
    level: u32,
}

async fn items(credential: Arc<dyn TokenCredential>) {
    let container = container(credential).await;
    let mut mark = Mark { id: "mark".to_owned(), pkh: "tz1".to_owned(), level: 1 };
    assert!(container.read_item("tz1", "mark", None).await.unwrap_err().status().is_not_found());
    container.create_item("tz1", "mark", &mark, None).await.unwrap();
    assert!(container.create_item("tz1", "mark", &mark, None).await.unwrap_err().status().is_conflict());
    let read = container.read_item("tz1", "mark", None).await.unwrap();
    let etag = read.headers().etag().unwrap().clone();
    assert_eq!(read.into_model::<Mark>().unwrap().level, 1);

    mark.level = 2;
    let if_match = || Some(ItemWriteOptions::default().with_precondition(Precondition::if_match(etag.clone())));
    container.replace_item("tz1", "mark", &mark, if_match()).await.unwrap();
    mark.level = 3;
    let error = container.replace_item("tz1", "mark", &mark, if_match()).await.unwrap_err();
    assert!(error.status().is_precondition_failed(), "{error}");

    let error = container.delete_item("tz1", "mark", None).await.unwrap_err();
    assert_eq!(u16::from(error.status().status_code()), 403, "{error}");
}

async fn container(credential: Arc<dyn TokenCredential>) -> ContainerClient {
    let pool = ConnectionPoolOptions::builder().with_gateway_v2_disabled(true).build().unwrap();
    let runtime = CosmosRuntime::builder().with_connection_pool(pool).build().await.unwrap();
    let endpoint = env::var("COSMOS_ENDPOINT").unwrap().parse().unwrap();
    let account = AccountReference::with_credential(endpoint, credential);
    let client = CosmosClient::builder()
        .with_runtime(runtime)
        .with_binary_encoding_options(BinaryEncodingOptions::new().with_enabled(false))
        .build(account, RoutingStrategy::PreferredRegions(vec![Region::WEST_EUROPE]))
        .await
        .unwrap();
    client.database_client("signer").container_client("marks", None).await.unwrap()
}

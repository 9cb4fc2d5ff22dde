//! What a bare HTTP client sees of the stand-ins: their own part of all that is measured.

use reqwest::{Certificate, Client, RequestBuilder};
use stand_ins::{Azure, Delay};
use std::time::{Duration, Instant};

const TIMES: usize = 200;

/// Makes vault and database answer within these times: so that only the signer is measured, the stand-ins' own work is subtracted
/// from their delays.
pub(crate) async fn set_answer_times(azure: &Azure, vault: Duration, database: Duration) {
    let set = |vault, database| {
        azure.key_vault.latency(Delay::Fixed(vault));
        azure.cosmos.latency(Delay::Fixed(database));
    };
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1e3;
    set(vault, database);
    let (of_vault, of_database) = answers(azure).await;
    println!("stand-ins with delays of {vault:?} and {database:?}, as a bare HTTP client sees them:");
    println!("  {:.2} and {:.2} ms", milliseconds(of_vault), milliseconds(of_database));
    set((vault * 2).saturating_sub(of_vault), (database * 2).saturating_sub(of_database));
    let (vault, database) = answers(azure).await;
    println!("with delays shortened accordingly: {:.2} and {:.2} ms", milliseconds(vault), milliseconds(database));
}

/// The usual time of an answer: of the vault over HTTP/1.1, and of the database over HTTP/2.
async fn answers(azure: &Azure) -> (Duration, Duration) {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let authority = Certificate::from_pem(azure.authority_pem().as_bytes()).unwrap();
    let builder = || Client::builder().tls_certs_only([authority.clone()]).no_proxy();
    let vault = azure.key_vault.url();
    let host = vault.trim_start_matches("https://").split(':').next().unwrap();
    let of_vault = builder().http1_only().resolve(host, azure.key_vault.address()).build().unwrap();
    let of_database = builder().http2_prior_knowledge().build().unwrap();

    let vault_token = token(azure, "https%3A%2F%2Fvault.localhost").await;
    let database_token = token(azure, "https%3A%2F%2Fcosmos.azure.com").await;
    let ask_vault = || of_vault.get(format!("{vault}keys?api-version=2025-07-01")).bearer_auth(&vault_token);
    let authorization = format!("type%3Daad%26ver%3D1.0%26sig%3D{database_token}");
    let ask_database = || of_database.get(azure.cosmos.url()).header("authorization", &authorization);
    (usual(ask_vault).await, usual(ask_database).await)
}

async fn usual(ask: impl Fn() -> RequestBuilder) -> Duration {
    let mut took = Vec::new();
    for _ in 0..TIMES {
        let start = Instant::now();
        ask().send().await.unwrap().error_for_status().unwrap().bytes().await.unwrap();
        took.push(start.elapsed());
    }
    took.sort();
    took[TIMES / 2]
}

async fn token(azure: &Azure, resource: &str) -> String {
    let url = format!("{}?api-version=2019-08-01&resource={resource}", azure.identity.url());
    let ask = Client::builder().no_proxy().build().unwrap().get(url).header("metadata", "true");
    let answer = ask.header("x-identity-header", azure.identity.secret()).send().await.unwrap().bytes().await.unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

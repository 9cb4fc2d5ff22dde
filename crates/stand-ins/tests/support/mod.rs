//! Plain HTTP clients for the stand-ins.

// No test file uses all of it.
#![allow(dead_code)]

use reqwest::{Certificate, Client, ClientBuilder, RequestBuilder, Response};
use serde_json::{Value, json};
use stand_ins::{Azure, Curve, KeyVersion, NewKey};
use std::net::SocketAddr;
use std::time::Duration;

pub(crate) const VAULT_AUDIENCE: &str = "https://vault.localhost";
pub(crate) const COSMOS_AUDIENCE: &str = "https://cosmos.azure.com";

/// A client that trusts the certificate authority and resolves the vault's host name.
pub(crate) fn client(azure: &Azure) -> Client {
    builder(azure).build().unwrap()
}

pub(crate) fn builder(azure: &Azure) -> ClientBuilder {
    // Fails if another test of this process has installed it.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let authority = Certificate::from_pem(azure.authority_pem().as_bytes()).unwrap();
    let host = azure.key_vault.url();
    let host = host.strip_prefix("https://").unwrap().split(':').next().unwrap();
    Client::builder()
        .tls_certs_only([authority])
        .resolve(host, azure.key_vault.address())
        .timeout(Duration::from_secs(10))
}

/// Requests a token like an app on App Service.
pub(crate) fn request_token(azure: &Azure, audience: &str) -> RequestBuilder {
    client(azure)
        .get(azure.identity.url())
        .query(&[("api-version", "2019-08-01"), ("resource", audience)])
        .header("x-identity-header", azure.identity.secret())
        .header("metadata", "true")
}

pub(crate) async fn token(azure: &Azure, audience: &str) -> String {
    let answer = request_token(azure, audience).send().await.unwrap();
    json(answer).await["access_token"].as_str().unwrap().to_owned()
}

pub(crate) async fn json(answer: Response) -> Value {
    let text = answer.text().await.unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A client of the vault.
pub(crate) struct Vault {
    pub(crate) client: Client,
    pub(crate) url: String,
    pub(crate) token: String,
}

impl Vault {
    pub(crate) async fn of(azure: &Azure) -> Self {
        Self::with(azure, client(azure)).await
    }

    pub(crate) async fn with(azure: &Azure, client: Client) -> Self {
        Self { client, url: azure.key_vault.url(), token: token(azure, VAULT_AUDIENCE).await }
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        let url = if path.starts_with("https://") { path.to_owned() } else { format!("{}{path}", self.url) };
        let request = self.client.get(url).bearer_auth(&self.token);
        if path.contains("api-version") { request } else { request.query(&[("api-version", "2025-07-01")]) }
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        let request = self.client.post(format!("{}{path}?api-version=2025-07-01", self.url));
        request.bearer_auth(&self.token).json(body)
    }

    pub(crate) fn sign(&self, key: &KeyVersion) -> RequestBuilder {
        self.sign_with(key, "ES256", [7; 32])
    }

    pub(crate) fn sign_with(&self, key: &KeyVersion, algorithm: &str, digest: impl AsRef<[u8]>) -> RequestBuilder {
        let value = base64(digest);
        self.post(&format!("keys/{}/{}/sign", key.name, key.version), &json!({ "alg": algorithm, "value": value }))
    }
}

/// A client of Cosmos DB.
pub(crate) struct Items {
    client: Client,
    url: String,
    token: String,
}

impl Items {
    pub(crate) async fn of(azure: &Azure) -> Self {
        Self::with(azure, client(azure)).await
    }

    pub(crate) async fn with(azure: &Azure, client: Client) -> Self {
        Self { client, url: azure.cosmos.url(), token: token(azure, COSMOS_AUDIENCE).await }
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let authorization = format!("type%3Daad%26ver%3D1.0%26sig%3D{}", self.token);
        self.client
            .request(method.parse().unwrap(), format!("{}{path}", self.url))
            .header("authorization", authorization)
            .header("x-ms-version", "2020-07-15")
            .header("x-ms-documentdb-partitionkey", r#"["tz1"]"#)
    }

    /// The same client for another endpoint of the account.
    pub(crate) fn at(&self, address: SocketAddr) -> Self {
        let url = format!("https://localhost:{}/", address.port());
        Self { client: self.client.clone(), url, token: self.token.clone() }
    }

    /// Gets the account document.
    pub(crate) fn account(&self) -> RequestBuilder {
        self.request("GET", "")
    }

    pub(crate) fn create(&self, id: &str) -> RequestBuilder {
        let item = json!({ "id": id, "pkh": "tz1", "level": 1 });
        self.request("POST", "dbs/signer/colls/marks/docs").body(item.to_string())
    }

    pub(crate) fn read(&self, id: &str) -> RequestBuilder {
        self.request("GET", &format!("dbs/signer/colls/marks/docs/{id}"))
    }

    pub(crate) fn replace(&self, id: &str, etag: &str, level: u32) -> RequestBuilder {
        let item = json!({ "id": id, "pkh": "tz1", "level": level });
        let request = self.request("PUT", &format!("dbs/signer/colls/marks/docs/{id}"));
        request.header("if-match", etag).body(item.to_string())
    }
}

pub(crate) fn p256_key(azure: &Azure) -> KeyVersion {
    azure.key_vault.add_key(NewKey::new("baker", Curve::P256))
}

pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn from_base64(text: &Value) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()
}

/// The status, and the error code in the body.
pub(crate) async fn status_and_code(request: RequestBuilder) -> (u16, String) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let body = json(answer).await;
    let code = body["error"]["innererror"]["code"].as_str().or(body["error"]["code"].as_str());
    (status, code.or(body["code"].as_str()).unwrap_or_default().to_owned())
}

pub(crate) async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

//! The SDK's in-memory emulator, which stores the items; connections and faults are ours.

use super::CosmosOptions;
use crate::answers::Answer;
use azure_core::http::headers::{HeaderName, HeaderValue};
use azure_core::http::{Method, Request};
use azure_data_cosmos_driver::in_memory_emulator::{
    ConsistencyLevel, InMemoryEmulatorHttpClient, ReplicationConfig, VirtualAccountConfig, VirtualRegion, WriteMode,
};
use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use serde_json::{Value, json};
use url::Url;

/// The emulator's only region.
const REGION: &str = "West Europe";

/// Name of the database.
pub(crate) const DATABASE: &str = "signer";

/// Name of the container of marks.
pub(crate) const CONTAINER: &str = "marks";

/// Name of the container of sealed keys.
pub const KEYS_CONTAINER: &str = "keys";

/// Path of the partition key of that container.
const KEYS_PARTITION_KEY: &str = "/type";

/// The emulator, with the database and its containers.
#[derive(Debug)]
pub(super) struct Emulator {
    url: Url,
    /// The request body that creates the container of marks.
    container: Value,
    client: InMemoryEmulatorHttpClient,
}

impl Emulator {
    /// Creates an account. `url` must be the one that clients use.
    pub(super) async fn new(url: Url, options: &CosmosOptions) -> Result<Self, String> {
        let account = VirtualAccountConfig::new(vec![VirtualRegion::new(REGION, url.clone())])
            .map_err(|error| error.to_string())?
            .with_account_id("stand-in")
            .with_consistency(ConsistencyLevel::Strong)
            .with_replication_config(ReplicationConfig::immediate())
            .with_write_mode(WriteMode::Single);
        let client = InMemoryEmulatorHttpClient::try_new(account).map_err(|error| error.to_string())?;
        let mut container = json!({
            "id": CONTAINER,
            "partitionKey": {
                "paths": [options.partition_key_path],
                "kind": "Hash",
                "version": options.partition_key_version,
            },
        });
        if let (Some(ttl), Some(container)) = (options.default_ttl, container.as_object_mut()) {
            container.insert("defaultTtl".to_owned(), ttl.into());
        }
        let emulator = Self { url, container, client };
        emulator.create("dbs", &json!({ "id": DATABASE })).await?;
        emulator.create_container().await?;
        let keys = json!({
            "id": KEYS_CONTAINER,
            "partitionKey": { "paths": [KEYS_PARTITION_KEY], "kind": "Hash", "version": 2 },
        });
        emulator.create(&format!("dbs/{DATABASE}/colls"), &keys).await?;
        Ok(emulator)
    }

    async fn create_container(&self) -> Result<(), String> {
        self.create(&format!("dbs/{DATABASE}/colls"), &self.container).await
    }

    /// Deletes the container with its items and creates it again, with the same name and another `_rid`.
    pub(super) async fn recreate_container(&self) -> Result<(), String> {
        let request = self.request(&format!("dbs/{DATABASE}/colls/{CONTAINER}"), Method::Delete);
        let (status, body) = self.execute(&request).await?;
        if status != 204 {
            return Err(format!("{status} {}", String::from_utf8_lossy(&body)));
        }
        self.create_container().await
    }

    async fn create(&self, path: &str, resource: &Value) -> Result<(), String> {
        let mut request = self.request(path, Method::Post);
        request.set_body(resource.to_string());
        let (status, body) = self.execute(&request).await?;
        if status == 201 { Ok(()) } else { Err(format!("{status} {}", String::from_utf8_lossy(&body))) }
    }

    /// Upserts an item.
    pub(super) async fn put(&self, path: &str, partition_key: &str, item: &Value) -> Result<(), String> {
        let mut request = self.request(path, Method::Post);
        let partition_key = Value::from(vec![partition_key]).to_string();
        request.insert_header("x-ms-documentdb-partitionkey", partition_key);
        request.insert_header("x-ms-documentdb-is-upsert", "True");
        request.set_body(item.to_string());
        let (status, body) = self.execute(&request).await?;
        if matches!(status, 200 | 201) { Ok(()) } else { Err(format!("{status} {}", String::from_utf8_lossy(&body))) }
    }

    /// Deletes an item.
    pub(super) async fn delete(&self, path: &str, partition_key: &str) {
        let mut request = self.request(path, Method::Delete);
        request.insert_header("x-ms-documentdb-partitionkey", Value::from(vec![partition_key]).to_string());
        drop(self.execute(&request).await);
    }

    /// The document or the list at `path`.
    pub(super) async fn get(&self, path: &str, headers: &[(&'static str, String)]) -> Option<Value> {
        let mut request = self.request(path, Method::Get);
        for (name, value) in headers {
            request.insert_header(HeaderName::from(*name), HeaderValue::from(value.clone()));
        }
        let (status, body) = self.execute(&request).await.ok()?;
        if status == 200 { serde_json::from_slice(&body).ok() } else { None }
    }

    fn request(&self, path: &str, method: Method) -> Request {
        let mut url = self.url.clone();
        url.set_path(path);
        Request::new(url, method)
    }

    async fn execute(&self, request: &Request) -> Result<(u16, Bytes), String> {
        let answer = self.client.execute_request(request).await.map_err(|error| error.to_string())?;
        let answer = answer.try_into_raw_response().await.map_err(|error| error.to_string())?;
        Ok((u16::from(answer.status()), Bytes::copy_from_slice(answer.body().as_ref())))
    }

    /// Forwards a request to the emulator.
    pub(super) async fn answer(&self, request: hyper::Request<Bytes>) -> Result<Answer, String> {
        let (head, body) = request.into_parts();
        let method = head.method.as_str().parse().map_err(|_| format!("unsupported method {}", head.method))?;
        let mut url = self.url.clone();
        url.set_path(head.uri.path());
        url.set_query(head.uri.query());
        let mut request = Request::new(url, method);
        for (name, value) in &head.headers {
            if let Ok(value) = value.to_str() {
                request.insert_header(HeaderName::from(name.as_str().to_owned()), HeaderValue::from(value.to_owned()));
            }
        }
        request.set_body(body);

        let answer = self.client.execute_request(&request).await.map_err(|error| error.to_string())?;
        let answer = answer.try_into_raw_response().await.map_err(|error| error.to_string())?;
        let mut response = Response::builder().status(u16::from(answer.status()));
        for (name, value) in answer.headers().iter() {
            response = response.header(name.as_str(), value.as_str());
        }
        let body = Bytes::copy_from_slice(answer.body().as_ref());
        response.body(Full::new(body)).map_err(|error| error.to_string())
    }
}

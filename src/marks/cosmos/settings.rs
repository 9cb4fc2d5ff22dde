//! Which container has the marks, and how to reach it.

use crate::marks::{StoreName, StoreRole};
use azure_core::http::Url;
use std::time::Duration;

/// The container, and requirements for its account.
#[derive(Debug, Clone)]
pub struct CosmosSettings {
    /// `COSMOS_ENDPOINT`.
    pub endpoint: Url,
    /// `COSMOS_DATABASE`.
    pub database: String,
    /// `COSMOS_CONTAINER`.
    pub container: String,
    /// What the container is for.
    pub role: StoreRole,
    /// `ALLOW_WEAK_CONSISTENCY`: accept any consistency, for test accounts in a single region.
    pub allow_weak_consistency: bool,
    /// `REGION_NAME`, set by Azure: the region of this process.
    pub region: Option<String>,
    /// `STORE_HEDGE_MS`: after how long a parallel call is made if the first has not been answered.
    pub hedge_after: Duration,
    /// `REQUEST_DEADLINE_MS`: time limit of every call.
    pub request_deadline: Duration,
}

impl CosmosSettings {
    /// The container's address, as keys are bound to it.
    pub fn name(&self) -> StoreName {
        let host = self.endpoint.host_str().unwrap_or_default();
        StoreName::new(host, self.endpoint.port(), &self.database, &self.container)
    }
}

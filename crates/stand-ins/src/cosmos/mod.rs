//! Cosmos DB with a container for marks, in which a signer may create, read and replace items, and one for sealed keys, which it may
//! only read and list.

mod account;
mod emulator;
mod errors;
mod history;
mod regional;
mod regions;
mod roles;

pub(crate) use account::Account;
pub use emulator::KEYS_CONTAINER;
pub(crate) use emulator::{CONTAINER, DATABASE};
pub use history::StoredItem;
pub(crate) use regional::Endpoint;
pub use regions::Region;

use crate::double::{Controls, controllable};
use crate::tokens::Tokens;
use account::Properties;
use emulator::Emulator;
use history::History;
use regions::Regions;
use serde_json::Value;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use url::Url;

/// How to set up the account and the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosmosOptions {
    /// The account's default consistency: `Strong`, `BoundedStaleness`, `Session`, `ConsistentPrefix` or `Eventual`.
    pub consistency: String,
    /// Whether the account reports multiple write regions.
    pub multiple_write_locations: bool,
    /// Path of the container's partition key.
    pub partition_key_path: String,
    /// Version of the container's partition key.
    pub partition_key_version: u8,
    /// The container's default time to live, in seconds: `None` for never, -1 if only items set their own.
    pub default_ttl: Option<i32>,
    /// Whether to record every version of every item. Memory use then grows with every write.
    pub keeps_history: bool,
    /// The account's regions, in order of failover priority; the first is the write region at the start. With more than one,
    /// each has its own endpoint, and [`Cosmos::url`] is the account's global endpoint, which behaves like the write region's.
    pub regions: Vec<String>,
    /// In an account of three regions or more: how long writes wait for a region that is cut off before a majority is enough.
    /// Azure publishes no figure.
    pub majority_after: Duration,
}

impl Default for CosmosOptions {
    fn default() -> Self {
        Self {
            consistency: "Strong".to_owned(),
            multiple_write_locations: false,
            partition_key_path: "/pkh".to_owned(),
            partition_key_version: 2,
            default_ttl: None,
            keeps_history: false,
            regions: vec![regions::FIRST.to_owned()],
            majority_after: Duration::from_secs(1),
        }
    }
}

/// The double of Cosmos DB.
#[derive(Debug, Clone)]
pub struct Cosmos {
    pub(crate) controls: Arc<Controls>,
    url: Url,
    account: Arc<Account>,
    regions: Vec<Region>,
}

controllable!(Cosmos);

/// Number of partition key ranges of a container in the emulator.
const RANGES: u8 = 4;

/// An endpoint of the account: its host name and its port.
pub(crate) struct Opened {
    pub(crate) host: String,
    pub(crate) controls: Arc<Controls>,
}

impl Opened {
    fn url(&self) -> String {
        format!("https://{}:{}/", self.host, self.controls.port.address().port())
    }
}

impl Cosmos {
    /// The account, with its own endpoint and those of its regions.
    pub(crate) async fn new(
        global: Opened,
        regions: Vec<Opened>,
        tokens: Arc<Tokens>,
        options: &CosmosOptions,
    ) -> io::Result<Self> {
        let url = Url::parse(&global.url()).map_err(io::Error::other)?;
        let mut endpoints: Vec<_> = options.regions.iter().cloned().zip(regions.iter().map(Opened::url)).collect();
        let region = |(name, opened): (&String, Opened)| Region { controls: opened.controls, name: name.clone() };
        let regions: Vec<_> = options.regions.iter().zip(regions).map(region).collect();
        if endpoints.is_empty() {
            let name = options.regions.first().map_or(regions::FIRST, String::as_str);
            endpoints.push((name.to_owned(), url.to_string()));
        }
        let account = Arc::new(Account {
            emulator: Emulator::new(url.clone(), options).await.map_err(io::Error::other)?,
            tokens,
            properties: Mutex::new(Properties {
                // The emulator's would be the host, which all doubles share.
                id: format!("stand-in-{}", url.port().unwrap_or_default()),
                consistency: options.consistency.clone(),
                has_multiple_write_locations: options.multiple_write_locations,
            }),
            may_delete: AtomicBool::new(false),
            may_query: AtomicBool::new(false),
            may_write_keys: AtomicBool::new(false),
            history: History::new(options.keeps_history),
            regions: Regions::new(endpoints, options.majority_after),
        });
        Ok(Self { controls: global.controls, url, account, regions })
    }

    /// The doubles behind all endpoints, with their controls.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = (Arc<Endpoint>, Arc<Controls>)> {
        let regions = self.regions.iter().map(|region| (Some(region.name.clone()), &region.controls));
        std::iter::once((None, &self.controls)).chain(regions).map(|(region, controls)| {
            (Arc::new(Endpoint { region, account: Arc::clone(&self.account) }), Arc::clone(controls))
        })
    }

    /// The regions with their own endpoints: all of them, or none if the account has just one.
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// The region of this name, if it has its own endpoint.
    pub fn region(&self, name: &str) -> Option<&Region> {
        self.regions.iter().find(|region| region.name == name)
    }

    /// Moves the write region, as a failover does; the others then reject writes with 403/3.
    pub fn move_writes_to(&self, region: &str) {
        self.account.regions.move_writes_to(region);
    }

    /// Cuts a region off from everything else, or reconnects it. Its endpoint answers nothing meanwhile, and neither does the
    /// account's own if it is the write region.
    ///
    /// Writes are acknowledged only with the confirmation of all regions, so that none are if the write region is cut off, or
    /// any of two. Of three or more, a majority is enough after [`CosmosOptions::majority_after`]. Writes that wait take effect
    /// later, unless their region is taken offline first.
    pub fn cut_off(&self, region: &str, is_cut_off: bool) {
        self.account.regions.set_cut_off(region, is_cut_off);
    }

    /// Removes a region from the account, as `az cosmosdb offline-region` does. If it was the write region, the next one takes
    /// the writes.
    pub fn take_offline(&self, region: &str) {
        self.account.regions.take_offline(region);
    }

    /// Adds a region that was taken offline to the account again, as a read region.
    pub fn bring_online(&self, region: &str) {
        self.account.regions.bring_online(region);
    }

    /// The name of the write region.
    pub fn write_region(&self) -> String {
        self.account.regions.write_region()
    }

    /// The value for `COSMOS_ENDPOINT`.
    pub fn url(&self) -> String {
        self.url.to_string()
    }

    /// Changes the consistency that the account reports. The data stay strongly consistent.
    pub fn set_consistency(&self, level: &str) {
        level.clone_into(&mut self.properties().consistency);
    }

    /// Changes whether the account reports multiple write regions.
    pub fn set_multiple_write_locations(&self, multiple: bool) {
        self.properties().has_multiple_write_locations = multiple;
    }

    /// Allows or forbids deleting items, which a signer's role should not include.
    pub fn allow_delete(&self, allow: bool) {
        self.account.may_delete.store(allow, Ordering::Relaxed);
    }

    /// Allows or forbids queries, which an operator needs to list marks.
    pub fn allow_query(&self, allow: bool) {
        self.account.may_query.store(allow, Ordering::Relaxed);
    }

    /// Allows or forbids creating and replacing sealed keys, as an operator does; a signer's role does not include that.
    pub fn allow_write_of_keys(&self, allow: bool) {
        self.account.may_write_keys.store(allow, Ordering::Relaxed);
    }

    /// Deletes the container with its items, and creates another with the same name and settings and a different `_rid`.
    ///
    /// # Panics
    /// If the emulator fails.
    #[allow(clippy::expect_used, reason = "a test cannot go on without the container")]
    pub async fn recreate_container(&self) {
        self.account.emulator.recreate_container().await.expect("the container should be created again");
    }

    /// Restores an older copy ([`items`](Self::items)) into a new container of the same name, with a different `_rid`. In the
    /// history, the restored items are created. Returns when the old container was lost.
    ///
    /// # Panics
    /// If the emulator fails.
    #[allow(clippy::expect_used, reason = "a test cannot go on without the container")]
    pub async fn restore_container(&self, copy: &[Value]) -> Instant {
        let restore = async {
            self.recreate_container().await;
            for item in copy {
                let partition_key = item.get("pkh").and_then(Value::as_str).expect("an item of this container");
                self.put_item(partition_key, item).await;
            }
            copy.iter().map(|item| item.to_string().into()).collect()
        };
        self.account.history.of_restore(restore).await
    }

    /// The container's `_rid`, which changes when it is created again.
    pub async fn container_rid(&self) -> Option<String> {
        let container = self.account.emulator.get(&format!("dbs/{DATABASE}/colls/{CONTAINER}"), &[]).await?;
        container.get("_rid")?.as_str().map(str::to_owned)
    }

    /// A stored item.
    pub async fn item(&self, partition_key: &str, id: &str) -> Option<Value> {
        let mut path = Url::parse("https://localhost").ok()?;
        path.path_segments_mut().ok()?.extend(["dbs", DATABASE, "colls", CONTAINER, "docs", id]);
        let partition_key = Value::from(vec![partition_key]).to_string();
        self.account.emulator.get(path.path(), &[("x-ms-documentdb-partitionkey", partition_key)]).await
    }

    /// Upserts an item, valid or not, as anyone with write access to the data could.
    ///
    /// # Panics
    /// If the emulator rejects it.
    #[allow(clippy::expect_used, reason = "a test cannot go on without the item")]
    pub async fn put_item(&self, partition_key: &str, item: &Value) {
        let path = format!("dbs/{DATABASE}/colls/{CONTAINER}/docs");
        self.account.emulator.put(&path, partition_key, item).await.expect("the item should be stored");
    }

    /// A stored sealed key, as an item.
    pub async fn sealed_key(&self, name: &str) -> Option<Value> {
        let partition_key = ("x-ms-documentdb-partitionkey", r#"["sealed_key"]"#.to_owned());
        self.account.emulator.get(&format!("dbs/{DATABASE}/colls/{KEYS_CONTAINER}/docs/{name}"), &[partition_key]).await
    }

    /// Upserts an item in the container of sealed keys, valid or not, as anyone with write access to the data could.
    ///
    /// # Panics
    /// If the emulator rejects it.
    #[allow(clippy::expect_used, reason = "a test cannot go on without the item")]
    pub async fn put_sealed_key(&self, item: &Value) {
        let path = format!("dbs/{DATABASE}/colls/{KEYS_CONTAINER}/docs");
        self.account.emulator.put(&path, "sealed_key", item).await.expect("the item should be stored");
    }

    /// Deletes a sealed key, if it is there.
    pub async fn delete_sealed_key(&self, name: &str) {
        self.account.emulator.delete(&format!("dbs/{DATABASE}/colls/{KEYS_CONTAINER}/docs/{name}"), "sealed_key").await;
    }

    /// All stored items.
    pub async fn items(&self) -> Vec<Value> {
        let mut items = Vec::new();
        for range in 0..RANGES {
            let path = format!("dbs/{DATABASE}/colls/{CONTAINER}/docs");
            let headers =
                [("x-ms-documentdb-partitionkeyrangeid", range.to_string()), ("x-ms-max-item-count", "-1".to_owned())];
            let page = self.account.emulator.get(&path, &headers).await;
            if let Some(Value::Array(documents)) = page.and_then(|mut page| page.get_mut("Documents").map(Value::take))
            {
                items.extend(documents);
            }
        }
        items
    }

    /// Every accepted version of every item, in order; empty unless [`CosmosOptions::keeps_history`].
    pub async fn history(&self) -> Vec<StoredItem> {
        self.account.history.items().await
    }

    fn properties(&self) -> MutexGuard<'_, Properties> {
        self.account.properties.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

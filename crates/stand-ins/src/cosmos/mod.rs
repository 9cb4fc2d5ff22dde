//! Cosmos DB, with one container for marks, as an identity sees it that may create, read and replace items.

mod account;
mod emulator;
mod errors;
mod history;
mod regions;
mod roles;

pub(crate) use account::Account;
pub(crate) use emulator::{CONTAINER, DATABASE};
pub use history::StoredItem;
pub use regions::Region;
pub(crate) use regions::RegionDouble;

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
use url::Url;

/// How the account and the container were set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosmosOptions {
    /// The account's default consistency: `Strong`, `BoundedStaleness`, `Session`, `ConsistentPrefix` or `Eventual`.
    pub consistency: String,
    /// Whether several regions take writes.
    pub multiple_write_locations: bool,
    /// The path of the container's partition key.
    pub partition_key_path: String,
    /// The version of the container's partition key.
    pub partition_key_version: u8,
    /// After how many seconds items vanish: `None` never, -1 when they say so themselves.
    pub default_ttl: Option<i32>,
    /// Whether every version of every item is kept, which takes ever more memory.
    pub keeps_history: bool,
    /// The account's regions; the first takes the writes at first. With more than one, each has an endpoint of its own, and
    /// [`Cosmos::url`] is the account's global one, which serves as the write region does.
    pub regions: Vec<String>,
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

/// The emulator's containers have so many ranges of partition keys.
const RANGES: u8 = 4;

impl Cosmos {
    pub(crate) async fn new(
        controls: Arc<Controls>,
        regions: Vec<Arc<Controls>>,
        tokens: Arc<Tokens>,
        options: &CosmosOptions,
    ) -> io::Result<(Self, Arc<Account>)> {
        let address = |controls: &Controls| format!("https://localhost:{}/", controls.port.address().port());
        let url = Url::parse(&address(&controls)).map_err(io::Error::other)?;
        let regions: Vec<_> = options
            .regions
            .iter()
            .zip(regions)
            .map(|(name, controls)| Region { controls, name: name.clone() })
            .collect();
        let mut endpoints: Vec<_> =
            regions.iter().map(|region| (region.name.clone(), address(&region.controls))).collect();
        if endpoints.is_empty() {
            let name = options.regions.first().map_or(regions::FIRST, String::as_str);
            endpoints.push((name.to_owned(), url.to_string()));
        }
        let account = Arc::new(Account {
            emulator: Emulator::new(url.clone(), options).await.map_err(io::Error::other)?,
            tokens,
            properties: Mutex::new(Properties {
                consistency: options.consistency.clone(),
                has_multiple_write_locations: options.multiple_write_locations,
            }),
            may_delete: AtomicBool::new(false),
            may_query: AtomicBool::new(false),
            history: History::new(options.keeps_history),
            regions: Regions::new(endpoints),
        });
        Ok((Self { controls, url, account: Arc::clone(&account), regions }, account))
    }

    /// The doubles that answer at the endpoints of the regions, with what controls them.
    pub(crate) fn region_doubles(&self) -> impl Iterator<Item = (Arc<RegionDouble>, Arc<Controls>)> {
        self.regions.iter().map(|region| {
            let double = RegionDouble { name: region.name.clone(), account: Arc::clone(&self.account) };
            (Arc::new(double), Arc::clone(&region.controls))
        })
    }

    /// The regions that have endpoints of their own: all, or none if the account has only one.
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// A region with an endpoint of its own.
    pub fn region(&self, name: &str) -> Option<&Region> {
        self.regions.iter().find(|region| region.name == name)
    }

    /// Lets another region take the writes, as a failover does; the others then refuse them with 403/3.
    pub fn move_writes_to(&self, region: &str) {
        self.account.regions.move_writes_to(region);
    }

    /// Lets the account's document name these regions as readable; all, at first.
    pub fn list_regions(&self, names: &[&str]) {
        self.account.regions.list(names);
    }

    /// What goes into `COSMOS_ENDPOINT`.
    pub fn url(&self) -> String {
        self.url.to_string()
    }

    /// Lets the account say another consistency. The data behave as in one region, whatever is said.
    pub fn set_consistency(&self, level: &str) {
        level.clone_into(&mut self.properties().consistency);
    }

    /// Lets the account say that several regions take writes, or that one does.
    pub fn set_multiple_write_locations(&self, multiple: bool) {
        self.properties().has_multiple_write_locations = multiple;
    }

    /// Whether items may be deleted, which is more than a signer's role should allow.
    pub fn allow_delete(&self, allow: bool) {
        self.account.may_delete.store(allow, Ordering::Relaxed);
    }

    /// Whether items may be queried, as an operator may who lists marks.
    pub fn allow_query(&self, allow: bool) {
        self.account.may_query.store(allow, Ordering::Relaxed);
    }

    /// Deletes the container with all its items and makes another under the same name, as it was asked for at the start. It
    /// has another `_rid`.
    ///
    /// # Panics
    /// If the emulator does not do it.
    #[allow(clippy::expect_used, reason = "a test that needs another container has failed without it")]
    pub async fn recreate_container(&self) {
        self.account.emulator.recreate_container().await.expect("the container is made anew");
    }

    /// The container's own id, which another container under its name does not have.
    pub async fn container_rid(&self) -> Option<String> {
        let container = self.account.emulator.get(&format!("dbs/{DATABASE}/colls/{CONTAINER}"), &[]).await?;
        container.get("_rid")?.as_str().map(str::to_owned)
    }

    /// An item, as it is stored.
    pub async fn item(&self, partition_key: &str, id: &str) -> Option<Value> {
        let mut path = Url::parse("https://localhost").ok()?;
        path.path_segments_mut().ok()?.extend(["dbs", DATABASE, "colls", CONTAINER, "docs", id]);
        let partition_key = Value::from(vec![partition_key]).to_string();
        self.account.emulator.get(path.path(), &[("x-ms-documentdb-partitionkey", partition_key)]).await
    }

    /// Puts an item, as somebody with rights on the data could: also one that is not a mark.
    ///
    /// # Panics
    /// If the emulator does not take it.
    #[allow(clippy::expect_used, reason = "a test that needs the item has failed without it")]
    pub async fn put_item(&self, partition_key: &str, item: &Value) {
        let path = format!("dbs/{DATABASE}/colls/{CONTAINER}/docs");
        self.account.emulator.put(&path, partition_key, item).await.expect("the item is stored");
    }

    /// All items.
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

    /// Every version of every item that was ever stored, in order; nothing unless [`CosmosOptions::keeps_history`].
    pub async fn history(&self) -> Vec<StoredItem> {
        self.account.history.items().await
    }

    fn properties(&self) -> MutexGuard<'_, Properties> {
        self.account.properties.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Reads everything on the screen. What the doctor also reads is read by the same code.

use super::marks::{self, Context};
use super::sealed::SealedSource;
use super::{Condition, Instance, Marks, Node, READ_TIMEOUT, State, Status, Store, Vault, Watching, late};
use crate::azure::{TlsRoots, plain_words, reason_of};
use crate::chain::{Inspection as NodeInspection, NodeError, NodeUrl};
use crate::doctor::{FAR_APART, STALE, open_key_file};
use crate::marks::CosmosSettings;
use crate::marks::cosmos::Inspection;
use crate::settings::{EmbeddedSettings, MarkStoreSettings, MarksSettings, VaultSettings};
use crate::tezos::PublicKeyHash;
use crate::vault::{FoundKeys, KeyVault, Vault as _, VaultError};
use crate::wiring::Azure;
use futures::future::join_all;
use std::cell::LazyCell;
use std::path::PathBuf;
use std::sync::Arc;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::timeout;

/// Where everything is read.
pub struct Sources {
    vault: VaultSource,
    sealed_keys: Option<SealedSource>,
    store: StoreSource,
    nodes: Vec<NodeUrl>,
    /// Addresses that serve metrics.
    instances: Vec<String>,
    http: Result<reqwest::Client, String>,
    watching: Watching,
}

/// Where the keys are.
enum VaultSource {
    Embedded(EmbeddedSettings),
    /// Its address, and the client, or why there is none.
    KeyVault(String, Result<Box<KeyVault>, String>),
}

/// Where the marks are.
enum StoreSource {
    /// The file.
    Embedded(PathBuf),
    /// The container, and the client of its account, or why there is none.
    Cosmos(CosmosSettings, Result<Box<Inspection>, String>),
}

impl Sources {
    /// Sends no request yet. `instances` are the addresses of metrics, as in `METRICS_LISTEN`.
    pub fn new(settings: MarksSettings, instances: Vec<String>, watching: Watching) -> Self {
        let services = settings.services;
        let azure = LazyCell::new(|| Azure::prepare(&services).map(Arc::new).map_err(|error| error.to_string()));
        let sealed_keys = SealedSource::new(&services, || azure.clone());
        let vault = match &services.vault {
            VaultSettings::Embedded => VaultSource::Embedded(services.embedded.clone()),
            VaultSettings::KeyVault(vault) => {
                let client = azure.as_ref().map_err(String::clone).and_then(|azure| {
                    let client = KeyVault::new(vault.as_ref().clone(), Arc::clone(&azure.tokens), azure.roots.clone());
                    client.map(Box::new).map_err(|error| error.to_string())
                });
                VaultSource::KeyVault(vault.url.to_string(), client)
            }
        };
        let store = match &services.marks {
            MarkStoreSettings::Embedded => StoreSource::Embedded(services.embedded.marks_file()),
            MarkStoreSettings::Cosmos(cosmos) => {
                let client = azure.as_ref().map_err(String::clone).and_then(|azure| {
                    let client = Inspection::new(cosmos.clone(), Arc::clone(&azure.tokens), &azure.roots);
                    client.map(Box::new).map_err(|error| reason_of(&error))
                });
                StoreSource::Cosmos(cosmos.clone(), client)
            }
        };
        let roots = TlsRoots::read().map_err(|error| error.to_string());
        let http = roots.and_then(|roots| roots.client(READ_TIMEOUT).map_err(|error| reason_of(&error)));
        let nodes = settings.nodes.map(|settings| settings.nodes).unwrap_or_default();
        Self { vault, sealed_keys, store, nodes, instances, http, watching }
    }

    /// Reads everything once.
    pub async fn read(&self) -> Status {
        let sealed_keys = async {
            match &self.sealed_keys {
                Some(source) => Some(source.read().await),
                None => None,
            }
        };
        let ((mut vault, mut keys), sealed_keys, nodes, instances) = tokio::join!(
            self.vault(),
            sealed_keys,
            self.nodes(),
            join_all(self.instances.iter().map(|address| self.instance(address)))
        );
        let (sealed_keys, sealed) = sealed_keys.unzip();
        let has_sealed = sealed_keys.as_ref().and_then(|sealed| sealed.keys).is_some_and(|keys| keys > 0);
        // A vault without keys is a problem only if there are no sealed keys, either.
        if has_sealed && vault.usable_keys == Some(0) && vault.condition.state == State::Failed {
            vault.condition = Condition::OK;
        }
        if let Some(keys) = &mut keys {
            keys.extend(sealed.unwrap_or_default());
        }
        let now = OffsetDateTime::now_utc();
        let (store, marks) = self.marks(keys, &Context { nodes: &nodes, now }).await;
        Status {
            version: env!("CARGO_PKG_VERSION"),
            time: now.format(&Rfc3339).unwrap_or_default(),
            vault,
            sealed_keys,
            store,
            nodes,
            instances,
            marks,
        }
    }

    /// The vault, and the keys in it that can sign or could before; `None` if they are unknown.
    async fn vault(&self) -> (Vault, Option<Vec<PublicKeyHash>>) {
        let (address, found) = match &self.vault {
            VaultSource::Embedded(settings) => {
                (settings.data_dir.display().to_string(), embedded_keys(settings.clone()).await)
            }
            VaultSource::KeyVault(address, Ok(vault)) => {
                let found = match timeout(READ_TIMEOUT, vault.keys()).await {
                    Ok(found) => found.map_err(|error| error.reason().log().to_owned()),
                    Err(_) => Err(late()),
                };
                (address.clone(), found)
            }
            VaultSource::KeyVault(address, Err(reason)) => (address.clone(), Err(reason.clone())),
        };
        match found {
            Err(reason) => {
                let condition = Condition::unknown(reason);
                (Vault { address, condition, usable_keys: None, unusable_keys: None }, None)
            }
            Ok(found) => {
                let keys = found.usable.iter().chain(found.unusable.iter().map(|unusable| &unusable.key));
                let keys = keys.map(|key| key.hash).collect();
                let (usable_keys, unusable_keys) = (Some(found.usable.len()), Some(found.unusable.len()));
                (Vault { address, condition: of_keys(&found), usable_keys, unusable_keys }, Some(keys))
            }
        }
    }

    async fn nodes(&self) -> Vec<Node> {
        let mut nodes = join_all(self.nodes.iter().map(read_node)).await;
        let heads: Vec<_> = nodes.iter().map(|node| (node.chain.clone(), node.level)).collect();
        for node in &mut nodes {
            let Some(level) = node.level else { continue };
            let highest = heads.iter().filter(|(chain, _)| *chain == node.chain).filter_map(|(_, level)| *level).max();
            let behind = highest.map_or(0, |highest| highest - level);
            node.levels_behind = Some(behind);
            if behind > FAR_APART && node.condition.state == State::Ok {
                node.condition = Condition::of(State::Warning, format!("{behind} levels behind another node"));
            }
        }
        nodes
    }

    async fn instance(&self, address: &str) -> Instance {
        let client = match &self.http {
            Ok(client) => client,
            Err(reason) => return Instance::unknown(address, reason),
        };
        let read = async {
            let answer = client.get(format!("http://{address}/metrics")).send().await?.error_for_status()?;
            answer.text().await
        };
        match read.await {
            Ok(text) => Instance::of_metrics(address, &text),
            Err(error) => {
                Instance::unknown(address, plain_words(&error).map_or_else(|| reason_of(&error), str::to_owned))
            }
        }
    }

    async fn marks(&self, keys: Option<Vec<PublicKeyHash>>, context: &Context<'_>) -> (Store, Marks) {
        match &self.store {
            StoreSource::Embedded(file) => marks::of_file(file, self.watching, context).await,
            StoreSource::Cosmos(settings, Ok(store)) => marks::of_container(settings, store, keys, context).await,
            StoreSource::Cosmos(settings, Err(reason)) => marks::unread_container(settings, reason),
        }
    }
}

fn of_keys(found: &FoundKeys) -> Condition {
    match (&found.unread, found.usable.len()) {
        (Some(error), _) => Condition::unknown(format!("some keys could not be read: {}", error.reason().log())),
        (None, 0) => Condition::of(State::Failed, "no key can sign"),
        (None, _) => Condition::OK,
    }
}

async fn embedded_keys(settings: EmbeddedSettings) -> Result<FoundKeys, String> {
    let opened = tokio::task::spawn_blocking(move || open_key_file(&settings)).await;
    match opened.map_err(|error| error.to_string())?.map_err(|error| error.to_string())? {
        Some((vault, ..)) => vault.keys().await.map_err(|error: VaultError| error.to_string()),
        None => Ok(FoundKeys::default()),
    }
}

async fn read_node(url: &NodeUrl) -> Node {
    let address = url.to_string();
    let unread = |reason: String| Node {
        address: address.clone(),
        condition: Condition::unknown(reason),
        chain: None,
        level: None,
        head_age_seconds: None,
        levels_behind: None,
    };
    let node = match NodeInspection::new(url.clone(), READ_TIMEOUT) {
        Ok(node) => node,
        Err(error) => return unread(reason_of(&error)),
    };
    let read = async { Ok::<_, NodeError>(tokio::try_join!(node.chain(), node.head())?) };
    match read.await {
        Err(error) => unread(error.to_string()),
        Ok((chain, head)) => {
            let age = OffsetDateTime::now_utc() - head.timestamp;
            let condition = if age > STALE { Condition::of(State::Warning, "its head is old") } else { Condition::OK };
            Node {
                address,
                condition,
                chain: Some(chain.to_string()),
                level: Some(head.level),
                head_age_seconds: Some(age.whole_seconds()),
                levels_behind: None,
            }
        }
    }
}

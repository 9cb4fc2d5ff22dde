//! Reads everything on the screen. What the doctor also reads is read by the same code.

use super::{Condition, Instance, Mark, Marks, Node, State, Status, Store, Vault, in_one_line};
use crate::azure::{TlsRoots, plain_words, reason_of};
use crate::chain::{Inspection as NodeInspection, NodeError, NodeUrl, checkpoints};
use crate::doctor::{FAR_APART, STALE, open_key_file};
use crate::marks::cosmos::{Inspection, MarkReader, account};
use crate::marks::{CosmosSettings, EmbeddedMarkStore, Found, MarkId, OpenError};
use crate::settings::{EmbeddedSettings, MarkStoreSettings, MarksSettings, VaultSettings};
use crate::tezos::PublicKeyHash;
use crate::tezos::payload::NonNegative;
use crate::vault::{FoundKeys, KeyVault, Vault as _, VaultError};
use crate::wiring::Azure;
use futures::future::join_all;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::{Instant, timeout};

/// Time limit for everything that is read of one service.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether the screen is read once, or again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watching {
    /// Once.
    No,
    /// Again and again.
    Yes,
}

/// Where everything is read.
pub struct Sources {
    settings: MarksSettings,
    /// Addresses that serve metrics.
    instances: Vec<String>,
    watching: Watching,
    azure: Result<Option<InAzure>, String>,
    http: Result<reqwest::Client, String>,
}

/// The clients of the services in Azure.
struct InAzure {
    vault: Option<KeyVault>,
    store: Option<Inspection>,
}

/// The marks, and the head of each chain.
struct Context<'a> {
    nodes: &'a [Node],
    now: OffsetDateTime,
}

impl Sources {
    /// Sends no request yet. `instances` are the addresses of metrics, as in `METRICS_LISTEN`.
    pub fn new(settings: MarksSettings, instances: Vec<String>, watching: Watching) -> Self {
        let azure = settings.services.are_in_azure().then(|| InAzure::prepare(&settings)).transpose();
        let roots = TlsRoots::read().map_err(|error| error.to_string());
        let http = roots.and_then(|roots| roots.client(READ_TIMEOUT).map_err(|error| reason_of(&error)));
        Self { settings, instances, watching, azure, http }
    }

    /// Reads everything once.
    pub async fn read(&self) -> Status {
        let ((vault, keys), nodes, instances) = tokio::join!(
            self.vault(),
            self.nodes(),
            join_all(self.instances.iter().map(|address| self.instance(address)))
        );
        let now = OffsetDateTime::now_utc();
        let (store, marks) = self.marks(keys, &Context { nodes: &nodes, now }).await;
        Status {
            version: env!("CARGO_PKG_VERSION"),
            time: now.format(&Rfc3339).unwrap_or_default(),
            vault,
            store,
            nodes,
            instances,
            marks,
        }
    }

    /// The vault, and the keys in it that can sign or could before; `None` if they are unknown.
    async fn vault(&self) -> (Vault, Option<Vec<PublicKeyHash>>) {
        let services = &self.settings.services;
        let address = match &services.vault {
            VaultSettings::KeyVault(vault) => vault.url.to_string(),
            VaultSettings::Embedded => services.embedded.data_dir.display().to_string(),
        };
        let found = match (&services.vault, &self.azure) {
            (VaultSettings::Embedded, _) => embedded_keys(&services.embedded).await,
            (VaultSettings::KeyVault(_), Ok(Some(InAzure { vault: Some(vault), .. }))) => {
                match timeout(READ_TIMEOUT, vault.keys()).await {
                    Ok(found) => found.map_err(|error| error.reason().log().to_owned()),
                    Err(_) => Err(late()),
                }
            }
            (VaultSettings::KeyVault(_), Ok(_)) => Err(NO_CLIENT.to_owned()),
            (VaultSettings::KeyVault(_), Err(reason)) => Err(reason.clone()),
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
        let Some(settings) = &self.settings.nodes else { return Vec::new() };
        let mut nodes = join_all(settings.nodes.iter().map(read_node)).await;
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
        match (&self.settings.services.marks, &self.azure) {
            (MarkStoreSettings::Embedded, _) => self.embedded_marks(context).await,
            (MarkStoreSettings::Cosmos(settings), Ok(Some(InAzure { store: Some(store), .. }))) => {
                tokio::join!(cosmos_store(settings, store), cosmos_marks(store, keys, context))
            }
            (MarkStoreSettings::Cosmos(settings), azure) => {
                let reason = azure.as_ref().err().map_or(NO_CLIENT, String::as_str);
                let condition = Condition::unknown(reason);
                (unread_store(settings.name().to_string(), condition.clone()), Marks { condition, list: Vec::new() })
            }
        }
    }

    /// The file of the embedded store, which a running signer uses alone.
    async fn embedded_marks(&self, context: &Context<'_>) -> (Store, Marks) {
        let path = self.settings.services.embedded.data_dir.join("marks.redb");
        let store = |condition| unread_store(path.display().to_string(), condition);
        let none = |condition| Marks { condition, list: Vec::new() };
        if self.watching == Watching::Yes {
            // Reading locks the file for a moment, in which a signer could not start.
            let condition =
                Condition::unknown("the embedded store is not read with --watch: a signer needs the file alone");
            return (store(condition.clone()), none(condition));
        }
        match open_marks(path.clone()).await {
            Ok(None) => (store(Condition::OK), none(Condition::OK)),
            Ok(Some(opened)) => match opened.list().await {
                Ok(listing) => {
                    let marks = listing.marks.iter().map(|(id, found)| mark(id, Ok(Some(found)), context));
                    let unreadable = listing.unreadable.first();
                    let condition = unreadable.map_or(Condition::OK, |item| {
                        Condition::of(State::Failed, format!("{} is not a mark: {}", item.name, item.reason))
                    });
                    (store(Condition::OK), Marks { condition, list: marks.collect() })
                }
                Err(error) => {
                    (store(Condition::of(State::Failed, error.to_string())), none(Condition::unknown(error.log())))
                }
            },
            Err(error @ OpenFailed::InUse(_)) => (
                store(Condition::OK),
                none(Condition::unknown(format!("{error}; its metrics show the last signatures"))),
            ),
            Err(error @ OpenFailed::Unusable(_)) => (
                store(Condition::of(State::Failed, error.to_string())),
                none(Condition::unknown("the store cannot be read")),
            ),
        }
    }
}

impl InAzure {
    fn prepare(settings: &MarksSettings) -> Result<Self, String> {
        let services = &settings.services;
        let azure = Azure::prepare(services).map_err(|error| error.to_string())?;
        let vault = match &services.vault {
            VaultSettings::KeyVault(vault) => {
                let vault = KeyVault::new(vault.as_ref().clone(), Arc::clone(&azure.tokens), azure.roots.clone());
                Some(vault.map_err(|error| error.to_string())?)
            }
            VaultSettings::Embedded => None,
        };
        let store = match &services.marks {
            MarkStoreSettings::Cosmos(cosmos) => {
                let inspection = Inspection::new(cosmos.clone(), Arc::clone(&azure.tokens), &azure.roots);
                Some(inspection.map_err(|error| reason_of(&error))?)
            }
            MarkStoreSettings::Embedded => None,
        };
        Ok(Self { vault, store })
    }
}

/// Never shown: each selected service in Azure has its client.
const NO_CLIENT: &str = "its client could not be created";

fn late() -> String {
    format!("no answer within {} s", READ_TIMEOUT.as_secs())
}

fn of_keys(found: &FoundKeys) -> Condition {
    match (&found.unread, found.usable.len()) {
        (Some(error), _) => Condition::unknown(format!("some keys could not be read: {}", error.reason().log())),
        (None, 0) => Condition::of(State::Failed, "no key can sign"),
        (None, _) => Condition::OK,
    }
}

async fn embedded_keys(settings: &EmbeddedSettings) -> Result<FoundKeys, String> {
    let settings = settings.clone();
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

fn unread_store(address: String, condition: Condition) -> Store {
    Store { address, condition, consistency: None, write_region: None }
}

async fn cosmos_store(settings: &CosmosSettings, store: &Inspection) -> Store {
    let address = settings.name().to_string();
    let account = match store.account().await {
        Ok(account) => account,
        Err(reason) => return unread_store(address, Condition::unknown(reason.log())),
    };
    let condition = match timeout(READ_TIMEOUT, store.container()).await {
        Ok(Ok((_, properties))) => {
            let unsuitable = account::check(&account, &properties, settings.allow_weak_consistency);
            if unsuitable.is_empty() {
                Condition::OK
            } else {
                Condition::of(State::Failed, account::explained(&unsuitable))
            }
        }
        Ok(Err(error)) => Condition::unknown(reason_of(&error)),
        Err(_) => Condition::unknown(late()),
    };
    Store {
        address,
        condition,
        consistency: Some(account.consistency().to_owned()),
        write_region: Some(account.write_regions()),
    }
}

/// The marks of all keys on the chains of the nodes, and on mainnet.
async fn cosmos_marks(store: &Inspection, keys: Option<Vec<PublicKeyHash>>, context: &Context<'_>) -> Marks {
    let Some(keys) = keys else {
        let condition = Condition::unknown("the keys are unknown, since the vault could not be read");
        return Marks { condition, list: Vec::new() };
    };
    let deadline = Instant::now() + READ_TIMEOUT;
    let reader = match MarkReader::connect(store, deadline).await {
        Ok(reader) => reader,
        Err(error) => return Marks { condition: Condition::unknown(error.log()), list: Vec::new() },
    };
    let chains = context.nodes.iter().filter_map(|node| node.chain.as_deref()?.parse().ok());
    let found = reader.look_at_all(&keys, &chains.collect(), deadline).await;
    let list = found.iter().filter_map(|(id, answer)| match answer {
        Ok(None) => None,
        Ok(Some(Found::Mark(stored))) => Some(mark(id, Ok(Some(&stored.mark)), context)),
        Ok(Some(Found::Unreadable(item))) => {
            Some(mark(id, Err(Condition::of(State::Failed, format!("not a mark: {}", item.reason))), context))
        }
        Err(error) => Some(mark(id, Err(Condition::unknown(error.log())), context)),
    });
    Marks { condition: Condition::OK, list: list.collect() }
}

/// A mark, or why it could not be read.
fn mark(id: &MarkId, read: Result<Option<&crate::marks::Mark>, Condition>, context: &Context<'_>) -> Mark {
    let (read, condition) = match read {
        Ok(mark) => (mark, Condition::OK),
        Err(condition) => (None, condition),
    };
    let chain = id.chain.to_string();
    let heads = context.nodes.iter().filter(|node| node.chain.as_ref() == Some(&chain));
    let head = heads.filter_map(|node| node.level).max();
    let level = read.map(|mark| mark.position.level.get());
    let behind = head.zip(level).map(|(head, level)| i64::from(head) - i64::from(level));
    let highest = checkpoints::max_level(id.chain, context.now).map(NonNegative::get);
    let is_impossible = level.zip(highest).is_some_and(|(level, highest)| level > highest);
    let written = read.and_then(|mark| mark.written.as_ref());
    Mark {
        key: id.key.to_string(),
        network: checkpoints::checkpoint(id.chain).map(|checkpoint| checkpoint.network),
        chain,
        kind: id.kind.name(),
        condition: if is_impossible {
            Condition::of(State::Warning, "ahead of the chain: nothing is signed until it has passed the mark")
        } else {
            condition
        },
        level,
        round: read.map(|mark| mark.position.round.get()),
        levels_behind_head: behind,
        written_seconds_ago: written.map(|written| (context.now - written.at).whole_seconds()),
        written_by: written.map(|written| in_one_line(&written.instance)),
    }
}

/// Why the embedded store was not opened.
#[derive(Debug, thiserror::Error)]
enum OpenFailed {
    #[error("the embedded store is in use by {0}")]
    InUse(String),
    #[error("{0}")]
    Unusable(String),
}

async fn open_marks(path: PathBuf) -> Result<Option<EmbeddedMarkStore>, OpenFailed> {
    let opened = tokio::task::spawn_blocking(move || EmbeddedMarkStore::open_to_read(&path)).await;
    match opened {
        Ok(Ok(store)) => Ok(store),
        Ok(Err(OpenError::InUse { holder, .. })) => Err(OpenFailed::InUse(holder.to_string())),
        Ok(Err(error)) => Err(OpenFailed::Unusable(error.to_string())),
        Err(error) => Err(OpenFailed::Unusable(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marks::AttemptId;
    use crate::tezos::payload::{Kind, Position};

    #[test]
    fn a_mark_is_compared_with_the_heads_of_its_chain_and_with_the_clock() {
        let id = |chain: &str| MarkId {
            chain: chain.parse().unwrap(),
            key: "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t".parse().unwrap(),
            kind: Kind::Block,
        };
        let node = |chain: &str, level| Node {
            address: String::new(),
            condition: Condition::OK,
            chain: Some(chain.to_owned()),
            level,
            head_age_seconds: None,
            levels_behind: None,
        };
        let (mainnet, other) = ("NetXdQprcVkpaWU", "NetXnHfVqm9iesp");
        let nodes = [node(mainnet, Some(1000)), node(mainnet, Some(990)), node(other, None)];
        let context = Context { nodes: &nodes, now: OffsetDateTime::now_utc() };
        for (chain, level, behind, state) in [
            (mainnet, 998, Some(2), State::Ok),
            (mainnet, 1003, Some(-3), State::Ok),
            (mainnet, i32::MAX, Some(1000 - i64::from(i32::MAX)), State::Warning),
            (other, 5, None, State::Ok),
        ] {
            let position = Position { level: level.try_into().unwrap(), round: NonNegative::ZERO };
            let attempt = AttemptId::random().unwrap();
            let stored = crate::marks::Mark { position, digest: None, signature: None, attempt, written: None };
            let read = mark(&id(chain), Ok(Some(&stored)), &context);
            assert_eq!((read.levels_behind_head, read.condition.state), (behind, state), "{chain} {level}");
        }
        let unread = mark(&id(mainnet), Err(Condition::unknown("no answer")), &context);
        assert_eq!((unread.level, unread.levels_behind_head, unread.condition.state), (None, None, State::Unknown));
    }
}

//! Reads the mark store and the marks in it.

use super::{Condition, Mark, Marks, Node, READ_TIMEOUT, State, Store, Watching, in_one_line, late};
use crate::azure::reason_of;
use crate::chain::checkpoints;
use crate::marks::cosmos::{Inspection, MarkReader, account};
use crate::marks::{CosmosSettings, EmbeddedMarkStore, Found, MarkId, OpenError};
use crate::tezos::PublicKeyHash;
use crate::tezos::payload::NonNegative;
use std::path::{Path, PathBuf};
use time::OffsetDateTime;
use tokio::time::{Instant, timeout};

/// What marks are compared with.
pub(super) struct Context<'a> {
    pub(super) nodes: &'a [Node],
    pub(super) now: OffsetDateTime,
}

/// The embedded store, whose file a running signer uses alone.
pub(super) async fn of_file(path: &Path, watching: Watching, context: &Context<'_>) -> (Store, Marks) {
    let store = |condition| unread_store(path.display().to_string(), condition);
    let none = |condition| Marks { condition, list: Vec::new() };
    if watching == Watching::Yes {
        // Reading locks the file for a moment, in which a signer could not start.
        let condition =
            Condition::unknown("the embedded store is not read with --watch: a signer needs the file alone");
        return (store(condition.clone()), none(condition));
    }
    match open_marks(path.to_owned()).await {
        Ok(None) => (store(Condition::OK), none(Condition::OK)),
        Ok(Some(opened)) => match opened.list().await {
            Ok(listing) => {
                let marks = listing.marks.iter().map(|(id, found)| mark(id, Ok(found), context));
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
        Err(error @ OpenFailed::InUse(_)) => {
            (store(Condition::OK), none(Condition::unknown(format!("{error}; its metrics show the last signatures"))))
        }
        Err(error @ OpenFailed::Unusable(_)) => (
            store(Condition::of(State::Failed, error.to_string())),
            none(Condition::unknown("the store cannot be read")),
        ),
    }
}

/// The container in Cosmos DB.
pub(super) async fn of_container(
    settings: &CosmosSettings,
    store: &Inspection,
    keys: Option<Vec<PublicKeyHash>>,
    context: &Context<'_>,
) -> (Store, Marks) {
    tokio::join!(cosmos_store(settings, store), cosmos_marks(store, keys, context))
}

/// The container, if there is no client to read it with.
pub(super) fn unread_container(settings: &CosmosSettings, reason: &str) -> (Store, Marks) {
    let condition = Condition::unknown(reason);
    (unread_store(settings.name().to_string(), condition.clone()), Marks { condition, list: Vec::new() })
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
            let unsuitable = account::check(&account, &properties, settings);
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
        Ok(Some(Found::Mark(stored))) => Some(mark(id, Ok(&stored.mark), context)),
        Ok(Some(Found::Unreadable(item))) => {
            Some(mark(id, Err(Condition::of(State::Failed, format!("not a mark: {}", item.reason))), context))
        }
        Err(error) => Some(mark(id, Err(Condition::unknown(error.log())), context)),
    });
    Marks { condition: Condition::OK, list: list.collect() }
}

/// A mark, or why it could not be read.
fn mark(id: &MarkId, read: Result<&crate::marks::Mark, Condition>, context: &Context<'_>) -> Mark {
    let (read, condition) = match read {
        Ok(mark) => (Some(mark), Condition::OK),
        Err(condition) => (None, condition),
    };
    let chain = id.chain.to_string();
    let heads = context.nodes.iter().filter(|node| node.chain.as_ref() == Some(&chain));
    let head = heads.filter_map(|node| node.level).max();
    let position = read.map(crate::marks::Mark::true_position);
    let level = position.map(|position| position.level.get());
    let behind = head.zip(level).map(|(head, level)| i64::from(head) - i64::from(level));
    let highest = checkpoints::max_level(id.chain, context.now).map(NonNegative::get);
    let is_impossible = level.zip(highest).is_some_and(|(level, highest)| level > highest);
    let written = read.and_then(|mark| mark.written.as_ref());
    Mark {
        key: id.key.to_string(),
        network: checkpoints::checkpoint(id.chain).map(|checkpoint| checkpoint.network),
        chain,
        kind: id.kind.name(),
        condition: if let Some(stop) = read.and_then(|mark| mark.stops().first()) {
            Condition::of(State::Failed, in_one_line(&stop.to_string()))
        } else if is_impossible {
            Condition::of(State::Warning, "ahead of the chain: nothing is signed until it has passed the mark")
        } else {
            condition
        },
        level,
        round: position.map(|position| position.round.get()),
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
            let stored = crate::marks::Mark::new(position, None, None, attempt, None);
            let read = mark(&id(chain), Ok(&stored), &context);
            assert_eq!((read.levels_behind_head, read.condition.state), (behind, state), "{chain} {level}");
        }
        let stopped = crate::marks::Stop::new("moved", "alice", context.now, None, None).unwrap();
        let position = Position { level: 998.try_into().unwrap(), round: NonNegative::ZERO };
        let stored = crate::marks::Mark::new(position, None, None, AttemptId::random().unwrap(), None);
        let read = mark(&id(mainnet), Ok(&stored.stopped_by(vec![stopped])), &context);
        assert_eq!((read.level, read.condition.state), (Some(998), State::Failed), "the true position");

        let unread = mark(&id(mainnet), Err(Condition::unknown("no answer")), &context);
        assert_eq!((unread.level, unread.levels_behind_head, unread.condition.state), (None, None, State::Unknown));
    }
}

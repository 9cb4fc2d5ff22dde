//! Reads the calendar from a node.
//!
//! RPCs as in `src/proto_025_PsUshuai/lib_plugin` of Octez: `delegate_services.ml`, `contract_services.ml`, `voting_services.ml`,
//! `RPC.ml`.

use super::super::WatchSettings;
use super::super::node::{Node, NodeError, NodeUrl};
use super::roles::{DelegateKeys, Pending, Schedule};
use crate::tezos::{ChainId, ProtocolHash, PublicKeyHash};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a node reports about the keys.
#[derive(Debug)]
pub struct Calendar {
    /// The node, without secrets.
    pub node: NodeUrl,
    /// The chain that it follows.
    pub chain: ChainId,
    /// The cycle of its head.
    pub cycle: u32,
    /// The delegates that the keys belong to, as far as they were found.
    pub delegates: Vec<DelegateKeys>,
    /// Why the delegates of consensus keys are unknown, if they are: a node may refuse requests for rights.
    pub rights: Result<(), NodeError>,
    /// The protocols.
    pub protocols: Protocols,
}

/// The protocol of a chain, and what is to replace it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protocols {
    /// The protocol of the next block.
    pub current: ProtocolHash,
    /// The protocol that is being voted on, or is to be activated; `None` if there is none, or the node does not report it.
    pub upgrade: Option<Upgrade>,
}

/// A protocol that may replace the current one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgrade {
    /// The protocol.
    pub protocol: ProtocolHash,
    /// The kind of the voting period: `exploration`, `cooldown`, `promotion` or `adoption`.
    pub period: String,
    /// How many blocks of the period follow.
    pub remaining: u32,
}

/// Requests in flight to a node.
const MAX_IN_FLIGHT: usize = 8;

/// Keys in one request for rights, which has them in its URL.
const MAX_KEYS_IN_QUERY: usize = 32;

const BLOCK: &str = "/chains/main/blocks/head";

/// Reads the calendar of these keys from the first node that answers.
///
/// # Errors
/// Each node's error.
pub async fn read(settings: &WatchSettings, keys: &[PublicKeyHash]) -> Result<Calendar, Vec<(NodeUrl, NodeError)>> {
    /// Reading rights takes a node longer than reading a head.
    const MIN_TIMEOUT: Duration = Duration::from_secs(5);
    let mut errors = Vec::new();
    for url in &settings.nodes {
        let limit = settings.timeout.max(MIN_TIMEOUT);
        let answer = match Node::new(url.clone(), limit) {
            Ok(node) => read_from(&node, keys).await,
            Err(error) => Err(NodeError::Client(error)),
        };
        match answer {
            Ok(calendar) => return Ok(calendar),
            Err(error) => errors.push((url.clone(), error)),
        }
    }
    Err(errors)
}

async fn read_from(node: &Node, keys: &[PublicKeyHash]) -> Result<Calendar, NodeError> {
    let chain = node.chain().await?;
    let cycle = cycle(node).await?;
    let protocols = protocols(node).await?;
    let own = stream::iter(keys).map(|key| own_delegate(node, key)).buffered(MAX_IN_FLIGHT);
    let mut delegates: Vec<PublicKeyHash> = own.try_filter_map(async |own| Ok(own)).try_collect().await?;
    let rights = match voting_for(node, keys).await {
        Ok(others) => {
            delegates.extend(others);
            Ok(())
        }
        Err(error) => Err(error),
    };
    let delegates: BTreeMap<String, PublicKeyHash> =
        delegates.into_iter().map(|delegate| (delegate.to_string(), delegate)).collect();
    let keys_of = stream::iter(delegates.into_values()).map(|delegate| keys_of(node, delegate));
    let delegates = keys_of.buffered(MAX_IN_FLIGHT).try_collect().await?;
    Ok(Calendar { node: node.url().clone(), chain, cycle, delegates, rights, protocols })
}

async fn cycle(node: &Node) -> Result<u32, NodeError> {
    #[derive(Deserialize)]
    struct Level {
        cycle: u32,
    }
    let level: Level = node
        .read(&format!("{BLOCK}/helpers/current_level"), "/helpers/current_level", "a level with its cycle")
        .await?;
    Ok(level.cycle)
}

async fn protocols(node: &Node) -> Result<Protocols, NodeError> {
    #[derive(Deserialize)]
    struct OfBlock {
        next_protocol: String,
    }
    #[derive(Deserialize)]
    struct Info {
        voting_period: Period,
        remaining: u32,
    }
    #[derive(Deserialize)]
    struct Period {
        kind: String,
    }
    const PROTOCOLS: &str = "/protocols";
    const PROPOSAL: &str = "/votes/current_proposal";
    let of_block: OfBlock = node.read(&format!("{BLOCK}{PROTOCOLS}"), PROTOCOLS, "the protocols of a block").await?;
    let current = parse(&of_block.next_protocol, PROTOCOLS, "the protocols of a block")?;
    // The votes are a convenience: without them, the rest is still of use.
    let proposal: Option<String> =
        node.read(&format!("{BLOCK}{PROPOSAL}"), PROPOSAL, "a protocol").await.unwrap_or_default();
    let Some(proposal) = proposal else { return Ok(Protocols { current, upgrade: None }) };
    let protocol = parse(&proposal, PROPOSAL, "a protocol")?;
    let info: Info =
        node.read(&format!("{BLOCK}/votes/current_period"), "/votes/current_period", "a voting period").await?;
    let upgrade = Upgrade { protocol, period: info.voting_period.kind, remaining: info.remaining };
    Ok(Protocols { current, upgrade: Some(upgrade) })
}

/// The key, if it is a delegate itself: a delegate delegates to itself.
async fn own_delegate(node: &Node, key: &PublicKeyHash) -> Result<Option<PublicKeyHash>, NodeError> {
    const PATH: &str = "/context/contracts/<key>/delegate";
    let path = format!("{BLOCK}/context/contracts/{key}/delegate");
    match node.read::<String>(&path, PATH, "a public key hash").await {
        Ok(delegate) => Ok((delegate == key.to_string()).then_some(*key)),
        Err(NodeError::Status { status: 404, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The delegates whose votes for the next block these keys sign.
async fn voting_for(node: &Node, keys: &[PublicKeyHash]) -> Result<Vec<PublicKeyHash>, NodeError> {
    #[derive(Deserialize)]
    struct OfLevel {
        delegates: Vec<Right>,
    }
    #[derive(Deserialize)]
    struct Right {
        delegate: String,
    }
    const PATH: &str = "/helpers/attestation_rights";
    const EXPECTED: &str = "a list of rights";
    let mut delegates = Vec::new();
    for keys in keys.chunks(MAX_KEYS_IN_QUERY) {
        let query = keys.iter().map(|key| format!("consensus_key={key}")).collect::<Vec<_>>().join("&");
        let levels: Vec<OfLevel> = node.read(&format!("{BLOCK}{PATH}?{query}"), PATH, EXPECTED).await?;
        for right in levels.into_iter().flat_map(|level| level.delegates) {
            delegates.push(parse(&right.delegate, PATH, EXPECTED)?);
        }
    }
    Ok(delegates)
}

async fn keys_of(node: &Node, delegate: PublicKeyHash) -> Result<DelegateKeys, NodeError> {
    let (consensus, companion) = futures::try_join!(
        schedule(node, delegate, "consensus_key", "/context/delegates/<delegate>/consensus_key"),
        schedule(node, delegate, "companion_key", "/context/delegates/<delegate>/companion_key"),
    )?;
    Ok(DelegateKeys { delegate, consensus, companion })
}

async fn schedule(node: &Node, delegate: PublicKeyHash, of: &str, path: &'static str) -> Result<Schedule, NodeError> {
    #[derive(Deserialize)]
    struct Keys {
        active: Option<Key>,
        #[serde(default)]
        pendings: Vec<InCycle>,
    }
    #[derive(Deserialize)]
    struct Key {
        pkh: String,
    }
    #[derive(Deserialize)]
    struct InCycle {
        cycle: u32,
        pkh: String,
    }
    const EXPECTED: &str = "an active key and pending ones";
    let Keys { active, pendings } =
        node.read(&format!("{BLOCK}/context/delegates/{delegate}/{of}"), path, EXPECTED).await?;
    let pending =
        pendings.into_iter().map(|InCycle { cycle, pkh }| Ok(Pending { cycle, key: parse(&pkh, path, EXPECTED)? }));
    Ok(Schedule {
        active: active.map(|key| parse(&key.pkh, path, EXPECTED)).transpose()?,
        pending: pending.collect::<Result<_, _>>()?,
    })
}

fn parse<T: std::str::FromStr>(text: &str, path: &'static str, expected: &'static str) -> Result<T, NodeError> {
    text.parse().map_err(|_| NodeError::Unreadable { path, expected })
}

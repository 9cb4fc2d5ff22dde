//! The part of the control API that extends a node's chain.

use super::view::{NodeMode, SharedChain};
use super::{TezosNode, values};
use hyper::Method;
use oracle::chain::{Baker, Block, Chain, Draft, Hash, Key, Network};
use oracle::crypto::Curve;
use oracle::payload::consensus::Kind;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// A node and the chain that it follows, for the control API.
#[derive(Debug)]
pub struct ControlledNode {
    /// The node.
    pub node: TezosNode,
    /// Its chain.
    pub chain: SharedChain,
}

/// How many slots the bakers have whose keys are in no vault, compared with one each of the others: a quorum.
const SLOTS_OF_OTHERS: u16 = 10;

/// A chain like mainnet, now: with bakers that have these keys, and one that is a quorum by itself, so that the chain goes on without
/// the votes of the others.
pub fn chain_of(keys: impl IntoIterator<Item = Key>) -> SharedChain {
    let other = Baker::new(Key::of_name(Curve::Ed25519, "the other bakers")).with_slots(SLOTS_OF_OTHERS);
    let bakers: Vec<_> = keys.into_iter().map(Baker::new).chain([other]).collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    SharedChain::new(Chain::new(Network::new(bakers), LEVEL, i64::try_from(now).unwrap_or(i64::MAX)))
}

/// Mainnet's level in November 2026.
const LEVEL: i32 = 15_900_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Bake {
    blocks: u32,
    round: i32,
    without: Vec<String>,
}

impl Default for Bake {
    fn default() -> Self {
        Self { blocks: 1, round: 0, without: Vec::new() }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Again {
    round: i32,
}

impl ControlledNode {
    /// Executes a request below `/tezos-node`. `None` if there is no such request; an error describes what is wrong.
    pub(crate) fn execute(&self, method: &Method, path: &[&str], body: &[u8]) -> Option<Result<Value, String>> {
        Some(match (method, path) {
            (&Method::GET, ["payloads"]) => Ok(self.payloads()),
            (&Method::POST, ["bake"]) => parsed::<Bake>(body).and_then(|bake| self.bake(&bake)),
            (&Method::POST, ["again"]) => parsed(body).and_then(|again| self.again(&again)),
            (&Method::POST, ["mode"]) => parsed::<NodeMode>(body).map(|mode| {
                self.node.set_mode(mode);
                json!({})
            }),
            _ => return None,
        })
    }

    fn bake(&self, bake: &Bake) -> Result<Value, String> {
        let mut hash = self.chain.lock().head().hash;
        for _ in 0..bake.blocks {
            hash = self.add(|chain| {
                let draft = chain.on(&chain.head().hash).at_round(bake.round);
                let absent =
                    chain.network().attesters().filter(|(.., baker)| bake.without.contains(&baker.delegate.hash));
                absent.fold(draft, |draft, (index, ..)| Draft::without(draft, index)).sign()
            })?;
        }
        Ok(json!({ "head": values::block(&hash) }))
    }

    fn again(&self, again: &Again) -> Result<Value, String> {
        let hash = self.add(|chain| {
            let head = chain.head();
            let evidence = chain.votes(Kind::Preattestation, &head.hash);
            chain.on(&head.header.predecessor).at_round(again.round).reproposing(head, evidence).sign()
        })?;
        Ok(json!({ "head": values::block(&hash) }))
    }

    fn add(&self, make: impl FnOnce(&Chain) -> Block) -> Result<Hash, String> {
        let mut chain = self.chain.lock();
        let block = make(&chain);
        chain.add(block).map_err(|why| why.to_string())
    }

    /// What each baker signs now: votes for the head, and the next block if it is its turn in round 0.
    fn payloads(&self) -> Value {
        let chain = self.chain.lock();
        let (head, network) = (chain.head(), chain.network());
        let next = chain.on(&head.hash);
        let of_baker = |(index, _, baker): (usize, u16, &Baker)| {
            let vote = |kind| hex::encode(chain.vote_for(index, kind, &head.header).signed_bytes(network));
            let block = (next.proposer() == index).then(|| hex::encode(next.signed_bytes()));
            json!({
                "address": baker.delegate.hash,
                "preattestation": vote(Kind::Preattestation),
                "attestation": vote(Kind::Attestation),
                "block": block,
            })
        };
        network.attesters().map(of_baker).collect()
    }
}

fn parsed<T: for<'a> Deserialize<'a>>(body: &[u8]) -> Result<T, String> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|why| format!("{why}; GET / shows examples"))
}

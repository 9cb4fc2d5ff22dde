//! What nodes report about denunciations of a delegate: `context/delegates/<delegate>/denunciations` and `…/is_forbidden`
//! (`delegate_services.ml`, `denunciations_repr.ml` and `misbehaviour_repr.ml` of protocol 025).

use super::majority::is_majority;
use crate::chain::blocks::NodeReader;
use crate::marks::SeenOnChain;
use crate::tezos::payload::{Kind, NonNegative, Position};
use crate::tezos::{ChainId, Digest, OperationHash, PublicKeyHash};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A denunciation of a delegate that the protocol has accepted, but not yet punished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denunciation {
    /// The operation that contains the evidence.
    pub operation: OperationHash,
    /// What was signed twice.
    pub kind: Kind,
    /// The level and round at which it was.
    pub position: Position,
}

/// The JSON form of a denunciation.
#[derive(Debug, Deserialize)]
pub(super) struct DenunciationJson {
    operation_hash: String,
    misbehaviour: MisbehaviourJson,
}

#[derive(Debug, Deserialize)]
struct MisbehaviourJson {
    level: u32,
    round: u32,
    kind: String,
}

impl TryFrom<DenunciationJson> for Denunciation {
    type Error = UnknownForm;

    fn try_from(json: DenunciationJson) -> Result<Self, UnknownForm> {
        let MisbehaviourJson { level, round, kind } = json.misbehaviour;
        let number = |value: u32| NonNegative::try_from(value).map_err(|_| UnknownForm);
        Ok(Self {
            operation: json.operation_hash.parse().map_err(|_| UnknownForm)?,
            kind: kind.parse().map_err(|_| UnknownForm)?,
            position: Position { level: number(level)?, round: number(round)? },
        })
    }
}

/// The denunciation is of a form that this release does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UnknownForm;

/// What one node reports about a delegate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DelegateReport {
    /// The denunciations.
    pub denunciations: Vec<Denunciation>,
    /// Whether the delegate may not bake and vote, because so much of its stake is to be slashed.
    pub is_forbidden: bool,
}

/// What the node reports about a delegate; `None` if it does not know the delegate, or does not answer as expected. Denunciations of an
/// unknown form are left out.
pub(super) async fn report(reader: &NodeReader, delegate: &PublicKeyHash) -> Option<DelegateReport> {
    const DENUNCIATIONS: &str = "/chains/main/blocks/head/context/delegates/<delegate>/denunciations";
    const FORBIDDEN: &str = "/chains/main/blocks/head/context/delegates/<delegate>/is_forbidden";
    let (node, path) = (reader.node(), format!("/chains/main/blocks/head/context/delegates/{delegate}"));
    let items: Vec<Value> =
        node.read(&format!("{path}/denunciations"), DENUNCIATIONS, "a list of denunciations").await.ok()?;
    let is_forbidden = node.read(&format!("{path}/is_forbidden"), FORBIDDEN, "true or false").await.ok()?;
    let read = |item| serde_json::from_value::<DenunciationJson>(item).ok()?.try_into().ok();
    Some(DelegateReport { denunciations: items.into_iter().filter_map(read).collect(), is_forbidden })
}

/// Something that nodes report about a delegate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// What is reported.
    pub evidence: SeenOnChain,
    /// Whether a majority of the nodes that follow the chain report it. Otherwise it is the word of one node, or of too few.
    pub is_confirmed: bool,
}

/// All that these nodes report about a delegate of a chain, whose head is at `level`. `following` is how many nodes follow the
/// chain.
pub fn charges(
    chain: ChainId,
    level: NonNegative,
    delegate: &PublicKeyHash,
    reports: &[DelegateReport],
    following: usize,
) -> Vec<Charge> {
    let mut found: BTreeMap<[u8; 32], (SeenOnChain, usize)> = BTreeMap::new();
    for report in reports {
        let mut of_node: BTreeMap<[u8; 32], SeenOnChain> = BTreeMap::new();
        for denunciation in &report.denunciations {
            let evidence = denounced(chain, delegate, denunciation);
            of_node.insert(*evidence.id.as_bytes(), evidence);
        }
        if report.is_forbidden {
            let evidence = forbidden(chain, delegate, level);
            of_node.insert(*evidence.id.as_bytes(), evidence);
        }
        for (id, evidence) in of_node {
            found.entry(id).or_insert((evidence, 0)).1 += 1;
        }
    }
    found
        .into_values()
        .map(|(evidence, agreeing)| Charge { evidence, is_confirmed: is_majority(agreeing, following) })
        .collect()
}

fn denounced(chain: ChainId, delegate: &PublicKeyHash, denunciation: &Denunciation) -> SeenOnChain {
    let Denunciation { operation, kind, position } = denunciation;
    let id = Digest::of(format!("denunciation:{chain}:{delegate}:{operation}:{kind}:{position}").as_bytes());
    SeenOnChain { id, chain, kind: *kind, position: *position, source: operation.to_string() }
}

/// The same evidence as long as the delegate is forbidden.
fn forbidden(chain: ChainId, delegate: &PublicKeyHash, level: NonNegative) -> SeenOnChain {
    let id = Digest::of(format!("forbidden:{chain}:{delegate}").as_bytes());
    let position = Position { level, round: NonNegative::ZERO };
    SeenOnChain { id, chain, kind: Kind::Block, position, source: "is_forbidden".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const DELEGATE: &str = "tz1cG2jx3W4bZFeVGBjsTxUAG8tdpTXtE8PT";

    fn item(operation: u8, kind: &str, level: i64) -> Value {
        json!({
            "operation_hash": OperationHash::from_bytes([operation; 32]).to_string(), "rewarded": DELEGATE,
            "misbehaviour": {"level": level, "round": 1, "kind": kind},
        })
    }

    fn read(item: Value) -> Result<Denunciation, UnknownForm> {
        serde_json::from_value::<DenunciationJson>(item).map_err(|_| UnknownForm)?.try_into()
    }

    #[test]
    fn a_denunciation_is_read_as_nodes_write_it() {
        for kind in Kind::ALL {
            let denunciation = read(item(3, kind.name(), 1000)).unwrap();
            assert_eq!((denunciation.kind, denunciation.operation), (kind, OperationHash::from_bytes([3; 32])));
            assert_eq!(denunciation.position.to_string(), "level 1000, round 1");
        }
        for other in [item(3, "dal", 1000), item(3, "block", -1), item(3, "block", 1 << 31), json!({}), json!(7)] {
            assert!(read(other.clone()).is_err(), "{other}");
        }
    }

    #[test]
    fn a_charge_is_confirmed_by_a_majority() {
        let delegate = DELEGATE.parse().unwrap();
        let denounced = |operation| read(item(operation, "attestation", 1000)).unwrap();
        let report = |operations: &[u8], is_forbidden| DelegateReport {
            denunciations: operations.iter().map(|operation| denounced(*operation)).collect(),
            is_forbidden,
        };
        let clean = report(&[], false);
        for (name, reports, following, expected) in [
            ("nothing", vec![clean.clone(), clean.clone()], 2, vec![]),
            ("one of one", vec![report(&[1], false)], 1, vec![false]),
            ("twice by one", vec![report(&[1, 1], false), clean.clone()], 2, vec![false]),
            ("two of two", vec![report(&[1], false), report(&[1], false)], 2, vec![true]),
            ("one of three", vec![report(&[1], false), clean.clone(), clean.clone()], 3, vec![false]),
            (
                "two of four, of which one does not answer",
                vec![report(&[1], false), report(&[1], false), clean.clone()],
                4,
                vec![false],
            ),
            ("another operation each", vec![report(&[1], false), report(&[2], false)], 2, vec![false, false]),
            ("forbidden", vec![report(&[], true), report(&[], true)], 2, vec![true]),
        ] {
            let found = charges(ChainId::MAINNET, 1000_u32.try_into().unwrap(), &delegate, &reports, following);
            assert_eq!(found.iter().map(|charge| charge.is_confirmed).collect::<Vec<_>>(), expected, "{name}");
        }
    }
}

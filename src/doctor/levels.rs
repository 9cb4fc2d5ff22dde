//! Marks that are ahead of the chain: a level that was raised or imported by mistake keeps a key from signing for good.

use super::Finding;
use super::area::Area;
use crate::chain::checkpoints;
use crate::marks::cosmos::{Inspection, MarkReader};
use crate::marks::{CosmosSettings, Found, MarkId};
use crate::tezos::payload::{Kind, NonNegative, Position};
use crate::tezos::{ChainId, PublicKeyHash};
use crate::wiring::Azure;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::time::Instant;

/// What the other areas have found.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The keys of the vault.
    pub(super) keys: Vec<PublicKeyHash>,
    /// The heads that nodes have told.
    pub(super) heads: Vec<(ChainId, NonNegative)>,
    /// Whether items of the container can be read.
    pub(super) can_read: bool,
    /// The marks of the embedded store.
    pub(super) marks: Vec<(MarkId, Position)>,
}

const MAINNET: ChainId = ChainId::from_bytes([0x7a, 0x06, 0xa7, 0x70]);

/// For all reads together.
const PATIENCE: Duration = Duration::from_secs(3);

/// Warns of marks above the head that the nodes tell, else above what the clock allows.
pub(super) fn check(area: &mut Area, known: &Known, threshold: u32) {
    let now = OffsetDateTime::now_utc();
    for (id, at) in &known.marks {
        let head = known.heads.iter().filter(|head| head.0 == id.chain).map(|head| head.1).max();
        let text = match (head, checkpoints::max_level(id.chain, now)) {
            (Some(head), _) if at.level.get() > head.get().saturating_add(threshold) => {
                format!("{at}, ahead of the chain, whose head is at level {head}")
            }
            (None, Some(max)) if at.level > max => {
                format!("{at}, ahead of the chain, which can have reached level {max} by now at most, by this clock")
            }
            _ => continue,
        };
        area.add(
            Finding::warning(
                "marks.level",
                format!("{text}: until the chain is there, nothing is signed that this mark covers"),
                "if it was not raised so high on purpose, use another key: a mark is never lowered",
            )
            .about(id),
        );
    }
}

/// Reads the marks of the vault's keys, on mainnet and on the chains that nodes follow. What cannot be read was told before.
pub(super) async fn read(known: &mut Known, settings: &CosmosSettings, azure: &Azure) {
    let Ok(inspection) = Inspection::new(settings.clone(), Arc::clone(&azure.tokens), &azure.roots) else { return };
    let deadline = Instant::now() + PATIENCE;
    let Ok(reader) = MarkReader::connect(&inspection, deadline).await else { return };
    let chains: BTreeSet<_> = known.heads.iter().map(|head| head.0).chain([MAINNET]).collect();
    for chain in chains {
        for key in &known.keys {
            for kind in Kind::ALL {
                let id = MarkId { chain, key: *key, kind };
                if let Ok(Some(Found::Mark(stored))) = reader.look(&id, deadline).await {
                    known.marks.push((id, stored.mark.position));
                }
            }
        }
    }
}

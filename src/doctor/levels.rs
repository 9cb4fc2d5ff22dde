//! Finds marks that are ahead of the chain: a level that was raised or imported by mistake prevents a key from signing.

use super::Finding;
use super::area::{Area, Observed};
use crate::chain::checkpoints;
use crate::marks::cosmos::{Inspection, MarkReader};
use crate::marks::{CosmosSettings, Found, MarkId};
use crate::tezos::ChainId;
use crate::tezos::payload::Kind;
use crate::wiring::Azure;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::time::Instant;

const MAINNET: ChainId = ChainId::from_bytes([0x7a, 0x06, 0xa7, 0x70]);

/// Limit for all reads together.
const READ_TIMEOUT: Duration = Duration::from_secs(3);

/// Warns about marks above the nodes' head, or if that is unknown, above the highest level that the clock allows.
pub(super) fn check(area: &mut Area, observed: &Observed, threshold: u32) {
    let now = OffsetDateTime::now_utc();
    for (id, at) in &observed.marks {
        let head = observed.heads.iter().filter(|head| head.0 == id.chain).map(|head| head.1).max();
        let text = match (head, checkpoints::max_level(id.chain, now)) {
            (Some(head), _) if at.level.get() > head.get().saturating_add(threshold) => {
                format!("{at}, ahead of the chain, whose head is at level {head}")
            }
            (None, Some(max)) if at.level > max => {
                format!("{at}, ahead of the chain, which can be at level {max} at most by this machine's clock")
            }
            _ => continue,
        };
        area.add(
            Finding::warning(
                "marks.level",
                format!("{text}: nothing covered by this mark is signed until the chain has passed it"),
                "if this is not intended, use another key: a mark is never lowered",
            )
            .about(id),
        );
    }
}

/// Reads the marks of the vault's keys, on mainnet and on the chains that nodes follow. Ignores errors, since earlier checks
/// have reported them.
pub(super) async fn read(observed: &mut Observed, settings: &CosmosSettings, azure: &Azure) {
    let Ok(inspection) = Inspection::new(settings.clone(), Arc::clone(&azure.tokens), &azure.roots) else { return };
    let deadline = Instant::now() + READ_TIMEOUT;
    let Ok(reader) = MarkReader::connect(&inspection, deadline).await else { return };
    let chains: BTreeSet<_> = observed.heads.iter().map(|head| head.0).chain([MAINNET]).collect();
    for chain in chains {
        for key in &observed.keys {
            for kind in Kind::ALL {
                let id = MarkId { chain, key: *key, kind };
                if let Ok(Some(Found::Mark(stored))) = reader.look(&id, deadline).await {
                    observed.marks.push((id, stored.mark.position));
                }
            }
        }
    }
}

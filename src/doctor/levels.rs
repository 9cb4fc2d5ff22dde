//! Finds marks that prevent a key from signing: stopped ones, and those that are ahead of the chain, because a level was raised or
//! imported by mistake.

use super::Finding;
use super::area::{Area, Observed};
use crate::chain::checkpoints;
use crate::marks::cosmos::{Inspection, MarkReader};
use crate::marks::{CosmosSettings, Found};
use crate::wiring::Azure;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::time::Instant;

/// Limit for all reads together.
const READ_TIMEOUT: Duration = Duration::from_secs(3);

/// Warns about stopped marks, and about marks above the nodes' head, or if that is unknown, above the highest level that the clock allows.
pub(super) fn check(area: &mut Area, observed: &Observed, threshold: u32) {
    let now = OffsetDateTime::now_utc();
    for (id, mark) in &observed.marks {
        for stop in mark.stops() {
            area.add(
                Finding::warning(
                    "marks.stopped",
                    stop.to_string(),
                    "nothing of this kind is signed with the key on this chain until an operator lifts the stop",
                )
                .about(id),
            );
        }
        let at = mark.true_position();
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
    let chains = observed.heads.iter().map(|head| head.0).collect();
    for (id, answer) in reader.look_at_all(&observed.keys, &chains, deadline).await {
        if let Ok(Some(Found::Mark(stored))) = answer {
            observed.marks.push((id, stored.mark));
        }
    }
}

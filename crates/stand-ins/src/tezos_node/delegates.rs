//! Delegates and constants (Octez, `lib_plugin/delegate_services.ml` and `constants_services.ml` of protocol 025).

use super::blocks::MUTEZ_PER_SLOT;
use super::values::{self, merged};
use oracle::chain::{Block, Chain, Denunciation, Key, Network};
use serde_json::{Value, json};

/// `context/delegates/<address>`, the part of it that concerns a signer. Its fields are also paths below it.
///
/// The keys are those of the cycle of the *next* level, which a block's context holds.
pub(super) fn delegate(chain: &Chain, baker: usize, block: &Block) -> Value {
    let network = chain.network();
    let cycle = network.cycle_of_context(block.header.level);
    let holder = network.baker(baker);
    let participation = chain.participation(baker, &block.hash);
    let allowed = participation.expected.saturating_sub(participation.minimal);
    let power = u64::from(holder.slots).saturating_mul(MUTEZ_PER_SLOT).to_string();
    let denunciations = chain.denunciations(baker);
    json!({
        "deactivated": false,
        "is_forbidden": chain.is_forbidden(baker),
        "participation": {
            "expected_cycle_activity": participation.expected,
            "minimal_cycle_activity": participation.minimal,
            "missed_slots": participation.missed_slots,
            "missed_levels": participation.missed_levels,
            "remaining_allowed_missed_slots": allowed.saturating_sub(participation.missed_slots),
            "expected_attesting_rewards": if participation.missed_slots > allowed { "0" } else { "958287" },
        },
        "grace_period": cycle.saturating_add(2),
        "baking_power": power,
        "own_full_balance": power,
        "denunciations": denunciations.iter().map(|found| denunciation(found, network)).collect::<Vec<_>>(),
        "consensus_key": keys(Some(holder.consensus_key(cycle)), holder.pending_consensus_keys(cycle)),
        "companion_key": keys(holder.companion_key(cycle), holder.pending_companion_keys(cycle)),
    })
}

fn denunciation(found: &Denunciation, network: &Network) -> Value {
    json!({
        "operation_hash": values::operation(&found.operation),
        "rewarded": network.baker(found.rewarded).delegate.hash,
        "misbehaviour": { "level": found.level, "round": found.round, "kind": found.kind.name() },
    })
}

/// Without `pendings` if there are none.
fn keys<'a>(active: Option<&Key>, pending: impl Iterator<Item = (u32, &'a Key)>) -> Value {
    let active = json!({ "active": active.map(key) });
    let pending: Vec<_> = pending.map(|(cycle, pending)| merged([json!({ "cycle": cycle }), key(pending)])).collect();
    if pending.is_empty() { active } else { merged([active, json!({ "pendings": pending })]) }
}

fn key(key: &Key) -> Value {
    json!({ "pkh": key.hash, "pk": key.public.text() })
}

/// The error for an address that is no delegate.
pub(super) fn not_registered(address: &str, network: &Network) -> Value {
    let protocol = network.protocol.get(..8).unwrap_or_default();
    json!([{ "kind": "temporary", "id": format!("proto.025-{protocol}.delegate.not_registered"), "pkh": address }])
}

/// `context/constants`, the part of it that concerns a signer.
pub(super) fn constants(network: &Network) -> Value {
    json!({
        "consensus_rights_delay": 2,
        "consensus_key_activation_delay": 2,
        "blocks_per_cycle": network.blocks_per_cycle,
        "minimal_block_delay": network.minimal_block_delay.to_string(),
        "delay_increment_per_round": network.delay_increment_per_round.to_string(),
        "consensus_committee_size": network.committee(),
        "consensus_threshold_size": network.quorum(),
        "minimal_participation_ratio": { "numerator": 2, "denominator": 3 },
        "aggregate_attestation": true,
        "denunciation_period": 1,
        "slashing_delay": 1,
    })
}

//! Rights to attest and to bake (Octez, `lib_plugin/RPC.ml` of protocol 025).

use super::routes::Query;
use super::values::{self, merged};
use oracle::chain::{Block, Network};
use serde_json::{Value, json};
use std::collections::HashSet;

/// `helpers/attestation_rights`: by default of the block's own level.
pub(super) fn attestation(query: &Query, block: &Block, network: &Network) -> Value {
    let levels = levels(query, block.header.level, network);
    let of_level = |level: i32| {
        let delegates: Vec<_> = network
            .attesters()
            .filter(|(baker, ..)| is_requested(query, *baker, level, network))
            .map(|(baker, slot, holder)| {
                json!({
                    "delegate": holder.delegate.hash,
                    "first_slot": slot,
                    "attesting_power": holder.slots,
                    "consensus_key": network.consensus_key(baker, level).hash,
                })
            })
            .collect();
        let rights = json!({ "level": level, "delegates": delegates });
        (!delegates.is_empty()).then(|| timed(rights, level, 0, block, network))
    };
    levels.into_iter().filter_map(of_level).collect()
}

/// `helpers/baking_rights`: by default of the next level.
pub(super) fn baking(query: &Query, block: &Block, network: &Network) -> Value {
    let levels = levels(query, block.header.level.saturating_add(1), network);
    let max_round: i32 = query.numbers("max_round").next().unwrap_or(64);
    let of_level = |level: i32| {
        let mut known = HashSet::new();
        let rounds = (0..=max_round).map(move |round| (round, network.proposer(level, round)));
        rounds
            .filter(move |(_, baker)| known.insert(*baker) || query.has("all"))
            .filter(move |(_, baker)| is_requested(query, *baker, level, network))
            .map(move |(round, baker)| {
                let rights = json!({
                    "level": level,
                    "delegate": network.baker(baker).delegate.hash,
                    "round": round,
                    "consensus_key": network.consensus_key(baker, level).hash,
                });
                timed(rights, level, round, block, network)
            })
    };
    levels.into_iter().flat_map(of_level).collect()
}

/// The levels that the request names, directly or by cycle.
fn levels(query: &Query, default: i32, network: &Network) -> Vec<i32> {
    let of_cycles = query
        .numbers::<u32>("cycle")
        .flat_map(|cycle| network.first_level(cycle)..network.first_level(cycle.saturating_add(1)));
    let levels: Vec<_> = query.numbers::<i32>("level").chain(of_cycles).collect();
    if levels.is_empty() { vec![default] } else { levels }
}

fn is_requested(query: &Query, baker: usize, level: i32, network: &Network) -> bool {
    let delegate = network.baker(baker).delegate.hash.as_str();
    let key = network.consensus_key(baker, level).hash.as_str();
    let is_unrestricted = !query.has("delegate") && !query.has("consensus_key");
    is_unrestricted
        || query.all("delegate").any(|requested| requested == delegate)
        || query.all("consensus_key").any(|requested| requested == key)
}

/// With an estimated time for levels above the block's, as if every block until then were in round 0.
fn timed(rights: Value, level: i32, round: i32, block: &Block, network: &Network) -> Value {
    let header = &block.header;
    let between = i64::from(level.saturating_sub(header.level).saturating_sub(1));
    if between < 0 {
        return rights;
    }
    let first = network.earliest(header.timestamp, header.round, 0);
    let in_round_0 = first.saturating_add(between.saturating_mul(network.minimal_block_delay.into()));
    let rounds_before = network.earliest(0, 0, round).saturating_sub(network.earliest(0, 0, 0));
    merged([rights, json!({ "estimated_time": values::time(in_round_0.saturating_add(rounds_before)) })])
}

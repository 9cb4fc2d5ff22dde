//! Blocks: headers, operations with their receipts, and metadata (Octez, `block_services.ml`, and `operation_repr.ml` and
//! `apply_results.ml` of protocol 025).

use super::values::{self, merged};
use oracle::base58::{CONTEXT, OPERATIONS, PAYLOAD};
use oracle::chain::{Block, Chain, Hash, Header, Network, Operation, PROTOCOL_LEVEL, VALIDATION_PASSES, Vote};
use oracle::payload::consensus::Kind;
use serde_json::{Value, json};

/// `header/shell`.
pub(super) fn shell(header: &Header) -> Value {
    json!({
        "level": header.level,
        "proto": PROTOCOL_LEVEL,
        "predecessor": values::block(&header.predecessor),
        "timestamp": values::time(header.timestamp),
        "validation_pass": VALIDATION_PASSES,
        "operations_hash": OPERATIONS.encode(&header.operations_hash),
        "fitness": header.fitness().iter().map(hex::encode).collect::<Vec<_>>(),
        "context": CONTEXT.encode(&header.context()),
    })
}

/// Whether this is the block before that of level 1.
pub(super) fn is_genesis(identifier: &str, chain: &Chain, head: &Hash) -> bool {
    let first = chain.branch(head).last().filter(|block| block.header.level == 1);
    first.is_some_and(|first| values::block(&first.header.predecessor) == identifier)
}

/// The header of the block at level 0: it has no fitness and no data of a protocol, and its hash is a constant (`genesis.ml`).
pub(super) fn raw_genesis(identifier: &str) -> Vec<u8> {
    let hash = oracle::base58::BLOCK.decode(identifier).unwrap_or_default();
    let (level_and_protocol, timestamp, validation_passes, operations) = ([0; 5], [0; 8], [0], [0; 32]);
    let (fitness, context) = ([0; 4], [0; 32]);
    [&level_and_protocol[..], &hash, &timestamp, &validation_passes, &operations, &fitness, &context].concat()
}

/// `header`.
pub(super) fn header(block: &Block, network: &Network) -> Value {
    let header = &block.header;
    let identity = json!({
        "protocol": network.protocol,
        "chain_id": network.chain_text(),
        "hash": values::block(&block.hash),
    });
    let protocol_data = json!({
        "payload_hash": PAYLOAD.encode(&header.payload_hash),
        "payload_round": header.payload_round,
        "proof_of_work_nonce": hex::encode(header.nonce.to_be_bytes()),
        "liquidity_baking_toggle_vote": "pass",
        "signature": values::signature(&block.signature),
    });
    merged([identity, shell(header), protocol_data])
}

/// `metadata`, the part of it that concerns consensus.
pub(super) fn metadata(block: &Block, network: &Network) -> Value {
    let header = &block.header;
    let baker = network.proposer(header.level, header.round);
    let proposer = network.proposer(header.level, header.payload_round);
    json!({
        "protocol": network.protocol,
        "next_protocol": network.next_protocol,
        "proposer": network.baker(proposer).delegate.hash,
        "baker": network.baker(baker).delegate.hash,
        "level_info": level(header.level, network),
        "proposer_consensus_key": network.consensus_key(proposer, header.level).hash,
        "baker_consensus_key": network.consensus_key(baker, header.level).hash,
    })
}

/// `helpers/current_level`, and `level_info` in metadata.
pub(super) fn level(level: i32, network: &Network) -> Value {
    json!({
        "level": level,
        "level_position": level.saturating_sub(1),
        "cycle": network.cycle(level),
        "cycle_position": network.cycle_position(level),
        "expected_commitment": false,
    })
}

/// `operations/0`.
pub(super) fn operations(block: &Block, network: &Network) -> Value {
    block.operations.iter().filter_map(|found| operation(found, network)).collect()
}

fn operation(operation: &Operation, network: &Network) -> Option<Value> {
    let subject = operation.subject()?;
    let contents = match operation {
        Operation::Vote(_) => vote(subject, network),
        Operation::Aggregate(aggregate) => committee(&aggregate.votes, subject, network),
    };
    Some(json!({
        "protocol": network.protocol,
        "chain_id": network.chain_text(),
        "hash": values::operation(&operation.hash(network)),
        "branch": values::block(&subject.branch),
        "contents": [contents],
        "signature": values::signature(operation.signature()),
    }))
}

fn vote(vote: &Vote, network: &Network) -> Value {
    let kind = match (vote.kind, vote.dal) {
        (Kind::Preattestation, _) => "preattestation",
        (_, None) => "attestation",
        (_, Some(_)) => "attestation_with_dal",
    };
    let metadata = json!({ "metadata": {
        "delegate": network.baker(vote.baker).delegate.hash,
        "consensus_power": power([vote], network),
        "consensus_key": network.consensus_key(vote.baker, vote.level).hash,
    }});
    merged([json!({ "kind": kind }), slot(vote, network), subject_of(vote), dal(vote), metadata])
}

fn committee(votes: &[Vote], subject: &Vote, network: &Network) -> Value {
    let is_attestation = subject.kind == Kind::Attestation;
    let member = |vote: &Vote| {
        if is_attestation { merged([slot(vote, network), dal(vote)]) } else { network.first_slot(vote.baker).into() }
    };
    let receipt = |vote: &Vote| {
        json!({
            "delegate": network.baker(vote.baker).delegate.hash,
            "consensus_pkh": network.consensus_key(vote.baker, vote.level).hash,
            "consensus_power": power([vote], network),
        })
    };
    json!({
        "kind": if is_attestation { "attestations_aggregate" } else { "preattestations_aggregate" },
        "consensus_content": subject_of(subject),
        "committee": votes.iter().map(member).collect::<Vec<_>>(),
        "metadata": {
            "committee": votes.iter().map(receipt).collect::<Vec<_>>(),
            "total_consensus_power": power(votes, network),
        },
    })
}

fn slot(vote: &Vote, network: &Network) -> Value {
    json!({ "slot": network.first_slot(vote.baker) })
}

fn subject_of(vote: &Vote) -> Value {
    json!({
        "level": vote.level,
        "round": vote.round,
        "block_payload_hash": PAYLOAD.encode(&vote.payload_hash),
    })
}

fn dal(vote: &Vote) -> Value {
    vote.dal.map_or_else(|| json!({}), |bits| json!({ "dal_attestation": bits.to_string() }))
}

/// `attesting_power_repr.ml`, with all bakers attesting.
fn power<'a>(votes: impl IntoIterator<Item = &'a Vote>, network: &Network) -> Value {
    let slots: u32 = votes.into_iter().map(|vote| u32::from(network.baker(vote.baker).slots)).sum();
    let baking_power = u64::from(slots).saturating_mul(MUTEZ_PER_SLOT);
    json!({ "slots": slots, "baking_power": baking_power.to_string() })
}

/// The stake behind a slot.
pub(super) const MUTEZ_PER_SLOT: u64 = 100_000_000_000;

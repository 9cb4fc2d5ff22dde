//! The chain accepts what the protocol accepts, and what is signed in it is what a signer gets as a request.

#![cfg(test)]

use oracle::chain::{Baker, Block, Chain, Draft, Header, Invalid, Key, Network, Operation, SignedVote};
use oracle::crypto::{Curve, Scheme};
use oracle::payload::consensus::Kind;
use oracle::reading::Slot;

/// Seven bakers with keys of all curves, of which five are a quorum.
fn chain() -> Chain {
    let key = |curve, name: &str| Key::of_name(curve, name);
    let bakers = [
        Baker::new(key(Curve::Ed25519, "tz1")),
        Baker::new(key(Curve::Secp256k1, "tz2")),
        Baker::new(key(Curve::P256, "tz3")),
        Baker::new(key(Curve::Bls, "tz4")),
        Baker::new(key(Curve::Ed25519, "manager")).with_consensus_key(2, key(Curve::Bls, "consensus")),
        Baker::new(key(Curve::P256, "other tz3")),
        Baker::new(key(Curve::P256, "last tz3")),
    ];
    Chain::new(Network { blocks_per_cycle: 4, ..Network::new(bakers) }, 4, 1_796_000_000)
}

#[test]
fn blocks_and_votes_are_read_as_payloads_by_keys_of_their_level() {
    let mut chain = chain();
    for _ in 0..6 {
        chain.bake();
    }
    let network = chain.network();
    for block in chain.branch(&chain.head().hash).take(6) {
        let Header { level, round, .. } = block.header;
        let baker = network.consensus_key(network.proposer(level, round), level);
        let payload = block.header.signed_bytes(network);
        let slot = |kind, level: i32, round: i32| Slot {
            kind,
            chain: network.chain,
            level: level.unsigned_abs(),
            round: round.unsigned_abs(),
        };
        assert_eq!(Slot::read(&payload, baker.public.curve), Ok(slot(Kind::Block, level, round)));
        assert_eq!(baker.public.verify(&payload, Scheme::ProofOfPossession, &block.signature), Ok(()));
        for vote in block.operations.iter().flat_map(Operation::votes) {
            let key = network.consensus_key(vote.baker, vote.level);
            let expected = slot(Kind::Attestation, level - 1, 0);
            assert_eq!(Slot::read(&vote.signed_bytes(network), key.public.curve), Ok(expected));
        }
        // A cycle has four levels, and the fifth baker has another key from level 9 on.
        let aggregated = block.operations.iter().filter(|found| matches!(found, Operation::Aggregate(_)));
        assert_eq!(aggregated.flat_map(Operation::votes).count(), if level - 1 < 9 { 1 } else { 2 }, "{level}");
    }
}

#[test]
fn the_head_is_the_block_with_the_highest_fitness() {
    let mut chain = chain();
    let below = chain.bake();
    let first = chain.bake();
    let second = chain.on(&below).at_round(1).sign();
    let second = chain.add(second).unwrap();
    assert_eq!(chain.head().hash, second, "a later round");
    let again = chain
        .on(&below)
        .at_round(3)
        .reproposing(&chain.block(&first).unwrap().clone(), preattestations(&chain, &first));
    let again = again.sign();
    let again = chain.add(again).unwrap();
    let latest = chain.on(&below).at_round(9).sign();
    chain.add(latest).unwrap();
    assert_eq!(chain.head().hash, again, "a quorum of preattestations weighs more than a later round");
    let next = chain.on(&first).sign();
    let next = chain.add(next).unwrap();
    assert_eq!(chain.head().hash, next, "a higher level, although on another branch");
}

fn preattestations(chain: &Chain, block: &[u8; 32]) -> Vec<SignedVote> {
    chain.votes(Kind::Preattestation, block)
}

#[test]
fn what_the_protocol_rejects_is_rejected() {
    let mut chain = chain();
    let below = chain.bake();
    let proposed = chain.bake();
    let other = chain.on(&below).at_round(1).sign();
    let other = chain.add(other).unwrap();
    let earlier = chain.block(&proposed).unwrap().clone();
    let votes = preattestations(&chain, &proposed);
    let signed = |header: Header, operations: Vec<Operation>| {
        let key = chain.network().consensus_key(chain.network().proposer(header.level, header.round), header.level);
        let signature = key.secret.sign(&header.signed_bytes(chain.network()), Scheme::ProofOfPossession);
        Block::new(header, signature, operations)
    };
    let changed = |draft: Draft<'_>, change: fn(&mut Header)| {
        let (mut header, operations) = draft.contents();
        change(&mut header);
        signed(header, operations)
    };
    let on = |hash| chain.on(hash);
    let attestation = |baker, hash| chain.vote(baker, Kind::Attestation, hash).unwrap();
    let wrong_key = Key::of_name(Curve::P256, "nobody");
    let single_tz4 = attestation(3, &proposed).signed(chain.network());
    for (what, block, expected) in [
        (
            "a block on an unknown one",
            changed(on(&proposed), |header| header.predecessor = [9; 32]),
            Invalid::Predecessor,
        ),
        ("a skipped level", changed(on(&proposed), |header| header.level += 1), Invalid::Position),
        ("a block too early", changed(on(&proposed), |header| header.timestamp -= 1), Invalid::Position),
        (
            "another predecessor's round",
            changed(on(&proposed), |header| header.predecessor_round = 1),
            Invalid::Position,
        ),
        ("a payload of a later round", changed(on(&proposed), |header| header.payload_round = 1), Invalid::Position),
        (
            "another baker's turn",
            on(&proposed).at_round(1).with_signature(on(&proposed).sign().signature),
            Invalid::Signature,
        ),
        (
            "a vote for a sibling",
            on(&proposed).with(attestation(0, &other).signed(chain.network())).sign(),
            Invalid::Vote,
        ),
        (
            "a vote for a level below",
            on(&proposed).with(attestation(0, &below).signed(chain.network())).sign(),
            Invalid::Vote,
        ),
        (
            "a vote by a key without rights",
            on(&proposed).with(attestation(0, &proposed).signed_by(chain.network(), &wrong_key.secret)).sign(),
            Invalid::VoteSignature,
        ),
        ("four of seven attest", on(&proposed).without(0).without(1).without(2).sign(), Invalid::Quorum),
        ("preattestations without a re-proposal", on(&below).at_round(2).with(votes[0].clone()).sign(), Invalid::Vote),
        (
            "too few preattestations",
            on(&below).at_round(2).reproposing(&earlier, votes[..4].to_vec()).sign(),
            Invalid::Quorum,
        ),
        (
            "preattestations of another round",
            on(&below).at_round(2).reproposing(&earlier, preattestations(&chain, &other)).sign(),
            Invalid::Vote,
        ),
        (
            "a locked round without preattestations",
            changed(on(&below).at_round(2).reproposing(&earlier, []), |header| header.locked_round = Some(1)),
            Invalid::Quorum,
        ),
    ] {
        assert_eq!(chain.clone().add(block), Err(expected), "{what}");
    }
    let (header, operations) = on(&proposed).contents();
    for added in [Operation::Vote(single_tz4), operations.last().unwrap().clone()] {
        let block = signed(header.clone(), [operations.clone(), vec![added.clone()]].concat());
        assert_eq!(chain.clone().add(block), Err(Invalid::Operations), "{added:?}");
    }
}

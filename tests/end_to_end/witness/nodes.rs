//! Nodes that lie, alone or in a majority.

use super::scene::{OURS, Scene, chain_with, key, start, with_history};
use oracle::chain::{Baker, Key};
use oracle::crypto::Curve;
use oracle::payload::consensus::Kind;
use stand_ins::{NodeMode, SharedChain};

/// A tz4 key, whose votes cannot be verified, and this many nodes, of which all but the first `honest` ones lie from now on.
fn with_liars(nodes: usize, honest: usize, signed_levels: u32) -> (Scene, Key, SharedChain) {
    let ours = key(Curve::Bls, "ours");
    let chain = chain_with(Baker::new(ours.clone()));
    let scene = start(&[&ours], &vec![&chain; nodes], &[]);
    scene.signs_levels(signed_levels);
    let lie = chain.copy();
    for liar in &scene.nodes[honest..] {
        liar.follow(&lie);
    }
    (scene, ours, lie)
}

/// A block with a vote of our baker that nobody has made.
fn invent_a_vote(lie: &SharedChain) -> i32 {
    let mut lie = lie.lock();
    let head = lie.head().hash;
    let mut vote = lie.vote(OURS, Kind::Attestation, &head).unwrap();
    vote.payload_hash = [7; 32];
    let vote = vote.signed(lie.network());
    let level = vote.vote.level;
    let block = lie.on(&head).with(vote).sign();
    lie.add_anyway(block);
    level
}

#[test]
fn a_node_that_lies_alone_only_raises_an_alert() {
    for (nodes, honest) in [(1, 0), (3, 2)] {
        let (scene, ours, lie) = with_liars(nodes, honest, 3);
        let level = invent_a_vote(&lie);
        let event = scene.event("foreign_signature", &ours, level);
        assert_eq!((event["proof"].as_str(), event["response"].as_str()), (Some("report"), Some("alert only")));
        assert!(scene.still_signs(), "{nodes} nodes");
    }
}

#[test]
fn a_node_that_lies_alone_raises_no_mark_of_a_key_that_has_not_signed_yet() {
    let (scene, ours, lie) = with_liars(3, 2, 0);
    let level = invent_a_vote(&lie);
    let event = scene.event("key_active_elsewhere", &ours, level);
    assert!(event["silent_until"].is_null(), "{event}");
    assert!(scene.still_signs());
}

#[test]
fn a_majority_is_believed() {
    let (scene, ours, lie) = with_liars(3, 1, 3);
    let level = invent_a_vote(&lie);
    assert_eq!(scene.event("foreign_signature", &ours, level)["response"], "stopped");
    assert!(!scene.still_signs());
}

/// The vote of a tz1, tz2 or tz3 key counts only with its signature.
#[test]
fn no_number_of_nodes_can_invent_a_signature() {
    let ours = key(Curve::P256, "ours");
    let chain = chain_with(Baker::new(ours.clone()));
    let scene = start(&[&ours], &[&chain, &chain], &[]);
    scene.signs_levels(3);
    let lie = {
        let chain = chain.lock();
        let vote = chain.vote(OURS, Kind::Attestation, &chain.head().hash).unwrap();
        vote.signed_by(chain.network(), &key(Curve::P256, "liar").secret)
    };
    let mut locked = chain.lock();
    let block = locked.on(&locked.head().hash).without(1).with(lie).sign();
    locked.add_anyway(block);
    drop(locked);
    let line = scene.signer.wait_for_log("witness_signature_wrong");
    assert!(line.contains("http://localhost"), "{line}");
    scene.settle();
    assert_eq!(scene.count("foreign_signature", &ours), 0);
    assert!(scene.still_signs());
}

/// The node halts, so that the signer has to walk back over the blocks that it shows next.
#[test]
fn a_header_that_a_node_returns_wrongly_once_hides_no_block_above_or_below_it() {
    let (scene, ours) = with_history(Curve::P256, &[("ON_FOREIGN_SIGNATURE", "alert")]);
    scene.settle();
    let node = &scene.nodes[0];
    node.set_mode(NodeMode::Halted);
    let foreign = |number| {
        let vote = scene.vote(OURS, Kind::Attestation, &scene.head()).with_dal(number);
        let level = vote.level;
        scene.bake_without_us(vec![scene.signed_elsewhere(vote)]);
        level
    };
    let below = foreign(1);
    let garbled = scene.bake_without_us(Vec::new());
    let above = foreign(2);
    node.garble(garbled, true);
    node.set_mode(NodeMode::Synced);
    scene.event("foreign_signature", &ours, above);
    assert_eq!(scene.count("foreign_signature", &ours), 1, "the block below is unknown");
    node.garble(garbled, false);
    scene.event("foreign_signature", &ours, below);
}

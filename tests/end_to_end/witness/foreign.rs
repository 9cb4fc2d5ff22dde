//! A second signer with the same key: its signatures stop the key.

use super::scene::{LEVEL, OURS, chain_with, folder_with, key, start, with_history};
use crate::support::eventually::eventually;
use crate::support::http;
use crate::support::process::Signer;
use azurehsm_signer::tezos::SignatureText;
use oracle::chain::{Baker, SignedVote};
use oracle::crypto::Curve;
use oracle::payload::consensus::Kind;

/// Another process with its own store, at levels where ours signs too.
#[test]
fn a_vote_that_another_signer_makes_for_a_level_that_was_signed_here_stops_the_key() {
    let (scene, ours) = with_history(Curve::P256, &[]);
    let folder = folder_with(&[&ours]);
    let other = Signer::start(folder.path(), &[]);

    let head = scene.head();
    let here = scene.signed_here(scene.vote(OURS, Kind::Attestation, &head));
    // The same block, but other DAL content.
    let vote = scene.vote(OURS, Kind::Attestation, &head).with_dal(1);
    let payload = vote.signed_bytes(scene.chain.lock().network());
    let answer = http::sign(other.address, &ours.hash, &payload).unwrap();
    let SignatureText::Known(signature) = answer.signature().parse().unwrap() else { panic!("{}", answer.body) };
    let elsewhere = vote.with_signature(signature.as_bytes());
    assert_ne!(here.vote.signed_bytes(scene.chain.lock().network()), payload);

    let level = scene.level();
    scene.bake_without_us(vec![elsewhere]);
    let event = scene.event("foreign_signature", &ours, level);
    assert_eq!(
        (event["kind"].as_str(), event["round"].as_u64(), event["proof"].as_str(), event["response"].as_str()),
        (Some("attestation"), Some(0), Some("signature"), Some("stopped"))
    );
    assert!(event["source"].as_str().unwrap().starts_with('o'), "{event}");
    // Within one block: nothing is signed for the next one.
    let vote = scene.vote(OURS, Kind::Attestation, &scene.head());
    let payload = vote.signed_bytes(scene.chain.lock().network());
    let refused = scene.request(&ours, &payload);
    assert_eq!((refused.status, refused.header("x-signer-reason")), (409, "stopped"), "{}", refused.error());
    assert!(refused.error().contains(&format!("at level {level}, round 0")), "{}", refused.error());
}

#[test]
fn a_vote_for_a_level_that_was_not_signed_here_stops_the_key_whatever_its_curve() {
    for curve in [Curve::Ed25519, Curve::Secp256k1, Curve::P256] {
        let (scene, ours) = with_history(curve, &[]);
        let (level, vote) = (scene.level(), scene.vote(OURS, Kind::Attestation, &scene.head()));
        scene.bake_without_us(vec![scene.signed_elsewhere(vote)]);
        assert_eq!(scene.event("foreign_signature", &ours, level)["response"], "stopped");
        assert!(!scene.still_signs());
    }
}

#[test]
fn a_block_that_another_signer_makes_stops_the_key() {
    let (scene, ours) = with_history(Curve::P256, &[]);
    // Until it is the turn of our baker, which does not ask the signer.
    let block = loop {
        let draft_is_ours = {
            let chain = scene.chain.lock();
            chain.on(&chain.head().hash).proposer() == OURS
        };
        if draft_is_ours {
            let head = scene.head();
            break scene.chain.lock().on(&head).without(OURS).without(1).sign();
        }
        scene.signs_levels(1);
    };
    let level = block.header.level;
    scene.chain.lock().add(block).unwrap();
    let event = scene.event("foreign_signature", &ours, level);
    assert_eq!((event["kind"].as_str(), event["response"].as_str()), (Some("block"), Some("stopped")));
    assert!(!scene.still_signs());
}

#[test]
fn the_same_evidence_is_reported_once() {
    let (scene, ours) = with_history(Curve::P256, &[]);
    let (head, level) = (scene.head(), scene.level());
    let vote = scene.signed_elsewhere(scene.vote(OURS, Kind::Attestation, &head));
    scene.bake_without_us(vec![vote.clone()]);
    scene.event("foreign_signature", &ours, level);
    // On another branch, which becomes the head.
    let round = scene.chain.lock().head().header.round;
    let rounds = round + 1..;
    let block = rounds
        .map(|round| scene.chain.lock().on(&head).at_round(round).proposer())
        .position(|proposer| proposer > 1)
        .map(|later| round + 1 + i32::try_from(later).unwrap())
        .map(|round| scene.block_on(&head, round, vec![vote]))
        .unwrap();
    scene.chain.lock().add(block).unwrap();
    scene.settle();
    assert_eq!(scene.count("foreign_signature", &ours), 1);
}

#[test]
fn an_alert_can_be_all_that_happens() {
    let (scene, ours) = with_history(Curve::P256, &[("ON_FOREIGN_SIGNATURE", "alert")]);
    let (level, vote) = (scene.level(), scene.vote(OURS, Kind::Attestation, &scene.head()));
    scene.bake_without_us(vec![scene.signed_elsewhere(vote)]);
    assert_eq!(scene.event("foreign_signature", &ours, level)["response"], "alert only");
    assert!(scene.still_signs());
}

#[test]
fn blocks_are_not_read_when_nothing_needs_them() {
    let (scene, _) = with_history(Curve::P256, &[("CHAIN_WITNESS", "off"), ("PARTICIPATION", "off")]);
    let vote = scene.vote(OURS, Kind::Attestation, &scene.head());
    scene.bake_without_us(vec![scene.signed_elsewhere(vote)]);
    scene.signs_levels(3);
    assert_eq!(scene.nodes[0].requests(stand_ins::Operation::Block), 0);
}

/// An aggregate has no signature of a single key: two nodes must agree.
#[test]
fn an_aggregate_with_our_key_stops_it_if_two_nodes_show_it() {
    let ours = key(Curve::Bls, "ours");
    let chain = chain_with(Baker::new(ours.clone()));
    let scene = start(&[&ours], &[&chain, &chain], &[]);
    scene.signs_levels(3);
    assert_eq!(LEVEL + 3, scene.level());
    let (level, vote) = (scene.level(), scene.vote(OURS, Kind::Attestation, &scene.head()));
    let votes: Vec<SignedVote> = vec![scene.signed_elsewhere(vote)];
    scene.bake_without_us(votes);
    let event = scene.event("foreign_signature", &ours, level);
    assert_eq!((event["proof"].as_str(), event["response"].as_str()), (Some("report"), Some("stopped")));
    eventually("a stopped key", || (!scene.still_signs()).then_some(()));
}

/// The gap is read when the node answers again.
#[test]
fn a_foreign_vote_that_no_node_showed_at_first_is_found_in_the_blocks_before_the_head() {
    let (scene, ours) = with_history(Curve::P256, &[]);
    scene.nodes[0].set_mode(stand_ins::NodeMode::Halted);
    let (level, vote) = (scene.level(), scene.vote(OURS, Kind::Attestation, &scene.head()));
    scene.bake_without_us(vec![scene.signed_elsewhere(vote)]);
    for _ in 0..30 {
        scene.bake_without_us(Vec::new());
    }
    scene.nodes[0].set_mode(stand_ins::NodeMode::Synced);
    assert_eq!(scene.event("foreign_signature", &ours, level)["response"], "stopped");
}

//! Histories without a second signer: no alarm.

use super::scene::{LEVEL, OURS, Scene, chain_with, key, start, with_history};
use oracle::chain::{Baker, Key};
use oracle::crypto::Curve;
use oracle::payload::consensus::Kind;

fn assert_no_alarm(scene: &Scene, keys: &[&Key]) {
    scene.settle();
    for key in keys {
        for event in ["foreign_signature", "key_active_elsewhere", "key_stopped"] {
            assert_eq!(scene.count(event, key), 0, "{event} of {}", key.hash);
        }
    }
    assert!(scene.still_signs());
}

#[test]
fn votes_and_blocks_that_were_signed_here_are_no_alarm() {
    for curve in Curve::ALL {
        let (scene, ours) = with_history(curve, &[]);
        // A round of bakers, so that our baker proposes a block.
        scene.signs_levels(5);
        assert_no_alarm(&scene, &[&ours]);
    }
}

/// The hard case: our vote for round 0 is in a block after we voted for round 1.
#[test]
fn a_reorganisation_with_our_votes_for_two_rounds_is_no_alarm() {
    let (scene, ours) = with_history(Curve::P256, &[]);
    let parent = scene.head();
    let round = |from: i32| {
        let chain = scene.chain.lock();
        (from..from + 9).find(|round| chain.on(&parent).at_round(*round).proposer() > 1).unwrap()
    };
    let early = round(0);
    let late = round(early + 1);
    let votes = scene.attest(&parent);
    let first = scene.block_on(&parent, early, votes.clone());
    let second = scene.block_on(&parent, late, votes);
    let first = scene.chain.lock().add(first).unwrap();
    let for_first = scene.attest(&first);
    let second = scene.chain.lock().add(second).unwrap();
    assert_eq!(scene.head(), second, "the later round is the head");
    let for_second = scene.attest(&second);
    // The next level builds on the first block, whose votes it contains, and then again on the second.
    let on_first = scene.block_on(&first, 0, for_first);
    let on_second = scene.block_on(&second, 1, for_second);
    for block in [on_first, on_second] {
        scene.chain.lock().add(block).unwrap();
        scene.signs_levels(1);
    }
    assert_no_alarm(&scene, &[&ours]);
}

/// The delegate's own key is in the vault, and its consensus key votes elsewhere.
#[test]
fn a_delegates_own_key_is_no_alarm_when_its_consensus_key_votes() {
    let (delegate, consensus_key) = (key(Curve::P256, "delegate"), key(Curve::Ed25519, "elsewhere"));
    let served = key(Curve::P256, "ours");
    let chain = chain_with(Baker::new(delegate.clone()).with_consensus_key(0, consensus_key));
    let scene = start(&[&delegate, &served], &[&chain], &[]);
    for _ in 0..3 {
        let vote = scene.vote(OURS, Kind::Attestation, &scene.head());
        let marker = scene.attest_as_marker();
        scene.bake_without_us(vec![scene.signed_elsewhere(vote), marker]);
    }
    scene.settle();
    for event in ["foreign_signature", "key_active_elsewhere"] {
        assert_eq!(scene.count(event, &delegate), 0, "{event}");
    }
}

/// The first block of a cycle contains votes for the last level of the cycle before, which the companion key of that cycle has
/// signed.
#[test]
fn the_companion_key_of_the_attested_levels_cycle_counts() {
    let (ours, first, second) = (key(Curve::Bls, "ours"), key(Curve::Bls, "first"), key(Curve::Bls, "second"));
    let cycle = {
        let chain = chain_with(Baker::new(ours.clone()));
        let mut chain = chain.lock();
        chain.network_mut().blocks_per_cycle = 4;
        chain.network().cycle(LEVEL)
    };
    let baker =
        Baker::new(ours.clone()).with_companion_key(0, first.clone()).with_companion_key(cycle + 2, second.clone());
    let chain = chain_with(baker);
    chain.lock().network_mut().blocks_per_cycle = 4;
    let scene = start(&[&ours, &first, &second], &[&chain, &chain], &[]);
    let changes_at = chain.lock().network().first_level(cycle + 2);
    while scene.level() < changes_at + 3 {
        let vote = scene.vote(OURS, Kind::Attestation, &scene.head()).with_dal(1);
        let companion = chain.lock().network().companion_key(OURS, vote.level).unwrap().clone();
        let payload = vote.signed_bytes(chain.lock().network());
        assert_eq!(scene.request(&companion, &payload).status, 200);
        let votes = vec![scene.signed_here(vote), scene.attest_as_marker()];
        scene.bake_with(votes);
    }
    assert_no_alarm(&scene, &[&ours, &first, &second]);

    // It is the companion key that a vote with DAL content implies.
    let (level, vote) = (scene.level(), scene.vote(OURS, Kind::Attestation, &scene.head()));
    let signed = scene.signed_here(vote.clone().with_dal(1));
    scene.bake_without_us(vec![signed]);
    assert_eq!(scene.event("foreign_signature", &second, level)["response"], "stopped");
    assert_eq!(scene.count("foreign_signature", &ours), 0);
}

//! Denunciations of the delegates that the served keys sign for.

use super::scene::{LEVEL, OURS, chain_with, key, start};
use oracle::chain::{Baker, Denunciation};
use oracle::crypto::Curve;
use oracle::payload::consensus::Kind;

const DENUNCIATION: Denunciation =
    Denunciation { operation: [5; 32], rewarded: 2, level: LEVEL - 7, round: 1, kind: Kind::Attestation };

/// The delegate of a consensus key is known once a block has shown a vote.
#[test]
fn a_denunciation_stops_the_keys_of_the_delegate_if_two_nodes_report_it() {
    for (nodes, response) in [(1, "alert only"), (2, "stopped")] {
        let (delegate, ours) = (key(Curve::Ed25519, "delegate"), key(Curve::P256, "ours"));
        let chain = chain_with(Baker::new(delegate.clone()).with_consensus_key(0, ours.clone()));
        chain.lock().denounce(OURS, DENUNCIATION);
        let scene = start(&[&ours], &vec![&chain; nodes], &[]);
        scene.signs_levels(2);
        let event = scene.event("denounced", &ours, LEVEL - 7);
        assert_eq!(
            (event["delegate"].as_str(), event["kind"].as_str(), event["response"].as_str()),
            (Some(delegate.hash.as_str()), Some("attestation"), Some(response))
        );
        assert_eq!(scene.still_signs(), response == "alert only");
    }
}

#[test]
fn a_delegate_that_may_not_bake_any_more_stops_its_key() {
    let ours = key(Curve::P256, "ours");
    let chain = chain_with(Baker::new(ours.clone()));
    chain.lock().forbid(OURS, true);
    let scene = start(&[&ours], &[&chain, &chain], &[]);
    let event = scene.event("denounced", &ours, LEVEL);
    assert_eq!((event["source"].as_str(), event["response"].as_str()), (Some("is_forbidden"), Some("stopped")));
    assert!(!scene.still_signs());
}

//! A key that has never signed here, while another signer still uses it.

use super::scene::{OURS, chain_with, key, start};
use crate::support::eventually::eventually;
use oracle::chain::Baker;
use oracle::crypto::Curve;
use oracle::payload::consensus::Kind;

#[test]
fn a_key_is_silent_while_the_old_signer_runs_and_for_ten_levels_after() {
    let ours = key(Curve::P256, "ours");
    let chain = chain_with(Baker::new(ours.clone()));
    let scene = start(&[&ours], &[&chain], &[]);
    let mut last = scene.level();
    for _ in 0..4 {
        last = scene.level();
        let vote = scene.vote(OURS, Kind::Attestation, &scene.head());
        scene.bake_without_us(vec![scene.signed_elsewhere(vote), scene.attest_as_marker()]);
    }
    let event = scene.first_event("key_active_elsewhere", &ours);
    let [level, until] = ["level", "silent_until"].map(|field| event[field].as_i64().unwrap());
    assert_eq!(until, level + 11, "ten levels after the block");
    // The old signer stops.
    while scene.level() <= last + 10 {
        eventually("a silent key", || (!scene.still_signs()).then_some(()));
        scene.bake_without_us(vec![scene.attest_as_marker()]);
    }
    scene.bake_without_us(vec![scene.attest_as_marker()]);
    eventually("a key that signs", || scene.still_signs().then_some(()));
    scene.settle();
    assert_eq!(scene.count("key_active_elsewhere", &ours), 1, "once, not for each block");
    assert_eq!(scene.count("foreign_signature", &ours), 0);
}

//! The correct protocol has no violations. The larger setups take longer: `cargo run --release -p model` explores them all.

use model::{
    HANDOVER_SETUPS, RECOVERY_SETUPS, RELAY_SETUPS, SETUPS, STOP_SETUPS, Setup, WITNESS_SETUPS, explore,
    explore_handovers, explore_recoveries, explore_relays, explore_stops, explore_witness,
};

#[test]
fn one_level_with_crashes_and_faults_holds_in_many_states() {
    let small: Vec<_> = SETUPS.iter().filter(|setup| setup.levels == 1).collect();
    assert!(!small.is_empty());
    for setup in small {
        let explored = explore(*setup).unwrap();
        assert_eq!(explored.violated, [], "{}", setup.name);
        assert!(explored.states > 10_000, "{}: {} states", setup.name, explored.states);
    }
}

#[test]
fn relays_hold_with_a_companion_key_and_with_another_store() {
    for name in ["votes, companion key", "companion key, its mark is ahead", "votes, another store"] {
        let setup = RELAY_SETUPS.iter().find(|setup| setup.name == name).unwrap();
        let explored = explore_relays(*setup).unwrap();
        assert_eq!(explored.violated, [], "{name}");
        assert!(explored.states > 1_000, "{name}: {} states", explored.states);
    }
}

#[test]
fn a_stop_keeps_its_promise_while_marks_are_created_and_stops_are_lifted() {
    for name in ["blocks, a stop", "votes, stop and resume", "votes, with the earlier release"] {
        let setup = STOP_SETUPS.iter().find(|setup| setup.name == name).unwrap();
        let explored = explore_stops(*setup).unwrap();
        assert_eq!(explored.violated, [], "{name}");
        assert!(explored.states > 1_000, "{name}: {} states", explored.states);
    }
}

#[test]
fn a_recovered_store_signs_nothing_twice() {
    for name in
        ["votes, lost or restored", "votes, two levels", "votes, restored in place", "sealed votes, lost or restored"]
    {
        let setup = RECOVERY_SETUPS.iter().find(|setup| setup.name == name).unwrap();
        let explored = explore_recoveries(*setup).unwrap();
        assert_eq!(explored.violated, [], "{name}");
        assert!(explored.states > 1_000, "{name}: {} states", explored.states);
    }
}

#[test]
fn a_key_that_is_handed_over_and_back_signs_nothing_twice() {
    for setup in HANDOVER_SETUPS {
        let explored = explore_handovers(*setup).unwrap();
        assert_eq!(explored.violated, [], "{}", setup.name);
        assert!(explored.states > 1_000, "{}: {} states", setup.name, explored.states);
    }
}

#[test]
fn the_witness_raises_no_false_alarm_and_overlooks_nothing() {
    let small = WITNESS_SETUPS.iter().filter(|setup| setup.here.signers.bakers == 1);
    for setup in small {
        let explored = explore_witness(*setup).unwrap();
        assert_eq!(explored.violated, [], "{}", setup.name);
        assert!(explored.states > 1_000, "{}: {} states", setup.name, explored.states);
    }
}

#[test]
fn more_faults_lead_to_more_states() {
    let small = Setup { levels: 1, faults: 0, crashes: 0, ..SETUPS[0] };
    let states = |setup| explore(setup).unwrap().states;
    let calm = states(small);
    assert!(states(Setup { faults: 1, ..small }) > calm);
    assert!(states(Setup { crashes: 1, ..small }) > calm);
}

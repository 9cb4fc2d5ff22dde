//! In a legitimate history, the chain shows of our keys only what our signer has signed, and no slot is signed twice. In a foreign one,
//! it shows one signature more.

#![cfg(test)]

use oracle::chain::history::{self, Counts, Event, History, Life, OURS};
use oracle::chain::{Block, Chain, Operation};
use oracle::crypto::Curve;
use oracle::payload::consensus::Kind;
use std::collections::HashMap;

/// What our signer has signed: a payload for each key, kind, level and round.
#[derive(Default)]
struct Signed(HashMap<(String, Kind, i32, i32), Vec<u8>>);

impl Signed {
    fn follow(&mut self, event: &Event, story: &str) {
        if let Event::Signs(request) = event {
            let slot = (request.address.clone(), request.kind, request.level, request.round);
            let before = self.0.insert(slot.clone(), request.payload.clone());
            assert!(before.is_none_or(|before| before == request.payload), "{story}: {slot:?} signed twice");
        }
    }

    /// The signatures of our keys in a block that our signer has not made: kind, level, round, address.
    fn missing_in(&self, block: &Block, chain: &Chain) -> Vec<(Kind, i32, i32, String)> {
        let network = chain.network();
        let level = block.header.level;
        let baker = network.proposer(level, block.header.round);
        let header = (baker, Kind::Block, level, block.header.round, block.header.signed_bytes(network), false);
        let votes = block.operations.iter().flat_map(Operation::votes).map(|vote| {
            (vote.baker, vote.kind, vote.level, vote.round, vote.signed_bytes(network), vote.dal.is_some())
        });
        std::iter::once(header)
            .chain(votes)
            .filter(|(baker, ..)| *baker == OURS)
            .flat_map(|(_, kind, level, round, payload, has_dal)| {
                let consensus = network.consensus_key(OURS, level);
                let companion = network.companion_key(OURS, level).filter(|_| has_dal && consensus.is_bls());
                let keys = [Some(consensus), companion];
                keys.into_iter().flatten().map(move |key| (kind, level, round, key.hash.clone(), payload.clone()))
            })
            .filter(|(kind, level, round, address, payload)| {
                self.0.get(&(address.clone(), *kind, *level, *round)) != Some(payload)
            })
            .map(|(kind, level, round, address, _)| (kind, level, round, address))
            .collect()
    }
}

fn followed(history: &History) -> (Signed, Vec<(Kind, i32, i32, String)>) {
    let (mut signed, mut missing) = (Signed::default(), Vec::new());
    for event in &history.events {
        signed.follow(event, history.name);
        if let Event::Shows(hash) = event {
            missing.extend(signed.missing_in(history.chain.block(hash).unwrap(), &history.chain));
        }
    }
    (signed, missing)
}

#[test]
fn legitimate_histories_show_nothing_that_was_not_signed() {
    let of_curves = Curve::ALL.into_iter().flat_map(|curve| history::legitimate(&history::baker(curve)));
    for history in of_curves.chain([history::change_of_keys()]) {
        let (signed, missing) = followed(&history);
        assert!(missing.is_empty(), "{}: {missing:?}", history.name);
        assert!(signed.0.len() > 4, "{}", history.name);
    }
}

#[test]
fn foreign_histories_show_one_signature_that_was_not_made() {
    for curve in Curve::ALL {
        let histories = history::foreign(&history::baker(curve));
        assert_eq!(histories.len(), 8, "the last one is with a companion key, or about DAL content of another");
        for history in histories {
            let foreign = history.foreign.clone().unwrap();
            let (_, mut missing) = followed(&history);
            // With the consensus key's vote, the companion's is on the chain, too.
            missing.retain(|(.., address)| *address == foreign.address);
            let expected = (foreign.kind, foreign.level, foreign.round, foreign.address.clone());
            assert_eq!(missing, [expected], "{} {}", curve.name(), history.name);
            assert!(matches!(history.events.last(), Some(Event::Shows(hash)) if *hash == foreign.block));
        }
    }
}

#[test]
fn a_life_shows_nothing_that_was_not_signed() {
    for (curve, levels) in [(Curve::Ed25519, 900), (Curve::Bls, 200)] {
        let mut life = Life::new(history::baker(curve), 2);
        let mut signed = Signed::default();
        for _ in 0..levels {
            for event in life.next_level() {
                signed.follow(&event, "life");
                if let Event::Shows(hash) = event {
                    let chain = life.chain();
                    let missing: Vec<_> =
                        chain.branch(&hash).take(10).flat_map(|block| signed.missing_in(block, chain)).collect();
                    assert!(missing.is_empty(), "{missing:?}");
                }
            }
        }
        let Counts { with_rounds, decided_twice, reorganisations, missed_turns, outages, rests, .. } = life.counts();
        let rare = if curve == Curve::Bls { [1, 1] } else { [outages, rests] };
        let happened = [with_rounds, decided_twice, reorganisations, missed_turns].into_iter().chain(rare);
        assert!(happened.into_iter().all(|count| count > 0), "{:?}", life.counts());
    }
}

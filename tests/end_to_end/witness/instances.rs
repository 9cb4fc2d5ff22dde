//! Several instances with one mark store.

use super::scene::{LEVEL, OURS, chain_of};
use crate::azure::cloud::{self, wait};
use crate::azure::instance::Instance;
use crate::support::eventually::eventually;
use azurehsm_signer::tezos::SignatureText;
use oracle::chain::{Baker, Draft, Key, SignedVote, Vote};
use oracle::crypto::{Curve, SecretKey};
use oracle::payload::consensus::Kind;
use serde_json::Value;
use stand_ins::{NewKey, SharedChain, TezosNode, Transport};

/// A key of the vault, whose secret key is this number.
fn key(azure: &stand_ins::Azure, name: &str, number: u8) -> Key {
    let added = cloud::add(azure, NewKey::new(name, stand_ins::Curve::P256), number);
    let mut secret = [0; 32];
    secret[31] = number;
    let key = Key::from(SecretKey::from_bytes(Curve::P256, secret).unwrap());
    assert_eq!(key.hash, added.hash);
    key
}

fn signed_at(instance: &Instance, chain: &SharedChain, vote: Vote) -> SignedVote {
    let (key, payload) = {
        let chain = chain.lock();
        (chain.network().consensus_key(vote.baker, vote.level).hash.clone(), vote.signed_bytes(chain.network()))
    };
    let SignatureText::Known(signature) = instance.eventually_signs(&key, &payload).parse().unwrap() else {
        panic!("a signature without its curve")
    };
    vote.with_signature(signature.as_bytes())
}

fn foreign_signatures(instance: &Instance, key: &Key) -> Vec<Value> {
    let lines = instance.log();
    let fields = lines.iter().filter_map(|line| Some(serde_json::from_str::<Value>(line).ok()?["fields"].clone()));
    fields.filter(|fields| fields["event"] == "foreign_signature" && fields["key"] == key.hash.as_str()).collect()
}

#[test]
fn what_another_instance_signs_is_no_alarm_and_all_instances_stop_a_key_together() {
    let azure = cloud::start();
    let (ours, marker) = (key(&azure, "ours", 1), key(&azure, "marker", 2));
    let chain = chain_of(Baker::new(ours.clone()), Baker::new(marker.clone()));
    let node = TezosNode::following(&chain, Transport::Http).unwrap();
    let url = node.url();
    let settings = [("NODE_URLS", url.as_str()), ("HEAD_REFRESH_MS", "50"), ("HEAD_MAX_AGE_MS", "5000")];
    let (signing, watching) = (Instance::start_ready(&azure, &settings), Instance::start_ready(&azure, &settings));
    let vote = |baker| {
        let chain = chain.lock();
        chain.vote(baker, Kind::Attestation, &chain.head().hash).unwrap()
    };
    let bake = |votes: Vec<SignedVote>| {
        let mut chain = chain.lock();
        let head = chain.head().hash;
        let round = (0..9).find(|round| chain.on(&head).at_round(*round).proposer() > 1).unwrap();
        let draft = chain.on(&head).at_round(round).without(OURS).without(1);
        let block = votes.into_iter().fold(draft, Draft::with).sign();
        chain.add(block).unwrap();
    };
    // The watching instance has never seen these marks when a block shows them.
    for _ in 0..4 {
        bake(vec![signed_at(&signing, &chain, vote(OURS)), signed_at(&signing, &chain, vote(1))]);
    }
    assert_eq!(chain.lock().head().header.level, LEVEL + 4);
    // Twice: after the second, everything before the first has been judged.
    for number in 1..=2 {
        let elsewhere = vote(1).with_dal(number);
        let level = elsewhere.level;
        let signed = elsewhere.signed(chain.lock().network());
        bake(vec![signed]);
        // Of one instance or of both: the one that is later may find the position raised.
        eventually("an alert for this vote", || {
            let alerts = [&signing, &watching].into_iter().flat_map(|instance| foreign_signatures(instance, &marker));
            alerts.into_iter().any(|alert| alert["level"] == level).then_some(())
        });
    }
    for instance in [&signing, &watching] {
        assert_eq!(foreign_signatures(instance, &ours), Vec::<Value>::new());
    }
    assert_eq!(signing.sign(&ours.hash, &vote(OURS).signed_bytes(chain.lock().network())).status, 200);
    for instance in [&signing, &watching] {
        let refused = instance.sign(&marker.hash, &vote(1).signed_bytes(chain.lock().network()));
        assert_eq!((refused.status, refused.header("x-signer-reason")), (409, "stopped"));
    }
    let item = wait(azure.cosmos.item(&marker.hash, &format!("{}:stop", marker.hash))).unwrap();
    assert_eq!(item["stops"].as_array().map(Vec::len), Some(2), "one for each vote, not for each instance: {item}");
}

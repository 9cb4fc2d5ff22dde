//! The double of a Tezos node: the shapes of its answers, and what it shows when it is behind, halted, forked or lying.

#![cfg(test)]

use oracle::chain::{Baker, Chain, Denunciation, Key, Network};
use oracle::crypto::Curve;
use oracle::payload::consensus::Kind;
use serde_json::{Value, json};
use stand_ins::{NodeMode, SharedChain, TezosNode, Transport};
use std::time::Duration;

const LEVEL: i32 = 96;

/// Three bakers with keys of different curves. The last one has a tz4 consensus key and a companion key, from the cycle of level 97.
fn chain() -> SharedChain {
    let key = |curve, name| Key::of_name(curve, name);
    let bakers = [
        Baker::new(key(Curve::P256, "first")).with_slots(2),
        Baker::new(key(Curve::Ed25519, "second")).with_consensus_key(5, key(Curve::Secp256k1, "second's")),
        Baker::new(key(Curve::Secp256k1, "third"))
            .with_consensus_key(6, key(Curve::Bls, "third's"))
            .with_companion_key(6, key(Curve::Bls, "companion")),
    ];
    let network = Network { blocks_per_cycle: 16, ..Network::new(bakers) };
    SharedChain::new(Chain::new(network, LEVEL, 1_796_000_000))
}

async fn get(node: &TezosNode, path: &str) -> (u16, Value) {
    // Fails if another test of this process has installed it.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let authority = reqwest::Certificate::from_pem(node.authority_pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([authority]).build().unwrap();
    let answer = client.get(format!("{}/chains/main/{path}", node.url())).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

async fn body(node: &TezosNode, path: &str) -> Value {
    get(node, path).await.1
}

#[tokio::test]
async fn the_answers_have_the_shapes_of_the_real_rpc() {
    let chain = chain();
    let node = TezosNode::following(&chain, Transport::Http).unwrap();
    chain.bake();
    let voted = chain.bake();
    let hash = {
        let mut chain = chain.lock();
        let with_dal = chain.vote(2, Kind::Attestation, &voted).unwrap().with_dal(2048).signed(chain.network());
        let block = chain.on(&voted).with(with_dal).sign();
        chain.add(block).unwrap()
    };
    let hash = oracle::base58::BLOCK.encode(&hash);
    let [first, second, third] = [0, 1, 2].map(|baker| chain.lock().network().baker(baker).delegate.hash.clone());
    let companion = chain.lock().network().companion_key(2, 98).unwrap().hash.clone();
    let consensus = |baker, level| chain.lock().network().consensus_key(baker, level).hash.clone();

    assert_eq!(body(&node, "chain_id").await, "NetXdQprcVkpaWU");
    assert_eq!(body(&node, "blocks/head/hash").await, hash);
    let header = body(&node, "blocks/head/header").await;
    assert_eq!(
        (&header["level"], &header["hash"], &header["timestamp"]),
        (&json!(99), &json!(hash), &json!("2026-11-30T00:53:38Z"))
    );
    assert_eq!(header["fitness"], json!(["02", "00000063", "", "ffffffff", "00000000"]));
    assert_eq!(body(&node, "blocks/head/header/shell").await["predecessor"], header["predecessor"]);
    assert_eq!(body(&node, "blocks/99~1/hash").await, header["predecessor"]);
    assert_eq!(get(&node, "blocks/100/hash").await.0, 404);

    let operations = body(&node, "blocks/head/operations/0").await;
    let [aggregate, single, other] = operations.as_array().unwrap().as_slice() else { panic!("{operations}") };
    assert_eq!(aggregate["contents"][0]["kind"], "attestations_aggregate");
    assert_eq!(aggregate["contents"][0]["committee"], json!([{ "slot": 3, "dal_attestation": "2048" }]));
    assert_eq!(aggregate["contents"][0]["consensus_content"]["level"], 98);
    assert_eq!(aggregate["contents"][0]["metadata"]["committee"][0]["consensus_pkh"], consensus(2, 98));
    assert!(aggregate["signature"].as_str().unwrap().starts_with("BLsig"));
    let content = &single["contents"][0];
    assert_eq!((&content["kind"], &content["slot"], &content["level"]), (&json!("attestation"), &json!(0), &json!(98)));
    assert_eq!(content["metadata"]["consensus_key"], first);
    assert_eq!(content["metadata"]["consensus_power"], json!({ "slots": 2, "baking_power": "200000000000" }));
    assert_eq!(other["contents"][0]["metadata"]["delegate"], second);
    assert_eq!(other["contents"][0]["metadata"]["consensus_key"], consensus(1, 98));

    let delegate = body(&node, &format!("blocks/head/context/delegates/{third}")).await;
    assert_eq!(delegate["consensus_key"]["active"]["pkh"], consensus(2, 98));
    assert_eq!(delegate["companion_key"]["active"]["pkh"], companion);
    assert_eq!(delegate["participation"]["expected_cycle_activity"], 16);
    let before = format!("blocks/{LEVEL}~0/context/delegates/{third}/companion_key");
    assert_eq!(
        body(&node, &before).await["active"]["pkh"],
        companion,
        "active after the last block of the cycle before"
    );
    let (status, error) = get(&node, &format!("blocks/head/context/delegates/{companion}")).await;
    assert_eq!((status, &error[0]["id"]), (500, &json!("proto.025-PsUshuai.delegate.not_registered")));

    let rights = body(&node, &format!("blocks/head/helpers/attestation_rights?level=97&delegate={third}")).await;
    assert_eq!(
        rights,
        json!([{ "level": 97, "delegates": [
            { "delegate": third, "first_slot": 3, "attesting_power": 1, "consensus_key": consensus(2, 97) }
        ]}])
    );
    let rights = body(&node, &format!("blocks/head/helpers/baking_rights?consensus_key={first}")).await;
    let round = rights[0]["round"].as_i64().unwrap();
    assert_eq!((100 + round) % 3, 0, "{rights}");
    assert!(rights[0]["estimated_time"].is_string());
    node.restrict(true);
    assert_eq!(get(&node, "blocks/head/helpers/baking_rights").await.0, 401);
    assert_eq!(get(&node, "blocks/head/operations/0").await.0, 200);
}

#[tokio::test]
async fn the_raw_header_is_what_the_baker_signed() {
    let chain = chain();
    let node = TezosNode::following(&chain, Transport::Tls).unwrap();
    chain.bake();
    let raw = hex::decode(body(&node, "blocks/head/header/raw").await.as_str().unwrap()).unwrap();
    let (unsigned, signature) = raw.split_at(raw.len() - 64);
    let signed = [&[0x11, 0x7a, 0x06, 0xa7, 0x70], unsigned].concat();
    let chain = chain.lock();
    let key = chain.network().consensus_key(chain.network().proposer(97, 0), 97);
    assert_eq!(key.public.verify(&signed, oracle::crypto::Scheme::ProofOfPossession, signature), Ok(()));
}

#[tokio::test]
async fn a_node_shows_what_its_mode_says() {
    let chain = chain();
    let [synced, behind, halted, liar, frozen] =
        std::array::from_fn(|_| TezosNode::following(&chain, Transport::Http).unwrap());
    chain.bake();
    behind.set_mode(NodeMode::Behind(2));
    halted.set_mode(NodeMode::Halted);
    frozen.set_mode(NodeMode::Frozen);
    let lie = chain.copy();
    liar.follow(&lie);
    lie.lock().denounce(0, Denunciation { operation: [7; 32], rewarded: 1, level: 97, round: 0, kind: Kind::Block });
    lie.lock().forbid(0, true);
    for _ in 0..3 {
        chain.bake();
    }
    let delegate = format!("blocks/head/context/delegates/{}", chain.lock().network().baker(0).delegate.hash);
    for (node, level, is_forbidden) in
        [(&synced, 100, false), (&behind, 98, false), (&halted, 97, false), (&liar, 97, true)]
    {
        assert_eq!(body(node, "blocks/head/header/shell").await["level"], level);
        assert_eq!(get(node, &format!("blocks/{}/hash", level + 1)).await.0, 404);
        let delegate = body(node, &delegate).await;
        assert_eq!(delegate["is_forbidden"], is_forbidden);
        let misbehaviour = &delegate["denunciations"][0]["misbehaviour"];
        let expected = if is_forbidden { json!({ "level": 97, "round": 0, "kind": "block" }) } else { Value::Null };
        assert_eq!(*misbehaviour, expected);
    }
    let answer = tokio::time::timeout(Duration::from_millis(200), body(&frozen, "chain_id")).await;
    assert!(answer.is_err(), "a frozen node never answers");
    frozen.set_mode(NodeMode::Synced);
    assert_eq!(body(&frozen, "blocks/head/header/shell").await["level"], 100);
}

#[tokio::test]
async fn missed_attestations_count_against_participation() {
    let chain = chain();
    let node = TezosNode::following(&chain, Transport::Http).unwrap();
    chain.bake();
    let hash = chain.lock().head().hash;
    let block = chain.lock().on(&hash).without(2).sign();
    chain.lock().add(block).unwrap();
    let [first, third] = [0, 2].map(|baker| chain.lock().network().baker(baker).delegate.hash.clone());
    let participation = |delegate| format!("blocks/head/context/delegates/{delegate}/participation");
    assert_eq!(body(&node, &participation(first)).await["missed_levels"], 0);
    let missed = body(&node, &participation(third)).await;
    assert_eq!((&missed["missed_levels"], &missed["remaining_allowed_missed_slots"]), (&json!(1), &json!(5)));
}

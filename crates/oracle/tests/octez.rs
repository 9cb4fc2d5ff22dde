//! Samples encoded by Octez itself (`tezt/tests/expected/encoding.ml`, protocol 025), with a watermark byte and, for blocks and votes,
//! mainnet's chain id added. The block headers have a Tenderbake fitness instead of their own.

#![cfg(test)]

use oracle::crypto::{Curve, digest};
use oracle::payload::consensus::Kind;
use oracle::reading::{Content, Decoded, Slot, read};

const BRANCH: &str = "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8";
const MAINNET: [u8; 4] = [0x7a, 0x06, 0xa7, 0x70];

#[test]
fn blocks_and_votes() {
    let shell = format!(
        "117a06a7700000053301{BRANCH}000000005e9dcbb00442e9bc4583d4f9fa6ba422733f45d3a44397141a953d2237bf8df62e5046eef7"
    );
    let after_fitness = format!(
        "4c7319284b55068bb7c4e0b9f8585729db7fb27ab4ca9cff2038a1fc324f650c{}101895ca000000000002",
        "00".repeat(36)
    );
    let vote = |watermark: u8, tag_and_slot: &str, rest: &str| {
        format!("{watermark:02x}7a06a770{BRANCH}{tag_and_slot}0000053300000000{}{rest}", "00".repeat(32))
    };
    let block = |fitness: &str| format!("{shell}{fitness}{after_fitness}");
    let attestation = "22a4661cd4823a14313384e510544af380ce40c3c44d3026319b191718356f4a";
    for (payload, curve, kind, round, expected_digest) in [
        (vote(0x13, "150000", ""), Curve::P256, Kind::Attestation, 0, Some(attestation)),
        (vote(0x13, "170000", "8020"), Curve::Secp256k1, Kind::Attestation, 0, None),
        (vote(0x12, "140000", ""), Curve::Ed25519, Kind::Preattestation, 0, None),
        (vote(0x13, "29", ""), Curve::Bls, Kind::Attestation, 0, None),
        (vote(0x12, "28", ""), Curve::Bls, Kind::Preattestation, 0, None),
        (
            block("00000021000000010200000004000005330000000000000004ffffffff0000000400000002"),
            Curve::P256,
            Kind::Block,
            2,
            Some("bd6bba73972e0f9ef6ceb0b4e7d742ae04a0921b19b4bd2e8ce0f61d06537126"),
        ),
        (
            block("0000002500000001020000000400000533000000040000000100000004ffffffff0000000400000002"),
            Curve::Bls,
            Kind::Block,
            2,
            Some("5b5fee8e4d8e8ec2cff7bdc3e502b61e12ee388e1ea1654aa3ecccc7f4b7043a"),
        ),
    ] {
        let payload = hex::decode(&payload).unwrap();
        assert_eq!(Slot::read(&payload, curve), Ok(Slot { kind, chain: MAINNET, level: 1331, round }));
        if let Some(expected) = expected_digest {
            assert_eq!(hex::encode(digest(&payload)), expected);
        }
    }
    // The fitness of Octez's own header predates Tenderbake.
    let old = hex::decode(block("00000011000000010100000008000000000000000a")).unwrap();
    let malformed = Slot::read(&old, Curve::P256).unwrap_err();
    assert_eq!((malformed.problem.as_str(), malformed.at), ("wrong_value", 91));
}

#[test]
fn operations() {
    const SOURCE: &str = "0002298c03ed7d454a101eb7022bc95f7e5f41ac78";
    const HEADER: &str = "0002298c03ed7d454a101eb7022bc95f7e5f41ac7821dc05edecc004adcacdb7d401";
    const ADDRESS: &str = "tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx";
    let of = |kind: &str| Content { kind: kind.to_owned(), ..Content::default() };
    let by_source = |kind| Content { source: Some(ADDRESS.to_owned()), ..of(kind) };
    let fee = |kind| Content { fee: Some(33), ..by_source(kind) };
    let call = |destination: &str, entrypoint: &str| Content {
        amount: Some(407),
        destination: Some(destination.to_owned()),
        entrypoint: Some(entrypoint.to_owned()),
        ..fee("transaction")
    };
    let protocol = "7663cf120f3dc8189d5dc7d4d7a0483bcc53f3f18e700f5a2f5076aa8b9dc55c";
    let key = "004798d2cc98473d7e250c898885718afd2e4efbcb1a1595ab9730761ed830de0f";
    let parameters = "ffff06616374696f6e000000070200000002034f";
    let script =
        "00000020020000001b050003680501056303680502020000000a03160346053d036d03420000000e0200000009010000000474657374";
    let tz4 = "038da4c2c8975ce0aac74c7168b52ee994993e56fede050bb41900";
    let tz4_key = "8b51bf866c75b94acd428773fcddb1e9f008547590471a547cd5e30411a34040138350f32088eefcd34d136a6983e29d";
    let proof = "a6ac135bd4c0d9bfa24a3c94f2a77d0fd7188988ea207d89f6f3bf6959dadbeb28622a2fe2377635e9c7f84f116e5245\
                 08d3c37720cbf3230abd0c7db9e7559bd250b062e65d6b854967176b4ebc715e8b506dc262a8aa554eb407b3ae9a6fc7";
    let tz4_source = Curve::Bls.hash().encode(&hex::decode(&tz4[2..42]).unwrap());
    for (contents, expected) in [
        (format!("6c{HEADER}97030000{}00", &SOURCE[2..]), call(ADDRESS, "default")),
        (
            format!("6c{HEADER}97030138560805b4c8d7b7fbbafad5c59dbfa3878ca70500{parameters}"),
            call("KT1DieU51jzXLerQx5AqMCiLC1SsCeM8yRat", "action"),
        ),
        (format!("6e{HEADER}ff{SOURCE}"), fee("delegation")),
        (format!("6e{HEADER}00"), fee("delegation")),
        (format!("6b{HEADER}{key}00"), fee("reveal")),
        (format!("6d{HEADER}af9105ff{SOURCE}{script}"), Content { amount: Some(84_143), ..fee("origination") }),
        (format!("06{SOURCE}000002cf{protocol}00"), by_source("ballot:yay")),
        (format!("05{SOURCE}000002cf00000040{protocol}{protocol}"), by_source("proposals")),
        (format!("0100000533{}", "00".repeat(32)), of("seed_nonce_revelation")),
        (
            "04c55cf02dbeecc978d9c84625dcae72bb77ea4fbd41f98b15efc63fa893d61d7d6eee4a2ce9427ac4".to_owned(),
            of("activate_account"),
        ),
        (
            format!("6b{tz4}03{tz4_key}ff00000060{proof}"),
            Content { source: Some(tz4_source), fee: Some(734), ..of("reveal") },
        ),
    ] {
        let payload = hex::decode(format!("03{BRANCH}{contents}")).unwrap();
        let Decoded::Operations { contents: found, .. } = read(&payload, Curve::P256).unwrap().decoded else {
            panic!()
        };
        assert_eq!(found, [expected], "{contents}");
    }
}

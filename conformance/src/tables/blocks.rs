//! Payloads of blocks, valid and malformed.

use super::decoding::{consensus, decoded, malformed};
use crate::case::DecodeCase;
use crate::crypto::Curve;
use crate::payload::consensus::{Block, Kind, fitness, protocol_data};

pub(super) fn cases() -> Vec<DecodeCase> {
    [blocks(), cut_blocks(), wrong_blocks()].concat()
}

const BAKER: &str = "baker-p256";
const MAX: i32 = i32::MAX;

fn blocks() -> Vec<DecodeCase> {
    let plain = Block::new;
    let with = |level, round, fitness| Block { fitness, ..Block::new(level, round) };
    let mut cases = Vec::new();
    let mut add = |name: &str, why: &str, block: Block, level, round| {
        let expected = consensus(Kind::Block, level, round);
        cases.push(decoded(&format!("block/{name}"), why, block.bytes(), BAKER, expected));
    };
    add("plain", "A typical block: round 0, as at nearly every level (block_header.ml).", plain(1331, 0), 1331, 0);
    add(
        "round",
        "The round is the last four bytes of the fitness (fitness_repr.ml, to_raw): a signer that reads the payload \
         round, or none, reports a double baking that never happened, or misses one.",
        plain(1331, 2),
        1331,
        2,
    );
    add(
        "locked-round",
        "With a locked round the fitness has 37 bytes instead of 33, and everything after it moves: the round is at \
         offset 83 + F.",
        with(1331, 2, fitness(1331, Some(1), -1, 2)),
        1331,
        2,
    );
    add(
        "locked-round-zero",
        "Locked in round 0 is not the same as not locked: four zero bytes instead of none.",
        with(1331, 1, fitness(1331, Some(0), -1, 1)),
        1331,
        1,
    );
    add(
        "predecessor-round",
        "The predecessor's round is encoded as minus itself minus one: round 2 is fffffffd, which is not a negative \
         round.",
        with(1331, 0, fitness(1331, None, -3, 0)),
        1331,
        0,
    );
    add("level-zero", "Test chains begin at level 0: zero is a valid level, not a missing one.", plain(0, 0), 0, 0);
    add(
        "level-max",
        "Levels are int32: 2147483647 is the maximum, and arithmetic on it must not overflow.",
        plain(MAX, 0),
        MAX,
        0,
    );
    add(
        "round-max",
        "Rounds are int32: 2147483647 is the maximum, and arithmetic on it must not overflow.",
        plain(1331, MAX),
        1331,
        MAX,
    );
    add(
        "seed-nonce",
        "About every 192nd block commits to a seed nonce: 32 more bytes (block_header_repr.ml, contents_encoding).",
        Block { protocol_data: protocol_data(0x5a, Some(0xcd)), ..plain(1331, 0) },
        1331,
        0,
    );
    add(
        "seed-nonce-and-locked-round",
        "The longest header of the current protocol has 234 bytes: a signer that expects a shorter one refuses one \
         block in 192.",
        Block {
            protocol_data: protocol_data(0x5a, Some(0xcd)),
            fitness: fitness(1331, Some(1), -1, 3),
            ..plain(1331, 3)
        },
        1331,
        3,
    );
    add(
        "later-protocol",
        "What a future protocol adds at the end of a header does not affect safety: refusing it stops bakers at the \
         upgrade.",
        Block { protocol_data: [protocol_data(0x5a, None), vec![0x01; 10]].concat(), ..plain(1331, 0) },
        1331,
        0,
    );
    add(
        "negative-timestamp",
        "Timestamps are int64 and do not affect safety: only the protocol checks them.",
        Block { timestamp: -1, ..plain(1331, 0) },
        1331,
        0,
    );
    for (name, payload, round) in
        [("octez-sample", OCTEZ_BLOCK, 2), ("octez-sample-locked-round", OCTEZ_LOCKED_BLOCK, 2)]
    {
        let why = "A header encoded by Octez: a signer must decode what Octez sends, not only what this suite encodes.";
        let payload = hex::decode(payload).expect("digits");
        cases.push(decoded(&format!("block/{name}"), why, payload, BAKER, consensus(Kind::Block, 1331, round)));
    }
    for curve in [Curve::Ed25519, Curve::Secp256k1, Curve::Bls] {
        let why = "Headers have the same format for keys of all curves: only votes differ for tz4.";
        let (id, key) = (format!("block/by-{}", curve.name()), format!("baker-{}", curve.name()));
        cases.push(decoded(
            &id,
            why,
            Block { predecessor: 0xb4, ..plain(1332, 0) }.bytes(),
            &key,
            consensus(Kind::Block, 1332, 0),
        ));
    }
    cases
}

/// Level 1331, round 2, no locked round; its BLAKE2b-256 is `bd6bba73…6126`.
const OCTEZ_BLOCK: &str = "117a06a77000000533010e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8000000005e9dcbb00442e9bc4583d4f9fa6ba422733f45d3a44397141a953d2237bf8df62e5046eef700000021000000010200000004000005330000000000000004ffffffff00000004000000024c7319284b55068bb7c4e0b9f8585729db7fb27ab4ca9cff2038a1fc324f650c000000000000000000000000000000000000000000000000000000000000000000000000101895ca000000000002";
/// The same with locked round 1; its BLAKE2b-256 is `5b5fee8e…043a`.
const OCTEZ_LOCKED_BLOCK: &str = "117a06a77000000533010e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8000000005e9dcbb00442e9bc4583d4f9fa6ba422733f45d3a44397141a953d2237bf8df62e5046eef70000002500000001020000000400000533000000040000000100000004ffffffff00000004000000024c7319284b55068bb7c4e0b9f8585729db7fb27ab4ca9cff2038a1fc324f650c000000000000000000000000000000000000000000000000000000000000000000000000101895ca000000000002";

/// Headers truncated within each of their fields.
fn cut_blocks() -> Vec<DecodeCase> {
    let block = Block::new(1331, 2).bytes();
    let fields = [
        ("chain", 1, 4),
        ("level", 5, 4),
        ("protocol-level", 9, 1),
        ("predecessor", 10, 32),
        ("timestamp", 42, 8),
        ("validation-pass", 50, 1),
        ("operations-hash", 51, 32),
        ("fitness-length", 83, 4),
        ("fitness", 87, 33),
        ("context", 120, 32),
        ("protocol-data", 152, 46),
    ];
    let cut = |(name, at, length): (&str, usize, usize)| {
        let why = "A truncated header has other fields than it seems to: octez-signer reads the round from the bytes \
                   at 83 + F.";
        malformed(&format!("block/cut-{name}"), why, block[..at + length - 1].to_vec(), BAKER, "truncated", at)
    };
    fields.into_iter().map(cut).collect()
}

fn wrong_blocks() -> Vec<DecodeCase> {
    let plain = || Block::new(1331, 2);
    let element = |index: usize, value: &[u8]| {
        let mut block = plain();
        block.fitness[index] = value.to_vec();
        block.bytes()
    };
    let sized_fitness = |length: u32| {
        let mut bytes = plain().bytes();
        bytes[83..87].copy_from_slice(&length.to_be_bytes());
        bytes
    };
    let elements = |fitness: Vec<Vec<u8>>| Block { fitness, ..plain() }.bytes();
    let all = fitness(1331, None, -1, 2);
    let mut cases = Vec::new();
    for (name, why, payload, problem, at) in [
        (
            "negative-level",
            "A negative level is below every mark or, read as unsigned, above all of them: the key would be blocked \
             for good.",
            Block::new(-1, 0).bytes(),
            "negative",
            5,
        ),
        (
            "negative-round",
            "A negative round, read as unsigned, is above every other: a second block at the level would be signed.",
            element(4, &(-1_i32).to_be_bytes()),
            "negative",
            116,
        ),
        (
            "negative-locked-round",
            "Rounds are never negative: no baker produces such a header.",
            elements(fitness(1331, Some(-1), -1, 2)),
            "negative",
            104,
        ),
        (
            "predecessor-round-not-inverted",
            "The predecessor's round is encoded as a negative number (fitness_repr.ml): a positive one belongs to \
             another format.",
            element(3, &0_i32.to_be_bytes()),
            "wrong_value",
            108,
        ),
        (
            "emmy-fitness",
            "Version 1 is Emmy's fitness, which has other elements: its last four bytes are not a round.",
            element(0, &[1]),
            "wrong_value",
            91,
        ),
        (
            "version-of-tomorrow",
            "Version 3 would be another format, in which the position of the round is unknown: no block is better \
             than two.",
            element(0, &[3]),
            "wrong_value",
            91,
        ),
        (
            "levels-differ",
            "The fitness repeats the level: if the two differ, the header fits no chain, and one of them is wrong.",
            element(1, &1332_i32.to_be_bytes()),
            "levels_differ",
            96,
        ),
        (
            "locked-round-of-three-bytes",
            "A locked round has four bytes or none: with three, everything after it would be read from the wrong \
             offset.",
            element(2, &[0; 3]),
            "wrong_value",
            100,
        ),
        (
            "version-of-no-bytes",
            "An empty version would make a fitness of any length ambiguous.",
            element(0, &[]),
            "wrong_value",
            87,
        ),
        (
            "level-of-three-bytes",
            "A level has four bytes: with three, everything after it would be read from the wrong offset.",
            element(1, &[0x05, 0x33, 0x00]),
            "wrong_value",
            92,
        ),
        (
            "round-of-two-bytes",
            "octez-signer takes the last four bytes of the fitness as the round: here they include part of a length.",
            element(4, &[0x00, 0x02]),
            "wrong_value",
            112,
        ),
        (
            "round-of-five-bytes",
            "The last four bytes are not the whole round: 4294967298 would be read as 2.",
            element(4, &[1, 0, 0, 0, 2]),
            "too_long",
            112,
        ),
        (
            "no-round",
            "Without the fifth element, the last four bytes are the predecessor's round.",
            elements(all[..4].to_vec()),
            "truncated",
            112,
        ),
        (
            "sixth-element",
            "With a sixth element, the last four bytes are not the round.",
            elements([all.clone(), vec![Vec::new()]].concat()),
            "trailing_bytes",
            120,
        ),
        (
            "no-fitness",
            "A header without a fitness has no round: read as round 0, it would be a block that nobody proposed.",
            elements(Vec::new()),
            "truncated",
            87,
        ),
        (
            "fitness-of-38-bytes",
            "Tenderbake's fitness never exceeds 37 bytes: in a longer one, the sender chooses where the round is read.",
            sized_fitness(38),
            "too_long",
            83,
        ),
        (
            "fitness-of-4-gib",
            "A length comes from the sender: adding it to an offset may overflow, and allocating it may crash.",
            sized_fitness(u32::MAX),
            "too_long",
            83,
        ),
        (
            "fitness-shorter-than-its-elements",
            "The list ends within its last element: reading on would take the context for the round.",
            sized_fitness(32),
            "truncated",
            116,
        ),
        (
            "much-protocol-data",
            "No header has more than a hundred bytes here; a kibibyte could hide another payload.",
            Block { protocol_data: vec![0x01; 1025], ..plain() }.bytes(),
            "too_long",
            152,
        ),
    ] {
        cases.push(malformed(&format!("block/{name}"), why, payload, BAKER, problem, at));
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digests_of_octez_samples_are_known() {
        let cases = cases();
        for (id, digest) in [
            ("decode/block/octez-sample", "bd6bba73972e0f9ef6ceb0b4e7d742ae04a0921b19b4bd2e8ce0f61d06537126"),
            (
                "decode/block/octez-sample-locked-round",
                "5b5fee8e4d8e8ec2cff7bdc3e502b61e12ee388e1ea1654aa3ecccc7f4b7043a",
            ),
        ] {
            let case = cases.iter().find(|case| case.id == id).unwrap();
            assert_eq!(hex::encode(&case.digest.0), digest);
        }
    }
}

//! Payloads of votes, valid and malformed.

use super::decoding::{consensus, decoded, malformed};
use crate::case::DecodeCase;
use crate::crypto::Curve;
use crate::payload::consensus::{Kind, Vote};

pub(super) fn cases() -> Vec<DecodeCase> {
    [votes(), cut_votes(), wrong_votes()].concat()
}

const BAKER: &str = "baker-p256";
const BLS_BAKER: &str = "baker-bls";
const MAX: i32 = i32::MAX;

/// The five formats of votes: name, a vote, its kind, and a key that signs it.
fn forms() -> [(&'static str, Vote, Kind, &'static str); 5] {
    let (before, vote) = (Kind::Preattestation, Kind::Attestation);
    let of = |kind, curve| Vote::new(kind, curve, 1331, 0);
    [
        ("preattestation", of(before, Curve::P256), before, BAKER),
        ("attestation", of(vote, Curve::P256), vote, BAKER),
        ("attestation-dal", of(vote, Curve::P256).with_dal(2048), vote, BAKER),
        ("preattestation-bls", of(before, Curve::Bls), before, BLS_BAKER),
        ("attestation-bls", of(vote, Curve::Bls), vote, BLS_BAKER),
    ]
}

fn votes() -> Vec<DecodeCase> {
    let mut cases = Vec::new();
    for (form, vote, kind, key) in forms() {
        for (name, why, level, round) in [
            (
                "plain",
                "A typical vote, as at every level (operation_repr.ml, consensus_content_encoding and Bls_mode).",
                1331,
                0,
            ),
            (
                "round",
                "Level and round are two bytes earlier for tz4, which has no slot: at the other offset, they would be \
                 wrong.",
                1331,
                3,
            ),
            ("level-zero", "Test chains begin at level 0: zero is a valid level, not a missing one.", 0, 0),
            (
                "level-max",
                "Levels are int32: 2147483647 is the maximum, and arithmetic on it must not overflow.",
                MAX,
                0,
            ),
            (
                "round-max",
                "Rounds are int32: 2147483647 is the maximum, and arithmetic on it must not overflow.",
                1331,
                MAX,
            ),
        ] {
            let payload = Vote { level, round, ..vote.clone() }.bytes();
            cases.push(decoded(&format!("{form}/{name}"), why, payload, key, consensus(kind, level, round)));
        }
    }
    let dal = || Vote::new(Kind::Attestation, Curve::P256, 1331, 0);
    for (name, why, bits) in [
        ("no-slots", "A baker without shards to attest sends an empty set: the number 0, one byte.", 0),
        (
            "one-slot",
            "Slot 0 alone is the number 1, which must not be taken for the presence byte of an optional field.",
            1,
        ),
        ("six-bits", "63 is the largest number of one byte, since the first byte includes a sign bit.", 63),
        (
            "seven-bits",
            "64 is the smallest number of two bytes: a decoder that reads seven bits from the first byte sees the \
             vote end too early.",
            64,
        ),
        (
            "many-slots",
            "Ushuaia has 160 slots and five lags (dal_attestations_repr.mli): the number can be long.",
            i64::MAX,
        ),
    ] {
        let id = format!("attestation-dal/{name}");
        cases.push(decoded(&id, why, dal().with_dal(bits).bytes(), BAKER, consensus(Kind::Attestation, 1331, 0)));
    }
    for (name, slot) in [("slot-zero", 0), ("slot-max", u16::MAX)] {
        let why = "The slot is a uint16 and does not affect safety: it must not be taken for part of the level.";
        let payload = Vote { slot, ..dal() }.bytes();
        cases.push(decoded(&format!("attestation/{name}"), why, payload, BAKER, consensus(Kind::Attestation, 1331, 0)));
    }
    for (curve, octez) in [(Curve::P256, OCTEZ_VOTE), (Curve::Bls, OCTEZ_BLS_VOTE)] {
        let why = "A vote encoded by Octez, from its samples: a signer must decode what Octez sends, not only what this \
             suite encodes.";
        let id = format!("attestation/octez-sample-{}", curve.name());
        let payload = hex::decode(octez).expect("digits");
        let key = format!("baker-{}", curve.name());
        cases.push(decoded(&id, why, payload, &key, consensus(Kind::Attestation, 1331, 0)));
    }
    for curve in [Curve::Ed25519, Curve::Secp256k1] {
        for kind in [Kind::Preattestation, Kind::Attestation] {
            let why = "tz1 and tz2 keys sign votes with a slot, like tz3 keys: only tz4 has another format.";
            let payload = Vote::new(kind, curve, 1332, 0).bytes();
            let (id, key) = (format!("{}/by-{}", kind.name(), curve.name()), format!("baker-{}", curve.name()));
            cases.push(decoded(&id, why, payload, &key, consensus(kind, 1332, 0)));
        }
    }
    cases
}

const OCTEZ_VOTE: &str = "137a06a7700e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a815000000000533000000000000000000000000000000000000000000000000000000000000000000000000";
const OCTEZ_BLS_VOTE: &str = "137a06a7700e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a82900000533000000000000000000000000000000000000000000000000000000000000000000000000";

/// Votes truncated within each of their fields.
fn cut_votes() -> Vec<DecodeCase> {
    const WITH_SLOT: [(&str, usize, usize); 7] = [
        ("chain", 1, 4),
        ("branch", 5, 32),
        ("tag", 37, 1),
        ("slot", 38, 2),
        ("level", 40, 4),
        ("round", 44, 4),
        ("payload-hash", 48, 32),
    ];
    const WITHOUT_SLOT: [(&str, usize, usize); 6] = [
        ("chain", 1, 4),
        ("branch", 5, 32),
        ("tag", 37, 1),
        ("level", 38, 4),
        ("round", 42, 4),
        ("payload-hash", 46, 32),
    ];
    let mut cases = Vec::new();
    for (form, vote, _, key) in forms() {
        let has_slot = key == BAKER;
        for (name, at, length) in if has_slot { WITH_SLOT.as_slice() } else { &WITHOUT_SLOT } {
            // Up to the tag, the formats are the same.
            if *at < 38 && matches!(form, "attestation-dal") {
                continue;
            }
            let why = "A truncated vote names no block: the signed bytes would not be a vote, or would be another one.";
            let payload = vote.bytes()[..at + length - 1].to_vec();
            cases.push(malformed(&format!("{form}/cut-{name}"), why, payload, key, "truncated", *at));
        }
    }
    cases
}

fn wrong_votes() -> Vec<DecodeCase> {
    let mut cases = Vec::new();
    for (form, vote, _, key) in forms() {
        let level_at = if key == BAKER { 40 } else { 38 };
        for (name, why, payload, problem, at) in [
            (
                "negative-level",
                "A negative level is below every mark or, read as unsigned, above all of them: the key would be \
                 blocked for good.",
                Vote { level: -1, ..vote.clone() }.bytes(),
                "negative",
                level_at,
            ),
            (
                "negative-round",
                "A negative round, read as unsigned, is above every other: a second vote at the level would be signed.",
                Vote { round: i32::MIN, ..vote.clone() }.bytes(),
                "negative",
                level_at + 4,
            ),
            (
                "trailing-byte",
                "Votes end with their last field: with more bytes, the digest differs, but not the vote that a \
                 lenient decoder sees.",
                [vote.bytes(), vec![0x00]].concat(),
                "trailing_bytes",
                vote.bytes().len(),
            ),
        ] {
            cases.push(malformed(&format!("{form}/{name}"), why, payload, key, problem, at));
        }
    }
    cases.extend(wrong_tags());
    let dal = Vote::new(Kind::Attestation, Curve::P256, 1331, 0).with_dal(0).bytes();
    let bits = |bits: &[u8]| [&dal[..80], bits].concat();
    for (name, why, payload, problem) in [
        (
            "no-content",
            "Tag 23 requires DAL content: without it, this is an attestation with the wrong tag.",
            bits(&[]),
            "truncated",
        ),
        (
            "endless-content",
            "The last byte says that more follow: a reader that goes on leaves the payload.",
            bits(&[0x80]),
            "endless_number",
        ),
        (
            "very-long-content",
            "No baker sends a number of thousands of bytes; it must not be read into a machine integer, either.",
            bits(&[0x80; 2000]),
            "endless_number",
        ),
    ] {
        cases.push(malformed(&format!("attestation-dal/{name}"), why, payload, BAKER, problem, 80));
    }
    let why =
        "data-encoding rejects a superfluous zero byte (binary_reader.ml): two encodings of a number are two digests.";
    cases.push(malformed("attestation-dal/overlong-content", why, bits(&[0x80, 0x00]), BAKER, "overlong_number", 81));
    cases
}

fn wrong_tags() -> Vec<DecodeCase> {
    let vote = |watermark, tag, curve| Vote { watermark, tag, ..Vote::new(Kind::Attestation, curve, 1331, 0) }.bytes();
    let mut cases = Vec::new();
    for (watermark, name, tags) in [
        (0x12, "preattestation", [0_u8, 17, 19, 21, 22, 23, 24, 30, 31, 41, 255].as_slice()),
        (0x13, "attestation", &[0, 17, 20, 22, 24, 30, 31, 40, 255]),
    ] {
        for tag in tags {
            let why = match tag {
                21 | 23 | 41 | 20 | 40 => {
                    "The tag belongs to the other kind of vote: signed with this watermark, it would use the mark of \
                     one kind for a vote of the other (operation_repr.ml, to_watermark)."
                }
                30 | 31 => {
                    "Aggregates are assembled by the block's producer and never signed by a key (operation_repr.ml, \
                     tags 30 and 31)."
                }
                _ => "The tag is not a vote's: the position of level and round is unknown.",
            };
            let curve = if matches!(tag, 40 | 41) { Curve::Bls } else { Curve::P256 };
            let key = format!("baker-{}", curve.name());
            let payload = vote(watermark, *tag, curve);
            cases.push(malformed(&format!("{name}/tag-{tag}"), why, payload, &key, "tag_of_other_kind", 37));
        }
    }
    for (name, watermark, tags, curve) in [
        ("preattestation", 0x12, [20_u8].as_slice(), Curve::Bls),
        ("attestation", 0x13, &[21, 23], Curve::Bls),
        ("preattestation", 0x12, &[40], Curve::Ed25519),
        ("attestation", 0x13, &[41], Curve::Ed25519),
        ("preattestation", 0x12, &[40], Curve::Secp256k1),
        ("attestation", 0x13, &[41], Curve::Secp256k1),
        ("preattestation", 0x12, &[40], Curve::P256),
        ("attestation", 0x13, &[41], Curve::P256),
    ] {
        for tag in tags {
            let why = "octez-signer locates the level by the curve of the key, not by the tag (handler.ml): a vote in \
                       the format of another curve is read two bytes off, and its mark has another level.";
            let (id, key) = (format!("{name}/tag-{tag}-by-{}", curve.name()), format!("baker-{}", curve.name()));
            let form = if matches!(tag, 40 | 41) { Curve::Bls } else { Curve::P256 };
            cases.push(malformed(&id, why, vote(watermark, *tag, form), &key, "tag_of_other_curve", 37));
        }
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_equal_octez_s() {
        let sample = Vote { branch: 0, payload_hash: 0, slot: 0, ..Vote::new(Kind::Attestation, Curve::P256, 1331, 0) };
        let mut octez = hex::decode(OCTEZ_VOTE).unwrap();
        octez[5..37].fill(0);
        assert_eq!(sample.bytes(), octez);
    }
}

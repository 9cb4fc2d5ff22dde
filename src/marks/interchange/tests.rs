//! Files as octez-signer, Signatory and this program write them.

use super::*;
use crate::tezos::payload::NonNegative;
use Kind::{Attestation, Block, Preattestation};

const CHAIN: &str = "NetXdQprcVkpaWU";
const KEY: &str = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t";
const OTHER_KEY: &str = "tz1cG2jx3W4bZFeVGBjsTxUAG8tdpTXtE8PT";
const DIGEST: &str = "bd6bba73972e0f9ef6ceb0b4e7d742ae04a0921b19b4bd2e8ce0f61d06537126";
/// [`DIGEST`], as Signatory writes it.
const HASH: &str = "vh37YcaoWeWdyzuafhceCXtvUvvup4uefKFgSyFSw1vUXL16ifDA";

/// A kind, a level, a round (`None` is all rounds), and whether the digest is kept.
type Expected = (Kind, u32, Option<u32>, bool);

fn read(name: &str, text: &str) -> Result<Vec<RaiseTarget>, InterchangeError> {
    parse(text, Hints::default().or_from_name(Path::new(name)))
}

/// Description, file name, text, and the marks in it.
type Row<'a> = (&'a str, &'a str, String, &'a [Expected]);

#[test]
fn files_of_octez_signer_are_read() {
    assert_are_read(&[
        (
            "octez-signer",
            "attestation_high_watermarks",
            format!(r#"{{ "{CHAIN}": {{ "{KEY}": {{ "level": 100, "round": 2, "hash": "{DIGEST}" }} }} }}"#),
            &[(Attestation, 100, Some(2), true)],
        ),
        (
            "octez-signer, before endorsements were renamed",
            "preendorsement_high_watermarks",
            format!(r#"{{ "{CHAIN}": {{ "{KEY}": {{ "level": 100, "round": 0, "hash": "{DIGEST}" }} }} }}"#),
            &[(Preattestation, 100, Some(0), true)],
        ),
        (
            "octez-signer, before Tenderbake",
            "block_high_watermarks",
            format!(r#"{{ "{CHAIN}": {{ "{KEY}": {{ "level": 100, "hash": "{DIGEST}" }} }} }}"#),
            &[(Block, 100, None, false)],
        ),
    ]);
}

#[test]
fn files_of_signatory_are_read() {
    assert_are_read(&[
        (
            "Signatory, with DAL attestations",
            "NetXdQprcVkpaWU.json",
            format!(
                r#"{{
    "{KEY}": {{
        "attestation": {{
            "level": 100,
            "round": 1,
            "hash": "{HASH}"
        }},
        "attestation_with_dal": {{
            "level": 101,
            "round": 0,
            "hash": "{HASH}"
        }},
        "preattestation": {{
            "level": 101,
            "round": 0,
            "hash": null
        }}
    }}
}}"#
            ),
            &[
                (Attestation, 100, Some(1), true),
                (Attestation, 101, Some(0), true),
                (Preattestation, 101, Some(0), false),
            ],
        ),
        (
            "Signatory: the payload's round of a block",
            "NetXdQprcVkpaWU.json",
            format!(r#"{{"{KEY}": {{"block": {{"level": 100, "round": 0, "hash": "{HASH}"}}}}}}"#),
            &[(Block, 100, None, false)],
        ),
        (
            "Signatory, without a round",
            "NetXdQprcVkpaWU.json",
            format!(r#"{{"{KEY}": {{"endorsement": {{"level": 100, "round": null, "hash": "{HASH}"}}}}}}"#),
            &[(Attestation, 100, None, false)],
        ),
        (
            "Signatory's watermark_v1, a block",
            "NetXdQprcVkpaWU.json",
            format!(r#"{{"{KEY}": {{"level": 100, "round": 1, "order": 0, "hash": "{HASH}"}}}}"#),
            &[(Block, 100, None, false), (Preattestation, 100, Some(1), false), (Attestation, 100, Some(1), false)],
        ),
        (
            "Signatory's watermark_v1, a preattestation",
            "NetXdQprcVkpaWU.json",
            format!(r#"{{"{KEY}": {{"level": 100, "round": 1, "order": 1, "hash": "{HASH}"}}}}"#),
            &[(Block, 100, None, false), (Preattestation, 100, Some(1), true), (Attestation, 100, Some(1), false)],
        ),
        (
            "Signatory's watermark_v1, an attestation; beta releases nested it in the chain, without a hash",
            "watermark_v1/NetXdQprcVkpaWU.json",
            format!(r#"{{"{CHAIN}": {{"{KEY}": {{"level": 100, "round": 1, "order": 2}}}}}}"#),
            &[(Block, 100, None, false), (Preattestation, 100, Some(1), false), (Attestation, 100, Some(1), false)],
        ),
        (
            "Signatory's watermark, which omits round 0",
            "watermark/NetXdQprcVkpaWU.json",
            format!(
                r#"{{"block": {{"{KEY}": {{"round": 3, "level": 100, "hash": "{HASH}"}}}},
                     "endorsement": {{"{KEY}": {{"level": 100, "hash": "{HASH}"}}}},
                     "preendorsement": {{"{KEY}": {{"round": 2, "level": 99, "hash": "{HASH}"}}}}}}"#
            ),
            &[(Block, 100, None, false), (Attestation, 100, None, false), (Preattestation, 99, Some(2), true)],
        ),
    ]);
}

fn assert_are_read(table: &[Row]) {
    for (what, name, text, expected) in table {
        let marks = read(name, text).unwrap_or_else(|error| panic!("{what}: {error}"));
        let found: Vec<Expected> = marks
            .iter()
            .map(|mark| {
                assert_eq!((mark.id.chain.to_string(), mark.id.key.to_string()), (CHAIN.to_owned(), KEY.to_owned()));
                assert!(mark.digest.is_none_or(|digest| digest.to_string() == DIGEST), "{what}");
                let round = mark.position.round;
                let round = (round != NonNegative::MAX).then_some(round.get());
                (mark.id.kind, mark.position.level.get(), round, mark.digest.is_some())
            })
            .collect();
        for mark in *expected {
            assert!(found.contains(mark), "{what}: {mark:?} is not among {found:?}");
        }
        assert_eq!(found.len(), expected.len(), "{what}: {found:?}");
    }
}

#[test]
fn invalid_files_are_refused_with_the_location() {
    for (name, text, location, expected) in [
        (
            "NetXdQprcVkpaWU.json",
            format!(r#"{{"{KEY}": {{"attestation": [5, 1]}}}}"#),
            "/attestation",
            "expected a JSON object",
        ),
        ("NetXdQprcVkpaWU.json", format!(r#"{{"{KEY}": {{"level": 5, "round": 1, "order": 3}}}}"#), KEY, "order is 3"),
        (
            "NetXdQprcVkpaWU.json",
            format!(r#"{{"{KEY}": {{"generic": {{"level": 5}}}}}}"#),
            "/generic",
            "'generic' is not a kind",
        ),
        (
            "NetXdQprcVkpaWU.json",
            format!(r#"{{"block": {{"{OTHER_KEY}": {{"round": 5}}}}}}"#),
            OTHER_KEY,
            "missing field `level`",
        ),
        ("marks.json", format!(r#"{{"block": {{"{KEY}": {{"level": 5}}}}}}"#), "block", "set it with --chain"),
        (
            "marks.json",
            format!(
                r#"{{"format": "azurehsm-signer marks", "version": 1, "marks": [["{CHAIN}", "{KEY}", "attestation", 7, 2]]}}"#
            ),
            "marks[0]",
            "expected a JSON object",
        ),
        (
            "marks.json",
            format!(
                r#"{{"format": "azurehsm-signer marks", "version": 1,
                     "marks": [{{"chain": "{CHAIN}", "key": "{KEY}", "kind": "block", "level": 7}}]}}"#
            ),
            "marks",
            "missing field `round`",
        ),
    ] {
        let error = read(name, &text).unwrap_err().to_string();
        let (at, reason) = error.split_once(": ").unwrap();
        assert!(at.ends_with(location) && reason.contains(expected), "{text}: {error}");
    }
}

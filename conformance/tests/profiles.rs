//! The consequences of cases, and what profiles leave out.

#![cfg(test)]

use conformance::case::{Consequence, Feature, Step};
use conformance::profile::PROFILES;
use conformance::tables::suite;
use std::collections::{BTreeMap, BTreeSet};

struct Case {
    id: String,
    consequence: Consequence,
    features: Vec<Feature>,
    /// Whether it is about blocks or votes.
    is_consensus: bool,
}

/// All cases that a profile may leave out.
fn cases() -> Vec<Case> {
    let suite = suite();
    let is_consensus = |payload: &[u8]| matches!(payload.first(), Some(0x11..=0x13));
    let steps = suite.sequences.cases.into_iter().chain(suite.policy.cases).map(|case| Case {
        is_consensus: case.signs().iter().any(|sign| is_consensus(&sign.payload.0)),
        id: case.id,
        consequence: case.consequence,
        features: case.features,
    });
    let decode = suite.decode.cases.into_iter().map(|case| Case {
        is_consensus: is_consensus(&case.payload.0),
        id: case.id,
        consequence: case.consequence,
        features: case.features,
    });
    let http = suite.http.cases.into_iter().map(|case| Case {
        is_consensus: true,
        id: case.id,
        consequence: case.consequence,
        features: case.features,
    });
    steps.chain(decode).chain(http).collect()
}

/// Cases about slashing by blocks and votes that a profile leaves out nevertheless, and why that hides nothing.
const EXCEPTIONS: [(&str, &str, &str); 2] = [
    ("octez", "policy/attester/", "kinds are restricted by a setting of the process, so no key has its own"),
    ("octez", "policy/bound/", "each chain has its own marks, so signing on two chains is not slashed"),
];

#[test]
fn no_profile_leaves_out_slashing() {
    let cases = cases();
    for profile in PROFILES {
        for case in &cases {
            let is_grave = case.consequence == Consequence::Slashing && case.is_consensus;
            if is_grave && profile.lack_of(&case.features).is_some() {
                let mut exceptions = EXCEPTIONS.iter();
                let is_known = exceptions.any(|(name, ids, _)| *name == profile.name && case.id.starts_with(ids));
                assert!(is_known, "{} leaves out {}", profile.name, case.id);
            }
        }
    }
}

#[test]
fn profiles_leave_out_the_features_that_they_list() {
    let cases = cases();
    let left_out = |name: &str| -> BTreeMap<Feature, usize> {
        let profile = PROFILES.into_iter().find(|profile| profile.name == name).unwrap();
        let mut counts = BTreeMap::new();
        for lack in cases.iter().filter_map(|case| profile.lack_of(&case.features)) {
            *counts.entry(lack.feature).or_default() += 1;
        }
        counts
    };
    assert_eq!(left_out("azurehsm-signer"), BTreeMap::new());
    for profile in PROFILES {
        let lacks: BTreeSet<_> = profile.lacks.iter().map(|lack| lack.feature).collect();
        assert_eq!(lacks.len(), profile.lacks.len(), "{} names a feature twice", profile.name);
        assert!(left_out(profile.name).keys().all(|feature| lacks.contains(feature)));
        for lack in profile.lacks {
            let of_feature = cases.iter().filter(|case| case.features.contains(&lack.feature));
            assert!(of_feature.count() > 0, "no case needs {}", lack.feature);
            assert!(lack.reason.len() > 20, "{}: {}", profile.name, lack.feature);
        }
    }
}

#[test]
fn consequences_follow_the_readme() {
    let suite = suite();
    let mut consequences: BTreeMap<String, Consequence> = BTreeMap::new();
    consequences.extend(suite.keys.cases.iter().map(|case| (case.id().to_owned(), case.consequence())));
    consequences.extend(suite.signatures.cases.into_iter().map(|case| (case.id, case.consequence)));
    consequences.extend(cases().into_iter().map(|case| (case.id, case.consequence)));
    for (id, expected) in [
        ("sequence/block/p256/repeat", Consequence::Slashing),
        ("sequence/attestation/p256/repeat", Consequence::LostSlot),
        ("sequence/attestation/p256/conflict", Consequence::Slashing),
        ("sequence/block/bls/hedge", Consequence::Slashing),
        ("sequence/attestation/bls/hedge", Consequence::LostSlot),
        ("sequence/preattestation/ed25519/race", Consequence::Slashing),
        ("sequence/block/p256/far-future", Consequence::LostSlot),
        ("sequence/kinds/p256/one-level", Consequence::LostSlot),
        ("decode/block/plain", Consequence::LostSlot),
        ("decode/attestation/negative-level", Consequence::LostSlot),
        ("decode/attestation/trailing-byte", Consequence::Cosmetic),
        ("decode/attestation/tag-24", Consequence::Slashing),
        ("decode/operation/unknown-tag-7", Consequence::Slashing),
        ("decode/operation/fee-overlong", Consequence::Cosmetic),
        ("decode/block/levels-differ", Consequence::Slashing),
        ("decode/watermark/authenticated-request", Consequence::Slashing),
        ("policy/baker/transaction", Consequence::Slashing),
        ("policy/staker/stake", Consequence::LostSlot),
        ("policy/prover/possession-about-p256", Consequence::Cosmetic),
        ("signature/request/ed25519/valid", Consequence::LostSlot),
        ("http/body/object", Consequence::Cosmetic),
        ("http/key/unknown-signs", Consequence::Slashing),
        ("http/authentication/missing", Consequence::Slashing),
        ("http/framing/chunked", Consequence::LostSlot),
    ] {
        assert_eq!(consequences.get(id), Some(&expected), "{id}");
    }
}

#[test]
fn a_step_that_must_be_refused_is_never_cosmetic() {
    let suite = suite();
    let cosmetic = suite.sequences.cases.iter().filter(|case| case.consequence == Consequence::Cosmetic);
    assert_eq!(cosmetic.count(), 0);
    let proves = |case: &&conformance::case::StepsCase| case.steps.iter().any(|step| matches!(step, Step::Prove(_)));
    let cosmetic: Vec<_> = suite.policy.cases.iter().filter(|case| case.consequence == Consequence::Cosmetic).collect();
    assert!(cosmetic.iter().all(proves), "a policy violation is never cosmetic");
}

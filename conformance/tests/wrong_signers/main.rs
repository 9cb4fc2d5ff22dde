//! Signers with deliberate faults: each must differ in exactly the cases that are there for its fault.

#![cfg(test)]

mod stub;

use conformance::case::{Released, Step, Verdict};
use conformance::run::{Client, Options, Outcome, Pattern, run};
use conformance::tables::{Suite, suite};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use stub::{Fault, Stub};

/// The ids of the cases that differ for a signer with this fault.
fn differing(suite: &Suite, fault: Fault, only: &[&str]) -> BTreeSet<String> {
    let stub = Stub::start(fault);
    let client = Client::new(&format!("http://{}", stub.address), &[]).unwrap();
    let only = only.iter().map(|pattern| pattern.parse().unwrap()).collect();
    let options = Options { only, ..Options::of(client) };
    let reports = run(suite, &options, |_| {}).unwrap();
    assert!(reports.iter().any(|report| !matches!(report.outcome, Outcome::NotRun { .. })));
    let differing = reports.into_iter().filter(|report| matches!(report.outcome, Outcome::Differs { .. }));
    differing.map(|report| report.id).collect()
}

/// The ids of sequences that need just one signer and match one of these patterns. Each pattern must match some.
fn sequences(suite: &Suite, patterns: &[&str]) -> BTreeSet<String> {
    let one_signer: Vec<_> = suite.sequences.cases.iter().filter(|case| case.needs.is_empty()).collect();
    let mut ids = BTreeSet::new();
    for text in patterns {
        let pattern: Pattern = text.parse().unwrap();
        let matching: Vec<_> = one_signer.iter().filter(|case| pattern.matches(&case.id)).collect();
        assert!(!matching.is_empty(), "{text}");
        ids.extend(matching.into_iter().map(|case| case.id.clone()));
    }
    ids
}

#[track_caller]
fn assert_same(came: &BTreeSet<String>, expected: &BTreeSet<String>, fault: Fault) {
    let too_many: Vec<_> = came.difference(expected).collect();
    let too_few: Vec<_> = expected.difference(came).collect();
    assert!(too_many.is_empty() && too_few.is_empty(), "{fault:?}: unexpected {too_many:?}, missed {too_few:?}");
}

#[test]
fn each_fault_shows_in_exactly_its_cases() {
    let suite = suite();
    let table: [(Fault, &[&str]); 8] = [
        (Fault::None, &[]),
        (
            Fault::SignsEverything,
            &[
                "*/lower-*",
                "*/conflict*",
                "*/old-repeat",
                "*/refusals-raise-nothing",
                "*/malformed-raises-nothing",
                "*/other-chain",
                "*/other-key",
                "*/race",
                "*/level-zero",
                "*/level-max",
                "*/round-max",
                "*/far-future",
                "*/each-conflict",
                "*/dal-after-plain",
                "*/plain-after-dal",
                "*/other-dal-content",
                "*/dal-next-round",
                "*/version-zero",
                "*/version-conflict",
            ],
        ),
        (
            Fault::FreshSignatureOfBlocks,
            &[
                "sequence/block/p256/repeat",
                "sequence/block/secp256k1/repeat",
                "sequence/block/p256/conflict*",
                "sequence/block/secp256k1/conflict*",
                "sequence/block/p256/hedge",
                "sequence/block/secp256k1/hedge",
                "sequence/block/p256/race",
                "sequence/block/secp256k1/race",
                "sequence/block/p256/level-zero",
                "sequence/kinds/p256/any-order",
                "sequence/kinds/secp256k1/any-order",
            ],
        ),
        (Fault::MarkOfTag, &["*/dal-after-plain", "*/plain-after-dal"]),
        (Fault::HighS, &["sequence/*/secp256k1/*"]),
        (
            Fault::IgnoresRounds,
            &[
                "*/lower-round",
                "*/conflict*",
                "*/refusals-raise-nothing",
                "*/race",
                "*/other-key",
                "*/level-zero",
                "*/level-max",
                "*/round-max",
                "*/each-conflict",
                "*/dal-after-plain",
                "*/plain-after-dal",
                "*/other-dal-content",
                "*/dal-next-round",
            ],
        ),
        (Fault::ExtraField, &["sequence"]),
        (Fault::Garbage, &["sequence"]),
    ];
    for (fault, patterns) in table {
        let expected = sequences(&suite, patterns);
        assert_same(&differing(&suite, fault, &["sequence"]), &expected, fault);
    }
}

#[test]
fn a_signer_that_refuses_everything_fails_where_a_signature_is_required() {
    let suite = suite();
    let must_sign = |steps: &[Step]| {
        steps.iter().any(|step| match step {
            Step::Sign(sign) => sign.verdict == Verdict::Signed,
            Step::Together(_) => true,
            Step::Prove(_) | Step::Restart(_) => false,
        })
    };
    let mut expected: BTreeSet<String> = suite
        .sequences
        .cases
        .iter()
        .filter(|case| case.needs.is_empty() && must_sign(&case.steps))
        .map(|case| case.id.clone())
        .collect();
    expected
        .extend(suite.decode.cases.iter().filter(|case| case.verdict == Verdict::Signed).map(|case| case.id.clone()));
    let came = differing(&suite, Fault::RefusesEverything, &["sequence", "decode", "keys/derive"]);
    assert_same(&came, &expected, Fault::RefusesEverything);
}

#[test]
fn a_signer_that_signs_everything_fails_where_a_refusal_is_required() {
    let suite = suite();
    let mut expected: BTreeSet<String> =
        suite.decode.cases.iter().filter(|case| case.verdict == Verdict::Refused).map(|case| case.id.clone()).collect();
    let is_refused = |step: &Step| matches!(step, Step::Sign(sign) if sign.verdict == Verdict::Refused);
    expected
        .extend(suite.policy.cases.iter().filter(|case| case.steps.iter().any(is_refused)).map(|case| case.id.clone()));
    let came = differing(&suite, Fault::SignsEverything, &["decode", "policy/*/t*", "policy/*/d*"]);
    expected.retain(|id| {
        ["decode", "policy/*/t*", "policy/*/d*"].iter().any(|only| only.parse::<Pattern>().unwrap().matches(id))
    });
    assert_same(&came, &expected, Fault::SignsEverything);
}

/// Without chains, all cases share their marks, and each affects the next. So each runs alone.
#[test]
fn a_signer_with_one_mark_for_all_chains_refuses_the_other_chain() {
    let suite = suite();
    for id in ["sequence/attestation/p256/other-chain", "sequence/block/bls/other-chain"] {
        assert_same(&differing(&suite, Fault::IgnoresChains, &[id]), &sequences(&suite, &[id]), Fault::IgnoresChains);
    }
}

#[test]
fn a_signer_that_checks_and_then_writes_loses_the_race() {
    let suite = suite();
    let came = differing(&suite, Fault::ChecksThenWrites, &["sequence/*/p256/race", "sequence/*/p256/conflict"]);
    assert_same(&came, &sequences(&suite, &["sequence/*/p256/race"]), Fault::ChecksThenWrites);
    assert_eq!(suite.sequences.cases.iter().filter(|case| case.id.ends_with("p256/race")).count(), 3);
    let is_one_payload =
        |step: &Step| matches!(step, Step::Together(together) if together.released == Released::OnePayload);
    assert!(suite.sequences.cases.iter().any(|case| case.steps.iter().any(is_one_payload)));
}

/// Runs the program against a signer with this fault: the summary line, and the JSON report.
fn report(fault: Fault, arguments: &[&str]) -> (String, Value) {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("report.json");
    let url = format!("http://{}", Stub::start(fault).address);
    let mut command = Command::new(env!("CARGO_BIN_EXE_conformance"));
    let output = command.args(["--url", &url, "--json"]).arg(&json).args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let last = text.lines().last().unwrap_or_else(|| panic!("{output:?}")).to_owned();
    (last, serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap())
}

#[test]
fn the_json_report_is_valid_by_its_schema() {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/report.schema.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(schema).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let only =
        ["--only", "*/p256/*", "--only", "policy/limited/amount", "--only", "http/answer", "--only", "keys/derive"];
    for (fault, more) in [
        (Fault::None, &["--profile", "signatory"][..]),
        (Fault::SignsEverything, &["--profile", "octez"]),
        (Fault::RefusesEverything, &["--strict"]),
    ] {
        let (last, report) = report(fault, &[&only, more].concat());
        if let Some(error) = validator.iter_errors(&report).next() {
            panic!("{fault:?}: {}: {error}", error.instance_path());
        }
        let (counts, classes) = (&report["counts"], report["consequences"].as_object().unwrap());
        for field in ["cases", "passed", "differ", "status", "left_out", "not_run"] {
            let sum: u64 = classes.values().map(|class| class[field].as_u64().unwrap()).sum();
            assert_eq!(Some(sum), counts[field].as_u64(), "{field}");
        }
        let (cases, left_out) = (report["cases"].as_array().unwrap(), counts["left_out"].as_u64().unwrap());
        assert_eq!(counts["cases"].as_u64().unwrap(), cases.len() as u64);
        assert_eq!(report["left_out"].as_array().unwrap().is_empty(), left_out == 0);
        assert_eq!(last.contains("left out by the profile"), left_out > 0, "{last}");
        let slashing = classes["slashing"]["differ"].as_u64().unwrap();
        assert_eq!(slashing > 0, fault == Fault::SignsEverything, "{fault:?}: {last}");
        for spoil in ["version", "counts", "cases"] {
            let mut spoilt = report.clone();
            spoilt.as_object_mut().unwrap().remove(spoil);
            assert!(!validator.is_valid(&spoilt), "{spoil}");
        }
    }
}

#[test]
fn an_unknown_profile_ends_the_run() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_conformance"));
    let output = command.args(["--url", "http://127.0.0.1:1", "--profile", "kiln"]).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("expected one of azurehsm-signer, octez, signatory"), "{text}");
    assert_eq!(output.status.code(), Some(2));
}

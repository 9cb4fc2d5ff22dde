//! A history as the service writes it, and what is done to it.

use super::*;
use crate::marks::MarkVersion;
use crate::tezos::payload::Kind;
use crate::tezos::{BlsScheme, Curve, Digest, SecretKey};

const CHAIN: &str = "NetXdQprcVkpaWU";

/// Versions 1 to 6 of the mark of a key for blocks, one at each level, with the public key.
fn history(curve: Curve) -> (Vec<MarkVersion>, PublicKey) {
    let secret = SecretKey::generate(curve).unwrap();
    let key = secret.public_key().clone();
    let mut versions: Vec<MarkVersion> = Vec::new();
    for level in 1..=6_u32 {
        let payload = [level.to_be_bytes().as_slice(), b"block"].concat();
        let signature = secret.sign(&payload, BlsScheme::default()).unwrap();
        let previous = versions.last().map(|version| version.own_digest().to_string());
        versions.push(MarkVersion {
            id: format!("{CHAIN}:{}:{}", key.hash(), Kind::Block),
            level,
            round: 0,
            digest: Some(Digest::of(&payload).to_string()),
            signature: Some(signature.to_string()),
            attempt: Some(format!("{level:0>32}")),
            instance: Some("one/1".to_owned()),
            requester: None,
            written_at: Some(i64::from(level) * 6000),
            sequence: Some(u64::from(level)),
            previous,
            stops: Vec::new(),
        });
    }
    (versions, key)
}

/// The lines as they are in a file.
fn lines(versions: &[MarkVersion], key: &PublicKey) -> Vec<Line> {
    let text = |version| serde_json::to_string(version).unwrap();
    let all = versions.iter().map(text).chain([Line::of_public_key(key)]);
    all.map(|line| Line::read(&line).unwrap()).collect()
}

fn of_log(version: &MarkVersion) -> MarkVersion {
    MarkVersion {
        digest: None,
        signature: None,
        attempt: None,
        instance: None,
        written_at: None,
        previous: version.previous.as_ref().map(|digest| digest[..16].to_owned()),
        ..version.clone()
    }
}

fn findings(versions: &[MarkVersion], key: &PublicKey) -> Vec<Finding> {
    verify(lines(versions, key)).findings.into_iter().map(|(_, finding)| finding).collect()
}

#[test]
fn a_whole_history_is_linked_and_its_signatures_are_valid() {
    for curve in Curve::ALL {
        let (versions, key) = history(curve);
        let twice: Vec<_> = versions.iter().rev().chain(&versions).cloned().collect();
        let report = verify(lines(&twice, &key));
        let signatures = if curve == Curve::Bls { (0, 6) } else { (6, 0) };
        assert_eq!((report.marks, report.versions, report.linked), (1, 6, 5), "{report:?}");
        assert_eq!((report.valid_signatures, report.unchecked_signatures), signatures, "{report:?}");
        assert_eq!((report.worst(), &report.findings[..]), (None, &[][..]));
    }
}

#[test]
fn a_change_is_tampering_and_a_loss_is_a_gap() {
    type Change = fn(&mut Vec<MarkVersion>);
    let (versions, key) = history(Curve::P256);
    let rows: [(&str, Change, &[Finding]); 12] = [
        ("a lost line", |v| drop(v.remove(2)), &[Finding::Missing { from: 2, to: 4 }]),
        ("several", |v| drop(v.drain(1..4)), &[Finding::Missing { from: 1, to: 5 }]),
        ("the first", |v| drop(v.remove(0)), &[]),
        ("the last", |v| drop(v.pop()), &[]),
        ("another level", |v| v[2].level = 70, &[Finding::DoesNotFit { number: 4 }]),
        ("another round", |v| v[2].round = 1, &[Finding::DoesNotFit { number: 4 }]),
        ("another time", |v| v[2].written_at = Some(1), &[Finding::DoesNotFit { number: 4 }]),
        ("another instance", |v| v[2].instance = None, &[Finding::DoesNotFit { number: 4 }]),
        (
            "another number",
            |v| v[2].sequence = Some(9),
            &[Finding::DoesNotFit { number: 9 }, Finding::Missing { from: 0, to: 4 }],
        ),
        (
            "another payload",
            |v| v[2].digest = Some("07".repeat(32)),
            &[Finding::DoesNotFit { number: 4 }, Finding::WrongSignature { number: 3 }],
        ),
        (
            "another version before",
            |v| v[2].previous = Some("07".repeat(32)),
            &[Finding::DoesNotFit { number: 3 }, Finding::DoesNotFit { number: 4 }],
        ),
        (
            "a second version",
            |v| {
                let other = MarkVersion { attempt: Some("ab".repeat(16)), ..v[2].clone() };
                v.push(other);
            },
            &[Finding::Twice { number: 3 }],
        ),
    ];
    for (name, change, expected) in rows {
        let mut changed = versions.clone();
        change(&mut changed);
        assert_eq!(findings(&changed, &key), expected, "{name}");
    }
}

#[test]
fn an_earlier_release_and_another_store_are_gaps() {
    let (versions, key) = history(Curve::P256);
    for (previous, expected) in [(Some("07".repeat(32)), Finding::EarlierRelease), (None, Finding::StartsOver)] {
        let mut renumbered = versions[..3].to_vec();
        let mut before = previous;
        for (number, version) in (1..).zip(&versions[3..]) {
            let version = MarkVersion { sequence: Some(number), previous: before, ..version.clone() };
            before = Some(version.own_digest().to_string());
            renumbered.push(version);
        }
        let report = verify(lines(&renumbered, &key));
        assert_eq!((report.linked, report.worst()), (4, Some(Severity::Gap)));
        assert_eq!(report.findings[0].1, expected);
    }
}

#[test]
fn a_log_is_followed_by_its_numbers_and_compared_with_the_history() {
    let (versions, key) = history(Curve::P256);
    let log: Vec<_> = versions.iter().map(of_log).collect();
    assert_eq!(findings(&log, &key), []);
    assert_eq!(findings(&[&log[..2], &log[3..]].concat(), &key), [Finding::Missing { from: 2, to: 4 }]);

    let both = [&versions[..], &log].concat();
    assert_eq!(findings(&both, &key), []);
    let moved = MarkVersion { level: 7, ..log[5].clone() };
    assert_eq!(findings(&[&versions[..], &[moved]].concat(), &key), [Finding::LogDiffers { number: 6 }]);
    let report = verify(lines(&[&versions[..4], &log].concat(), &key));
    assert_eq!((report.only_in_log, report.findings.len()), (2, 0));
}

//! Impossible levels, in requests and when an operator raises marks.

use crate::support::http;
use crate::support::node::Node;
use crate::support::payloads::{MAINNET, payload};
use crate::support::process::{Signer, command, run};
use azurehsm_signer::tezos::payload::Kind;
use std::path::Path;
use std::process::Output;

const KEY: &str = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t";

/// A chain without a checkpoint.
const UNKNOWN: &str = "NetXHAoG8TyXu4i";

fn status(signer: &Signer, key: &str, kind: Kind, level: u32) -> u16 {
    http::sign(signer.address, key, &payload(kind, level, 0, 0)).unwrap().status
}

#[test]
fn a_first_level_that_the_chain_cannot_have_reached_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::start(folder.path(), &[]);
    let key = signer.only_key();
    for kind in Kind::ALL {
        for level in [0x7fff_ffff, 158_600_000] {
            let answer = http::sign(signer.address, &key, &payload(kind, level, 0, 0)).unwrap();
            assert_eq!(answer.status, 409, "{kind} {level}: {answer:?}");
            assert!(answer.error().contains("cannot be right"), "{}", answer.error());
            assert!(signer.wait_for_log("cannot be right").contains("\"level_impossible\""));
        }
        assert_eq!(status(&signer, &key, kind, 100), 200, "the key was not silenced");
        assert_eq!(status(&signer, &key, kind, 158_600_000), 409, "later requests are refused, too");
    }
}

/// A baker who votes at every level, and bakes a block now and then.
#[test]
fn a_baker_who_rarely_bakes_is_judged_by_the_marks_of_votes() {
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::start(folder.path(), &[("MAX_LEVEL_JUMP", "100")]);
    let key = signer.only_key();
    let is = |kind, level, expected| assert_eq!(status(&signer, &key, kind, level), expected, "{kind} at {level}");
    is(Kind::Block, 10, 200);
    for level in [11, 111, 211, 311] {
        is(Kind::Attestation, level, 200);
    }
    is(Kind::Block, 412, 409);
    is(Kind::Attestation, 412, 409);
    is(Kind::Block, 312, 200);
    // The first preattestation is compared with marks of other kinds, too.
    is(Kind::Preattestation, 413, 409);
    is(Kind::Preattestation, 412, 200);
}

fn marks(data: &Path, settings: &[(&str, &str)], arguments: &[&str]) -> Output {
    command(data, settings).arg("marks").args(arguments).output().unwrap()
}

fn succeeds(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The error of a command, which must not have changed any mark.
fn refuses(data: &Path, settings: &[(&str, &str)], arguments: &[&str]) -> String {
    let before = succeeds(&marks(data, &[], &["list"]));
    let output = marks(data, settings, arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    // Raising creates the store, so it may exist now.
    let after = succeeds(&marks(data, &[], &["list"]));
    assert!(after == before || after.trim().is_empty(), "{after}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn marks_are_not_raised_above_what_the_clock_allows_unless_forced() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    for level in ["158600000", "2147483647"] {
        let complaint = refuses(data, &[], &["raise", MAINNET, KEY, level]);
        assert!(complaint.contains("by this machine's clock") && complaint.contains("--force"), "{complaint}");
    }
    let file = data.join("block_high_watermarks");
    let mark = serde_json::json!({MAINNET: {KEY: {"level": 492_830_720, "round": 0}}});
    std::fs::write(&file, mark.to_string()).unwrap();
    let file = file.to_str().unwrap();
    assert!(refuses(data, &[], &["import", file]).contains("level 492830720 cannot be right"));

    // This chain has no checkpoint, and the key has no marks on it.
    assert!(succeeds(&marks(data, &[], &["raise", UNKNOWN, KEY, "158600000"])).contains("set to level 158600000"));
    assert!(refuses(data, &[], &["raise", UNKNOWN, KEY, "2147483647"]).contains("more than 100000 levels"));
    let other = "tz3gXffsd2euM7pzj2uEXyfpeWXuBBsjLWM2";
    assert!(refuses(data, &[], &["raise", UNKNOWN, other, "2147483647"]).contains("the highest possible one"));

    let forced = marks(data, &[], &["raise", MAINNET, KEY, "2147483647", "--force"]);
    assert!(succeeds(&forced).contains("set to level 2147483647"), "a key can be closed on purpose");
    assert!(String::from_utf8_lossy(&forced.stderr).contains("forced: "), "{forced:?}");
    assert!(succeeds(&marks(data, &[], &["import", file, "--force"])).contains("kept at level 2147483647"));
}

#[test]
fn marks_are_not_raised_far_above_the_keys_other_marks_unless_forced() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    succeeds(&marks(data, &[], &["raise", MAINNET, KEY, "1000", "--kind", "attestation"]));
    let complaint = refuses(data, &[], &["raise", MAINNET, KEY, "101001", "--kind", "block"]);
    assert!(complaint.contains("more than 100000 levels (MAX_LEVEL_JUMP)"), "{complaint}");
    succeeds(&marks(data, &[], &["raise", MAINNET, KEY, "101000", "--kind", "block"]));
    succeeds(&marks(data, &[("MAX_LEVEL_JUMP", "200000")], &["raise", MAINNET, KEY, "301000"]));
    succeeds(&marks(data, &[], &["raise", MAINNET, KEY, "999999", "--force"]));
    // A raise that changes nothing needs no check.
    assert!(succeeds(&marks(data, &[], &["raise", MAINNET, KEY, "1"])).contains("kept at level 999999"));
    let other = "tz3gXffsd2euM7pzj2uEXyfpeWXuBBsjLWM2";
    assert!(
        succeeds(&marks(data, &[], &["raise", MAINNET, other, "9999999"])).contains("set to"),
        "another key's marks"
    );
}

#[test]
fn marks_are_not_raised_far_above_the_nodes_head_unless_forced() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let (node, silent) = (Node::start(Some((MAINNET, 500_000))), Node::start(None));
    let urls = format!("{},{}", node.url(), silent.url());
    let settings = [("NODE_URLS", urls.as_str()), ("REQUEST_DEADLINE_MS", "300")];
    let complaint = refuses(data, &settings, &["raise", MAINNET, KEY, "500121"]);
    assert!(complaint.contains("more than 120 levels (HEAD_THRESHOLD) above the head"), "{complaint}");
    assert!(complaint.contains(&format!("warning: cannot read the head of {}", silent.url())), "{complaint}");
    succeeds(&marks(data, &settings, &["raise", MAINNET, KEY, "1000"]));
    let raised = succeeds(&marks(data, &settings, &["raise", MAINNET, KEY, "500120"]));
    assert!(raised.contains("to level 500120"), "the head explains the jump: {raised}");
    succeeds(&marks(data, &settings, &["raise", MAINNET, KEY, "500121", "--force"]));

    // A node of another chain proves nothing about this one.
    succeeds(&marks(data, &settings, &["raise", UNKNOWN, KEY, "600000"]));

    node.says(None);
    let complaint = refuses(data, &settings, &["raise", MAINNET, KEY, "700000"]);
    assert!(complaint.contains("MAX_LEVEL_JUMP"), "without an answer, the marks decide: {complaint}");
    let output = marks(data, &settings, &["raise", MAINNET, KEY, "600000"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot read the head of"), "{output:?}");
    succeeds(&output);
}

#[test]
fn help_explains_force_and_new_key() {
    let folder = tempfile::tempdir().unwrap();
    let help = succeeds(&run(folder.path(), &["marks", "raise", "--help"], ""));
    assert!(help.contains("--force") && help.contains("--new-key"), "{help}");
}

//! Items in the embedded store that are not marks.

use crate::support::payloads::MAINNET;
use crate::support::process::run;
use redb::{Database, TableDefinition};
use std::path::Path;
use std::process::Output;

const KEY: &str = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t";
const MARKS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("marks");

/// A store with a mark of each kind at level 100; the one for attestations is then replaced by this text.
fn damaged(contents: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    assert!(run(folder.path(), &["marks", "raise", MAINNET, KEY, "100", "--round", "3"], "").status.success());
    put(folder.path(), &format!("{MAINNET}:{KEY}:attestation"), contents);
    folder
}

fn put(data: &Path, name: &str, contents: &str) {
    let database = Database::open(data.join("marks.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(MARKS).unwrap().insert(name, contents.as_bytes()).unwrap();
    transaction.commit().unwrap();
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn raise(data: &Path, arguments: &[&str]) -> Output {
    run(data, &[&["marks", "raise", MAINNET, KEY][..], arguments, &["--kind", "attestation"]].concat(), "")
}

#[test]
fn one_item_that_is_not_a_mark_does_not_hide_the_others() {
    let folder = damaged("nonsense");
    put(folder.path(), "nonsense", "{}");
    let list = run(folder.path(), &["marks", "list"], "");
    let export = run(folder.path(), &["marks", "export"], "");
    assert!(list.status.success(), "{list:?}");
    assert_eq!(export.status.code(), Some(1), "the export is incomplete");
    for output in [list, export] {
        let (printed, complaint) = (text(&output.stdout), text(&output.stderr));
        assert!(printed.contains("block") && printed.contains("preattestation"), "{printed}");
        assert!(!printed.contains(&format!("{KEY}  attestation")), "{printed}");
        assert!(complaint.contains(&format!("{MAINNET}:{KEY}:attestation is not a mark")), "{complaint}");
        assert!(complaint.contains("nonsense is not a mark"), "{complaint}");
    }
}

#[test]
fn an_incomplete_export_is_still_valid_json() {
    let folder = damaged("nonsense");
    let export = run(folder.path(), &["marks", "export"], "");
    let json: serde_json::Value = serde_json::from_slice(&export.stdout).unwrap();
    assert_eq!(json["marks"].as_array().unwrap().len(), 2);
}

#[test]
fn an_unreadable_mark_is_only_raised_above_its_legible_position_unless_forced() {
    for (contents, refused, accepted) in [
        (r#"{"level":500,"round":2,"attempt":"x"}"#, vec!["499", "500 --round 1"], "500 --round 2"),
        (r#"{"level":500,"rou"#, vec!["499", "500 --round 7"], "500"),
        (r#"{"level":"500","round":"2","digest":7}"#, vec!["500 --round 1"], "501"),
        (r#"{"level":-5}"#, vec!["500"], "500 --force"),
        ("nonsense", vec!["500"], "500 --force"),
        (r#"{"level":500,"round":2}"#, vec!["400"], "400 --force"),
    ] {
        let folder = damaged(contents);
        for arguments in refused {
            let output = raise(folder.path(), &arguments.split(' ').collect::<Vec<_>>());
            assert_eq!(output.status.code(), Some(1), "{contents}: {arguments}: {output:?}");
            let complaint = text(&output.stderr);
            assert!(complaint.contains("not a mark") && complaint.contains("--force"), "{complaint}");
        }
        let output = raise(folder.path(), &accepted.split(' ').collect::<Vec<_>>());
        assert!(output.status.success(), "{contents}: {accepted}: {output:?}");
        let level = accepted.split(' ').next().unwrap();
        assert!(text(&output.stdout).contains("replacing an item that was not a mark"), "{output:?}");
        let list = text(&run(folder.path(), &["marks", "list"], "").stdout);
        assert!(list.contains(&format!("attestation  level {level}")), "{list}");
        assert_eq!(list.lines().count(), 3);
    }
}

//! Text files as written by Windows tools, and JSON with duplicate names.

use crate::support::http;
use crate::support::payloads::{MAINNET, block, transfer};
use crate::support::process::{Signer, command, complaint, printed, run};
use serde_json::json;
use std::path::Path;

const KEY: &str = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t";
const SECRET_KEY: &str = "p2sk2g5Btw8MK7fnhQg9d7DaE8QYX8A89BLWaqWTQcHuATYY3ABjD9";

fn with_mark(text: &str) -> String {
    format!("\u{feff}{text}")
}

fn utf16(text: &str) -> Vec<u8> {
    with_mark(text).encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn write(folder: &Path, name: &str, contents: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    std::fs::write(&path, contents).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_byte_order_mark_is_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    assert!(printed(&run(&data, &["keys", "import", "baker"], &with_mark(SECRET_KEY))).contains(KEY));
    let keys = data.join("keys.json");
    std::fs::write(&keys, with_mark(&std::fs::read_to_string(&keys).unwrap())).unwrap();
    let marks = json!({MAINNET: {KEY: {"level": 100, "round": 0, "hash": "ab".repeat(32)}}}).to_string();
    let marks = write(folder.path(), "block_high_watermarks", with_mark(&marks));
    printed(&run(&data, &["marks", "import", &marks], ""));
    let policy = r#"{"default": {"operations": ["transaction"]}}"#;
    let policy = write(folder.path(), "policy.json", with_mark(policy));

    let signer = Signer::start(&data, &[("POLICY_FILE", &policy)]);
    assert_eq!(http::sign(signer.address, KEY, &block(100, 0, 0)).unwrap().status, 409);
    let body = with_mark(&format!("\"{}\"", hex::encode(transfer(1, 1))));
    http::post(signer.address, &format!("/keys/{KEY}"), body.as_bytes()).unwrap().signature();
}

#[test]
fn the_bytes_of_a_passphrase_file_are_the_passphrase() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let file = |name: &str, text: &str| write(folder.path(), name, text);
    let (marked, plain) = (file("marked", &with_mark("correct horse")), file("plain", "correct horse"));
    let with = |path: &str, arguments: &[&str]| {
        command(&data, &[("LOCAL_VAULT_PASSPHRASE_FILE", path)]).args(arguments).output().unwrap()
    };
    printed(&with(&marked, &["keys", "generate", "first"]));
    assert!(complaint(&with(&plain, &["keys", "list"])).contains("is the passphrase right?"));
    printed(&with(&marked, &["keys", "list"]));

    // An encrypted key file is a text file, too.
    let keys = data.join("keys.json");
    std::fs::write(&keys, with_mark(&std::fs::read_to_string(&keys).unwrap())).unwrap();
    printed(&with(&marked, &["keys", "list"]));
}

#[test]
fn a_file_in_another_encoding_is_refused_with_the_encoding() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    printed(&run(&data, &["keys", "import", "baker"], SECRET_KEY));
    let signer = Signer::start(&data, &[]);
    let body = utf16(&format!("\"{}\"", hex::encode(transfer(1, 1))));
    let answer = http::post(signer.address, &format!("/keys/{KEY}"), &body).unwrap();
    assert_eq!(answer.status, 400);
    assert!(answer.error().contains("the text is UTF-16, expected UTF-8"), "{answer:?}");
    signer.kill();

    let file = write(folder.path(), "file.json", utf16("{}"));
    let import = run(&data, &["marks", "import", &file], "");
    let policy = command(&data, &[("POLICY_FILE", &file)]).output().unwrap();
    std::fs::write(data.join("keys.json"), utf16(r#"{"version": 1, "keys": []}"#)).unwrap();
    let keys = run(&data, &["keys", "list"], "");
    for (what, output) in [("import", import), ("policy", policy), ("keys", keys)] {
        let complaint = complaint(&output);
        assert!(complaint.contains("the text is UTF-16, expected UTF-8"), "{what}: {complaint}");
    }
}

#[test]
fn a_duplicate_name_is_refused_with_its_position() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let record = r#"{"level": 1, "round": 0}"#;
    for (what, text, place) in [
        (
            "octez-signer, one key twice",
            format!(r#"{{"{MAINNET}": {{"{KEY}": {record}, "{KEY}": {record}}}}}"#),
            format!("{MAINNET}: duplicate name '{KEY}'"),
        ),
        (
            "octez-signer, one chain twice",
            format!(r#"{{"{MAINNET}": {{"{KEY}": {record}}}, "{MAINNET}": {{}}}}"#),
            format!("duplicate name '{MAINNET}'"),
        ),
        (
            "Signatory, one level twice",
            format!(r#"{{"{KEY}": {{"block": {{"level": 9, "round": 0, "level": 1}}}}}}"#),
            format!("{KEY}.block: duplicate name 'level'"),
        ),
        (
            "own export",
            format!(
                r#"{{"format": "azurehsm-signer marks", "version": 1, "marks": [{{"chain": "{MAINNET}", "key": "{KEY}",
                     "kind": "block", "level": 9, "level": 1, "round": 0}}]}}"#
            ),
            "marks[0]: duplicate name 'level'".to_owned(),
        ),
    ] {
        let file = write(folder.path(), "file.json", text);
        let import = run(&data, &["marks", "import", &file, "--kind", "block", "--chain", MAINNET], "");
        let complaint = complaint(&import);
        assert!(complaint.contains(&place), "{what}: {complaint}");
    }
    assert!(!data.exists(), "nothing was written");

    let policy = r#"{"default": {"kinds": [], "kinds": ["block"]}}"#;
    let policy = complaint(&command(&data, &[("POLICY", policy)]).output().unwrap());
    assert!(policy.contains("default: duplicate name 'kinds'"), "{policy}");

    printed(&run(&data, &["keys", "generate", "first"], ""));
    let keys =
        format!(r#"{{"version": 1, "keys": [{{"name": "a", "secret_key": "edsk", "secret_key": "{SECRET_KEY}"}}]}}"#);
    std::fs::write(data.join("keys.json"), keys).unwrap();
    let keys = complaint(&run(&data, &["keys", "list"], ""));
    assert!(keys.contains("secret_key occurs twice (again at line 1, column ") && !keys.contains("p2sk"), "{keys}");
}

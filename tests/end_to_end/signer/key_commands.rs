//! The embedded vault's key file, and the commands on keys.

use crate::support::eventually::eventually;
use crate::support::http;
use crate::support::payloads::payload;
use crate::support::process::{Signer, command, complaint, printed, run, with_input};
use azurehsm_signer::tezos::payload::Kind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const KEY: &str = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t";
const PUBLIC_KEY: &str = "p2pk66Y3178eHvgWFA4CDsgGPhbkWtwrYCVUKJnsAi41eGP7MbHKv24";
const SECRET_KEY: &str = "p2sk2g5Btw8MK7fnhQg9d7DaE8QYX8A89BLWaqWTQcHuATYY3ABjD9";

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn the_first_start_creates_a_key_and_explains_how_to_use_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let signer = Signer::start(&data, &[]);
    let key = signer.only_key();
    assert!(key.starts_with("tz3"));
    let line = signer.wait_for_log("octez-client import secret key");
    assert!(line.contains(&format!("octez-client import secret key first http://{}/{key}", signer.address)), "{line}");
    assert_eq!(mode(&data), 0o700);
    for file in ["keys.json", "marks.redb"] {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
}

#[test]
fn a_key_added_while_the_signer_runs_can_sign_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::start(folder.path(), &[]);
    let imported = printed(&run(folder.path(), &["keys", "import", "baker"], &format!("{SECRET_KEY}\n")));
    assert!(
        imported.contains(&format!("octez-client import secret key baker http://127.0.0.1:6732/{KEY}")),
        "{imported}"
    );
    http::sign(signer.address, KEY, &payload(Kind::Attestation, 1, 0, 0)).unwrap().signature();
    assert_eq!(http::get(signer.address, &format!("/keys/{KEY}")).unwrap().json()["public_key"], PUBLIC_KEY);
}

#[test]
fn known_keys_still_sign_after_the_key_file_is_removed_or_encrypted() {
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::start(folder.path(), &[]);
    let key = signer.only_key();
    let still_signs = |level: u32, expected: &str| {
        // A request for an unknown key makes the signer read the file again.
        let failed = eventually("the error about the file", || {
            Some(http::get(signer.address, &format!("/keys/{KEY}")).unwrap())
                .filter(|answer| answer.status != 404 && answer.error().contains(expected))
        });
        assert_eq!(failed.status, 500);
        http::sign(signer.address, &key, &payload(Kind::Attestation, level, 0, 0)).unwrap().signature();
    };
    let encrypt =
        command(folder.path(), &[("LOCAL_VAULT_PASSPHRASE", "correct horse")]).args(["keys", "list"]).output();
    assert!(printed(&encrypt.unwrap()).contains(&key));
    still_signs(1, "keys.json is encrypted");
    std::fs::remove_file(folder.path().join("keys.json")).unwrap();
    still_signs(2, "keys.json is gone");
}

#[test]
fn keys_of_all_curves_are_generated_and_listed() {
    let folder = tempfile::tempdir().unwrap();
    for (curve, prefix) in [("ed25519", "tz1"), ("secp256k1", "tz2"), ("p256", "tz3"), ("bls", "tz4")] {
        let generated = printed(&run(folder.path(), &["keys", "generate", curve, "--curve", curve], ""));
        assert!(generated.starts_with(&format!("{curve}  {curve}  {prefix}")), "{generated}");
        assert!(printed(&run(folder.path(), &["keys", "list"], "")).contains(&generated));
    }
}

#[test]
fn keys_that_cannot_be_added_are_refused_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    printed(&run(folder.path(), &["keys", "import", "baker"], SECRET_KEY));
    let before = printed(&run(folder.path(), &["keys", "list"], ""));
    for (arguments, input, expected) in [
        (["keys", "generate", "baker"], "", "a key named 'baker' already exists"),
        (["keys", "import", "other"], SECRET_KEY, "already exists, named 'baker'"),
        (["keys", "import", "other"], "", "standard input is empty"),
        (["keys", "import", "other"], PUBLIC_KEY, "this is a P-256 public key (p2pk), expected a secret key"),
        (["keys", "import", "other"], &SECRET_KEY[..53], "wrong checksum"),
    ] {
        let complaint = complaint(&run(folder.path(), &arguments, input));
        assert!(complaint.contains(expected), "{complaint}");
        assert!(!complaint.contains(&SECRET_KEY[4..20]), "{complaint}");
    }
    assert_eq!(printed(&run(folder.path(), &["keys", "list"], "")), before);
}

#[test]
fn an_encrypted_key_file_opens_only_with_its_passphrase() {
    let folder = tempfile::tempdir().unwrap();
    let passphrase = folder.path().join("passphrase");
    std::fs::write(&passphrase, "correct horse\n").unwrap();
    let data = folder.path().join("data");
    let settings = [("LOCAL_VAULT_PASSPHRASE_FILE", passphrase.to_str().unwrap())];
    let key = Signer::start(&data, &settings).only_key();
    assert_eq!(mode(&data.join("keys.json")), 0o600);
    assert!(std::fs::read_to_string(data.join("keys.json")).unwrap().contains("p2esk"));
    assert_eq!(Signer::start(&data, &settings).only_key(), key);
    let inline = [("LOCAL_VAULT_PASSPHRASE", "correct horse")];
    assert_eq!(Signer::start(&data, &inline).only_key(), key);

    let without = complaint(&command(&data, &[]).output().unwrap());
    assert!(without.contains("LOCAL_VAULT_PASSPHRASE_FILE"), "{without}");
    let wrong = complaint(&command(&data, &[("LOCAL_VAULT_PASSPHRASE", "wrong horse")]).output().unwrap());
    assert!(wrong.contains("is the passphrase right?") && !wrong.contains("wrong horse"), "{wrong}");
}

#[test]
fn a_plain_key_file_is_encrypted_once_a_passphrase_is_set() {
    let folder = tempfile::tempdir().unwrap();
    printed(&run(folder.path(), &["keys", "import", "baker"], SECRET_KEY));
    let settings = [("LOCAL_VAULT_PASSPHRASE", "correct horse")];
    assert!(printed(&command(folder.path(), &settings).args(["keys", "list"]).output().unwrap()).contains(KEY));
    let encrypted = std::fs::read_to_string(folder.path().join("keys.json")).unwrap();
    assert!(encrypted.contains("p2esk") && !encrypted.contains("p2sk"), "{encrypted}");
    assert_eq!(mode(&folder.path().join("keys.json")), 0o600);

    // In a file with two passphrases, some keys would be unusable.
    printed(&run(&folder.path().join("other"), &["keys", "generate", "plain"], ""));
    let plain = std::fs::read_to_string(folder.path().join("other/keys.json")).unwrap();
    let entries = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["keys"].clone();
    let mixed = [entries(&encrypted)[0].clone(), entries(&plain)[0].clone()];
    let mixed = serde_json::json!({"version": 1, "keys": mixed}).to_string();
    std::fs::write(folder.path().join("keys.json"), &mixed).unwrap();
    let list = |passphrase| {
        command(folder.path(), &[("LOCAL_VAULT_PASSPHRASE", passphrase)]).args(["keys", "list"]).output().unwrap()
    };
    assert!(complaint(&list("wrong horse")).contains("the secret key of 'baker': the password is wrong"));
    assert_eq!(std::fs::read_to_string(folder.path().join("keys.json")).unwrap(), mixed);
    printed(&list("correct horse"));
    assert!(!std::fs::read_to_string(folder.path().join("keys.json")).unwrap().contains("p2sk"));
}

#[test]
fn a_key_file_in_the_age_format_is_refused_with_the_commands_to_convert_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("keys.json.age"), "-----BEGIN AGE ENCRYPTED FILE-----\n").unwrap();
    let passphrase = [("LOCAL_VAULT_PASSPHRASE", "correct horse")];
    for arguments in [&["serve"][..], &["keys", "list"], &["keys", "generate", "first"]] {
        for settings in [&passphrase[..], &[]] {
            let complaint = complaint(&command(folder.path(), settings).args(arguments).output().unwrap());
            assert!(complaint.contains("age --decrypt --output ") && complaint.contains("&& rm "), "{complaint}");
        }
    }
    assert!(!folder.path().join("keys.json").exists());
    std::fs::write(folder.path().join("keys.json"), r#"{"version": 1, "keys": []}"#).unwrap();
    let complaint = complaint(&run(folder.path(), &["keys", "list"], ""));
    assert!(complaint.contains("two key files") && complaint.contains("keys.json.age of an earlier version"));
}

#[test]
fn an_encrypted_key_is_imported_with_its_password() {
    // A vector of Octez's own tests.
    const ENCRYPTED: &str = "p2esk2JMFpR9yaSpgsaKQYLqFnv16t4gowJ4cgjj7D7iMfoaJz2vZuH7Tdi11MrX6FC2yhfs2nvy5VRxAvzH1STE";
    let import = |settings: &[(&str, &str)], input: &str| {
        let folder = tempfile::tempdir().unwrap();
        let mut command = command(folder.path(), settings);
        with_input(command.args(["keys", "import", "baker"]), input)
    };
    let vault = [("LOCAL_VAULT_PASSPHRASE", "ahThie5H")];
    let other_vault = [("LOCAL_VAULT_PASSPHRASE", "correct horse")];
    let mut imported = Vec::new();
    for (settings, input) in [
        (&[][..], format!("{ENCRYPTED}\nahThie5H\n")),
        (&[], format!("encrypted:{ENCRYPTED}\r\nahThie5H\r\n")),
        (&vault, format!("{ENCRYPTED}\n")),
        (&other_vault, format!("{ENCRYPTED}\nahThie5H")),
    ] {
        imported.push(printed(&import(settings, &input)));
    }
    imported.dedup();
    assert!(imported.len() == 1 && imported[0].contains("tz3"), "{imported:?}");
    for (settings, input, expected) in [
        (&[][..], format!("{ENCRYPTED}\n"), "no password follows"),
        (&[], format!("{ENCRYPTED}\nahthie5h"), "the password is wrong (the password in the line after the key)"),
        (&[], format!("{ENCRYPTED}\n ahThie5H"), "the password is wrong"),
        (&other_vault, format!("{ENCRYPTED}\n"), "the password is wrong (the vault's passphrase"),
    ] {
        let complaint = complaint(&import(settings, &input));
        assert!(complaint.contains(expected), "{complaint}");
        assert!(!complaint.contains(&ENCRYPTED[5..20]) && !complaint.contains("hie5"), "{complaint}");
    }
}

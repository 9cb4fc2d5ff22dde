//! The command line, as a newcomer and as an operator who moves here types it.

use crate::support::eventually::eventually;
use crate::support::http;
use crate::support::payloads::{MAINNET, payload};
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
fn the_first_start_makes_a_key_and_says_how_to_use_it() {
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
fn a_key_that_is_added_while_the_signer_runs_can_sign_at_once() {
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
fn a_key_file_that_is_taken_away_or_encrypted_silences_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::start(folder.path(), &[]);
    let key = signer.only_key();
    let still_signs = |level: u32, expected: &str| {
        // An unknown key makes the signer look for the file again.
        let failed = eventually("the file is looked for", || {
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
fn keys_of_all_curves_are_made_and_listed() {
    let folder = tempfile::tempdir().unwrap();
    for (curve, prefix) in [("ed25519", "tz1"), ("secp256k1", "tz2"), ("p256", "tz3"), ("bls", "tz4")] {
        let made = printed(&run(folder.path(), &["keys", "generate", curve, "--curve", curve], ""));
        assert!(made.starts_with(&format!("{curve}  {curve}  {prefix}")), "{made}");
        assert!(printed(&run(folder.path(), &["keys", "list"], "")).contains(&made));
    }
}

#[test]
fn keys_that_cannot_be_added_are_refused_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    printed(&run(folder.path(), &["keys", "import", "baker"], SECRET_KEY));
    let before = printed(&run(folder.path(), &["keys", "list"], ""));
    for (arguments, input, expected) in [
        (["keys", "generate", "baker"], "", "a key named 'baker' already exists"),
        (["keys", "import", "other"], SECRET_KEY, "already, named 'baker'"),
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
fn a_key_file_with_a_passphrase_opens_with_it_alone() {
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
fn a_plain_key_file_is_encrypted_when_there_is_a_passphrase() {
    let folder = tempfile::tempdir().unwrap();
    printed(&run(folder.path(), &["keys", "import", "baker"], SECRET_KEY));
    let settings = [("LOCAL_VAULT_PASSPHRASE", "correct horse")];
    assert!(printed(&command(folder.path(), &settings).args(["keys", "list"]).output().unwrap()).contains(KEY));
    let encrypted = std::fs::read_to_string(folder.path().join("keys.json")).unwrap();
    assert!(encrypted.contains("p2esk") && !encrypted.contains("p2sk"), "{encrypted}");
    assert_eq!(mode(&folder.path().join("keys.json")), 0o600);

    // A key with another passphrase than the others would be lost to all.
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
fn a_key_file_of_the_age_format_is_refused_with_the_way_to_convert_it() {
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

#[test]
fn a_level_that_is_raised_to_is_closed_with_all_its_rounds_unless_a_round_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let key = Signer::start(folder.path(), &[]).only_key();
    let raise = |arguments: &[&str]| {
        printed(&run(folder.path(), &[&["marks", "raise", MAINNET, &key][..], arguments].concat(), ""))
    };
    assert!(raise(&["500"]).contains("attestation: set to level 500, all rounds"));
    assert!(raise(&["600", "--round", "1", "--kind", "attestation"]).contains("to level 600, round 1"));
    let signer = Signer::start(folder.path(), &[]);
    for (kind, level, round, status) in [
        (Kind::Block, 500, 0, 409),
        (Kind::Block, 500, 7, 409),
        (Kind::Block, 501, 0, 200),
        (Kind::Attestation, 501, 0, 409),
        (Kind::Attestation, 600, 1, 409),
        (Kind::Attestation, 600, 2, 200),
    ] {
        let answer = http::sign(signer.address, &key, &payload(kind, level, round, 0)).unwrap();
        assert_eq!(answer.status, status, "{kind} at level {level}, round {round}: {answer:?}");
    }
}

#[test]
fn a_store_that_was_deleted_under_a_signer_is_not_made_again_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let _signer = Signer::start(folder.path(), &[]);
    std::fs::remove_file(folder.path().join("marks.redb")).unwrap();
    let second = command(folder.path(), &[("SIGNER_LISTEN", "127.0.0.1:0")]).output().unwrap();
    assert!(complaint(&second).contains("in use by process "));
}

#[test]
fn a_store_that_is_lost_stops_the_start_until_marks_are_brought() {
    let folder = tempfile::tempdir().unwrap();
    let key = Signer::start(folder.path(), &[]).only_key();
    std::fs::remove_file(folder.path().join("marks.redb")).unwrap();
    let complaint = complaint(&command(folder.path(), &[("SIGNER_LISTEN", "127.0.0.1:0")]).output().unwrap());
    assert!(complaint.contains("marks.redb is gone") && complaint.contains("marks raise"), "{complaint}");
    printed(&run(folder.path(), &["marks", "raise", MAINNET, &key, "500"], ""));
    let signer = Signer::start(folder.path(), &[]);
    for (level, status) in [(500, 409), (501, 200)] {
        let answer = http::sign(signer.address, &key, &payload(Kind::Attestation, level, 0, 0)).unwrap();
        assert_eq!(answer.status, status);
    }
}

#[test]
fn all_marks_are_raised_also_when_nobody_reads_what_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let mut raise = command(folder.path(), &[])
        .args(["marks", "raise", MAINNET, KEY, "777"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    drop(raise.stdout.take());
    assert_ne!(raise.wait().unwrap().code(), Some(101), "a panic");
    assert_eq!(printed(&run(folder.path(), &["marks", "list"], "")).matches("level 777").count(), 3);
}

#[test]
fn looking_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("mistyped");
    assert!(printed(&run(&data, &["marks", "list"], "")).contains("no marks"));
    assert!(printed(&run(&data, &["marks", "export"], "")).contains("\"marks\": []"));
    assert!(printed(&run(&data, &["keys", "list"], "")).contains("no keys"));
    assert!(!data.exists());
}

#[test]
fn settings_that_are_not_unicode_are_not_taken_as_not_set() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    for name in ["AUTHORIZED_KEYS", "POLICY"] {
        let value = std::ffi::OsStr::from_bytes(b"{}\xff");
        let output = command(folder.path(), &[]).env(name, value).output().unwrap();
        assert!(complaint(&output).contains(name));
    }
}

#[test]
fn wrong_settings_stop_the_start_and_are_all_named() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("SIGNER_LISTEN", "nowhere"),
        ("POLICY", r#"{"default": {"operations": ["transfer"]}}"#),
        ("HEAD_THRESHOLD", "near"),
        ("MAX_LEVEL_JUMP", "0"),
        ("COSMOS_DATABASE", "../x"),
        ("COSMOS_CONTAINER", "a/b"),
    ];
    let complaint = complaint(&command(folder.path(), &settings).output().unwrap());
    for expected in [
        "SIGNER_LISTEN: 'nowhere'",
        "POLICY: default.operations: 'transfer'",
        "transaction:stake",
        "HEAD_THRESHOLD",
        "MAX_LEVEL_JUMP: 0: expected 1 to 10000000 levels",
        "COSMOS_DATABASE: \"../x\": expected a name",
        "COSMOS_CONTAINER: \"a/b\": expected a name",
    ] {
        assert!(complaint.contains(expected), "{complaint}");
    }
}

#[test]
fn a_vault_without_a_database_stops_the_signer_and_commands_on_marks_with_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let vault = ("KEY_VAULT_URL", "https://bakery.vault.azure.net/");
    let embedded = ("MARKS", "embedded");
    let raise = ["marks", "raise", MAINNET, KEY, "500"];
    for settings in [
        vec![vault],
        vec![vault, ("COSMOS_DATABASE", "signer")],
        vec![vault, embedded, ("LOCAL_DATA_DIR", "data")],
        vec![vault, embedded, ("WEBSITE_INSTANCE_ID", "0123"), ("AZURE_FUNCTIONS_ENVIRONMENT", "Development")],
        vec![vault, embedded, ("FUNCTIONS_CUSTOMHANDLER_PORT", "7071")],
    ] {
        for arguments in [&["serve"][..], &["marks", "list"], &["marks", "export"], &raise] {
            let output = command(folder.path(), &settings).args(arguments).current_dir(folder.path()).output().unwrap();
            let complaint = complaint(&output);
            assert_eq!(complaint.lines().count(), 1, "{settings:?} {arguments:?}: {complaint}");
            for name in ["KEY_VAULT_URL", "COSMOS_ENDPOINT"] {
                assert!(complaint.contains(name), "{settings:?} {arguments:?}: {complaint}");
            }
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made");
}

#[test]
fn a_probable_typo_stops_the_start_and_variables_of_others_do_not() {
    let folder = tempfile::tempdir().unwrap();
    for (name, setting) in [("COSMOS_ENDPIONT", "COSMOS_ENDPOINT"), ("KEY_VAULT_URI", "KEY_VAULT_URL")] {
        for arguments in [&["serve"][..], &["marks", "list"], &["keys", "list"]] {
            let output = command(folder.path(), &[(name, "https://bakery.example/")]).args(arguments).output().unwrap();
            let complaint = complaint(&output);
            let expected = format!("{setting}: is not set, but \"{name}\" is, probably a typo");
            assert!(complaint.contains(&expected), "{complaint}");
        }
    }
    // Of the template, and what Kubernetes sets for a Service called signer.
    let others = [
        ("SIGNER_URL", "https://signer.example"),
        ("SIGNER_CLIENT_ID", "0123"),
        ("SIGNER_ALERT_EMAIL", "baker@example.com"),
        ("SIGNER_OPERATOR_ID", "0123"),
        ("SIGNER_SERVICE_HOST", "10.0.0.1"),
        ("SIGNER_SERVICE_PORT", "6732"),
        ("SIGNER_SERVICE_PORT_HTTP", "6732"),
        ("SIGNER_PORT", "tcp://10.0.0.1:6732"),
        ("SIGNER_PORT_6732_TCP", "tcp://10.0.0.1:6732"),
        ("SIGNER_PORT_6732_TCP_ADDR", "10.0.0.1"),
        ("SIGNER_PORT_6732_TCP_PORT", "6732"),
        ("SIGNER_PORT_6732_TCP_PROTO", "tcp"),
    ];
    Signer::start(folder.path(), &others).only_key();
}

#[test]
fn an_embedded_store_beside_a_vault_is_used_when_it_is_asked_for() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let azure = runtime.block_on(stand_ins::Azure::start());
    azure.key_vault.add_key(stand_ins::NewKey::new("baker", stand_ins::Curve::P256));
    let environment = azure.environment();
    let of_vault = environment.iter().filter(|(name, _)| !name.starts_with("COSMOS_"));
    let mut settings: Vec<_> = of_vault.map(|(name, value)| (*name, value.as_str())).collect();
    settings.extend([("MARKS", "embedded"), ("COSMOS_DISABLE_IMDS", "1")]);
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::start(folder.path(), &settings);
    let key = eventually("the key is found", || signer.keys().into_iter().next()).1;
    for (digest, status) in [(0, 200), (1, 409)] {
        let vote = payload(Kind::Attestation, 7, 0, digest);
        assert_eq!(http::sign(signer.address, &key, &vote).unwrap().status, status);
    }
    assert!(folder.path().join("marks.redb").exists());
    let second = command(folder.path(), &settings).env("SIGNER_LISTEN", "127.0.0.1:0").output().unwrap();
    assert!(complaint(&second).contains("in use by process "));
}

#[test]
fn the_embedded_store_is_refused_in_azure_and_under_a_functions_host_but_for_development() {
    let folder = tempfile::tempdir().unwrap();
    let development = ("AZURE_FUNCTIONS_ENVIRONMENT", "Development");
    for hosted in [("WEBSITE_SITE_NAME", "signer"), ("FUNCTIONS_CUSTOMHANDLER_PORT", "0")] {
        for arguments in
            [&["serve"][..], &["marks", "list"], &["marks", "raise", MAINNET, KEY, "500"], &["keys", "list"]]
        {
            let complaint = complaint(&command(folder.path(), &[hosted]).args(arguments).output().unwrap());
            assert!(complaint.contains("KEY_VAULT_URL: expected in Azure and under a Functions host"), "{complaint}");
            assert!(complaint.contains("COSMOS_ENDPOINT: expected in Azure"), "{complaint}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made");
    }
    for hosted in [("WEBSITE_SITE_NAME", "signer"), ("FUNCTIONS_CUSTOMHANDLER_PORT", "0")] {
        Signer::start(folder.path(), &[hosted, development]).only_key();
    }
}

#[test]
fn the_version_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let expected = format!("azurehsm-signer {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(printed(&run(folder.path(), &["version"], "")), expected);
    assert_eq!(printed(&run(folder.path(), &["--version"], "")), expected);
}

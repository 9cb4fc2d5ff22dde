//! The commands on sealed keys.

use crate::support::process::{command, complaint, printed, with_input};
use crate::support::rsa_keys;
use crate::support::tz4::{ADDRESS, SECRET_KEY};
use azurehsm_signer::tezos::{PublicKey, Signature, SignatureText};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Output;
use tempfile::TempDir;

/// The proof of possession of [`SECRET_KEY`], by octez-client.
const PROOF: &str = "BLsig9a5nLiDGB7zGFTWJGdsZT3WPMCTAh5qVUmJekTzPbiQttFVD6jDg4Mf1gEV8Y3fq7sv9Vs6U7Tpx9ZST7GZdw9NGz9JLkdfeXmGz5yh1BnVSr5aYcLfPEpwteCGRx4Bk1q2SuaAnh";
/// A key that octez-client encrypted with this password, and its plain form.
const ENCRYPTED: [&str; 3] = [
    "BLesk1ExnCaFxVcGFvKFQrPs2AADo2KpukB6bhA8SLASRzZ58uqvSNUNyzdNdya5NPgE1BAFwcN3wtyFv76r1GJ9",
    "ahThie5H",
    "BLsk1o1S8oAG76r3o3aJr1gbVhNdDnAMsdy1yMfwHLWwUHfAeyEXHV",
];
const MAINNET: &str = "NetXdQprcVkpaWU";
const NORTH: &str = "https://bakery-north.vault.azure.net/keys/sealing/0123456789abcdef0123456789abcdef";
const WEST: &str = "https://bakery-west.managedhsm.azure.net/keys/sealing-2/fedcba9876543210fedcba9876543210";

/// A folder with the keys of the test vectors, each as `<name>.pem` and `<name>-private.pem`, the sealed keys, and the identity of a
/// mark store.
pub(super) struct Desk(TempDir);

impl Desk {
    pub(super) fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        rsa_keys::write_to(desk.0.path());
        // An embedded store is created by the first command that raises a mark.
        printed(&desk.run(&["marks", "raise", MAINNET, ADDRESS, "1", "--force"], ""));
        desk.write("store.json", &printed(&desk.run(&["marks", "store", "--json"], "")));
        desk.write("recreated.json", &container("u7kYALg2ZXo=").to_string());
        desk
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(super) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs a command in the folder.
    fn run(&self, arguments: &[&str], input: &str) -> Output {
        with_input(command(self.0.path(), &[]).args(arguments).current_dir(self.0.path()), input)
    }

    /// Runs a command on a key, with options in one text.
    pub(super) fn sealed(&self, command: &str, options: &str, input: &str) -> Output {
        let arguments: Vec<_> = ["sealed", command].into_iter().chain(options.split_whitespace()).collect();
        self.run(&arguments, input)
    }
}

fn container(rid: &str) -> Value {
    json!({"store": "cosmos", "account": "bakery", "database": "signer", "container": "marks", "rid": rid})
}

/// For the vault `north` and the recovery key `safe`.
pub(super) fn for_north_and_safe(name: &str) -> String {
    format!(
        "{name} --role consensus --chain {MAINNET} --store store.json --recipient {NORTH}=north.pem --recipient safe.pem"
    )
}

/// The last word of the first line, `<name>  <role>  <chain>  <address>  <public key>`.
fn public_key(line: &str) -> PublicKey {
    line.lines().next().unwrap().rsplit("  ").next().unwrap().parse().unwrap()
}

#[test]
fn keys_made_elsewhere_are_sealed_under_their_address_and_prove_possession() {
    let desk = Desk::new();
    let imported = printed(&desk.sealed("import", &for_north_and_safe("octez"), SECRET_KEY));
    assert!(imported.starts_with(&format!("octez  consensus  {MAINNET}  {ADDRESS}  BLpk1yUi")), "{imported}");
    assert!(imported.contains(&format!("recipient  {NORTH}\n  recipient  offline:")), "{imported}");
    assert_eq!(printed(&desk.sealed("prove", "octez --recovery-key safe-private.pem", "")).trim_end(), PROOF);

    let [encrypted, password, plain] = ENCRYPTED;
    let input = format!("{encrypted}\n{password}\n");
    let first = printed(&desk.sealed("import", &for_north_and_safe("encrypted"), &input));
    let again = complaint(&desk.sealed("import", &for_north_and_safe("plain"), plain));
    assert!(again.contains("is already sealed in sealed/encrypted.json"), "{again}");

    let listed = printed(&desk.sealed("list", "", ""));
    let expected: Vec<_> = [&first, &imported].iter().map(|output| output.lines().next().unwrap()).collect();
    assert_eq!(listed.lines().collect::<Vec<_>>(), expected);
    for text in [imported, first, listed, again, desk.read("sealed/octez.json"), desk.read("sealed/encrypted.json")] {
        for secret in [SECRET_KEY, encrypted, plain, password] {
            assert!(!text.contains(&secret[5..]), "{text}");
        }
    }
}

#[test]
fn a_new_key_is_opened_with_its_recovery_key_only() {
    let desk = Desk::new();
    let options = for_north_and_safe("baker").replace("consensus", "companion");
    let created = printed(&desk.sealed("create", &options, ""));
    let id = desk.read("store.json").split('"').find(|text| text.len() == 32).unwrap().to_owned();
    assert!(created.starts_with("baker  companion  ") && created.contains(&id), "{created}");
    let checked = printed(&desk.sealed("check", "baker --store store.json", ""));
    assert_eq!(checked, format!("{created}not opened: only its form was checked\n"));
    let opened = printed(&desk.sealed("check", "baker --recovery-key -", &desk.read("safe-private.pem")));
    assert_eq!(opened, format!("{created}opened: public key and signature are right\n"));
    let proof = printed(&desk.sealed("prove", "baker --recovery-key safe-private.pem", ""));
    let proof: SignatureText = proof.trim_end().parse().unwrap();
    let SignatureText::Known(proof @ Signature::Bls(_)) = proof else { panic!("{proof:?}") };
    public_key(&created).verify_possession(None, &proof).unwrap();
    let other = complaint(&desk.sealed("check", "baker --recovery-key cabinet-private.pem", ""));
    assert!(other.contains("it was not sealed for this recovery key (offline:"), "{other}");
    let changed = desk.read("sealed/baker.json").replace("companion", "consensus");
    desk.write("sealed/baker.json", &changed);
    let changed = complaint(&desk.sealed("check", "baker --recovery-key safe-private.pem", ""));
    assert!(changed.contains("it was changed after it was sealed"), "{changed}");
}

#[test]
fn recipients_are_added_rotated_and_removed() {
    let desk = Desk::new();
    let imported = printed(&desk.sealed("import", &for_north_and_safe("baker"), SECRET_KEY));
    let before = desk.read("sealed/baker.json");
    let safe = imported.lines().last().unwrap().rsplit(' ').next().unwrap();
    let options =
        format!("baker --recovery-key safe-private.pem --add {WEST}=west.pem --add cabinet.pem --remove {safe}");
    let rewrapped = desk.sealed("rewrap", &options, "");
    let (output, errors) = (printed(&rewrapped), String::from_utf8_lossy(&rewrapped.stderr).into_owned());
    assert_eq!(errors, "", "the store is the same");
    let recipients: Vec<_> = output.lines().filter_map(|line| line.trim().strip_prefix("recipient  ")).collect();
    assert!(matches!(&recipients[..], [north, west, cabinet] if *north == NORTH && *west == WEST && *cabinet != safe));
    let after: [Value; 2] = [&before, &desk.read("sealed/baker.json")].map(|text| serde_json::from_str(text).unwrap());
    for field in ["nonce", "ciphertext"] {
        assert_ne!(after[0][field], after[1][field], "{field}");
    }
    assert_ne!(after[0]["recipients"][0]["wrapped_key"], after[1]["recipients"][0]["wrapped_key"], "a new data key");
    printed(&desk.sealed("check", "baker --recovery-key cabinet-private.pem --store store.json", ""));

    let before = desk.read("sealed/baker.json");
    for (options, expected) in [
        ("--recovery-key safe-private.pem".to_owned(), "it was not sealed for this recovery key"),
        (format!("--recovery-key cabinet-private.pem --remove {safe}"), "is not a recipient of baker"),
        (format!("--recovery-key cabinet-private.pem --remove {}", recipients[2]), "expected an offline recovery key"),
        (format!("--recovery-key cabinet-private.pem --add {NORTH}=safe.pem"), "occurs twice"),
    ] {
        let complaint = complaint(&desk.sealed("rewrap", &format!("baker {options}"), ""));
        assert!(complaint.contains(expected), "{complaint}");
        assert_eq!(desk.read("sealed/baker.json"), before, "{options}");
    }
}

#[test]
fn a_key_is_recovered_for_other_vaults_and_another_store_with_a_warning_about_its_marks() {
    let desk = Desk::new();
    printed(&desk.sealed("import", &for_north_and_safe("baker"), SECRET_KEY));
    let raise = format!("azurehsm-signer marks raise {MAINNET} {ADDRESS} LEVEL");
    for (options, key, store) in [
        (
            format!(
                "recover --recovery-key safe-private.pem --store recreated.json --recipient {WEST}=west.pem --recipient cabinet.pem"
            ),
            "cabinet",
            "recreated.json",
        ),
        ("rewrap --recovery-key cabinet-private.pem --store store.json".to_owned(), "cabinet", "store.json"),
    ] {
        let (command, options) = options.split_once(' ').unwrap();
        let output = desk.sealed(command, &format!("baker {options}"), "");
        assert!(printed(&output).contains(WEST) && !printed(&output).contains(NORTH), "{output:?}");
        let warning = String::from_utf8_lossy(&output.stderr);
        assert!(warning.starts_with("warning: the marks of") && warning.contains(&raise), "{warning}");
        printed(&desk.sealed("check", &format!("baker --recovery-key {key}-private.pem --store {store}"), ""));
    }
    let elsewhere = complaint(&desk.sealed("check", "baker --store recreated.json", ""));
    assert!(elsewhere.contains("it is sealed for another store"), "{elsewhere}");
}

#[test]
fn a_file_that_is_not_a_sealed_key_does_not_hide_the_others() {
    let desk = Desk::new();
    printed(&desk.sealed("create", &for_north_and_safe("baker"), ""));
    desk.write("sealed/empty.json", "");
    desk.write("sealed/long.json", &"[".repeat(70_000));
    // What a command that was killed leaves behind.
    desk.write("sealed/other.new", "{");
    let output = desk.sealed("list", "", "");
    let errors = complaint(&output);
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("baker  consensus  "), "{output:?}");
    for expected in [
        "sealed/empty.json: not a sealed key",
        "sealed/long.json: 65537 bytes, expected at most 65536",
        "2 sealed keys cannot be used",
    ] {
        assert!(errors.contains(expected), "{errors}");
    }
}

#[test]
fn what_could_not_be_opened_or_would_be_less_safe_is_not_sealed() {
    let desk = Desk::new();
    printed(&desk.sealed("create", &for_north_and_safe("baker"), ""));
    let before = desk.read("sealed/baker.json");
    desk.write("no-rid.json", &container("").to_string());
    desk.write("changed.json", &desk.read("store.json").replacen("\"id\":\"", "\"id\":\"0", 1));
    desk.write("later.json", r#"{"store": "embedded", "id": "00112233445566778899aabbccddeeff", "digest": "00"}"#);
    let options = |from: &str, to: &str| for_north_and_safe("other").replacen(from, to, 1);
    for (options, expected) in [
        (for_north_and_safe("baker"), "sealed/baker.json already exists"),
        (options("store.json", "no-rid.json"), "the container has no _rid"),
        (options("store.json", "changed.json"), "the digest is not that of this store"),
        (options("store.json", "later.json"), "the digest is not that of this store"),
        (options("store.json", "missing.json"), "missing.json: No such file"),
        (options("store.json", "north.pem"), "north.pem: "),
        (options("--recipient safe.pem", ""), "expected an offline recovery key"),
        (options(&format!("--recipient {NORTH}=north.pem"), ""), "expected a recipient in a vault"),
        (options(" safe.pem", " safe-private.pem"), "this is a private key, and only the public one is needed here"),
        (options(" safe.pem", " north.pem"), "has the public key of another recipient"),
        (options(" safe.pem", " store.json"), "store.json: expected an RSA public key in PEM"),
    ] {
        let complaint = complaint(&desk.sealed("create", &options, ""));
        assert!(complaint.contains(expected), "{complaint}\nexpected {expected}");
    }
    let p256 =
        complaint(&desk.sealed("import", &options("", ""), "p2sk2g5Btw8MK7fnhQg9d7DaE8QYX8A89BLWaqWTQcHuATYY3ABjD9"));
    assert!(p256.contains("only tz4 keys are sealed (BLsk…), and this is a p256 key"), "{p256}");
    // Arguments that are wrong in themselves.
    for (options, expected) in [
        (options("=north.pem", "="), "az keyvault key download"),
        // Whether the key could be released would not show in its public key.
        (options(&format!("{NORTH}=north.pem"), &format!("release:{NORTH}")), &format!("key download --id {NORTH} ")),
        (options("/0123456789abcdef0123456789abcdef", ""), "expected <name>/<version>"),
        (options("consensus", "baker"), "expected consensus or companion"),
    ] {
        let output = desk.sealed("create", &options, "");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && complaint.contains(expected), "{complaint}\nexpected {expected}");
    }
    assert_eq!(desk.read("sealed/baker.json"), before);
    assert!(!desk.path("sealed/other.json").exists());
}

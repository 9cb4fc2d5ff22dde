//! Sealed keys, served together with the keys of the vault.

mod confidential;
mod files;
mod opening;

use super::ANY_OPERATION;
use crate::azure::cloud::{self, always, baker, next, told_by};
use crate::azure::instance::{Instance, command, run};
use crate::support::eventually::eventually;
use crate::support::payloads::{MAINNET, block, bls_attestation, payload, transfer};
use crate::support::process::{printed, with_input};
use crate::support::rsa_keys;
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::{Azure, Effect, Faults, KeyVersion, NewKey, Operation};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// The refresh of keys, so that a test need not wait for minutes.
pub(super) const EVERY_SECOND: (&str, &str) = ("KEYS_REFRESH_SECONDS", "1");

/// The stand-ins, with an RSA key in the vault, and a folder of sealed keys.
pub(super) struct Bakery {
    pub(super) azure: Azure,
    folder: TempDir,
    /// The RSA key in the vault.
    pub(super) recipient: String,
}

/// A sealed key.
pub(super) struct Sealed {
    pub(super) hash: String,
    pub(super) public_key: String,
}

impl Bakery {
    pub(super) fn new() -> Self {
        let azure = cloud::start();
        azure.key_vault.allow_unwrap(true);
        let folder = tempfile::tempdir().unwrap();
        rsa_keys::write_to(folder.path());
        let mut bakery = Self { azure, folder, recipient: String::new() };
        bakery.recipient = bakery.add_recipient(&bakery.azure, "north");
        bakery.write_store();
        bakery
    }

    /// Adds an RSA key of the test vectors to a vault, or a version of it, and returns its identifier.
    pub(super) fn add_recipient(&self, region: &Azure, name: &str) -> String {
        let pem = std::fs::read_to_string(self.path(&format!("{name}-private.pem"))).unwrap();
        let key = NewKey::unwrapping_from_pem("sealing", &pem).unwrap();
        let KeyVersion { name, version } = region.key_vault.add_key(key);
        format!("{}keys/{name}/{version}", region.key_vault.url())
    }

    /// Writes the identity of the mark store to a file.
    pub(super) fn write_store(&self) {
        let store = eventually("the identity of the store", || {
            let output = run(&self.azure, &["marks", "store", "--json"]);
            output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
        });
        std::fs::write(self.path("store.json"), store).unwrap();
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn faults(&self) -> &Faults {
        self.azure.key_vault.faults()
    }

    /// Runs a command on sealed keys.
    pub(super) fn run(&self, options: &str) -> String {
        self.run_with_input(options, "")
    }

    pub(super) fn run_with_input(&self, options: &str, input: &str) -> String {
        let mut command = command(&self.azure, &[]);
        command.args(["sealed"]).args(options.split_whitespace()).current_dir(self.folder.path());
        printed(&with_input(&mut command, input))
    }

    /// Creates a key. A first recipient cannot be reached, as if its region was lost.
    pub(super) fn create(&self, name: &str, role: &str) -> Sealed {
        let lost = "https://lost.vault.localhost:1/keys/sealing/0123=west.pem";
        self.create_for(name, role, &[lost, &format!("{}=north.pem", self.recipient), "safe.pem"])
    }

    /// Creates a key for these recipients.
    pub(super) fn create_for(&self, name: &str, role: &str, recipients: &[&str]) -> Sealed {
        Sealed::printed(&self.run(&format!("create {}", sealing(name, role, recipients))))
    }

    pub(super) fn start(&self, settings: &[(&str, &str)]) -> Instance {
        let folder = self.path("sealed");
        let settings = [&[("SEALED_KEYS_DIR", folder.to_str().unwrap()), EVERY_SECOND], settings].concat();
        Instance::start(&self.azure, &settings)
    }
}

/// The options of `create` and `import`.
pub(super) fn sealing(name: &str, role: &str, recipients: &[&str]) -> String {
    let recipients = recipients.join(" --recipient ");
    format!("{name} --role {role} --chain {MAINNET} --store store.json --recipient {recipients}")
}

impl Sealed {
    /// The key of which a command has printed `<name>  <role>  <chain>  <address>  <public key>`.
    pub(super) fn printed(created: &str) -> Self {
        let mut words = created.lines().next().unwrap().rsplit("  ").map(str::to_owned);
        let public_key = words.next().unwrap();
        Self { hash: words.next().unwrap(), public_key }
    }

    pub(super) fn verify(&self, payload: &[u8], signature: &str) {
        let id = KeyVersion { name: String::new(), version: String::new() };
        told_by(id, &self.public_key).verify(payload, signature);
    }
}

/// How often a signer has opened a sealed key.
pub(super) fn opened(signer: &Instance) -> usize {
    signer.log().iter().filter(|line| line.contains("sealed_key_opened")).count()
}

fn bls_preattestation(level: u32) -> Vec<u8> {
    let mut payload = bls_attestation(level, 0, 0);
    (payload[0], payload[37]) = (0x12, 40);
    payload
}

#[test]
fn sealed_keys_sign_by_role_next_to_the_vaults_keys_with_marks_that_survive() {
    let bakery = Bakery::new();
    let tz3 = baker(&bakery.azure);
    let (consensus, companion) = (bakery.create("consensus", "consensus"), bakery.create("companion", "companion"));
    let signers = [bakery.start(&[ANY_OPERATION]), bakery.start(&[ANY_OPERATION])];
    let vote = bls_attestation(5, 0, 0);
    for key in [&consensus, &companion] {
        for signer in &signers {
            key.verify(&vote, &signer.eventually_signs(&key.hash, &vote));
            let other = signer.sign(&key.hash, &bls_attestation(5, 0, 1));
            assert_eq!(other.status, 409, "{other:?}");
        }
    }
    tz3.verify(
        &payload(Kind::Attestation, 5, 0, 0),
        &signers[0].eventually_signs(&tz3.hash, &payload(Kind::Attestation, 5, 0, 0)),
    );
    let mut elsewhere = bls_attestation(6, 0, 0);
    elsewhere[1] ^= 1;
    for (payload, by_consensus, by_companion) in [
        (bls_preattestation(6), 200, 403),
        (block(6, 0, 0), 200, 403),
        (elsewhere, 403, 403),
        // The default rules of the policy allow it.
        (transfer(1, 1), 403, 403),
        (bls_attestation(6, 0, 0), 200, 200),
    ] {
        for (key, expected) in [(&consensus, by_consensus), (&companion, by_companion)] {
            let answer = signers[0].sign(&key.hash, &payload);
            assert_eq!(answer.status, expected, "{} {answer:?}", hex::encode(&payload));
        }
    }
    let unwraps = bakery.azure.key_vault.requests(Operation::UnwrapKey);
    for level in 7..12 {
        signers[1].sign(&consensus.hash, &bls_attestation(level, 0, 0)).signature();
    }
    assert_eq!(bakery.azure.key_vault.requests(Operation::UnwrapKey), unwraps, "no signature waits for a vault");
    for signer in signers {
        let log = signer.stop().join("\n");
        assert!(log.contains("sealed_key_opened"), "{log}");
    }
    let restarted = bakery.start(&[]);
    restarted.eventually_signs(&consensus.hash, &bls_attestation(12, 0, 0));
    assert_eq!(restarted.sign(&consensus.hash, &bls_attestation(11, 0, 1)).status, 409);
}

#[test]
fn operations_are_signed_by_a_consensus_key_that_the_policy_names() {
    let bakery = Bakery::new();
    let (consensus, companion) = (bakery.create("consensus", "consensus"), bakery.create("companion", "companion"));
    let policy = format!(
        r#"{{"keys": {{"{}": {{"operations": ["any"]}}, "{}": {{"operations": ["any"]}}}}}}"#,
        consensus.hash, companion.hash
    );
    let signer = bakery.start(&[("POLICY", &policy)]);
    consensus.verify(&transfer(1, 1), &signer.eventually_signs(&consensus.hash, &transfer(1, 1)));
    signer.eventually_signs(&companion.hash, &bls_attestation(5, 0, 0));
    assert_eq!(signer.sign(&companion.hash, &transfer(1, 1)).status, 403);
}

#[test]
fn until_a_vault_unwraps_requests_fail_and_are_not_refused() {
    let status = |status, retry_after| Effect::Status { status, sub_status: None, retry_after };
    for (name, times, effect) in [
        ("403", 3, status(403, None)),
        ("429", 2, status(429, Some(Duration::from_secs(1)))),
        ("500 after the work", 2, Effect::StatusAfterWork { status: 500, sub_status: None, retry_after: None }),
        ("hang", 1, Effect::Hang),
        ("lost answer", 1, Effect::CloseAfterWork),
    ] {
        let bakery = Bakery::new();
        let key = bakery.create("baker", "consensus");
        always(bakery.faults(), Operation::UnwrapKey, Effect::Hang);
        let signer = bakery.start(&[("REQUEST_DEADLINE_MS", "300")]);
        let vote = bls_attestation(5, 0, 0);
        let failed = signer.sign(&key.hash, &vote);
        assert_eq!(failed.status, 500, "{name}: {failed:?}");
        bakery.faults().clear();
        next(times, bakery.faults(), Operation::UnwrapKey, effect);
        key.verify(&vote, &signer.eventually_signs(&key.hash, &vote));
    }
}

#[test]
fn recipients_are_rotated_while_the_key_signs_and_a_removed_file_ends_it() {
    let bakery = Bakery::new();
    let key = bakery.create("baker", "consensus");
    let signer = bakery.start(&[]);
    signer.eventually_signs(&key.hash, &bls_attestation(5, 0, 0));
    // The new version cannot be opened for now, and the old one still signs.
    always(bakery.faults(), Operation::UnwrapKey, Effect::Hang);
    bakery
        .run("rewrap baker --recovery-key safe-private.pem --remove https://lost.vault.localhost:1/keys/sealing/0123");
    let called = bakery.azure.key_vault.requests(Operation::UnwrapKey);
    eventually("a call for the new version", || {
        (bakery.azure.key_vault.requests(Operation::UnwrapKey) > called).then_some(())
    });
    signer.sign(&key.hash, &bls_attestation(6, 0, 0)).signature();
    // The search has ended without it.
    signer.logged("keys_unreadable");
    signer.sign(&key.hash, &bls_attestation(7, 0, 0)).signature();
    bakery.faults().clear();
    eventually("the new version", || (opened(&signer) == 2).then_some(()));
    signer.sign(&key.hash, &bls_attestation(8, 0, 0)).signature();
    std::fs::remove_file(bakery.path("sealed/baker.json")).unwrap();
    eventually("the end", || (signer.sign(&key.hash, &bls_attestation(8, 0, 0)).status == 404).then_some(()));
}

#[test]
fn a_role_without_unwrap_opens_nothing_and_says_so() {
    let bakery = Bakery::new();
    let key = bakery.create("baker", "consensus");
    bakery.azure.key_vault.allow_unwrap(false);
    let signer = bakery.start(&[]);
    let line = signer.logged("sealed_key_unusable");
    // One recipient's vault denies it, and the other one cannot be reached.
    for words in [bakery.azure.key_vault.url().as_str(), "unwrap", "Connection refused"] {
        assert!(line.contains(words), "{words} in {line}");
    }
    assert_eq!(signer.sign(&key.hash, &bls_attestation(5, 0, 0)).status, 500);
    bakery.azure.key_vault.allow_unwrap(true);
    signer.eventually_signs(&key.hash, &bls_attestation(5, 0, 0));
}

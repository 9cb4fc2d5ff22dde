//! Recipients whose keys a vault releases to a confidential container, through its sidecar.

use super::{Bakery, Sealed};
use crate::azure::cloud::always;
use crate::azure::instance::{Instance, command};
use crate::support::payloads::bls_attestation;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use stand_ins::{Delay, Effect, KeyRelease, KeyVersion, NewKey, Operation, release_policy};
use std::time::Duration;

/// A bakery with a sidecar, and a key in the vault that it has released.
struct Container {
    bakery: Bakery,
    sidecar: KeyRelease,
    released: KeyVersion,
    /// With the file of its public key.
    recipient: String,
}

impl Container {
    fn new() -> Self {
        let bakery = Bakery::new();
        bakery.azure.key_vault.allow_release(true);
        let sidecar = bakery.azure.try_start_key_release().unwrap();
        let policy = release_policy(sidecar.attestation_endpoint(), sidecar.host_data());
        let released =
            bakery.azure.key_vault.add_key(NewKey::releasable("release", pkcs8(&bakery, "confidential"), policy));
        let KeyVersion { name, version } = &released;
        let recipient = format!("release:https://{}/keys/{name}/{version}=confidential.pem", sidecar.vault_host());
        Self { bakery, sidecar, released, recipient }
    }

    /// Seals a key for the released key and the recovery key.
    fn create(&self) -> Sealed {
        self.bakery.create_for("baker", "consensus", &[&self.recipient, "safe.pem"])
    }

    fn start(&self, settings: &[(&str, &str)]) -> Instance {
        let url = self.sidecar.url();
        self.bakery.start(&[&self.settings(&url), settings].concat())
    }

    fn settings<'a>(&'a self, url: &'a str) -> [(&'a str, &'a str); 2] {
        [("SECURE_KEY_RELEASE_URL", url), ("ATTESTATION_ENDPOINT", self.sidecar.attestation_endpoint())]
    }

    /// What the doctor finds about opening sealed keys: check, outcome and text.
    fn examined(&self, settings: &[(&str, &str)]) -> Vec<[String; 3]> {
        let folder = self.bakery.path("sealed");
        let settings = [&[("SEALED_KEYS_DIR", folder.to_str().unwrap())], settings].concat();
        let output = command(&self.bakery.azure, &settings).args(["doctor", "--json"]).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings = report["findings"].as_array().unwrap().iter();
        let texts = findings.map(|finding| ["check", "outcome", "text"].map(|name| finding[name].to_string()));
        texts.filter(|[check, ..]| ["\"sealed.unwrap\"", "\"sealed.key\""].contains(&check.as_str())).collect()
    }

    fn releases(&self) -> u64 {
        self.sidecar.requests(Operation::ReleaseKey)
    }
}

/// What breaks something, or corrects it.
type Action<'a> = &'a dyn Fn();

fn pkcs8(bakery: &Bakery, name: &str) -> Vec<u8> {
    let pem = std::fs::read_to_string(bakery.path(&format!("{name}-private.pem"))).unwrap();
    STANDARD.decode(pem.lines().filter(|line| !line.starts_with("-----")).collect::<String>()).unwrap()
}

fn vote(level: u32) -> Vec<u8> {
    bls_attestation(level, 0, 0)
}

#[test]
fn the_sidecar_opens_a_key_that_no_vault_unwraps_and_the_released_key_is_in_no_log() {
    let container = Container::new();
    container.bakery.azure.key_vault.allow_unwrap(false);
    let key = container.create();
    let listed = container.bakery.run("list");
    let line = format!("  recipient  {}  (only as safe as", container.recipient.trim_end_matches("=confidential.pem"));
    assert!(listed.contains(&line) && container.bakery.run("check baker").contains(&line), "{listed}");
    let signer = container.start(&[("RUST_LOG", "trace")]);
    key.verify(&vote(5), &signer.eventually_signs(&key.hash, &vote(5)));
    let releases = container.releases();
    signer.sign(&key.hash, &vote(6)).signature();
    assert_eq!(container.releases(), releases, "no signature waits for a release");
    let log = signer.stop().join("\n");
    assert!(log.contains("key_release_used") && log.contains("sealed_key_opened"), "{log}");
    // The second half of the private key: its prime factors and exponents.
    let private = pkcs8(&container.bakery, "confidential");
    let in_jwk = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let shown = [0, 1, 2].map(|offset| in_jwk.encode(&private[1000 + offset..1030 + offset]));
    assert!(!shown.iter().any(|part| log.contains(&part[2..part.len() - 2])), "a part of the key is in the log");
    assert!(!log.contains("\"kty") && !log.contains("\\\"kty"), "the answer is in the log");
}

#[test]
fn a_key_that_is_not_released_or_is_another_one_opens_nothing_until_that_is_corrected() {
    let container = Container::new();
    let (vault, sidecar, KeyVersion { name, version }) =
        (&container.bakery.azure.key_vault, &container.sidecar, &container.released);
    let key = container.create();
    let policy = release_policy(sidecar.attestation_endpoint(), sidecar.host_data());
    let other = vault.add_key(NewKey::releasable("other", pkcs8(&container.bakery, "west"), policy));
    let other = format!("{}/{}", other.name, other.version);
    let set_exportable = |exportable| assert!(vault.set_exportable(name, version, exportable));
    let status = |status| always(sidecar.faults(), Operation::ReleaseKey, Effect::status(status));
    let rows: [(_, _, Action<'_>, Action<'_>); 6] = [
        ("no role", "keys/release/action", &|| vault.allow_release(false), &|| vault.allow_release(true)),
        ("not exportable", "not exportable", &|| set_exportable(false), &|| set_exportable(true)),
        (
            "the key of another",
            "the released key is not that of the recipient",
            &|| sidecar.release_instead(Some(other.clone())),
            &|| sidecar.release_instead(None),
        ),
        ("403", "key release: 403: secure key release failed", &|| status(403), &|| sidecar.faults().clear()),
        ("500", "key release: 500: secure key release failed", &|| status(500), &|| sidecar.faults().clear()),
        (
            "hang",
            "no vault has answered in time",
            &|| always(sidecar.faults(), Operation::ReleaseKey, Effect::Hang),
            &|| sidecar.faults().clear(),
        ),
    ];
    for (level, (what, reason, break_it, correct_it)) in (5..).zip(rows) {
        break_it();
        let signer = container.start(&[("REQUEST_DEADLINE_MS", "300")]);
        let line = signer.logged("sealed_key_unusable");
        assert!(line.contains(reason), "{what}: {line}");
        let failed = signer.sign(&key.hash, &vote(level));
        assert_eq!(failed.status, 500, "{what}: {failed:?}");
        correct_it();
        key.verify(&vote(level), &signer.eventually_signs(&key.hash, &vote(level)));
    }
}

#[test]
fn a_sidecar_that_starts_later_opens_the_key_then() {
    let container = Container::new();
    let key = container.create();
    container.sidecar.refuse_connections(true);
    let signer = container.start(&[]);
    let line = signer.logged("sealed_key_unusable");
    assert!(line.contains(&container.sidecar.url()) && line.contains("Connection refused"), "{line}");
    assert_eq!(signer.sign(&key.hash, &vote(5)).status, 500);
    container.sidecar.refuse_connections(false);
    key.verify(&vote(5), &signer.eventually_signs(&key.hash, &vote(5)));
}

#[test]
fn a_slow_release_has_the_time_for_an_attestation_and_two_calls() {
    let container = Container::new();
    let key = container.create();
    let slow = Effect::Delay(Delay::Fixed(Duration::from_secs(8)));
    always(container.sidecar.faults(), Operation::ReleaseKey, slow);
    let signer = container.start(&[]);
    signer.logged("sealed_key_opened");
    key.verify(&vote(5), &signer.eventually_signs(&key.hash, &vote(5)));
}

#[test]
fn of_both_kinds_of_recipients_the_one_that_works_opens_the_key() {
    let container = Container::new();
    let bakery = &container.bakery;
    let in_vault = format!("{}=north.pem", bakery.recipient);
    let key = bakery.create_for("baker", "consensus", &[&container.recipient, &in_vault, "safe.pem"]);
    always(container.sidecar.faults(), Operation::ReleaseKey, Effect::Hang);
    let signer = container.start(&[]);
    key.verify(&vote(5), &signer.eventually_signs(&key.hash, &vote(5)));
    assert!(container.releases() > 0, "the first recipient had its turn");
    container.sidecar.faults().clear();
    bakery.azure.key_vault.allow_unwrap(false);
    container.start(&[]).eventually_signs(&key.hash, &vote(6));
    // A function app next to it uses the vault, and no sidecar.
    bakery.azure.key_vault.allow_unwrap(true);
    let releases = container.releases();
    bakery.start(&[]).eventually_signs(&key.hash, &vote(7));
    assert_eq!(container.releases(), releases);
}

#[test]
fn outside_a_container_a_key_for_containers_only_is_unusable() {
    let container = Container::new();
    let key = container.create();
    let signer = container.bakery.start(&[]);
    signer.logged("sealed_key_unusable");
    let refused = signer.eventually_answers(&key.hash, &vote(5));
    assert_eq!(refused.status, 404, "{refused:?}");
    assert!(refused.error().contains("SECURE_KEY_RELEASE_URL is not set"), "{refused:?}");
    assert_eq!(container.releases(), 0);
}

#[test]
fn the_doctor_has_the_key_released_as_the_signer_does() {
    let container = Container::new();
    container.create();
    let url = container.sidecar.url();
    let inside = container.settings(&url);
    for (settings, is_released, expected) in [
        (&inside[..], true, [("ok", "opens: public key and signature are right"), ("ok", "consensus on")]),
        (&inside, false, [("failed", "key release: 403"), ("failed", "no recipient's vault opens it")]),
        (&[], true, [("skipped", "SECURE_KEY_RELEASE_URL is not set"), ("failed", "no recipient's vault opens it")]),
    ] {
        container.bakery.azure.key_vault.allow_release(is_released);
        let found = container.examined(settings);
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for ([_, outcome, text], (expected, words)) in found.iter().zip(expected) {
            assert!(outcome.contains(expected) && text.contains(words), "{expected} {words}: {found:#?}");
        }
    }
}

//! Client certificates: presented by the relay, forwarded by the platform, and compared with a list by the signer.

use super::{Settings, borrowed, check};
use crate::azure::cloud::{self, KnownKey, baker};
use crate::relay::setup::Relay;
use crate::support::eventually::eventually;
use crate::support::http::{self, Answer, request};
use crate::support::payloads;
use crate::support::process::Signer;
use stand_ins::{Access, Azure, FunctionApp, KeyAndCertificate};
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use tempfile::TempDir;

/// The variables that the platform and its Functions host set.
pub(super) const PLATFORM: [(&str, &str); 2] =
    [("FUNCTIONS_CUSTOMHANDLER_PORT", "0"), ("WEBSITE_INSTANCE_ID", "instance")];

/// A signer as the platform runs it, behind a front end that requires a client certificate.
pub(super) struct Required {
    pub(super) azure: Azure,
    pub(super) key: KnownKey,
    pub(super) signer: Signer,
    pub(super) app: FunctionApp,
    pub(super) folder: TempDir,
}

impl Required {
    /// The signer accepts these certificates. `access` is what else is required.
    pub(super) fn start(azure: Azure, thumbprints: &[String], access: Access, settings: &[(&str, &str)]) -> Self {
        let key = baker(&azure);
        let list = thumbprints.join(",");
        let settings = [&PLATFORM[..], &[("CLIENT_CERTIFICATES", list.as_str())], settings].concat();
        // Under the host, warnings go to standard error.
        let mut command = Command::new("sh");
        let script = format!("exec '{}' 2>&1", env!("CARGO_BIN_EXE_azurehsm-signer"));
        command.args(["-c", &script]).env_clear().envs(azure.environment()).envs(settings);
        let signer = Signer::start_as(command);
        eventually("the signer is ready", || {
            (http::get(signer.address, "/health").unwrap().status == 200).then_some(())
        });
        let access = Access { client_certificate: true, ..access };
        let app = FunctionApp::start_with(IpAddr::V4(Ipv4Addr::LOCALHOST), signer.address, access).unwrap();
        Self { azure, key, signer, app, folder: tempfile::tempdir().unwrap() }
    }

    /// Writes the files, and returns the settings of the relay for them.
    pub(super) fn present(&self, own: &KeyAndCertificate) -> Settings {
        let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| self.folder.path().join(name));
        fs::write(&certificate, &own.certificate_pem).unwrap();
        fs::write(&key, &own.key_pem).unwrap();
        vec![
            ("RELAY_CLIENT_CERTIFICATE_FILE", certificate.display().to_string()),
            ("RELAY_CLIENT_KEY_FILE", key.display().to_string()),
            ("SSL_CERT_FILE", self.app.authority_file().display().to_string()),
        ]
    }

    pub(super) fn relay(&self, settings: &Settings) -> Relay {
        let relay = Relay::start_before(self.folder.path(), &self.app.url(), &borrowed(settings));
        relay.wait_until_ready();
        relay
    }

    pub(super) fn sign(&self, relay: &Relay, level: u32) -> Answer {
        relay.sign(&self.key.hash, &payloads::attestation(level, 0, 1).bytes())
    }
}

#[test]
fn a_changed_certificate_is_used_for_new_connections_and_no_vote_is_lost() {
    let [first, second] = [0, 1].map(|_| KeyAndCertificate::generate(2090).unwrap());
    let thumbprints = [first.thumbprint().to_uppercase(), second.sha_1_thumbprint()];
    let required = Required::start(cloud::start(), &thumbprints, Access::default(), &[]);
    let relay = required.relay(&required.present(&first));
    let mut level = 0;
    let mut vote = || {
        level += 1;
        required.sign(&relay, level).signature();
    };
    vote();
    // The two files are replaced one after the other.
    fs::write(required.folder.path().join("certificate.pem"), &second.certificate_pem).unwrap();
    let line = relay.0.wait_for_log("relay_client_certificate_unusable");
    assert!(line.contains("expected the private key of the certificate"), "{line}");
    vote();
    fs::write(required.folder.path().join("key.pem"), &second.key_pem).unwrap();
    eventually("the second certificate is used", || {
        vote();
        (required.app.client_certificates().last() == Some(&second.certificate)).then_some(())
    });
    relay.0.wait_for_log("relay_client_certificate_changed");
    for _ in 0..20 {
        vote();
    }
    assert_eq!(required.app.client_certificates(), [first.certificate, second.certificate]);
}

#[test]
fn the_check_says_what_is_wrong_with_a_certificate() {
    let [listed, other] = [0, 1].map(|_| KeyAndCertificate::generate(2090).unwrap());
    let expired = KeyAndCertificate::generate(2020).unwrap();
    let thumbprints = [listed.thumbprint(), expired.thumbprint()];
    let required = Required::start(cloud::start(), &thumbprints, Access::default(), &[]);
    let (folder, url) = (required.folder.path(), required.app.url());
    let not_listed = format!("the client certificate with the SHA-256 thumbprint {} is not in", other.thumbprint());
    for (certificate, expected) in [
        (&listed, "client certificate valid until 2090-12-31T00:00:00Z"),
        (&other, not_listed.as_str()),
        (&expired, "FAIL"),
        (&expired, "the client certificate expired on 2020-12-31T00:00:00Z: replace RELAY_CLIENT_CERTIFICATE_FILE"),
    ] {
        let report = check(folder, &url, &required.present(certificate));
        let is_ok = certificate.certificate == listed.certificate;
        assert!(report.iter().any(|line| line.contains(expected)), "{expected}: {report:#?}");
        assert_eq!(report[0].starts_with("FAIL"), !is_ok, "{report:#?}");
    }
    let settings = required.present(&listed);
    let none: Settings = settings.iter().filter(|(name, _)| *name == "SSL_CERT_FILE").cloned().collect();
    let report = check(folder, &url, &none);
    assert!(report[0].contains("requires a client certificate (RELAY_CLIENT_CERTIFICATE_FILE)"), "{report:#?}");

    // A relay with such a certificate passes the signer's reason on.
    let relay = required.relay(&settings);
    required.sign(&relay, 1).signature();
    required.present(&other);
    let refused = eventually("the certificate is refused", || {
        let answer = required.sign(&relay, 2);
        (answer.status == 401).then_some(answer)
    });
    assert!(refused.error().contains(&not_listed), "{refused:?}");
    required.signer.wait_for_log("client_certificate_rejected");
}

#[test]
fn without_a_listed_certificate_the_signer_answers_health_checks_alone() {
    let listed = KeyAndCertificate::generate(2090).unwrap();
    let required = Required::start(cloud::start(), &[listed.thumbprint()], Access::default(), &[]);
    let key = format!("/keys/{}", required.key.hash);
    for (method, path) in [("GET", "/keys"), ("GET", "/authorized_keys"), ("GET", key.as_str()), ("POST", key.as_str())]
    {
        for header in ["x-other: 1", "x-arr-clientcert: AAAA", "x-arr-clientcert: -"] {
            let request = request(method, path, &["connection: close", header], "\"03\"");
            let answer = http::send(required.signer.address, request.as_bytes()).unwrap();
            let reason = (answer.status, answer.header("x-signer-verdict"), answer.header("x-signer-reason"));
            assert_eq!(reason, (401, "refused", "unauthenticated"), "{method} {path} {header}: {answer:?}");
            assert!(answer.error().contains("client certificate"), "{answer:?}");
        }
    }
    for path in ["/", "/health"] {
        assert_eq!(http::get(required.signer.address, path).unwrap().status, 200, "{path}");
    }
}

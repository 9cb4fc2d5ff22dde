//! Microsoft Entra tokens, for apps behind App Service authentication.

use super::{AUDIENCE, SCOPE, Settings, borrowed, check, managed_identity};
use crate::azure::cloud::{self, always};
use crate::relay::setup::{Relay, Setup};
use crate::support::eventually::eventually;
use crate::support::payloads;
use stand_ins::{
    Access, Application, ApplicationCredential, Azure, Effect, Entra, FunctionApp, KeyAndCertificate, Operation,
    Options,
};
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

const TENANT: &str = "11112222-tenant";
const CLIENT: &str = "33334444-client";

/// A signer behind App Service authentication.
struct Protected {
    setup: Setup,
    azure: Azure,
    app: FunctionApp,
}

impl Protected {
    fn start(token_life: Duration, function_key: Option<&str>) -> Self {
        let azure = cloud::start_with(Options { token_life, ..Options::default() });
        let setup = Setup::start();
        let access = Access {
            function_key: function_key.map(str::to_owned),
            token: Some((azure.identity.clone(), AUDIENCE.to_owned())),
            ..Access::default()
        };
        let app = FunctionApp::start_with(IpAddr::V4(Ipv4Addr::LOCALHOST), setup.signer.address, access).unwrap();
        Self { setup, azure, app }
    }

    fn folder(&self) -> &Path {
        self.setup.folder.path()
    }

    /// What the relay needs in addition to these settings.
    fn settings(&self, of_identity: Settings) -> Settings {
        let authority = self.app.authority_file().display().to_string();
        [vec![("RELAY_TOKEN_SCOPE", SCOPE.to_owned()), ("SSL_CERT_FILE", authority)], of_identity].concat()
    }

    fn relay(&self, settings: &[(&'static str, String)]) -> Relay {
        let relay = Relay::start_before(self.folder(), &self.app.url(), &borrowed(settings));
        relay.wait_until_ready();
        relay
    }

    fn sign(&self, relay: &Relay, level: u32) {
        relay.sign(&self.setup.key, &payloads::attestation(level, 0, 1).bytes()).signature();
    }

    /// An application with this credential, and the settings of the relay for it.
    fn application(&self, credential: ApplicationCredential, settings: Settings) -> (Entra, Settings) {
        let application = Application { tenant_id: TENANT.to_owned(), client_id: CLIENT.to_owned(), credential };
        let entra = Entra::start(&self.azure.identity, application).unwrap();
        let bundle = self.folder().join("authorities.pem");
        fs::write(&bundle, [self.app.authority_pem(), entra.authority_pem()].concat()).unwrap();
        let of_entra = vec![
            ("AZURE_TENANT_ID", TENANT.to_owned()),
            ("AZURE_CLIENT_ID", CLIENT.to_owned()),
            ("AZURE_AUTHORITY_HOST", entra.url()),
            ("SSL_CERT_FILE", bundle.display().to_string()),
        ];
        (entra, self.settings([of_entra, settings].concat()))
    }
}

fn signs_and_reports(protected: &Protected, settings: &[(&'static str, String)], source: &str) {
    let relay = protected.relay(settings);
    protected.sign(&relay, 1);
    let report = check(protected.folder(), &protected.app.url(), settings);
    let valid = format!("credential: token of the {source}, valid until 2");
    assert!(report.iter().any(|line| line.contains(&valid)), "{report:#?}");
    assert!(report.iter().any(|line| line.ends_with("credential: accepted")), "{report:#?}");
    assert!(!report.iter().any(|line| line.starts_with("FAIL")), "{report:#?}");
}

#[test]
fn a_managed_identity_is_accepted() {
    let protected = Protected::start(Duration::from_hours(1), None);
    let settings = protected.settings(managed_identity(&protected.azure));
    signs_and_reports(&protected, &settings, "managed identity (App Service)");
}

#[test]
fn a_workload_identity_is_accepted() {
    let protected = Protected::start(Duration::from_hours(1), None);
    let file = protected.folder().join("federated-token");
    fs::write(&file, "a token of Kubernetes").unwrap();
    let credential = ApplicationCredential::Federated("a token of Kubernetes".to_owned());
    let (_entra, settings) =
        protected.application(credential, vec![("AZURE_FEDERATED_TOKEN_FILE", file.display().to_string())]);
    signs_and_reports(&protected, &settings, "workload identity");
}

#[test]
fn a_service_principal_with_a_certificate_is_accepted() {
    let protected = Protected::start(Duration::from_hours(1), None);
    let [own, other] = [0, 1].map(|_| KeyAndCertificate::generate_rsa(2090).unwrap());
    let file = protected.folder().join("principal.pem");
    fs::write(&file, own.certificate_pem.clone() + &own.key_pem).unwrap();
    let credential = ApplicationCredential::Certificate { certificate: own.certificate, public_key: own.public_key };
    let (_entra, settings) =
        protected.application(credential, vec![("AZURE_CLIENT_CERTIFICATE_PATH", file.display().to_string())]);
    signs_and_reports(&protected, &settings, "service principal with certificate");

    let elliptic = KeyAndCertificate::generate(2090).unwrap();
    for (pem, expected) in [
        (other.certificate_pem + &other.key_pem, "invalid signature"),
        (elliptic.certificate_pem + &elliptic.key_pem, "expected an RSA private key"),
        (own.certificate_pem, "expected an unencrypted private key"),
    ] {
        fs::write(&file, pem).unwrap();
        let report = check(protected.folder(), &protected.app.url(), &settings);
        assert!(report[0].contains(expected) && report[0].contains("AZURE_CLIENT_CERTIFICATE_PATH"), "{report:#?}");
    }
}

#[test]
fn a_login_of_the_azure_cli_is_accepted() {
    let protected = Protected::start(Duration::from_hours(1), None);
    let (token, until) = protected.azure.identity.issue(AUDIENCE);
    let until = until.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let az = protected.folder().join("az");
    let script = format!(
        "#!/bin/sh\n[ \"$*\" = 'account get-access-token -o json --scope {SCOPE}' ] || exit 1\n\
         echo '{{\"accessToken\": \"{token}\", \"expires_on\": {until}, \"tokenType\": \"Bearer\"}}'\n"
    );
    fs::write(&az, script).unwrap();
    fs::set_permissions(&az, fs::Permissions::from_mode(0o755)).unwrap();
    let settings = protected.settings(vec![("PATH", format!("{}:/usr/bin:/bin", protected.folder().display()))]);
    signs_and_reports(&protected, &settings, "developer credentials (az or azd)");
}

#[test]
fn no_vote_is_lost_while_tokens_expire_and_are_withdrawn() {
    let protected = Protected::start(Duration::from_secs(6), None);
    let deadline = [("RELAY_HEDGE_MS", "6000"), ("RELAY_DEADLINE_MS", "7000")];
    let deadline = deadline.map(|(name, value)| (name, value.to_owned())).to_vec();
    let relay = protected.relay(&protected.settings([managed_identity(&protected.azure), deadline].concat()));
    let tokens = || protected.azure.identity.requests(Operation::Token);
    let mut level = 0;
    eventually("three renewals", || {
        level += 1;
        protected.sign(&relay, level);
        (tokens() >= 4).then_some(())
    });
    for _ in 0..2 {
        protected.azure.identity.revoke_all();
        level += 1;
        protected.sign(&relay, level);
    }

    // While none is issued, a valid token is used. Afterwards, the reason is named.
    always(protected.azure.identity.faults(), Operation::Token, Effect::status(500));
    let error = eventually("the last token expires", || {
        level += 1;
        let answer = relay.sign(&protected.setup.key, &payloads::attestation(level, 0, 1).bytes());
        (answer.status == 500).then(|| answer.error())
    });
    assert!(error.contains("no access token: managed identity (App Service)"), "{error}");
    protected.azure.identity.faults().clear();
    eventually("it signs again", || {
        level += 1;
        let answer = relay.sign(&protected.setup.key, &payloads::attestation(level, 0, 1).bytes());
        (answer.status == 200).then_some(())
    });
}

#[test]
fn a_token_that_is_never_accepted_is_not_requested_again_and_again() {
    let protected = Protected::start(Duration::from_hours(1), None);
    let short = [("RELAY_HEDGE_MS", "1000"), ("RELAY_DEADLINE_MS", "1500")];
    let short = short.map(|(name, value)| (name, value.to_owned())).to_vec();
    let settings = [managed_identity(&protected.azure), short].concat();
    let relay = protected.relay(&protected.settings(settings));
    let before = protected.azure.identity.requests(Operation::Token);
    always(protected.app.faults(), Operation::Any, Effect::status(401));
    for level in 1..=3 {
        let answer = relay.sign(&protected.setup.key, &payloads::attestation(level, 0, 1).bytes());
        assert_eq!(answer.status, 500, "{answer:?}");
    }
    assert_eq!(protected.azure.identity.requests(Operation::Token), before + 1);
}

#[test]
fn the_check_says_what_is_wrong_with_a_token() {
    let protected = Protected::start(Duration::from_hours(1), Some("functionkey"));
    let identity = managed_identity(&protected.azure);
    let (folder, url) = (protected.folder(), protected.app.url());
    let all = protected.settings(identity.clone());
    let without = |name: &str| all.iter().filter(|(other, _)| *other != name).cloned().collect::<Vec<_>>();
    let key = vec![("RELAY_FUNCTION_KEYS", "functionkey".to_owned())];
    let other = vec![("RELAY_TOKEN_SCOPE", "api://another-app/.default".to_owned())];
    for (settings, expected) in [
        ([without("RELAY_TOKEN_SCOPE"), key.clone()].concat(), Some("requires a token: set RELAY_TOKEN_SCOPE")),
        ([without("RELAY_TOKEN_SCOPE"), other, key.clone()].concat(), Some("rejects the token: RELAY_TOKEN_SCOPE")),
        (all.clone(), Some("a function key is required as well as the token")),
        ([all.clone(), key.clone()].concat(), None),
    ] {
        let report = check(folder, &url, &settings);
        match expected {
            Some(expected) => assert!(report[0].starts_with("FAIL") && report[0].contains(expected), "{report:#?}"),
            None => assert!(!report[0].starts_with("FAIL"), "{report:#?}"),
        }
    }
    always(protected.azure.identity.faults(), Operation::Token, Effect::status(400));
    let report = check(folder, &url, &[all, key].concat());
    for expected in [SCOPE, "managed identity (App Service): ", "az functionapp identity assign"] {
        assert!(report[0].starts_with("FAIL") && report[0].contains(expected), "{expected}: {report:#?}");
    }
}

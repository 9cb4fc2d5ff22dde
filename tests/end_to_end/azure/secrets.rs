//! The log contains no secrets, at any level, under any fault.

use crate::azure::cloud::{self, KnownKey, always, baker, next};
use crate::azure::instance::Instance;
use crate::support::http::{self, FUNCTION_KEY};
use crate::support::payloads::payload;
use azurehsm_signer::tezos::payload::Kind;
use azurehsm_signer::tezos::{BlsScheme, Curve, SecretKey, authentication::request_to_authenticate};
use stand_ins::{Azure, Effect, Operation, Options};
use std::time::Duration;

/// Markers of secrets in general: they must not occur, with any value.
const SUSPICIOUS: [&str; 6] = ["eyJ0", "sig%3D", "sig%3d", "sig=", "Bearer e", "authentication="];

/// All levels, including the SDK's: a bare level would exclude most of its lines.
pub(super) const EVERYTHING: &str = "trace,azure=trace,typespec_client_core=trace";

/// A client whose requests have an authentication in the query, and a function key there and in a header.
struct Baker<'a> {
    azure: &'a Azure,
    signer: &'a Instance,
    key: &'a KnownKey,
    requester: &'a SecretKey,
    /// Secrets that were sent and must not be logged.
    authentications: Vec<String>,
    level: u32,
}

impl Baker<'_> {
    fn request(&mut self, kind: Kind) -> u16 {
        self.level += 1;
        let payload = payload(kind, self.level, 0, 0);
        let signed = request_to_authenticate(&self.key.hash.parse().unwrap(), &payload);
        let authentication = self.requester.sign(&signed, BlsScheme::default()).unwrap().to_string();
        let path = format!("/keys/{}?authentication={authentication}&code={FUNCTION_KEY}", self.key.hash);
        self.authentications.push(authentication);
        let body = format!("\"{}\"", hex::encode(&payload));
        http::post(self.signer.address, &path, body.as_bytes()).unwrap().status
    }

    fn request_all_kinds(&mut self, status: u16) {
        for kind in Kind::ALL {
            assert_eq!(self.request(kind), status);
        }
    }

    /// Requests and faults that could lead to error messages.
    fn send_requests_under_all_faults(&mut self) {
        self.request_all_kinds(200);
        let (vault, cosmos) = (self.azure.key_vault.clone(), self.azure.cosmos.clone());
        for effect in [Effect::status(401), Effect::status(403), Effect::status(500), Effect::Hang] {
            always(vault.faults(), Operation::Any, effect);
            self.request_all_kinds(500);
            vault.faults().clear();
            always(cosmos.faults(), Operation::Any, effect);
            self.request_all_kinds(500);
            cosmos.faults().clear();
        }
        for effect in [Effect::CloseBeforeAnswer, Effect::CloseAfterWork, Effect::status_after_work(503)] {
            next(1, vault.faults(), Operation::Sign, effect);
            next(1, cosmos.faults(), Operation::Any, effect);
            self.request(Kind::Attestation);
        }
        vault.freeze_connections();
        cosmos.freeze_connections();
        self.request(Kind::Block);
        for refuse in [true, false] {
            vault.refuse_connections(refuse);
            cosmos.refuse_connections(refuse);
            self.request(Kind::Preattestation);
        }
        // A failing identity endpoint: with valid tokens, with revoked ones, and at a start.
        let identity = self.azure.identity.faults();
        for effect in [Effect::status(400), Effect::status(500), Effect::Hang, Effect::CloseBeforeAnswer] {
            always(identity, Operation::Token, effect);
            self.azure.identity.revoke_all();
            self.request(Kind::Attestation);
            identity.clear();
        }
        // These are answered in any state, too.
        for path in [
            format!("/keys/{}?authentication=wrong&code={FUNCTION_KEY}", self.key.hash),
            format!("/keys?code={FUNCTION_KEY}"),
            format!("/nowhere?code={FUNCTION_KEY}"),
        ] {
            self.signer.get(&path);
            http::post(self.signer.address, &path, b"\"00\"").unwrap();
        }
    }
}

/// The values in query strings.
fn parameters(line: &str) -> impl Iterator<Item = &str> {
    let queries = line.split('?').skip(1).filter_map(|rest| rest.split([' ', '"', '\'', ',', '\\', ')']).next());
    queries.flat_map(|query| query.split('&')).filter(|parameter| {
        let name = parameter.split_once('=').map_or("", |(name, _)| name);
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"$-_%".contains(&byte))
    })
}

#[test]
fn invariant_9_no_token_secret_or_query_is_logged_at_any_level_under_any_fault() {
    std::thread::scope(|scope| {
        for format in ["json", "text"] {
            scope.spawn(move || nothing_secret_is_logged(format));
        }
    });
}

fn nothing_secret_is_logged(format: &str) {
    let azure = cloud::start_with(Options { token_life: Duration::from_mins(2), ..Options::default() });
    let key = baker(&azure);
    let requester = SecretKey::generate(Curve::Ed25519).unwrap();
    let signer = Instance::start_ready(
        &azure,
        &[
            ("AUTHORIZED_KEYS", &requester.public_key().to_string()),
            ("RUST_LOG", EVERYTHING),
            ("LOG_FORMAT", format),
            ("REQUEST_DEADLINE_MS", "700"),
            ("VAULT_HEDGE_MS", "300"),
            ("KEYS_REFRESH_SECONDS", "1"),
        ],
    );
    let mut baker = Baker {
        azure: &azure,
        signer: &signer,
        key: &key,
        requester: &requester,
        authentications: Vec::new(),
        level: 0,
    };
    baker.send_requests_under_all_faults();
    let authentications = baker.authentications;

    // Also an instance that starts while all connections are refused.
    for faults in [azure.identity.faults(), azure.key_vault.faults(), azure.cosmos.faults()] {
        next(6, faults, Operation::Any, Effect::CloseBeforeAnswer);
    }
    let second = Instance::start_ready(&azure, &[("RUST_LOG", EVERYTHING), ("LOG_FORMAT", format)]);
    let log = [signer.stop(), second.stop()].concat();

    let tokens = azure.identity.tokens();
    assert!(tokens.len() >= 6, "tokens were renewed");
    let secrets = tokens.iter().chain(&authentications).map(String::as_str);
    let secrets: Vec<_> = secrets.chain([azure.identity.secret(), FUNCTION_KEY]).chain(SUSPICIOUS).collect();
    for line in &log {
        for secret in &secrets {
            assert!(!line.contains(secret), "{format}: {secret} is in the log:\n{line}");
        }
        for parameter in parameters(line) {
            // The SDK logs its requests at `debug`, with everything redacted but the API version.
            let is_harmless = parameter.starts_with("api-version=") || parameter.ends_with("=REDACTED");
            assert!(is_harmless, "{format}: {parameter} is in the log:\n{line}");
        }
    }

    // The log is detailed enough to be a test: it has lines of the libraries that handle secrets, down to single frames.
    let has = |text: &str| log.iter().filter(|line| line.contains(text)).count();
    assert!(log.len() > 2_000, "{} lines", log.len());
    assert!(has("TRACE") > 1_000 && has("DEBUG") > 500, "{} and {}", has("TRACE"), has("DEBUG"));
    for of_library in [
        "Connection{peer=Client}",
        "FramedWrite::buffer",
        "pooling idle connection",
        "azsdk-rust-security_keyvault_keys",
        "azsdk-rust-identity",
        "/msi/token",
        "transport pipeline",
        "executing operation",
    ] {
        // Spans are formatted differently in JSON.
        let is_of_text = format == "text" || !of_library.contains('{');
        assert!(!is_of_text || has(of_library) > 0, "{format}: no line with {of_library}");
    }
}

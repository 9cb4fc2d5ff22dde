//! No credential is ever shown.

use super::certificates::Required;
use super::{AUDIENCE, SCOPE, managed_identity};
use crate::azure::cloud;
use crate::support::eventually::eventually;
use stand_ins::{Access, Effect, Fault, KeyAndCertificate, Operation, Times};
use std::fs;

const FUNCTION_KEY: &str = "functionkeythatnobodymaysee";

/// All levels, including those of the libraries that handle credentials.
const EVERYTHING: &str = "trace,azure=trace,typespec_client_core=trace,rustls=trace,h2=trace,hyper=trace,reqwest=trace";

#[test]
fn all_credentials_work_together_and_are_never_shown() {
    let [first, second] = [0, 1].map(|_| KeyAndCertificate::generate(2090).unwrap());
    let azure = cloud::start();
    let access = Access {
        function_key: Some(FUNCTION_KEY.to_owned()),
        token: Some((azure.identity.clone(), AUDIENCE.to_owned())),
        ..Access::default()
    };
    let thumbprints = [first.thumbprint(), second.thumbprint()];
    let required = Required::start(azure, &thumbprints, access, &[("RUST_LOG", EVERYTHING)]);
    let mut settings = [required.present(&first), managed_identity(&required.azure)].concat();
    let keys = required.folder.path().join("function-keys");
    fs::write(&keys, FUNCTION_KEY).unwrap();
    settings.extend([
        ("RELAY_FUNCTION_KEYS_FILE", keys.display().to_string()),
        ("RELAY_TOKEN_SCOPE", SCOPE.to_owned()),
        ("RELAY_HEDGE_MS", "1000".to_owned()),
        ("RELAY_DEADLINE_MS", "5000".to_owned()),
        ("RUST_LOG", EVERYTHING.to_owned()),
    ]);
    let relay = required.relay(&settings);
    let mut answers = Vec::new();
    let mut level = 0;
    let mut vote = || {
        level += 1;
        let answer = required.sign(&relay, level);
        answers.push(format!("{answer:?}"));
        answer
    };
    vote().signature();
    // Withdrawn, replaced, or in trouble: each leads to other lines.
    required.azure.identity.revoke_all();
    vote().signature();
    let fault = |on, effect| Fault { on, times: Times::Next(1), effect };
    for effect in [Effect::status(401), Effect::status(403), Effect::status(500), Effect::CloseBeforeAnswer] {
        required.app.faults().add(fault(Operation::Any, effect));
        required.azure.identity.faults().add(fault(Operation::Token, effect));
        vote();
    }
    required.present(&second);
    eventually("the second certificate is used", || {
        vote();
        (required.app.client_certificates().last() == Some(&second.certificate)).then_some(())
    });
    fs::write(&keys, "another\u{e9}").unwrap();
    fs::write(required.folder.path().join("key.pem"), "no key").unwrap();
    let unusable = relay.0.wait_for_log("relay_client_certificate_unusable");
    vote();
    let shown = [relay.0.system_says("cmdline"), unusable, answers.concat()].concat();

    relay.0.signal_termination();
    let log = [relay.0.rest_of_log(), {
        required.signer.signal_termination();
        required.signer.rest_of_log()
    }]
    .concat();
    let tokens = required.azure.identity.tokens();
    let key_lines = [&first, &second].map(|own| own.key_pem.lines().nth(1).unwrap().to_owned());
    let mut secrets = vec![FUNCTION_KEY, required.azure.identity.secret(), "Bearer e"];
    secrets.extend(tokens.iter().chain(&key_lines).map(String::as_str));
    assert!(tokens.len() >= 2 && secrets.len() >= 7);
    for text in log.iter().chain([&shown]) {
        for secret in &secrets {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
    // The log is detailed enough to be a test.
    let traces = log.iter().filter(|line| line.contains("\"TRACE\"")).count();
    assert!(traces > 200, "{traces} lines at the lowest level");
}

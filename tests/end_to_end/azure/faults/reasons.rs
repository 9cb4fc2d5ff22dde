//! Answers to requests that fail at the deadline: they name the service and its error, but no address or item.

use crate::azure::cloud::{self, always, baker};
use crate::azure::instance::Instance;
use crate::support::eventually::eventually;
use crate::support::payloads::{MAINNET, payload};
use azurehsm_signer::answer::header;
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::Operation::{Any, ReplaceItem, Sign, Token};
use stand_ins::{Azure, Effect};
use std::thread;
use std::time::Duration;

fn sub(status: u16, sub_status: u32) -> Effect {
    Effect::Status { status, sub_status: Some(sub_status), retry_after: None }
}

/// Texts that answers must not contain: addresses, items, and terms of libraries, which mean nothing to clients.
const HIDDEN: [&str; 21] = [
    "localhost",
    "127.0.0.1",
    "https://",
    MAINNET,
    "signer/marks",
    "/docs/",
    "?api-version",
    "reqwest",
    "hyper",
    "error sending request",
    "client error",
    "tcp connect",
    "os error",
    "failed to execute",
    "serialize",
    "rustls",
    "azure_",
    "Transport",
    "Error {",
    "Some(",
    "panicked",
];

pub(super) fn assert_plain(message: &str) {
    for hidden in HIDDEN {
        assert!(!message.contains(hidden), "{hidden} is in {message}");
    }
}

#[test]
fn faults_that_last_until_the_deadline_are_explained_in_answer_and_log() {
    type Trouble = fn(&Azure);
    let rows: [(&str, Trouble, &str, &str); 8] = [
        ("449", |azure| always(azure.cosmos.faults(), ReplaceItem, sub(449, 0)), "store", "449"),
        ("403/3", |azure| always(azure.cosmos.faults(), ReplaceItem, sub(403, 3)), "store", "403/3"),
        ("403/1008", |azure| always(azure.cosmos.faults(), ReplaceItem, sub(403, 1008)), "store", "403/1008"),
        ("503", |azure| always(azure.cosmos.faults(), ReplaceItem, Effect::status(503)), "store", "503"),
        ("store hangs", |azure| always(azure.cosmos.faults(), ReplaceItem, Effect::Hang), "store", "mark store"),
        ("vault stopped", |azure| azure.key_vault.refuse_connections(true), "vault", "connection refused"),
        (
            "vault 500",
            |azure| always(azure.key_vault.faults(), Sign, Effect::status(500)),
            "vault",
            "500 Internal Server Error",
        ),
        ("vault hangs", |azure| always(azure.key_vault.faults(), Sign, Effect::Hang), "vault", "no signature within"),
    ];
    thread::scope(|scope| {
        for (name, trouble, cause, in_answer) in rows {
            scope.spawn(move || {
                let azure = cloud::start();
                let key = baker(&azure);
                let signer = Instance::start_ready(&azure, &[]);
                signer.sign(&key.hash, &payload(Kind::Attestation, 10, 0, 0)).signature();
                trouble(&azure);
                let answer = signer.sign(&key.hash, &payload(Kind::Attestation, 11, 0, 0));
                let message = answer.error();
                assert_eq!(answer.status, 500, "{name}: {message}");
                assert!(message.contains(in_answer), "{name}: {message}");
                assert!(message.contains("within the request's deadline"), "{name}: {message}");
                assert_plain(&message);
                let line = signer.logged("\"verdict\":\"failed\"");
                assert!(line.contains(&format!("\"cause\":\"{cause}\"")), "{name}: {line}");
                let said = [header::VERDICT, header::REASON].map(|name| answer.header(name));
                assert_eq!(said, ["failed", cause], "{name}");
            });
        }
    });
}

#[test]
fn faults_from_the_start_on_are_explained_in_plain_words() {
    type Trouble = fn(&Azure);
    let rows: [(&str, Trouble, &str); 11] = [
        ("store refuses", |azure| azure.cosmos.refuse_connections(true), "connection refused"),
        ("store hangs up", |azure| always(azure.cosmos.faults(), Any, Effect::CloseBeforeAnswer), "connection lost"),
        ("store hangs", |azure| always(azure.cosmos.faults(), Any, Effect::Hang), "no answer within"),
        ("store 403", |azure| always(azure.cosmos.faults(), Any, Effect::status(403)), "403"),
        ("store 503", |azure| always(azure.cosmos.faults(), Any, Effect::status(503)), "503"),
        ("vault refuses", |azure| azure.key_vault.refuse_connections(true), "connection refused"),
        ("vault hangs up", |azure| always(azure.key_vault.faults(), Any, Effect::CloseBeforeAnswer), "connection lost"),
        ("vault 500", |azure| always(azure.key_vault.faults(), Any, Effect::status(500)), "500"),
        ("no identity", |azure| azure.identity.refuse_connections(true), "no access token"),
        ("identity 400", |azure| always(azure.identity.faults(), Token, Effect::status(400)), "no access token"),
        (
            "clock ahead",
            |azure| azure.identity.set_token_life(Duration::ZERO),
            "machine's clock, which is probably ahead",
        ),
    ];
    thread::scope(|scope| {
        for (name, trouble, in_answer) in rows {
            scope.spawn(move || {
                let azure = cloud::start();
                let key = baker(&azure);
                trouble(&azure);
                let signer = Instance::start(&azure, &[]);
                let message = eventually(name, || {
                    let answer = signer.sign(&key.hash, &payload(Kind::Attestation, 11, 0, 0));
                    assert_eq!(answer.status, 500, "{name}: {answer:?}");
                    assert_plain(&answer.error());
                    Some(answer.error()).filter(|message| message.contains(in_answer))
                });
                assert!(message.contains("vault") || message.contains("mark store"), "{name}: {message}");
                if name == "clock ahead" {
                    let line = signer.logged("\"event\":\"token_refresh_failed\"");
                    assert!(line.contains("by this machine's clock") && line.contains("timedatectl"), "{line}");
                }
            });
        }
    });
}

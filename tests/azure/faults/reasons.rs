//! What an answer says when trouble lasts until the deadline: whose it is, and what it was, but no address and no item.

use crate::cloud::{self, always, baker};
use crate::instance::Instance;
use crate::support::payloads::{MAINNET, payload};
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::Operation::{ReplaceItem, Sign};
use stand_ins::{Azure, Effect};
use std::thread;

fn sub(status: u16, sub_status: u32) -> Effect {
    Effect::Status { status, sub_status: Some(sub_status), retry_after: None }
}

#[test]
fn trouble_until_the_deadline_is_named_in_answer_and_log() {
    type Trouble = fn(&Azure);
    let rows: [(&str, Trouble, &str, &str); 8] = [
        ("449", |azure| always(azure.cosmos.faults(), ReplaceItem, sub(449, 0)), "store", "449"),
        ("403/3", |azure| always(azure.cosmos.faults(), ReplaceItem, sub(403, 3)), "store", "403/3"),
        ("403/1008", |azure| always(azure.cosmos.faults(), ReplaceItem, sub(403, 1008)), "store", "403/1008"),
        ("503", |azure| always(azure.cosmos.faults(), ReplaceItem, Effect::status(503)), "store", "503"),
        ("store hangs", |azure| always(azure.cosmos.faults(), ReplaceItem, Effect::Hang), "store", "mark store"),
        ("vault stopped", |azure| azure.key_vault.refuse_connections(true), "vault", "no connection to it"),
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
                for hidden in ["localhost", "127.0.0.1", "https://", MAINNET, "signer/marks", "/docs/"] {
                    assert!(!message.contains(hidden), "{name}: {hidden} is in {message}");
                }
                let line = signer.logged("\"verdict\":\"failed\"");
                assert!(line.contains(&format!("\"cause\":\"{cause}\"")), "{name}: {line}");
            });
        }
    });
}

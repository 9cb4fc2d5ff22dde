//! Policies that limit what a key may spend, against operations of a client who wants to steal the tez.

use crate::samples::PAYLOADS;
use azurehsm_signer::signer::Policy;
use azurehsm_signer::tezos::PublicKeyHash;
use azurehsm_signer::tezos::payload::Payload;
use azurehsm_signer::tezos::payload::operations::OperationKind;
use azurehsm_signer::tezos::{Curve, SecretKey};
use oracle::payload::operations::{self, Account, Address, Manager, manager_with_storage, transaction};
use std::collections::BTreeSet;

/// The only account that policies permit here; the source is another one.
const FRIEND: Account = Account { tag: 0, fill: 2 };
const STRANGER: Account = Account { tag: 2, fill: 9 };
const SOURCE: Account = Account { tag: 0, fill: 1 };
const CONTRACT: Address = Address::Contract(7);

/// A manager operation of `SOURCE`, with a fee of 1 mutez.
fn manager(tag: u8, storage_limit: u128, rest: &[&[u8]]) -> Vec<u8> {
    manager_with_storage(tag, Manager { source: SOURCE, fee: 1 }, storage_limit, &rest.concat())
}

fn transfer(amount: u64, storage_limit: u128, to: Address) -> Vec<u8> {
    manager(108, storage_limit, &[&transaction(amount, to, None)])
}

const fn to(account: Account) -> Address {
    Address::Account(account)
}

fn optional(account: Option<Account>) -> Vec<u8> {
    oracle::payload::optional(account.map(Account::bytes))
}

fn delegation(delegate: Option<Account>) -> Vec<u8> {
    manager(110, 0, &[&optional(delegate)])
}

fn origination(balance: u8, storage_limit: u128, delegate: Option<Account>) -> Vec<u8> {
    manager(109, storage_limit, &[&[balance], &optional(delegate), &[0; 8]])
}

/// An Ed25519 key, without a proof.
fn update_key(tag: u8) -> Vec<u8> {
    manager(tag, 0, &[&[0; 33], &[0]])
}

/// `size` is encoded as a signed number, whose first byte has six bits.
fn paid_storage(size: &[u8]) -> Vec<u8> {
    manager(113, 0, &[size, &CONTRACT.bytes()])
}

fn publish() -> Vec<u8> {
    manager(203, 0, &[&[7; 20], &[0; 32], &[0; 4], &[0; 32], &[0; 8]])
}

fn drain(destination: Account) -> Vec<u8> {
    operations::drain(Account { tag: 1, fill: 1 }, SOURCE, destination)
}

/// `Ok`, or the reason for the refusal.
fn decide(policy: &str, contents: &[Vec<u8>]) -> Result<(), String> {
    let policy: Policy = policy.parse().unwrap();
    let payload = operations::payload(contents);
    let decoded = Payload::decode(&payload, Curve::P256).unwrap();
    policy.rules_of(&any_key()).allow(&decoded).map_err(|error| error.to_string())
}

fn any_key() -> PublicKeyHash {
    SecretKey::generate(Curve::P256).unwrap().public_key().hash()
}

/// A policy, contents, and words of the refusal, if refused.
type Case<'a> = (&'a str, Vec<Vec<u8>>, Option<&'a str>);

#[test]
fn any_does_not_bypass_the_limits() {
    const ANY: &str = r#"{"default":{"kinds":[],"operations":["any"]}}"#;
    let friends = format!(
        r#"{{"default":{{"kinds":[],"operations":["any"],"destinations":["{}","{}"]}}}}"#,
        FRIEND.text(),
        CONTRACT.text()
    );
    let friends = friends.as_str();
    let little = r#"{"default":{"kinds":[],"operations":["any"],"max_amount":1000000}}"#;
    let bond = r#"{"default":{"kinds":[],"operations":["any"],"max_amount":10000000000}}"#;
    let named = r#"{"default":{"operations":["update_consensus_key","update_companion_key","drain_delegate"]}}"#;
    let named_and_limited = r#"{"default":{"operations":["drain_delegate"],"max_amount":18446744073709551615}}"#;
    let lifted = r#"{"default":{"max_amount":5,"operations":["drain_delegate"]},"keys":{}}"#;
    let step = |tag: u8, rest: &[&[u8]]| manager(tag, 0, rest);
    let rollup: &[u8] = &[7; 20];
    let cases: Vec<Case<'_>> = vec![
        // Operations that hand over the account must be allowed by name, no matter what else is allowed.
        (ANY, vec![update_key(114)], Some("`any` does not include update_consensus_key")),
        (ANY, vec![update_key(115)], Some("`any` does not include update_companion_key")),
        (ANY, vec![drain(FRIEND)], Some("`any` does not include drain_delegate")),
        (named, vec![update_key(114)], None),
        (named, vec![update_key(115)], None),
        (named, vec![drain(STRANGER)], None),
        (named_and_limited, vec![drain(STRANGER)], Some("drain_delegate takes the whole balance")),
        (lifted, vec![drain(STRANGER)], Some("\"max_amount\": null")),
        // All beneficiaries must be listed.
        (friends, vec![delegation(Some(FRIEND))], None),
        (friends, vec![delegation(None)], None),
        (friends, vec![delegation(Some(STRANGER))], Some("as a delegate")),
        (friends, vec![delegation(Some(SOURCE))], Some("as a delegate")),
        (friends, vec![transfer(1, 0, to(FRIEND)), delegation(Some(STRANGER))], Some("(content 1)")),
        (friends, vec![origination(0, 0, Some(FRIEND))], None),
        (friends, vec![origination(0, 0, None)], None),
        (friends, vec![origination(0, 0, Some(STRANGER))], Some("as a delegate")),
        (friends, vec![origination(1, 0, Some(FRIEND))], Some("would go to a new contract")),
        (friends, vec![paid_storage(&[1])], None),
        (friends, vec![manager(113, 0, &[&[1], &[1], &[8; 20], &[0]])], Some("as a contract whose storage is paid")),
        (friends, vec![step(207, &[rollup, &SOURCE.bytes()])], None),
        (friends, vec![step(207, &[rollup, &FRIEND.bytes()])], None),
        (friends, vec![step(207, &[rollup, &STRANGER.bytes()])], Some("as a staker")),
        (friends, vec![publish()], Some("the refuter of the commitment gets")),
        (
            friends,
            vec![step(204, &[rollup, &FRIEND.bytes(), &[0], &[0; 64]])],
            Some("the opponent gets half of the bond"),
        ),
        (friends, vec![step(206, &[rollup, &[0; 32], &[0; 4]])], Some("the message decides")),
        // Burnt and bonded tez are spent, too.
        (little, vec![transfer(1_000_000, 0, to(STRANGER))], None),
        (little, vec![transfer(0, 4000, CONTRACT)], None),
        (little, vec![transfer(0, 4001, CONTRACT)], Some("1000250 burnt for storage at 250 mutez a byte")),
        (
            little,
            vec![transfer(999_751, 1, to(STRANGER))],
            Some(
                "the amount is 1000001 mutez in total, policy allows 1000000 (max_amount): 999751 sent or staked, 250 burnt",
            ),
        ),
        (little, vec![transfer(0, 2001, CONTRACT), transfer(0, 2000, CONTRACT)], Some("1000250 burnt")),
        (little, vec![transfer(0, 1 << 69, CONTRACT)], Some("the amount is 18446744073709551615")),
        (
            little,
            vec![transfer(0, u128::from(u64::MAX / 250 + 1), CONTRACT)],
            Some("the amount is 18446744073709551615"),
        ),
        (little, vec![origination(0, 4001, None)], Some("1000250 burnt")),
        (little, vec![manager(111, 4001, &[&[0; 4]])], Some("1000250 burnt")),
        (little, vec![manager(200, 4001, &[&[1], &[0; 8], &[0]])], Some("1000250 burnt")),
        (little, vec![paid_storage(&[0xa0, 0x3e])], None),
        (little, vec![paid_storage(&[0xa1, 0x3e])], Some("1000250 burnt")),
        (little, vec![paid_storage(&[&[0x80; 40][..], &[1]].concat())], Some("the amount is 18446744073709551615")),
        (little, vec![publish()], Some("10000000000 bonded")),
        (little, vec![step(204, &[rollup, &FRIEND.bytes(), &[0], &[0; 64]])], Some("10000000000 bonded")),
        (bond, vec![publish()], None),
        (bond, vec![publish(), publish()], Some("20000000000 bonded")),
        (bond, vec![publish(), transfer(1, 0, to(STRANGER))], Some("1 sent or staked, 10000000000 bonded")),
        (ANY, vec![publish(), transfer(1 << 62, 60_000, to(STRANGER))], None),
    ];
    for (policy, contents, expected) in cases {
        let answer = decide(policy, &contents);
        match (&answer, expected) {
            (Ok(()), None) => {}
            (Err(reason), Some(text)) if reason.contains(text) => {}
            _ => panic!("{policy}\n{}\n{answer:?}, expected {expected:?}", hex::encode(contents.concat())),
        }
    }
}

/// All operations left to a key that may sign any operation, but spend nothing: each kind in each form.
#[test]
fn with_no_amount_and_no_destination_no_tez_move() {
    let nothing = r#"{"default":{"operations":["any"],"destinations":[],"max_amount":0}}"#;
    let policy: Policy = nothing.parse().unwrap();
    let rules = policy.rules_of(&any_key());
    let operations = PAYLOADS.values().filter(|payload| payload.first() == Some(&0x03));
    let decoded = operations.filter_map(|payload| Payload::decode(payload, Curve::P256).ok());
    let signed = decoded.filter(|payload| rules.allow(payload).is_ok());
    let signed: BTreeSet<OperationKind> = signed
        .filter_map(|payload| match payload {
            Payload::Operations(operations) => Some(operations.contents),
            _ => None,
        })
        .flatten()
        .map(|content| content.kind)
        .collect();
    let harmless = [
        OperationKind::Reveal,
        // Withdrawn.
        OperationKind::Delegation,
        OperationKind::RegisterGlobalConstant,
        OperationKind::SetDepositsLimit,
        OperationKind::SmartRollupOriginate,
        OperationKind::SmartRollupAddMessages,
        OperationKind::SmartRollupCement,
        OperationKind::SmartRollupTimeout,
        OperationKind::DalPublishCommitment,
        OperationKind::Proposals,
        OperationKind::BallotYay,
        OperationKind::BallotNay,
        OperationKind::BallotPass,
        OperationKind::FailingNoop,
        OperationKind::SeedNonceRevelation,
        OperationKind::DoubleConsensusOperationEvidence,
        OperationKind::DoubleBakingEvidence,
        OperationKind::DalEntrapmentEvidence,
        OperationKind::ActivateAccount,
        OperationKind::VdfRevelation,
    ];
    assert_eq!(signed, harmless.into());
}

//! Policies that limit what a key may spend, against operations of a client who wants to steal the tez.

use crate::samples::operations::{self as samples, Sample};
use azurehsm_signer::signer::Policy;
use azurehsm_signer::tezos::PublicKeyHash;
use azurehsm_signer::tezos::payload::Payload;
use azurehsm_signer::tezos::payload::operations::OperationKind;
use azurehsm_signer::tezos::{Curve, SecretKey};
use std::collections::BTreeSet;

/// The accounts that receive the samples' tez; the source is not among them.
const FRIEND: Account = Account([0, 2]);
const STRANGER: Account = Account([2, 9]);
const SOURCE: Account = Account([0, 1]);
const CONTRACT: u8 = 7;

/// An account, from its tag and a repeated byte.
#[derive(Clone, Copy)]
struct Account([u8; 2]);

impl Account {
    fn bytes(self) -> Vec<u8> {
        let [tag, fill] = self.0;
        [[tag].as_slice(), &[fill; 20]].concat()
    }

    fn text(self) -> String {
        let [tag, fill] = self.0;
        let last = [0x9f, 0xa1, 0xa4][usize::from(tag)];
        bs58::encode([[0x06, 0xa1, last].as_slice(), &[fill; 20]].concat()).with_check().into_string()
    }
}

fn contract_text() -> String {
    bs58::encode([[0x02, 0x5a, 0x79].as_slice(), &[CONTRACT; 20]].concat()).with_check().into_string()
}

fn contract() -> Vec<u8> {
    [[1].as_slice(), &[CONTRACT; 20], &[0]].concat()
}

/// A manager operation of `SOURCE`, with a fee of 1 mutez.
fn manager(tag: u8, storage_limit: u128, rest: &[&[u8]]) -> Vec<u8> {
    let head = [[tag].as_slice(), &SOURCE.bytes(), &[1, 1, 1], &samples::groups_of_seven(storage_limit)].concat();
    [head, rest.concat()].concat()
}

fn transfer(amount: u128, storage_limit: u128, to: &[u8]) -> Vec<u8> {
    manager(108, storage_limit, &[&samples::groups_of_seven(amount), to, &[0]])
}

fn to(account: Account) -> Vec<u8> {
    [vec![0], account.bytes()].concat()
}

fn optional(account: Option<Account>) -> Vec<u8> {
    account.map_or(vec![0], |account| [vec![0xff], account.bytes()].concat())
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
    manager(113, 0, &[size, &contract()])
}

fn publish() -> Vec<u8> {
    manager(203, 0, &[&[7; 20], &[0; 32], &[0; 4], &[0; 32], &[0; 8]])
}

fn drain(destination: Account) -> Vec<u8> {
    [vec![9], Account([1, 1]).bytes(), SOURCE.bytes(), destination.bytes()].concat()
}

/// `Ok`, or the reason for the refusal.
fn decide(policy: &str, contents: &[Vec<u8>]) -> Result<(), String> {
    let policy: Policy = policy.parse().unwrap();
    let payload = samples::payload_of_bytes(&contents.concat());
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
        contract_text()
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
        (named_and_limited, vec![drain(STRANGER)], Some("drain_delegate takes all that the account holds")),
        (lifted, vec![drain(STRANGER)], Some("\"max_amount\": null")),
        // All beneficiaries must be listed.
        (friends, vec![delegation(Some(FRIEND))], None),
        (friends, vec![delegation(None)], None),
        (friends, vec![delegation(Some(STRANGER))], Some("as a delegate")),
        (friends, vec![delegation(Some(SOURCE))], Some("as a delegate")),
        (friends, vec![transfer(1, 0, &to(FRIEND)), delegation(Some(STRANGER))], Some("(content 1)")),
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
        (little, vec![transfer(1_000_000, 0, &to(STRANGER))], None),
        (little, vec![transfer(0, 4000, &contract())], None),
        (little, vec![transfer(0, 4001, &contract())], Some("1000250 burnt for storage at 250 mutez a byte")),
        (
            little,
            vec![transfer(999_751, 1, &to(STRANGER))],
            Some(
                "the amount is 1000001 mutez in all, policy allows 1000000 (max_amount): 999751 sent or staked, 250 burnt",
            ),
        ),
        (little, vec![transfer(0, 2001, &contract()), transfer(0, 2000, &contract())], Some("1000250 burnt")),
        (little, vec![transfer(0, 1 << 69, &contract())], Some("the amount is 18446744073709551615")),
        (
            little,
            vec![transfer(0, u128::from(u64::MAX / 250 + 1), &contract())],
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
        (bond, vec![publish(), transfer(1, 0, &to(STRANGER))], Some("1 sent or staked, 10000000000 bonded")),
        (ANY, vec![publish(), transfer(1 << 62, 60_000, &to(STRANGER))], None),
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
fn without_amount_and_destination_nothing_moves_and_nobody_gains() {
    let nothing = r#"{"default":{"operations":["any"],"destinations":[],"max_amount":0}}"#;
    let is_signed = |sample: &Sample| decide(nothing, std::slice::from_ref(&sample.content.bytes)).is_ok();
    let signed: BTreeSet<OperationKind> =
        samples::samples().into_iter().filter(is_signed).map(|sample| sample.meaning.kind).collect();
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

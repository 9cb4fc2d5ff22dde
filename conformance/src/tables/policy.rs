//! Cases of policies: what keys of each role may sign.

use super::operations::samples;
use super::sequences::signed;
use super::{consequences, named};
use crate::case::{Consequence, Feature, Prove, Sign, Step, StepsCase, Verdict};
use crate::crypto::Curve;
use crate::payload::consensus::{Block, Kind, Vote};
use crate::payload::operations::{
    Account, Address, Call, KT1, Manager, TZ1, TZ2, TZ3, TZ5, drain, manager, manager_with_storage, message, payload,
    transaction, transfer,
};
use crate::payload::{natural, optional, sized};
use std::collections::HashSet;

pub(super) fn cases() -> Vec<StepsCase> {
    [bakers(), staking(), limits(), spending(), draining(), kinds(), chains(), packed_data(), possession()].concat()
}

fn case(name: &str, why: &str, steps: Vec<Step>) -> StepsCase {
    StepsCase {
        id: format!("policy/{name}"),
        why: why.to_owned(),
        consequence: consequences::of_steps(&steps),
        features: consequences::features_of_steps(&steps),
        needs: Vec::new(),
        steps,
    }
}

/// A permitted request, without a high watermark or on a separate chain.
fn allowed(key: &str, payload: Vec<u8>) -> Step {
    let is_consensus = matches!(payload.first(), Some(0x11..=0x13));
    let sign = signed(key, 'a', payload);
    Step::Sign(if is_consensus { sign } else { Sign { chain: None, ..sign } })
}

fn forbidden(key: &str, payload: Vec<u8>) -> Step {
    match allowed(key, payload) {
        Step::Sign(sign) => Step::Sign(Sign { verdict: Verdict::Refused, status: 403, ..sign }),
        step => step,
    }
}

fn one(content: Vec<u8>) -> Vec<u8> {
    payload(&[content])
}

/// A baking key signs no operation unless its policy permits it.
fn bakers() -> Vec<StepsCase> {
    let mut seen = HashSet::new();
    let mut cases: Vec<_> = samples()
        .into_iter()
        // One sample of each kind; decode.json covers all variants.
        .filter(|sample| seen.insert(sample.meaning.kind.clone()))
        .map(|sample| {
            let why = "A consensus key is on a machine exposed to the network: by default it signs blocks and votes, \
                       and nothing that spends (octez-signer: --magic-bytes 0x11,0x12,0x13).";
            let name = sample.meaning.kind.replace(':', "-");
            case(&format!("baker/{name}"), why, vec![forbidden("baker-p256", one(sample.bytes))])
        })
        .collect();
    for curve in Curve::ALL {
        let key = format!("baker-{}", curve.name());
        let by = Manager { source: account_of(&key), fee: 300 };
        let why = "The default applies to keys of every curve: nothing that spends.";
        cases.push(case(
            &format!("baker/transfer-by-{}", curve.name()),
            why,
            vec![forbidden(&key, one(transfer(by, 1, KT1)))],
        ));
        let payer = format!("payer-{}", curve.name());
        let by = Manager { source: account_of(&payer), fee: 300 };
        let why = "A key for payments must be able to sign them, on every curve: operations have watermark 03.";
        cases.push(case(
            &format!("payer/transfer-by-{}", curve.name()),
            why,
            vec![allowed(&payer, one(transfer(by, 1, KT1)))],
        ));
    }
    cases
}

/// The account of a key.
fn account_of(key: &str) -> Account {
    // The hash is not really the key's. No policy here depends on that: for staking, source and destination are just compared with
    // each other.
    Account { tag: named(key).0.curve().tag(), fill: 0x21 }
}

fn staking() -> Vec<StepsCase> {
    const KEY: &str = "staker-p256";
    let by = |fee| Manager { source: TZ3, fee };
    let call = |fee, to, tag| one(manager(108, by(fee), &transaction(5_000_000, to, Some(Call::Known(tag)))));
    let me = Address::Account(TZ3);
    let key = [vec![2], vec![0xd7; 33], optional(None)].concat();
    let reveal = |fee| manager(107, by(fee), &key);
    let stake = |fee| manager(108, by(fee), &transaction(1, me, Some(Call::Known(6))));
    let ballot = |choice| [vec![6], TZ3.bytes(), vec![0, 0, 0, 7], vec![0xcb; 32], vec![choice]].concat();
    let level_up = Vote::new(Kind::Attestation, Curve::P256, 10, 0).bytes();
    let mut cases = Vec::new();
    for (name, tag) in [("stake", 6), ("unstake", 7), ("finalize-unstake", 8), ("set-delegate-parameters", 9)] {
        let why = "Besides baking, a baker's key is for staking: a policy can permit it without permitting transfers.";
        cases.push(case(&format!("staker/{name}"), why, vec![allowed(KEY, call(300, me, tag))]));
    }
    let by_fee = ["fee-above", "fees-above-in-all"];
    for (name, why, payload) in [
        (
            "transfer",
            "A transfer differs from staking by its entrypoint only: permitting one must not permit the other.",
            one(transfer(by(300), 5_000_000, Address::Account(TZ1))),
        ),
        (
            "transfer-to-itself",
            "A transfer to the source without an entrypoint is not staking: only the entrypoint makes it so.",
            one(transfer(by(300), 5_000_000, me)),
        ),
        ("stake-at-a-contract", "Tez sent to a contract's entrypoint called stake are gone.", call(300, KT1, 6)),
        (
            "entrypoint-default",
            "A call of default with a parameter is a transfer, although it differs from the four staking calls by one \
             byte only.",
            call(300, me, 0),
        ),
        (
            "delegation",
            "A kind that the policy does not name is forbidden.",
            one(manager(110, by(300), &optional(Some(TZ1.bytes())))),
        ),
        (
            "consensus-key",
            "A new consensus key gives away the right to bake: close to a reveal in bytes, and far from it in effect.",
            one(manager(114, by(300), &key)),
        ),
        ("fee-above", "Fees are paid by the account: one mutez above the limit is too much.", one(stake(10_001))),
        (
            "fees-above-in-all",
            "The fees of a batch add up: with a limit for each content alone, the total is bounded by the batch size \
             only.",
            payload(&[reveal(5_000), stake(5_001)]),
        ),
        (
            "transfer-behind-reveal",
            "Each content of a batch must be permitted, including the last.",
            payload(&[reveal(300), transfer(by(300), 1, Address::Account(TZ1))]),
        ),
        (
            "transfer-before-reveal",
            "Each content of a batch must be permitted, including the first.",
            payload(&[transfer(by(300), 1, Address::Account(TZ1)), reveal(300)]),
        ),
        (
            "message",
            "A kind that the policy does not name is forbidden: a message may be a login elsewhere.",
            one(message(b"I agree")),
        ),
        (
            "drain",
            "A kind that the policy does not name is forbidden, drain_delegate above all.",
            one(drain(TZ3, TZ1, TZ5)),
        ),
    ] {
        let case = case(&format!("staker/{name}"), &sentence(why), vec![forbidden(KEY, payload)]);
        let needs = [Feature::OperationKinds, Feature::AmountLimits];
        cases.push(if by_fee.contains(&name) { case.for_those_with(&needs) } else { case });
    }
    for (name, why, payload) in [
        (
            "reveal",
            "An account's first operation reveals its key: without it, the account cannot stake.",
            one(reveal(300)),
        ),
        ("fee-at-the-limit", "A limit is inclusive: this amount is permitted.", one(stake(10_000))),
        (
            "fees-at-the-limit-in-all",
            "A limit is inclusive: this sum is permitted.",
            payload(&[reveal(5_000), stake(5_000)]),
        ),
        (
            "reveal-and-stake",
            "The first two operations of every new baker, in one batch.",
            payload(&[reveal(300), stake(300)]),
        ),
        (
            "ballot-yay",
            "Bakers vote with their consensus key: a policy that permits ballots permits all three choices.",
            one(ballot(0)),
        ),
        (
            "ballot-nay",
            "Bakers vote with their consensus key: a policy that permits ballots permits all three choices.",
            one(ballot(1)),
        ),
        (
            "ballot-pass",
            "Bakers vote with their consensus key: a policy that permits ballots permits all three choices.",
            one(ballot(2)),
        ),
        ("attestation", "Permission for operations must not affect what a key signs for baking.", level_up),
    ] {
        cases.push(case(&format!("staker/{name}"), &sentence(why), vec![allowed(KEY, payload)]));
    }
    cases
}

/// Completes a short reason.
fn sentence(why: &str) -> String {
    if why.len() > 40 { why.to_owned() } else { format!("{why} This follows from the key's policy.") }
}

/// For destinations TZ3 and KT1, at most 1000000 mutez, and fees of at most 5000.
fn limits() -> Vec<StepsCase> {
    const KEY: &str = "limited-ed25519";
    let (friend, stranger) = (Address::Account(TZ3), Address::Account(TZ1));
    let by = |fee| Manager { source: TZ2, fee };
    let send = |amount, to| transfer(by(300), amount, to);
    let origination = |balance: u128| {
        manager(109, by(300), &[natural(balance), optional(None), sized(&[0xd7; 8]), sized(&[0xd7; 4])].concat())
    };
    let ticket = |to: Address| {
        let rest = [sized(&[1]), sized(&[2]), KT1.bytes(), natural(1), to.bytes(), sized(b"default")].concat();
        manager(158, by(300), &rest)
    };
    // The same hash with another tag.
    let same_hash = Address::Account(Account { tag: 0, fill: TZ3.fill });
    let yes = [
        ("amount-at-the-limit", "A limit is inclusive: this amount is permitted.", one(send(1_000_000, friend))),
        ("contract", "A listed contract is a destination like an account.", one(send(1, KT1))),
        (
            "amounts-at-the-limit-in-all",
            "The limit applies to the sum of a batch: twice half of the limit is permitted.",
            payload(&[send(500_000, friend), send(500_000, KT1)]),
        ),
        ("fee-at-the-limit", "A limit is inclusive: this fee is permitted.", one(transfer(by(5_000), 1, friend))),
        ("ticket-to-the-list", "Tickets may be sent to the same destinations as tez.", one(ticket(friend))),
        (
            "origination-of-nothing",
            "A new contract without a balance receives no tez: the list of destinations does not apply.",
            one(origination(0)),
        ),
    ];
    let no = [
        ("amount-above", "One mutez above the limit is too much.", one(send(1_000_001, friend))),
        (
            "amounts-above-in-all",
            "With a limit for each content alone, a batch sends the limit as often as it has room.",
            payload(&[send(500_000, friend), send(500_001, friend)]),
        ),
        (
            "amounts-that-overflow",
            "The sum of the amounts does not fit in 64 bits: if it wraps around, it is below every limit.",
            payload(&[send(i64::MAX.unsigned_abs(), friend), send(i64::MAX.unsigned_abs(), friend), send(2, friend)]),
        ),
        (
            "fee-above",
            "The fee is one mutez above the limit: the block's baker receives it.",
            one(transfer(by(5_001), 1, friend)),
        ),
        (
            "fees-that-overflow",
            "The sum of the fees does not fit in 64 bits: if it wraps around, it is below every limit.",
            payload(&[
                transfer(by(i64::MAX.unsigned_abs()), 1, friend),
                transfer(by(i64::MAX.unsigned_abs()), 1, friend),
                transfer(by(2), 1, friend),
            ]),
        ),
        ("destination", "The address is not on the list.", one(send(1, stranger))),
        (
            "destination-by-another-tag",
            "The same 20 bytes as a listed address, with the tag of another curve: another account.",
            one(send(1, same_hash)),
        ),
        (
            "destination-behind-another",
            "Each content has its own destination: the second must be checked, too.",
            payload(&[send(1, friend), send(1, stranger)]),
        ),
        ("ticket", "Tickets may be worth more than tez: their destination must be listed.", one(ticket(stranger))),
        (
            "origination-with-balance",
            "A new contract can pass its balance on: with a list of destinations it must get none.",
            one(origination(1)),
        ),
        (
            "stake-elsewhere",
            "Calling stake on another account is a transfer in disguise, whose kind is forbidden.",
            one(manager(108, by(300), &transaction(1, stranger, Some(Call::Known(6))))),
        ),
        (
            "delegation",
            "A kind that the policy does not name is forbidden, even within all limits.",
            one(manager(110, by(300), &optional(None))),
        ),
    ];
    // Refused because of its kind, even by signers without limits.
    let by_kind = ["delegation"];
    let mut cases = Vec::new();
    for (name, why, payload) in yes {
        cases.push(case(&format!("limited/{name}"), &sentence(why), vec![allowed(KEY, payload)]));
    }
    for (name, why, payload) in no {
        let case = case(&format!("limited/{name}"), &sentence(why), vec![forbidden(KEY, payload)]);
        cases.push(if by_kind.contains(&name) { case.for_those_with(&[Feature::OperationKinds]) } else { case });
    }
    cases
}

/// Every operation for TZ3 and KT1, and at most 1000000 mutez.
fn spending() -> Vec<StepsCase> {
    const KEY: &str = "spender-p256";
    let (friend, stranger) = (TZ3, TZ1);
    let by = Manager { source: TZ2, fee: 300 };
    let delegation = |delegate: Option<Account>| one(manager(110, by, &optional(delegate.map(Account::bytes))));
    let origination = |delegate: Option<Account>| {
        let rest = [natural(0), optional(delegate.map(Account::bytes)), sized(&[0xd7; 8]), sized(&[0xd7; 4])];
        one(manager(109, by, &rest.concat()))
    };
    let burning = |bytes| manager_with_storage(108, by, bytes, &transaction(0, KT1, None));
    // 4000 and 4001 bytes, encoded as sign and six bits, then seven bits.
    let storage = |size: [u8; 2]| one(manager(113, by, &[size.to_vec(), KT1.bytes()].concat()));
    let rollup = [0x77; 20];
    let on_rollup = |tag, rest: &[u8]| one(manager(tag, by, &[&rollup, rest].concat()));
    let yes = [
        ("storage-at-the-limit", "4000 bytes at 250 mutez reach the limit exactly.", one(burning(4_000))),
        ("paid-storage-at-the-limit", "4000 bytes at 250 mutez reach the limit exactly.", storage([0xa0, 0x3e])),
        ("delegation-to-the-list", "The delegate is listed as a destination.", delegation(Some(friend))),
        ("delegation-withdrawn", "Nobody gains from withdrawing a delegation.", delegation(None)),
        ("own-bond", "The bond returns to the source.", on_rollup(207, &TZ2.bytes())),
        ("cement", "Cementing a commitment moves no tez of the source.", on_rollup(202, &[])),
    ];
    let no = [
        (
            "storage-above",
            "Each byte of storage burns 250 mutez of the source (cost_per_byte): if only amounts were limited, a \
             client could burn the whole balance.",
            one(burning(4_001)),
        ),
        (
            "storage-above-in-all",
            "The limit applies to the sum that a batch burns.",
            payload(&[burning(2_000), burning(2_001)]),
        ),
        (
            "amount-and-storage-above",
            "The same account pays what is sent and what is burnt: the limit applies to the sum.",
            one(manager_with_storage(108, by, 1, &transaction(999_751, KT1, None))),
        ),
        (
            "storage-that-overflows",
            "The price of the storage limit does not fit in 64 bits: if it wraps around, it is below every limit.",
            one(burning(u128::from(u64::MAX / 250 + 1))),
        ),
        (
            "paid-storage-above",
            "increase_paid_storage burns according to its own field, not the storage limit (apply.ml).",
            storage([0xa1, 0x3e]),
        ),
        (
            "bond",
            "The first commitment bonds 10000 tez (smart_rollup_stake_amount), which are lost if it is wrong.",
            on_rollup(203, &[0; 76]),
        ),
        (
            "delegation-to-a-stranger",
            "A delegate votes and bakes with the delegated tez: it gains like any other destination.",
            delegation(Some(stranger)),
        ),
        (
            "origination-for-a-stranger",
            "A new contract may have a delegate, too: it must be listed.",
            origination(Some(stranger)),
        ),
        (
            "outbox-message",
            "An outbox message moves tickets to a destination that the operation does not show.",
            on_rollup(206, &[vec![0; 32], sized(&[0xd7; 8])].concat()),
        ),
        (
            "consensus-key",
            "A new consensus key can drain the delegate: it bypasses every limit, and must be permitted by name.",
            one(manager(114, by, &[vec![2], vec![0xd7; 33], vec![0]].concat())),
        ),
        (
            "drain",
            "Draining takes everything: it bypasses every limit, and must be permitted by name.",
            one(drain(TZ3, TZ2, friend)),
        ),
    ];
    let mut cases = Vec::new();
    for (name, why, payload) in yes {
        cases.push(case(&format!("spender/{name}"), &sentence(why), vec![allowed(KEY, payload)]));
    }
    for (name, why, payload) in no {
        cases.push(case(&format!("spender/{name}"), &sentence(why), vec![forbidden(KEY, payload)]));
    }
    cases
}

fn draining() -> Vec<StepsCase> {
    let drained = || one(drain(TZ3, TZ1, TZ5));
    let by = Manager { source: TZ2, fee: 300 };
    vec![
        case(
            "open/drain",
            "A key that bakes and may sign any operation still must not empty the delegate: a single request would \
             suffice, and the tez could not be recovered.",
            vec![forbidden("open-secp256k1", drained())],
        ),
        case(
            "open/transfer",
            "Any operation includes transfers: such a key may pay.",
            vec![allowed("open-secp256k1", one(transfer(by, 1, KT1)))],
        ),
        case(
            "open/update-consensus-key",
            "The holder of the new consensus key can drain the delegate (operation_repr.ml): permission for any \
             operation does not include this one.",
            vec![forbidden("open-secp256k1", one(manager(114, by, &[vec![2], vec![0xd7; 33], vec![0]].concat())))],
        ),
        case(
            "open/update-companion-key",
            "A companion key signs attestations with DAL content for the delegate: setting it must be permitted by \
             name.",
            vec![forbidden("open-secp256k1", one(manager(115, by, &[vec![3], vec![0xd7; 48], vec![0]].concat())))],
        ),
        case(
            "open/attestation",
            "Permission for operations must not affect what a key signs for baking.",
            vec![allowed("open-secp256k1", Vote::new(Kind::Attestation, Curve::Secp256k1, 10, 0).bytes())],
        ),
        case(
            "drainer/drain",
            "Draining is for a delegate that has lost its own key (operation_repr.ml): permitted by name, it is \
             signed.",
            vec![allowed("drainer-p256", drained())],
        ),
        case(
            "drainer/transfer",
            "Draining is not a transfer: a kind that the policy does not name is forbidden.",
            vec![forbidden("drainer-p256", one(transfer(by, 1, KT1)))],
        ),
        case(
            "payer/drain",
            "The key's policy names it, so it is signed, regardless of the key's other permissions.",
            vec![allowed("payer-secp256k1", drained())],
        ),
    ]
}

/// Keys that may sign some of blocks, preattestations and attestations only.
fn kinds() -> Vec<StepsCase> {
    let of = |kind, curve: Curve| match kind {
        Kind::Block => Block::new(10, 0).bytes(),
        _ => Vote::new(kind, curve, 10, 0).bytes(),
    };
    let mut cases = Vec::new();
    for kind in Kind::ALL {
        let is_vote = kind == Kind::Attestation;
        let step = (if is_vote { allowed } else { forbidden })("attester-bls", of(kind, Curve::Bls));
        let why = "A companion key signs attestations only (dal_attestations_repr.ml): with this restriction it is of \
                   no use to a thief.";
        cases.push(case(&format!("attester/{}", kind.name()), why, vec![step]));
        for curve in Curve::ALL {
            let key = format!("payer-{}", curve.name());
            let why = "A key for payments must not bake: its vote would be for a delegate that nobody monitors, and \
                       would raise an unexpected high watermark.";
            let id = format!("payer/{}-by-{}", kind.name(), curve.name());
            cases.push(case(&id, why, vec![forbidden(&key, of(kind, curve))]));
        }
    }
    cases.push(case(
        "attester/refusals-raise-nothing",
        "A request that policy refuses must not raise the high watermark: attestations at a lower level are signed \
         afterwards.",
        vec![
            forbidden("attester-bls", Vote::new(Kind::Preattestation, Curve::Bls, 100, 0).bytes()),
            allowed("attester-bls", Vote::new(Kind::Attestation, Curve::Bls, 10, 0).bytes()),
        ],
    ));
    cases
}

fn chains() -> Vec<StepsCase> {
    const KEY: &str = "bound-p256";
    let mut cases = Vec::new();
    for kind in Kind::ALL {
        let payload = match kind {
            Kind::Block => Block::new(1331, 0).bytes(),
            _ => Vote::new(kind, Curve::P256, 1331, 0).bytes(),
        };
        let Step::Sign(sign) = allowed(KEY, payload.clone()) else { continue };
        let why =
            "The key is for mainnet: on another chain it has nothing to sign, and no high watermark may be created.";
        cases.push(case(&format!("bound/{}-elsewhere", kind.name()), why, vec![forbidden(KEY, payload)]));
        let why = "The key bakes on its own chain. The payload is always the same, so the next run repeats it.";
        let on_mainnet = Step::Sign(Sign { chain: None, ..sign });
        cases.push(case(&format!("bound/{}-on-mainnet", kind.name()), why, vec![on_mainnet]));
    }
    cases
}

fn packed_data() -> Vec<StepsCase> {
    let packed = || vec![0x05, 0x01, 0x00, 0x00, 0x00, 0x02, b'o', b'k'];
    let mut cases: Vec<_> = Curve::ALL
        .into_iter()
        .map(|curve| {
            let why = "Contracts accept signatures of packed data as orders (CHECK_SIGNATURE): a key signs it only if \
                       its policy permits it.";
            case(
                &format!("payer/packed-data-by-{}", curve.name()),
                why,
                vec![allowed(&format!("payer-{}", curve.name()), packed())],
            )
        })
        .collect();
    for key in ["baker-p256", "baker-bls", "staker-p256", "open-secp256k1", "limited-ed25519"] {
        let why = "Packed data can be an order to a contract that holds tez: permission for operations must not \
                   include it.";
        let role = key.replace('-', "/packed-data-by-");
        cases.push(case(&role, why, vec![forbidden(key, packed())]));
    }
    cases
}

fn possession() -> Vec<StepsCase> {
    let prove = |key: &str, about: Option<&str>, (verdict, status)| {
        let about = about.map(|name| named(name).1.public_key);
        vec![Step::Prove(Prove { key: key.to_owned(), about, verdict, status })]
    };
    let (yes, no, invalid) = ((Verdict::Signed, 200), (Verdict::Refused, 403), (Verdict::Refused, 400));
    vec![
        case(
            "prover/possession",
            "octez-client requests and verifies it when a tz4 key is revealed or set as consensus key \
             (client_proto_context.ml).",
            prove("prover-bls", None, yes),
        ),
        case(
            "prover/possession-of-another",
            "bls_pk is the key that the proof is about (create bls proof --override-public-key).",
            prove("prover-bls", Some("client-bls"), yes),
        ),
        case(
            "baker/possession",
            "A proof is a signature in a separate domain: octez-signer creates it with --allow-to-prove-possession \
             only.",
            prove("baker-bls", None, no),
        ),
        case(
            "payer/possession-by-p256",
            "A tz3 key has no proof of possession: no scheme is defined for it.",
            prove("payer-p256", None, no),
        ),
        case(
            "prover/possession-about-p256",
            "The key that a proof is about must be a tz4 key. The client has to correct this; an answer of 500 would \
             mean that the signer's services are failing.",
            prove("prover-bls", Some("client-p256"), invalid),
        )
        .that_costs(Consequence::Cosmetic),
    ]
}

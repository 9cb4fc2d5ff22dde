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

/// A request that no mark is kept for, or on a chain of its own.
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

/// A key that bakes signs no operation unless somebody has allowed it.
fn bakers() -> Vec<StepsCase> {
    let mut seen = HashSet::new();
    let mut cases: Vec<_> = samples()
        .into_iter()
        // One of each kind: that a kind is known in all its forms is what decode.json is about.
        .filter(|sample| seen.insert(sample.meaning.kind.clone()))
        .map(|sample| {
            let why = "A consensus key is on a machine that faces the network: by default it signs what bakes and nothing that \
                       spends (octez-signer: --magic-bytes 0x11,0x12,0x13).";
            let name = sample.meaning.kind.replace(':', "-");
            case(&format!("baker/{name}"), why, vec![forbidden("baker-p256", one(sample.bytes))])
        })
        .collect();
    for curve in Curve::ALL {
        let key = format!("baker-{}", curve.name());
        let by = Manager { source: account_of(&key), fee: 300 };
        let why = "The default holds for keys of every curve: nothing that spends.";
        cases.push(case(
            &format!("baker/transfer-by-{}", curve.name()),
            why,
            vec![forbidden(&key, one(transfer(by, 1, KT1)))],
        ));
        let payer = format!("payer-{}", curve.name());
        let by = Manager { source: account_of(&payer), fee: 300 };
        let why =
            "A key that is there to pay must be able to, on every curve: operations are signed behind watermark 03.";
        cases.push(case(
            &format!("payer/transfer-by-{}", curve.name()),
            why,
            vec![allowed(&payer, one(transfer(by, 1, KT1)))],
        ));
    }
    cases
}

/// The account of one of the keys.
fn account_of(key: &str) -> Account {
    // What operations hold is a tag and a hash; that the hash is not the key's own makes no difference to any policy here,
    // but for staking, where source and destination are compared with each other.
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
        let why =
            "Staking is what a baker's key is for beside baking: a policy can allow it without allowing transfers.";
        cases.push(case(&format!("staker/{name}"), why, vec![allowed(KEY, call(300, me, tag))]));
    }
    let by_fee = ["fee-above", "fees-above-in-all"];
    for (name, why, payload) in [
        (
            "transfer",
            "A transfer is the same operation as staking, but for its entrypoint: allowing one must not allow the other.",
            one(transfer(by(300), 5_000_000, Address::Account(TZ1))),
        ),
        (
            "transfer-to-itself",
            "A transfer to the source with no entrypoint is no staking: only the entrypoint makes it one.",
            one(transfer(by(300), 5_000_000, me)),
        ),
        ("stake-at-a-contract", "A contract's entrypoint called stake takes the tez for good.", call(300, KT1, 6)),
        (
            "entrypoint-default",
            "A call of default with a parameter is a transfer, though it looks like the four staking calls but for one byte.",
            call(300, me, 0),
        ),
        ("delegation", "What is not named is not allowed.", one(manager(110, by(300), &optional(Some(TZ1.bytes()))))),
        (
            "consensus-key",
            "A new consensus key hands baking over: an operation next to the reveal in bytes and far from it in what it does.",
            one(manager(114, by(300), &key)),
        ),
        (
            "fee-above",
            "A fee is tez that leave the account: one mutez above the limit is too much.",
            one(stake(10_001)),
        ),
        (
            "fees-above-in-all",
            "Fees of a batch add up: who limits each content alone is paid as often as there is room.",
            payload(&[reveal(5_000), stake(5_001)]),
        ),
        (
            "transfer-behind-reveal",
            "Each content of a batch must be allowed, the last as the first.",
            payload(&[reveal(300), transfer(by(300), 1, Address::Account(TZ1))]),
        ),
        (
            "transfer-before-reveal",
            "Each content of a batch must be allowed, the first as the last.",
            payload(&[transfer(by(300), 1, Address::Account(TZ1)), reveal(300)]),
        ),
        ("message", "What is not named is not allowed: a message can be a login elsewhere.", one(message(b"I agree"))),
        ("drain", "What is not named is not allowed, drain_delegate least of all.", one(drain(TZ3, TZ1, TZ5))),
    ] {
        let case = case(&format!("staker/{name}"), &sentence(why), vec![forbidden(KEY, payload)]);
        let needs = [Feature::OperationKinds, Feature::AmountLimits];
        cases.push(if by_fee.contains(&name) { case.for_those_with(&needs) } else { case });
    }
    for (name, why, payload) in [
        ("reveal", "An account's first operation reveals its key: without it nothing can be staked.", one(reveal(300))),
        (
            "fee-at-the-limit",
            "A limit is the last amount that is allowed, not the first that is not.",
            one(stake(10_000)),
        ),
        (
            "fees-at-the-limit-in-all",
            "A limit is the last sum that is allowed.",
            payload(&[reveal(5_000), stake(5_000)]),
        ),
        (
            "reveal-and-stake",
            "The two operations that every new baker begins with, in one batch.",
            payload(&[reveal(300), stake(300)]),
        ),
        (
            "ballot-yay",
            "Bakers vote with their consensus key's account: a policy that says ballot allows all three choices.",
            one(ballot(0)),
        ),
        (
            "ballot-nay",
            "Bakers vote with their consensus key's account: a policy that says ballot allows all three choices.",
            one(ballot(1)),
        ),
        (
            "ballot-pass",
            "Bakers vote with their consensus key's account: a policy that says ballot allows all three choices.",
            one(ballot(2)),
        ),
        ("attestation", "That a key may sign operations takes nothing from what it bakes with.", level_up),
    ] {
        cases.push(case(&format!("staker/{name}"), &sentence(why), vec![allowed(KEY, payload)]));
    }
    cases
}

/// Short reasons say the same in few words.
fn sentence(why: &str) -> String {
    if why.len() > 40 { why.to_owned() } else { format!("{why} The policy of this key says so.") }
}

/// Destinations TZ3 and KT1, at most 1000000 mutez, fees of at most 5000.
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
    // The same hash behind another tag.
    let same_hash = Address::Account(Account { tag: 0, fill: TZ3.fill });
    let yes = [
        (
            "amount-at-the-limit",
            "A limit is the last amount that is allowed, not the first that is not.",
            one(send(1_000_000, friend)),
        ),
        ("contract", "A contract on the list is a destination like an account.", one(send(1, KT1))),
        (
            "amounts-at-the-limit-in-all",
            "What a batch may send is the sum: half of the limit twice is the limit.",
            payload(&[send(500_000, friend), send(500_000, KT1)]),
        ),
        ("fee-at-the-limit", "A limit is the last fee that is allowed.", one(transfer(by(5_000), 1, friend))),
        ("ticket-to-the-list", "Tickets go where tez may go.", one(ticket(friend))),
        (
            "origination-of-nothing",
            "A new contract without a balance takes no tez: the list has nothing to say about it.",
            one(origination(0)),
        ),
    ];
    let no = [
        ("amount-above", "One mutez above the limit is too much.", one(send(1_000_001, friend))),
        (
            "amounts-above-in-all",
            "Who limits each content alone sends the limit as often as a batch has room.",
            payload(&[send(500_000, friend), send(500_001, friend)]),
        ),
        (
            "amounts-that-overflow",
            "Amounts whose sum does not fit 64 bits: a sum that wraps around is below every limit.",
            payload(&[send(i64::MAX.unsigned_abs(), friend), send(i64::MAX.unsigned_abs(), friend), send(2, friend)]),
        ),
        (
            "fee-above",
            "One mutez of fee above the limit: a fee goes to whoever bakes.",
            one(transfer(by(5_001), 1, friend)),
        ),
        (
            "fees-that-overflow",
            "Fees whose sum does not fit 64 bits: a sum that wraps around is below every limit.",
            payload(&[
                transfer(by(i64::MAX.unsigned_abs()), 1, friend),
                transfer(by(i64::MAX.unsigned_abs()), 1, friend),
                transfer(by(2), 1, friend),
            ]),
        ),
        ("destination", "The address is not on the list.", one(send(1, stranger))),
        (
            "destination-by-another-tag",
            "The same 20 bytes as an address on the list, behind the tag of another curve: somebody else's account.",
            one(send(1, same_hash)),
        ),
        (
            "destination-behind-another",
            "Each content has a destination of its own: the second one is looked at too.",
            payload(&[send(1, friend), send(1, stranger)]),
        ),
        (
            "ticket",
            "Tickets may be worth more than tez: their destination is on the list or refused.",
            one(ticket(stranger)),
        ),
        (
            "origination-with-balance",
            "A new contract can send on what it is given: with a list of destinations it gets nothing.",
            one(origination(1)),
        ),
        (
            "stake-elsewhere",
            "Calling stake of another account is a transfer in disguise, and its kind is not allowed.",
            one(manager(108, by(300), &transaction(1, stranger, Some(Call::Known(6))))),
        ),
        (
            "delegation",
            "What is not named is not allowed, whatever the limits.",
            one(manager(110, by(300), &optional(None))),
        ),
    ];
    // Refused for its kind, which needs no limit.
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

/// Every operation for TZ3 and KT1, at most 1000000 mutez.
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
    // Sign and six bits, and seven bits: 4000 and 4001 bytes.
    let storage = |size: [u8; 2]| one(manager(113, by, &[size.to_vec(), KT1.bytes()].concat()));
    let rollup = [0x77; 20];
    let on_rollup = |tag, rest: &[u8]| one(manager(tag, by, &[&rollup, rest].concat()));
    let yes = [
        ("storage-at-the-limit", "4000 bytes at 250 mutez are the limit.", one(burning(4_000))),
        ("paid-storage-at-the-limit", "4000 bytes at 250 mutez are the limit.", storage([0xa0, 0x3e])),
        ("delegation-to-the-list", "A delegate that is listed.", delegation(Some(friend))),
        ("delegation-withdrawn", "Nobody gains by a delegation that is withdrawn.", delegation(None)),
        ("own-bond", "A bond that returns to the source.", on_rollup(207, &TZ2.bytes())),
        ("cement", "A commitment that is cemented moves no tez of the source.", on_rollup(202, &[])),
    ];
    let no = [
        (
            "storage-above",
            "Each byte of storage burns 250 mutez of the source (cost_per_byte): with a limit for amounts alone, whoever may ask \
             burns what the account has.",
            one(burning(4_001)),
        ),
        ("storage-above-in-all", "What a batch burns is the sum.", payload(&[burning(2_000), burning(2_001)])),
        (
            "amount-and-storage-above",
            "What is sent and what is burnt are paid by the same account: the sum counts.",
            one(manager_with_storage(108, by, 1, &transaction(999_751, KT1, None))),
        ),
        (
            "storage-that-overflows",
            "A storage limit whose price does not fit 64 bits: a product that wraps around is below every limit.",
            one(burning(u128::from(u64::MAX / 250 + 1))),
        ),
        (
            "paid-storage-above",
            "increase_paid_storage burns by its own field, whatever the storage limit says (apply.ml).",
            storage([0xa1, 0x3e]),
        ),
        (
            "bond",
            "A first commitment bonds 10000 tez (smart_rollup_stake_amount), which a wrong one loses.",
            on_rollup(203, &[0; 76]),
        ),
        (
            "delegation-to-a-stranger",
            "A delegate votes and bakes with what is delegated: it is an address like any other that gains.",
            delegation(Some(stranger)),
        ),
        (
            "origination-for-a-stranger",
            "A new contract has a delegate too: it is listed or refused.",
            origination(Some(stranger)),
        ),
        (
            "outbox-message",
            "An outbox message moves tickets to wherever it says, which cannot be seen in the operation.",
            on_rollup(206, &[vec![0; 32], sized(&[0xd7; 8])].concat()),
        ),
        (
            "consensus-key",
            "A new consensus key can drain the delegate: it goes around every limit, and needs its name.",
            one(manager(114, by, &[vec![2], vec![0xd7; 33], vec![0]].concat())),
        ),
        (
            "drain",
            "To drain is to take everything: it goes around every limit, and needs its name.",
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
            "A key that bakes and may sign every operation still does not empty the delegate: one request would be enough, and \
             nothing brings the tez back.",
            vec![forbidden("open-secp256k1", drained())],
        ),
        case(
            "open/transfer",
            "Every operation means transfers too: a key that may sign them all is not kept from paying.",
            vec![allowed("open-secp256k1", one(transfer(by, 1, KT1)))],
        ),
        case(
            "open/update-consensus-key",
            "Whoever gets the new consensus key can drain the delegate with it (operation_repr.ml): every operation does not mean this \
             one.",
            vec![forbidden("open-secp256k1", one(manager(114, by, &[vec![2], vec![0xd7; 33], vec![0]].concat())))],
        ),
        case(
            "open/update-companion-key",
            "A companion key signs attestations with DAL content for the delegate: it is handed over by name, or not at all.",
            vec![forbidden("open-secp256k1", one(manager(115, by, &[vec![3], vec![0xd7; 48], vec![0]].concat())))],
        ),
        case(
            "open/attestation",
            "That a key may sign operations takes nothing from what it bakes with.",
            vec![allowed("open-secp256k1", Vote::new(Kind::Attestation, Curve::Secp256k1, 10, 0).bytes())],
        ),
        case(
            "drainer/drain",
            "Draining is there for a delegate that has lost its own key (operation_repr.ml): allowed by its name it is signed.",
            vec![allowed("drainer-p256", drained())],
        ),
        case(
            "drainer/transfer",
            "To drain is not to transfer: what is not named is not allowed.",
            vec![forbidden("drainer-p256", one(transfer(by, 1, KT1)))],
        ),
        case(
            "payer/drain",
            "The policy of this key names it: then it is signed, whatever else the key signs.",
            vec![allowed("payer-secp256k1", drained())],
        ),
    ]
}

/// Which of block, preattestation and attestation a key may sign.
fn kinds() -> Vec<StepsCase> {
    let of = |kind, curve: Curve| match kind {
        Kind::Block => Block::new(10, 0).bytes(),
        _ => Vote::new(kind, curve, 10, 0).bytes(),
    };
    let mut cases = Vec::new();
    for kind in Kind::ALL {
        let is_vote = kind == Kind::Attestation;
        let step = (if is_vote { allowed } else { forbidden })("attester-bls", of(kind, Curve::Bls));
        let why = "A companion key signs attestations and nothing else (dal_attestations_repr.ml): limited to that, it is of no \
                   use to a thief.";
        cases.push(case(&format!("attester/{}", kind.name()), why, vec![step]));
        for curve in Curve::ALL {
            let key = format!("payer-{}", curve.name());
            let why = "A key that pays must not bake: a vote by it would be by a delegate that nobody watches, and raises a mark \
                       nobody expects.";
            let id = format!("payer/{}-by-{}", kind.name(), curve.name());
            cases.push(case(&id, why, vec![forbidden(&key, of(kind, curve))]));
        }
    }
    cases.push(case(
        "attester/refusals-raise-nothing",
        "What policy refuses raises no mark: attestations are signed afterwards at a lower level.",
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
            "The key is of mainnet: on another chain it has nothing to sign, and every mark there is one too many.";
        cases.push(case(&format!("bound/{}-elsewhere", kind.name()), why, vec![forbidden(KEY, payload)]));
        let why =
            "On its own chain the key bakes. The payload is always the same, so that a run after this one is a repeat.";
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
            let why = "Contracts take signatures of packed data as orders (CHECK_SIGNATURE): a key signs it only if that is \
                       wanted.";
            case(&format!("payer/packed-data-by-{}", curve.name()), why, vec![allowed(&format!("payer-{}", curve.name()), packed())])
        })
        .collect();
    for key in ["baker-p256", "baker-bls", "staker-p256", "open-secp256k1", "limited-ed25519"] {
        let why = "Packed data can be an order to a contract that holds tez: no operation kind allows it.";
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
            "octez-client asks for it when a tz4 key is revealed or set as consensus key (client_proto_context.ml), and verifies it.",
            prove("prover-bls", None, yes),
        ),
        case(
            "prover/possession-of-another",
            "bls_pk names the key that the proof is about (create bls proof --override-public-key).",
            prove("prover-bls", Some("client-bls"), yes),
        ),
        case(
            "baker/possession",
            "A proof is a signature in a domain of its own: octez-signer gives it with --allow-to-prove-possession only.",
            prove("baker-bls", None, no),
        ),
        case(
            "payer/possession-by-p256",
            "A tz3 key has no proof of possession: there is nothing to prove and no scheme for it.",
            prove("payer-p256", None, no),
        ),
        case(
            "prover/possession-about-p256",
            "The key that a proof is about must be a tz4 key: anything else is no proof. The client has to put that right: an \
             answer of 500 says that the signer's services are at fault.",
            prove("prover-bls", Some("client-p256"), invalid),
        )
        .that_costs(Consequence::Cosmetic),
    ]
}

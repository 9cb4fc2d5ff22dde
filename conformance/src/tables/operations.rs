//! Payloads of operations: a sample of every kind, and batches.

use super::decoding::decoded;
use crate::case::{Content, DecodeCase, Decoded};
use crate::payload::operations::{
    ACCOUNTS, Account, Address, Call, KNOWN_ENTRYPOINTS, KT1, Manager, TZ1, TZ2, TZ3, TZ4, TZ5, branch_text, drain,
    manager, message, payload, transaction,
};
use crate::payload::{natural, optional, signed_number, sized};

/// The source of the samples. It is not the signing key's account, which no signer checks.
const BY: Account = TZ2;

/// An encoded content and its meaning.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) why: String,
    pub(super) bytes: Vec<u8>,
    pub(super) meaning: Content,
    /// Whether it may be batched.
    pub(super) is_manager: bool,
}

const fn nothing_but(kind: String) -> Content {
    Content { kind, source: None, fee: None, amount: None, destination: None, entrypoint: None }
}

impl Sample {
    fn manager(name: &str, why: &str, kind: &str, tag: u8, rest: &[u8]) -> Self {
        // A different fee for every kind, so that they cannot be confused.
        let fee = 1000 + u64::from(tag);
        let bytes = manager(tag, Manager { source: BY, fee }, rest);
        let meaning = Content { source: Some(BY.text()), fee: Some(fee), ..nothing_but(kind.to_owned()) };
        Self { name: name.to_owned(), why: why.to_owned(), bytes, meaning, is_manager: true }
    }

    fn alone(name: &str, why: &str, kind: &str, bytes: Vec<u8>) -> Self {
        Self {
            name: name.to_owned(),
            why: why.to_owned(),
            bytes,
            meaning: nothing_but(kind.to_owned()),
            is_manager: false,
        }
    }

    fn of(mut self, amount: u64) -> Self {
        self.meaning.amount = Some(amount);
        self
    }

    fn to(mut self, destination: Address) -> Self {
        self.meaning.destination = Some(destination.text());
        self
    }

    fn calling(mut self, entrypoint: &str) -> Self {
        self.meaning.entrypoint = Some(entrypoint.to_owned());
        self
    }

    fn from(mut self, source: Account) -> Self {
        self.meaning.source = Some(source.text());
        self
    }
}

pub(super) fn samples() -> Vec<Sample> {
    [keys(), transactions(), staking(), accounts(), rollups(), refutations(), governance(), others()].concat()
}

fn filler(length: usize) -> Vec<u8> {
    vec![0xd7; length]
}

fn keys() -> Vec<Sample> {
    const KEYS: [(&str, u8, usize); 5] =
        [("ed25519", 0, 32), ("secp256k1", 1, 33), ("p256", 2, 33), ("bls", 3, 48), ("ml-dsa-44", 4, 1312)];
    let mut samples = Vec::new();
    for (curve, tag, length) in KEYS {
        let rest = [vec![tag], filler(length), optional(None)].concat();
        let why = "The first operation of every account reveals its key: a baker's too, before it can stake.";
        samples.push(Sample::manager(&format!("reveal-{curve}"), why, "reveal", 107, &rest));
    }
    let with_proof = [vec![3], filler(48), optional(Some(sized(&filler(96))))].concat();
    for (name, tag, why) in [
        ("reveal", 107, "When a tz4 key is revealed, 96 more bytes prove that it was not derived from other keys."),
        (
            "update_consensus_key",
            114,
            "Signing this gives another key the right to bake; for a tz4 key, a proof follows.",
        ),
        (
            "update_companion_key",
            115,
            "It sets the companion key, which signs DAL content for a tz4 consensus key: its holder can attest for \
             the delegate.",
        ),
    ] {
        samples.push(Sample::manager(&format!("{name}-bls-with-proof"), why, name, tag, &with_proof));
    }
    let p256 = [vec![2], filler(33), optional(None)].concat();
    let why =
        "Signing this gives another key the right to bake: it must not be mistaken for a reveal, which looks similar.";
    samples.push(Sample::manager("update_consensus_key-p256", why, "update_consensus_key", 114, &p256));
    samples
}

fn transactions() -> Vec<Sample> {
    let plain = "transaction";
    let mut samples = Vec::new();
    for to in ACCOUNTS.map(Address::Account).into_iter().chain([KT1]) {
        let name = format!("transaction-to-{}", &to.text()[..3].to_lowercase());
        let why = "A policy on destinations needs the whole address with its tag: 21 bytes after 00, or 20 between 01 and \
             00.";
        samples.push(
            Sample::manager(&name, why, plain, 108, &transaction(407, to, None)).of(407).to(to).calling("default"),
        );
    }
    for (name, amount, why) in [
        ("transaction-of-nothing", 0, "Most contract calls send no tez: zero is a valid amount."),
        ("transaction-of-one-group", 127, "127 is the largest number of one byte: its high bit marks it as the last."),
        (
            "transaction-of-two-groups",
            128,
            "128 is the smallest number of two bytes: the least significant group comes first.",
        ),
        (
            "transaction-of-all-tez",
            i64::MAX.unsigned_abs(),
            "Amounts have 63 bits: a sum with any other must not overflow into a small one.",
        ),
    ] {
        samples.push(
            Sample::manager(name, why, plain, 108, &transaction(amount, KT1, None))
                .of(amount)
                .to(KT1)
                .calling("default"),
        );
    }
    for name in ["do_it", "a", "thirty_one.characters%of@a_name"] {
        let id = format!("transaction-calls-{}", name.replace(['.', '%', '@'], "-"));
        let why = "Entrypoints without a byte of their own in Octez are encoded by name: at most 31 characters \
                   (entrypoint_repr.ml).";
        let rest = transaction(407, KT1, Some(Call::Named(name)));
        samples.push(Sample::manager(&id, why, plain, 108, &rest).of(407).to(KT1).calling(name));
    }
    samples
}

fn staking() -> Vec<Sample> {
    let mut samples = Vec::new();
    let me = Address::Account(BY);
    for (tag, name) in (0_u8..).zip(KNOWN_ENTRYPOINTS) {
        let is_staking = tag >= 6;
        let kind = if is_staking { format!("transaction:{name}") } else { "transaction".to_owned() };
        let id = name.replace('_', "-");
        let why = if is_staking {
            "Staking is a transaction to an account that calls one of four entrypoints (operation_repr.ml): a policy \
             that sees only transactions cannot distinguish it from a transfer."
        } else {
            "A known entrypoint is one byte (entrypoint_repr.ml, smart_encoding): bytes that follow it must not be \
             skipped."
        };
        for (how, call) in [("", Call::Known(tag)), ("-by-name", Call::Named(name))] {
            let rest = transaction(5_000_000, me, Some(call));
            samples.push(
                Sample::manager(&format!("account-{id}{how}"), why, &kind, 108, &rest)
                    .of(5_000_000)
                    .to(me)
                    .calling(name),
            );
        }
        if is_staking {
            let why = "A contract may have an entrypoint with this name: tez sent there are gone, and this is not \
                       staking.";
            let rest = transaction(5_000_000, KT1, Some(Call::Known(tag)));
            samples.push(
                Sample::manager(&format!("contract-{id}"), why, "transaction", 108, &rest)
                    .of(5_000_000)
                    .to(KT1)
                    .calling(name),
            );
        }
    }
    samples
}

fn accounts() -> Vec<Sample> {
    let delegate = || Some(TZ4.bytes());
    let script = |delegate| [natural(84_143), optional(delegate), sized(&filler(32)), sized(&filler(14))].concat();
    let ticket = |to: Address, entrypoint: &[u8]| {
        [sized(&filler(9)), sized(&filler(2)), KT1.bytes(), natural(1 << 80), to.bytes(), sized(entrypoint)].concat()
    };
    let storage = |amount| [signed_number(amount), KT1.bytes()].concat();
    let limit = |limit: Option<u128>| optional(limit.map(natural));
    let tz5 = Address::Account(TZ5);
    vec![
        Sample::manager(
            "origination",
            "The balance of a new contract is taken from the source: a limit on amounts must count it.",
            "origination",
            109,
            &script(None),
        )
        .of(84_143),
        Sample::manager(
            "origination-with-delegate",
            "An optional field is ff and its value: its 21 bytes move everything after it.",
            "origination",
            109,
            &script(delegate()),
        )
        .of(84_143),
        Sample::manager(
            "delegation",
            "It delegates the source's stake to another baker, or registers an account as a delegate.",
            "delegation",
            110,
            &optional(delegate()),
        ),
        Sample::manager(
            "delegation-withdrawn",
            "Without a delegate it withdraws the delegation: an absent field is one byte.",
            "delegation",
            110,
            &optional(None),
        ),
        Sample::manager(
            "register_global_constant",
            "A length and as many bytes: Micheline need not be parsed, but its end must be found.",
            "register_global_constant",
            111,
            &sized(&filler(7)),
        ),
        Sample::manager(
            "set_deposits_limit",
            "A baker limits its frozen deposits, in mutez after a presence byte: without that byte, the limit is \
             another.",
            "set_deposits_limit",
            112,
            &limit(Some(10_000_000_000)),
        ),
        Sample::manager(
            "set_deposits_limit-zero",
            "A limit of zero is not the same as no limit.",
            "set_deposits_limit",
            112,
            &limit(Some(0)),
        ),
        Sample::manager(
            "set_deposits_limit-none",
            "No limit is encoded as one zero byte, which is not a limit of zero.",
            "set_deposits_limit",
            112,
            &limit(None),
        ),
        Sample::manager(
            "increase_paid_storage",
            "Its amount is a signed number, with six bits in the first byte: the only one in manager operations.",
            "increase_paid_storage",
            113,
            &storage(4096),
        ),
        Sample::manager(
            "transfer_ticket",
            "Tickets may be worth more than tez: their recipient counts as a destination.",
            "transfer_ticket",
            158,
            &ticket(tz5, b"default"),
        )
        .to(tz5)
        .calling("default"),
        Sample::manager(
            "transfer_ticket-to-contract",
            "The entrypoint of a ticket transfer has a four-byte length, unlike that of a transaction.",
            "transfer_ticket",
            158,
            &ticket(KT1, b"mint"),
        )
        .to(KT1)
        .calling("mint"),
        Sample::manager(
            "transfer_ticket-stake",
            "Sending tickets to an entrypoint called stake is not staking.",
            "transfer_ticket",
            158,
            &ticket(Address::Account(TZ3), b"stake"),
        )
        .to(Address::Account(TZ3))
        .calling("stake"),
        Sample::manager(
            "dal_publish_commitment",
            "Data for the data availability layer: slot index, a commitment of 48 bytes and a proof of 96 bytes.",
            "dal_publish_commitment",
            230,
            &[vec![31], filler(48), filler(96)].concat(),
        ),
    ]
}

fn rollups() -> Vec<Sample> {
    let rollup = || filler(20);
    let level = 1331_i32.to_be_bytes().to_vec();
    let originate = |whitelist: Option<Vec<u8>>| {
        [vec![1], sized(&filler(40)), sized(&filler(4)), optional(whitelist.map(|list| sized(&list)))].concat()
    };
    let everybody = ACCOUNTS.iter().flat_map(|account| account.bytes()).collect();
    let why_messages = "Messages are a list in a list: both lengths must be consistent.";
    vec![
        Sample::manager(
            "smart_rollup_originate",
            "A rollup's kernel may be the longest field of all operations: it is skipped by its length.",
            "smart_rollup_originate",
            200,
            &originate(None),
        ),
        Sample::manager(
            "smart_rollup_originate-whitelist",
            "A private rollup lists its stakers: public key hashes after a length in bytes.",
            "smart_rollup_originate",
            200,
            &originate(Some(everybody)),
        ),
        Sample::manager(
            "smart_rollup_originate-empty-whitelist",
            "An empty list is not an absent one: a rollup with an empty list is private, one without a list is public.",
            "smart_rollup_originate",
            200,
            &originate(Some(Vec::new())),
        ),
        Sample::manager(
            "smart_rollup_add_messages",
            why_messages,
            "smart_rollup_add_messages",
            201,
            &sized(&[sized(b"one"), sized(b""), sized(b"three")].concat()),
        ),
        Sample::manager("smart_rollup_add_messages-none", why_messages, "smart_rollup_add_messages", 201, &sized(&[])),
        Sample::manager(
            "smart_rollup_cement",
            "The operator of a rollup makes a commitment final: 20 bytes follow the header, and no more.",
            "smart_rollup_cement",
            202,
            &rollup(),
        ),
        Sample::manager(
            "smart_rollup_publish",
            "The operator of a rollup publishes a commitment, and a bond of 10000 tez is frozen.",
            "smart_rollup_publish",
            203,
            &[rollup(), filler(32), level, filler(32), 1_000_000_i64.to_be_bytes().to_vec()].concat(),
        ),
        Sample::manager(
            "smart_rollup_timeout",
            "It ends a refutation game by timeout.",
            "smart_rollup_timeout",
            205,
            &[rollup(), TZ1.bytes(), TZ2.bytes()].concat(),
        )
        .named("A timeout names two stakers, one of which loses 10000 tez: both are 21 bytes with a tag."),
        Sample::manager(
            "smart_rollup_execute_outbox_message",
            "The source pays just the fee; the rollup's message moves the money.",
            "smart_rollup_execute_outbox_message",
            206,
            &[rollup(), filler(32), sized(&filler(50))].concat(),
        ),
        Sample::manager(
            "smart_rollup_recover_bond",
            "It returns the bond of a staker, who need not be the source.",
            "smart_rollup_recover_bond",
            207,
            &[rollup(), TZ4.bytes()].concat(),
        ),
    ]
}

impl Sample {
    fn named(mut self, why: &str) -> Self {
        why.clone_into(&mut self.why);
        self
    }
}

/// A move for each branch of the refutation game's encoding.
fn refutations() -> Vec<Sample> {
    let level = 1331_i32.to_be_bytes().to_vec();
    let play = |step: u8| [vec![1], natural(3), vec![step]].concat();
    let section = |state: Option<u8>, tick| [optional(state.map(|fill| vec![fill; 32])), natural(tick)].concat();
    let proof = |input: Option<Vec<u8>>| [play(1), sized(&filler(60)), optional(input)].concat();
    let sections = [section(Some(0xe1), 300), section(None, 1 << 100), section(Some(0xe2), u128::MAX)].concat();
    let moves = [
        ("start", [vec![0], filler(32), filler(32)].concat()),
        ("dissection", [play(0), sized(&sections)].concat()),
        ("dissection-empty", [play(0), sized(&[])].concat()),
        ("proof", proof(None)),
        ("proof-inbox", proof(Some([vec![0], level.clone(), natural(1 << 70), sized(&filler(12))].concat()))),
        ("proof-raw-data", proof(Some([vec![1, 0, 0x01, 0x00], filler(256)].concat()))),
        ("proof-metadata", proof(Some(vec![1, 1]))),
        ("proof-dal-page", proof(Some([vec![1, 2], level, vec![7, 0, 63], sized(&filler(80))].concat()))),
        ("proof-dal-parameters", proof(Some(vec![1, 3]))),
        ("proof-first-input", proof(Some(vec![2]))),
    ];
    let why = "A move in a refutation game is a tree of tags (sc_rollup_game_repr.ml): the loser forfeits 10000 tez, \
               so an operator must be able to sign every branch, and its end must be found.";
    moves
        .into_iter()
        .map(|(name, game_move)| {
            let rest = [filler(20), TZ2.bytes(), game_move].concat();
            Sample::manager(&format!("smart_rollup_refute-{name}"), why, "smart_rollup_refute", 204, &rest)
        })
        .collect()
}

fn governance() -> Vec<Sample> {
    let period = 719_i32.to_be_bytes();
    let proposals = |count: usize| [vec![5], TZ2.bytes(), period.to_vec(), sized(&vec![0xcb; 32 * count])].concat();
    let mut samples = Vec::new();
    for (count, name) in [(1, "proposals"), (20, "proposals-twenty")] {
        let why = "Bakers propose protocols: a list of at most twenty hashes after its length in bytes.";
        samples.push(Sample::alone(name, why, "proposals", proposals(count)).from(TZ2));
    }
    for (choice, name) in [(0, "yay"), (1, "nay"), (2, "pass")] {
        let why = "Bakers vote on protocols: the choice is the last byte, and a policy may permit one and not another.";
        let bytes = [vec![6], TZ4.bytes(), period.to_vec(), filler(32), vec![choice]].concat();
        samples.push(Sample::alone(&format!("ballot-{name}"), why, &format!("ballot:{name}"), bytes).from(TZ4));
    }
    samples
}

fn others() -> Vec<Sample> {
    let level = 1331_i32.to_be_bytes().to_vec();
    let unsigned = "This needs no signature, but a signer that decodes it can refuse it by name.";
    let two = || [sized(&filler(139)), sized(&filler(139))].concat();
    let shard = |lag: Option<u8>| {
        [
            vec![24],
            sized(&filler(144)),
            vec![0x00, 0x05, 0x0f],
            optional(lag.map(|lag| vec![lag])),
            403_i32.to_be_bytes().to_vec(),
            sized(&filler(64 * 32)),
            filler(48),
        ]
        .concat()
    };
    vec![
        Sample::alone(
            "drain_delegate",
            "Signed by the consensus key, it empties the delegate's spendable balance and sends it to the third \
             address.",
            "drain_delegate",
            drain(TZ3, TZ1, TZ5),
        )
        .from(TZ1)
        .to(Address::Account(TZ5)),
        Sample::alone(
            "failing_noop",
            "octez-client sign message signs this: it has no effect on any chain (client_proto_utils.ml).",
            "failing_noop",
            message(b"hello"),
        ),
        Sample::alone("failing_noop-empty", "An empty message is a message.", "failing_noop", message(b""))
            .named("An empty message is a message, and its length of zero is the end of the payload."),
        Sample::alone(
            "seed_nonce_revelation",
            unsigned,
            "seed_nonce_revelation",
            [vec![1], level, filler(32)].concat(),
        ),
        Sample::alone(
            "double_consensus_operation_evidence",
            unsigned,
            "double_consensus_operation_evidence",
            [vec![2, 0x00, 0x0d], two()].concat(),
        ),
        Sample::alone("double_baking_evidence", unsigned, "double_baking_evidence", [vec![3], two()].concat()),
        Sample::alone("activate_account", unsigned, "activate_account", [vec![4], filler(20), filler(20)].concat()),
        Sample::alone("vdf_revelation", unsigned, "vdf_revelation", [vec![8], filler(100), filler(100)].concat()),
        Sample::alone("dal_entrapment_evidence", unsigned, "dal_entrapment_evidence", shard(None)),
        Sample::alone("dal_entrapment_evidence-lag", unsigned, "dal_entrapment_evidence", shard(Some(1))),
    ]
}

/// The key that may sign all operations.
pub(super) const PAYER: &str = "payer-p256";

fn id_of(name: &str) -> String {
    format!("operation/{name}")
}

pub(super) fn cases() -> Vec<DecodeCase> {
    let meant = |contents: Vec<Content>| Decoded::Operations { branch: branch_text(), contents };
    let samples = samples();
    let mut cases: Vec<_> = samples
        .iter()
        .map(|sample| {
            let payload = payload(std::slice::from_ref(&sample.bytes));
            decoded(&id_of(&sample.name), &sample.why, payload, PAYER, meant(vec![sample.meaning.clone()]))
        })
        .collect();

    let managers: Vec<_> = samples.iter().filter(|sample| sample.is_manager).collect();
    let mut batch = |name: &str, why: &str, batch: Vec<&Sample>| {
        let bytes: Vec<_> = batch.iter().map(|sample| sample.bytes.clone()).collect();
        let contents = batch.iter().map(|sample| sample.meaning.clone()).collect();
        cases.push(decoded(&id_of(name), why, payload(&bytes), PAYER, meant(contents)));
    };
    let find = |name: &str| *managers.iter().find(|sample| sample.name == name).expect("a sample");
    batch(
        "batch-reveal-and-transaction",
        "The first transfer of an account: octez-client adds a reveal to the batch (injection.ml).",
        vec![find("reveal-ed25519"), find("transaction-to-tz1")],
    );
    batch(
        "batch-of-two-transactions",
        "Each content has its own amount and destination: a signer that checks only the first misses the second.",
        vec![find("transaction-to-tz1"), find("transaction-to-kt1")],
    );
    // Without the 1312-byte key, which would leave no room for the others.
    batch(
        "batch-of-everything",
        "Contents have no length field (operation_repr.ml): if one is decoded wrongly, so is the next.",
        managers.iter().filter(|sample| sample.name != "reveal-ml-dsa-44").copied().collect(),
    );
    cases
}

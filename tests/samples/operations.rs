//! One sample or more of every kind of operation that is signed here, with what a policy should see in it.
//!
//! Written from the tables of Octez's encodings (`operation_repr.ml` of protocol 025), not from the decoder. The writer
//! notes where tags, lengths, flags and numbers stand, so that tests can spoil each of them in turn.

use azurehsm_signer::tezos::Curve;
use azurehsm_signer::tezos::payload::operations::{self, OperationKind};
use azurehsm_signer::tezos::payload::{DecodeError, Payload};
use std::ops::RangeInclusive;

/// Where contents begin: after the watermark byte and the branch.
pub(crate) const CONTENTS_AT: usize = 33;

pub(crate) const BRANCH: [u8; 32] = [0xb7; 32];

/// A payload of these contents.
pub(crate) fn payload<'a>(contents: impl IntoIterator<Item = &'a Bytes>) -> Vec<u8> {
    payload_of_bytes(&contents.into_iter().flat_map(|content| content.bytes.clone()).collect::<Vec<u8>>())
}

/// A payload of contents that are bytes already.
pub(crate) fn payload_of_bytes(contents: &[u8]) -> Vec<u8> {
    [[0x03].as_slice(), &BRANCH, contents].concat()
}

/// What a policy sees of a payload of operations. Which curve the key has does not matter to them.
pub(crate) fn meanings(payload: &[u8]) -> Result<Vec<Meaning>, DecodeError> {
    match Payload::decode(payload, Curve::P256)? {
        Payload::Operations(operations) => Ok(operations.contents.iter().map(Meaning::from).collect()),
        other => unreachable!("{other:?} behind the watermark byte of operations"),
    }
}

/// What a policy sees of one content, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meaning {
    pub(crate) kind: OperationKind,
    pub(crate) source: Option<String>,
    pub(crate) fee: Option<u64>,
    pub(crate) amount: Option<u64>,
    pub(crate) destination: Option<String>,
    pub(crate) entrypoint: Option<String>,
}

impl From<&operations::Content> for Meaning {
    fn from(content: &operations::Content) -> Self {
        Self {
            kind: content.kind,
            source: content.source.map(|source| source.to_string()),
            fee: content.fee,
            amount: content.amount,
            destination: content.destination.map(|destination| destination.to_string()),
            entrypoint: content.entrypoint.as_ref().map(|entrypoint| entrypoint.name().to_owned()),
        }
    }
}

/// A part of a content that a hostile client might lie in.
#[derive(Debug, Clone)]
pub(crate) enum Field {
    /// One byte that says what follows. Those of the range stand for nothing.
    Tag(RangeInclusive<u8>),
    /// One byte that must be one of few. Those of the range are not.
    Flag(RangeInclusive<u8>),
    /// A u32 number of bytes.
    Length,
    /// A natural number of at most ten bytes.
    Natural,
    /// A natural number of at most ten bytes and 63 bits.
    Mutez,
    /// A number of any size.
    Number,
}

/// Bytes, and what stands where in them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bytes {
    pub(crate) bytes: Vec<u8>,
    pub(crate) fields: Vec<(usize, Field)>,
}

impl Bytes {
    fn field(mut self, field: Field) -> Self {
        self.fields.push((self.bytes.len(), field));
        self
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Bytes that are not looked at; their value does not matter.
    fn filler(self, length: usize) -> Self {
        self.raw(&vec![0xd7; length])
    }

    fn tag(self, tag: u8, unknown: RangeInclusive<u8>) -> Self {
        self.field(Field::Tag(unknown)).raw(&[tag])
    }

    fn natural(self, value: u64) -> Self {
        self.field(Field::Natural).raw(&groups_of_seven(value.into()))
    }

    fn mutez(self, value: u64) -> Self {
        self.field(Field::Mutez).raw(&groups_of_seven(value.into()))
    }

    /// A natural number without a limit of its own.
    fn number(self, value: u128) -> Self {
        self.field(Field::Number).raw(&groups_of_seven(value))
    }

    /// A signed number: sign and six bits in the first byte, seven in each that follows.
    fn signed_number(self, value: i64) -> Self {
        let magnitude = value.unsigned_abs();
        let sign = if value < 0 { 0x40 } else { 0x00 };
        let low = u8::try_from(magnitude & 0x3f).unwrap() | sign;
        let high = magnitude >> 6;
        let rest = if high == 0 { Vec::new() } else { groups_of_seven(high.into()) };
        let more = if high == 0 { 0x00 } else { 0x80 };
        self.field(Field::Number).raw(&[low | more]).raw(&rest)
    }

    /// A u32 length and that many bytes.
    fn sized(self, bytes: &[u8]) -> Self {
        let length = u32::try_from(bytes.len()).unwrap();
        self.field(Field::Length).raw(&length.to_be_bytes()).raw(bytes)
    }

    /// A u32 length and the elements, one after the other.
    fn list(self, elements: Self) -> Self {
        let length = u32::try_from(elements.bytes.len()).unwrap();
        self.field(Field::Length).raw(&length.to_be_bytes()).then(elements)
    }

    fn then(mut self, next: Self) -> Self {
        let start = self.bytes.len();
        self.fields.extend(next.fields.into_iter().map(|(at, field)| (start + at, field)));
        self.raw(&next.bytes)
    }

    /// 00, or ff and the value.
    fn optional(self, value: Option<Self>) -> Self {
        let this = self.field(Field::Flag(0x01..=0xfe));
        match value {
            None => this.raw(&[0x00]),
            Some(value) => this.raw(&[0xff]).then(value),
        }
    }

    fn account(self, account: Account) -> Self {
        self.tag(account.tag, 5..=255).raw(&[account.fill; 20])
    }

    fn address(self, address: Address) -> Self {
        match address {
            Address::Account(account) => self.tag(0, 2..=255).account(account),
            Address::Contract(fill) => {
                self.tag(1, 2..=255).raw(&[fill; 20]).field(Field::Flag(0x01..=0xff)).raw(&[0x00])
            }
        }
    }

    /// An entrypoint of a transaction, by its own byte.
    fn known_entrypoint(self, tag: u8) -> Self {
        self.tag(tag, 10..=254)
    }

    /// An entrypoint of a transaction, by its name.
    fn named_entrypoint(self, name: &str) -> Self {
        self.tag(0xff, 10..=254).raw(&[u8::try_from(name.len()).unwrap()]).raw(name.as_bytes())
    }
}

/// Seven bits a byte, least significant first; the high bit says that more follow.
pub(crate) fn groups_of_seven(mut value: u128) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let group = u8::try_from(value & 0x7f).unwrap();
        value >>= 7;
        if value == 0 {
            bytes.push(group);
            return bytes;
        }
        bytes.push(group | 0x80);
    }
}

/// tz1 to tz5, by tag 0 to 4, with a hash of one repeated byte.
#[derive(Debug, Clone, Copy)]
struct Account {
    tag: u8,
    fill: u8,
}

const TZ1: Account = Account { tag: 0, fill: 0x11 };
const TZ2: Account = Account { tag: 1, fill: 0x22 };
const TZ3: Account = Account { tag: 2, fill: 0x33 };
const TZ4: Account = Account { tag: 3, fill: 0x44 };
const TZ5: Account = Account { tag: 4, fill: 0x55 };
const ACCOUNTS: [Account; 5] = [TZ1, TZ2, TZ3, TZ4, TZ5];

impl Account {
    fn text(self) -> String {
        const PREFIXES: [[u8; 3]; 5] =
            [[0x06, 0xa1, 0x9f], [0x06, 0xa1, 0xa1], [0x06, 0xa1, 0xa4], [0x06, 0xa1, 0xa6], [0x06, 0xa1, 0xa9]];
        base58check(PREFIXES[usize::from(self.tag)], self.fill)
    }
}

#[derive(Debug, Clone, Copy)]
enum Address {
    Account(Account),
    Contract(u8),
}

const KT1: Address = Address::Contract(0x66);

impl Address {
    fn text(self) -> String {
        match self {
            Self::Account(account) => account.text(),
            Self::Contract(fill) => base58check([0x02, 0x5a, 0x79], fill),
        }
    }
}

fn base58check(prefix: [u8; 3], fill: u8) -> String {
    bs58::encode([prefix.as_slice(), &[fill; 20]].concat()).with_check().into_string()
}

/// A content and what it means.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) content: Bytes,
    pub(crate) meaning: Meaning,
}

impl Sample {
    /// A manager operation. The fee differs from kind to kind, so that none is taken for another.
    fn manager(name: impl Into<String>, kind: OperationKind, tag: u8, rest: Bytes) -> Self {
        Self::manager_of(TZ3, name, kind, tag, rest)
    }

    fn manager_of(source: Account, name: impl Into<String>, kind: OperationKind, tag: u8, rest: Bytes) -> Self {
        let fee = 1000 + u64::from(tag);
        let content = Bytes::default()
            .raw(&[tag])
            .account(source)
            .mutez(fee)
            .natural(71_000_000)
            .natural(1_040_000)
            .natural(0)
            .then(rest);
        let meaning = Meaning { source: Some(source.text()), fee: Some(fee), ..nothing_but(kind) };
        Self { name: name.into(), content, meaning }
    }

    /// A kind that stands alone in its payload.
    fn standalone(name: &str, kind: OperationKind, tag: u8, rest: Bytes) -> Self {
        let content = Bytes::default().raw(&[tag]).then(rest);
        Self { name: name.to_owned(), content, meaning: nothing_but(kind) }
    }

    fn from(mut self, source: Account) -> Self {
        self.meaning.source = Some(source.text());
        self
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
}

const fn nothing_but(kind: OperationKind) -> Meaning {
    Meaning { kind, source: None, fee: None, amount: None, destination: None, entrypoint: None }
}

/// Samples of the kinds that may be batched.
pub(crate) fn manager_samples() -> Vec<Sample> {
    [keys(), transactions(), accounts_and_contracts(), smart_rollups(), refutations()].concat()
}

/// Public keys of every curve, with and without proof of possession, in each of the three operations that hold one.
fn keys() -> Vec<Sample> {
    const LENGTHS: [(&str, usize); 5] =
        [("Ed25519", 32), ("secp256k1", 33), ("P-256", 33), ("BLS12-381", 48), ("ML-DSA-44", 1312)];
    let mut samples = Vec::new();
    for (kind, tag) in [
        (OperationKind::Reveal, 107),
        (OperationKind::UpdateConsensusKey, 114),
        (OperationKind::UpdateCompanionKey, 115),
    ] {
        for (curve, (name, length)) in (0..).zip(LENGTHS) {
            for proof in [None, Some(Bytes::default().sized(&[0xd7; 96]))] {
                let name = format!("{kind}, {name} key, {} proof", if proof.is_some() { "with" } else { "no" });
                let rest = Bytes::default().tag(curve, 5..=255).filler(length).optional(proof);
                samples.push(Sample::manager(name, kind, tag, rest));
            }
        }
    }
    samples
}

fn transaction(amount: u64, to: Address, parameters: Option<Bytes>) -> Bytes {
    Bytes::default().mutez(amount).address(to).optional(parameters)
}

fn transactions() -> Vec<Sample> {
    const KNOWN: [(&str, OperationKind); 10] = [
        ("default", OperationKind::Transaction),
        ("root", OperationKind::Transaction),
        ("do", OperationKind::Transaction),
        ("set_delegate", OperationKind::Transaction),
        ("remove_delegate", OperationKind::Transaction),
        ("deposit", OperationKind::Transaction),
        ("stake", OperationKind::Stake),
        ("unstake", OperationKind::Unstake),
        ("finalize_unstake", OperationKind::FinalizeUnstake),
        ("set_delegate_parameters", OperationKind::SetDelegateParameters),
    ];
    let plain = OperationKind::Transaction;
    let myself = Address::Account(TZ3);
    let mut samples = Vec::new();

    for account in ACCOUNTS {
        let to = Address::Account(account);
        samples.push(
            Sample::manager(format!("transfer to {}", to.text()), plain, 108, transaction(407, to, None))
                .of(407)
                .to(to)
                .calling("default"),
        );
        samples.push(
            Sample::manager_of(account, format!("transfer from {}", to.text()), plain, 108, transaction(1, KT1, None))
                .of(1)
                .to(KT1)
                .calling("default"),
        );
    }
    for (amount, what) in [(0, "nothing"), (i64::MAX.unsigned_abs(), "as much as there can be")] {
        samples.push(
            Sample::manager(format!("transfer of {what}"), plain, 108, transaction(amount, KT1, None))
                .of(amount)
                .to(KT1)
                .calling("default"),
        );
    }

    let unit = [0x03, 0x0b];
    for (tag, (name, kind_to_account)) in (0..).zip(KNOWN) {
        // Staking is told from transfers by its entrypoint, however that is written, but only where no contract has it.
        for (to, kind) in [(myself, kind_to_account), (KT1, plain)] {
            let by_tag = Bytes::default().known_entrypoint(tag).sized(&unit);
            let by_name = Bytes::default().named_entrypoint(name).sized(&unit);
            for (how, parameters) in [("tag", by_tag), ("name", by_name)] {
                let title = format!("{name} by its {how} of {}", to.text());
                samples.push(
                    Sample::manager(title, kind, 108, transaction(5_000_000, to, Some(parameters)))
                        .of(5_000_000)
                        .to(to)
                        .calling(name),
                );
            }
        }
    }
    for name in ["action", "a", "thirty_one.characters%of@a_name"] {
        let parameters = Bytes::default().named_entrypoint(name).sized(&[0x02, 0, 0, 0, 2, 0x03, 0x4f]);
        samples.push(
            Sample::manager(format!("call of {name}"), plain, 108, transaction(407, KT1, Some(parameters)))
                .of(407)
                .to(KT1)
                .calling(name),
        );
    }
    samples
}

fn accounts_and_contracts() -> Vec<Sample> {
    let delegate = || Some(Bytes::default().account(TZ4));
    let script = |delegate| Bytes::default().mutez(84_143).optional(delegate).sized(&[0xc0; 32]).sized(&[0xc1; 14]);
    let ticket = |to, entrypoint: &[u8]| {
        Bytes::default().sized(&[0xc2; 9]).sized(&[0xc3; 2]).address(KT1).number(1 << 80).address(to).sized(entrypoint)
    };
    let publish = Bytes::default().raw(&[31]).filler(48).filler(96);
    let storage = |amount| Bytes::default().signed_number(amount).address(KT1);
    let limit = |limit: Option<u64>| Bytes::default().optional(limit.map(|limit| Bytes::default().mutez(limit)));
    vec![
        Sample::manager("origination", OperationKind::Origination, 109, script(None)).of(84_143),
        Sample::manager("origination with delegate", OperationKind::Origination, 109, script(delegate())).of(84_143),
        Sample::manager("delegation", OperationKind::Delegation, 110, Bytes::default().optional(delegate())),
        Sample::manager("withdrawn delegation", OperationKind::Delegation, 110, Bytes::default().optional(None)),
        Sample::manager("constant", OperationKind::RegisterGlobalConstant, 111, Bytes::default().sized(&[0xc4; 7])),
        Sample::manager("no deposits limit", OperationKind::SetDepositsLimit, 112, limit(None)),
        Sample::manager("deposits limit of 0", OperationKind::SetDepositsLimit, 112, limit(Some(0))),
        Sample::manager("deposits limit", OperationKind::SetDepositsLimit, 112, limit(Some(10_000_000_000))),
        Sample::manager("storage of 0", OperationKind::IncreasePaidStorage, 113, storage(0)),
        Sample::manager("storage", OperationKind::IncreasePaidStorage, 113, storage(4096)),
        Sample::manager("storage of less than 0", OperationKind::IncreasePaidStorage, 113, storage(-1)),
        Sample::manager("ticket", OperationKind::TransferTicket, 158, ticket(Address::Account(TZ5), b"default"))
            .to(Address::Account(TZ5))
            .calling("default"),
        // Not staking: tickets go to an entrypoint of their own, and no tez with them.
        Sample::manager("ticket to stake", OperationKind::TransferTicket, 158, ticket(Address::Account(TZ3), b"stake"))
            .to(Address::Account(TZ3))
            .calling("stake"),
        Sample::manager("ticket to a contract", OperationKind::TransferTicket, 158, ticket(KT1, b"mint"))
            .to(KT1)
            .calling("mint"),
        Sample::manager("DAL data", OperationKind::DalPublishCommitment, 230, publish),
    ]
}

fn smart_rollups() -> Vec<Sample> {
    let rollup = || Bytes::default().filler(20);
    let message = |message: &[u8]| Bytes::default().sized(message);
    let messages = |messages| Bytes::default().list(messages);
    let whitelist = |accounts: &[Account]| {
        Some(Bytes::default().list(accounts.iter().fold(Bytes::default(), |list, account| list.account(*account))))
    };
    let mut samples = Vec::new();
    for machine in 0..=2 {
        for (list, how) in [(None, "no"), (whitelist(&[]), "an empty"), (whitelist(&ACCOUNTS), "a long")] {
            let rest = Bytes::default().tag(machine, 3..=255).sized(&[0xc5; 40]).sized(&[0xc6; 4]).optional(list);
            let name = format!("rollup on machine {machine} with {how} whitelist");
            samples.push(Sample::manager(name, OperationKind::SmartRollupOriginate, 200, rest));
        }
    }
    for (name, list) in [
        ("no message", Bytes::default()),
        ("an empty message", message(&[])),
        ("messages", message(b"one").then(message(b"")).then(message(b"three"))),
    ] {
        samples.push(Sample::manager(name, OperationKind::SmartRollupAddMessages, 201, messages(list)));
    }
    samples.extend([
        Sample::manager("cement", OperationKind::SmartRollupCement, 202, rollup()),
        Sample::manager(
            "publish",
            OperationKind::SmartRollupPublish,
            203,
            rollup().filler(32).raw(&1331_i32.to_be_bytes()).filler(32).raw(&1_000_000_i64.to_be_bytes()),
        ),
        Sample::manager("timeout", OperationKind::SmartRollupTimeout, 205, rollup().account(TZ1).account(TZ2)),
        Sample::manager(
            "outbox message",
            OperationKind::SmartRollupExecuteOutboxMessage,
            206,
            rollup().filler(32).sized(&[0xc7; 50]),
        ),
        Sample::manager("bond", OperationKind::SmartRollupRecoverBond, 207, rollup().account(TZ4)),
    ]);
    samples
}

/// Every branch of the tree that a move in a refutation game is.
fn refutations() -> Vec<Sample> {
    const NO_SUCH_REVEAL: RangeInclusive<u8> = 4..=255;
    let section = |state: Option<u8>, tick| {
        Bytes::default().optional(state.map(|fill| Bytes::default().raw(&[fill; 32]))).number(tick)
    };
    let play = |step: u8| Bytes::default().tag(1, 2..=255).number(3).tag(step, 2..=255);
    let dissection = |sections| play(0).list(sections);
    let proof = |input: Option<Bytes>| play(1).sized(&[0xc8; 60]).optional(input);
    let input = |tag: u8| Bytes::default().tag(tag, 3..=255);
    let level = 1331_i32.to_be_bytes();
    let moves = [
        ("start", Bytes::default().tag(0, 2..=255).filler(32).filler(32)),
        ("dissection without sections", dissection(Bytes::default())),
        (
            "dissection",
            dissection(section(Some(0xe1), 300).then(section(None, 1 << 100)).then(section(Some(0xe2), u128::MAX))),
        ),
        ("proof without input", proof(None)),
        ("proof with inbox", proof(Some(input(0).raw(&level).number(1 << 70).sized(&[0xc9; 12])))),
        ("proof with raw data", proof(Some(input(1).tag(0, NO_SUCH_REVEAL).raw(&[0x01, 0x00]).filler(256)))),
        ("proof with no raw data", proof(Some(input(1).tag(0, NO_SUCH_REVEAL).raw(&[0x00, 0x00])))),
        ("proof with metadata", proof(Some(input(1).tag(1, NO_SUCH_REVEAL)))),
        (
            "proof with DAL page",
            proof(Some(input(1).tag(2, NO_SUCH_REVEAL).raw(&level).raw(&[7]).raw(&[0, 63]).sized(&[0xca; 80]))),
        ),
        ("proof with DAL parameters", proof(Some(input(1).tag(3, NO_SUCH_REVEAL)))),
        ("proof with first input", proof(Some(input(2)))),
    ];
    moves
        .into_iter()
        .map(|(name, game_move)| {
            let rest = Bytes::default().filler(20).account(TZ2).then(game_move);
            Sample::manager(format!("refutation: {name}"), OperationKind::SmartRollupRefute, 204, rest)
        })
        .collect()
}

/// Samples of the kinds that stand alone.
pub(crate) fn standalone_samples() -> Vec<Sample> {
    let level = 1331_i32.to_be_bytes();
    let vote = |source| Bytes::default().account(source).raw(&719_i32.to_be_bytes());
    let proposals = |count: usize| vote(TZ2).sized(&vec![0xcb; 32 * count]);
    let ballot = |choice| vote(TZ4).filler(32).tag(choice, 3..=255);
    let shard = |lag: Option<u8>| {
        Bytes::default()
            .sized(&[0xcc; 144])
            .raw(&[0x00, 0x05])
            .raw(&[0x0f])
            .optional(lag.map(|lag| Bytes::default().raw(&[lag])))
            .raw(&403_i32.to_be_bytes())
            .sized(&[0xcd; 64 * 32])
            .filler(48)
    };
    let two = || Bytes::default().sized(&[0xce; 139]).sized(&[0xcf; 139]);
    vec![
        Sample::standalone("nonce", OperationKind::SeedNonceRevelation, 1, Bytes::default().raw(&level).filler(32)),
        Sample::standalone(
            "two votes",
            OperationKind::DoubleConsensusOperationEvidence,
            2,
            Bytes::default().raw(&[0x00, 0x0d]).then(two()),
        ),
        Sample::standalone("two blocks", OperationKind::DoubleBakingEvidence, 3, two()),
        Sample::standalone("activation", OperationKind::ActivateAccount, 4, Bytes::default().filler(20).filler(20)),
        Sample::standalone("no proposal", OperationKind::Proposals, 5, proposals(0)).from(TZ2),
        Sample::standalone("one proposal", OperationKind::Proposals, 5, proposals(1)).from(TZ2),
        Sample::standalone("twenty proposals", OperationKind::Proposals, 5, proposals(20)).from(TZ2),
        Sample::standalone("yay", OperationKind::BallotYay, 6, ballot(0)).from(TZ4),
        Sample::standalone("nay", OperationKind::BallotNay, 6, ballot(1)).from(TZ4),
        Sample::standalone("pass", OperationKind::BallotPass, 6, ballot(2)).from(TZ4),
        Sample::standalone("delay function", OperationKind::VdfRevelation, 8, Bytes::default().filler(100).filler(100)),
        // The consensus key comes first and signs, but the money is the delegate's.
        Sample::standalone(
            "drain",
            OperationKind::DrainDelegate,
            9,
            Bytes::default().account(TZ3).account(TZ1).account(TZ5),
        )
        .from(TZ1)
        .to(Address::Account(TZ5)),
        Sample::standalone("message", OperationKind::FailingNoop, 17, Bytes::default().sized(b"hello")),
        Sample::standalone("empty message", OperationKind::FailingNoop, 17, Bytes::default().sized(b"")),
        Sample::standalone("trap", OperationKind::DalEntrapmentEvidence, 24, shard(None)),
        Sample::standalone("trap with lag", OperationKind::DalEntrapmentEvidence, 24, shard(Some(1))),
    ]
}

/// All of them.
pub(crate) fn samples() -> Vec<Sample> {
    [manager_samples(), standalone_samples()].concat()
}

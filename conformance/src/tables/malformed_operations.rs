//! Malformed payloads of operations.

use super::decoding::malformed;
use super::operations::{PAYER, samples};
use crate::case::DecodeCase;
use crate::payload::operations::{
    Address, CONTENTS_AT, Call, KT1, Manager, TZ1, TZ3, TZ5, drain, manager, message, payload, transaction, transfer,
};
use crate::payload::{natural, optional, sized};

pub(super) fn cases() -> Vec<DecodeCase> {
    [envelopes(), tags(), numbers(), batches(), fields()].concat()
}

const BY: Manager = Manager { source: TZ1, fee: 300 };

/// Offset of the fee: after the tag and the source.
const FEE_AT: usize = CONTENTS_AT + 22;
/// Offset after fee 300, counter, gas limit and storage limit, as encoded by `manager`: 2, 4, 3 and 1 bytes.
const REST_AT: usize = FEE_AT + 10;

fn case(name: &str, why: &str, payload: Vec<u8>, problem: &str, at: usize) -> DecodeCase {
    malformed(&format!("operation/{name}"), why, payload, PAYER, problem, at)
}

fn of_one(content: Vec<u8>) -> Vec<u8> {
    payload(&[content])
}

fn envelopes() -> Vec<DecodeCase> {
    let whole = of_one(message(b"hello"));
    vec![
        case(
            "no-branch",
            "Only a watermark, without contents: the signature could be part of anything.",
            vec![0x03],
            "truncated",
            1,
        ),
        case(
            "half-a-branch",
            "The branch has 32 bytes: if fewer are read, the contents begin elsewhere.",
            whole[..32].to_vec(),
            "truncated",
            1,
        ),
        case(
            "no-contents",
            "A branch without contents is not an operation: no honest client needs it signed.",
            whole[..33].to_vec(),
            "no_contents",
            33,
        ),
        case(
            "longer-than-any-operation",
            "No chain accepts more than 32 KiB (constants_repr.ml, max_operation_data_length): more just exhausts \
             memory.",
            of_one(message(&vec![b'x'; 32 * 1024])),
            "too_long",
            1,
        ),
    ]
}

fn tags() -> Vec<DecodeCase> {
    let with = |tag: u8| of_one([vec![tag], vec![0xd7; 60]].concat());
    let mut cases = Vec::new();
    for tag in [20_u8, 21, 23, 30, 31, 40, 41] {
        let why = "A vote after watermark 03 has no chain id and no high watermark: no chain accepts it today, but a \
                   signer that does not decode it signs what it would have refused (operation_repr.ml, \
                   check_signature).";
        cases.push(case(&format!("consensus-tag-{tag}"), why, with(tag), "consensus_content", CONTENTS_AT));
    }
    for tag in 150..=157_u8 {
        let why = "Transaction rollups were removed: a future protocol may reuse their tags for anything.";
        cases.push(case(&format!("removed-tag-{tag}"), why, with(tag), "unsupported", CONTENTS_AT));
    }
    for tag in 250..=252_u8 {
        let why = "ZK rollups are enabled on no network (default_parameters.ml), and their operations move tez.";
        cases.push(case(&format!("disabled-tag-{tag}"), why, with(tag), "unsupported", CONTENTS_AT));
    }
    let why = "The signature prefix occurs in signed operations, never in the bytes to sign.";
    cases.push(case("signature-prefix", why, with(255), "unsupported", CONTENTS_AT));
    for tag in [0_u8, 7, 10, 16, 18, 19, 22, 25, 106, 116, 159, 199, 208, 229, 231, 249, 254] {
        let why =
            "The tag is undefined in this protocol: a future one may give it any meaning, such as moving all tez.";
        cases.push(case(&format!("unknown-tag-{tag}"), why, with(tag), "unknown_tag", CONTENTS_AT));
    }
    cases
}

fn numbers() -> Vec<DecodeCase> {
    let with_fee = |fee: &[u8]| {
        let rest = [natural(1), natural(1), natural(0), transaction(1, KT1, None)].concat();
        of_one([vec![108], TZ1.bytes(), fee.to_vec(), rest].concat())
    };
    let with_amount = |amount: &[u8]| of_one(manager(108, BY, &[amount.to_vec(), KT1.bytes(), vec![0]].concat()));
    vec![
        case(
            "fee-of-eleven-bytes",
            "Amounts in mutez take at most ten bytes: with more, the high groups are shifted out of a machine word.",
            with_fee(&[[0x80; 10].as_slice(), &[0x01]].concat()),
            "endless_number",
            FEE_AT,
        ),
        case(
            "fee-of-64-bits",
            "Amounts have 63 bits: 2^63 read as signed is negative, and passes every limit.",
            with_fee(&natural(1 << 63)),
            "number_too_large",
            FEE_AT,
        ),
        case(
            "fee-that-wraps-around",
            "2^64 + 1 in 64 bits is 1: a limit on fees would see one mutez.",
            with_fee(&natural((1 << 64) + 1)),
            "number_too_large",
            FEE_AT,
        ),
        case(
            "fee-overlong",
            "1 encoded in two bytes: data-encoding rejects it, so a signature is useless at best (binary_reader.ml).",
            with_fee(&[0x81, 0x00]),
            "overlong_number",
            FEE_AT + 1,
        ),
        case(
            "amount-that-wraps-around",
            "2^64 + 1 in 64 bits is 1: a limit on amounts would see one mutez.",
            with_amount(&natural((1 << 64) + 1)),
            "number_too_large",
            REST_AT,
        ),
        case(
            "amount-without-end",
            "The last byte announces another: a decoder that continues reads past the payload.",
            of_one(manager(108, BY, &[0x80; 4])),
            "endless_number",
            REST_AT,
        ),
        case(
            "counter-overlong",
            "A superfluous byte gives one operation two encodings.",
            of_one(
                [vec![108], TZ1.bytes(), natural(300), vec![0x80, 0x00], vec![1, 0], transaction(1, KT1, None)]
                    .concat(),
            ),
            "overlong_number",
            FEE_AT + 3,
        ),
    ]
}

fn batches() -> Vec<DecodeCase> {
    let one = transfer(BY, 1, KT1);
    let length = one.len();
    let mut cases = Vec::new();
    for (name, first, second) in [
        ("drain-behind-transfer", one.clone(), drain(TZ1, TZ3, TZ5)),
        ("noop-behind-transfer", one.clone(), message(b"hello")),
    ] {
        let why = "Only manager operations may be batched: a content of another kind must not hide behind the first.";
        cases.push(case(name, why, payload(&[first, second]), "not_batchable", CONTENTS_AT + length));
    }
    for (name, first) in [("transfer-behind-drain", drain(TZ1, TZ3, TZ5)), ("transfer-behind-noop", message(b"hello"))]
    {
        let why = "octez-client sign message creates a single content: a transfer after the message would be signed \
                   with it, and the requester would get the money.";
        cases.push(case(name, why, payload(&[first, one.clone()]), "not_batchable", CONTENTS_AT));
    }
    cases.push(case(
        "two-messages",
        "Two contents that must stand alone are not a batch (operation_repr.ml): no chain accepts them.",
        payload(&[message(b"one"), message(b"two")]),
        "not_batchable",
        CONTENTS_AT,
    ));
    cases.push(case(
        "vote-behind-transfer",
        "A vote after a transfer is invalid on every chain, and it would have no high watermark.",
        payload(&[one.clone(), [vec![21], vec![0; 42]].concat()]),
        "consensus_content",
        CONTENTS_AT + length,
    ));
    cases.push(case(
        "half-a-transfer-behind-transfer",
        "Contents have no length field: remaining bytes must be another content.",
        payload(&[one.clone(), one[..20].to_vec()]),
        "truncated",
        CONTENTS_AT + length + 2,
    ));
    cases.push(case(
        "trailing-zero",
        "A byte after the last content is a tag, and zero is undefined: it must not be taken for padding.",
        [payload(&[one]), vec![0x00]].concat(),
        "unknown_tag",
        CONTENTS_AT + length,
    ));
    cases
}

fn fields() -> Vec<DecodeCase> {
    let transaction_with = |rest: &[u8]| of_one(manager(108, BY, rest));
    let one = natural(1);
    let parameters = |call: &[u8]| transaction_with(&[one.clone(), KT1.bytes(), vec![0xff], call.to_vec()].concat());
    let reveal = |rest: &[u8]| of_one(manager(107, BY, rest));
    // After the amount (1 byte), the contract (22) and the presence byte.
    let call_at = REST_AT + 1 + 22 + 1;
    let whitelist = sized(&[TZ1.bytes(), vec![0; 20]].concat());
    let mut cases = vec![
        case(
            "source-of-unknown-curve",
            "Tag 5 is not a public key hash: in a future protocol it may be longer than 20 bytes.",
            of_one([vec![108, 5], vec![0; 60]].concat()),
            "unknown_tag",
            CONTENTS_AT + 1,
        ),
        case(
            "destination-of-unknown-kind",
            "Tag 2 is not an address here: smart rollups have another type, and cannot receive tez.",
            transaction_with(&[one.clone(), vec![2], vec![0; 21], vec![0]].concat()),
            "unknown_tag",
            REST_AT + 1,
        ),
        case(
            "contract-without-its-zero",
            "A contract is encoded as 01, 20 bytes and 00: with another last byte it is invalid on every chain.",
            transaction_with(&[one.clone(), vec![1], vec![0x66; 20], vec![1], vec![0]].concat()),
            "wrong_value",
            REST_AT + 22,
        ),
        case(
            "presence-of-one",
            "Optional fields begin with 00 or ff: data-encoding rejects 01, which C would treat as true.",
            transaction_with(&[one.clone(), KT1.bytes(), vec![1], vec![6], sized(&[0x03, 0x0b])].concat()),
            "wrong_value",
            call_at - 1,
        ),
        case(
            "entrypoint-of-tomorrow",
            "Byte 10 is not a known entrypoint: in a future protocol it may stake or drain.",
            parameters(&[vec![10], sized(&[0x03, 0x0b])].concat()),
            "unknown_tag",
            call_at,
        ),
        case(
            "entrypoint-of-32-characters",
            "Names have at most 31 characters (entrypoint_repr.ml): every chain rejects a longer one.",
            transaction_with(&transaction(1, KT1, Some(Call::Named("thirty_two_characters_of_a__name")))),
            "too_long",
            call_at + 1,
        ),
        case(
            "entrypoint-of-no-character",
            "An empty name is not the same as default, and the protocol rejects it.",
            transaction_with(&transaction(1, KT1, Some(Call::Named("")))),
            "truncated",
            call_at + 2,
        ),
        case(
            "entrypoint-with-a-space",
            "A name that looks like stake to a person, but has a character that annotations cannot have.",
            transaction_with(&transaction(1, Address::Account(TZ1), Some(Call::Named("stake ")))),
            "invalid_text",
            call_at + 2 + 5,
        ),
        case(
            "parameter-longer-than-the-payload",
            "A length comes from the sender: adding it to an offset unchecked reads past the end.",
            parameters(&[vec![0], 1000_u32.to_be_bytes().to_vec(), vec![0x03, 0x0b]].concat()),
            "truncated",
            call_at + 5,
        ),
        case(
            "parameter-of-4-gib",
            "The largest length that can be encoded must not overflow an offset nor be allocated.",
            parameters(&[vec![0], u32::MAX.to_be_bytes().to_vec(), vec![0x03, 0x0b]].concat()),
            "too_long",
            call_at + 1,
        ),
        case(
            "key-of-unknown-curve",
            "Tag 5 is not a public key: with an unknown length, the next content begins at an unknown offset.",
            reveal(&[vec![5], vec![0; 60]].concat()),
            "unknown_tag",
            REST_AT,
        ),
        case(
            "key-of-31-bytes",
            "An Ed25519 key has 32 bytes: the byte after it would become part of it.",
            reveal(&[vec![0], vec![0xd7; 31]].concat()),
            "truncated",
            REST_AT + 1,
        ),
        case(
            "proof-of-95-bytes",
            "A proof of possession has 96 bytes, so any other length is invalid.",
            reveal(&[vec![3], vec![0xd7; 48], optional(Some(sized(&[0xd7; 95])))].concat()),
            "wrong_value",
            REST_AT + 50,
        ),
        case(
            "storage-for-an-account",
            "Implicit accounts have no storage: increase_paid_storage accepts contracts only.",
            of_one(manager(113, BY, &[one.clone(), Address::Account(TZ1).bytes()].concat())),
            "wrong_value",
            REST_AT + 1,
        ),
        case(
            "machine-of-tomorrow",
            "Tag 3 is not a rollup machine: in a future protocol it may be followed by other fields.",
            of_one(manager(200, BY, &[vec![3], sized(&[1]), sized(&[1]), vec![0]].concat())),
            "unknown_tag",
            REST_AT,
        ),
        case(
            "half-an-account-in-a-whitelist",
            "The length of the list ends within an element: reading on would take what follows for its rest.",
            of_one(manager(200, BY, &[vec![1], sized(&[1]), sized(&[1]), vec![0xff], whitelist].concat())),
            "truncated",
            REST_AT + 1 + 5 + 5 + 1 + 4 + 22,
        ),
        case(
            "ballot-of-tomorrow",
            "Choice 3 is neither yay, nay nor pass: it must not be taken for one of them.",
            of_one([vec![6], TZ1.bytes(), vec![0; 4], vec![0xd7; 32], vec![3]].concat()),
            "unknown_tag",
            CONTENTS_AT + 1 + 21 + 4 + 32,
        ),
        case(
            "twenty-one-proposals",
            "A baker proposes at most twenty protocols: every chain rejects a longer list.",
            of_one([vec![5], TZ1.bytes(), vec![0; 4], sized(&[0xcb; 21 * 32])].concat()),
            "too_long",
            CONTENTS_AT + 1 + 21 + 4,
        ),
        case(
            "half-a-proposal",
            "The list of proposals ends within an element: reading on would take what follows for its rest.",
            of_one([vec![5], TZ1.bytes(), vec![0; 4], sized(&[0xcb; 33])].concat()),
            "truncated",
            CONTENTS_AT + 1 + 21 + 4 + 4 + 32,
        ),
    ];
    for (name, sample, at_end) in [
        ("cut-drain", "drain_delegate", 20),
        ("cut-message", "failing_noop", 5),
        ("cut-nonce", "seed_nonce_revelation", 32),
        ("cut-activation", "activate_account", 20),
        ("cut-delay-function", "vdf_revelation", 100),
        ("cut-bond", "smart_rollup_recover_bond", 20),
        ("cut-timeout", "smart_rollup_timeout", 20),
        ("cut-cement", "smart_rollup_cement", 20),
        ("cut-outbox-message", "smart_rollup_execute_outbox_message", 50),
        ("cut-publish", "smart_rollup_publish", 8),
        ("cut-dal", "dal_publish_commitment", 96),
        ("cut-shard", "dal_entrapment_evidence", 48),
    ] {
        let sample = samples().into_iter().find(|known| known.name == sample).expect("a sample");
        let mut bytes = of_one(sample.bytes);
        let at = bytes.len() - at_end;
        bytes.pop();
        let why = "The last byte is missing: the signed bytes are not an operation, or become another one if a byte \
                   is appended.";
        cases.push(case(name, why, bytes, "truncated", at));
    }
    cases
}

use crate::base58::reference;
use azurehsm_signer::tezos::Curve;
use azurehsm_signer::tezos::payload::{Operations, Payload};

const BRANCH: std::ops::Range<usize> = 1..33;
const CONTENTS: usize = 33;
const MAX_BYTES: usize = 32 * 1024;
/// Contents with this tag and above pay a fee and may be batched.
const FIRST_MANAGER_TAG: u8 = 107;
const TRANSACTION: u8 = 108;

/// What is accepted behind watermark byte 03: whole contents and nothing else.
pub(super) fn check(payload: &[u8], decoded: &Operations) {
    assert_eq!(decoded.branch.as_bytes(), &payload[BRANCH]);
    assert!(!decoded.contents.is_empty() && payload.len() <= 1 + MAX_BYTES);

    let shorter = decode(&payload[..payload.len() - 1]);
    assert_eq!(shorter, None, "without its last byte it is not whole");
    assert_eq!(decode(&[payload, &[0]].concat()), None, "a byte after the end is not understood");

    let mut on_another_branch = payload.to_vec();
    on_another_branch[BRANCH].iter_mut().for_each(|byte| *byte ^= 0xff);
    let on_another_branch = decode(&on_another_branch).expect("any branch will do");
    assert_eq!(on_another_branch.contents, decoded.contents, "the branch is no part of the contents");

    check_twice(payload, decoded);
    check_first_content(&payload[CONTENTS..], decoded);
}

fn decode(payload: &[u8]) -> Option<Operations> {
    match Payload::decode(payload, Curve::P256) {
        Ok(Payload::Operations(operations)) => Some(operations),
        Ok(other) => panic!("{other:?} behind watermark byte 03"),
        Err(_) => None,
    }
}

/// The same contents once more: a batch of manager operations is the one after the other, anything else stands alone.
fn check_twice(payload: &[u8], decoded: &Operations) {
    let contents = &payload[CONTENTS..];
    if payload.len() + contents.len() > 1 + MAX_BYTES {
        return;
    }
    let twice = decode(&[payload, contents].concat());
    if contents[0] < FIRST_MANAGER_TAG {
        assert_eq!(twice, None, "what pays no fee stands alone");
        return;
    }
    let twice = twice.expect("manager operations can be batched");
    let (first, second) = twice.contents.split_at(decoded.contents.len());
    assert_eq!((first, second), (decoded.contents.as_slice(), decoded.contents.as_slice()));
}

/// Source, fee, amount and destination, as far as they stand where nothing before them varies but numbers.
fn check_first_content(bytes: &[u8], decoded: &Operations) {
    let first = &decoded.contents[0];
    if bytes[0] < FIRST_MANAGER_TAG {
        assert_eq!((first.fee, first.amount), (None, None), "what stands alone pays nothing and sends nothing");
        return;
    }
    let source = first.source.expect("a manager operation has a source").to_string();
    assert_eq!(source, account(&bytes[1..22]));

    let mut rest = &bytes[22..];
    let [fee, _counter, _gas_limit, _storage_limit] = [(); 4].map(|()| natural(&mut rest));
    assert_eq!(first.fee.map(u128::from), Some(fee));
    if bytes[0] != TRANSACTION {
        return;
    }
    assert_eq!(first.amount.map(u128::from), Some(natural(&mut rest)));
    let destination = first.destination.expect("a transaction has a destination").to_string();
    let expected = match rest[0] {
        0 => account(&rest[1..22]),
        _ => reference::encode(&[0x02, 0x5a, 0x79], &rest[1..21]),
    };
    assert_eq!(destination, expected);
    assert!(expected.starts_with(if rest[0] == 0 { "tz" } else { "KT1" }));
}

/// A tag and a hash.
fn account(bytes: &[u8]) -> String {
    let last_of_prefix = [0x9f, 0xa1, 0xa4, 0xa6, 0xa9][usize::from(bytes[0])];
    reference::encode(&[0x06, 0xa1, last_of_prefix], &bytes[1..])
}

/// Seven bits a byte, the lowest first.
fn natural(rest: &mut &[u8]) -> u128 {
    let end = rest.iter().position(|byte| byte & 0x80 == 0).expect("it has an end, else it were not accepted") + 1;
    let (number, after) = rest.split_at(end);
    *rest = after;
    number.iter().rev().fold(0, |value, byte| (value << 7) | u128::from(byte & 0x7f))
}

//! Decodes operations: `03 || branch (32) || contents` (`operation_repr.ml`, `unsigned_operation_encoding` of protocol 025).
//! Contents have no length field, so each is decoded by its layout.

use super::cursor::{Cursor, Field, MAX_BYTES, wrong_at};
use super::layout::{Layout, Role, read as read_layout};
use super::{Content, Decoded, Malformed};
use crate::base58::BLOCK;
use Layout::{
    Account, Address, AddressOfContract, Ballot, Bytes, Call, EntrypointName, Exactly, Mutez, Natural, NonNegative,
    Number, OneOf, Optional, PublicKey, Raw, Repeated, Sized,
};
use Role::{Amount, Destination, Fee, Ignored, Source};

/// Tag, Octez's name, and the layout after the tag.
type Row = (u8, &'static str, &'static [Layout]);

/// The header of all manager operations: source, fee, counter, gas limit, storage limit. They can be batched.
const MANAGER: &[Layout] = &[Account(Source), Mutez(Fee), Natural, Natural, Natural];

/// A public key, and an optional proof of possession of 96 bytes.
const KEY: &[Layout] = &[PublicKey, Optional(&[Exactly(96)])];

/// Layouts after [`MANAGER`].
const MANAGERS: [Row; 19] = [
    (107, "reveal", KEY),
    (108, "transaction", &[Mutez(Amount), Address(Destination), Call]),
    (109, "origination", &[Mutez(Amount), Optional(&[Account(Ignored)]), Sized, Sized]),
    (110, "delegation", &[Optional(&[Account(Ignored)])]),
    (111, "register_global_constant", &[Sized]),
    (112, "set_deposits_limit", &[Optional(&[Mutez(Ignored)])]),
    (113, "increase_paid_storage", &[Number, AddressOfContract]),
    (114, "update_consensus_key", KEY),
    (115, "update_companion_key", KEY),
    // Contents, type, ticketer, number, destination, entrypoint.
    (158, "transfer_ticket", &[Sized, Sized, Address(Ignored), Number, Address(Destination), EntrypointName]),
    // Machine, kernel, type of parameters, whitelist.
    (
        200,
        "smart_rollup_originate",
        &[OneOf(&[&[], &[], &[]]), Sized, Sized, Optional(&[Repeated(MAX_BYTES, &[Account(Ignored)])])],
    ),
    (201, "smart_rollup_add_messages", &[Repeated(MAX_BYTES, &[Sized])]),
    (202, "smart_rollup_cement", &[Bytes(20)]),
    // Rollup, state, inbox level, predecessor, number of ticks.
    (203, "smart_rollup_publish", &[Bytes(20), Bytes(32), Bytes(4), Bytes(32), Bytes(8)]),
    (204, "smart_rollup_refute", &[Bytes(20), Account(Ignored), OneOf(&[START, MOVE])]),
    (205, "smart_rollup_timeout", &[Bytes(20), Account(Ignored), Account(Ignored)]),
    (206, "smart_rollup_execute_outbox_message", &[Bytes(20), Bytes(32), Sized]),
    (207, "smart_rollup_recover_bond", &[Bytes(20), Account(Ignored)]),
    // Slot index, commitment, proof.
    (230, "dal_publish_commitment", &[Bytes(1), Bytes(48), Bytes(96)]),
];

/// A refutation game (`sc_rollup_game_repr.ml`): both players' commitments, or a choice and a step.
const START: &[Layout] = &[Bytes(32), Bytes(32)];
const MOVE: &[Layout] = &[Number, OneOf(&[DISSECTION, PROOF])];
/// An optional state, and a tick.
const DISSECTION: &[Layout] = &[Repeated(MAX_BYTES, &[Optional(&[Bytes(32)]), Number])];
const PROOF: &[Layout] = &[Sized, Optional(&[OneOf(&[INBOX, REVEAL, &[]])])];
/// Level, message counter, proof.
const INBOX: &[Layout] = &[Bytes(4), Number, Sized];
/// Raw data, metadata, a DAL page (level, slot index, page index, proof), DAL parameters.
const REVEAL: &[Layout] = &[OneOf(&[&[Raw], &[], &[Bytes(4), Bytes(1), Bytes(2), Sized], &[]])];

/// Contents that must be the only one in a payload.
const STANDALONE: [Row; 10] = [
    (1, "seed_nonce_revelation", &[NonNegative, Bytes(32)]),
    // The slot, and two operations.
    (2, "double_consensus_operation_evidence", &[Bytes(2), Sized, Sized]),
    (3, "double_baking_evidence", &[Sized, Sized]),
    (4, "activate_account", &[Bytes(20), Bytes(20)]),
    // At most twenty hashes.
    (5, "proposals", &[Account(Source), Bytes(4), Repeated(640, &[Bytes(32)])]),
    (6, "ballot", &[Account(Source), Bytes(4), Bytes(32), Ballot]),
    (8, "vdf_revelation", &[Bytes(100), Bytes(100)]),
    // The consensus key signs, but the delegate pays.
    (9, "drain_delegate", &[Account(Ignored), Account(Source), Account(Destination)]),
    (17, "failing_noop", &[Sized]),
    // Attestation, slot, slot index, lag index, shard's index, shard, proof.
    (24, "dal_entrapment_evidence", &[Sized, Bytes(2), Bytes(1), Optional(&[Bytes(1)]), Bytes(4), Sized, Bytes(48)]),
];

pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Decoded, Malformed> {
    cursor.take(1)?;
    if cursor.left() > MAX_BYTES {
        return Err(cursor.wrong("too_long"));
    }
    let branch = BLOCK.encode(cursor.take(32)?);
    if cursor.left() == 0 {
        return Err(cursor.wrong("no_contents"));
    }
    let mut contents = Vec::new();
    let mut standalone_at = None;
    while cursor.left() > 0 {
        let at = cursor.at();
        let (content, is_manager) = content(cursor)?;
        if !is_manager {
            standalone_at = standalone_at.or(Some(at));
        }
        contents.push(content);
        if let (Some(at), 2..) = (standalone_at, contents.len()) {
            return Err(wrong_at(at, "not_batchable"));
        }
    }
    Ok(Decoded::Operations { branch, contents })
}

/// Decodes a content; returns it, and whether it can be batched.
fn content(cursor: &mut Cursor<'_>) -> Result<(Content, bool), Malformed> {
    cursor.note(Field::Tag);
    let at = cursor.at();
    let tag = cursor.byte()?;
    let row = |rows: &[Row]| rows.iter().find(|(known, _, _)| *known == tag).copied();
    let (manager, standalone) = (row(&MANAGERS), row(&STANDALONE));
    let Some((_, name, layout)) = manager.or(standalone) else {
        let problem = match tag {
            // Votes and their aggregates.
            20 | 21 | 23 | 30 | 31 | 40 | 41 => "consensus_content",
            // Transaction rollups, which were removed; ZK rollups, which are enabled nowhere; a prefix of signatures.
            150..=157 | 250..=252 | 255 => "unsupported",
            _ => "unknown_tag",
        };
        return Err(wrong_at(at, problem));
    };
    let mut content = Content { kind: name.to_owned(), ..Content::default() };
    if manager.is_some() {
        read_layout(cursor, MANAGER, &mut content)?;
    }
    read_layout(cursor, layout, &mut content)?;
    Ok((content, manager.is_some()))
}

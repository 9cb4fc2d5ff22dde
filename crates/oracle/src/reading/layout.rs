//! Layouts of contents, and the fields that a policy can see.

use super::cursor::{Cursor, Field, wrong_at};
use super::{Content, Malformed};
use crate::base58::{CONTRACT, ML_DSA_44_HASH};
use crate::crypto::Curve;
use crate::payload::operations::KNOWN_ENTRYPOINTS;

/// One field or several.
#[derive(Debug, Clone, Copy)]
pub(super) enum Layout {
    /// This many arbitrary bytes.
    Bytes(usize),
    /// A four-byte i32, not negative.
    NonNegative,
    /// A u16 length, and as many bytes.
    Raw,
    /// A u32 length, and as many bytes.
    Sized,
    /// A u32 length, which must be this, and as many bytes.
    Exactly(usize),
    /// A u32 length of at most this, and elements of that total length.
    Repeated(usize, &'static [Layout]),
    /// 00; or ff and a value.
    Optional(&'static [Layout]),
    /// A tag, and the layout with that number.
    OneOf(&'static [&'static [Layout]]),
    /// An amount.
    Mutez(Role),
    /// A natural number of at most ten bytes.
    Natural,
    /// A number of at most 1024 bytes.
    Number,
    /// A public key hash: tag (tz1 to tz5) and 20 bytes.
    Account(Role),
    /// 00 and an account; or 01, 20 bytes of contract, 00.
    Address(Role),
    /// An address, which must be a contract's.
    AddressOfContract,
    /// A tag (0 to 4), and 32, 33, 33, 48 or 1312 bytes.
    PublicKey,
    /// Optional parameters: an entrypoint by its byte, or ff, a one-byte length and its name; and a value.
    Call,
    /// A u32 length, and a name.
    EntrypointName,
    /// 0 yay, 1 nay, 2 pass.
    Ballot,
}

/// The meaning of a field to a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Source,
    Fee,
    Amount,
    Destination,
    Ignored,
}

/// Reads the fields, and sets what a policy can see.
pub(super) fn read(cursor: &mut Cursor<'_>, layout: &[Layout], content: &mut Content) -> Result<(), Malformed> {
    layout.iter().try_for_each(|field| read_field(cursor, *field, content))
}

fn read_field(cursor: &mut Cursor<'_>, field: Layout, content: &mut Content) -> Result<(), Malformed> {
    match field {
        Layout::Bytes(length) => cursor.take(length).map(drop),
        Layout::NonNegative => cursor.non_negative().map(drop),
        Layout::Raw => {
            let length = cursor.unsigned(2)?;
            cursor.take(usize::try_from(length).unwrap_or(usize::MAX)).map(drop)
        }
        Layout::Sized => cursor.skip_sized(),
        Layout::Exactly(length) => {
            let at = cursor.at();
            cursor.sized(
                length,
                |within| {
                    if within.left() == length { Ok(()) } else { Err(wrong_at(at, "wrong_value")) }
                },
            )
        }
        Layout::Repeated(limit, element) => cursor.sized(limit, |within| {
            while within.left() > 0 {
                read(within, element, content)?;
            }
            Ok(())
        }),
        Layout::Optional(value) => {
            if cursor.presence()? {
                read(cursor, value, content)?;
            }
            Ok(())
        }
        Layout::OneOf(branches) => {
            let tag = cursor.tag(branches.len())?;
            branches.get(tag).map_or(Ok(()), |branch| read(cursor, branch, content))
        }
        Layout::Mutez(role) => {
            let value = Some(cursor.mutez()?);
            match role {
                Role::Fee => content.fee = value,
                Role::Amount => content.amount = value,
                _ => {}
            }
            Ok(())
        }
        Layout::Natural => cursor.skip_natural(),
        Layout::Number => cursor.skip_number(),
        Layout::Account(role) => {
            let account = account(cursor)?;
            keep(role, account, content);
            Ok(())
        }
        Layout::Address(role) => {
            let (address, _) = address(cursor)?;
            keep(role, address, content);
            Ok(())
        }
        Layout::AddressOfContract => {
            let at = cursor.at();
            let (_, is_contract) = address(cursor)?;
            if is_contract { Ok(()) } else { Err(wrong_at(at, "wrong_value")) }
        }
        Layout::PublicKey => {
            const LENGTHS: [usize; 5] = [32, 33, 33, 48, 1312];
            let tag = cursor.tag(LENGTHS.len())?;
            cursor.take(LENGTHS.get(tag).copied().unwrap_or_default()).map(drop)
        }
        Layout::Call => call(cursor, content),
        Layout::EntrypointName => {
            content.entrypoint = Some(cursor.sized(MAX_NAME, name)?);
            Ok(())
        }
        Layout::Ballot => {
            let choice = cursor.tag(3)?;
            content.kind.push_str([":yay", ":nay", ":pass"].get(choice).copied().unwrap_or_default());
            Ok(())
        }
    }
}

fn keep(role: Role, text: String, content: &mut Content) {
    match role {
        Role::Source => content.source = Some(text),
        Role::Destination => content.destination = Some(text),
        _ => {}
    }
}

fn account(cursor: &mut Cursor<'_>) -> Result<String, Malformed> {
    let tag = cursor.tag(5)?;
    let prefix =
        Curve::ALL.into_iter().find(|curve| usize::from(curve.tag()) == tag).map_or(ML_DSA_44_HASH, Curve::hash);
    Ok(prefix.encode(cursor.take(20)?))
}

/// The text, and whether it is a contract.
fn address(cursor: &mut Cursor<'_>) -> Result<(String, bool), Malformed> {
    if cursor.tag(2)? == 0 {
        return account(cursor).map(|text| (text, false));
    }
    let text = CONTRACT.encode(cursor.take(20)?);
    cursor.note(Field::Presence);
    let at = cursor.at();
    if cursor.byte()? == 0 { Ok((text, true)) } else { Err(wrong_at(at, "wrong_value")) }
}

/// Maximum length of an entrypoint's name (`entrypoint_repr.ml`).
const MAX_NAME: usize = 31;

fn call(cursor: &mut Cursor<'_>, content: &mut Content) -> Result<(), Malformed> {
    let mut entrypoint = "default".to_owned();
    if cursor.presence()? {
        cursor.note(Field::Tag);
        let at = cursor.at();
        let tag = cursor.byte()?;
        entrypoint = match (KNOWN_ENTRYPOINTS.get(usize::from(tag)), tag) {
            (Some(known), _) => (*known).to_owned(),
            (None, 0xff) => {
                let at = cursor.at();
                let length = usize::from(cursor.byte()?);
                if length > MAX_NAME {
                    return Err(wrong_at(at, "too_long"));
                }
                cursor.within(length, name)?
            }
            (None, _) => return Err(wrong_at(at, "unknown_tag")),
        };
        cursor.skip_sized()?;
    }
    // Staking is a transaction to an account; a contract may have entrypoints of these names.
    let is_of_account = content.destination.as_ref().is_some_and(|destination| !destination.starts_with("KT1"));
    if is_of_account && ["stake", "unstake", "finalize_unstake", "set_delegate_parameters"].contains(&&*entrypoint) {
        content.kind = format!("transaction:{entrypoint}");
    }
    content.entrypoint = Some(entrypoint);
    Ok(())
}

/// A name, up to the end: letters, digits and `_.%@`, at least one.
fn name(cursor: &mut Cursor<'_>) -> Result<String, Malformed> {
    let mut text = String::new();
    if cursor.left() == 0 {
        return Err(cursor.wrong("truncated"));
    }
    while cursor.left() > 0 {
        let at = cursor.at();
        let character = char::from(cursor.byte()?);
        if !(character.is_ascii_alphanumeric() || "_.%@".contains(character)) {
            return Err(wrong_at(at, "invalid_text"));
        }
        text.push(character);
    }
    Ok(text)
}

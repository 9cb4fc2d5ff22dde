//! Outdated forms of operations, which old clients still forge. None is ever signed: they only explain a refusal.

use super::super::{DecodeError, Reader, watermark};
use super::{Content, MAX_OPERATION_LENGTH, OperationKind, decode_content, manager};
use std::fmt;

/// An operation in a form that no protocol accepts today, in an otherwise complete payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutdatedForm {
    /// The kind of operation.
    pub kind: OperationKind,
    difference: Difference,
}

/// How the form differs from today's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Difference {
    /// `reveal` and `update_consensus_key` ended with the key before protocol 023.
    NoProofByte,
    /// `published_level` (4) precedes the slot's index (`dal_operations_repr.ml` of protocol 017).
    Level,
    /// A proof (u32 length and bytes) precedes the type of the parameters, and no whitelist follows it
    /// (`operation_repr.ml` of protocol 017).
    OriginationProof,
    /// Nothing follows the storage limit. No protocol has ever accepted that.
    NoFields,
}

impl fmt::Display for OutdatedForm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let difference = match self.difference {
            Difference::NoProofByte => {
                "without the byte for a proof of possession, which every protocol since Seoul requires"
            }
            Difference::Level => "with a level, which no protocol accepts today",
            Difference::OriginationProof => "with an origination proof, which no protocol since Oxford accepts",
            Difference::NoFields => {
                return write!(
                    formatter,
                    "an incomplete form of {}, without its fields: the client or library that forged it does not support this \
                     operation",
                    self.kind
                );
            }
        };
        write!(
            formatter,
            "the older form of {}, {difference}: the client or library that forged it is probably out of date",
            self.kind
        )
    }
}

impl OutdatedForm {
    /// The first operation in an older form, if the payload is complete in that form and not in today's.
    pub(in super::super) fn find(payload: &[u8]) -> Option<Self> {
        // One byte shows whether a proof byte follows a key. For the other kinds, both forms must be tried.
        let forms = [(true, true), (true, false), (false, true), (false, false)];
        forms
            .into_iter()
            .find_map(|(level, origination_proof)| walk(payload, Older { level, origination_proof }).ok()?)
    }
}

/// The kinds to decode in their older form.
#[derive(Clone, Copy)]
struct Older {
    level: bool,
    origination_proof: bool,
}

/// Decodes a payload to its end; returns the first operation in an older form, if all else is valid.
fn walk(payload: &[u8], older: Older) -> Result<Option<OutdatedForm>, DecodeError> {
    let mut reader = Reader::new(payload);
    if reader.watermark()? != watermark::OPERATION || reader.left() > MAX_OPERATION_LENGTH {
        return Ok(None);
    }
    reader.take(32, "the branch")?;
    let mut first = None;
    let mut all_are_batchable = true;
    let mut contents = 0_usize;
    while !reader.is_at_end() {
        if let Some(outdated) = outdated_content(&mut reader, older)? {
            first = first.or(Some(outdated));
        } else {
            let (_, is_batchable) = decode_content(&mut reader)?;
            all_are_batchable &= is_batchable;
        }
        contents += 1;
    }
    Ok(first.filter(|_| all_are_batchable || contents == 1))
}

/// Reads one content if it is in an older form; reads nothing otherwise.
fn outdated_content(reader: &mut Reader<'_>, older: Older) -> Result<Option<OutdatedForm>, DecodeError> {
    let mut ahead = reader.clone();
    let Some(kind) = manager::kind_of_tag(ahead.u8("the content tag")?) else { return Ok(None) };
    manager::header(&mut ahead, &mut Content::new(kind))?;
    let difference = match kind {
        OperationKind::Reveal | OperationKind::UpdateConsensusKey => {
            manager::public_key(&mut ahead)?;
            // Neither presence byte, 00 and ff, is the tag of a content that could follow here.
            if matches!(ahead.clone().u8("the next byte"), Ok(0x00 | 0xff)) {
                return Ok(None);
            }
            Difference::NoProofByte
        }
        OperationKind::DalPublishCommitment if older.level => {
            ahead.take(4 + 1 + 48 + 96, "the level, the slot index, the commitment and the proof")?;
            Difference::Level
        }
        OperationKind::SmartRollupOriginate if older.origination_proof => {
            manager::rollup_machine(&mut ahead)?;
            ahead.bytes("the kernel")?;
            ahead.bytes("the origination proof")?;
            ahead.bytes("the type of parameters")?;
            Difference::OriginationProof
        }
        OperationKind::SmartRollupRefute if ahead.is_at_end() => Difference::NoFields,
        _ => return Ok(None),
    };
    *reader = ahead;
    Ok(Some(OutdatedForm { kind, difference }))
}

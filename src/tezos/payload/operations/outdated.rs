//! Forms of operations that protocols took once, which old clients still make. None of them is ever signed: what is found
//! here only says in the refusal what is probably wrong.

use super::super::{DecodeError, Reader, watermark};
use super::{Content, MAX_OPERATION_LENGTH, OperationKind, decode_content, manager};
use std::fmt;

/// An operation in a form that no protocol takes today, in a payload that is otherwise whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutdatedForm {
    /// What it does.
    pub kind: OperationKind,
    difference: Difference,
}

/// How the form differs from today's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Difference {
    /// `reveal` and `update_consensus_key` before protocol 023 end with the key.
    NoProofByte,
    /// `published_level` (4) comes before the slot's index (`dal_operations_repr.ml` of protocol 017).
    Level,
    /// A proof (u32 length and bytes) comes before the type of the parameters, and no whitelist after it
    /// (`operation_repr.ml` of protocol 017).
    OriginationProof,
    /// Nothing comes after the storage limit. No protocol has ever taken that.
    NoFields,
}

impl fmt::Display for OutdatedForm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let difference = match self.difference {
            Difference::NoProofByte => {
                "without the byte for a proof of possession, which every protocol since Seoul needs"
            }
            Difference::Level => "with a level, which no protocol takes today",
            Difference::OriginationProof => "with an origination proof, which no protocol since Oxford takes",
            Difference::NoFields => {
                return write!(
                    formatter,
                    "an unfinished form of {}, without any fields of its own: the client or library that made it does not \
                     support this operation",
                    self.kind
                );
            }
        };
        write!(
            formatter,
            "the older form of {}, {difference}: the client or library that made it is probably out of date",
            self.kind
        )
    }
}

impl OutdatedForm {
    /// The first operation in an older form, if this payload would be whole in that form and is not in today's.
    pub(in super::super) fn find(payload: &[u8]) -> Option<Self> {
        // Whether a key is followed by a proof byte, one byte says. Of the others, either form may be all there is in a payload.
        let forms = [(true, true), (true, false), (false, true), (false, false)];
        forms
            .into_iter()
            .find_map(|(level, origination_proof)| walk(payload, Older { level, origination_proof }).ok()?)
    }
}

/// Which kinds are read in their older form.
#[derive(Clone, Copy)]
struct Older {
    level: bool,
    origination_proof: bool,
}

/// Walks a payload to its end; the first operation in an older form, if all the rest is as it should be.
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

/// Reads one content if it is in an older form. Otherwise nothing is read.
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

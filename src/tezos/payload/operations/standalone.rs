//! Operations that cannot be batched.

use super::super::{DecodeError, Reader, Reason};
use super::{Account, Content, OperationKind};

/// The standalone operation with a tag. A ballot's choice follows from its contents.
pub(super) const fn kind_of_tag(tag: u8) -> Option<OperationKind> {
    Some(match tag {
        1 => OperationKind::SeedNonceRevelation,
        2 => OperationKind::DoubleConsensusOperationEvidence,
        3 => OperationKind::DoubleBakingEvidence,
        4 => OperationKind::ActivateAccount,
        5 => OperationKind::Proposals,
        6 => OperationKind::BallotPass,
        8 => OperationKind::VdfRevelation,
        9 => OperationKind::DrainDelegate,
        17 => OperationKind::FailingNoop,
        24 => OperationKind::DalEntrapmentEvidence,
        _ => return None,
    })
}

pub(super) fn decode(reader: &mut Reader<'_>, kind: OperationKind) -> Result<Content, DecodeError> {
    let mut content = Content::new(kind);
    match kind {
        OperationKind::SeedNonceRevelation => {
            reader.non_negative("the level")?;
            reader.take(32, "the nonce")?;
        }
        OperationKind::DoubleConsensusOperationEvidence => {
            reader.u16("the slot")?;
            reader.bytes("the first operation")?;
            reader.bytes("the second operation")?;
        }
        OperationKind::DoubleBakingEvidence => {
            reader.bytes("the first block header")?;
            reader.bytes("the second block header")?;
        }
        OperationKind::ActivateAccount => {
            reader.take(20, "the account")?;
            reader.take(20, "the activation code")?;
        }
        OperationKind::Proposals => proposals(reader, &mut content)?,
        OperationKind::VdfRevelation => {
            reader.take(100, "the result")?;
            reader.take(100, "the proof")?;
        }
        OperationKind::DrainDelegate => {
            Account::decode(reader, "the consensus key")?;
            content.source = Some(Account::decode(reader, "the delegate")?);
            content.destination = Some(Account::decode(reader, "the destination")?.into());
        }
        OperationKind::FailingNoop => {
            reader.bytes("the message")?;
        }
        OperationKind::DalEntrapmentEvidence => dal_entrapment_evidence(reader)?,
        _ => ballot(reader, &mut content)?,
    }
    Ok(content)
}

fn proposals(reader: &mut Reader<'_>, content: &mut Content) -> Result<(), DecodeError> {
    const MAX_PROPOSALS: usize = 20;
    content.source = Some(Account::decode(reader, "the source")?);
    reader.i32("the voting period")?;
    let mut proposals = reader.sized("the proposals", MAX_PROPOSALS * 32)?;
    while !proposals.is_at_end() {
        proposals.take(32, "a proposal")?;
    }
    Ok(())
}

fn ballot(reader: &mut Reader<'_>, content: &mut Content) -> Result<(), DecodeError> {
    content.source = Some(Account::decode(reader, "the source")?);
    reader.i32("the voting period")?;
    reader.take(32, "the proposal")?;
    let offset = reader.offset();
    content.kind = match reader.u8("the ballot")? {
        0 => OperationKind::BallotYay,
        1 => OperationKind::BallotNay,
        2 => OperationKind::BallotPass,
        tag => return Err(DecodeError { offset, reason: Reason::UnknownTag { tag, of: "a ballot" } }),
    };
    Ok(())
}

fn dal_entrapment_evidence(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    reader.bytes("the attestation")?;
    reader.u16("the slot")?;
    reader.u8("the DAL slot index")?;
    if reader.presence("the presence of a lag index")? {
        reader.u8("the lag index")?;
    }
    reader.i32("the shard's index")?;
    reader.bytes("the shard")?;
    reader.take(48, "the shard's proof")?;
    Ok(())
}

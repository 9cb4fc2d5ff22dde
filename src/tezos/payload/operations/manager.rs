//! Manager operations: those that pay a fee and can be batched.

use super::super::reader::MAX_MUTEZ_BYTES;
use super::super::{DecodeError, Reader, Reason};
use super::refutation;
use super::{Account, Address, Content, Entrypoint, OperationKind};

/// The manager operation with a tag.
pub(super) const fn kind_of_tag(tag: u8) -> Option<OperationKind> {
    Some(match tag {
        107 => OperationKind::Reveal,
        108 => OperationKind::Transaction,
        109 => OperationKind::Origination,
        110 => OperationKind::Delegation,
        111 => OperationKind::RegisterGlobalConstant,
        112 => OperationKind::SetDepositsLimit,
        113 => OperationKind::IncreasePaidStorage,
        114 => OperationKind::UpdateConsensusKey,
        115 => OperationKind::UpdateCompanionKey,
        158 => OperationKind::TransferTicket,
        200 => OperationKind::SmartRollupOriginate,
        201 => OperationKind::SmartRollupAddMessages,
        202 => OperationKind::SmartRollupCement,
        203 => OperationKind::SmartRollupPublish,
        204 => OperationKind::SmartRollupRefute,
        205 => OperationKind::SmartRollupTimeout,
        206 => OperationKind::SmartRollupExecuteOutboxMessage,
        207 => OperationKind::SmartRollupRecoverBond,
        230 => OperationKind::DalPublishCommitment,
        _ => return None,
    })
}

/// The fields that every kind has after its tag: source 21, fee N, counter N, gas limit N, storage limit N.
pub(super) fn header(reader: &mut Reader<'_>, content: &mut Content) -> Result<(), DecodeError> {
    content.source = Some(Account::decode(reader, "the source")?);
    content.fee = Some(reader.mutez("the fee")?);
    reader.natural("the counter", MAX_MUTEZ_BYTES)?;
    reader.natural("the gas limit", MAX_MUTEZ_BYTES)?;
    let storage_limit = reader.natural("the storage limit", MAX_MUTEZ_BYTES)?;
    content.storage_limit = Some(storage_limit.unwrap_or(u64::MAX));
    Ok(())
}

/// Decodes what follows the tag: the header, and the fields of the kind.
pub(super) fn decode(reader: &mut Reader<'_>, kind: OperationKind) -> Result<Content, DecodeError> {
    let mut content = Content::new(kind);
    header(reader, &mut content)?;
    match kind {
        OperationKind::Reveal | OperationKind::UpdateConsensusKey | OperationKind::UpdateCompanionKey => {
            public_key_with_proof(reader)?;
        }
        OperationKind::Transaction => transaction(reader, &mut content)?,
        OperationKind::Origination => {
            content.amount = Some(reader.mutez("the balance")?);
            content.beneficiary = delegate(reader)?;
            reader.bytes("the code")?;
            reader.bytes("the storage")?;
        }
        OperationKind::Delegation => {
            content.beneficiary = delegate(reader)?;
        }
        OperationKind::RegisterGlobalConstant => {
            reader.bytes("the constant")?;
        }
        OperationKind::SetDepositsLimit => {
            if reader.presence("the presence of a limit")? {
                reader.mutez("the limit")?;
            }
        }
        OperationKind::IncreasePaidStorage => {
            content.paid_storage = Some(reader.magnitude("the amount of storage")?);
            content.beneficiary = Some(contract(reader, "the contract")?);
        }
        OperationKind::TransferTicket => {
            reader.bytes("the ticket's contents")?;
            reader.bytes("the ticket's type")?;
            Address::decode(reader, "the ticketer")?;
            reader.skip_natural("the number of tickets")?;
            content.destination = Some(Address::decode(reader, "the destination")?);
            let name = reader.sized("the entrypoint", MAX_ENTRYPOINT_BYTES)?;
            content.entrypoint = Some(entrypoint_name(name)?);
        }
        _ => smart_rollup_or_dal(reader, &mut content)?,
    }
    Ok(content)
}

fn delegate(reader: &mut Reader<'_>) -> Result<Option<Address>, DecodeError> {
    let is_present = reader.presence("the presence of a delegate")?;
    is_present.then(|| Account::decode(reader, "the delegate").map(Address::Account)).transpose()
}

fn smart_rollup_or_dal(reader: &mut Reader<'_>, content: &mut Content) -> Result<(), DecodeError> {
    let kind = content.kind;
    if kind == OperationKind::DalPublishCommitment {
        reader.u8("the slot index")?;
        reader.take(48, "the commitment")?;
        reader.take(96, "the proof")?;
        return Ok(());
    }
    if kind == OperationKind::SmartRollupOriginate {
        return smart_rollup_originate(reader);
    }
    if kind == OperationKind::SmartRollupAddMessages {
        let mut messages = reader.sized("the messages", super::MAX_OPERATION_LENGTH)?;
        while !messages.is_at_end() {
            messages.bytes("a message")?;
        }
        return Ok(());
    }

    reader.take(20, "the rollup")?;
    match kind {
        OperationKind::SmartRollupPublish => {
            reader.take(32, "the state")?;
            reader.i32("the inbox level")?;
            reader.take(32, "the predecessor")?;
            reader.take(8, "the number of ticks")?;
        }
        OperationKind::SmartRollupRefute => {
            Account::decode(reader, "the opponent")?;
            refutation::walk(reader)?;
        }
        OperationKind::SmartRollupTimeout => {
            Account::decode(reader, "the first staker")?;
            Account::decode(reader, "the second staker")?;
        }
        OperationKind::SmartRollupExecuteOutboxMessage => {
            reader.take(32, "the commitment")?;
            reader.bytes("the proof")?;
        }
        OperationKind::SmartRollupRecoverBond => {
            content.beneficiary = Some(Account::decode(reader, "the staker")?.into());
        }
        // Cementing has no field but the rollup.
        _ => {}
    }
    Ok(())
}

pub(super) fn rollup_machine(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    let offset = reader.offset();
    let tag = reader.u8("the rollup's machine")?;
    if tag > 2 {
        return Err(DecodeError { offset, reason: Reason::UnknownTag { tag, of: "a rollup's machine" } });
    }
    Ok(())
}

fn smart_rollup_originate(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    rollup_machine(reader)?;
    reader.bytes("the kernel")?;
    reader.bytes("the type of parameters")?;
    if reader.presence("the presence of a whitelist")? {
        let mut whitelist = reader.sized("the whitelist", super::MAX_OPERATION_LENGTH)?;
        while !whitelist.is_at_end() {
            Account::decode(&mut whitelist, "an account of the whitelist")?;
        }
    }
    Ok(())
}

/// Amount N, destination 22, parameters if any: entrypoint and value.
fn transaction(reader: &mut Reader<'_>, content: &mut Content) -> Result<(), DecodeError> {
    content.amount = Some(reader.mutez("the amount")?);
    let destination = Address::decode(reader, "the destination")?;
    let entrypoint = if reader.presence("the presence of parameters")? {
        let entrypoint = tagged_entrypoint(reader)?;
        reader.bytes("the parameter")?;
        entrypoint
    } else {
        Entrypoint("default".to_owned())
    };
    // Staking is a transaction to an account; a contract may have an entrypoint of the same name.
    if matches!(destination, Address::Account(_)) {
        content.kind = match entrypoint.name() {
            "stake" => OperationKind::Stake,
            "unstake" => OperationKind::Unstake,
            "finalize_unstake" => OperationKind::FinalizeUnstake,
            "set_delegate_parameters" => OperationKind::SetDelegateParameters,
            _ => OperationKind::Transaction,
        };
    }
    content.destination = Some(destination);
    content.entrypoint = Some(entrypoint);
    Ok(())
}

const MAX_ENTRYPOINT_BYTES: usize = 31;

/// One byte for a known name, or ff, a length of one byte, and the name (`entrypoint_repr.ml`, `smart_encoding`).
fn tagged_entrypoint(reader: &mut Reader<'_>) -> Result<Entrypoint, DecodeError> {
    const KNOWN: [&str; 10] = [
        "default",
        "root",
        "do",
        "set_delegate",
        "remove_delegate",
        "deposit",
        "stake",
        "unstake",
        "finalize_unstake",
        "set_delegate_parameters",
    ];
    let offset = reader.offset();
    let tag = reader.u8("the entrypoint")?;
    if let Some(name) = KNOWN.get(usize::from(tag)) {
        return Ok(Entrypoint((*name).to_owned()));
    }
    if tag != 0xff {
        return Err(DecodeError { offset, reason: Reason::UnknownTag { tag, of: "an entrypoint" } });
    }
    let offset = reader.offset();
    let length = usize::from(reader.u8("the length of the entrypoint")?);
    if length > MAX_ENTRYPOINT_BYTES {
        let reason = Reason::TooLong { field: "the entrypoint", length, limit: MAX_ENTRYPOINT_BYTES };
        return Err(DecodeError { offset, reason });
    }
    entrypoint_name(reader.sub(length, "the entrypoint")?)
}

fn entrypoint_name(mut name: Reader<'_>) -> Result<Entrypoint, DecodeError> {
    let mut text = String::with_capacity(name.left());
    while !name.is_at_end() {
        let offset = name.offset();
        let byte = name.u8("the entrypoint")?;
        if !(byte.is_ascii_alphanumeric() || b"_.%@".contains(&byte)) {
            let reason = Reason::InvalidText { field: "the entrypoint", byte };
            return Err(DecodeError { offset, reason });
        }
        text.push(char::from(byte));
    }
    if text.is_empty() {
        return Err(name.error(Reason::Truncated { field: "the entrypoint", needed: 1, left: 0 }));
    }
    Ok(Entrypoint(text))
}

/// An address that must be a contract.
fn contract(reader: &mut Reader<'_>, field: &'static str) -> Result<Address, DecodeError> {
    let offset = reader.offset();
    match Address::decode(reader, field)? {
        contract @ Address::Contract(_) => Ok(contract),
        Address::Account(_) => {
            let reason = Reason::Unexpected { field, found: 0, expected: "1 (a contract)" };
            Err(DecodeError { offset, reason })
        }
    }
}

/// A public key after the tag of its curve.
pub(super) fn public_key(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    let offset = reader.offset();
    let tag = reader.u8("the public key")?;
    let length = match tag {
        0 => 32,
        1 | 2 => 33,
        3 => 48,
        4 => 1312,
        _ => return Err(DecodeError { offset, reason: Reason::UnknownTag { tag, of: "a public key" } }),
    };
    reader.take(length, "the public key")?;
    Ok(())
}

/// A public key, and a proof of possession for tz4 keys, if present.
fn public_key_with_proof(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    const PROOF: usize = 96;
    public_key(reader)?;
    if reader.presence("the presence of a proof of possession")? {
        let offset = reader.offset();
        let proof = reader.sized("the proof of possession", PROOF)?;
        if proof.left() != PROOF {
            let found = i64::try_from(proof.left()).unwrap_or(i64::MAX);
            let field = "the length of the proof of possession";
            return Err(DecodeError { offset, reason: Reason::Unexpected { field, found, expected: "96" } });
        }
    }
    Ok(())
}

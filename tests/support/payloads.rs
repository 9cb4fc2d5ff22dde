//! Payloads that a baker would send.

use azurehsm_signer::tezos::payload::Kind;
use oracle::crypto::Curve;
use oracle::payload::consensus::{self, Block, Vote};
use oracle::payload::operations::{self, Address, Manager, TZ1};

pub(crate) const MAINNET: &str = "NetXdQprcVkpaWU";

/// A payload of this kind for keys of tz1, tz2 and tz3. Payloads that differ in `variant` alone are different data for
/// one and the same position.
pub(crate) fn payload(kind: Kind, level: u32, round: u32, variant: u8) -> Vec<u8> {
    match kind {
        Kind::Block => block(level, round, variant),
        Kind::Preattestation => vote(consensus::Kind::Preattestation, Curve::P256, level, round, variant).bytes(),
        Kind::Attestation => attestation(level, round, variant).bytes(),
    }
}

fn vote(kind: consensus::Kind, curve: Curve, level: u32, round: u32, variant: u8) -> Vote {
    Vote { payload_hash: variant, ..Vote::new(kind, curve, level.cast_signed(), round.cast_signed()) }
}

/// An attestation for keys of tz1, tz2 and tz3, without DAL content.
pub(crate) fn attestation(level: u32, round: u32, variant: u8) -> Vote {
    vote(consensus::Kind::Attestation, Curve::P256, level, round, variant)
}

/// An attestation in the form of tz4 keys.
pub(crate) fn bls_attestation(level: u32, round: u32, variant: u8) -> Vec<u8> {
    vote(consensus::Kind::Attestation, Curve::Bls, level, round, variant).bytes()
}

/// A block without a locked round.
pub(crate) fn block(level: u32, round: u32, variant: u8) -> Vec<u8> {
    Block { operations: variant, ..Block::new(level.cast_signed(), round.cast_signed()) }.bytes()
}

/// A transfer of `amount` and `fee` mutez between two accounts of tz1.
pub(crate) fn transfer(amount: u8, fee: u8) -> Vec<u8> {
    let to = Address::Account(operations::Account { tag: 0, fill: 2 });
    operations::payload(&[operations::transfer(Manager { source: TZ1, fee: fee.into() }, amount.into(), to)])
}

//! Histories: what a baker asks its signer to sign, and what the chain shows of it.
//!
//! In a legitimate history, nobody but the signer has used its keys, however late, often or on whichever branch the chain shows what
//! it signed: [`legitimate()`] holds every kind of one, and [`Life`] goes on for as long as one likes. In each of [`foreign()`], the
//! chain shows one signature that the signer has not made.

mod foreign;
mod legitimate;
mod life;
mod story;

pub use foreign::foreign;
pub use legitimate::{change_of_keys, legitimate};
pub use life::{Counts, Life};

use super::{Chain, Hash};
use crate::crypto::{Curve, SecretKey};
use crate::payload::consensus::Kind;

/// What happens, in this order.
#[derive(Debug, Clone)]
pub struct History {
    /// What it is about.
    pub name: &'static str,
    /// The chain with all blocks of the history, also those that it leaves again.
    pub chain: Chain,
    /// What happens.
    pub events: Vec<Event>,
    /// The signature on the chain that is not by the signer, if there is one. It is shown last.
    pub foreign: Option<Foreign>,
}

/// The baker whose keys the signer has, in every history.
pub const OURS: usize = 0;

/// Something that happens.
#[derive(Debug, Clone)]
pub enum Event {
    /// The baker asks for a signature and gets it.
    Signs(Request),
    /// The node's head becomes this block, which may be on another branch than the one before.
    Shows(Hash),
}

/// A signature that a baker asks for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The key.
    pub key: SecretKey,
    /// Its address.
    pub address: String,
    /// Block, preattestation or attestation.
    pub kind: Kind,
    /// Level.
    pub level: i32,
    /// Round.
    pub round: i32,
    /// The bytes to sign.
    pub payload: Vec<u8>,
}

/// A signature that the signer has not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// The address of the key.
    pub address: String,
    /// Block, preattestation or attestation.
    pub kind: Kind,
    /// Level that was signed.
    pub level: i32,
    /// Round that was signed.
    pub round: i32,
    /// The block that shows it.
    pub block: Hash,
}

/// Our baker with one key of this curve; a tz4 has a companion key, too.
pub fn baker(curve: Curve) -> super::Baker {
    let baker = super::Baker::new(super::Key::of_name(curve, "ours"));
    let companion = || super::Key::of_name(Curve::Bls, "our companion");
    if curve == Curve::Bls { baker.with_companion_key(0, companion()) } else { baker }
}

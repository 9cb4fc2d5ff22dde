//! A season in which bakers use relays: two bakers with two relays each, and signers in two regions that share a Cosmos DB account.
//!
//! | part | what is wrong |
//! | --- | --- |
//! | storm | everything at once, at random, in both regions |
//! | regions in trouble | one region at a time; the other one and the store are well, so availability is measured |
//! | drill | only a signer with another mark store is up, when the relays start |
//!
//! Relays are killed and paused in the first two.

mod apps;
mod disrupt;
mod drill;
mod processes;
mod season;
mod trouble;

pub(crate) use season::run;

/// Number of regions.
const REGIONS: usize = 2;

/// Signers in each region.
const SIGNERS_PER_REGION: usize = 2;

/// The place of the first signer, after the relays.
const FIRST_SIGNER: usize = crate::setup::PLACES;

/// The place of the signer with another mark store.
const OTHER_STORE: usize = FIRST_SIGNER + REGIONS * SIGNERS_PER_REGION;

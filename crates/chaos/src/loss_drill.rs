//! The loss of all marks: their container is deleted and created again, with the same name and empty.
//!
//! Running signers must then sign nothing. An operator follows the manual: stops them, raises the marks above everything that was
//! signed, and starts them again.

use crate::baker::LastMark;
use crate::calm::{ABOVE, CALM, recover, request_all, request_other_data};
use crate::client::Client;
use crate::error::SeasonError;
use crate::fleet::{Fleet, Place};
use crate::history::{ContainerLoss, Recorder};
use crate::operator::operator;
use crate::setup::Programs;
use stand_ins::Azure;
use std::sync::Arc;
use std::time::Instant;

/// Marks are raised by this many levels, above all levels requested before.
const RAISED: u32 = CALM + 2 * ABOVE;

/// A chain on which nothing was signed before.
const CHAIN: [u8; 4] = [0xfe; 4];

/// Carries out the drill at the end of a season.
pub(crate) struct LossDrill<'a> {
    pub(crate) azure: &'a Azure,
    pub(crate) client: &'a Arc<Client>,
    pub(crate) recorder: &'a Arc<Recorder>,
    pub(crate) last_marks: &'a [LastMark],
    /// Marks that only one signer has seen, so that the others cannot refuse from memory.
    pub(crate) patient_marks: &'a [LastMark],
    pub(crate) programs: &'a Programs,
}

impl LossDrill<'_> {
    /// Runs the drill. The fleet has ended when it returns.
    pub(crate) async fn run(&self, fleet: Fleet, places: Vec<Place>) -> Result<ContainerLoss, SeasonError> {
        self.azure.cosmos.recreate_container().await;
        let at = Instant::now();
        // Other data at levels that were signed, repeats of what was signed in the calm, and then new levels.
        request_other_data(self.client, self.last_marks.iter().chain(self.patient_marks)).await;
        request_all(self.client, self.last_marks, CALM).await;
        request_all(self.client, self.last_marks, CALM + ABOVE).await;
        self.client.finish().await;
        fleet.end().await;

        for last_mark in self.last_marks {
            self.raise(last_mark).await?;
        }
        let raised = Instant::now();
        let fleet = Fleet::start(places, self.client, self.recorder).await?;
        let first = self.last_marks.first().ok_or(SeasonError::NoLanes)?;
        recover(self.client, &LastMark::new(&first.key, CHAIN), self.recorder).await;
        let recovered = Instant::now();
        request_all(self.client, self.last_marks, RAISED + ABOVE).await;
        self.client.finish().await;
        fleet.end().await;
        Ok(ContainerLoss { at, raised, recovered })
    }

    /// Raises a mark as an operator, above everything requested before.
    async fn raise(&self, last_mark: &LastMark) -> Result<(), SeasonError> {
        let level = (last_mark.position.level + RAISED).to_string();
        let chain = oracle::base58::CHAIN.encode(&last_mark.chain);
        let kind = last_mark.kind.to_string();
        operator(
            self.azure,
            self.programs,
            &["marks", "raise", &chain, &last_mark.key.address, &level, "--kind", &kind],
        )
        .await
    }
}

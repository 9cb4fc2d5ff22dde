//! The container of the marks is deleted and created again, under the same name and empty.
//!
//! Signers that knew the former one must not sign anything, whatever they are asked. Then an operator does what the manual says:
//! stops them, raises the marks above whatever was signed, and starts them again.

use crate::baker::{Heir, answer};
use crate::calm::{ABOVE, CALM, ask_all, recover};
use crate::client::Client;
use crate::fleet::{Fleet, Place};
use crate::history::{MadeAnew, Recorder};
use crate::payload::{Position, Variant, chain_id, payload};
use crate::season::{NoSeason, Programs};
use futures::future::join_all;
use stand_ins::Azure;
use std::sync::Arc;
use std::time::Instant;
use tokio::process::Command;

/// To here marks are raised, above all levels that were asked for by then.
const RAISED: u32 = CALM + 2 * ABOVE;

/// A chain on which nothing was signed before.
const CHAIN: [u8; 4] = [0xfe; 4];

/// What it takes.
pub(crate) struct Anew<'a> {
    pub(crate) azure: &'a Azure,
    pub(crate) client: &'a Arc<Client>,
    pub(crate) recorder: &'a Arc<Recorder>,
    pub(crate) heirs: &'a [Heir],
    /// Of marks that only one signer has seen, so that the others cannot refuse by what they remember.
    pub(crate) of_patient: &'a [Heir],
    pub(crate) programs: &'a Programs,
}

impl Anew<'_> {
    /// Does all of it; the fleet has ended afterwards.
    pub(crate) async fn make(&self, fleet: Fleet, places: Vec<Place>) -> Result<MadeAnew, NoSeason> {
        self.azure.cosmos.recreate_container().await;
        let at = Instant::now();
        // Other data at levels at which something was signed, repeats of what was signed in the calm, and then what would be new.
        self.ask_for_other_data().await;
        ask_all(self.client, self.heirs, CALM).await;
        ask_all(self.client, self.heirs, CALM + ABOVE).await;
        self.client.finish().await;
        fleet.end().await;

        for heir in self.heirs {
            self.raise(heir).await?;
        }
        let raised = Instant::now();
        let fleet = Fleet::start(places, self.client, self.recorder).await?;
        let first = self.heirs.first().ok_or(NoSeason::NoLanes)?;
        recover(self.client, &Heir::new(&first.key, CHAIN), self.recorder).await;
        let answers = Instant::now();
        ask_all(self.client, self.heirs, RAISED + ABOVE).await;
        self.client.finish().await;
        fleet.end().await;
        Ok(MadeAnew { at, raised, answers })
    }

    /// Asks every signer to sign something else where something was signed. Nothing but what was lost speaks against it.
    async fn ask_for_other_data(&self) {
        let other = Variant { content: 9, ..Variant::default() };
        let (client, heirs) = (self.client, self.heirs.iter().chain(self.of_patient));
        let asked = heirs.flat_map(|heir| {
            // The last level may not have been signed.
            let position = Position { level: heir.position.level.saturating_sub(1), ..heir.position };
            let payload: Arc<[u8]> = payload(heir.chain, heir.kind, position, other).into();
            (0..client.places()).map(move |place| client.ask(place, &heir.key, &payload))
        });
        join_all(asked.map(answer)).await;
    }

    /// As an operator, above whatever was asked for.
    async fn raise(&self, heir: &Heir) -> Result<(), NoSeason> {
        let level = (heir.position.level + RAISED).to_string();
        let chain = chain_id(heir.chain);
        let kind = heir.kind.to_string();
        let mut command = Command::new(&self.programs.signer);
        command.env_clear().envs(self.azure.environment());
        command.args(["marks", "raise", &chain, &heir.key.address, &level, "--kind", &kind]);
        let output = command.output().await.map_err(|error| NoSeason::NotRaised(error.to_string()))?;
        if output.status.success() {
            return Ok(());
        }
        Err(NoSeason::NotRaised(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}

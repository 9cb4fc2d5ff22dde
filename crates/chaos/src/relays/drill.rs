//! Relays start while only a signer with another mark store is up: the ones that know their store, and one that does not.

use super::OTHER_STORE;
use super::apps::Apps;
use super::processes::{relays, state_folder};
use crate::baker::LastMark;
use crate::calm::{ABOVE, CALM, recover, request_all, request_other_data};
use crate::client::Client;
use crate::error::SeasonError;
use crate::fleet::Fleet;
use crate::history::{OtherStore, Recorder};
use crate::setup::{PLACES, Programs};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// A chain on which nothing was signed before.
const CHAIN: [u8; 4] = [0xfd; 4];

/// What a signer logs of each request for a signature.
const SIGNING_LINE: &str = "\"verdict\":\"";

/// So that requests fail soon.
const SETTINGS: [(&str, &str); 1] = [("RELAY_DEADLINE_MS", "1500")];

/// Carries out the drill at the end of a season.
pub(super) struct Drill<'a> {
    pub(super) apps: &'a Apps,
    pub(super) client: &'a Arc<Client>,
    pub(super) recorder: &'a Arc<Recorder>,
    pub(super) last_marks: &'a [LastMark],
    pub(super) programs: &'a Programs,
    pub(super) folder: &'a Path,
}

impl Drill<'_> {
    /// Runs the drill. The relays have ended when it returns.
    pub(super) async fn run(&self, running: Fleet) -> Result<OtherStore, SeasonError> {
        running.end().await;
        // The last relay has lost its state.
        std::fs::remove_dir_all(state_folder(self.folder, PLACES - 1)).map_err(SeasonError::Folder)?;
        for app in self.apps.all().skip(1) {
            app.refuse_connections(true);
        }
        self.apps.misdirect(0, true);
        let before = self.recorder.lines_with(OTHER_STORE, SIGNING_LINE);
        let from = Instant::now();
        let places = relays(self.apps, self.programs, self.folder, &SETTINGS);
        let fleet = Fleet::start(places, self.client, self.recorder).await?;
        // Other data at levels that were signed, and then new levels.
        request_other_data(self.client, self.last_marks.iter()).await;
        request_all(self.client, self.last_marks, CALM + ABOVE).await;
        self.client.finish().await;
        let to = Instant::now();
        let forwarded = self.recorder.lines_with(OTHER_STORE, SIGNING_LINE) - before;

        self.apps.misdirect(0, false);
        for app in self.apps.all() {
            app.refuse_connections(false);
        }
        let first = self.last_marks.first().ok_or(SeasonError::NoLanes)?;
        recover(self.client, &LastMark::new(&first.key, CHAIN), self.recorder).await;
        let recovered = Instant::now();
        request_all(self.client, self.last_marks, CALM + 2 * ABOVE).await;
        self.client.finish().await;
        fleet.end().await;
        Ok(OtherStore { from, to, recovered, forwarded })
    }
}

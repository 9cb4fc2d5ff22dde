//! Judges what the nodes' blocks show: reads the marks after the block, compares, and responds.

use super::comparison::{KeyMarks, compare, suffices};
use super::delegates::Delegates;
use super::enforcement::Enforcement;
use super::majority::{Reports, Standing};
use super::open_sightings::{Alerted, OpenSightings, Outcome};
use super::response::{Finding, OnForeignSignature, Response, respond};
use super::served::{Companions, ServedKeys};
use super::sighting::{Proof, Sighting};
use crate::chain::blocks::Receipt;
use crate::chain::{HeadWatch, checkpoints};
use crate::marks::{MarkId, NotRecorded, StoreError};
use crate::signer::Signer;
use crate::tezos::payload::{Kind, NonNegative, Position};
use crate::tezos::{ChainId, PublicKeyHash};
use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use tokio::sync::Notify;
use tracing::debug;

/// How long calls to the store may take. Longer than those of a request: nobody waits for them.
pub(super) const STORE_TIMEOUT: Duration = Duration::from_secs(10);

/// Between two attempts to judge what is open: other nodes have to confirm it, or the store did not answer.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

pub(super) struct Judge {
    signer: Arc<Signer>,
    watch: Arc<HeadWatch>,
    on_foreign_signature: OnForeignSignature,
    enforcement: Arc<Enforcement>,
    open: Mutex<OpenSightings>,
    reports: Mutex<Reports>,
    delegates: Mutex<Delegates>,
    added: Notify,
}

impl Judge {
    pub(super) fn new(
        signer: Arc<Signer>,
        watch: Arc<HeadWatch>,
        on_foreign_signature: OnForeignSignature,
        enforcement: Arc<Enforcement>,
    ) -> Self {
        let (open, reports, delegates, added) = Default::default();
        Self { signer, watch, on_foreign_signature, enforcement, open, reports, delegates, added }
    }

    /// The keys to look for: those that sign with this mark store. Others belong to the store that they are bound to.
    pub(super) fn served_keys(&self) -> ServedKeys {
        ServedKeys::new(self.signer.keys_with_marks_here().iter().map(|key| key.public_key.clone()))
    }

    /// The delegates to watch, each with its served keys.
    pub(super) fn delegates(&self) -> Vec<(PublicKeyHash, Vec<PublicKeyHash>)> {
        let served: Vec<_> = self.signer.keys_with_marks_here().iter().map(|key| key.hash).collect();
        lock(&self.delegates).with_keys(&served)
    }

    pub(super) fn note_delegates(&self, votes: &[Receipt], companions: &Companions) {
        lock(&self.delegates).note(votes, companions);
    }

    /// Takes what a node's block shows. Never waits.
    pub(super) fn consider(&self, node: usize, sightings: Vec<Sighting>) {
        let now = Instant::now();
        for sighting in sightings {
            if sighting.proof == Proof::Report {
                lock(&self.reports).add(sighting.evidence(), node, now);
            }
            lock(&self.open).add(sighting);
        }
        self.added.notify_one();
    }

    /// Judges what was seen, until the end of the program.
    pub(super) async fn run(&self) -> Infallible {
        loop {
            if lock(&self.open).is_empty() {
                self.added.notified().await;
            } else {
                drop(tokio::time::timeout(RETRY_INTERVAL, self.added.notified()).await);
            }
            let mut by_key: HashMap<_, Vec<Sighting>> = HashMap::new();
            for sighting in lock(&self.open).take() {
                by_key.entry((sighting.id.chain, sighting.id.key)).or_default().push(sighting);
            }
            for ((chain, key), sightings) in by_key {
                self.judge_key(chain, key, sightings).await;
            }
        }
    }

    /// Judges the sightings of one key.
    async fn judge_key(&self, chain: ChainId, key: PublicKeyHash, sightings: Vec<Sighting>) {
        let marks = match self.read_marks(chain, key, &sightings).await {
            Ok(marks) => marks,
            Err(error) => {
                debug!(key = %key, reason = error.log(), "cannot compare what the chain shows with the marks yet");
                for sighting in sightings {
                    lock(&self.open).put_back(sighting);
                }
                return;
            }
        };
        let following = self.watch.following(chain);
        let mut elsewhere = Vec::new();
        for sighting in sightings {
            let evidence = sighting.evidence();
            let standing = match sighting.proof {
                Proof::Signature => Standing::Confirmed,
                Proof::Report => lock(&self.reports).standing(&evidence, &following, Instant::now()),
            };
            let finding = compare(&sighting, &marks);
            let response = respond(finding, &sighting, standing, self.limit(chain), self.on_foreign_signature);
            if let Response::Raise(to) = response {
                elsewhere.push((to, sighting));
                continue;
            }
            match self.carry_out(&sighting, finding, response, standing).await {
                Ok(Some(outcome)) => lock(&self.open).set(evidence, outcome),
                Ok(None) => lock(&self.open).put_back(sighting),
                Err(error) => {
                    if finding == Finding::Foreign && lock(&self.open).begin_alert(&evidence, Alerted::Certain) {
                        self.enforcement.alert_foreign(&sighting, &format!("stop failed, repeated: {}", error.log()));
                    }
                    lock(&self.open).put_back(sighting);
                }
            }
        }
        self.keep_silent(elsewhere).await;
    }

    /// Raises the marks of a key that is used elsewhere, once: as high as the latest sighting demands.
    async fn keep_silent(&self, elsewhere: Vec<(Position, Sighting)>) {
        let Some((to, latest)) = elsewhere.iter().max_by_key(|(to, _)| *to) else { return };
        let raised = self.enforcement.keep_silent(latest, *to).await;
        for (_, sighting) in elsewhere {
            match raised {
                Ok(()) => lock(&self.open).set(sighting.evidence(), Outcome::Settled),
                Err(_) => lock(&self.open).put_back(sighting),
            }
        }
    }

    /// Returns the outcome, or `None` if the sighting stays open.
    async fn carry_out(
        &self,
        sighting: &Sighting,
        finding: Finding,
        response: Response,
        standing: Standing,
    ) -> Result<Option<Outcome>, NotRecorded> {
        let alert = if standing == Standing::Alone { Alerted::OneNode } else { Alerted::Certain };
        let begin_alert = || lock(&self.open).begin_alert(&sighting.evidence(), alert);
        Ok(match response {
            Response::Nothing => Some(Outcome::Settled),
            // Raised for all sightings of a key together.
            Response::Raise(_) | Response::Wait => None,
            Response::Alert => {
                if finding == Finding::Foreign && begin_alert() {
                    let acknowledged = self.enforcement.is_acknowledged(&sighting.id.key, &sighting.evidence()).await;
                    if !acknowledged.map_err(NotRecorded::Store)? {
                        self.enforcement.alert_foreign(sighting, "alert only");
                    }
                } else if finding == Finding::NotYetSignedHere {
                    self.enforcement.alert_active_elsewhere(sighting, None);
                }
                Some(if standing == Standing::Alone { Outcome::Unconfirmed } else { Outcome::Settled })
            }
            Response::Stop { raise_to } => {
                if self.enforcement.stop(sighting, raise_to).await? && begin_alert() {
                    self.enforcement.alert_foreign(sighting, "stopped");
                }
                Some(Outcome::Settled)
            }
        })
    }

    async fn read_marks(
        &self,
        chain: ChainId,
        key: PublicKeyHash,
        sightings: &[Sighting],
    ) -> Result<KeyMarks, StoreError> {
        let deadline = tokio::time::Instant::now() + STORE_TIMEOUT;
        let seen: BTreeSet<Kind> = sightings.iter().map(|sighting| sighting.id.kind).collect();
        let mut marks = KeyMarks::default();
        let mut is_enough = true;
        for kind in &seen {
            let stored = self.signer.ledger().store().read(&MarkId { chain, key, kind: *kind }, deadline).await?;
            let mark = stored.map(|stored| stored.mark);
            is_enough &= suffices(mark.as_ref());
            marks = marks.with(*kind, mark);
        }
        for kind in Kind::ALL.into_iter().filter(|kind| !is_enough && !seen.contains(kind)) {
            let stored = self.signer.ledger().store().read(&MarkId { chain, key, kind }, deadline).await?;
            marks = marks.with(kind, stored.map(|stored| stored.mark));
        }
        Ok(marks)
    }

    /// The highest plausible level of the chain: by the clock, and near the highest head.
    fn limit(&self, chain: ChainId) -> Option<NonNegative> {
        let by_clock = checkpoints::max_level(chain, OffsetDateTime::now_utc());
        [by_clock, self.watch.highest_plausible(chain)].into_iter().flatten().min()
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

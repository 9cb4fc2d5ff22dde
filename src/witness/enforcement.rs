//! Carries out responses: stops keys, keeps them silent, and raises alerts. All writes are ordinary conditional writes, which any
//! number of instances may repeat.

use super::judge::{STORE_TIMEOUT, lock};
use super::sighting::Sighting;
use crate::marks::{KeyStopped, Ledger, MarkId, NotRecorded, Raised, SeenOnChain, Stop, StopId, StoreError};
use crate::metrics::Metrics;
use crate::signer::Signer;
use crate::tezos::payload::{Kind, Position};
use crate::tezos::{ChainId, Digest, PublicKeyHash};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use time::OffsetDateTime;
use tokio::time::Instant;
use tracing::{error, warn};

pub(super) struct Enforcement {
    signer: Arc<Signer>,
    metrics: Metrics,
    /// Who stops keys: the name of this instance.
    instance: String,
    /// When it was last logged that a key is used elsewhere.
    active_elsewhere: Mutex<HashMap<PublicKeyHash, Instant>>,
}

/// How many stops with evidence a key gets: each is kept in its marks, too, and one is enough to stop it.
const MAX_EVIDENCE: usize = 3;

/// While a key is used elsewhere, each block shows it.
const ACTIVE_ELSEWHERE_INTERVAL: Duration = Duration::from_mins(10);

impl Enforcement {
    pub(super) fn new(signer: Arc<Signer>, metrics: Metrics, instance: String) -> Self {
        Self { signer, metrics, instance, active_elsewhere: Mutex::default() }
    }

    fn ledger(&self) -> &Ledger {
        self.signer.ledger()
    }

    /// Stops the key of a foreign signature, and raises its mark in the same write. Returns whether it is stopped:
    /// it is not if an operator has acknowledged the evidence.
    pub(super) async fn stop(&self, sighting: &Sighting, raise_to: Option<Position>) -> Result<bool, NotRecorded> {
        let MarkId { chain, key, kind } = sighting.id;
        let Position { level, round } = sighting.position;
        let source = sighting.source;
        let reason = format!(
            "the chain has {} at level {level}, round {round}, that was not signed here ({source})",
            kind.with_article()
        );
        let evidence = SeenOnChain {
            id: sighting.evidence(),
            chain,
            kind,
            position: sighting.position,
            source: source.to_string(),
        };
        self.stop_key(key, evidence, &reason, raise_to).await
    }

    /// Stops a key because of what the chain shows. The mark of the evidence's kind is raised in the same write.
    pub(super) async fn stop_key(
        &self,
        key: PublicKeyHash,
        evidence: SeenOnChain,
        reason: &str,
        raise_to: Option<Position>,
    ) -> Result<bool, NotRecorded> {
        let deadline = Instant::now() + STORE_TIMEOUT;
        let (chain, kind) = (evidence.chain, evidence.kind);
        let item = self.ledger().stops_of(&key, deadline).await.map_err(NotRecorded::Store)?;
        if item.as_ref().is_some_and(|item| item.has_acknowledged(&evidence.id)) {
            return Ok(false);
        }
        let with_evidence = |stop: &&Stop| stop.evidence.is_some();
        let present: Vec<_> = item.iter().flat_map(|item| item.covering(chain)).filter(with_evidence).collect();
        let id = StopId::of_evidence(&evidence.id);
        let stop = if let Some(stop) = present.iter().find(|stop| stop.id == id) {
            (*stop).clone()
        } else if let Some(stop) = present.get(MAX_EVIDENCE - 1) {
            (*stop).clone()
        } else {
            let stop = Stop::of_evidence(evidence, reason, self.instance.clone(), OffsetDateTime::now_utc());
            let stopped = self.ledger().stop_key(&key, &stop, deadline).await.map_err(NotRecorded::Store)?;
            if stopped == KeyStopped::Acknowledged {
                return Ok(false);
            }
            stop
        };
        for of_kind in Kind::ALL {
            let raise_to = raise_to.filter(|_| of_kind == kind);
            self.ledger().stop(&MarkId { chain, key, kind: of_kind }, &stop, raise_to, deadline).await?;
        }
        Ok(true)
    }

    /// Whether an operator has acknowledged this evidence against a key.
    pub(super) async fn is_acknowledged(&self, key: &PublicKeyHash, evidence: &Digest) -> Result<bool, StoreError> {
        let item = self.ledger().stops_of(key, Instant::now() + STORE_TIMEOUT).await?;
        Ok(item.is_some_and(|item| item.has_acknowledged(evidence)))
    }

    /// Writes the stops of the key into its marks on this chain where they are missing: the process that stopped the key may have been
    /// interrupted.
    pub(super) async fn spread_stops(&self, chain: ChainId, key: PublicKeyHash) -> Result<(), NotRecorded> {
        let deadline = Instant::now() + STORE_TIMEOUT;
        let item = self.ledger().stops_of(&key, deadline).await.map_err(NotRecorded::Store)?;
        for stop in item.iter().flat_map(|item| item.covering(chain)) {
            for kind in Kind::ALL {
                self.ledger().stop(&MarkId { chain, key, kind }, stop, None, deadline).await?;
            }
        }
        Ok(())
    }

    /// Raises all marks of a key that another signer uses, so that it stays silent here.
    pub(super) async fn keep_silent(&self, sighting: &Sighting, to: Position) -> Result<(), NotRecorded> {
        let MarkId { chain, key, .. } = sighting.id;
        let deadline = Instant::now() + STORE_TIMEOUT;
        for kind in Kind::ALL {
            // What the store has lost is recovered by an operator only.
            let may_have_lost = self.ledger().has_lost(&key)
                || self
                    .ledger()
                    .store()
                    .may_have_lost(&MarkId { chain, key, kind })
                    .await
                    .map_err(NotRecorded::Store)?;
            if may_have_lost {
                self.alert_active_elsewhere(sighting, None);
                return Ok(());
            }
        }
        let mut is_raised = false;
        for kind in Kind::ALL {
            let raised = self.ledger().raise(&MarkId { chain, key, kind }, to, None, None, deadline).await?;
            is_raised |= !matches!(raised, Raised::Kept(_));
        }
        if is_raised {
            self.alert_active_elsewhere(sighting, Some(to));
        }
        Ok(())
    }

    pub(super) fn alert_foreign(&self, sighting: &Sighting, response: &str) {
        let MarkId { chain, key, kind } = sighting.id;
        self.metrics.foreign_signature(&key);
        error!(
            event = "foreign_signature",
            key = %key,
            chain = %chain,
            kind = kind.name(),
            level = sighting.position.level.get(),
            round = sighting.position.round.get(),
            source = %sighting.source,
            evidence = %sighting.evidence(),
            proof = sighting.proof.name(),
            response,
            "the chain has a signature of this key that was not made here"
        );
    }

    pub(super) fn alert_active_elsewhere(&self, sighting: &Sighting, raised_to: Option<Position>) {
        let MarkId { chain, key, kind } = sighting.id;
        let now = Instant::now();
        {
            let mut logged = lock(&self.active_elsewhere);
            if logged.get(&key).is_some_and(|last| now.duration_since(*last) < ACTIVE_ELSEWHERE_INTERVAL) {
                return;
            }
            logged.insert(key, now);
        }
        warn!(
            event = "key_active_elsewhere",
            key = %key,
            chain = %chain,
            kind = kind.name(),
            level = sighting.position.level.get(),
            round = sighting.position.round.get(),
            source = %sighting.source,
            proof = sighting.proof.name(),
            silent_until = raised_to.map(|to| to.level.get()),
            "another signer uses this key, which has never signed here on this chain"
        );
    }

    pub(super) fn alert_denounced(
        &self,
        delegate: &PublicKeyHash,
        denounced: &SeenOnChain,
        key: &PublicKeyHash,
        response: &str,
    ) {
        self.metrics.denunciation(key);
        error!(
            event = "denounced",
            key = %key,
            delegate = %delegate,
            chain = %denounced.chain,
            kind = denounced.kind.name(),
            level = denounced.position.level.get(),
            round = denounced.position.round.get(),
            source = denounced.source,
            evidence = %denounced.id,
            response,
            "the chain has a denunciation of the delegate that this key signs for"
        );
    }
}

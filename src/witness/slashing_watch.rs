//! Checks every few minutes, at all nodes, whether the delegates of the served keys were denounced.

use super::denunciations::{Charge, DelegateReport, charges, report};
use super::enforcement::Enforcement;
use super::judge::{Judge, lock};
use super::response::OnForeignSignature;
use crate::chain::HeadWatch;
use crate::chain::blocks::NodeReader;
use crate::marks::{NotRecorded, SeenOnChain};
use crate::tezos::{ChainId, Digest, PublicKeyHash};
use futures::future::join_all;
use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

pub(super) struct SlashingWatch {
    readers: Vec<NodeReader>,
    watch: Arc<HeadWatch>,
    judge: Arc<Judge>,
    enforcement: Arc<Enforcement>,
    on_foreign_signature: OnForeignSignature,
    /// When each delegate was last looked at.
    looked: Mutex<HashMap<(ChainId, PublicKeyHash), Instant>>,
    /// Charges whose alert was raised, and whether they were confirmed then.
    alerted: Mutex<HashSet<(Digest, bool)>>,
}

/// Between two looks at a delegate: a denunciation is punished at the end of a cycle at the earliest.
const INTERVAL: Duration = Duration::from_mins(3);

/// How soon a delegate that a block has shown for the first time is looked at.
const PAUSE: Duration = Duration::from_secs(2);

impl SlashingWatch {
    pub(super) fn new(
        readers: Vec<NodeReader>,
        watch: Arc<HeadWatch>,
        judge: Arc<Judge>,
        enforcement: Arc<Enforcement>,
        on_foreign_signature: OnForeignSignature,
    ) -> Self {
        let (looked, alerted) = Default::default();
        Self { readers, watch, judge, enforcement, on_foreign_signature, looked, alerted }
    }

    pub(super) async fn run(&self) -> Infallible {
        self.watch.wait_for_all_first_answers().await;
        loop {
            for chain in self.watch.chains() {
                for (delegate, keys) in self.judge.delegates() {
                    let last = lock(&self.looked).get(&(chain, delegate)).copied();
                    if last.is_none_or(|last| last.elapsed() >= INTERVAL) {
                        lock(&self.looked).insert((chain, delegate), Instant::now());
                        self.look_at(chain, &delegate, &keys).await;
                    }
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn look_at(&self, chain: ChainId, delegate: &PublicKeyHash, keys: &[PublicKeyHash]) {
        let Some(level) = self.watch.highest(chain) else { return };
        let following = self.watch.following(chain);
        let nodes = self.readers.iter().enumerate().filter(|(number, _)| following.contains(number));
        // A node that does not know the delegate, or does not answer, reports nothing.
        let reports = join_all(nodes.map(|(_, reader)| report(reader, delegate))).await;
        let reports: Vec<DelegateReport> = reports.into_iter().flatten().collect();
        for charge in charges(chain, level, delegate, &reports, following.len()) {
            self.respond(delegate, keys, &charge).await;
        }
    }

    async fn respond(&self, delegate: &PublicKeyHash, keys: &[PublicKeyHash], charge: &Charge) {
        let Charge { evidence, is_confirmed } = charge;
        // Whatever fails here is repeated at the next look.
        let Ok(keys) = self.enforcement.unacknowledged(keys, &evidence.id).await else { return };
        if keys.is_empty() {
            return;
        }
        let response = if *is_confirmed && self.on_foreign_signature == OnForeignSignature::Stop {
            match self.stop(delegate, &keys, evidence).await {
                Ok(()) => "stopped".to_owned(),
                Err(error) => format!("stop failed, repeated: {}", error.log()),
            }
        } else {
            "alert only".to_owned()
        };
        if lock(&self.alerted).insert((evidence.id, *is_confirmed)) {
            self.enforcement.alert_denounced(delegate, evidence, &keys, &response);
        }
    }

    async fn stop(
        &self,
        delegate: &PublicKeyHash,
        keys: &[PublicKeyHash],
        evidence: &SeenOnChain,
    ) -> Result<(), NotRecorded> {
        let reason = format!("the delegate {delegate} was denounced ({})", evidence.source);
        for key in keys {
            self.enforcement.stop_key(*key, evidence.clone(), &reason, None).await?;
        }
        Ok(())
    }
}

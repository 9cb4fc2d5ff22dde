//! Checks every few minutes, at all nodes, whether the delegates of the served keys were denounced.

use super::denunciations::{Charge, DelegateReport, charges, report};
use super::enforcement::Enforcement;
use super::judge::{Judge, lock};
use super::response::OnForeignSignature;
use super::slashing_response::{Responses, StopsKeys};
use crate::chain::HeadWatch;
use crate::chain::blocks::NodeReader;
use crate::tezos::{ChainId, PublicKeyHash};
use futures::future::join_all;
use std::collections::HashMap;
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
    responses: tokio::sync::Mutex<Responses>,
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
        let (looked, responses) = Default::default();
        Self { readers, watch, judge, enforcement, on_foreign_signature, looked, responses }
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
        let stops = StopsOfDelegate { enforcement: &self.enforcement, delegate };
        let mut responses = self.responses.lock().await;
        for (key, response) in responses.respond(charge, keys, self.on_foreign_signature, &stops).await {
            self.enforcement.alert_denounced(delegate, &charge.evidence, &key, &response);
        }
    }
}

struct StopsOfDelegate<'a> {
    enforcement: &'a Enforcement,
    delegate: &'a PublicKeyHash,
}

impl StopsKeys for StopsOfDelegate<'_> {
    async fn is_open(&self, key: &PublicKeyHash, charge: &Charge) -> Result<bool, String> {
        let acknowledged = self.enforcement.is_acknowledged(key, &charge.evidence.id).await;
        acknowledged.map(|is_acknowledged| !is_acknowledged).map_err(|error| error.log())
    }

    async fn stop(&self, key: &PublicKeyHash, charge: &Charge) -> Result<bool, String> {
        let reason = format!("the delegate {} was denounced ({})", self.delegate, charge.evidence.source);
        let stopped = self.enforcement.stop_key(*key, charge.evidence.clone(), &reason, None).await;
        stopped.map_err(|error| error.log())
    }
}

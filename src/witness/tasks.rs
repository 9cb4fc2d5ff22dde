//! Runs the witness: one task that judges what blocks show, and two that look every now and then.

use super::enforcement::Enforcement;
use super::examiner::Examiner;
use super::judge::Judge;
use super::response::OnForeignSignature;
use super::slashing_watch::SlashingWatch;
use crate::background::keep_running;
use crate::chain::blocks::{BlockConsumer, NodeReader};
use crate::chain::{HeadWatch, WatchSettings};
use crate::metrics::Metrics;
use crate::signer::Signer;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How the witness runs.
#[derive(Debug, Clone)]
pub struct WitnessSettings {
    /// The nodes, in the order of the [`HeadWatch`].
    pub nodes: WatchSettings,
    /// What happens to a key that somebody else signs with.
    pub on_foreign_signature: OnForeignSignature,
    /// The name of this instance, which stops keys.
    pub instance: String,
}

/// Between two looks at the stops of a key.
const STOPS_INTERVAL: Duration = Duration::from_mins(1);

/// How soon a key that was just found is looked at for the first time.
const PAUSE: Duration = Duration::from_secs(1);

/// Compares the blocks of the nodes with what was signed, in the background. Its tasks end when it is dropped.
pub struct Witness {
    examiner: Arc<Examiner>,
    _tasks: JoinSet<Infallible>,
}

impl Witness {
    /// Starts it. It needs the blocks of all nodes from the [followers](Self::consumer). Signing never waits for it.
    ///
    /// # Errors
    /// If an HTTP client cannot be created.
    pub fn start(
        signer: &Arc<Signer>,
        watch: &Arc<HeadWatch>,
        metrics: &Metrics,
        settings: WitnessSettings,
    ) -> Result<Self, reqwest::Error> {
        let WitnessSettings { nodes, on_foreign_signature, instance } = settings;
        let enforcement = Arc::new(Enforcement::new(Arc::clone(signer), metrics.clone(), instance));
        let judge =
            Arc::new(Judge::new(Arc::clone(signer), Arc::clone(watch), on_foreign_signature, Arc::clone(&enforcement)));
        let mut tasks = JoinSet::new();
        let examiner = Arc::new(Examiner::new(Arc::clone(&judge)));
        let readers = nodes.nodes.iter().map(|url| NodeReader::new(url.clone(), nodes.timeout));
        let readers = readers.collect::<Result<Vec<_>, _>>()?;
        let slashing = SlashingWatch::new(
            readers,
            Arc::clone(watch),
            Arc::clone(&judge),
            Arc::clone(&enforcement),
            on_foreign_signature,
        );
        tasks.spawn(async move { keep_running("slashing watch", || slashing.run()).await });
        let (signer, watch) = (Arc::clone(signer), Arc::clone(watch));
        tasks.spawn(async move { keep_running("stops of keys", || spread_stops(&signer, &watch, &enforcement)).await });
        tasks.spawn(async move { keep_running("witness", || judge.run()).await });
        Ok(Self { examiner, _tasks: tasks })
    }

    /// What takes the blocks.
    pub fn consumer(&self) -> Arc<dyn BlockConsumer> {
        Arc::clone(&self.examiner) as Arc<dyn BlockConsumer>
    }
}

/// Looks for stops that are missing in marks, since the process that stopped the key was interrupted.
async fn spread_stops(signer: &Signer, watch: &HeadWatch, enforcement: &Enforcement) -> Infallible {
    watch.wait_for_all_first_answers().await;
    let mut looked = HashMap::new();
    loop {
        for chain in watch.chains() {
            for key in signer.keys_with_marks_here() {
                let last: Option<&Instant> = looked.get(&(chain, key.hash));
                if last.is_none_or(|last| last.elapsed() >= STOPS_INTERVAL) {
                    looked.insert((chain, key.hash), Instant::now());
                    // What fails is repeated at the next look.
                    drop(enforcement.spread_stops(chain, key.hash).await);
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

use super::Finding;
use super::clock::Skew;
use super::levels::Known;
use crate::marks::StoreId;
use crate::vault::Key;
use futures::{StreamExt, stream};
use std::time::Duration;

/// What was found in one area, as far as its checks have come.
#[derive(Debug, Default)]
pub(super) struct Area {
    pub(super) findings: Vec<Finding>,
    /// Keys in a vault that has tags.
    pub(super) keys: Vec<Key>,
    /// The mark store in use.
    pub(super) store: Option<StoreId>,
    /// By how much this clock differs from the services'.
    pub(super) skews: Vec<Skew>,
    /// How quick they are. Told last.
    pub(super) latency: Vec<Finding>,
    /// What the check of levels needs.
    pub(super) known: Known,
}

/// Each question has a limit of its own; this is for services that stay just below it with every answer.
const AREA_TIMEOUT: Duration = Duration::from_secs(26);

impl Area {
    /// Makes the checks of an area, as many as there is time for.
    pub(super) async fn in_time(check: &'static str, checks: impl AsyncFnOnce(&mut Self)) -> Self {
        let mut area = Self::default();
        if tokio::time::timeout(AREA_TIMEOUT, checks(&mut area)).await.is_err() {
            area.add(Finding::failed(
                check,
                format!("the checks were not done within {} s: the answers take too long", AREA_TIMEOUT.as_secs()),
                "try again, and see what the service's metrics in the portal say of its latency",
            ));
        }
        area
    }

    pub(super) fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }
}

/// Asks the same of each, of some at a time. The answers are in the order of the items.
pub(super) async fn each<T, A>(items: impl IntoIterator<Item = T>, ask: impl AsyncFn(T) -> A) -> Vec<A> {
    const AT_A_TIME: usize = 8;
    let ask = &ask;
    stream::iter(items).map(|item| ask(item)).buffered(AT_A_TIME).collect().await
}

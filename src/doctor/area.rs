//! One area of the checks: its findings, and the data that later checks need.

use super::clock::Skew;
use super::finding::Finding;
use crate::marks::{Mark, MarkId, StoreId, StoreIdentity};
use crate::tezos::payload::NonNegative;
use crate::tezos::{ChainId, PublicKeyHash};
use crate::vault::Key;
use futures::{StreamExt, stream};
use std::collections::BTreeSet;
use std::time::Duration;

/// The results of one area so far.
#[derive(Debug, Default)]
pub(super) struct Area {
    pub(super) findings: Vec<Finding>,
    /// Keys in a vault with tags.
    pub(super) keys: Vec<Key>,
    /// The public key hashes of the keys that can sign, if the vault could be read.
    pub(super) addresses: Option<BTreeSet<String>>,
    /// The mark store in use.
    pub(super) store: Option<StoreId>,
    /// What identifies it to other signers, if it could be read.
    pub(super) identity: Option<StoreIdentity>,
    /// The differences between this machine's clock and those of the services.
    pub(super) skews: Vec<Skew>,
    /// Latencies, which are reported last.
    pub(super) latency: Vec<Finding>,
    /// Input for the check of levels.
    pub(super) observed: Observed,
}

/// What an area contributes to the check of levels.
#[derive(Debug, Default)]
pub(super) struct Observed {
    /// The keys of the vault.
    pub(super) keys: Vec<PublicKeyHash>,
    /// The heads reported by nodes.
    pub(super) heads: Vec<(ChainId, NonNegative)>,
    /// Whether items of the container are readable.
    pub(super) can_read: bool,
    /// The marks of the embedded store.
    pub(super) marks: Vec<(MarkId, Mark)>,
}

impl Observed {
    pub(super) fn merge(&mut self, other: Self) {
        self.keys.extend(other.keys);
        self.heads.extend(other.heads);
        self.marks.extend(other.marks);
        self.can_read |= other.can_read;
    }
}

/// For services that answer every request just before its timeout.
const AREA_TIMEOUT: Duration = Duration::from_secs(26);

impl Area {
    /// Runs the checks of an area until [`AREA_TIMEOUT`].
    pub(super) async fn in_time(check: &'static str, checks: impl AsyncFnOnce(&mut Self)) -> Self {
        let mut area = Self::default();
        if tokio::time::timeout(AREA_TIMEOUT, checks(&mut area)).await.is_err() {
            area.add(Finding::failed(
                check,
                format!("the checks timed out after {} s: the service is too slow", AREA_TIMEOUT.as_secs()),
                "try again, and check the service's latency metrics in the portal",
            ));
        }
        area
    }

    pub(super) fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }
}

/// Runs the same call for each item, up to eight in parallel. The results are in the order of the items.
pub(super) async fn each<T, A>(items: impl IntoIterator<Item = T>, call: impl AsyncFn(T) -> A) -> Vec<A> {
    const MAX_IN_FLIGHT: usize = 8;
    let call = &call;
    stream::iter(items).map(|item| call(item)).buffered(MAX_IN_FLIGHT).collect().await
}

//! The mark store and the policy that each upstream reports. The store is pinned.
//!
//! Two stores behind one relay could each permit what the other has already signed differently. So nothing is forwarded before the
//! store is known, and an answer based on another store never counts.

use super::StoreDigest;
use super::reply::SignerHeaders;
use super::state::SavedState;
use super::upstream::Upstream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tracing::{error, info, warn};

/// The pinned store, and the last report of each upstream.
pub(super) struct Identities {
    state: Arc<SavedState>,
    pinned: watch::Sender<Option<StoreDigest>>,
    reported: Mutex<Vec<Reported>>,
}

/// The last report of one upstream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Reported {
    store: Option<StoreDigest>,
    policy: Option<String>,
}

/// Whether the upstreams report the same store.
#[derive(Debug, PartialEq, Eq)]
enum Agreement {
    /// Some have not named theirs.
    Unknown,
    /// All have named this one.
    One(StoreDigest),
    /// They differ.
    Different,
}

fn agreement(reported: &[Reported]) -> Agreement {
    let mut stores = reported.iter().map(|reported| reported.store);
    let Some(Some(first)) = stores.next() else { return different_or_unknown(reported) };
    if stores.all(|store| store == Some(first)) { Agreement::One(first) } else { different_or_unknown(reported) }
}

fn different_or_unknown(reported: &[Reported]) -> Agreement {
    let mut named = reported.iter().filter_map(|reported| reported.store);
    let first = named.next();
    if named.any(|store| Some(store) != first) { Agreement::Different } else { Agreement::Unknown }
}

impl Identities {
    /// `configured` is the store that the operator has named. It takes the place of the one that was pinned before.
    pub(super) fn new(state: Arc<SavedState>, configured: Option<StoreDigest>, upstreams: usize) -> Self {
        let pinned = configured.or_else(|| state.store());
        Self { state, pinned: watch::Sender::new(pinned), reported: Mutex::new(vec![Reported::default(); upstreams]) }
    }

    /// The pinned store.
    pub(super) fn store(&self) -> Option<StoreDigest> {
        *self.pinned.borrow()
    }

    /// The pinned store, as soon as there is one, until the deadline.
    pub(super) async fn store_by(&self, deadline: Instant) -> Option<StoreDigest> {
        let mut pinned = self.pinned.subscribe();
        let pinned = timeout_at(deadline, pinned.wait_for(Option::is_some)).await;
        pinned.ok()?.ok().and_then(|store| *store)
    }

    /// The store that the upstream has named last since the relay started.
    pub(super) fn store_of(&self, upstream: &Upstream) -> Option<StoreDigest> {
        self.reported().get(upstream.index).and_then(|reported| reported.store)
    }

    /// Takes note of an answer, and pins the store once all upstreams have named the same one.
    pub(super) fn saw(&self, upstream: &Upstream, headers: &SignerHeaders) {
        let mut reported = self.reported();
        let Some(before) = reported.get_mut(upstream.index) else { return };
        let now = Reported { store: headers.store.or(before.store), policy: headers.policy.clone() };
        if *before == now && self.store().is_some() {
            return;
        }
        let before = std::mem::replace(before, now.clone());
        self.compare_stores(upstream, now.store, before.store != now.store, &reported);
        let others = reported.iter().filter(|other| other.policy.is_some() && other.policy != now.policy);
        if before.policy != now.policy && others.count() > 0 {
            warn!(
                event = "relay_policies_differ",
                upstream = %upstream.url,
                policy = now.policy,
                "the policy of this upstream is not that of another one: they do not permit the same"
            );
        }
    }

    /// `is_new` is whether the upstream has not named this store before; the same is logged once.
    fn compare_stores(&self, upstream: &Upstream, store: Option<StoreDigest>, is_new: bool, reported: &[Reported]) {
        let Some(store) = store else { return };
        if let Some(pinned) = self.store() {
            if store != pinned && is_new {
                error!(
                    event = "relay_store_differs",
                    upstream = %upstream.url,
                    store = %store,
                    pinned = %pinned,
                    "this upstream uses another mark store: none of its answers counts. Set RELAY_STORE if the store was changed on \
                     purpose"
                );
            }
            return;
        }
        match agreement(reported) {
            Agreement::Different if is_new => error!(
                event = "relay_store_differs",
                upstream = %upstream.url,
                store = %store,
                "the upstreams use different mark stores: nothing is forwarded. Set RELAY_STORE to the right one"
            ),
            Agreement::One(store) => match self.state.pin(store) {
                Ok(pinned) => {
                    info!(event = "relay_store_pinned", store = %pinned, "from now on only this mark store counts");
                    self.pinned.send_replace(Some(pinned));
                    if pinned != store {
                        // Requests under an earlier configuration have pinned it.
                        self.compare_stores(upstream, Some(store), true, reported);
                    }
                }
                Err(error) => warn!(
                    event = "relay_state_not_saved",
                    reason = %error,
                    "the mark store cannot be pinned: nothing is forwarded. Make RELAY_STATE_DIR writable, or set RELAY_STORE"
                ),
            },
            Agreement::Unknown | Agreement::Different => {}
        }
    }

    fn reported(&self) -> MutexGuard<'_, Vec<Reported>> {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_upstreams_must_name_the_same_store() {
        let store = |digit: &str| Some(digit.repeat(64).parse::<StoreDigest>().unwrap());
        let (a, b) = (store("a"), store("b"));
        let one = Agreement::One(a.unwrap());
        for (stores, expected) in [
            (vec![a], &one),
            (vec![a, a], &one),
            (vec![None], &Agreement::Unknown),
            (vec![a, None], &Agreement::Unknown),
            (vec![None, a], &Agreement::Unknown),
            (vec![a, b], &Agreement::Different),
            (vec![None, a, b], &Agreement::Different),
            (vec![], &Agreement::Unknown),
        ] {
            let reported: Vec<_> =
                stores.iter().map(|store| Reported { store: *store, ..Reported::default() }).collect();
            assert_eq!(agreement(&reported), *expected, "{stores:?}");
        }
    }
}

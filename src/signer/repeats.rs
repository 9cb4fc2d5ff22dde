//! Concurrent identical requests share one answer, and a repeated vote needs no new signature.
//!
//! A client that may have a vote signed may repeat it as fast as the network allows. Repeats must not use up the vault's quota of
//! calls, nor delay new requests.

use super::NotSigned;
use crate::marks::MarkId;
use crate::tezos::{BlsScheme, Digest, PublicKeyHash, Signature};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep_until};

/// Identifies a request: those with the same key, payload and signature scheme are identical.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RequestIdentity {
    pub(super) key: PublicKeyHash,
    pub(super) digest: Digest,
    pub(super) scheme: BlsScheme,
}

type Answer = Result<Signature, NotSigned>;

/// The requests in flight, and the last vote of each mark.
#[derive(Default)]
pub(super) struct Repeats {
    in_flight: Mutex<HashMap<RequestIdentity, Arc<OnceCell<Answer>>>>,
    votes: Mutex<HashMap<MarkId, LastVote>>,
}

/// The last vote of a mark that was sent to the vault.
struct LastVote {
    identity: RequestIdentity,
    called: Instant,
    /// Set once verified and released.
    signature: Option<Signature>,
}

/// Between two calls to the vault for the same vote.
const MIN_CALL_INTERVAL: Duration = Duration::from_millis(100);

/// A request that fails this close to its deadline is assumed to have failed because of it.
const NEAR_DEADLINE: Duration = Duration::from_millis(100);

/// Callers choose chain ids, so this is bounded. A forgotten vote costs one call to the vault.
const MAX_VOTES: usize = 4096;

impl Repeats {
    /// Runs `work`, or waits for the answer of identical work in flight. Every caller must be authorized already.
    ///
    /// If that work ends at the deadline of the request that started it, the next caller runs its own, until `deadline`.
    pub(super) async fn share(
        &self,
        identity: RequestIdentity,
        deadline: Instant,
        work: impl AsyncFnOnce() -> Answer,
    ) -> Answer {
        let joined = self.join(identity);
        let answer = joined.cell.get_or_try_init(|| async {
            match work().await {
                Err(failed @ NotSigned::Failed(_)) if Instant::now() + NEAR_DEADLINE >= deadline => Err(failed),
                answer => Ok(answer),
            }
        });
        answer.await?.clone()
    }

    /// The signature of a vote that this process released before.
    pub(super) fn signature_of(&self, mark: &MarkId, identity: &RequestIdentity) -> Option<Signature> {
        self.votes().get(mark).filter(|vote| vote.identity == *identity)?.signature
    }

    /// Waits until the vault may be called for a payload, and records the call.
    pub(super) async fn before_call(&self, mark: &MarkId, identity: RequestIdentity, deadline: Instant) {
        let last = self.votes().get(mark).filter(|vote| vote.identity == identity).map(|vote| vote.called);
        if let Some(last) = last {
            sleep_until((last + MIN_CALL_INTERVAL).min(deadline)).await;
        }
        let mut votes = self.votes();
        if votes.len() >= MAX_VOTES && !votes.contains_key(mark) {
            votes.clear();
        }
        votes.insert(*mark, LastVote { identity, called: Instant::now(), signature: None });
    }

    /// Keeps the signature of a vote for its repeats.
    pub(super) fn released(&self, mark: &MarkId, identity: &RequestIdentity, signature: Signature) {
        if let Some(vote) = self.votes().get_mut(mark).filter(|vote| vote.identity == *identity) {
            vote.signature = Some(signature);
        }
    }

    fn join(&self, identity: RequestIdentity) -> Joined<'_> {
        let mut in_flight = self.in_flight();
        Joined { repeats: self, identity, cell: Arc::clone(in_flight.entry(identity).or_default()) }
    }

    fn in_flight(&self) -> MutexGuard<'_, HashMap<RequestIdentity, Arc<OnceCell<Answer>>>> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn votes(&self) -> MutexGuard<'_, HashMap<MarkId, LastVote>> {
        self.votes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of the requests that share an answer.
struct Joined<'a> {
    repeats: &'a Repeats,
    identity: RequestIdentity,
    cell: Arc<OnceCell<Answer>>,
}

impl Drop for Joined<'_> {
    /// An answer serves the requests that were waiting for it; later ones run the work again. So does the next request after all
    /// that shared the work were cancelled.
    fn drop(&mut self) {
        let mut in_flight = self.repeats.in_flight();
        let is_over = self.cell.initialized() || Arc::strong_count(&self.cell) <= 2;
        if is_over && in_flight.get(&self.identity).is_some_and(|cell| Arc::ptr_eq(cell, &self.cell)) {
            in_flight.remove(&self.identity);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marks::StoreError;
    use crate::signer::Refusal;
    use crate::tezos::payload::Kind;
    use std::cell::Cell;

    const SIGNATURE: Signature = Signature::P256([7; 64]);

    fn identity(fill: u8) -> RequestIdentity {
        let key = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t".parse().unwrap();
        RequestIdentity { key, digest: Digest::from_bytes([fill; 32]), scheme: BlsScheme::default() }
    }

    fn after(milliseconds: u64) -> Instant {
        Instant::now() + Duration::from_millis(milliseconds)
    }

    async fn work(done: &Cell<u32>, until: Instant, answer: Answer) -> Answer {
        done.set(done.get() + 1);
        sleep_until(until).await;
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn identical_work_runs_once_for_all_that_wait() {
        let refused: Answer = Err(Refusal::VersionWithoutBls.into());
        for answer in [Ok(SIGNATURE), refused] {
            let (repeats, done) = (Repeats::default(), Cell::new(0));
            let (deadline, until) = (after(4000), after(20));
            let one = || repeats.share(identity(1), deadline, async || work(&done, until, answer.clone()).await);
            let answers = futures::future::join_all((0..800).map(|_| one())).await;
            assert!(answers.iter().all(|given| *given == answer));
            assert_eq!((done.get(), repeats.in_flight().len()), (1, 0));
            assert_eq!(one().await, answer);
            assert_eq!(done.get(), 2, "answers are not cached");
            drop(repeats.share(identity(2), deadline, async || work(&done, until, answer.clone()).await).await);
            assert_eq!(done.get(), 3, "other work");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn others_continue_after_the_deadline_of_the_first() {
        let (repeats, done) = (Repeats::default(), Cell::new(0));
        let failed: Answer = Err(StoreError::deadline(None).into());
        let (early, late) = (after(1000), after(4000));
        let first = repeats.share(identity(1), early, async || work(&done, early, failed.clone()).await);
        let second = repeats.share(identity(1), late, async || work(&done, after(20), Ok(SIGNATURE)).await);
        assert_eq!(tokio::join!(first, second), (failed, Ok(SIGNATURE)));
        assert_eq!(done.get(), 2);

        let definite: Answer = Err(StoreError::new("the account is not suitable").into());
        let first = repeats.share(identity(1), late, async || work(&done, after(5), definite.clone()).await);
        let second = repeats.share(identity(1), late, async || work(&done, after(20), Ok(SIGNATURE)).await);
        assert_eq!(
            tokio::join!(first, second),
            (definite.clone(), definite),
            "a failure other than the deadline is shared"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_request_takes_over_cancelled_work() {
        let (repeats, done) = (Repeats::default(), Cell::new(0));
        let gone = repeats.share(identity(1), after(4000), async || work(&done, after(3000), Ok(SIGNATURE)).await);
        assert!(tokio::time::timeout_at(after(10), gone).await.is_err());
        assert_eq!(repeats.in_flight().len(), 0);
        let next = repeats.share(identity(1), after(4000), async || work(&done, after(5), Ok(SIGNATURE)).await);
        assert_eq!((next.await, done.get()), (Ok(SIGNATURE), 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_vote_costs_at_most_ten_vault_calls_a_second_and_none_once_released() {
        let repeats = Repeats::default();
        let chain = "NetXdQprcVkpaWU".parse().unwrap();
        let mark = MarkId { chain, key: identity(1).key, kind: Kind::Attestation };
        let (start, deadline) = (Instant::now(), after(4000));
        for _ in 0..11 {
            repeats.before_call(&mark, identity(1), deadline).await;
        }
        assert!(start.elapsed() >= Duration::from_secs(1));
        let new_slot = Instant::now();
        repeats.before_call(&mark, identity(2), deadline).await;
        assert_eq!(new_slot.elapsed(), Duration::ZERO, "another vote does not wait");

        assert_eq!(repeats.signature_of(&mark, &identity(2)), None);
        repeats.released(&mark, &identity(2), SIGNATURE);
        assert_eq!(repeats.signature_of(&mark, &identity(2)), Some(SIGNATURE));
        assert_eq!(repeats.signature_of(&mark, &identity(1)), None, "only the last vote is kept");
    }
}

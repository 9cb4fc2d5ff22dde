//! Requests for the same thing share one answer, and a vote that is repeated needs no new signature.
//!
//! Anyone who may have a vote signed may repeat it as often as the network allows. That must cost neither vault calls, of which a
//! vault allows so many in ten seconds, nor time of the requests that are new.

use super::NotSigned;
use crate::marks::MarkId;
use crate::tezos::{BlsScheme, Digest, PublicKeyHash, Signature};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep_until};

/// What makes two requests the same: key, bytes, and the scheme of the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    pub(super) key: PublicKeyHash,
    pub(super) digest: Digest,
    pub(super) scheme: BlsScheme,
}

type Answer = Result<Signature, NotSigned>;

/// Requests that are under way, and the last vote of each mark.
#[derive(Default)]
pub(super) struct Repeats {
    under_way: Mutex<HashMap<Identity, Arc<OnceCell<Answer>>>>,
    votes: Mutex<HashMap<MarkId, LastVote>>,
}

/// The last vote that the vault was asked to sign.
struct LastVote {
    identity: Identity,
    asked: Instant,
    /// Verified, and released before.
    signature: Option<Signature>,
}

/// Between two calls of the vault for the same vote.
const MIN_CALL_INTERVAL: Duration = Duration::from_millis(100);

/// A request that failed so shortly before its deadline failed because of it.
const NEAR_DEADLINE: Duration = Duration::from_millis(100);

/// Chain ids come from callers; what is forgotten costs one call of the vault.
const MAX_VOTES: usize = 4096;

impl Repeats {
    /// Does `work`, or waits for the answer of the same work that is under way. Each caller has been allowed to have it done.
    ///
    /// If that work ends with the deadline of the request that began it, the next one goes on with its own, `deadline`.
    pub(super) async fn share(
        &self,
        identity: Identity,
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

    /// The signature of a vote that was released before, by this process.
    pub(super) fn signature_of(&self, mark: &MarkId, identity: &Identity) -> Option<Signature> {
        self.votes().get(mark).filter(|vote| vote.identity == *identity)?.signature
    }

    /// Waits until the vault may be asked to sign a vote, and takes note of it.
    pub(super) async fn before_call(&self, mark: &MarkId, identity: Identity, deadline: Instant) {
        let last = self.votes().get(mark).filter(|vote| vote.identity == identity).map(|vote| vote.asked);
        if let Some(last) = last {
            sleep_until((last + MIN_CALL_INTERVAL).min(deadline)).await;
        }
        let mut votes = self.votes();
        if votes.len() >= MAX_VOTES && !votes.contains_key(mark) {
            votes.clear();
        }
        votes.insert(*mark, LastVote { identity, asked: Instant::now(), signature: None });
    }

    /// A vote was released.
    pub(super) fn released(&self, mark: &MarkId, identity: &Identity, signature: Signature) {
        if let Some(vote) = self.votes().get_mut(mark).filter(|vote| vote.identity == *identity) {
            vote.signature = Some(signature);
        }
    }

    fn join(&self, identity: Identity) -> Joined<'_> {
        let mut under_way = self.under_way();
        Joined { repeats: self, identity, cell: Arc::clone(under_way.entry(identity).or_default()) }
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<Identity, Arc<OnceCell<Answer>>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn votes(&self) -> MutexGuard<'_, HashMap<MarkId, LastVote>> {
        self.votes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of the requests that share an answer.
struct Joined<'a> {
    repeats: &'a Repeats,
    identity: Identity,
    cell: Arc<OnceCell<Answer>>,
}

impl Drop for Joined<'_> {
    /// An answer serves those who were waiting for it; whoever comes later begins again. So does everybody after the last one
    /// who went away without an answer.
    fn drop(&mut self) {
        let mut under_way = self.repeats.under_way();
        let is_over = self.cell.initialized() || Arc::strong_count(&self.cell) <= 2;
        if is_over && under_way.get(&self.identity).is_some_and(|cell| Arc::ptr_eq(cell, &self.cell)) {
            under_way.remove(&self.identity);
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

    fn identity(fill: u8) -> Identity {
        let key = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t".parse().unwrap();
        Identity { key, digest: Digest::from_bytes([fill; 32]), scheme: BlsScheme::default() }
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
    async fn the_same_work_is_done_once_for_all_who_wait() {
        let refused: Answer = Err(Refusal::VersionWithoutBls.into());
        for answer in [Ok(SIGNATURE), refused] {
            let (repeats, done) = (Repeats::default(), Cell::new(0));
            let (deadline, until) = (after(4000), after(20));
            let one = || repeats.share(identity(1), deadline, async || work(&done, until, answer.clone()).await);
            let answers = futures::future::join_all((0..800).map(|_| one())).await;
            assert!(answers.iter().all(|given| *given == answer));
            assert_eq!((done.get(), repeats.under_way().len()), (1, 0));
            assert_eq!(one().await, answer);
            assert_eq!(done.get(), 2, "an answer is not kept");
            drop(repeats.share(identity(2), deadline, async || work(&done, until, answer.clone()).await).await);
            assert_eq!(done.get(), 3, "other work");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn when_the_first_ends_at_its_deadline_the_others_go_on_with_theirs() {
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
            "a failure that is no deadline is shared"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_away_leaves_the_work_to_the_next_one() {
        let (repeats, done) = (Repeats::default(), Cell::new(0));
        let gone = repeats.share(identity(1), after(4000), async || work(&done, after(3000), Ok(SIGNATURE)).await);
        assert!(tokio::time::timeout_at(after(10), gone).await.is_err());
        assert_eq!(repeats.under_way().len(), 0);
        let next = repeats.share(identity(1), after(4000), async || work(&done, after(5), Ok(SIGNATURE)).await);
        assert_eq!((next.await, done.get()), (Ok(SIGNATURE), 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_vote_is_signed_once_and_the_vault_is_called_at_most_ten_times_a_second_for_it() {
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
        assert_eq!(repeats.signature_of(&mark, &identity(1)), None, "only the last one is kept");
    }
}

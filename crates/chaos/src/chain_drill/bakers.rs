//! Bakers whose votes and blocks make the chain, as far as the signers sign them.

use super::OURS;
use crate::baker::answer;
use crate::client::Client;
use crate::dice::Dice;
use crate::history::Answer;
use crate::keys::BakerKey;
use crate::payload::Kind;
use futures::future::join_all;
use oracle::chain::{Block, Draft, Hash, SignedVote};
use stand_ins::SharedChain;
use std::sync::Arc;

/// The bakers with the keys in the vault. The others on the chain are a quorum by themselves.
pub(super) struct Bakers {
    pub(super) keys: Vec<BakerKey>,
    pub(super) chain: SharedChain,
    pub(super) client: Arc<Client>,
    pub(super) counts: Counts,
}

/// What has become of the chain.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) levels: u64,
    /// Heads of a later round than the first.
    pub(super) later_rounds: u64,
    /// Heads that replaced a block for which our bakers had voted.
    pub(super) reorganisations: u64,
    /// Blocks on top of a block of an earlier round than the last one that our bakers had voted for.
    pub(super) earlier_rounds: u64,
    /// Votes of our bakers in blocks, and blocks of theirs.
    pub(super) votes: u64,
    pub(super) blocks: u64,
}

/// A block, and the votes of our bakers for it.
#[derive(Debug, Clone)]
pub(super) struct Voted {
    pub(super) block: Hash,
    pub(super) preattestations: Vec<SignedVote>,
    pub(super) attestations: Vec<SignedVote>,
}

/// How often a baker tries to get a signature, each time from another signer.
const TRIES: usize = 3;

/// Rounds of a level in which somebody proposes a block.
const MAX_ROUNDS: i32 = 12;

/// How often a level is decided in a later round, in percent, since bakers miss their turns.
const MISSED_PERCENT: f64 = 15.0;

/// How often two blocks of a level are voted for, in percent.
const TWICE_PERCENT: f64 = 30.0;

impl Bakers {
    /// Votes for the head.
    pub(super) async fn vote_for_head(&self, dice: &mut Dice) -> Voted {
        let head = self.chain.lock().head().hash;
        self.vote(dice, head).await
    }

    /// The next level on a block: sometimes in a later round, and sometimes with two blocks, either of which may be the one that
    /// the chain goes on with.
    pub(super) async fn next_level(&mut self, dice: &mut Dice, on: &Voted) -> Voted {
        let round = if dice.chance(MISSED_PERCENT) { 1 + i32::from(dice.chance(30.0)) } else { 0 };
        let Some((block, round)) = self.propose(dice, on, round, None).await else { return on.clone() };
        self.counts.levels += 1;
        self.counts.later_rounds += u64::from(round > 0);
        let first = self.vote(dice, block).await;
        if !dice.chance(TWICE_PERCENT) {
            return first;
        }
        let again = dice.chance(50.0).then_some(&first);
        let Some((block, _)) = self.propose(dice, on, round + 1, again).await else { return first };
        self.counts.reorganisations += 1;
        let second = self.vote(dice, block).await;
        if dice.chance(50.0) {
            return second;
        }
        // Our votes for round 0 are included after we voted in a later round.
        self.counts.earlier_rounds += 1;
        first
    }

    /// Proposes a block in this round, or in a later one if the baker gets no signature. Returns its round. With `again`, it has
    /// the payload of that block and the preattestations for it.
    pub(super) async fn propose(
        &mut self,
        dice: &mut Dice,
        on: &Voted,
        from_round: i32,
        again: Option<&Voted>,
    ) -> Option<(Hash, i32)> {
        for round in from_round..from_round + MAX_ROUNDS {
            let (proposer, to_sign) = {
                let chain = self.chain.lock();
                let draft = draft(&chain, on, round, again);
                (draft.proposer(), draft.signed_bytes())
            };
            let signature = match self.keys.get(proposer) {
                Some(key) => match self.signature(dice, key, to_sign).await {
                    Some(signature) => Some(signature),
                    None => continue,
                },
                None => None,
            };
            let mut chain = self.chain.lock();
            let draft = draft(&chain, on, round, again);
            let is_ours = signature.is_some();
            let block: Block = signature.map_or_else(|| draft.sign(), |signature| draft.with_signature(signature));
            if let Ok(hash) = chain.add(block) {
                self.counts.blocks += u64::from(is_ours);
                self.counts.votes += on.attestations.len() as u64;
                return Some((hash, round));
            }
        }
        None
    }

    /// Both votes of all our bakers for a block.
    pub(super) async fn vote(&self, dice: &mut Dice, block: Hash) -> Voted {
        let kinds = [Kind::Preattestation, Kind::Attestation];
        let mut votes = Vec::new();
        {
            let chain = self.chain.lock();
            for (baker, kind) in (0..self.keys.len()).flat_map(|baker| kinds.map(|kind| (baker, kind))) {
                votes.extend(chain.vote(baker, kind, &block).map(|vote| {
                    let bytes = vote.signed_bytes(chain.network());
                    (vote, bytes)
                }));
            }
        }
        let mut signing = Vec::new();
        for (vote, bytes) in votes {
            let Some(key) = self.keys.get(vote.baker) else { continue };
            let signature = self.signature(dice, key, bytes);
            signing.push(async move { Some(vote.with_signature(signature.await?)) });
        }
        let signed = join_all(signing).await.into_iter().flatten();
        let (preattestations, attestations) = signed.partition(|signed| signed.vote.kind == Kind::Preattestation);
        Voted { block, preattestations, attestations }
    }

    /// A signature by any of the signers, and sometimes by two at once.
    fn signature(
        &self,
        dice: &mut Dice,
        key: &BakerKey,
        bytes: Vec<u8>,
    ) -> impl Future<Output = Option<Vec<u8>>> + use<> {
        let first = dice.index(self.client.places());
        let is_sent_twice = dice.chance(30.0);
        let (client, key, bytes) = (Arc::clone(&self.client), key.clone(), Arc::<[u8]>::from(bytes));
        async move {
            for number in 0..TRIES {
                let place = |after: usize| (first + number + after) % client.places();
                let one = client.request_now(place(0), &key, &bytes);
                if is_sent_twice {
                    drop(client.request_now(place(1), &key, &bytes));
                }
                if let Some(Answer::Signed(text)) = answer(one).await {
                    return key.public_key.curve.signature().decode(&text);
                }
            }
            None
        }
    }
}

/// A block on this one, with the votes that our bakers got, and those of all others.
fn draft<'a>(chain: &'a oracle::chain::Chain, on: &Voted, round: i32, again: Option<&Voted>) -> Draft<'a> {
    let of_others = |votes: Vec<SignedVote>| votes.into_iter().filter(|signed| signed.vote.baker >= OURS);
    let attestations = of_others(chain.attestations(&on.block)).chain(on.attestations.iter().cloned());
    let draft = chain.on(&on.block).at_round(round).with_votes(attestations.collect::<Vec<_>>());
    match again.and_then(|again| Some((again, chain.block(&again.block)?))) {
        Some((again, block)) => {
            let evidence = of_others(chain.votes(Kind::Preattestation, &again.block));
            draft.reproposing(block, evidence.chain(again.preattestations.iter().cloned()))
        }
        None => draft,
    }
}

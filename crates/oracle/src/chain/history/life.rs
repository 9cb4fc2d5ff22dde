//! A legitimate history that never ends: bakers that miss their turn, votes that arrive late, blocks that are decided twice, nodes and
//! signers that are away. All of it follows from the rules of Tenderbake, as honest bakers obey them.

use super::super::{Chain, Hash, SignedVote};
use super::story::Story;
use super::{Event, OURS};
use crate::payload::consensus::Kind;

/// A history, level by level. Only the blocks of the last 100 levels are kept.
#[derive(Debug, Clone)]
pub struct Life {
    story: Story,
    dice: Dice,
    /// The blocks of the last level that have a quorum of attestations, with those attestations.
    decided: Vec<Decided>,
    /// Levels for which our node shows nothing.
    node_away: u32,
    /// Levels for which our baker asks for nothing.
    baker_away: u32,
    /// The last block that our node would have shown.
    unseen: Option<Hash>,
    seen: Counts,
}

/// What has happened so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Levels.
    pub levels: u64,
    /// Levels that took more than round 0.
    pub with_rounds: u64,
    /// Levels of which two blocks had a quorum.
    pub decided_twice: u64,
    /// Heads that were not on top of the head before.
    pub reorganisations: u64,
    /// Turns that a baker missed.
    pub missed_turns: u64,
    /// Times that our node was away.
    pub outages: u64,
    /// Times that our baker was away.
    pub rests: u64,
}

#[derive(Debug, Clone)]
struct Decided {
    block: Hash,
    attestations: Vec<SignedVote>,
}

/// A proposal of the level, and what has come of it.
#[derive(Debug, Clone, Copy)]
struct Proposal {
    block: Hash,
    round: i32,
    payload: Hash,
    has_prequorum: bool,
}

impl Life {
    /// The history of a baker; the same number gives the same one.
    pub fn new(ours: super::super::Baker, number: u64) -> Self {
        let story = Story::new(ours);
        let mut attestations = story.chain.attestations(&story.head());
        attestations.retain(|signed| signed.vote.baker != OURS);
        let decided = vec![Decided { block: story.head(), attestations }];
        Self { story, dice: Dice(number), decided, node_away: 0, baker_away: 0, unseen: None, seen: Counts::default() }
    }

    /// The chain.
    pub fn chain(&self) -> &Chain {
        &self.story.chain
    }

    /// What has happened so far.
    pub fn counts(&self) -> Counts {
        self.seen
    }

    /// The events of the next level.
    pub fn next_level(&mut self) -> Vec<Event> {
        self.leave_and_return();
        self.seen.levels += 1;
        let bakers = self.story.chain.network().bakers.len();
        let mut locked: Vec<Option<Proposal>> = vec![None; bakers];
        let mut proposals: Vec<Proposal> = Vec::new();
        let mut decided = Vec::new();
        let mut round = 0;
        loop {
            match self.propose(round, &proposals) {
                Some(block) => {
                    let proposal = self.vote(block, round, &mut locked, &mut decided);
                    proposals.push(proposal);
                }
                None => self.seen.missed_turns += 1,
            }
            // Mostly everyone sees that a block is decided; else the level goes on.
            if !decided.is_empty() && self.dice.happens(970) {
                break;
            }
            round += 1;
        }
        self.seen.with_rounds += u64::from(round > 0);
        self.seen.decided_twice += u64::from(decided.len() > 1);
        self.decided = decided;
        let level = self.story.chain.head().header.level;
        self.story.forget_below(level.saturating_sub(100));
        std::mem::take(&mut self.story.events)
    }

    /// Sometimes our node is away for a while, or our baker.
    fn leave_and_return(&mut self) {
        self.baker_away = self.baker_away.saturating_sub(1);
        if self.baker_away == 0 && self.dice.happens(2) {
            self.baker_away = self.dice.below(40);
            self.seen.rests += 1;
        }
        if self.node_away > 0 {
            self.node_away -= 1;
            if self.node_away == 0
                && let Some(hash) = self.unseen.take()
            {
                self.story.events.push(Event::Shows(hash));
            }
        } else if self.dice.happens(2) {
            self.node_away = 1 + self.dice.below(120);
            self.seen.outages += 1;
        }
    }

    /// A proposal of this round; `None` if the baker misses its turn.
    fn propose(&mut self, round: i32, earlier: &[Proposal]) -> Option<Hash> {
        let level = self.level();
        let proposer = self.story.chain.network().proposer(level, round);
        let is_away = (proposer == OURS && self.baker_away > 0) || self.dice.happens(15);
        if is_away {
            return None;
        }
        // A baker that knows of a quorum of preattestations must propose that payload again.
        let known = earlier.iter().rfind(|proposal| proposal.has_prequorum);
        let block = if let Some(proposal) = known {
            self.again(proposal, round)
        } else {
            let parent = self.dice.pick(&self.decided)?.clone();
            self.story.chain.on(&parent.block).at_round(round).with_votes(parent.attestations).sign()
        };
        let before = self.story.head();
        let hash = self.story.add(block);
        self.show(before, hash);
        Some(hash)
    }

    fn again(&self, proposal: &Proposal, round: i32) -> super::super::Block {
        let earlier = self.story.block(&proposal.block);
        let parent = self.decided.iter().find(|decided| decided.block == earlier.header.predecessor);
        let attestations = parent.map(|parent| parent.attestations.clone()).unwrap_or_default();
        let evidence = self.story.preattestations(&proposal.block);
        self.story
            .chain
            .on(&earlier.header.predecessor)
            .at_round(round)
            .with_votes(attestations)
            .reproposing(earlier, evidence)
            .sign()
    }

    /// Our node shows the block, unless it is away or another block weighs more.
    fn show(&mut self, before: Hash, hash: Hash) {
        if self.story.head() != hash {
            return;
        }
        self.seen.reorganisations += u64::from(self.story.block(&hash).header.predecessor != before);
        if self.node_away > 0 {
            self.unseen = Some(hash);
        } else {
            self.story.events.push(Event::Shows(hash));
        }
    }

    /// All bakers vote for the block, as far as they are there and not locked on another payload.
    fn vote(
        &mut self,
        block: Hash,
        round: i32,
        locked: &mut [Option<Proposal>],
        decided: &mut Vec<Decided>,
    ) -> Proposal {
        let header = self.story.block(&block).header.clone();
        let mut proposal = Proposal { block, round, payload: header.payload_hash, has_prequorum: false };
        let mut preattesters = Vec::new();
        for (baker, lock) in locked.iter().enumerate() {
            let is_free = lock.is_none_or(|lock| {
                lock.payload == proposal.payload || header.locked_round.is_some_and(|evidence| evidence >= lock.round)
            });
            let is_there = self.dice.happens(990) && (baker != OURS || self.baker_away == 0);
            if is_free && is_there {
                preattesters.push(baker);
            }
        }
        if preattesters.contains(&OURS) {
            // Both votes are signed at once, although the attestation may never be sent.
            self.story.vote(&block);
        }
        proposal.has_prequorum = self.is_quorum(preattesters.len());
        if !proposal.has_prequorum {
            return proposal;
        }
        let mut attestations = Vec::new();
        for baker in preattesters {
            if self.dice.happens(980) {
                if let Some(lock) = locked.get_mut(baker) {
                    *lock = Some(proposal);
                }
                attestations.extend(self.attestation(baker, &block));
            }
        }
        if self.is_quorum(attestations.len()) {
            decided.push(Decided { block, attestations });
        }
        proposal
    }

    fn attestation(&self, baker: usize, block: &Hash) -> Option<SignedVote> {
        let vote = if baker == OURS {
            self.story.vote_of(Kind::Attestation, block)
        } else {
            self.story.chain.vote(baker, Kind::Attestation, block)?
        };
        Some(vote.signed(self.story.chain.network()))
    }

    fn is_quorum(&self, bakers: usize) -> bool {
        u32::try_from(bakers).unwrap_or(u32::MAX) >= self.story.chain.network().quorum()
    }

    fn level(&self) -> i32 {
        let below = self.decided.first().map_or(0, |decided| self.story.block(&decided.block).header.level);
        below.saturating_add(1)
    }
}

/// Random numbers (splitmix64).
#[derive(Debug, Clone)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u32) -> u32 {
        u32::try_from(self.roll() % u64::from(limit.max(1))).unwrap_or_default()
    }

    /// Whether something happens that does so in this many of 1000 cases.
    fn happens(&mut self, of_1000: u32) -> bool {
        self.below(1000) < of_1000
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(u32::try_from(from.len()).unwrap_or(u32::MAX)) as usize)
    }
}

//! Builds a history block by block. Our baker and its signer behave as honest ones do; so do the others.

use super::super::{Baker, Block, Chain, Draft, Hash, Key, Network, SignedVote, Vote};
use super::{Event, Foreign, History, OURS, Request};
use crate::crypto::Curve;
use crate::payload::consensus::Kind;
use std::collections::HashMap;

/// A history under construction.
#[derive(Debug, Clone)]
pub(super) struct Story {
    pub(super) chain: Chain,
    pub(super) events: Vec<Event>,
    /// The votes that our signer has signed.
    votes: HashMap<(Kind, i32, i32), Vote>,
    /// The DAL content of our attestations.
    pub(super) dal: Option<u32>,
}

/// The first level, the last one of its cycle. In round 0, our baker's turn is the fourth level from here, and every fifth from then on.
pub(super) const START: i32 = 15_900_016;

impl Story {
    /// Five bakers, of which four are a quorum: ours, and four with tz1 keys.
    pub(super) fn new(ours: Baker) -> Self {
        let others = ["first", "second", "third", "fourth"].map(|name| Baker::new(Key::of_name(Curve::Ed25519, name)));
        let bakers: Vec<_> = std::iter::once(ours).chain(others).collect();
        let network = Network { blocks_per_cycle: 16, ..Network::new(bakers) };
        let dal = network.companion_key(OURS, START).is_some().then_some(2048);
        Self { chain: Chain::new(network, START, 1_796_000_000), events: Vec::new(), votes: HashMap::new(), dal }
    }

    /// The hash of the head.
    pub(super) fn head(&self) -> Hash {
        self.chain.head().hash
    }

    /// A block to propose on this one, with the votes of the others, and with ours if we have voted for that block.
    pub(super) fn on(&self, parent: &Hash) -> Draft<'_> {
        let draft = self.chain.on(parent);
        match self.voted(Kind::Attestation, parent) {
            Some(vote) => draft.with(vote),
            None => draft.without(OURS),
        }
    }

    /// The same block again in a later round, with all preattestations of the earlier one as evidence, ours included if we voted.
    pub(super) fn again(&self, earlier: &Hash) -> Draft<'_> {
        let evidence = self.preattestations(earlier);
        let earlier = self.block(earlier);
        self.on(&earlier.header.predecessor).reproposing(earlier, evidence)
    }

    /// The preattestations of a block, with ours if we voted for it.
    pub(super) fn preattestations(&self, block: &Hash) -> Vec<SignedVote> {
        let votes = self.chain.votes(Kind::Preattestation, block);
        let others = votes.into_iter().filter(|signed| signed.vote.baker != OURS);
        others.chain(self.voted(Kind::Preattestation, block)).collect()
    }

    fn voted(&self, kind: Kind, block: &Hash) -> Option<SignedVote> {
        let header = &self.block(block).header;
        let vote = self.votes.get(&(kind, header.level, header.round))?;
        (vote.payload_hash == header.payload_hash).then(|| vote.clone().signed(self.chain.network()))
    }

    /// A block of the chain.
    #[allow(clippy::panic, reason = "a history that mentions an unknown block is wrong")]
    pub(super) fn block(&self, hash: &Hash) -> &Block {
        self.chain.block(hash).unwrap_or_else(|| panic!("the block is not on the chain"))
    }

    /// The block becomes part of the chain. If it is our baker's turn, our signer has signed it before.
    ///
    /// # Panics
    /// If the protocol would reject it: then the history is wrong.
    #[allow(clippy::expect_used, reason = "a history that the protocol rejects is wrong")]
    pub(super) fn add(&mut self, block: Block) -> Hash {
        if self.chain.network().proposer(block.header.level, block.header.round) == OURS {
            self.sign_block(&block);
        }
        self.chain.add(block).expect("a valid block")
    }

    /// The block is added, and the node shows it.
    pub(super) fn show(&mut self, block: Block) -> Hash {
        let hash = self.add(block);
        self.events.push(Event::Shows(hash));
        hash
    }

    /// The same, and we vote for it.
    pub(super) fn show_and_vote(&mut self, block: Block) -> Hash {
        let hash = self.show(block);
        self.vote(&hash);
        hash
    }

    /// Our signer signs the block, which the node may never show.
    pub(super) fn sign_block(&mut self, block: &Block) {
        let network = self.chain.network();
        let header = &block.header;
        let key = network.consensus_key(OURS, header.level);
        let payload = header.signed_bytes(network);
        let request = request(key, Kind::Block, (header.level, header.round), payload);
        self.events.push(Event::Signs(request));
    }

    /// The next block in round 0, shown and voted for.
    pub(super) fn next(&mut self) -> Hash {
        let block = self.on(&self.head()).sign();
        self.show_and_vote(block)
    }

    /// This many blocks like it.
    pub(super) fn next_levels(&mut self, levels: u32) {
        for _ in 0..levels {
            self.next();
        }
    }

    /// Our signer signs both votes for a block, and the companion's.
    pub(super) fn vote(&mut self, block: &Hash) {
        for kind in [Kind::Preattestation, Kind::Attestation] {
            let vote = self.vote_of(kind, block);
            self.sign_vote(vote);
        }
    }

    /// Our vote for a block, with DAL content if it is an attestation.
    pub(super) fn vote_of(&self, kind: Kind, block: &Hash) -> Vote {
        let vote = self.chain.vote_for(OURS, kind, &self.block(block).header);
        Vote { dal: self.dal.filter(|_| kind == Kind::Attestation), ..vote }
    }

    /// Our signer signs a vote: once with the consensus key, and with DAL content also with the companion key of a tz4.
    pub(super) fn sign_vote(&mut self, vote: Vote) {
        let network = self.chain.network();
        let consensus = network.consensus_key(OURS, vote.level);
        let companion = network.companion_key(OURS, vote.level).filter(|_| vote.dal.is_some() && consensus.is_bls());
        let payload = vote.signed_bytes(network);
        let position = (vote.level, vote.round);
        let signs = |key| Event::Signs(request(key, vote.kind, position, payload.clone()));
        let events: Vec<_> = std::iter::once(consensus).chain(companion).map(signs).collect();
        self.events.extend(events);
        self.votes.insert((vote.kind, vote.level, vote.round), vote);
    }

    /// Forgets everything below a level.
    pub(super) fn forget_below(&mut self, level: i32) {
        self.chain.forget_below(level);
        self.votes.retain(|(_, of, _), _| *of >= level);
    }

    /// The end of a legitimate history.
    pub(super) fn end(self, name: &'static str) -> History {
        History { name, chain: self.chain, events: self.events, foreign: None }
    }

    /// The end of a history whose last block shows a signature by our key that our signer has not made.
    pub(super) fn end_with(mut self, name: &'static str, block: Block, foreign: Seen) -> History {
        let (hash, level) = (block.hash, foreign.position.0);
        let network = self.chain.network();
        let key = if foreign.is_companion { network.companion_key(OURS, level) } else { None };
        let address = key.unwrap_or_else(|| network.consensus_key(OURS, level)).hash.clone();
        let foreign = Foreign { address, kind: foreign.kind, level, round: foreign.position.1, block: hash };
        // A second signer is no excuse for a block that the protocol rejects.
        #[allow(clippy::expect_used, reason = "a history that the protocol rejects is wrong")]
        self.chain.add(block).expect("a valid block");
        self.events.push(Event::Shows(hash));
        History { name, chain: self.chain, events: self.events, foreign: Some(foreign) }
    }
}

/// The signature that a foreign history ends with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) kind: Kind,
    pub(super) position: (i32, i32),
    pub(super) is_companion: bool,
}

fn request(key: &Key, kind: Kind, (level, round): (i32, i32), payload: Vec<u8>) -> Request {
    Request { key: key.secret.clone(), address: key.hash.clone(), kind, level, round, payload }
}

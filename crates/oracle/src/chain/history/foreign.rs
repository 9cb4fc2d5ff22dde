//! Histories in which the chain shows a signature that our signer has not made: somebody else has the key.

use super::super::{Baker, Block, Hash, Vote};
use super::story::{Seen, Story};
use super::{History, OURS};
use crate::payload::consensus::Kind;

/// The histories of a baker that end with a foreign signature.
pub fn foreign(ours: &Baker) -> Vec<History> {
    let always = [
        vote_that_we_never_signed,
        vote_with_another_payload,
        vote_on_another_branch,
        vote_for_another_round,
        preattestation_that_we_never_signed,
        block_that_we_never_signed,
        block_with_another_payload,
    ];
    let sometimes = [vote_with_other_dal_content, companions_vote];
    let start = || {
        let mut story = Story::new(ours.clone());
        story.next_levels(2);
        story
    };
    let of_all = always.into_iter().map(|build: fn(Story) -> History| build(start()));
    of_all.chain(sometimes.into_iter().filter_map(|build: fn(Story) -> Option<History>| build(start()))).collect()
}

fn seen(kind: Kind, vote: &Vote) -> Seen {
    Seen { kind, position: (vote.level, vote.round), is_companion: false }
}

/// The end of a history with a foreign attestation of this block. The next one, which shows it, is our turn: our signer signs it.
fn end_with_vote(mut story: Story, name: &'static str, attested: &Hash, vote: Vote) -> History {
    let seen = seen(Kind::Attestation, &vote);
    let block = story.on(attested).with(vote.signed(story.chain.network())).sign();
    story.sign_block(&block);
    story.end_with(name, block, seen)
}

fn end_with_block(story: Story, name: &'static str, block: Block) -> History {
    let seen = Seen { kind: Kind::Block, position: (block.header.level, block.header.round), is_companion: false };
    story.end_with(name, block, seen)
}

/// Our signer got no request at a level between two others.
fn vote_that_we_never_signed(mut story: Story) -> History {
    let block = story.on(&story.head()).sign();
    let unsigned = story.show(block);
    let vote = story.vote_of(Kind::Attestation, &unsigned);
    end_with_vote(story, "an attestation that we never signed", &unsigned, vote)
}

/// Two blocks of the same level and round, since a baker has proposed twice: we voted for the one that was not decided.
fn vote_with_another_payload(mut story: Story) -> History {
    let below = story.head();
    let block = story.on(&below).with_payload(1).sign();
    story.show_and_vote(block);
    let block = story.on(&below).with_payload(2).sign();
    let decided = story.show(block);
    let vote = story.vote_of(Kind::Attestation, &decided);
    end_with_vote(story, "an attestation of another payload", &decided, vote)
}

/// The same block, with another branch in the operation.
fn vote_on_another_branch(mut story: Story) -> History {
    let block = story.on(&story.head()).sign();
    let hash = story.show_and_vote(block);
    let vote = Vote { branch: [9; 32], ..story.vote_of(Kind::Attestation, &hash) };
    end_with_vote(story, "an attestation on another branch", &hash, vote)
}

/// Other attested slots. A tz4 key does not sign them, so that nothing differs.
fn vote_with_other_dal_content(mut story: Story) -> Option<History> {
    let level = story.block(&story.head()).header.level;
    if story.chain.network().consensus_key(OURS, level).is_bls() {
        return None;
    }
    let block = story.on(&story.head()).sign();
    let hash = story.show_and_vote(block);
    let vote = story.vote_of(Kind::Attestation, &hash).with_dal(77);
    Some(end_with_vote(story, "an attestation with other DAL content", &hash, vote))
}

/// We voted in round 0; the block of round 1 was decided with a vote of ours.
fn vote_for_another_round(mut story: Story) -> History {
    let first = story.next();
    let block = story.again(&first).at_round(1).sign();
    let second = story.show(block);
    let vote = story.vote_of(Kind::Attestation, &second);
    end_with_vote(story, "an attestation of a round in which we did not vote", &second, vote)
}

/// In a re-proposal, the only place where the chain shows preattestations.
fn preattestation_that_we_never_signed(mut story: Story) -> History {
    let below = story.head();
    let block = story.on(&below).sign();
    let first = story.show(block);
    let vote = story.vote_of(Kind::Preattestation, &first);
    let block = story.again(&first).with(vote.clone().signed(story.chain.network())).at_round(2).sign();
    story.end_with("a preattestation that we never signed", block, seen(Kind::Preattestation, &vote))
}

/// Our turn comes at the second level from here.
fn block_that_we_never_signed(mut story: Story) -> History {
    story.next();
    let block = story.on(&story.head()).sign();
    end_with_block(story, "a block that we never signed", block)
}

fn block_with_another_payload(mut story: Story) -> History {
    story.next();
    let below = story.head();
    let block = story.on(&below).sign();
    story.sign_block(&block);
    let block = story.on(&below).with_payload(1).sign();
    end_with_block(story, "a block with another payload", block)
}

/// Our signer signs attestations without DAL content, so that the companion key is not used; the chain shows one with it.
fn companions_vote(mut story: Story) -> Option<History> {
    let bits = story.dal.take()?;
    story.next();
    let block = story.on(&story.head()).sign();
    let hash = story.show_and_vote(block);
    let vote = story.vote_of(Kind::Attestation, &hash).with_dal(bits);
    let block = story.on(&hash).with(vote.clone().signed(story.chain.network())).sign();
    let seen = Seen { is_companion: true, ..seen(Kind::Attestation, &vote) };
    Some(story.end_with("an attestation by our companion key", block, seen))
}

//! Every kind of history in which nobody but our signer has used its keys.

use super::super::{Baker, Hash, Key};
use super::story::{START, Story};
use super::{Event, History, OURS};
use crate::crypto::Curve;
use crate::payload::consensus::Kind;

/// The legitimate histories of a baker.
pub fn legitimate(ours: &Baker) -> Vec<History> {
    let stories: [(_, fn(&mut Story)); 15] = [
        ("every block in round 0", in_round_0),
        ("our vote for round 0 is included after we voted in round 1", round_0_included_after_round_1),
        ("our vote for round 1 is included after a re-proposal in round 2", round_1_included_after_round_2),
        ("a re-proposal with our preattestation", reproposed),
        ("we propose again what another baker proposed first", reproposed_by_us),
        ("a block of ours that another one replaces", our_block_is_replaced),
        ("a block of ours that nobody sees", our_block_is_never_shown),
        ("two levels are replaced", two_levels_are_replaced),
        ("our votes are left out", left_out),
        ("nothing is signed for some levels", nothing_signed),
        ("votes that no block contains", votes_for_nothing),
        ("another instance is two levels ahead", another_instance_is_ahead),
        ("thirty blocks are read at once", |story| read_late(story, 30)),
        ("a hundred blocks are read at once", |story| read_late(story, 100)),
        ("the first block of a cycle", first_block_of_a_cycle),
    ];
    stories
        .map(|(name, build)| {
            let mut story = Story::new(ours.clone());
            build(&mut story);
            story.end(name)
        })
        .into()
}

/// The keys change with the cycle, at level START + 17: until then the delegate's own key signs, whose address stays on the chain as
/// the delegate of all votes; from then on a tz4, with a companion key from the cycle after that.
pub fn change_of_keys() -> History {
    let cycle = Story::new(super::baker(Curve::P256)).chain.network().cycle(START + 17);
    let ours = super::baker(Curve::P256)
        .with_consensus_key(cycle, Key::of_name(Curve::Bls, "our consensus key"))
        .with_companion_key(cycle + 1, Key::of_name(Curve::Bls, "our companion"));
    let mut story = Story::new(ours);
    story.next_levels(32);
    story.dal = Some(1);
    story.next_levels(4);
    story.end("the keys change with the cycle")
}

fn in_round_0(story: &mut Story) {
    story.next_levels(9);
}

/// The next block was decided in round 0, which some bakers, ours among them, did not see in time.
fn round_0_included_after_round_1(story: &mut Story) {
    let first = story.next();
    again_in_round(story, &first, 1);
    let block = story.on(&first).sign();
    story.show_and_vote(block);
    story.next();
}

fn round_1_included_after_round_2(story: &mut Story) {
    let first = story.next();
    let second = again_in_round(story, &first, 1);
    again_in_round(story, &second, 2);
    let block = story.on(&second).sign();
    story.show(block);
}

fn again_in_round(story: &mut Story, earlier: &Hash, round: i32) -> Hash {
    let block = story.again(earlier).at_round(round).sign();
    story.show_and_vote(block)
}

fn reproposed(story: &mut Story) {
    let first = story.next();
    again_in_round(story, &first, 1);
    story.next();
}

/// At level START + 3, round 1 is our turn.
fn reproposed_by_us(story: &mut Story) {
    story.next();
    story.next();
    let first = story.next();
    again_in_round(story, &first, 1);
    story.next();
}

/// At level START + 4, round 0 is our turn.
fn our_block_is_replaced(story: &mut Story) {
    story.next_levels(3);
    let below = story.head();
    let block = story.on(&below).sign();
    story.show(block);
    let block = story.on(&below).at_round(1).sign();
    story.show_and_vote(block);
    story.next();
}

fn our_block_is_never_shown(story: &mut Story) {
    story.next_levels(3);
    let below = story.head();
    let block = story.on(&below).sign();
    story.sign_block(&block);
    let block = story.on(&below).at_round(1).sign();
    story.show_and_vote(block);
    story.next();
}

/// Two blocks of a level have a quorum, and both are built upon.
fn two_levels_are_replaced(story: &mut Story) {
    let first = story.next();
    let second = again_in_round(story, &first, 1);
    let block = story.on(&first).sign();
    story.show_and_vote(block);
    let block = story.on(&second).at_round(1).sign();
    story.show_and_vote(block);
    story.next();
}

fn left_out(story: &mut Story) {
    for _ in 0..3 {
        let block = story.on(&story.head()).without(OURS).sign();
        story.show_and_vote(block);
    }
}

fn nothing_signed(story: &mut Story) {
    story.next();
    for level in 0..6 {
        // Our turn is left to another baker.
        let round = i32::from(story.chain.network().proposer(START + 2 + level, 0) == OURS);
        let block = story.on(&story.head()).at_round(round).sign();
        story.show(block);
    }
    story.next();
    story.next();
}

/// Proposals that did not get a quorum, and that our node never showed as its head, since it had seen the next one by then.
fn votes_for_nothing(story: &mut Story) {
    let below = story.next();
    for (round, variant) in [(0, 1), (1, 2)] {
        let lost = story.on(&below).at_round(round).with_payload(variant).sign();
        if story.chain.network().proposer(lost.header.level, round) != OURS {
            let preattestation = story.chain.vote_for(OURS, Kind::Preattestation, &lost.header);
            story.sign_vote(preattestation);
        }
    }
    let block = story.on(&below).at_round(3).sign();
    story.show_and_vote(block);
    story.next();
}

/// The store holds signatures for later levels before this instance's node shows the earlier ones.
fn another_instance_is_ahead(story: &mut Story) {
    story.next_levels(6);
    let (mut shown, mut signed) = (Vec::new(), Vec::new());
    for event in story.events.drain(..) {
        if matches!(event, Event::Shows(_)) { shown.push(event) } else { signed.push(event) }
    }
    // The events of two levels are three signatures each, four with a companion, and one more for a block.
    let ahead = signed.len().checked_div(3).unwrap_or_default();
    let mut signed = signed.into_iter();
    let mut events: Vec<_> = signed.by_ref().take(ahead).collect();
    for show in shown {
        events.push(show);
        events.extend(signed.by_ref().take(4));
    }
    events.extend(signed);
    story.events = events;
}

/// The node was away, and then shows only the last block.
fn read_late(story: &mut Story, levels: u32) {
    story.next();
    let before = story.events.len();
    story.next_levels(levels);
    let away = story.events.split_off(before);
    let last = away.iter().rfind(|event| matches!(event, Event::Shows(_))).cloned();
    story.events.extend(away.into_iter().filter(|event| matches!(event, Event::Signs(_))));
    story.events.extend(last);
    story.next();
}

/// Level START + 1 is the first of a cycle; START + 17 is the next one.
fn first_block_of_a_cycle(story: &mut Story) {
    story.next_levels(18);
}

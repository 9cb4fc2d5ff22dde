//! The decision as tables: what happens when, and what is done then.

use super::*;

/// What happens, in milliseconds since the request, and what is done until the next thing happens: `>1` sends to upstream 1,
/// `=x` answers with the reply x, and `@300` waits until then.
type Row = (u64, Happens, &'static [&'static str]);

enum Happens {
    Nothing,
    Reply(usize, Outcome, &'static str),
}
use Happens::{Nothing, Reply};
use Outcome::{BelowMark, Failed, Final, Refused, Signed, Unusable};

const LOST: Outcome = Failed { by_signer: false };
const FAILED: Outcome = Failed { by_signer: true };

/// Runs the decision until it waits or answers.
fn actions(decision: &mut Decision<&'static str>, now: Duration) -> Vec<String> {
    let mut actions = Vec::new();
    loop {
        match decision.next(now) {
            Action::Send(upstream) => actions.push(format!(">{upstream}")),
            Action::Wait(None) => return actions,
            Action::Wait(Some(until)) => {
                actions.push(format!("@{}", until.as_millis()));
                return actions;
            }
            Action::Answer(reply) => {
                actions.push(format!("={}", reply.unwrap_or("nothing")));
                return actions;
            }
        }
    }
}

fn play(title: &str, upstreams: usize, rows: &[Row]) {
    let mut decision = Decision::new(0..upstreams, Duration::from_millis(300));
    for (at, happens, expected) in rows {
        let now = Duration::from_millis(*at);
        if let Reply(upstream, outcome, reply) = happens {
            decision.replied(*upstream, *outcome, *reply, now);
        }
        assert_eq!(actions(&mut decision, now), *expected, "{title}, at {at} ms");
    }
}

#[test]
fn requests_are_hedged_and_answered_by_the_first_signature() {
    play("all is well", 2, &[(0, Nothing, &[">0", "@300"]), (90, Reply(0, Signed, "a"), &["=a"])]);
    play(
        "the first is late",
        2,
        &[(0, Nothing, &[">0", "@300"]), (300, Nothing, &[">1"]), (390, Reply(1, Signed, "b"), &["=b"])],
    );
    play(
        "the first is late, and wins",
        2,
        &[(0, Nothing, &[">0", "@300"]), (300, Nothing, &[">1"]), (310, Reply(0, Signed, "a"), &["=a"])],
    );
    play(
        "one upstream is hedged with itself, and never has more than two requests",
        1,
        &[
            (0, Nothing, &[">0", "@300"]),
            (300, Nothing, &[">0"]),
            (600, Nothing, &[]),
            (4000, Reply(0, Signed, "a"), &["=a"]),
        ],
    );
    play("no upstream", 0, &[(0, Nothing, &["=nothing"])]);
}

#[test]
fn failures_are_repeated_at_once_elsewhere_and_then_with_pauses() {
    play(
        "the first connection breaks",
        2,
        &[
            (0, Nothing, &[">0", "@300"]),
            (5, Reply(0, LOST, "a"), &[">1", "@305"]),
            (95, Reply(1, Signed, "b"), &["=b"]),
        ],
    );
    play(
        "all fail",
        2,
        &[
            (0, Nothing, &[">0", "@300"]),
            (5, Reply(0, FAILED, "a"), &[">1", "@305"]),
            (10, Reply(1, LOST, "b"), &["@30"]),
            (30, Nothing, &[">0", "@330"]),
            (35, Reply(0, LOST, "c"), &["@75"]),
            (75, Nothing, &[">1", "@375"]),
            (80, Reply(1, LOST, "d"), &["@160"]),
        ],
    );
    play(
        "a failure while the hedge is in flight",
        2,
        &[
            (0, Nothing, &[">0", "@300"]),
            (300, Nothing, &[">1"]),
            (350, Reply(0, LOST, "a"), &[">0"]),
            (400, Reply(1, Signed, "b"), &["=b"]),
        ],
    );
}

#[test]
fn refusals_are_final_when_no_upstream_can_know_better() {
    play(
        "different data",
        2,
        &[(0, Nothing, &[">0", "@300"]), (300, Nothing, &[">1"]), (310, Reply(1, Final, "no"), &["=no"])],
    );
    play("below the mark, alone", 2, &[(0, Nothing, &[">0", "@300"]), (90, Reply(0, BelowMark, "low"), &["=low"])]);
    play(
        "below the mark, while the other request holds the signature",
        2,
        &[
            (0, Nothing, &[">0", "@300"]),
            (300, Nothing, &[">1"]),
            (310, Reply(1, BelowMark, "low"), &[]),
            (900, Reply(0, Signed, "a"), &["=a"]),
        ],
    );
    play(
        "below the mark, and the other request is lost",
        2,
        &[
            (0, Nothing, &[">0", "@300"]),
            (300, Nothing, &[">1"]),
            (310, Reply(1, BelowMark, "low"), &[]),
            (900, Reply(0, LOST, "a"), &["=low"]),
        ],
    );
    play(
        "other refusals are put to each upstream once",
        2,
        &[
            (0, Nothing, &[">0", "@300"]),
            (90, Reply(0, Refused, "policy"), &[">1", "@390"]),
            (180, Reply(1, Signed, "b"), &["=b"]),
        ],
    );
    play(
        "all refuse",
        2,
        &[
            (0, Nothing, &[">0", "@300"]),
            (90, Reply(0, Refused, "policy"), &[">1", "@390"]),
            (180, Reply(1, Refused, "head"), &["=head"]),
        ],
    );
    play("the only upstream refuses", 1, &[(0, Nothing, &[">0", "@300"]), (90, Reply(0, Refused, "p"), &["=p"])]);
}

#[test]
fn an_upstream_that_cannot_be_believed_is_not_used_again_for_the_request() {
    play(
        "a wrong signature",
        2,
        &[
            (0, Nothing, &[">0", "@300"]),
            (90, Reply(0, Unusable, "wrong"), &[">1", "@390"]),
            (100, Reply(1, LOST, "b"), &[">1", "@400"]),
            (110, Reply(1, LOST, "b"), &["@130"]),
        ],
    );
    play("the only upstream", 1, &[(0, Nothing, &[">0", "@300"]), (90, Reply(0, Unusable, "wrong"), &["=wrong"])]);
}

#[test]
fn at_the_deadline_the_most_telling_reply_is_the_answer() {
    for (replies, expected) in [
        (vec![], None),
        (vec![(0, LOST, "lost")], Some("lost")),
        (vec![(0, FAILED, "failed"), (1, LOST, "lost")], Some("failed")),
        (vec![(0, Refused, "refused"), (1, FAILED, "failed")], Some("refused")),
        (vec![(0, Unusable, "wrong"), (1, FAILED, "failed")], Some("failed")),
        (vec![(0, LOST, "lost"), (1, Unusable, "wrong")], Some("wrong")),
        (vec![(0, FAILED, "first"), (1, FAILED, "second")], Some("second")),
    ] {
        let mut decision = Decision::new(0..2, Duration::ZERO);
        actions(&mut decision, Duration::ZERO);
        for (upstream, outcome, reply) in &replies {
            decision.replied(*upstream, *outcome, *reply, Duration::ZERO);
        }
        assert_eq!(decision.at_deadline(), expected, "{replies:?}");
    }
}

#[test]
fn pauses_grow_up_to_a_limit() {
    let mut decision: Decision<()> = Decision::new(0..1, Duration::ZERO);
    let pauses = std::array::from_fn(|_| decision.pause_after_failure().as_millis());
    assert_eq!(pauses, [0, 20, 40, 80, 160, 320, 400, 400]);
}

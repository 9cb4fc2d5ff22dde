//! What became of a duty. Pure.

use super::{Duty, DutyKind, Unsigned};
use crate::answer::{Cause, Verdict};
use crate::tezos::payload::NonNegative;
use std::fmt;

/// What became of a duty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is on chain.
    Included,
    /// It is not.
    Missed(Missed),
}

/// Why a duty is not on chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    /// It was signed, and did not reach the chain in time.
    NotIncluded,
    /// Only another round was signed than the one that the chain has.
    OtherRound {
        /// The highest round that was signed.
        signed: NonNegative,
    },
    /// This process refused or failed it.
    Unsigned(Cause),
    /// No signature of it is known, and none was requested from this process.
    NotRequested,
    /// The marks do not reach back that far.
    Unknown,
}

impl Missed {
    /// The cause, if this process did not sign it.
    pub const fn cause(self) -> Option<Cause> {
        match self {
            Self::Unsigned(cause) => Some(cause),
            Self::NotIncluded | Self::OtherRound { .. } | Self::NotRequested | Self::Unknown => None,
        }
    }

    /// The label in metrics, and the column in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotIncluded | Self::OtherRound { .. } => "signed",
            Self::Unsigned(cause) => match cause.verdict() {
                Verdict::Refused => "refused",
                Verdict::Failed | Verdict::Signed | Verdict::Answered => "failed",
            },
            Self::NotRequested => "not_requested",
            Self::Unknown => "unknown",
        }
    }
}

impl Outcome {
    /// All labels.
    pub const NAMES: [&str; 6] = ["included", "signed", "refused", "failed", "not_requested", "unknown"];

    /// The label in metrics, and the column in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Included => "included",
            Self::Missed(missed) => missed.name(),
        }
    }
}

/// For people, as the rest of a sentence about a vote or a block.
impl fmt::Display for Missed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotIncluded => formatter.write_str("signed, but not on chain"),
            Self::OtherRound { signed } => {
                write!(formatter, "signed at round {signed} only, which the chain does not have")
            }
            Self::Unsigned(cause) => write!(formatter, "{}: {cause}", cause.verdict()),
            Self::NotRequested => formatter.write_str("not requested from this signer"),
            Self::Unknown => formatter.write_str("unknown: the marks do not reach back that far"),
        }
    }
}

/// What a mark remembers of one level.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signatures {
    /// The rounds that were signed.
    pub rounds: Vec<NonNegative>,
    /// Whether there are no others.
    pub are_complete: bool,
}

/// Decides what became of a duty. `signed` is what the mark says about its level, and `unsigned` the last answer without a signature
/// there. A signature counts more than an answer: of two bakers with a key, one is refused.
pub fn judge(duty: &Duty, signed: &Signatures, unsigned: Option<Unsigned>) -> Outcome {
    if duty.is_on_chain {
        return Outcome::Included;
    }
    let has_round = signed.rounds.contains(&duty.round);
    // A block of another round is another duty.
    let other = signed.rounds.iter().max().filter(|_| duty.kind == DutyKind::Vote);
    Outcome::Missed(match (has_round, other, unsigned) {
        (true, _, _) => Missed::NotIncluded,
        (false, Some(round), _) => Missed::OtherRound { signed: *round },
        (false, None, Some(unsigned)) => Missed::Unsigned(unsigned.cause),
        (false, None, None) if signed.are_complete => Missed::NotRequested,
        (false, None, None) => Missed::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tezos::payload::Position;
    use crate::tezos::{Curve, SecretKey};
    use DutyKind::{Block, Vote};

    fn number(number: i32) -> NonNegative {
        number.try_into().unwrap()
    }

    #[test]
    fn each_duty_has_one_outcome() {
        let key = SecretKey::generate(Curve::P256).unwrap().public_key().hash();
        let due = |kind, is_on_chain| Duty { key, kind, level: number(7), round: number(1), is_on_chain };
        let signed = |rounds: &[i32], are_complete| Signatures {
            rounds: rounds.iter().map(|round| number(*round)).collect(),
            are_complete,
        };
        let position = Position { level: number(7), round: number(1) };
        let answered = |cause| Some(Unsigned { position, cause });
        let missed = Outcome::Missed;
        for (duty, signed, unsigned, expected, name) in [
            (due(Vote, true), signed(&[], false), None, Outcome::Included, "included"),
            (due(Vote, true), signed(&[], true), answered(Cause::Store), Outcome::Included, "included"),
            (due(Vote, false), signed(&[0, 1], true), None, missed(Missed::NotIncluded), "signed"),
            (
                due(Vote, false),
                signed(&[1], true),
                answered(Cause::DifferentData),
                missed(Missed::NotIncluded),
                "signed",
            ),
            (
                due(Vote, false),
                signed(&[0], true),
                answered(Cause::Vault),
                missed(Missed::OtherRound { signed: number(0) }),
                "signed",
            ),
            (due(Block, false), signed(&[0], true), None, missed(Missed::NotRequested), "not_requested"),
            (due(Block, false), signed(&[1], true), None, missed(Missed::NotIncluded), "signed"),
            (
                due(Vote, false),
                signed(&[], true),
                answered(Cause::Head),
                missed(Missed::Unsigned(Cause::Head)),
                "refused",
            ),
            (
                due(Block, false),
                signed(&[], false),
                answered(Cause::Vault),
                missed(Missed::Unsigned(Cause::Vault)),
                "failed",
            ),
            (due(Vote, false), signed(&[], true), None, missed(Missed::NotRequested), "not_requested"),
            (due(Vote, false), signed(&[], false), None, missed(Missed::Unknown), "unknown"),
        ] {
            let outcome = judge(&duty, &signed, unsigned);
            assert_eq!((outcome, outcome.name()), (expected, name), "{duty:?} {signed:?} {unsigned:?}");
            assert!(Outcome::NAMES.contains(&name));
        }
    }
}

//! The stops of a run, by number.

use azurehsm_signer::marks::{Stop, StopId};

/// The stop of a number.
///
/// # Panics
/// Never: the texts are constants.
pub(crate) fn stop(number: u8) -> Stop {
    Stop::with_id(id(number), "", "", time::OffsetDateTime::UNIX_EPOCH, None, None)
}

/// The stops that have evidence: those that the witness writes.
pub(crate) const EVIDENCE: u8 = 0b1111_0000;

/// The identifiers of these stops.
pub(crate) fn ids(stops: u8) -> Vec<StopId> {
    numbers(stops).map(id).collect()
}

/// The numbers of these stops.
pub(crate) fn numbers(stops: u8) -> impl Iterator<Item = u8> {
    (0..8).filter(move |number| stops & (1 << number) != 0)
}

/// The first of these stops.
pub(crate) fn first_of(stops: u8) -> Option<Stop> {
    numbers(stops).next().map(stop)
}

#[allow(clippy::expect_used, reason = "a number is a valid identifier")]
fn id(number: u8) -> StopId {
    number.to_string().parse().expect("a number is a valid identifier")
}

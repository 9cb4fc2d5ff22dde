//! What to do about a sighting. Pure.

use super::majority::Standing;
use super::sighting::{Proof, Sighting};
use crate::tezos::payload::{NonNegative, Position};
use std::str::FromStr;
use thiserror::Error;

/// How many levels a key stays silent after the last signature that another signer made with it: a minute on mainnet.
pub const SILENT_LEVELS: u32 = 10;

/// `ON_FOREIGN_SIGNATURE`: what happens to a key that somebody else signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnForeignSignature {
    /// It is stopped.
    #[default]
    Stop,
    /// Only the alert is raised.
    Alert,
}

/// A text other than `stop` and `alert`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected stop or alert")]
pub struct UnknownAction;

impl FromStr for OnForeignSignature {
    type Err = UnknownAction;

    fn from_str(text: &str) -> Result<Self, UnknownAction> {
        match text {
            "stop" => Ok(Self::Stop),
            "alert" => Ok(Self::Alert),
            _ => Err(UnknownAction),
        }
    }
}

/// What a sighting is, compared with what the store knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Signed here.
    Ours,
    /// The store does not know what was signed there.
    Unknown,
    /// The store has never signed with the key on this chain: another signer uses the key, or used it until now.
    NotYetSignedHere,
    /// Not signed here, although the store knows what was.
    Foreign,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Response {
    /// Nothing.
    Nothing,
    /// Nothing yet: other nodes may still report the same.
    Wait,
    /// Raise an alert, and change nothing.
    Alert,
    /// Raise all marks of the key to this position, so that it stays silent, and raise an alert.
    Raise(Position),
    /// Stop the key, and raise an alert.
    Stop {
        /// Where the mark is raised to, together with the stop; `None` if the position is implausible.
        raise_to: Option<Position>,
    },
}

/// What to do about a sighting. `limit` is the highest plausible level, if one is known: marks are not raised above it.
pub fn respond(
    finding: Finding,
    sighting: &Sighting,
    standing: Standing,
    limit: Option<NonNegative>,
    on_foreign_signature: OnForeignSignature,
) -> Response {
    if matches!(finding, Finding::Ours | Finding::Unknown) {
        return Response::Nothing;
    }
    let is_signature = sighting.proof == Proof::Signature;
    match standing {
        Standing::Pending if !is_signature => return Response::Wait,
        Standing::Alone if !is_signature => return Response::Alert,
        _ => {}
    }
    let is_plausible = |level: u32| limit.is_none_or(|limit| level <= limit.get());
    if finding == Finding::NotYetSignedHere {
        let block = sighting.level_of_block();
        return match NonNegative::try_from(block.saturating_add(SILENT_LEVELS)) {
            Ok(level) if is_plausible(block) => Response::Raise(Position { level, round: NonNegative::MAX }),
            _ => Response::Alert,
        };
    }
    let is_plausible = is_plausible(sighting.position.level.get());
    match on_foreign_signature {
        // Somebody has our key, even if the level is impossible.
        OnForeignSignature::Stop if is_plausible || is_signature => {
            Response::Stop { raise_to: is_plausible.then_some(sighting.position) }
        }
        OnForeignSignature::Stop | OnForeignSignature::Alert => Response::Alert,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marks::MarkId;
    use crate::tezos::payload::Kind;
    use crate::tezos::{ChainId, Curve, Digest, OperationHash, SecretKey};
    use crate::witness::Source;

    fn at(level: u32, round: u32) -> Position {
        Position { level: level.try_into().unwrap(), round: round.try_into().unwrap() }
    }

    fn sighting(kind: Kind, proof: Proof) -> Sighting {
        let key = SecretKey::generate(Curve::P256).unwrap().public_key().hash();
        Sighting {
            id: MarkId { chain: ChainId::MAINNET, key, kind },
            position: at(1000, 1),
            digest: Digest::of(b"vote"),
            signature: None,
            source: Source::Operation(OperationHash::from_bytes([1; 32])),
            proof,
        }
    }

    #[test]
    fn the_response_depends_on_finding_proof_and_setting() {
        use Finding::{Foreign, NotYetSignedHere, Ours, Unknown};
        use OnForeignSignature::{Alert, Stop};
        use Proof::{Report, Signature};
        use Standing::{Alone, Confirmed, Pending};
        let stop = |raise_to| Response::Stop { raise_to };
        let (high, low) = (Some(5000), Some(999));
        let stop_and_raise = stop(Some(at(1000, 1)));
        let silent = Response::Raise(Position { level: 1011.try_into().unwrap(), round: NonNegative::MAX });
        for (finding, proof, standing, limit, setting, expected) in [
            (Ours, Signature, Alone, high, Stop, Response::Nothing),
            (Unknown, Signature, Alone, high, Stop, Response::Nothing),
            // A signature needs no second node.
            (Foreign, Signature, Alone, high, Stop, stop_and_raise),
            (Foreign, Signature, Pending, high, Stop, stop_and_raise),
            (Foreign, Signature, Alone, None, Stop, stop_and_raise),
            (Foreign, Signature, Alone, high, Alert, Response::Alert),
            (Foreign, Signature, Alone, low, Stop, stop(None)),
            // A report does.
            (Foreign, Report, Confirmed, high, Stop, stop_and_raise),
            (Foreign, Report, Confirmed, high, Alert, Response::Alert),
            (Foreign, Report, Confirmed, low, Stop, Response::Alert),
            (Foreign, Report, Pending, high, Stop, Response::Wait),
            (Foreign, Report, Alone, high, Stop, Response::Alert),
            (NotYetSignedHere, Signature, Alone, high, Stop, silent),
            // The setting is about foreign signatures only.
            (NotYetSignedHere, Signature, Alone, high, Alert, silent),
            (NotYetSignedHere, Signature, Alone, low, Stop, Response::Alert),
            (NotYetSignedHere, Report, Confirmed, high, Stop, silent),
            (NotYetSignedHere, Report, Pending, high, Stop, Response::Wait),
            (NotYetSignedHere, Report, Alone, high, Stop, Response::Alert),
        ] {
            let limit = limit.map(|limit: u32| limit.try_into().unwrap());
            let response = respond(finding, &sighting(Kind::Attestation, proof), standing, limit, setting);
            assert_eq!(response, expected, "{finding:?}, {proof:?}, {standing:?}, {limit:?}, {setting:?}");
        }
    }

    #[test]
    fn a_key_that_is_used_elsewhere_is_silent_for_ten_levels_after_the_block() {
        for (kind, expected) in [(Kind::Attestation, 1011_u32), (Kind::Preattestation, 1010), (Kind::Block, 1010)] {
            let sighting = sighting(kind, Proof::Signature);
            let response =
                respond(Finding::NotYetSignedHere, &sighting, Standing::Alone, None, OnForeignSignature::Stop);
            let level = NonNegative::try_from(expected).unwrap();
            assert_eq!(response, Response::Raise(Position { level, round: NonNegative::MAX }), "{kind}");
        }
    }
}

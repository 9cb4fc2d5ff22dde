//! A mark, and its name.

use super::stop::{Stop, Stopped};
use super::trail::Trail;
use crate::tezos::payload::{Kind, Position};
use crate::tezos::{ChainId, Digest, PublicKeyHash, Signature};
use std::fmt;
use thiserror::Error;
use time::OffsetDateTime;

/// Names a mark. Written `<chain>:<public key hash>:<kind>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MarkId {
    /// The chain that the payloads are for.
    pub chain: ChainId,
    /// The key that signs.
    pub key: PublicKeyHash,
    /// Block, preattestation or attestation.
    pub kind: Kind,
}

impl fmt::Display for MarkId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.chain, self.key, self.kind)
    }
}

/// A text that does not name a mark.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{text}' is not <chain>:<public key hash>:<kind>: {reason}")]
pub struct InvalidMarkId {
    text: String,
    reason: String,
}

impl std::str::FromStr for MarkId {
    type Err = InvalidMarkId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |reason| InvalidMarkId { text: text.to_owned(), reason };
        let mut parts = text.split(':');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(chain), Some(key), Some(kind), None) => Ok(Self {
                chain: chain.parse().map_err(|error| invalid(format!("{error}")))?,
                key: key.parse().map_err(|error| invalid(format!("{error}")))?,
                kind: kind.parse().map_err(|error| invalid(format!("{error}")))?,
            }),
            _ => Err(invalid("expected three parts".to_owned())),
        }
    }
}

/// The highest position signed for one [`MarkId`], with the digest of the payload and a block's signature.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mark {
    /// Level and round; [`STOPPED_AT`](super::STOPPED_AT) while the mark is stopped.
    pub position: Position,
    /// The digest of the payload signed there. `None` if the mark was raised by hand: then nothing is a repeat of it.
    pub digest: Option<Digest>,
    /// The only signature released there. Blocks only.
    pub signature: Option<Signature>,
    /// Identifies the write, so that no two marks are the same version and a writer recognizes its own.
    pub attempt: AttemptId,
    /// Who wrote it, and when. `None` in marks written by early versions of this program.
    pub written: Option<Written>,
    /// The last signatures, and the chain of versions. `None` if an earlier release wrote the mark: then nothing is known.
    pub trail: Option<Box<Trail>>,
    /// Whether the key's [stop item](super::KeyStops) was read after this mark existed. Otherwise, a stop may not have found the
    /// mark, and the item is read before anything is released.
    pub stoppable: bool,
    /// The write that brought the mark to its position, if it is not this one: a stop was lifted.
    pub origin: Option<AttemptId>,
    /// The stops and the true position, if the mark is stopped.
    pub stop: Option<Box<Stopped>>,
}

impl Mark {
    /// A mark as the first release wrote it: without trail and stops.
    pub const fn new(
        position: Position,
        digest: Option<Digest>,
        signature: Option<Signature>,
        attempt: AttemptId,
        written: Option<Written>,
    ) -> Self {
        Self { position, digest, signature, attempt, written, trail: None, stoppable: false, origin: None, stop: None }
    }

    /// The highest position that was signed or raised to: where the mark is, or would be without its stops.
    pub fn true_position(&self) -> Position {
        self.stop.as_ref().map_or(self.position, |stopped| stopped.position)
    }

    /// The digest of the payload signed at the [true position](Self::true_position).
    pub fn true_digest(&self) -> Option<Digest> {
        self.stop.as_ref().map_or(self.digest, |stopped| stopped.digest)
    }

    /// The signature of a block signed at the [true position](Self::true_position).
    pub fn true_signature(&self) -> Option<Signature> {
        self.stop.as_ref().map_or(self.signature, |stopped| stopped.signature)
    }

    /// The write that brought the mark to its [true position](Self::true_position). No position is reached twice, so it
    /// identifies what was signed there.
    pub fn origin(&self) -> AttemptId {
        self.stop.as_ref().map_or_else(|| self.origin.unwrap_or(self.attempt), |stopped| stopped.origin)
    }

    /// The stops; none if the mark is not stopped.
    pub fn stops(&self) -> &[Stop] {
        self.stop.as_ref().map_or(&[], |stopped| &stopped.stops)
    }
}

/// Who wrote a mark, and when. For auditors; no decision depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Written {
    /// The name of the instance of this program.
    pub instance: String,
    /// The authorized key that signed the request, if requests are authenticated.
    pub requester: Option<PublicKeyHash>,
    /// The time by the instance's clock.
    pub at: OffsetDateTime,
}

/// A random 128-bit number that identifies one write.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AttemptId(u128);

impl AttemptId {
    /// Generates one with the operating system's random number generator.
    ///
    /// # Errors
    /// If that fails.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(u128::from_be_bytes(bytes)))
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

impl fmt::Debug for AttemptId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AttemptId({self})")
    }
}

impl std::str::FromStr for AttemptId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(text, 16).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_and_read_as_three_parts() {
        const TEXT: &str = "NetXdQprcVkpaWU:tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t:block";
        let id: MarkId = TEXT.parse().unwrap();
        assert_eq!((id.kind, id.to_string()), (Kind::Block, TEXT.to_owned()));
        for (text, expected) in [
            ("", "expected three parts"),
            ("NetXdQprcVkpaWU:tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t", "expected three parts"),
            ("NetXdQprcVkpaWU:tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t:block:", "expected three parts"),
            ("NetXdQprcVkpaWU:tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t:blocks", "'blocks' is not a kind"),
            ("NetXdQprcVkpaWU::block", "not <chain>:<public key hash>:<kind>"),
        ] {
            let error = text.parse::<MarkId>().unwrap_err();
            assert!(error.to_string().contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn attempts_are_unique_and_so_are_their_texts() {
        let (one, other) = (AttemptId::random().unwrap(), AttemptId::random().unwrap());
        assert_ne!(one, other);
        assert_ne!(one.to_string(), other.to_string());
        assert_eq!(one.to_string().parse(), Ok(one));
        assert_eq!(AttemptId(0x2a).to_string(), format!("{:0>32}", "2a"));
    }
}

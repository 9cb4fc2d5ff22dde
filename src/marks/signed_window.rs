//! The last signatures of a mark: where, and over what. Pure.

use crate::tezos::Digest;
use crate::tezos::payload::{NonNegative, Position};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use thiserror::Error;

/// The first eight bytes of a payload's [`Digest`]. Enough to distinguish what was signed from what was not: the payloads of a
/// key can be chosen only with the key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShortDigest([u8; SHORT_DIGEST_BYTES]);

const SHORT_DIGEST_BYTES: usize = 8;

impl ShortDigest {
    /// The short form of a payload's digest.
    pub const fn of(digest: &Digest) -> Self {
        match digest.as_bytes().first_chunk() {
            Some(first) => Self(*first),
            // Not reached: a digest is longer.
            None => Self([0; SHORT_DIGEST_BYTES]),
        }
    }
}

impl fmt::Display for ShortDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ShortDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ShortDigest({self})")
    }
}

/// What a window knows about a payload at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lookup {
    /// This payload was signed there.
    Signed,
    /// Another payload was signed there.
    SignedDifferently,
    /// Nothing was signed there, so far: the position is above the boundary, not below the first signature, and not in the window.
    NeverSigned,
    /// The position is at or below the boundary, or below the first signature of this store: another signer may have used the
    /// key before.
    Unknown,
}

/// The last [`MAX_SIGNATURES`](Self::MAX_SIGNATURES) signatures of a mark, and the boundary below which nothing is known.
///
/// In the store, it is 16 bytes for each signature (level and round as 32-bit big-endian integers, and the short digest), in
/// Base64: at most 1,368 characters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct SignedWindow {
    /// In the order of their positions, all above the boundary.
    signatures: Vec<(Position, ShortDigest)>,
    boundary: Option<Position>,
}

/// A text that is not a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a window of signatures")]
pub struct InvalidWindow;

impl SignedWindow {
    /// How many signatures are kept.
    pub const MAX_SIGNATURES: usize = 64;

    const RECORD_BYTES: usize = 8 + SHORT_DIGEST_BYTES;

    /// A window without signatures, which knows nothing at or below the boundary. Without a boundary, it is complete: the key
    /// has never signed for this mark.
    pub const fn above(boundary: Option<Position>) -> Self {
        Self { signatures: Vec::new(), boundary }
    }

    /// At this position and below, nothing is known: the last raise or import, the mark that an earlier release left, or the
    /// last signature that no longer fits. `None` if all signatures since the first one are in the window.
    pub const fn boundary(&self) -> Option<Position> {
        self.boundary
    }

    /// The signatures, in the order of their positions.
    pub fn signatures(&self) -> &[(Position, ShortDigest)] {
        &self.signatures
    }

    /// What is known about a payload at a position.
    pub fn lookup(&self, position: Position, digest: ShortDigest) -> Lookup {
        if self.boundary.is_some_and(|boundary| position <= boundary) {
            return Lookup::Unknown;
        }
        match self.signatures.binary_search_by_key(&position, |(at, _)| *at) {
            Ok(index) if self.signatures.get(index).is_some_and(|(_, signed)| *signed == digest) => Lookup::Signed,
            Ok(_) => Lookup::SignedDifferently,
            // A baker that moves here without raising its marks has signed earlier positions elsewhere.
            Err(0) if self.boundary.is_none() && !self.signatures.is_empty() => Lookup::Unknown,
            Err(_) => Lookup::NeverSigned,
        }
    }

    /// The window after one more signature, above all others.
    #[must_use]
    pub fn with(mut self, position: Position, digest: ShortDigest) -> Self {
        self.signatures.push((position, digest));
        let dropped = self.signatures.len().saturating_sub(Self::MAX_SIGNATURES);
        if let Some((last, _)) = self.signatures.drain(..dropped).next_back() {
            self.boundary = Some(last);
        }
        self
    }

    /// The window after a raise: others may have signed anything up to there.
    #[must_use]
    pub fn raised_to(mut self, position: Position) -> Self {
        self.signatures.retain(|(at, _)| *at > position);
        self.boundary = self.boundary.max(Some(position));
        self
    }

    /// The form in the store, without the boundary.
    pub(super) fn encode(&self) -> String {
        let bytes: Vec<u8> = self
            .signatures
            .iter()
            .flat_map(|(Position { level, round }, digest)| {
                level.get().to_be_bytes().into_iter().chain(round.get().to_be_bytes()).chain(digest.0)
            })
            .collect();
        STANDARD.encode(bytes)
    }

    /// Reads the form in the store.
    ///
    /// # Errors
    /// [`InvalidWindow`], also if it is not in the order of positions, or reaches below the boundary.
    pub(super) fn decode(text: &str, boundary: Option<Position>) -> Result<Self, InvalidWindow> {
        let bytes = STANDARD.decode(text).map_err(|_| InvalidWindow)?;
        let records = bytes.chunks_exact(Self::RECORD_BYTES);
        if !records.remainder().is_empty() || records.len() > Self::MAX_SIGNATURES {
            return Err(InvalidWindow);
        }
        let signatures = records.map(read_record).collect::<Option<Vec<_>>>().ok_or(InvalidWindow)?;
        let is_above = signatures.first().is_none_or(|(first, _)| boundary < Some(*first));
        let is_ordered = signatures.is_sorted_by(|(one, _), (next, _)| one < next);
        if is_above && is_ordered { Ok(Self { signatures, boundary }) } else { Err(InvalidWindow) }
    }
}

fn read_record(record: &[u8]) -> Option<(Position, ShortDigest)> {
    let (level, rest) = record.split_first_chunk::<4>()?;
    let (round, digest) = rest.split_first_chunk::<4>()?;
    let number = |bytes: &[u8; 4]| NonNegative::try_from(u32::from_be_bytes(*bytes)).ok();
    let position = Position { level: number(level)?, round: number(round)? };
    Some((position, ShortDigest(digest.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(level: i32, round: i32) -> Position {
        Position { level: level.try_into().unwrap(), round: round.try_into().unwrap() }
    }

    fn digest(fill: u8) -> ShortDigest {
        ShortDigest::of(&Digest::from_bytes([fill; 32]))
    }

    #[test]
    fn a_window_knows_what_was_signed_above_its_boundary() {
        let complete = SignedWindow::default().with(at(5, 0), digest(1)).with(at(5, 2), digest(2));
        let raised = complete.clone().raised_to(at(5, 0));
        let partial = SignedWindow::above(Some(at(4, 9))).with(at(5, 0), digest(1));
        for (name, window, position, fill, expected) in [
            ("signed", &complete, at(5, 0), 1, Lookup::Signed),
            ("another payload", &complete, at(5, 0), 2, Lookup::SignedDifferently),
            ("between two signatures", &complete, at(5, 1), 1, Lookup::NeverSigned),
            ("below the first signature ever", &complete, at(4, 9), 1, Lookup::Unknown),
            ("no signature ever", &SignedWindow::default(), at(1, 0), 1, Lookup::NeverSigned),
            ("above the last signature", &complete, at(6, 0), 1, Lookup::NeverSigned),
            ("at a raise", &raised, at(5, 0), 1, Lookup::Unknown),
            ("between a raise and a signature", &raised, at(5, 1), 1, Lookup::NeverSigned),
            ("above a raise", &raised, at(5, 2), 2, Lookup::Signed),
            ("at the boundary", &partial, at(4, 9), 1, Lookup::Unknown),
            ("below the boundary", &partial, at(3, 0), 1, Lookup::Unknown),
            ("above the boundary", &partial, at(5, 0), 1, Lookup::Signed),
        ] {
            assert_eq!(window.lookup(position, digest(fill)), expected, "{name}");
        }
        assert_eq!(raised.raised_to(at(3, 0)).boundary(), Some(at(5, 0)), "a boundary never falls");
    }

    #[test]
    fn the_last_64_signatures_are_kept() {
        let full = (1..=64).fold(SignedWindow::default(), |window, level| window.with(at(level, 0), digest(1)));
        assert_eq!((full.signatures().len(), full.boundary()), (64, None));
        let next = full.with(at(65, 0), digest(1));
        assert_eq!((next.signatures().len(), next.boundary()), (64, Some(at(1, 0))));
        assert_eq!(next.lookup(at(1, 0), digest(1)), Lookup::Unknown);
        assert_eq!(next.lookup(at(2, 0), digest(1)), Lookup::Signed);
        assert_eq!(next.encode().len(), 1368);
        assert_eq!(SignedWindow::decode(&next.encode(), next.boundary()), Ok(next));
    }

    #[test]
    fn only_a_window_in_order_and_above_its_boundary_is_read() {
        let record = |level: u32, round: u32| [&level.to_be_bytes()[..], &round.to_be_bytes(), &[7; 8]].concat();
        for (name, bytes, boundary, is_valid) in [
            ("empty", Vec::new(), None, true),
            ("ordered", [record(5, 0), record(5, 1)].concat(), Some(at(4, 9)), true),
            ("twice", [record(5, 0), record(5, 0)].concat(), None, false),
            ("falling", [record(5, 1), record(5, 0)].concat(), None, false),
            ("at the boundary", record(5, 0), Some(at(5, 0)), false),
            ("cut off", record(5, 0)[..15].to_vec(), None, false),
            ("too many", (0..65).flat_map(|level| record(level, 0)).collect(), None, false),
            ("a level out of range", record(0x8000_0000, 0), None, false),
        ] {
            assert_eq!(SignedWindow::decode(&STANDARD.encode(bytes), boundary).is_ok(), is_valid, "{name}");
        }
        assert_eq!(SignedWindow::decode("?", None), Err(InvalidWindow));
    }
}

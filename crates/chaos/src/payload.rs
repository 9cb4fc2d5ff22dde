//! What bakers want signed: the bytes of blocks and votes, in the formats of Octez.

use std::fmt;

/// What a mark is kept for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Block,
    Preattestation,
    Attestation,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Block, Self::Preattestation, Self::Attestation];

    /// The first byte of payloads of this kind.
    pub(crate) const fn watermark(self) -> u8 {
        match self {
            Self::Block => 0x11,
            Self::Preattestation => 0x12,
            Self::Attestation => 0x13,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Block => "block",
            Self::Preattestation => "preattestation",
            Self::Attestation => "attestation",
        })
    }
}

/// A chain as it is written, Net….
pub(crate) fn chain_id(chain: [u8; 4]) -> String {
    const NET: [u8; 3] = [0x57, 0x52, 0x00];
    bs58::encode([&NET[..], &chain].concat()).with_check().into_string()
}

/// Level and round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) level: u32,
    pub(crate) round: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "level {}, round {}", self.level, self.round)
    }
}

/// How a payload differs from others of its kind and position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Variant {
    /// Another block, or another vote's block.
    pub(crate) content: u8,
    /// Another predecessor: of a vote, another branch.
    pub(crate) branch: u8,
    /// DAL slots that an attestation attests; 0 is an attestation without DAL content. Of a block, a locked round.
    pub(crate) extra: u8,
}

/// A payload that a baker would send.
pub(crate) fn payload(chain: [u8; 4], kind: Kind, position: Position, variant: Variant) -> Vec<u8> {
    let mut bytes = vec![kind.watermark()];
    bytes.extend(chain);
    match kind {
        Kind::Block => block(&mut bytes, position, variant),
        Kind::Preattestation => vote(&mut bytes, 20, position, variant),
        Kind::Attestation if variant.extra == 0 => vote(&mut bytes, 21, position, variant),
        Kind::Attestation => {
            vote(&mut bytes, 23, position, variant);
            // A signed number of one byte: six bits.
            bytes.push(variant.extra & 0x3f);
        }
    }
    bytes
}

/// Branch, tag, slot, level, round, payload hash.
fn vote(bytes: &mut Vec<u8>, tag: u8, position: Position, variant: Variant) {
    bytes.extend([variant.branch; 32]);
    bytes.extend([tag, 0, 3]);
    bytes.extend(position.level.to_be_bytes());
    bytes.extend(position.round.to_be_bytes());
    bytes.extend([variant.content; 32]);
}

/// A block header of the present protocols, without its signature.
fn block(bytes: &mut Vec<u8>, position: Position, variant: Variant) {
    let locked_round = (variant.extra > 0 && position.round > 0).then(|| position.round - 1);
    bytes.extend(position.level.to_be_bytes());
    bytes.push(2);
    bytes.extend([variant.branch; 32]);
    bytes.extend(0x5e9d_cbb0_u64.to_be_bytes());
    bytes.push(4);
    bytes.extend([variant.content; 32]);
    let mut fitness = vec![0, 0, 0, 1, 2, 0, 0, 0, 4];
    fitness.extend(position.level.to_be_bytes());
    match locked_round {
        Some(round) => {
            fitness.extend([0, 0, 0, 4]);
            fitness.extend(round.to_be_bytes());
        }
        None => fitness.extend([0; 4]),
    }
    fitness.extend([0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 4]);
    fitness.extend(position.round.to_be_bytes());
    bytes.extend(u32::try_from(fitness.len()).unwrap_or_default().to_be_bytes());
    bytes.extend(fitness);
    bytes.extend([variant.content; 32]);
    bytes.extend([variant.content; 32]);
    bytes.extend([0; 4 + 8 + 1]);
    bytes.push(variant.extra % 3);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_are_written_as_in_tezos() {
        assert_eq!(chain_id([0x7a, 0x06, 0xa7, 0x70]), "NetXdQprcVkpaWU");
    }

    #[test]
    fn payloads_have_the_lengths_of_the_formats() {
        let position = Position { level: 10, round: 2 };
        let with = |extra| Variant { extra, ..Variant::default() };
        for (kind, extra, length) in [
            (Kind::Block, 0, 198),
            (Kind::Block, 1, 202),
            (Kind::Preattestation, 0, 80),
            (Kind::Attestation, 0, 80),
            (Kind::Attestation, 1, 81),
        ] {
            assert_eq!(payload([1, 2, 3, 4], kind, position, with(extra)).len(), length, "{kind} {extra}");
        }
    }
}

//! The rights of keys, as a node reports them: `helpers/attestation_rights` and `helpers/baking_rights` (`RPC.ml` of protocol 025).
//! Pure.

use crate::tezos::PublicKeyHash;
use crate::tezos::payload::NonNegative;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// The rights of some keys at some levels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// The keys that may vote at each level.
    votes: BTreeMap<NonNegative, BTreeSet<PublicKeyHash>>,
    /// The keys that may bake at each round of each level.
    blocks: BTreeMap<NonNegative, BTreeMap<NonNegative, PublicKeyHash>>,
    /// The delegate of each key.
    delegates: BTreeMap<PublicKeyHash, PublicKeyHash>,
}

/// An answer is not a list of rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a list of rights")]
pub struct NotRights;

/// Levels of which rights are kept.
const MAX_LEVELS: usize = 256;

#[derive(Deserialize)]
struct AttestationRights {
    level: u32,
    delegates: Vec<Attester>,
}

#[derive(Deserialize)]
struct Attester {
    delegate: String,
    consensus_key: String,
}

#[derive(Deserialize)]
struct BakingRight {
    level: u32,
    delegate: String,
    round: u32,
    consensus_key: String,
}

impl Rights {
    /// Adds the answer of `attestation_rights`.
    ///
    /// # Errors
    /// [`NotRights`].
    pub fn add_votes(&mut self, json: &[u8]) -> Result<(), NotRights> {
        let levels: Vec<AttestationRights> = serde_json::from_slice(json).map_err(|_| NotRights)?;
        for AttestationRights { level, delegates } in levels {
            let level = number(level)?;
            for Attester { delegate, consensus_key } in delegates {
                let key = self.key(&consensus_key, &delegate)?;
                self.votes.entry(level).or_default().insert(key);
            }
        }
        self.shorten();
        Ok(())
    }

    /// Adds the answer of `baking_rights`.
    ///
    /// # Errors
    /// [`NotRights`].
    pub fn add_blocks(&mut self, json: &[u8]) -> Result<(), NotRights> {
        let rights: Vec<BakingRight> = serde_json::from_slice(json).map_err(|_| NotRights)?;
        for BakingRight { level, delegate, round, consensus_key } in rights {
            let (level, round) = (number(level)?, number(round)?);
            let key = self.key(&consensus_key, &delegate)?;
            self.blocks.entry(level).or_default().insert(round, key);
        }
        self.shorten();
        Ok(())
    }

    /// The keys that may vote at a level.
    pub fn votes_at(&self, level: NonNegative) -> BTreeSet<PublicKeyHash> {
        self.votes.get(&level).cloned().unwrap_or_default()
    }

    /// The keys that may bake at a level, by round.
    pub fn blocks_at(&self, level: NonNegative) -> BTreeMap<NonNegative, PublicKeyHash> {
        self.blocks.get(&level).cloned().unwrap_or_default()
    }

    /// The first level from `level` on at which a key may vote.
    pub fn next_vote(&self, key: &PublicKeyHash, level: NonNegative) -> Option<NonNegative> {
        self.votes.range(level..).find(|(_, keys)| keys.contains(key)).map(|(level, _)| *level)
    }

    /// The first level from `level` on at which a key may bake, with the round.
    pub fn next_block(&self, key: &PublicKeyHash, level: NonNegative) -> Option<(NonNegative, NonNegative)> {
        self.blocks.range(level..).find_map(|(level, rounds)| {
            rounds.iter().find(|(_, holder)| *holder == key).map(|(round, _)| (*level, *round))
        })
    }

    /// The delegates of the keys, as far as they are known.
    pub const fn delegates(&self) -> &BTreeMap<PublicKeyHash, PublicKeyHash> {
        &self.delegates
    }

    fn key(&mut self, consensus_key: &str, delegate: &str) -> Result<PublicKeyHash, NotRights> {
        let key = consensus_key.parse().map_err(|_| NotRights)?;
        self.delegates.insert(key, delegate.parse().map_err(|_| NotRights)?);
        Ok(key)
    }

    fn shorten(&mut self) {
        while self.votes.len() > MAX_LEVELS {
            self.votes.pop_first();
        }
        while self.blocks.len() > MAX_LEVELS {
            self.blocks.pop_first();
        }
    }
}

fn number(value: u32) -> Result<NonNegative, NotRights> {
    NonNegative::try_from(value).map_err(|_| NotRights)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t";
    const DELEGATE: &str = "tz1cG2jx3W4bZFeVGBjsTxUAG8tdpTXtE8PT";

    fn number(number: i32) -> NonNegative {
        number.try_into().unwrap()
    }

    #[test]
    fn rights_are_read_by_level_and_round() {
        let key: PublicKeyHash = KEY.parse().unwrap();
        let votes = serde_json::json!([
            {"level": 7, "delegates": [{"delegate": DELEGATE, "first_slot": 3, "attesting_power": 9, "consensus_key": KEY}]},
            {"level": 9, "estimated_time": "2026-11-30T12:00:00Z",
             "delegates": [{"delegate": DELEGATE, "first_slot": 1, "attesting_power": 8, "consensus_key": KEY}]},
        ]);
        let blocks = serde_json::json!([
            {"level": 8, "delegate": DELEGATE, "round": 2, "estimated_time": "2026-11-30T12:00:00Z", "consensus_key": KEY},
        ]);
        let mut rights = Rights::default();
        rights.add_votes(votes.to_string().as_bytes()).unwrap();
        rights.add_blocks(blocks.to_string().as_bytes()).unwrap();
        assert!(rights.votes_at(number(7)).contains(&key) && rights.votes_at(number(8)).is_empty());
        assert_eq!(rights.blocks_at(number(8)).get(&number(2)), Some(&key));
        assert_eq!(rights.next_vote(&key, number(8)), Some(number(9)));
        assert_eq!(rights.next_block(&key, number(7)), Some((number(8), number(2))));
        assert_eq!(rights.next_block(&key, number(9)), None);
        assert_eq!(rights.delegates().get(&key), Some(&DELEGATE.parse().unwrap()));
        for wrong in ["{}", "[{}]", r#"[{"level": -1, "delegates": []}]"#, "[1"] {
            assert_eq!(rights.add_votes(wrong.as_bytes()), Err(NotRights), "{wrong}");
        }
        assert_eq!(rights.add_blocks(b"[{\"level\": 1}]"), Err(NotRights));
    }
}

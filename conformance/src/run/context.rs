//! What the cases of a run share.

use super::options::{Options, Target};
use super::outcome::Outcome;
use crate::case::{Key, Need};
use crate::crypto::{PublicKey, digest};
use crate::hexadecimal::Hex;
use crate::tables::Suite;
use std::collections::HashMap;

/// What all cases of a run share: signers, keys, and a seed for chain ids.
pub(super) struct Run<'a> {
    pub(super) options: &'a Options,
    keys: HashMap<&'a str, KnownKey>,
    seed: [u8; 16],
}

/// A test key.
#[derive(Debug, Clone)]
pub(super) struct KnownKey {
    pub(super) hash: String,
    pub(super) public_key: PublicKey,
}

/// The chain ids of one case, by letter.
pub(super) struct Chains {
    seed: Vec<u8>,
}

impl Chains {
    /// The payload with this letter's chain id in bytes 1 to 4.
    pub(super) fn written_over(&self, payload: &Hex, chain: Option<char>) -> Hex {
        let mut payload = payload.clone();
        if let (Some(chain), Some(place)) = (chain, payload.0.get_mut(1..5)) {
            let drawn = digest(&[self.seed.as_slice(), chain.to_string().as_bytes()].concat());
            place.iter_mut().zip(drawn).for_each(|(byte, drawn)| *byte = drawn);
        }
        payload
    }
}

impl<'a> Run<'a> {
    /// Prepares a run with fresh chain ids.
    ///
    /// # Errors
    /// If there is no randomness, or a key of the suite is malformed.
    pub(super) fn new(suite: &'a Suite, options: &'a Options) -> Result<Self, String> {
        let mut seed = [0; 16];
        getrandom::fill(&mut seed).map_err(|error| format!("cannot draw chain ids: {error}"))?;
        let keys = suite.keys.keys.iter().map(|key| Ok((key.name.as_str(), known(key)?)));
        Ok(Self { options, keys: keys.collect::<Result<_, String>>()?, seed })
    }

    /// The chain ids of a case, different in every run.
    pub(super) fn chains(&self, id: &str) -> Chains {
        Chains { seed: [self.seed.as_slice(), id.as_bytes()].concat() }
    }

    /// A key, by name.
    pub(super) fn key(&self, name: &str) -> Result<&KnownKey, Outcome> {
        self.keys.get(name).ok_or_else(|| Outcome::NotRun { reason: format!("keys.json has no key {name:?}") })
    }

    /// The outcome of a case that cannot be run, if something that it needs is missing.
    pub(super) fn missing(&self, needs: &[Need]) -> Option<Outcome> {
        let reason = needs.iter().find_map(|need| match need {
            Need::Restart if self.options.restart.is_none() => Some("needs --restart-command"),
            Need::Second if self.options.client(Target::Second).is_none() => Some("needs --second-url"),
            Need::Authenticated if self.options.client(Target::Authenticated).is_none() => {
                Some("needs --authenticated-url")
            }
            _ => None,
        })?;
        Some(Outcome::NotRun { reason: reason.to_owned() })
    }
}

fn known(key: &Key) -> Result<KnownKey, String> {
    let public_key = PublicKey::from_text(&key.public_key)
        .ok_or_else(|| format!("{}: {:?} is not a public key", key.name, key.public_key))?;
    Ok(KnownKey { hash: key.hash.clone(), public_key })
}

use super::options::{Options, Target};
use super::outcome::{CaseReport, Outcome};
use super::{single, steps, web};
use crate::case::{Consequence, Feature, Key, Need};
use crate::crypto::{PublicKey, digest};
use crate::hexadecimal::Hex;
use crate::profile::Lack;
use crate::tables::Suite;
use std::collections::HashMap;

/// What all cases of a run share.
pub(super) struct Run<'a> {
    pub(super) options: &'a Options,
    keys: HashMap<&'a str, KnownKey>,
    seed: [u8; 16],
}

/// A key of the suite.
#[derive(Debug, Clone)]
pub(super) struct KnownKey {
    pub(super) hash: String,
    pub(super) public_key: PublicKey,
}

/// The chain ids of one case: the letter says which.
pub(super) struct Chains {
    seed: Vec<u8>,
}

impl Chains {
    /// The payload with the chain of this letter in bytes 1 to 4.
    pub(super) fn written_over(&self, payload: &Hex, chain: Option<char>) -> Hex {
        let mut payload = payload.clone();
        if let (Some(chain), Some(place)) = (chain, payload.0.get_mut(1..5)) {
            let drawn = digest(&[self.seed.as_slice(), chain.to_string().as_bytes()].concat());
            place.iter_mut().zip(drawn).for_each(|(byte, drawn)| *byte = drawn);
        }
        payload
    }
}

impl Run<'_> {
    /// The chain ids of a case: other ones in every run.
    pub(super) fn chains(&self, id: &str) -> Chains {
        Chains { seed: [self.seed.as_slice(), id.as_bytes()].concat() }
    }

    /// A key by its name.
    pub(super) fn key(&self, name: &str) -> Result<&KnownKey, Outcome> {
        self.keys.get(name).ok_or_else(|| Outcome::NotRun { reason: format!("keys.json has no key {name:?}") })
    }

    /// What is missing for a case, if anything is.
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

/// Asks a signer everything that is in the suite, and tells of each case as soon as there is something to tell.
///
/// # Errors
/// If there is no randomness, or a key in the suite is none.
pub fn run(suite: &Suite, options: &Options, mut tell: impl FnMut(&CaseReport)) -> Result<Vec<CaseReport>, String> {
    let mut seed = [0; 16];
    getrandom::fill(&mut seed).map_err(|error| format!("no random chain ids: {error}"))?;
    let keys = suite.keys.keys.iter().map(|key| Ok((key.name.as_str(), known(key)?)));
    let run = Run { options, keys: keys.collect::<Result<_, String>>()?, seed };

    let mut reports = Vec::new();
    let mut report = |group: &'static str, about: About<'_>, ask: &dyn Fn() -> Option<Outcome>| {
        let About { id, why, consequence, features } = about;
        if !options.only.is_empty() && !options.only.iter().any(|pattern| pattern.matches(id)) {
            return;
        }
        let outcome = match options.profile.and_then(|profile| profile.lack_of(features)) {
            Some(Lack { feature, reason }) => Some(Outcome::LeftOut { feature, reason: reason.to_owned() }),
            None => ask(),
        };
        if let Some(outcome) = outcome {
            let report = CaseReport { group, id: id.to_owned(), why: why.to_owned(), consequence, outcome };
            tell(&report);
            reports.push(report);
        }
    };
    for case in &suite.keys.cases {
        let about = About::new(case.id(), case.why(), case.consequence(), &[]);
        report("keys", about, &|| single::key(&run, case));
    }
    for case in &suite.decode.cases {
        let about = About::new(&case.id, &case.why, case.consequence, &case.features);
        report("decode", about, &|| Some(single::decode(&run, case)));
    }
    for (group, cases) in [("sequences", &suite.sequences.cases), ("policy", &suite.policy.cases)] {
        for case in cases {
            let about = About::new(&case.id, &case.why, case.consequence, &case.features);
            report(group, about, &|| Some(steps::case(&run, case)));
        }
    }
    for case in &suite.signatures.cases {
        let about = About::new(&case.id, &case.why, case.consequence, &[]);
        report("signatures", about, &|| single::signature(&run, case));
    }
    for case in &suite.http.cases {
        let about = About::new(&case.id, &case.why, case.consequence, &case.features);
        report("http", about, &|| Some(web::case(&run, case)));
    }
    Ok(reports)
}

/// What cases of all files have.
struct About<'a> {
    id: &'a str,
    why: &'a str,
    consequence: Consequence,
    features: &'a [Feature],
}

impl<'a> About<'a> {
    const fn new(id: &'a str, why: &'a str, consequence: Consequence, features: &'a [Feature]) -> Self {
        Self { id, why, consequence, features }
    }
}

fn known(key: &Key) -> Result<KnownKey, String> {
    let public_key = PublicKey::from_text(&key.public_key)
        .ok_or_else(|| format!("{}: {:?} is no public key", key.name, key.public_key))?;
    Ok(KnownKey { hash: key.hash.clone(), public_key })
}

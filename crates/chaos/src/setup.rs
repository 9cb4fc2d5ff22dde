//! The setup of seasons and drills: services, signers, their settings, and bakers.

use crate::baker::{BakerPlaces, Chains, Lane, LastMark, results};
use crate::client::Client;
use crate::clock::WallClock;
use crate::dice::Seed;
use crate::error::SeasonError;
use crate::fleet::Place;
use crate::flood::Flood;
use crate::honest::{PatientBaker, RelayBaker, RelayStats};
use crate::interventions::StoppedKey;
use crate::keys::{Authorized, BakerKey};
use crate::payload::Kind;
use crate::release::Installed;
use stand_ins::{Azure, CosmosOptions, Options};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The programs to run.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    /// The shipped program.
    pub(crate) signer: PathBuf,
    /// The same program, linked dynamically, and the library that sets its clock.
    pub(crate) with_clock: Option<(PathBuf, PathBuf)>,
    /// Another release, to run side by side with this one.
    pub(crate) other: Option<PathBuf>,
}

/// The kind of a season.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Season {
    /// Faults of single requests, kills, pauses, clock jumps: all at once, at random.
    Storm,
    /// One kind of trouble at a time, for some seconds, with calm in between. Availability is measured.
    Spells,
    /// Bakers with relays, in front of signers in two regions.
    Relays,
}

/// Number of signers, or of relays where bakers use relays.
pub(crate) const PLACES: usize = 4;

/// Signers whose wall clocks jump, if possible.
pub(crate) const CLOCKS: [usize; 2] = [2, 3];

/// The signer that is flooded.
const FLOODED: usize = 0;

/// The signer that requires authentication.
pub(crate) const AUTHENTICATING: usize = 1;

/// The parameters that differ between seasons.
#[derive(Debug)]
pub(crate) struct Setup {
    /// The signers' request deadline.
    pub(crate) deadline: Duration,
    /// Lifetime of tokens: short, so that they are renewed often.
    pub(crate) token_life: Duration,
    /// Settings of all signers, in addition to the addresses of Azure.
    settings: &'static [(&'static str, &'static str)],
    /// Further settings of the first signer.
    settings_of_first: &'static [(&'static str, &'static str)],
    /// The regions of the database; the first is the write region at the start.
    pub(crate) regions: &'static [&'static str],
    /// Number of keys with two competing bakers.
    pub(crate) shared_keys: u8,
    /// Number of keys with a single baker.
    pub(crate) honest_keys: u8,
    /// Number of keys with two competing bakers that an operator stops and resumes.
    pub(crate) stopped_keys: u8,
    /// Number of chains on which each kind of each shared key is signed concurrently.
    chains: usize,
}

/// A storm must be eventful, so its deadlines and timeouts are short.
const STORM: Setup = Setup {
    deadline: Duration::from_secs(1),
    token_life: Duration::from_secs(30),
    settings: &[
        ("SIGNER_LISTEN", "127.0.0.1:0"),
        ("LOG_FORMAT", "json"),
        ("REQUEST_DEADLINE_MS", "1000"),
        ("STORE_HEDGE_MS", "200"),
        ("VAULT_HEDGE_MS", "200"),
        ("KEYS_REFRESH_SECONDS", "10"),
    ],
    settings_of_first: &[("VAULT_HEDGE_MS", "60")],
    regions: &["West Europe"],
    shared_keys: 6,
    honest_keys: 2,
    stopped_keys: 2,
    chains: 3,
};

/// Spells use the default times, since they measure what a user gets.
const SPELLS: Setup = Setup {
    deadline: Duration::from_secs(4),
    token_life: Duration::from_secs(30),
    settings: &[("SIGNER_LISTEN", "127.0.0.1:0"), ("LOG_FORMAT", "json"), ("KEYS_REFRESH_SECONDS", "10")],
    settings_of_first: &[],
    regions: &["West Europe", "North Europe"],
    shared_keys: 4,
    honest_keys: 12,
    stopped_keys: 2,
    chains: 1,
};

/// The default times, since availability is measured.
const RELAYS: Setup = Setup {
    deadline: Duration::from_millis(4_500),
    token_life: Duration::from_secs(30),
    settings: &[("SIGNER_LISTEN", "127.0.0.1:0"), ("LOG_FORMAT", "json"), ("KEYS_REFRESH_SECONDS", "10")],
    settings_of_first: &[],
    regions: &["West Europe"],
    shared_keys: 4,
    honest_keys: 4,
    stopped_keys: 0,
    chains: 1,
};

impl Setup {
    pub(crate) const fn of(season: Season) -> &'static Self {
        match season {
            Season::Storm => &STORM,
            Season::Spells => &SPELLS,
            Season::Relays => &RELAYS,
        }
    }

    /// The settings of all signers.
    pub(crate) fn settings(&self) -> impl Iterator<Item = (&'static str, String)> {
        owned(self.settings)
    }

    /// All keys: first those with two bakers, then those with one, then those that are stopped.
    pub(crate) fn keys(&self) -> Result<Vec<BakerKey>, SeasonError> {
        first_keys(self.shared_keys + self.honest_keys + self.stopped_keys)
    }

    /// The keys with one baker.
    pub(crate) fn honest<'a>(&self, keys: &'a [BakerKey]) -> impl Iterator<Item = &'a BakerKey> {
        keys.iter().skip(self.shared_keys.into()).take(self.honest_keys.into())
    }

    /// The keys that an operator stops. The first one signs on one chain, the others on many.
    pub(crate) fn stopped<'a>(&self, keys: &'a [BakerKey]) -> impl Iterator<Item = &'a BakerKey> {
        keys.iter().skip(usize::from(self.shared_keys + self.honest_keys))
    }

    /// The signers, with their settings.
    pub(crate) fn places(
        &self,
        azure: &Azure,
        programs: &Programs,
        folder: &TempDir,
    ) -> Result<Vec<Place>, SeasonError> {
        let place = |number| {
            let of_first = if number == 0 { self.settings_of_first } else { &[] };
            let mut environment = azure.environment();
            environment.extend(self.settings());
            environment.extend(owned(of_first));
            if number == AUTHENTICATING {
                environment.push(("AUTHORIZED_KEYS", Authorized::new().public_key()));
            }
            let with_clock = programs.with_clock.as_ref().filter(|_| CLOCKS.contains(&number));
            let clock = with_clock.map(|(_, library)| WallClock::new(library, folder.path(), number)).transpose();
            let clock = clock.map_err(SeasonError::Clocks)?;
            let this = with_clock.map_or(&programs.signer, |(program, _)| program);
            let program = Installed::at(number, this, programs.other.as_deref());
            Ok(Place { number, program, arguments: &[], environment, clock })
        };
        (0..PLACES).map(place).collect()
    }
}

/// Settings, as an environment.
pub(crate) fn owned(settings: &[(&'static str, &'static str)]) -> impl Iterator<Item = (&'static str, String)> {
    settings.iter().map(|(name, value)| (*name, (*value).to_owned()))
}

/// Services with these keys in the vault, and with a store that keeps its history for the judge.
pub(crate) async fn azure_with(keys: &[BakerKey]) -> Result<Azure, SeasonError> {
    let cosmos = CosmosOptions { keeps_history: true, ..CosmosOptions::default() };
    let azure = Azure::try_start(Options { cosmos, ..Options::default() }).await.map_err(SeasonError::StandIns)?;
    for key in keys {
        azure.key_vault.add_key(key.for_vault());
    }
    Ok(azure)
}

/// A signer with access to these services, and with these settings.
pub(crate) fn signer(
    number: usize,
    program: Installed,
    azure: &Azure,
    settings: &[(&'static str, &'static str)],
) -> Place {
    let environment = azure.environment().into_iter().chain(owned(settings)).collect();
    Place { number, program, arguments: &[], environment, clock: None }
}

/// The only signer with access to these services, except that its marks are in this folder.
pub(crate) fn signer_with_embedded_store(program: Installed, azure: &Azure, folder: &TempDir) -> Place {
    let settings = [
        ("MARKS", "embedded".to_owned()),
        ("LOCAL_DATA_DIR", folder.path().display().to_string()),
        ("SIGNER_LISTEN", "127.0.0.1:0".to_owned()),
        ("LOG_FORMAT", "json".to_owned()),
    ];
    let of_azure = azure.environment().into_iter().filter(|(name, _)| !name.starts_with("COSMOS_"));
    Place { number: 0, program, arguments: &[], environment: of_azure.chain(settings).collect(), clock: None }
}

/// The keys with the numbers from 1.
pub(crate) fn first_keys(count: u8) -> Result<Vec<BakerKey>, SeasonError> {
    (1..=count).map(|number| BakerKey::of_number(number).ok_or(SeasonError::Key(number))).collect()
}

/// The chain of the stopped key that signs on one chain only, so that an operator can resume it above its head.
const COMMON_CHAIN: [u8; 4] = [0xf9; 4];

/// The heads of the stopped keys' chains: the first one's, which signs on one chain.
fn heads() -> impl Iterator<Item = Option<Arc<AtomicU32>>> {
    std::iter::once(Some(Arc::new(AtomicU32::new(FIRST_LEVEL)))).chain(std::iter::repeat(None))
}

/// Above everything that the operator may call the head.
const FIRST_LEVEL: u32 = 1_000;

/// All bakers of a season.
pub(crate) struct Bakers {
    lanes: Vec<JoinHandle<LastMark>>,
    /// The lanes of keys that an operator stops.
    of_stopped: Vec<JoinHandle<LastMark>>,
    /// These keys.
    pub(crate) stopped: Vec<StoppedKey>,
    with_relay: Vec<JoinHandle<RelayStats>>,
    patient: Vec<JoinHandle<LastMark>>,
    /// The flood of a patient baker's votes, if there is one.
    pub(crate) flood: Option<Flood>,
}

impl Bakers {
    /// Starts the bakers of a season.
    pub(crate) fn start(
        season: Season,
        keys: &[BakerKey],
        seed: Seed,
        client: &Arc<Client>,
        ends: &Arc<AtomicBool>,
    ) -> Self {
        let setup = Setup::of(season);
        let shared = keys.iter().take(setup.shared_keys.into());
        let baker_places = if season == Season::Relays { BakerPlaces::Separate } else { BakerPlaces::Shared };
        let lanes = shared.flat_map(|key| Kind::ALL.map(|kind| (key, kind, Chains::Own)));
        let lanes = lanes.flat_map(|lane| std::iter::repeat_n(lane, setup.chains));
        let lane = |(number, (key, kind, chains)): (u16, (&BakerKey, Kind, Chains))| {
            let (client, ends) = (Arc::clone(client), Arc::clone(ends));
            tokio::spawn(Lane { number, seed, key: key.clone(), kind, chains, client, baker_places, ends }.run())
        };
        let lanes: Vec<_> = (0..).zip(lanes).map(lane).collect();
        let stopped: Vec<_> = setup.stopped(keys).zip(heads()).collect();
        let of_stopped = stopped.iter().flat_map(|(key, head)| {
            let chains = head.as_ref().map_or(Chains::Own, |head| Chains::Common(COMMON_CHAIN, Arc::clone(head)));
            Kind::ALL.map(|kind| (*key, kind, chains.clone()))
        });
        let number = u16::try_from(lanes.len()).unwrap_or(u16::MAX);
        let of_stopped = (number..).zip(of_stopped).map(lane).collect();
        let stopped = stopped.into_iter().map(|(key, head)| StoppedKey { key: key.clone(), head }).collect();
        let mut bakers = Self { lanes, of_stopped, stopped, with_relay: Vec::new(), patient: Vec::new(), flood: None };
        for (key, place) in setup.honest(keys).zip((0..PLACES).cycle()) {
            match season {
                Season::Storm => {
                    let baker = RelayBaker { key: key.clone(), client: Arc::clone(client), ends: Arc::clone(ends) };
                    bakers.with_relay.push(tokio::spawn(baker.run()));
                }
                Season::Spells | Season::Relays => {
                    for kind in Kind::ALL {
                        let (client, ends) = (Arc::clone(client), Arc::clone(ends));
                        let (newest, signed) = watch::channel(None);
                        let baker = PatientBaker { key: key.clone(), kind, place, client, ends };
                        bakers.patient.push(tokio::spawn(baker.run(newest)));
                        if kind == Kind::Attestation {
                            bakers.flood = Some(Flood { place: FLOODED, key: key.clone(), newest: signed });
                        }
                    }
                }
            }
        }
        bakers
    }

    /// Waits until all have stopped.
    pub(crate) async fn end(self) -> Result<BakerResults, SeasonError> {
        let last_marks = results(self.lanes).await?;
        let stopped_marks = results(self.of_stopped).await?;
        let mut relay_stats = RelayStats::default();
        for stats in results(self.with_relay).await? {
            relay_stats.add(stats);
        }
        let patient_marks = results(self.patient).await?;
        Ok(BakerResults { last_marks, stopped_marks, patient_marks, relay_stats })
    }
}

/// What the bakers leave behind.
pub(crate) struct BakerResults {
    /// Marks of shared keys.
    pub(crate) last_marks: Vec<LastMark>,
    /// Marks of keys that an operator has stopped.
    pub(crate) stopped_marks: Vec<LastMark>,
    /// Marks of patient bakers.
    pub(crate) patient_marks: Vec<LastMark>,
    pub(crate) relay_stats: RelayStats,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baker::MAX_CHAINS_PER_LANE;

    /// Beyond that, a signer refuses by design.
    const MAX_UNKNOWN_CHAINS: u64 = 64;

    #[test]
    fn no_key_signs_on_more_chains_than_a_signer_accepts() {
        for setup in [STORM, SPELLS, RELAYS] {
            let lanes = u64::try_from(Kind::ALL.len() * setup.chains).unwrap();
            assert!(
                lanes * MAX_CHAINS_PER_LANE < MAX_UNKNOWN_CHAINS,
                "{setup:?} leaves no room for a new chain at the end"
            );
        }
    }
}

//! What a season is set up with: the signers, their settings, and who asks them.

use crate::baker::{Heir, Lane};
use crate::client::Client;
use crate::clock::WallClock;
use crate::dice::Seed;
use crate::fleet::Place;
use crate::flood::Flood;
use crate::honest::{Fortune, PatientBaker, RelayBaker};
use crate::keys::{Authorized, BakerKey};
use crate::payload::Kind;
use crate::season::{NoSeason, Programs, Season};
use stand_ins::Azure;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How many signers there are.
pub(crate) const PLACES: usize = 4;

/// Those whose wall clocks jump, if they can.
pub(crate) const CLOCKS: [usize; 2] = [2, 3];

/// The one that a flood is for.
const FLOODED: usize = 0;

/// The one that wants requests authenticated.
pub(crate) const AUTHENTICATING: usize = 1;

/// What differs between the seasons.
#[derive(Debug)]
pub(crate) struct Setup {
    /// The signers' deadline for a request.
    pub(crate) deadline: Duration,
    /// How long tokens are valid: short, so that they are renewed often.
    pub(crate) token_life: Duration,
    /// Settings of all signers beside those that say where Azure is.
    settings: &'static [(&'static str, &'static str)],
    /// Settings of the first signer alone.
    settings_of_first: &'static [(&'static str, &'static str)],
    /// The regions of the database; the first takes the writes.
    pub(crate) regions: &'static [&'static str],
    /// Keys for which two bakers ask.
    pub(crate) shared_keys: u8,
    /// Keys of one baker.
    pub(crate) honest_keys: u8,
    /// On so many chains at a time two bakers ask for each kind of each shared key.
    chains: usize,
}

/// In the storm much must happen in little time, so deadlines and time-outs are short.
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
    chains: 3,
};

/// In the spells all times are the defaults, since what is measured is what a user gets.
const SPELLS: Setup = Setup {
    deadline: Duration::from_secs(4),
    token_life: Duration::from_secs(30),
    settings: &[("SIGNER_LISTEN", "127.0.0.1:0"), ("LOG_FORMAT", "json"), ("KEYS_REFRESH_SECONDS", "10")],
    settings_of_first: &[],
    regions: &["West Europe", "North Europe"],
    shared_keys: 4,
    honest_keys: 12,
    chains: 1,
};

impl Setup {
    pub(crate) const fn of(season: Season) -> &'static Self {
        match season {
            Season::Storm => &STORM,
            Season::Spells => &SPELLS,
        }
    }

    /// Where the signers run, and with which settings.
    pub(crate) fn places(&self, azure: &Azure, programs: &Programs, folder: &TempDir) -> Result<Vec<Place>, NoSeason> {
        let place = |number| {
            let settings = self.settings.iter().chain(if number == 0 { self.settings_of_first } else { &[] });
            let mut environment = azure.environment();
            environment.extend(settings.map(|(name, value)| (*name, (*value).to_owned())));
            if number == AUTHENTICATING {
                environment.push(("AUTHORIZED_KEYS", Authorized::new().public_key()));
            }
            let with_clock = programs.with_clock.as_ref().filter(|_| CLOCKS.contains(&number));
            let clock = with_clock.map(|(_, library)| WallClock::new(library, folder.path(), number)).transpose();
            let clock = clock.map_err(NoSeason::Clocks)?;
            let program = with_clock.map_or(&programs.signer, |(program, _)| program).clone();
            Ok(Place { number, program, environment, clock })
        };
        (0..PLACES).map(place).collect()
    }
}

/// All who ask.
pub(crate) struct Bakers {
    lanes: Vec<JoinHandle<Heir>>,
    with_relay: Vec<JoinHandle<Fortune>>,
    patient: Vec<JoinHandle<Heir>>,
    /// Of the votes of a patient baker, if there is one.
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
        let (shared, honest) = keys.split_at(keys.len().min(setup.shared_keys.into()));
        let lanes = shared.iter().flat_map(|key| Kind::ALL.map(|kind| (key, kind)));
        let lanes = lanes.flat_map(|lane| std::iter::repeat_n(lane, setup.chains));
        let lane = |(number, (key, kind)): (u16, (&BakerKey, Kind))| {
            let (client, ends) = (Arc::clone(client), Arc::clone(ends));
            tokio::spawn(Lane { number, seed, key: key.clone(), kind, client, ends }.run())
        };
        let lanes = (0..).zip(lanes).map(lane).collect();
        let mut bakers = Self { lanes, with_relay: Vec::new(), patient: Vec::new(), flood: None };
        for (key, place) in honest.iter().zip((0..PLACES).cycle()) {
            match season {
                Season::Storm => {
                    let baker = RelayBaker { key: key.clone(), client: Arc::clone(client), ends: Arc::clone(ends) };
                    bakers.with_relay.push(tokio::spawn(baker.run()));
                }
                Season::Spells => {
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

    /// Waits until all have ended; they are told elsewhere that they are to.
    pub(crate) async fn end(self) -> Result<Legacy, NoSeason> {
        let mut heirs = Vec::new();
        for lane in self.lanes {
            heirs.push(lane.await.map_err(NoSeason::Baker)?);
        }
        let mut fortune = Fortune::default();
        for baker in self.with_relay {
            fortune.add(baker.await.map_err(NoSeason::Baker)?);
        }
        let mut of_patient = Vec::new();
        for baker in self.patient {
            of_patient.push(baker.await.map_err(NoSeason::Baker)?);
        }
        Ok(Legacy { heirs, of_patient, fortune })
    }
}

/// What bakers leave behind.
pub(crate) struct Legacy {
    /// Of those who share keys.
    pub(crate) heirs: Vec<Heir>,
    /// Of patient bakers.
    pub(crate) of_patient: Vec<Heir>,
    pub(crate) fortune: Fortune,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baker::MAX_CHAINS_OF_A_LANE;

    /// Above that a signer refuses by design, which says nothing about chaos.
    const MAX_UNKNOWN_CHAINS: u64 = 64;

    #[test]
    fn no_key_signs_on_more_chains_than_a_signer_takes() {
        for setup in [STORM, SPELLS] {
            let lanes = u64::try_from(Kind::ALL.len() * setup.chains).unwrap();
            assert!(
                lanes * MAX_CHAINS_OF_A_LANE < MAX_UNKNOWN_CHAINS,
                "{setup:?} leaves none for a new chain at the end"
            );
        }
    }
}

//! One season from the start of everything to the last answer in the calm: at most a minute or so, so that all that happened
//! fits into memory.

use crate::anew::Anew;
use crate::baker::Heir;
use crate::calm::{self, Recovery};
use crate::client::Client;
use crate::dice::Seed;
use crate::disrupt::disrupt;
use crate::fleet::{Blows, Fleet, NotStarted};
use crate::history::{History, Recorder, Secret};
use crate::honest::Fortune;
use crate::keys::{AUTHENTICATIONS_BEGIN, BakerKey};
use crate::setup::{AUTHENTICATING, Bakers, CLOCKS, Legacy, PLACES, Setup};
use crate::spells::Spells;
use crate::stored::mark;
use crate::storm::{Met, plan};
use stand_ins::{Azure, CosmosOptions, Operation, Options};
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use thiserror::Error;

/// What is run.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    /// The shipped program.
    pub(crate) signer: PathBuf,
    /// The same program, linked so that its clock can be set, and the library that does it.
    pub(crate) with_clock: Option<(PathBuf, PathBuf)>,
}

/// What kind of trouble a season is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Season {
    /// Faults of single requests, kills, pauses, clocks that jump: all at once, at random.
    Storm,
    /// One thing after the other is wrong for seconds, and well again. Availability is measured.
    Spells,
}

/// What happened in a season.
pub(crate) struct Outcome {
    pub(crate) history: History,
    pub(crate) happened: Happened,
}

/// What was done to the signers and the services, and how an honest baker fared.
#[derive(Debug, Clone, Default)]
pub(crate) struct Happened {
    pub(crate) faults: HashMap<(Operation, String), u64>,
    pub(crate) kills: u64,
    pub(crate) pauses: u64,
    pub(crate) jumps: u64,
    pub(crate) jumps_seen: u64,
    /// Connections that went silent or were refused, and tokens that were revoked.
    pub(crate) outages: u64,
    pub(crate) fortune: Fortune,
    /// How long the slowest signer took to sign again after the last fault.
    pub(crate) recovery: Recovery,
}

/// Why there was no season.
#[derive(Debug, Error)]
pub(crate) enum NoSeason {
    #[error("the stand-ins of Azure do not start: {0}")]
    StandIns(io::Error),
    #[error("there is no folder for the clocks: {0}")]
    Clocks(io::Error),
    #[error("there is no key of number {0}")]
    Key(u8),
    #[error(transparent)]
    NotStarted(#[from] NotStarted),
    #[error("what the store accepted is no mark: {0}")]
    NoMark(String),
    #[error("a baker did not come to an end: {0}")]
    Baker(tokio::task::JoinError),
    #[error("there is nobody left who could ask")]
    NoLanes,
    #[error("the operator cannot raise marks: {0}")]
    NotRaised(String),
}

/// Runs a season. The storm, or the spells together, last as long as `length`.
pub(crate) async fn run(
    season: Season,
    programs: &Programs,
    seed: Seed,
    length: Duration,
) -> Result<Outcome, NoSeason> {
    let setup = Setup::of(season);
    let regions = setup.regions.iter().map(|region| (*region).to_owned()).collect();
    let cosmos = CosmosOptions { keeps_history: true, regions, ..CosmosOptions::default() };
    let options = Options { cosmos, token_life: setup.token_life, ..Options::default() };
    let azure = Arc::new(Azure::try_start(options).await.map_err(NoSeason::StandIns)?);
    let keys: Vec<BakerKey> = (1..=setup.shared_keys + setup.honest_keys)
        .map(|number| BakerKey::of_number(number).ok_or(NoSeason::Key(number)))
        .collect::<Result<_, _>>()?;
    for key in &keys {
        azure.key_vault.add_key(key.for_vault());
    }
    let recorder = Arc::<Recorder>::default();
    let client = Arc::new(Client::new(PLACES, vec![AUTHENTICATING], Arc::clone(&recorder)));
    let folder = TempDir::new().map_err(NoSeason::Clocks)?;
    let fleet = Fleet::start(setup.places(&azure, programs, &folder)?, &client, &recorder).await?;

    let (start, ends, met) = (Instant::now(), Arc::<AtomicBool>::default(), Met::default());
    let mut happened = Happened::default();
    let mut spells = Vec::new();
    let bakers = match season {
        Season::Storm => {
            for faults in [azure.identity.faults(), azure.key_vault.faults(), azure.cosmos.faults()] {
                met.follow(faults, plan(seed));
            }
            let bakers = Bakers::start(season, &keys, seed, &client, &ends);
            let clocks = if programs.with_clock.is_some() { &CLOCKS[..] } else { &[] };
            happened.outages = disrupt(seed, start + length, &fleet, &azure, clocks).await;
            bakers
        }
        Season::Spells => {
            let first = keys.first().ok_or(NoSeason::NoLanes)?;
            calm::recover(&client, &Heir::new(first, [0xff; 4]), &recorder).await;
            let bakers = Bakers::start(season, &keys, seed, &client, &ends);
            let flood = bakers.flood.as_ref().ok_or(NoSeason::NoLanes)?;
            let passing = Spells { seed, azure: &azure, fleet: &fleet, client: &client, flood, met: &met };
            spells = passing.pass(length).await;
            bakers
        }
    };
    ends.store(true, Ordering::Relaxed);
    let Legacy { heirs, of_patient, fortune } = bakers.end().await?;

    for faults in [azure.identity.faults(), azure.key_vault.faults(), azure.cosmos.faults()] {
        faults.clear();
    }
    fleet.peace().await;
    client.finish().await;
    let heir = heirs.first().ok_or(NoSeason::NoLanes)?;
    happened.recovery = calm::recover(&client, heir, &recorder).await;
    let calm = Instant::now();
    calm::ask_all(&client, &heirs, calm::CALM).await;
    client.finish().await;
    let happened = Happened { faults: met.take(), fortune, ..happened }.with(&fleet.blows);
    let made_anew = match season {
        Season::Storm => {
            fleet.end().await;
            None
        }
        Season::Spells => {
            let places = setup.places(&azure, programs, &folder)?;
            let (client, recorder) = (&client, &recorder);
            let anew = Anew { azure: &azure, client, recorder, heirs: &heirs, of_patient: &of_patient, programs };
            Some(anew.make(fleet, places).await?)
        }
    };

    let recorded = recorder.take();
    let stored: Result<Vec<_>, _> = azure.cosmos.history().await.iter().map(mark).collect();
    let tokens = azure.identity.tokens().into_iter().map(|text| Secret { name: "a token", text });
    let others = [
        Secret { name: "the identity header", text: azure.identity.secret().to_owned() },
        Secret { name: "the authentication of a request", text: AUTHENTICATIONS_BEGIN.to_owned() },
    ];
    let honest = keys.iter().skip(setup.shared_keys.into()).map(|key| Arc::clone(&key.address)).collect();
    let regions = azure.cosmos.regions().iter().map(|region| region.requests(Operation::Other));
    let history = History {
        start,
        calm,
        deadline: setup.deadline,
        keys: keys.iter().map(|key| (Arc::clone(&key.address), key.public_key)).collect(),
        asked: recorded.asked,
        stored: stored?,
        other_operations: regions.fold(azure.cosmos.requests(Operation::Other), u64::saturating_add),
        down: recorded.down,
        paused: recorded.paused,
        troubles: recorded.troubles,
        lines: recorded.lines,
        secrets: tokens.chain(others).collect(),
        spells,
        made_anew,
        honest,
    };
    Ok(Outcome { history, happened })
}

impl Happened {
    /// With what was done to the signers.
    fn with(self, blows: &Blows) -> Self {
        let count = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Self {
            kills: count(&blows.kills),
            pauses: count(&blows.pauses),
            jumps: count(&blows.jumps),
            jumps_seen: count(&blows.jumps_seen),
            ..self
        }
    }
}

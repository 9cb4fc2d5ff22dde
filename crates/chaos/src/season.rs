//! A season with bakers that send requests to the signers, from the start of all processes to the last answer in the calm: at most
//! about a minute, so that its history fits into memory.

use crate::baker::LastMark;
use crate::calm;
use crate::client::Client;
use crate::dice::Seed;
use crate::disrupt::disrupt;
use crate::error::SeasonError;
use crate::fleet::Fleet;
use crate::history::{History, Recorder};
use crate::interventions::Interventions;
use crate::loss_drill::LossDrill;
use crate::operator::StopOperator;
use crate::outcome::{Happened, Outcome, history_of};
use crate::setup::{AUTHENTICATING, BakerResults, Bakers, CLOCKS, PLACES, Programs, Season, Setup};
use crate::spells::Spells;
use crate::storm::{Met, faults_of, plan};
use stand_ins::{Azure, CosmosOptions, Operation, Options};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Runs a season. `length` is the duration of the storm, or of all spells together.
pub(crate) async fn run(
    season: Season,
    programs: &Programs,
    seed: Seed,
    length: Duration,
) -> Result<Outcome, SeasonError> {
    let setup = Setup::of(season);
    let regions = setup.regions.iter().map(|region| (*region).to_owned()).collect();
    let cosmos = CosmosOptions { keeps_history: true, regions, ..CosmosOptions::default() };
    let options = Options { cosmos, token_life: setup.token_life, ..Options::default() };
    let azure = Arc::new(Azure::try_start(options).await.map_err(SeasonError::StandIns)?);
    // An operator lists the marks of a key.
    azure.cosmos.allow_query(true);
    let keys = setup.keys()?;
    for key in &keys {
        azure.key_vault.add_key(key.for_vault());
    }
    let recorder = Arc::<Recorder>::default();
    let client = Arc::new(Client::new(PLACES, vec![AUTHENTICATING], Arc::clone(&recorder)));
    let folder = TempDir::new().map_err(SeasonError::Clocks)?;
    let fleet = Fleet::start(setup.places(&azure, programs, &folder)?, &client, &recorder).await?;

    let (start, ends, met) = (Instant::now(), Arc::<AtomicBool>::default(), Met::default());
    let mut happened = Happened::default();
    let mut spells = Vec::new();
    let deadline = setup.deadline.as_millis().to_string();
    let deadlines = ["REQUEST_DEADLINE_MS", "RELAY_DEADLINE_MS"].map(|name| (name, deadline.clone()));
    let operator = StopOperator::new(&azure, programs, &recorder, deadlines);
    let intervene = |bakers: &Bakers| {
        let (operator, keys, ends) = (operator.clone(), bakers.stopped.clone(), Arc::clone(&ends));
        tokio::spawn(Interventions { seed, operator, keys, ends }.run())
    };
    let (bakers, interventions) = match season {
        Season::Storm => {
            for faults in faults_of(&azure) {
                met.follow(faults, plan(seed));
            }
            let bakers = Bakers::start(season, &keys, seed, &client, &ends);
            let interventions = intervene(&bakers);
            let clocks = if programs.with_clock.is_some() { &CLOCKS[..] } else { &[] };
            happened.outages = disrupt(seed, start + length, &fleet, &azure, clocks).await;
            (bakers, interventions)
        }
        Season::Spells | Season::Relays => {
            let first = keys.first().ok_or(SeasonError::NoLanes)?;
            calm::recover(&client, &LastMark::new(first, [0xff; 4]), &recorder).await;
            let bakers = Bakers::start(season, &keys, seed, &client, &ends);
            let interventions = intervene(&bakers);
            let flood = bakers.flood.as_ref().ok_or(SeasonError::NoLanes)?;
            let passing = Spells { seed, azure: &azure, fleet: &fleet, client: &client, flood, met: &met };
            spells = passing.pass(length).await;
            (bakers, interventions)
        }
    };
    ends.store(true, Ordering::Relaxed);
    let BakerResults { mut last_marks, stopped_marks, patient_marks, relay_stats } = bakers.end().await?;

    for faults in faults_of(&azure) {
        faults.clear();
    }
    fleet.settle().await;
    interventions.await.map_err(SeasonError::Baker)??;
    // The first release signs nothing with a key that was resumed, until it is restarted.
    if programs.other.is_none() {
        last_marks.extend(stopped_marks);
    }
    client.finish().await;
    let last_mark = last_marks.first().ok_or(SeasonError::NoLanes)?;
    happened.recovery = calm::recover(&client, last_mark, &recorder).await;
    let calm = Instant::now();
    calm::request_all(&client, &last_marks, calm::CALM).await;
    client.finish().await;
    let happened = Happened { faults: met.take(), relay_stats, ..happened }.with(&fleet.counts);
    let container_loss = match season {
        Season::Storm => {
            fleet.end().await;
            None
        }
        Season::Spells | Season::Relays => {
            let places = setup.places(&azure, programs, &folder)?;
            let (client, recorder) = (&client, &recorder);
            let drill = LossDrill {
                azure: &azure,
                client,
                recorder,
                last_marks: &last_marks,
                patient_marks: &patient_marks,
                programs,
            };
            Some(drill.run(fleet, places).await?)
        }
    };

    let honest = setup.honest(&keys).map(|key| Arc::clone(&key.address)).collect();
    let history = history_of(&recorder, &azure, &keys, start, calm, setup.deadline).await?;
    let regions = azure.cosmos.regions().iter().map(|region| region.requests(Operation::Other));
    let other_operations = regions.fold(history.other_operations, u64::saturating_add);
    let history = History { other_operations, spells, container_loss, honest, ..history };
    Ok(Outcome { history, happened })
}

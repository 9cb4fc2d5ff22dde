//! Runs the season with relays.

use super::apps::{Apps, FUNCTION_KEY};
use super::disrupt::{disrupt_relays, misdirect_apps};
use super::drill::Drill;
use super::processes::{relays, signers};
use super::trouble::Regions;
use super::{FIRST_SIGNER, REGIONS};
use crate::baker::LastMark;
use crate::calm;
use crate::client::Client;
use crate::dice::Seed;
use crate::disrupt::disrupt;
use crate::error::SeasonError;
use crate::fleet::Fleet;
use crate::history::{History, Recorder, Secret, Stretch};
use crate::outcome::{Happened, Outcome, history_of, secrets};
use crate::setup::{BakerResults, Bakers, PLACES, Programs, Season, Setup};
use crate::storm::{Met, plan};
use stand_ins::{Azure, CosmosOptions, Faults, Options};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The share of the storm, in percent.
const STORM_PERCENT: u32 = 35;

/// Name of the storm in the figures.
const STORM: &str = "storm with relays";

/// How long a request that was sent in the storm may wait for what happened there.
const RECOVERY: Duration = Duration::from_secs(1);

/// Runs the season. `length` is the duration of the storm and of the regions' trouble together.
pub(crate) async fn run(programs: &Programs, seed: Seed, length: Duration) -> Result<Outcome, SeasonError> {
    let setup = Setup::of(Season::Relays);
    let azure = start_regions(setup).await?;
    let account = azure.first().ok_or(SeasonError::NoLanes)?;
    let keys = setup.keys()?;
    for azure in &azure {
        for key in &keys {
            azure.key_vault.add_key(key.for_vault());
        }
    }
    let folder = TempDir::new().map_err(SeasonError::Folder)?;
    let apps = Arc::new(Apps::start(folder.path()).map_err(SeasonError::StandIns)?);
    let recorder = Arc::<Recorder>::default();
    let client = Arc::new(Client::new(PLACES, Vec::new(), Arc::clone(&recorder)));
    let signing = Fleet::start(signers(setup, &azure, programs, folder.path()), &apps, &recorder).await?;
    let relaying = Fleet::start(relays(&apps, programs, folder.path(), &[]), &client, &recorder).await?;
    let met = Met::default();
    let regions = Regions { seed, azure: &azure, apps: &apps, signers: &signing, recorder: &recorder, met: &met };
    let first = keys.first().ok_or(SeasonError::NoLanes)?;
    calm::recover(&client, &LastMark::new(first, [0xff; 4]), &recorder).await;

    let (start, ends) = (Instant::now(), Arc::<AtomicBool>::default());
    let storm_ends = start + length * STORM_PERCENT / 100;
    for (faults, region) in all_faults(&azure, &apps) {
        met.follow(faults, plan(Seed(seed.0.wrapping_add(region))));
    }
    let bakers = Bakers::start(Season::Relays, &keys, seed, &client, &ends);
    let disrupting = async {
        let storm_of_signers = disrupt(seed, storm_ends, &signing, account, &[]);
        let (outages, ()) = tokio::join!(storm_of_signers, misdirect_apps(seed, &apps, storm_ends));
        all_faults(&azure, &apps).for_each(|(faults, _)| faults.clear());
        for region in 0..REGIONS {
            regions.ready(region).await;
        }
        let mut stretches = vec![Stretch { from: start, to: Instant::now(), name: STORM, recovery: Some(RECOVERY) }];
        stretches.extend(regions.trouble_until(Instant::now() + length * (100 - STORM_PERCENT) / 100).await);
        (outages, stretches)
    };
    let ending = async {
        let happened = disrupting.await;
        ends.store(true, Ordering::Relaxed);
        happened
    };
    let (outages, spells) = tokio::join!(ending, disrupt_relays(seed, &relaying, &ends)).0;
    let BakerResults { last_marks, .. } = bakers.end().await?;
    relaying.settle().await;
    client.finish().await;
    let last_mark = last_marks.first().ok_or(SeasonError::NoLanes)?;
    let recovery = calm::recover(&client, last_mark, &recorder).await;
    let calm = Instant::now();
    calm::request_all(&client, &last_marks, calm::CALM).await;
    client.finish().await;
    let mut happened = Happened { faults: met.take(), outages, recovery, ..Happened::default() }.with(&signing.counts);
    happened.relay_kills = relaying.counts.kills.load(Ordering::Relaxed);
    happened.relay_pauses = relaying.counts.pauses.load(Ordering::Relaxed);
    let drill = Drill {
        apps: &apps,
        client: &client,
        recorder: &recorder,
        last_marks: &last_marks,
        programs,
        folder: folder.path(),
    };
    let other_store = drill.run(relaying).await?;
    signing.end().await;

    let function_key = Secret { name: "the function key", text: FUNCTION_KEY.to_owned() };
    let history = History {
        secrets: azure.iter().flat_map(|azure| secrets(azure)).chain([function_key]).collect(),
        spells,
        relays: FIRST_SIGNER,
        other_store: Some(other_store),
        ..history_of(&recorder, account, &keys, start, calm, setup.deadline).await?
    };
    Ok(Outcome { history, happened })
}

/// The services of both regions. The first region has the Cosmos DB account.
async fn start_regions(setup: &Setup) -> Result<Vec<Arc<Azure>>, SeasonError> {
    let regions = setup.regions.iter().map(|region| (*region).to_owned()).collect();
    let cosmos = CosmosOptions { keeps_history: true, regions, ..CosmosOptions::default() };
    let options = Options { cosmos, token_life: setup.token_life, ..Options::default() };
    let first = Azure::try_start(options.clone()).await.map_err(SeasonError::StandIns)?;
    let mut all = vec![Arc::new(first)];
    while all.len() < REGIONS {
        let first = all.first().ok_or(SeasonError::NoLanes)?;
        let other = first.try_start_other_region(options.clone()).await.map_err(SeasonError::StandIns)?;
        all.push(Arc::new(other));
    }
    Ok(all)
}

/// The faults of all services, with the number of their region.
fn all_faults<'a>(azure: &'a [Arc<Azure>], apps: &'a Apps) -> impl Iterator<Item = (&'a Faults, u64)> {
    let account = azure.first().map(|azure| (azure.cosmos.faults(), 0));
    let services = azure.iter().zip(apps.all()).zip(0..);
    let of_regions = services.flat_map(|((azure, app), region)| {
        [azure.identity.faults(), azure.key_vault.faults(), app.faults()].map(|faults| (faults, region))
    });
    account.into_iter().chain(of_regions)
}

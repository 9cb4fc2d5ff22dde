//! One run from the start of everything to the last answer in the calm: at most a few minutes, so that all that happened
//! fits into memory.

use crate::baker::{Fortune, Heir, HonestBaker, Lane};
use crate::calm::{self, Recovery};
use crate::client::Client;
use crate::clock::WallClock;
use crate::dice::Seed;
use crate::fleet::{Blow, Fleet, NotStarted, Place};
use crate::history::{History, MarkId, Recorder, Secret, Stored};
use crate::keys::{AUTHENTICATIONS_BEGIN, Authorized, BakerKey};
use crate::payload::{Kind, Position};
use crate::storm::{Disruption, Met, Service, disruption};
use serde::Deserialize;
use stand_ins::{Azure, CosmosOptions, Operation, Options, StoredItem};
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use thiserror::Error;
use tokio::task::JoinHandle;

/// What is run.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    /// The shipped program.
    pub(crate) signer: PathBuf,
    /// The same program, linked so that its clock can be set, and the library that does it.
    pub(crate) with_clock: Option<(PathBuf, PathBuf)>,
}

/// How many signers there are.
const PLACES: usize = 4;

/// Those whose wall clocks jump, if they can.
const CLOCKS: [usize; 2] = [2, 3];

/// The one that wants requests authenticated.
const AUTHENTICATING: usize = 1;

/// Keys for which two bakers ask, and keys of one baker.
const SHARED_KEYS: u8 = 6;
const HONEST_KEYS: u8 = 2;

/// On so many chains at a time two bakers ask for each kind of each shared key.
const CHAINS: usize = 3;

/// What the signers are told of time. Short, so that much happens in a run.
const DEADLINE: Duration = Duration::from_secs(1);
const SETTINGS: [(&str, &str); 6] = [
    ("SIGNER_LISTEN", "127.0.0.1:0"),
    ("LOG_FORMAT", "json"),
    ("REQUEST_DEADLINE_MS", "1000"),
    ("STORE_TRY_TIMEOUT_MS", "200"),
    ("VAULT_TRY_TIMEOUT_MS", "200"),
    ("KEYS_REFRESH_SECONDS", "10"),
];

/// Tokens end soon, so that they are renewed often.
const TOKEN_LIFE: Duration = Duration::from_secs(30);

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
}

/// Runs a season.
pub(crate) async fn run(programs: &Programs, seed: Seed, length: Duration) -> Result<Outcome, NoSeason> {
    let cosmos = CosmosOptions { keeps_history: true, ..CosmosOptions::default() };
    let options = Options { cosmos, token_life: TOKEN_LIFE, ..Options::default() };
    let azure = Arc::new(Azure::try_start(options).await.map_err(NoSeason::StandIns)?);
    let keys: Vec<BakerKey> = (1..=SHARED_KEYS + HONEST_KEYS)
        .map(|number| BakerKey::of_number(number).ok_or(NoSeason::Key(number)))
        .collect::<Result<_, _>>()?;
    for key in &keys {
        azure.key_vault.add_key(key.for_vault());
    }
    let recorder = Arc::<Recorder>::default();
    let client = Arc::new(Client::new(PLACES, vec![AUTHENTICATING], Arc::clone(&recorder)));
    let folder = TempDir::new().map_err(NoSeason::Clocks)?;
    let fleet = Fleet::start(places(&azure, programs, &folder)?, &client, &recorder).await?;

    let met = Met::default();
    for faults in [azure.identity.faults(), azure.key_vault.faults(), azure.cosmos.faults()] {
        met.follow(seed, faults);
    }
    let (start, ends) = (Instant::now(), Arc::<AtomicBool>::default());
    let bakers = Bakers::start(&keys, seed, &client, &ends);
    let outages = disrupt(seed, start + length, &fleet, &azure, programs.with_clock.is_some()).await;
    ends.store(true, Ordering::Relaxed);
    let (heirs, fortune) = bakers.end().await?;

    for faults in [azure.identity.faults(), azure.key_vault.faults(), azure.cosmos.faults()] {
        faults.clear();
    }
    fleet.peace().await;
    client.finish().await;
    let heir = heirs.first().ok_or(NoSeason::NoLanes)?;
    let recovery = calm::recover(&client, heir, &recorder).await;
    let calm = Instant::now();
    calm::ask_all(&client, &heirs).await;
    client.finish().await;
    let blows = Arc::clone(&fleet.blows);
    fleet.end().await;

    let count = |number: &std::sync::atomic::AtomicU64| number.load(Ordering::Relaxed);
    let happened = Happened {
        faults: met.take(),
        kills: count(&blows.kills),
        pauses: count(&blows.pauses),
        jumps: count(&blows.jumps),
        jumps_seen: count(&blows.jumps_seen),
        outages,
        fortune,
        recovery,
    };
    let recorded = recorder.take();
    let stored: Result<Vec<_>, _> = azure.cosmos.history().await.iter().map(mark).collect();
    let tokens = azure.identity.tokens().into_iter().map(|text| Secret { name: "a token", text });
    let others = [
        Secret { name: "the identity header", text: azure.identity.secret().to_owned() },
        Secret { name: "the authentication of a request", text: AUTHENTICATIONS_BEGIN.to_owned() },
    ];
    let history = History {
        start,
        calm,
        deadline: DEADLINE,
        keys: keys.iter().map(|key| (Arc::clone(&key.address), key.public_key)).collect(),
        asked: recorded.asked,
        stored: stored?,
        other_operations: azure.cosmos.requests(Operation::Other),
        down: recorded.down,
        paused: recorded.paused,
        troubles: recorded.troubles,
        lines: recorded.lines,
        secrets: tokens.chain(others).collect(),
    };
    Ok(Outcome { history, happened })
}

fn places(azure: &Azure, programs: &Programs, folder: &TempDir) -> Result<Vec<Place>, NoSeason> {
    let place = |number| {
        let mut environment = azure.environment();
        environment.extend(SETTINGS.map(|(name, value)| (name, value.to_owned())));
        if number == AUTHENTICATING {
            environment.push(("AUTHORIZED_KEYS", Authorized::new().public_key()));
        }
        if number == 0 {
            environment.push(("VAULT_HEDGE_MS", "60".to_owned()));
        }
        let with_clock = programs.with_clock.as_ref().filter(|_| CLOCKS.contains(&number));
        let clock = with_clock.map(|(_, library)| WallClock::new(library, folder.path(), number)).transpose();
        let clock = clock.map_err(NoSeason::Clocks)?;
        let program = with_clock.map_or(&programs.signer, |(program, _)| program).clone();
        Ok(Place { number, program, environment, clock })
    };
    (0..PLACES).map(place).collect()
}

/// All who ask.
struct Bakers {
    lanes: Vec<JoinHandle<Heir>>,
    honest: Vec<JoinHandle<Fortune>>,
}

impl Bakers {
    fn start(keys: &[BakerKey], seed: Seed, client: &Arc<Client>, ends: &Arc<AtomicBool>) -> Self {
        let (shared, honest) = keys.split_at(keys.len().min(SHARED_KEYS.into()));
        let lanes = shared.iter().flat_map(|key| Kind::ALL.map(|kind| [(key, kind); CHAINS])).flatten();
        let lane = |(number, (key, kind)): (u16, (&BakerKey, Kind))| {
            let (client, ends) = (Arc::clone(client), Arc::clone(ends));
            tokio::spawn(Lane { number, seed, key: key.clone(), kind, client, ends }.run())
        };
        let honest = honest.iter().map(|key| {
            let (client, ends) = (Arc::clone(client), Arc::clone(ends));
            tokio::spawn(HonestBaker { key: key.clone(), client, ends }.run())
        });
        Self { lanes: (0..).zip(lanes).map(lane).collect(), honest: honest.collect() }
    }

    async fn end(self) -> Result<(Vec<Heir>, Fortune), NoSeason> {
        let mut heirs = Vec::new();
        for lane in self.lanes {
            heirs.push(lane.await.map_err(NoSeason::Baker)?);
        }
        let mut fortune = Fortune::default();
        for baker in self.honest {
            fortune.add(baker.await.map_err(NoSeason::Baker)?);
        }
        Ok((heirs, fortune))
    }
}

/// Disrupts until the end; returns the number of outages.
async fn disrupt(seed: Seed, end: Instant, fleet: &Fleet, azure: &Arc<Azure>, has_clocks: bool) -> u64 {
    let clocks = if has_clocks { &CLOCKS[..] } else { &[] };
    let (mut outages, mut refusing) = (0, Vec::new());
    let mut at = Instant::now();
    for number in 0.. {
        let (gap, disruption) = disruption(seed, number, PLACES, clocks);
        at += gap;
        tokio::time::sleep_until(at.min(end).into()).await;
        if at >= end {
            break;
        }
        match disruption {
            None => {}
            Some(Disruption::Kill { place, down }) => fleet.strike(place, Blow::Kill { down }),
            Some(Disruption::Pause { place, length }) => fleet.strike(place, Blow::Pause { length }),
            Some(Disruption::Jump { place, offset }) => fleet.strike(place, Blow::Jump { offset }),
            Some(Disruption::Freeze(service)) => {
                freeze(azure, service);
                outages += 1;
            }
            Some(Disruption::Refuse(service, length)) => {
                let azure = Arc::clone(azure);
                refusing.push(tokio::spawn(async move {
                    refuse(&azure, service, true);
                    tokio::time::sleep(length).await;
                    refuse(&azure, service, false);
                }));
                outages += 1;
            }
            Some(Disruption::Revoke) => {
                azure.identity.revoke_all();
                outages += 1;
            }
        }
    }
    for refusing in refusing {
        drop(refusing.await);
    }
    outages
}

fn freeze(azure: &Azure, service: Service) {
    match service {
        Service::Identity => azure.identity.freeze_connections(),
        Service::KeyVault => azure.key_vault.freeze_connections(),
        Service::Cosmos => azure.cosmos.freeze_connections(),
    }
}

fn refuse(azure: &Azure, service: Service, refuse: bool) {
    match service {
        Service::Identity => azure.identity.refuse_connections(refuse),
        Service::KeyVault => azure.key_vault.refuse_connections(refuse),
        Service::Cosmos => azure.cosmos.refuse_connections(refuse),
    }
}

/// A mark as the signer writes it.
#[derive(Deserialize)]
struct Item {
    id: String,
    pkh: String,
    level: u32,
    round: u32,
    digest: Option<String>,
    signature: Option<Box<str>>,
}

fn mark(stored: &StoredItem) -> Result<Stored, NoSeason> {
    let no_mark = || NoSeason::NoMark(String::from_utf8_lossy(&stored.body).into_owned());
    let item: Item = serde_json::from_slice(&stored.body).map_err(|_| no_mark())?;
    let [chain, key, kind] = item.id.split(':').collect::<Vec<_>>()[..] else { return Err(no_mark()) };
    let kind = Kind::ALL.into_iter().find(|known| known.to_string() == kind).ok_or_else(no_mark)?;
    let chain = bs58::decode(chain).with_check(None).into_vec().map_err(|_| no_mark())?;
    let chain = chain.last_chunk().copied().ok_or_else(no_mark)?;
    let digest = item.digest.map(|text| {
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest).map(|()| digest)
    });
    if item.pkh != key {
        return Err(no_mark());
    }
    Ok(Stored {
        at: stored.at,
        id: MarkId { chain, key: key.into(), kind },
        is_created: stored.operation == Operation::CreateItem,
        position: Position { level: item.level, round: item.round },
        digest: digest.transpose().map_err(|_| no_mark())?,
        signature: item.signature,
    })
}

//! The signers watch the chain that their own votes and blocks make: nobody is alarmed, whatever happens to signers, nodes and
//! Azure. Then a second signer with the same key and its own marks votes differently, and the key is stopped within one block.

mod bakers;
mod nodes;
mod second_signer;

use crate::client::Client;
use crate::dice::{Seed, Stream};
use crate::error::SeasonError;
use crate::fleet::{Fleet, Place, SignerAction};
use crate::history::{ForeignVote, History, Recorder, Watched};
use crate::keys::BakerKey;
use crate::outcome::history_of;
use crate::release::Installed;
use crate::setup::{PLACES, Programs, azure_with, first_keys, signer};
use crate::storm::{Met, faults_of, plan};
use bakers::{Bakers, Counts, Voted};
use nodes::Nodes;
use oracle::chain::{Baker, Chain, Key, Network};
use oracle::crypto::Curve;
use stand_ins::{Azure, SharedChain};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Bakers whose keys are in the vault: the first ones on the chain.
const OURS: usize = 3;

/// Mainnet's level in November 2026, which the signers' clocks allow.
const LEVEL: i32 = 15_900_000;

/// How long the chain goes on before a second signer appears.
const LIFE: Duration = Duration::from_secs(12);

/// The pace of the chain, about 30 times that of mainnet.
const BLOCK_TIME: Duration = Duration::from_millis(200);

/// Mainnet's: within this time, the key must be stopped.
const MAINNETS_BLOCK_TIME: Duration = Duration::from_secs(6);

/// How long all signers may take to sign again.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(20);

/// Levels after the stop.
const LEVELS_AFTERWARDS: u32 = 4;

/// The request deadline of the signers.
const DEADLINE: Duration = Duration::from_secs(1);

const SETTINGS: [(&str, &str); 7] = [
    ("SIGNER_LISTEN", "127.0.0.1:0"),
    ("LOG_FORMAT", "json"),
    ("REQUEST_DEADLINE_MS", "1000"),
    ("STORE_HEDGE_MS", "200"),
    ("VAULT_HEDGE_MS", "200"),
    ("HEAD_REFRESH_MS", "100"),
    ("HEAD_MAX_AGE_MS", "2000"),
];

/// What the drill has measured.
#[derive(Debug, Clone)]
pub(crate) struct ChainFigures {
    counts: Counts,
    kills: u64,
    pauses: u64,
    node_troubles: u64,
    /// From the block with the foreign vote to the key's stop item, and to the last of its three marks.
    stopped: Option<[Duration; 2]>,
    /// Signatures with the key that were requested after that block.
    signed_after: usize,
}

/// Carries out the drill. Returns the history for the judge, too.
pub(crate) async fn run(programs: &Programs, seed: Seed) -> Result<(History, ChainFigures), SeasonError> {
    let keys = first_keys(u8::try_from(OURS).unwrap_or_default())?;
    let azure = azure_with(&keys).await?;
    let chain = chain_of(&keys)?;
    let nodes = Nodes::start(&chain).map_err(SeasonError::StandIns)?;
    let recorder = Arc::<Recorder>::default();
    let client = Arc::new(Client::new(PLACES, Vec::new(), Arc::clone(&recorder)));
    let fleet = Fleet::start(places(&azure, programs, &nodes), &client, &recorder).await?;
    let mut bakers = Bakers { keys, chain, client, counts: Counts::default() };

    let start = Instant::now();
    let mut dice = seed.dice(Stream::Chain, 0);
    let mut tip = bakers.vote_for_head(&mut dice).await;
    for _ in 0..LEVELS_AFTERWARDS {
        tip = bakers.next_level(&mut dice, &tip).await;
    }
    let met = Met::default();
    for faults in faults_of(&azure) {
        met.follow(faults, plan(seed));
    }
    let end = Instant::now() + LIFE;
    let living = live(&mut bakers, seed, tip, end);
    let (mut tip, (), node_troubles) = tokio::join!(living, disrupt(seed, &fleet, end), nodes.trouble(seed, end));
    for faults in faults_of(&azure) {
        faults.clear();
    }
    fleet.settle().await;
    tip = recover(&mut bakers, seed, tip, &recorder).await;

    let (foreign, mut tip) = second_signer::appears(&azure, programs, &mut bakers, &mut dice, &tip).await?;
    for _ in 0..LEVELS_AFTERWARDS {
        tip = bakers.next_level(&mut dice, &tip).await;
    }
    bakers.client.finish().await;
    for place in (0..PLACES).filter(|place| !recorder.has_signed_since(*place, foreign.next_block)) {
        recorder.trouble(place, "signs with no key after another one was stopped".to_owned());
    }
    let (kills, pauses) = (fleet.counts.kills.load(Ordering::Relaxed), fleet.counts.pauses.load(Ordering::Relaxed));
    fleet.end().await;
    let history = history_of(&recorder, &azure, &bakers.keys, start, Instant::now(), DEADLINE).await?;
    let history = History { watched: Some(Watched { foreign: Some(foreign.clone()) }), ..history };
    let figures = ChainFigures {
        counts: bakers.counts,
        kills,
        pauses,
        node_troubles,
        stopped: stopped(&history, &foreign),
        signed_after: signed_after(&history, &foreign),
    };
    Ok((history, figures))
}

/// A chain like mainnet, now. Our bakers have one slot each, and the others are a quorum.
fn chain_of(keys: &[BakerKey]) -> Result<SharedChain, SeasonError> {
    let ours: Option<Vec<_>> = keys.iter().map(|key| Some(Baker::new(key.on_chain()?))).collect();
    let other = |name| Baker::new(Key::of_name(Curve::Ed25519, name)).with_slots(3);
    let bakers: Vec<_> = ours.ok_or(SeasonError::NoLanes)?.into_iter().chain(["a", "b", "c"].map(other)).collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let timestamp = i64::try_from(now).unwrap_or(i64::MAX);
    Ok(SharedChain::new(Chain::new(Network::new(bakers), LEVEL, timestamp)))
}

fn places(azure: &Azure, programs: &Programs, nodes: &Nodes) -> Vec<Place> {
    let place = |number| {
        let mut place = signer(number, Installed::at(number, &programs.signer, None), azure, &SETTINGS);
        place.environment.push(("NODE_URLS", nodes.urls()));
        place
    };
    (0..PLACES).map(place).collect()
}

/// The chain goes on until the end. Returns the block that it goes on from.
async fn live(bakers: &mut Bakers, seed: Seed, mut tip: Voted, end: Instant) -> Voted {
    for number in 1.. {
        let at = Instant::now();
        if at >= end {
            break;
        }
        tip = bakers.next_level(&mut seed.dice(Stream::Chain, number), &tip).await;
        tokio::time::sleep_until((at + BLOCK_TIME).into()).await;
    }
    tip
}

/// Kills and pauses signers until the end.
async fn disrupt(seed: Seed, fleet: &Fleet, end: Instant) {
    for number in 0.. {
        let mut dice = seed.dice(Stream::Disruptions, number);
        tokio::time::sleep(dice.ms(400..1_500)).await;
        if Instant::now() >= end {
            break;
        }
        let place = dice.index(fleet.len());
        if dice.chance(60.0) {
            fleet.send(place, SignerAction::Kill { down: dice.ms(0..400) });
        } else {
            fleet.send(place, SignerAction::Pause { length: dice.ms(1_200..2_200) });
        }
    }
}

/// The chain goes on until all signers have signed something.
async fn recover(bakers: &mut Bakers, seed: Seed, mut tip: Voted, recorder: &Recorder) -> Voted {
    let start = Instant::now();
    let mut dice = seed.dice(Stream::Chain, 0);
    while !(0..PLACES).all(|place| recorder.has_signed_since(place, start)) {
        if start.elapsed() > RECOVERY_TIMEOUT {
            recorder.trouble(0, format!("not all signers sign {RECOVERY_TIMEOUT:?} after the last fault"));
            break;
        }
        tip = bakers.next_level(&mut dice, &tip).await;
    }
    tip
}

/// From the block with the foreign vote to the key's stop item, and to the last of its marks.
fn stopped(history: &History, foreign: &ForeignVote) -> Option<[Duration; 2]> {
    let item = history.stop_items.iter().find(|item| item.key == foreign.key && !item.stops.is_empty())?;
    let mut marks: Vec<_> =
        history.stored.iter().filter(|stored| stored.id.key == foreign.key && stored.is_stopped()).collect();
    marks.dedup_by_key(|stored| stored.id.clone());
    let last = marks.iter().map(|stored| stored.at).max()?;
    Some([item.at, last].map(|at| at.saturating_duration_since(foreign.shown)))
}

fn signed_after(history: &History, foreign: &ForeignVote) -> usize {
    let of_key = history.exchanges.iter().filter(|exchange| exchange.key == foreign.key);
    of_key.filter(|it| it.at > foreign.shown && it.is_signed()).count()
}

impl ChainFigures {
    /// The figures as rows of the report.
    pub(crate) fn rows(&self) -> Vec<(&'static str, String)> {
        let Self { counts, kills, pauses, node_troubles, stopped, signed_after } = self;
        let Counts { levels, later_rounds, reorganisations, earlier_rounds, votes, blocks } = counts;
        let stopped = match stopped {
            Some([item, marks]) => format!(
                "the key was stopped {} ms after the block, all of its marks after {} ms",
                item.as_millis(),
                marks.as_millis()
            ),
            None => "the key was not stopped".to_owned(),
        };
        vec![
            ("watching the chain", format!("{levels} levels with {votes} votes and {blocks} blocks of ours")),
            (
                "  rounds",
                format!(
                    "{later_rounds} later ones, {reorganisations} reorganisations, {earlier_rounds} back to an earlier round"
                ),
            ),
            ("  trouble", format!("{kills} kills, {pauses} pauses, {node_troubles} of nodes")),
            ("  a second signer", stopped),
            ("", format!("{signed_after} signatures were requested after the block, before the next one")),
        ]
    }
}

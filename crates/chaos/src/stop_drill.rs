//! A stop while four signers sign at full rate with the same key: one of them is suspended during the stop, one creates its first
//! marks, and one is another release, if there are two.

use crate::baker::{answer, results};
use crate::client::Client;
use crate::dice::{Seed, Stream};
use crate::error::SeasonError;
use crate::fleet::{Fleet, Place, SignerAction};
use crate::history::{History, Recorder, StopCommand, Trouble};
use crate::judge::stops::complete;
use crate::keys::BakerKey;
use crate::operator::StopOperator;
use crate::outcome::history_of;
use crate::payload::{Kind, Position, Variant, payload};
use crate::release::Installed;
use crate::setup::{PLACES, Programs, azure_with, first_keys, owned, signer};
use crate::stop_figures::StopFigures;
use stand_ins::Azure;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The signer that is suspended.
const SUSPENDED: usize = 0;
/// The signer of the other release.
const OTHER_RELEASE: usize = 1;
/// The signer that creates its first marks.
const FIRST_MARKS: usize = 2;

/// The chain of all but the one that creates its first marks.
const CHAIN: [u8; 4] = [0xf8; 4];

/// Stops, each of another key.
const ROUNDS: u8 = 2;

/// How long bakers sign before the stop.
const SIGNING: Duration = Duration::from_millis(700);

/// Between two first marks: a signer accepts 64 chains of a key.
const NEW_CHAIN_INTERVAL: Duration = Duration::from_millis(75);

/// How long bakers go on afterwards.
const AFTERWARDS: Duration = Duration::from_secs(2);

/// The deadline of requests and of relays, for which a stop waits.
const DEADLINE: Duration = Duration::from_secs(1);
const SETTINGS: [(&str, &str); 5] = [
    ("SIGNER_LISTEN", "127.0.0.1:0"),
    ("LOG_FORMAT", "json"),
    ("KEYS_REFRESH_SECONDS", "1"),
    ("REQUEST_DEADLINE_MS", "1000"),
    ("RELAY_DEADLINE_MS", "1000"),
];

/// What the drill has measured.
#[derive(Debug, Clone)]
pub(crate) struct StopDrillFigures {
    pub(crate) stops: StopFigures,
    /// Signatures.
    pub(crate) signed: usize,
    /// From the start of each stop until the last signature left.
    pub(crate) last_left: Vec<Duration>,
}

/// Carries out the drill. Returns the history for the judge, too.
pub(crate) async fn run(programs: &Programs, seed: Seed) -> Result<(History, StopDrillFigures), SeasonError> {
    let keys = first_keys(ROUNDS)?;
    let azure = azure_with(&keys).await?;
    azure.cosmos.allow_query(true);
    let recorder = Arc::<Recorder>::default();
    let client = Arc::new(Client::new(PLACES, Vec::new(), Arc::clone(&recorder)));
    let fleet = Fleet::start(places(&azure, programs), &client, &recorder).await?;
    let operator = StopOperator::new(&azure, programs, &recorder, owned(&SETTINGS));
    let start = Instant::now();
    for (number, key) in (0..).zip(&keys) {
        stop(seed, number, key, &operator, &client, &fleet).await?;
    }
    client.finish().await;
    let calm = Instant::now();
    fleet.end().await;
    let mut history = history_of(&recorder, &azure, &keys, start, calm, DEADLINE).await?;
    history.troubles.extend(silent_signers(&history));
    let figures = StopDrillFigures::of(&history);
    Ok((history, figures))
}

fn places(azure: &Azure, programs: &Programs) -> Vec<Place> {
    let place = |number| {
        let other = programs.other.as_deref().filter(|_| number == OTHER_RELEASE);
        signer(number, Installed::at(number, &programs.signer, other), azure, &SETTINGS)
    };
    (0..PLACES).map(place).collect()
}

/// One stop, under load.
async fn stop(
    seed: Seed,
    number: u64,
    key: &BakerKey,
    operator: &StopOperator,
    client: &Arc<Client>,
    fleet: &Fleet,
) -> Result<(), SeasonError> {
    let mut dice = seed.dice(Stream::Stops, number);
    let (ends, level) = (Arc::<AtomicBool>::default(), Arc::new(AtomicU32::new(1_000)));
    let bake = |place, chain_of: fn(u32) -> [u8; 4], kind, pause| {
        let baker = FullRate {
            key: key.clone(),
            place,
            kind,
            chain_of,
            pause,
            client: Arc::clone(client),
            level: Arc::clone(&level),
            ends: Arc::clone(&ends),
        };
        tokio::spawn(baker.run())
    };
    let on_common_chain = (0..PLACES).filter(|place| *place != FIRST_MARKS);
    let common = on_common_chain.flat_map(|place| Kind::ALL.map(|kind| (place, kind)));
    let mut bakers: Vec<JoinHandle<()>> =
        common.map(|(place, kind)| bake(place, |_| CHAIN, kind, Duration::ZERO)).collect();
    tokio::time::sleep(SIGNING).await;
    bakers.push(bake(FIRST_MARKS, new_chain, Kind::Attestation, NEW_CHAIN_INTERVAL));
    tokio::time::sleep(dice.ms(0..300)).await;
    let (resume, suspended) = oneshot::channel();
    fleet.send(SUSPENDED, SignerAction::PauseUntil(suspended));
    tokio::time::sleep(dice.ms(0..100)).await;
    operator.stop(&key.address, "drill").await?;
    // Its supervisor may be gone, and has recorded why.
    let _ = resume.send(());
    tokio::time::sleep(AFTERWARDS).await;
    ends.store(true, Ordering::Relaxed);
    results(bakers).await?;
    Ok(())
}

/// A chain without marks, for the baker whose signer creates them.
fn new_chain(number: u32) -> [u8; 4] {
    let [.., last] = number.to_be_bytes();
    [0xf7, 0, 0, last]
}

/// Requests signatures of ever higher levels, one after the other.
struct FullRate {
    key: BakerKey,
    place: usize,
    kind: Kind,
    chain_of: fn(u32) -> [u8; 4],
    pause: Duration,
    client: Arc<Client>,
    level: Arc<AtomicU32>,
    ends: Arc<AtomicBool>,
}

impl FullRate {
    async fn run(self) {
        for number in 0.. {
            if self.ends.load(Ordering::Relaxed) {
                return;
            }
            let position = Position { level: self.level.fetch_add(1, Ordering::Relaxed), round: 0 };
            let payload = payload((self.chain_of)(number), self.kind, position, Variant::default());
            answer(self.client.request_now(self.place, &self.key, &payload.into())).await;
            tokio::time::sleep(self.pause).await;
        }
    }
}

/// Each signer must have refused something after each stop, or the stop was not tested there.
fn silent_signers(history: &History) -> Vec<Trouble> {
    let refused_after = |stop: &StopCommand, place: usize| {
        let mut of_key = history.exchanges.iter().filter(|exchange| exchange.key == stop.key);
        of_key.any(|it| it.place == place && it.at > stop.to && it.is_refused())
    };
    let silent = |stop| (0..PLACES).filter(move |place| !refused_after(stop, *place));
    let what = || "has refused nothing after the stop".to_owned();
    complete(history).flat_map(|stop| silent(stop).map(|place| Trouble { place, what: what() })).collect()
}

impl StopDrillFigures {
    fn of(history: &History) -> Self {
        let signed = || history.exchanges.iter().filter(|exchange| exchange.is_signed());
        let last_left = |stop: &StopCommand| {
            let of_key = signed().filter(|exchange| exchange.key == stop.key);
            of_key.map(|exchange| exchange.until.saturating_duration_since(stop.from)).max().unwrap_or_default()
        };
        Self {
            stops: StopFigures::of(history),
            signed: signed().count(),
            last_left: complete(history).map(last_left).collect(),
        }
    }

    /// The figures as rows of the report.
    pub(crate) fn rows(&self) -> Vec<(&'static str, String)> {
        let Self { stops, signed, last_left } = self;
        let seconds = |durations: &[Duration]| {
            let all: Vec<_> = durations.iter().map(|it| format!("{:.1}", it.as_secs_f64())).collect();
            all.join(" and ")
        };
        vec![
            ("stops at full rate", format!("{} s, with 4 signers and {signed} signatures", seconds(&stops.took))),
            ("  the last signature left", format!("{} s after the start of the command", seconds(last_left))),
            ("  after the stops", stops.after()),
        ]
    }
}

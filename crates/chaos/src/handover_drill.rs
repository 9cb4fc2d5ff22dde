//! A key is handed over to signers with another store, and back, while bakers request signatures from both all the time.
//!
//! The bakers of each side want other data signed than those of the other, so that whatever both sign is a double signature.

use crate::baker::{answer, results};
use crate::client::Client;
use crate::error::SeasonError;
use crate::fleet::{Fleet, Place};
use crate::history::{Exchange, History, Recorder};
use crate::keys::BakerKey;
use crate::operator::{ResumeForm, StopOperator};
use crate::outcome::history_of;
use crate::paced::{head, reach};
use crate::payload::{Kind, Position, Variant, payload};
use crate::release::Installed;
use crate::setup::{PLACES, Programs, azure_with, first_keys, owned, signer};
use crate::stored::read;
use oracle::base58;
use stand_ins::Azure;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const CHAIN: [u8; 4] = [0xf6; 4];

/// Signers of each side.
const SIGNERS: usize = PLACES / 2;

/// How long the bakers of a side sign before the next handover.
const SIGNING: Duration = Duration::from_secs(1);

/// How long a side may take to sign after a handover.
const HANDOVER_TIMEOUT: Duration = Duration::from_secs(20);

/// Levels above the head that marks are raised by.
const ABOVE_HEAD: u32 = 10;

/// The deadline of requests and of relays, for which a handover waits.
const DEADLINE: Duration = Duration::from_secs(1);
const SETTINGS: [(&str, &str); 4] = [
    ("SIGNER_LISTEN", "127.0.0.1:0"),
    ("LOG_FORMAT", "json"),
    ("REQUEST_DEADLINE_MS", "1000"),
    ("RELAY_DEADLINE_MS", "1000"),
];

/// What the drill has measured.
#[derive(Debug, Clone)]
pub(crate) struct HandoverFigures {
    /// From the last signature of the old side to the first of the new one, for each handover.
    silences: Vec<Duration>,
    /// Signatures by each side.
    signed: [usize; 2],
}

/// The signers of one store, and their operator.
struct Side {
    azure: Azure,
    operator: StopOperator,
    recorder: Arc<Recorder>,
}

/// Carries out the drill. Returns the history of each side for the judge, too.
pub(crate) async fn run(programs: &Programs) -> Result<(Vec<History>, HandoverFigures), SeasonError> {
    let keys = first_keys(1)?;
    let key = keys.first().ok_or(SeasonError::NoLanes)?;
    let sides = [Side::start(programs, &keys).await?, Side::start(programs, &keys).await?];
    let recorder = Arc::<Recorder>::default();
    let client = Arc::new(Client::new(PLACES, Vec::new(), Arc::clone(&recorder)));
    let fleet = Fleet::start(places(&sides, programs), &client, &recorder).await?;
    let [here, there] = &sides;
    // It signs nothing, until the key is handed over.
    there.operator.stop(&key.address, "signs elsewhere").await?;

    let (start, ends) = (Instant::now(), Arc::<AtomicBool>::default());
    let bakers: Vec<_> = (0..PLACES)
        .flat_map(|place| Kind::ALL.map(|kind| (place, kind)))
        .map(|(place, kind)| {
            tokio::spawn(bake(key.clone(), place, kind, Arc::clone(&client), start, Arc::clone(&ends)))
        })
        .collect();
    let folder = TempDir::new().map_err(SeasonError::Folder)?;
    tokio::time::sleep(SIGNING).await;
    for (number, (from, to)) in [(here, there), (there, here)].into_iter().enumerate() {
        let resumed = hand_over(from, to, key, &folder, start).await?;
        let place = |signer: usize| (1 - number) * SIGNERS + signer;
        while !(0..SIGNERS).all(|signer| recorder.has_signed_since(place(signer), resumed)) {
            if resumed.elapsed() > HANDOVER_TIMEOUT {
                recorder.trouble(place(0), format!("does not sign {HANDOVER_TIMEOUT:?} after a handover"));
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(SIGNING).await;
    }
    ends.store(true, Ordering::Relaxed);
    results(bakers).await?;
    client.finish().await;
    fleet.end().await;
    let all = history_of(&recorder, &here.azure, &keys, start, Instant::now(), DEADLINE).await?;
    let mut histories = Vec::new();
    for (number, side) in sides.iter().enumerate() {
        let (stored, stop_items) = read(&side.azure.cosmos.history().await)?;
        let commands = side.recorder.take().commands;
        let exchanges = all.exchanges.iter().filter(|exchange| side_of(exchange) == number).cloned().collect();
        histories.push(History { exchanges, stored, stop_items, commands, ..all.clone() });
    }
    let figures = HandoverFigures::of(&all);
    Ok((histories, figures))
}

fn side_of(exchange: &Exchange) -> usize {
    exchange.place / SIGNERS
}

impl Side {
    async fn start(programs: &Programs, keys: &[BakerKey]) -> Result<Self, SeasonError> {
        let azure = azure_with(keys).await?;
        azure.cosmos.allow_query(true);
        let recorder = Arc::<Recorder>::default();
        let operator = StopOperator::new(&azure, programs, &recorder, owned(&SETTINGS));
        Ok(Self { azure, operator, recorder })
    }
}

fn places(sides: &[Side], programs: &Programs) -> Vec<Place> {
    let place = |(number, side): (usize, &Side)| {
        signer(number, Installed::at(number, &programs.signer, None), &side.azure, &SETTINGS)
    };
    sides.iter().flat_map(|side| std::iter::repeat_n(side, SIGNERS)).enumerate().map(place).collect()
}

/// The commands of the manual. Returns when the last one began, which permits signatures at the new side.
async fn hand_over(
    from: &Side,
    to: &Side,
    key: &BakerKey,
    folder: &TempDir,
    start: Instant,
) -> Result<Instant, SeasonError> {
    let file = folder.path().join("marks.json").display().to_string();
    from.operator.hand_over(&key.address, &file).await?;
    let (chain, head) = (base58::CHAIN.encode(&CHAIN), head(start));
    to.operator.raise(&key.address, &["marks", "import", &file]).await?;
    let level = (head + ABOVE_HEAD).to_string();
    to.operator.raise(&key.address, &["marks", "raise", &chain, &key.address, &level]).await?;
    let resumed = Instant::now();
    to.operator.resume(&key.address, ResumeForm::Above(head)).await?;
    Ok(resumed)
}

/// Requests a signature at every level, of other data than the bakers of the other side.
async fn bake(key: BakerKey, place: usize, kind: Kind, client: Arc<Client>, start: Instant, ends: Arc<AtomicBool>) {
    let content = u8::try_from(place / SIGNERS).unwrap_or_default();
    while !ends.load(Ordering::Relaxed) {
        let level = head(start) + 1;
        let variant = Variant { content, ..Variant::default() };
        let payload = payload(CHAIN, kind, Position { level, round: 0 }, variant).into();
        answer(client.request(place, &key, &payload)).await;
        reach(start, level).await;
    }
}

impl HandoverFigures {
    fn of(all: &History) -> Self {
        let mut signed: Vec<_> = all.exchanges.iter().filter(|it| it.is_signed()).collect();
        signed.sort_by_key(|exchange| exchange.until);
        let silences = signed.windows(2).filter_map(|pair| {
            let [before, after] = pair else { return None };
            (side_of(before) != side_of(after)).then(|| after.until - before.until)
        });
        let by = |side| signed.iter().filter(|exchange| side_of(exchange) == side).count();
        Self { silences: silences.collect(), signed: [by(0), by(1)] }
    }

    /// The figures as rows of the report.
    pub(crate) fn rows(&self) -> Vec<(&'static str, String)> {
        let silences: Vec<_> = self.silences.iter().map(|it| format!("{:.1}", it.as_secs_f64())).collect();
        let [here, there] = self.signed;
        vec![
            ("handed over, and back", format!("{here} and {there} signatures")),
            ("  nobody signed for", format!("{} s", silences.join(" and "))),
        ]
    }
}

//! Sealed keys in a storm: a consensus key and its companion, opened by all signers through a vault that throttles, forbids, hangs and
//! loses answers, while signers are killed and paused, and bakers want different data signed. There are also requests that a sealed key must
//! refuse, and a key that is sealed for another mark store.

mod sealing;

use crate::baker::{BakerPlaces, Chains, Lane, LastMark, results};
use crate::calm::{CALM, recover, request_all};
use crate::client::Client;
use crate::dice::Seed;
use crate::disrupt::disrupt;
use crate::error::SeasonError;
use crate::fleet::Fleet;
use crate::history::{History, Recorder};
use crate::keys::{BakerKey, Role, SealedFor};
use crate::outcome::history_of;
use crate::payload::{Kind, Position, Variant, payload_by};
use crate::release::Installed;
use crate::setup::{PLACES, Programs, azure_with, first_keys, signer};
use crate::storm::{Met, faults_of, plan};
use oracle::crypto::Curve;
use oracle::payload::operations::{self, Account, Address, Manager, TZ1};
use sealing::Desk;
use stand_ins::{Azure, Operation};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// The chain that the keys are sealed for, and another one.
const CHAIN: [u8; 4] = [0xf7; 4];
const OTHER_CHAIN: [u8; 4] = [0xf6; 4];

/// How long the storm lasts.
const LIFE: Duration = Duration::from_secs(15);

/// The request deadline of the signers.
const DEADLINE: Duration = Duration::from_secs(1);

/// Between two requests that must be refused.
const PROBE_INTERVAL: Duration = Duration::from_millis(30);

const SETTINGS: [(&str, &str); 6] = [
    ("SIGNER_LISTEN", "127.0.0.1:0"),
    ("LOG_FORMAT", "json"),
    ("REQUEST_DEADLINE_MS", "1000"),
    ("STORE_HEDGE_MS", "200"),
    ("VAULT_HEDGE_MS", "200"),
    ("KEYS_REFRESH_SECONDS", "1"),
];

/// What the drill has counted.
#[derive(Debug, Clone)]
pub(crate) struct SealedFigures {
    /// Signatures with the consensus key and with the companion key.
    signed: [usize; 2],
    /// Requests refused because of a key's role or chain.
    refused: usize,
    /// Requests for the key that is sealed for another store, and how many of them were signed.
    elsewhere: [usize; 2],
    unwraps: u64,
    faults: u64,
    kills: u64,
}

/// The sealed keys.
struct SealedKeys {
    consensus: BakerKey,
    companion: BakerKey,
    elsewhere: BakerKey,
}

/// Carries out the drill. Returns the history for the judge, too.
pub(crate) async fn run(programs: &Programs, seed: Seed) -> Result<(History, SealedFigures), SeasonError> {
    let of_vault = first_keys(1)?;
    let azure = Arc::new(azure_with(&of_vault).await?);
    let tz4 = |number| BakerKey::tz4(number).ok_or(SeasonError::Key(number));
    let keys = SealedKeys { consensus: tz4(1)?, companion: tz4(2)?, elsewhere: tz4(3)? };
    let desk = Desk::new(&azure, programs).await?;
    for (name, (key, sealed_for)) in ["consensus", "companion", "elsewhere"].into_iter().zip(keys.all()) {
        desk.seal(name, key, sealed_for).await?;
    }

    let recorder = Arc::<Recorder>::default();
    let client = Arc::new(Client::new(PLACES, Vec::new(), Arc::clone(&recorder)));
    let place = |number| {
        let mut place = signer(number, Installed::at(number, &programs.signer, None), &azure, &SETTINGS);
        place.environment.push(("SEALED_KEYS_DIR", desk.folder()));
        place
    };
    let fleet = Fleet::start((0..PLACES).map(place).collect(), &client, &recorder).await?;
    let start = Instant::now();
    let met = Met::default();
    for faults in faults_of(&azure) {
        met.follow(faults, plan(seed));
    }
    let ends = Arc::<AtomicBool>::default();
    let lanes = lanes(&keys, &of_vault, seed, &client, &ends);
    let probes = tokio::spawn(probe(keys.probes(), Arc::clone(&client), Arc::clone(&ends)));
    disrupt(seed, start + LIFE, &fleet, &azure, &[]).await;
    ends.store(true, Ordering::Relaxed);
    let last_marks = results(lanes).await?;
    probes.await.map_err(SeasonError::Baker)?;

    for faults in faults_of(&azure) {
        faults.clear();
    }
    fleet.settle().await;
    client.finish().await;
    for last_mark in &last_marks {
        recover(&client, last_mark, &recorder).await;
    }
    let calm = Instant::now();
    request_all(&client, &last_marks, CALM).await;
    client.finish().await;
    let kills = fleet.counts.kills.load(Ordering::Relaxed);
    fleet.end().await;

    let all: Vec<_> = of_vault.into_iter().chain(keys.all().map(|(key, _)| key.clone())).collect();
    let history = history_of(&recorder, &azure, &all, start, calm, DEADLINE).await?;
    let sealed = keys.all().map(|(key, sealed_for)| (Arc::clone(&key.address), sealed_for)).collect::<HashMap<_, _>>();
    let history = History { sealed, ..history };
    let figures = figures(&history, &keys, &azure, &met, kills);
    Ok((history, figures))
}

impl SealedKeys {
    fn all(&self) -> impl Iterator<Item = (&BakerKey, SealedFor)> {
        let sealed = |role, is_here| SealedFor { role, chain: CHAIN, is_here };
        [
            (&self.consensus, sealed(Role::Consensus, true)),
            (&self.companion, sealed(Role::Companion, true)),
            (&self.elsewhere, sealed(Role::Consensus, false)),
        ]
        .into_iter()
    }

    /// Requests that must not be signed, whatever happens.
    fn probes(&self) -> Vec<(BakerKey, Arc<[u8]>)> {
        let position = Position { level: 7, round: 0 };
        let of = |curve, chain, kind| payload_by(curve, chain, kind, position, Variant::default());
        let to = Address::Account(Account { tag: 0, fill: 2 });
        let transfer = operations::payload(&[operations::transfer(Manager { source: TZ1, fee: 1 }, 1, to)]);
        [
            (&self.companion, of(Curve::Bls, CHAIN, Kind::Block)),
            (&self.companion, of(Curve::Bls, CHAIN, Kind::Preattestation)),
            (&self.companion, of(Curve::P256, CHAIN, Kind::Attestation)),
            (&self.companion, of(Curve::Bls, OTHER_CHAIN, Kind::Attestation)),
            (&self.companion, transfer.clone()),
            (&self.consensus, transfer),
            (&self.consensus, of(Curve::Bls, OTHER_CHAIN, Kind::Block)),
            (&self.elsewhere, of(Curve::Bls, CHAIN, Kind::Attestation)),
        ]
        .map(|(key, payload)| (key.clone(), payload.into()))
        .to_vec()
    }
}

/// Pairs of bakers for each kind that a key signs. Those of the consensus key's attestations and of the companion key's draw the same
/// payloads in the same order.
fn lanes(
    keys: &SealedKeys,
    of_vault: &[BakerKey],
    seed: Seed,
    client: &Arc<Client>,
    ends: &Arc<AtomicBool>,
) -> Vec<JoinHandle<LastMark>> {
    let of_kinds = (0..).zip(Kind::ALL);
    let consensus = of_kinds.clone().map(|(number, kind)| (number, &keys.consensus, kind));
    let companion = of_kinds.filter(|(_, kind)| *kind == Kind::Attestation).map(|(n, kind)| (n, &keys.companion, kind));
    let sealed = consensus.chain(companion).map(|(number, key, kind)| {
        // Each at its own pace.
        (number, key, kind, Chains::Common(CHAIN, Arc::<AtomicU32>::default()))
    });
    let others = of_vault.iter().flat_map(|key| Kind::ALL.map(|kind| (key, kind)));
    let others = (100..).zip(others).map(|(number, (key, kind))| (number, key, kind, Chains::Own));
    let lanes = sealed.chain(others).map(|(number, key, kind, chains)| {
        let (key, client, ends) = (key.clone(), Arc::clone(client), Arc::clone(ends));
        tokio::spawn(Lane { number, seed, key, kind, chains, client, baker_places: BakerPlaces::Shared, ends }.run())
    });
    lanes.collect()
}

/// Sends what must not be signed to all signers, again and again.
async fn probe(probes: Vec<(BakerKey, Arc<[u8]>)>, client: Arc<Client>, ends: Arc<AtomicBool>) {
    for (number, (key, payload)) in probes.iter().cycle().enumerate() {
        if ends.load(Ordering::Relaxed) {
            break;
        }
        let place = number / probes.len() % client.places();
        // Nobody waits for the answer: the client records it.
        drop(client.request(place, key, payload));
        tokio::time::sleep(PROBE_INTERVAL).await;
    }
}

fn figures(history: &History, keys: &SealedKeys, azure: &Azure, met: &Met, kills: u64) -> SealedFigures {
    let of = |key: &BakerKey| history.exchanges.iter().filter(|it| it.key == key.address).collect::<Vec<_>>();
    let signed = |key: &BakerKey| of(key).iter().filter(|exchange| exchange.is_signed()).count();
    let refused = |key: &BakerKey| of(key).iter().filter(|exchange| exchange.status() == Some(403)).count();
    let faults = met.take().into_iter().filter(|((operation, _), _)| *operation == Operation::UnwrapKey);
    SealedFigures {
        signed: [&keys.consensus, &keys.companion].map(signed),
        refused: refused(&keys.consensus) + refused(&keys.companion),
        elsewhere: [of(&keys.elsewhere).len(), signed(&keys.elsewhere)],
        unwraps: azure.key_vault.requests(Operation::UnwrapKey),
        faults: faults.map(|(_, number)| number).sum(),
        kills,
    }
}

impl SealedFigures {
    /// Whether everything happened that the drill is about.
    pub(crate) fn is_eventful(&self) -> bool {
        let Self { signed: [consensus, companion], refused, elsewhere: [elsewhere, _], faults, kills, .. } = *self;
        consensus > 0 && companion > 0 && refused > 0 && elsewhere > 0 && faults > 0 && kills > 0
    }

    /// The figures as rows of the report.
    pub(crate) fn rows(&self) -> Vec<(&'static str, String)> {
        let Self { signed: [consensus, companion], refused, elsewhere: [elsewhere, signed], unwraps, faults, kills } =
            self;
        vec![
            (
                "sealed keys in a storm",
                format!("{consensus} signatures with a consensus key, {companion} with its companion"),
            ),
            ("  opened", format!("{unwraps} requests to unwrap, {faults} of them with faults; {kills} kills")),
            ("  refused", format!("{refused} requests for the role or the chain")),
            ("  of another mark store", format!("{elsewhere} requests, {signed} of them signed")),
        ]
    }
}

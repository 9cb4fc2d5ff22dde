//! An older copy of the marks is restored while bakers sign, and an operator runs `marks recover`.
//!
//! The keys are bound to the container that is lost. Until the command, no signer may sign anything, not even one that was
//! started after the restore and has never seen a higher mark.

use crate::baker::{LastMark, answer, results};
use crate::calm::{CALM, recover, request_all};
use crate::client::Client;
use crate::error::SeasonError;
use crate::fleet::{Fleet, Place, SignerAction};
use crate::history::{ContainerLoss, History, Recorder};
use crate::keys::BakerKey;
use crate::operator::operator;
use crate::outcome::history_of;
use crate::paced::{head, reach};
use crate::payload::{Kind, Position, Variant, payload};
use crate::release::Installed;
use crate::setup::{PLACES, Programs, azure_with, first_keys, signer};
use futures::future::join_all;
use oracle::base58;
use stand_ins::{Azure, Operation};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const CHAIN: [u8; 4] = [0xfb; 4];

/// A chain on which nothing else is signed.
const FIRST_CHAIN: [u8; 4] = [0xff; 4];

const KEYS: u8 = 3;

/// How long bakers sign before the copy, and between the copy and the restore.
const SIGNING: Duration = Duration::from_secs(2);

/// How long they try to sign after the restore, before an operator acts.
const REFUSED: Duration = Duration::from_millis(1_500);

/// How long the signers may take to sign again.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(20);

/// The request deadline of the signers.
const DEADLINE: Duration = Duration::from_secs(4);

/// How long the recovery took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RestoreFigures {
    /// Requests between the restore and the command. None was signed.
    pub(crate) refused: usize,
    /// The duration of `marks recover`.
    pub(crate) command: Duration,
    /// From the start of the command until all signers had signed something.
    pub(crate) all_signed: Duration,
}

impl RestoreFigures {
    /// The figures as rows of the report.
    pub(crate) fn rows(&self) -> Vec<(&'static str, String)> {
        let Self { refused, command, all_signed } = self;
        let (command, all_signed) = (command.as_secs_f64(), all_signed.as_secs_f64());
        vec![
            ("an older copy restored", format!("nothing signed in {refused} requests")),
            ("  marks recover", format!("took {command:.1} s; after {all_signed:.1} s, all signers had signed again")),
        ]
    }
}

/// Carries out the drill. Returns the history for the judge, too.
pub(crate) async fn run(programs: &Programs) -> Result<(History, RestoreFigures), SeasonError> {
    let keys = first_keys(KEYS)?;
    let azure = azure_with(&keys).await?;
    azure.key_vault.allow_update(true);
    operator(&azure, programs, &["marks", "bind"]).await?;
    let recorder = Arc::<Recorder>::default();
    let client = Arc::new(Client::new(PLACES, Vec::new(), Arc::clone(&recorder)));
    let fleet = Fleet::start(places(&azure, programs), &client, &recorder).await?;
    recover(&client, &LastMark::new(keys.first().ok_or(SeasonError::NoLanes)?, FIRST_CHAIN), &recorder).await;

    let start = Instant::now();
    let bakers = Bakers::start(&keys, &client, start);
    tokio::time::sleep(SIGNING).await;
    let copy = azure.cosmos.items().await;
    tokio::time::sleep(SIGNING).await;
    let at = azure.cosmos.restore_container(&copy).await;
    // It comes back without memory of the lost marks.
    fleet.send(0, SignerAction::Kill { down: Duration::ZERO });
    fleet.settle().await;
    tokio::time::sleep(REFUSED).await;

    let raised = Instant::now();
    let (chain, level) = (base58::CHAIN.encode(&CHAIN), head(start).to_string());
    let of_signers = azure.cosmos.requests(Operation::Other);
    operator(&azure, programs, &["marks", "recover", "--chain", &chain, "--level", &level]).await?;
    // The operator's attempt to list the container.
    let of_operator = azure.cosmos.requests(Operation::Other) - of_signers;
    let command = raised.elapsed();
    while !(0..PLACES).all(|place| recorder.has_signed_since(place, raised)) {
        if raised.elapsed() > RECOVERY_TIMEOUT {
            recorder.trouble(0, format!("not all signers sign {RECOVERY_TIMEOUT:?} after marks recover"));
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let recovered = Instant::now();
    tokio::time::sleep(SIGNING / 4).await;
    let last_marks = bakers.end().await?;
    client.finish().await;
    let calm = Instant::now();
    request_all(&client, &last_marks, CALM).await;
    client.finish().await;
    fleet.end().await;

    let history = history_of(&recorder, &azure, &keys, start, calm, DEADLINE).await?;
    let history = History {
        other_operations: history.other_operations - of_operator,
        container_loss: Some(ContainerLoss { at, raised, recovered }),
        ..history
    };
    let refused = history.exchanges.iter().filter(|exchange| (at..raised).contains(&exchange.at)).count();
    Ok((history, RestoreFigures { refused, command, all_signed: recovered - raised }))
}

fn places(azure: &Azure, programs: &Programs) -> Vec<Place> {
    let settings = [("SIGNER_LISTEN", "127.0.0.1:0"), ("LOG_FORMAT", "json"), ("KEYS_REFRESH_SECONDS", "1")];
    let place = |number| signer(number, Installed::at(number, &programs.signer, None), azure, &settings);
    (0..PLACES).map(place).collect()
}

/// For each key and kind, a pair that wants different data signed at every level.
struct Bakers {
    pairs: Vec<tokio::task::JoinHandle<LastMark>>,
    ends: Arc<AtomicBool>,
}

impl Bakers {
    fn start(keys: &[BakerKey], client: &Arc<Client>, start: Instant) -> Self {
        let ends = Arc::<AtomicBool>::default();
        let pairs = keys.iter().flat_map(|key| Kind::ALL.map(|kind| (key.clone(), kind)));
        let pairs =
            pairs.map(|(key, kind)| tokio::spawn(pair(key, kind, Arc::clone(client), start, Arc::clone(&ends))));
        Self { pairs: pairs.collect(), ends }
    }

    async fn end(self) -> Result<Vec<LastMark>, SeasonError> {
        self.ends.store(true, Ordering::Relaxed);
        results(self.pairs).await
    }
}

async fn pair(key: BakerKey, kind: Kind, client: Arc<Client>, start: Instant, ends: Arc<AtomicBool>) -> LastMark {
    let mut position = Position { level: 0, round: 0 };
    while !ends.load(Ordering::Relaxed) {
        position.level = head(start) + 1;
        let request = |number: usize| {
            let variant = Variant { content: u8::try_from(number).unwrap_or_default(), ..Variant::default() };
            let place = (usize::try_from(position.level).unwrap_or_default() + number) % PLACES;
            client.request(place, &key, &payload(CHAIN, kind, position, variant).into())
        };
        join_all([0, 1].map(|number| answer(request(number)))).await;
        reach(start, position.level).await;
    }
    LastMark { key, kind, chain: CHAIN, position }
}

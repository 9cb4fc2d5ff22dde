//! Two releases that take turns with one embedded store, which only one process at a time can use: an upgrade, a rollback, and so on.

use crate::client::Client;
use crate::error::SeasonError;
use crate::fleet::{Fleet, SignerAction};
use crate::history::{Answer, Recorder};
use crate::keys::BakerKey;
use crate::payload::{Kind, Position, Variant, payload};
use crate::release::Installed;
use crate::setup::{Programs, signer_with_embedded_store};
use stand_ins::{Azure, Options};
use std::sync::Arc;
use tempfile::TempDir;

/// Number of turns: each release follows the other several times.
const TURNS: u32 = 6;

const CHAIN: [u8; 4] = [0xfc; 4];

/// The last payload that was signed, and its signature.
struct Last {
    position: Position,
    payload: Arc<[u8]>,
    signature: Box<str>,
}

/// Has the releases sign in turns, and returns each answer that is wrong, as text. Nothing fails but the processes, which are killed.
pub(crate) async fn run(programs: &Programs) -> Result<Vec<String>, SeasonError> {
    let azure = Azure::try_start(Options::default()).await.map_err(SeasonError::StandIns)?;
    let key = BakerKey::of_number(1).ok_or(SeasonError::Key(1))?;
    azure.key_vault.add_key(key.for_vault());
    let folder = TempDir::new().map_err(SeasonError::Folder)?;
    let program = Installed::at(0, &programs.signer, programs.other.as_deref());
    let place = signer_with_embedded_store(program, &azure, &folder);
    let recorder = Arc::<Recorder>::default();
    let client = Arc::new(Client::new(1, Vec::new(), Arc::clone(&recorder)));
    let fleet = Fleet::start(vec![place], &client, &recorder).await?;
    let mut wrong = Vec::new();
    let mut last: [Option<Last>; 3] = Default::default();
    for turn in 0..TURNS {
        for (kind, last) in Kind::ALL.into_iter().zip(&mut last) {
            let position = Position { level: 100 + turn, round: 0 };
            take_turn(&client, &key, kind, position, last, &mut wrong).await;
        }
        fleet.send(0, SignerAction::Kill { down: std::time::Duration::ZERO });
        fleet.settle().await;
    }
    fleet.end().await;
    wrong.extend(recorder.take().troubles.into_iter().map(|trouble| trouble.what));
    Ok(wrong)
}

/// Repeats what the other release has signed last, requests other data there, and then something new.
async fn take_turn(
    client: &Arc<Client>,
    key: &BakerKey,
    kind: Kind,
    position: Position,
    last: &mut Option<Last>,
    wrong: &mut Vec<String>,
) {
    let bytes = |position, variant| Arc::<[u8]>::from(payload(CHAIN, kind, position, variant));
    let request = async |payload: &Arc<[u8]>| client.request(0, key, payload).await;
    let mut expect = |what: &str, at: Position, is_right: bool, answer: &dyn std::fmt::Debug| {
        if !is_right {
            wrong.push(format!("{what}, {kind} at {at}: {answer:?}"));
        }
    };
    if let Some(last) = last.take() {
        let answer = request(&last.payload).await;
        let is_right =
            matches!(&answer, Ok(Answer::Signed(signature)) if kind != Kind::Block || *signature == last.signature);
        expect("a repeat of the other release's signature", last.position, is_right, &answer);
        let answer = request(&bytes(last.position, Variant { content: 9, ..Variant::default() })).await;
        let is_right = matches!(answer, Ok(Answer::NotSigned { status: 409, .. }));
        expect("other data where the other release has signed", last.position, is_right, &answer);
    }
    let payload = bytes(position, Variant::default());
    let answer = request(&payload).await;
    expect("the next level", position, matches!(answer, Ok(Answer::Signed(_))), &answer);
    if let Ok(Answer::Signed(signature)) = answer {
        *last = Some(Last { position, payload, signature });
    }
}

//! After the storm: nothing goes wrong any more, and every signer must answer everything.

use crate::baker::{Heir, answer};
use crate::client::Client;
use crate::history::{Answer, Recorder};
use crate::payload::{Position, Variant, payload};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A signer may need so long to get over what has happened to it.
const RECOVERY: Duration = Duration::from_secs(8);

/// Above whatever was asked in the storm, and asked until the signers have recovered.
pub(crate) const ABOVE: u32 = 10_000;

/// Above that, and asked in the calm.
pub(crate) const CALM: u32 = 2 * ABOVE;

/// How long the slowest signer took to sign again, and what it said last until then.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recovery {
    pub(crate) took: Duration,
    pub(crate) reason: String,
}

/// Waits until each signer signs something; one that does not is written down.
pub(crate) async fn recover(client: &Arc<Client>, heir: &Heir, recorder: &Recorder) -> Recovery {
    let start = Instant::now();
    let mut slowest = Recovery::default();
    // A level for each question: what another signer was asked for would be a repeat.
    let mut position = Position { level: heir.position.level + ABOVE, round: 0 };
    for place in 0..client.places() {
        let mut last = None;
        loop {
            position.level += 1;
            let answer = ask(client, place, heir, position).await;
            if let Some(Answer::Signed(_)) = answer {
                break;
            }
            last = answer.or(last);
            if start.elapsed() > RECOVERY {
                recorder.trouble(place, format!("it signs nothing {RECOVERY:?} after the last fault: {last:?}"));
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if let (Some(last), true) = (last, start.elapsed() > slowest.took) {
            let reason = match last {
                Answer::NotSigned { reason, .. } => reason.into(),
                other => format!("{other:?}"),
            };
            slowest = Recovery { took: start.elapsed(), reason: format!("signer {place}: {reason}") };
        }
    }
    slowest
}

/// Asks every signer for something new, so many levels `above`, and for a repeat of what another one signed, of each kind of
/// each key.
pub(crate) async fn ask_all(client: &Arc<Client>, heirs: &[Heir], above: u32) {
    for place in 0..client.places() {
        let level = above + u32::try_from(place).unwrap_or_default();
        let all = heirs.iter().map(|heir| {
            let position = Position { level: heir.position.level + level, round: 0 };
            let (client, key) = (Arc::clone(client), heir.key.clone());
            let payload: Arc<[u8]> = payload(heir.chain, heir.kind, position, Variant::default()).into();
            tokio::spawn(async move {
                answer(client.ask(place, &key, &payload)).await;
                answer(client.ask((place + 1) % client.places(), &key, &payload)).await;
            })
        });
        // All at once.
        for asked in all.collect::<Vec<_>>() {
            drop(asked.await);
        }
    }
}

async fn ask(client: &Arc<Client>, place: usize, heir: &Heir, position: Position) -> Option<Answer> {
    let payload = payload(heir.chain, heir.kind, position, Variant { content: 9, ..Variant::default() }).into();
    answer(client.ask(place, &heir.key, &payload)).await
}

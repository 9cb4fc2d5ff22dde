//! The calm after a storm: nothing fails any more, and every signer must answer every request.

use crate::baker::{LastMark, answer};
use crate::client::Client;
use crate::history::{Answer, Recorder};
use crate::payload::{Position, Variant};
use futures::future::join_all;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a signer may take to recover from what has happened to it.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(8);

/// Levels above everything requested in the storm, for requests until the signers have recovered.
pub(crate) const ABOVE: u32 = 10_000;

/// Levels above that, for requests in the calm.
pub(crate) const CALM: u32 = 2 * ABOVE;

/// How long the slowest signer took to sign again, and its last answer until then.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recovery {
    pub(crate) took: Duration,
    pub(crate) reason: String,
}

/// Waits until each signer signs something; records those that do not.
pub(crate) async fn recover(client: &Arc<Client>, last_mark: &LastMark, recorder: &Recorder) -> Recovery {
    let start = Instant::now();
    let mut slowest = Recovery::default();
    // A new level for each request, or it would be a repeat of another signer's.
    let mut position = Position { level: last_mark.position.level + ABOVE, round: 0 };
    for place in 0..client.places() {
        let mut last = None;
        loop {
            position.level += 1;
            let answer = request(client, place, last_mark, position).await;
            if let Some(Answer::Signed(_)) = answer {
                break;
            }
            last = answer.or(last);
            if start.elapsed() > RECOVERY_TIMEOUT {
                recorder.trouble(place, format!("signs nothing {RECOVERY_TIMEOUT:?} after the last fault: {last:?}"));
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

/// Sends every signer, for each kind and key, a new request at a level `above` the last, and a repeat of one that another
/// signer has signed.
pub(crate) async fn request_all(client: &Arc<Client>, last_marks: &[LastMark], above: u32) {
    for place in 0..client.places() {
        let level = above + u32::try_from(place).unwrap_or_default();
        let all = last_marks.iter().map(|last_mark| {
            let position = Position { level: last_mark.position.level + level, round: 0 };
            let (client, key) = (Arc::clone(client), last_mark.key.clone());
            let payload: Arc<[u8]> = last_mark.payload(position, Variant::default()).into();
            tokio::spawn(async move {
                answer(client.request(place, &key, &payload)).await;
                answer(client.request((place + 1) % client.places(), &key, &payload)).await;
            })
        });
        // All concurrently.
        for task in all.collect::<Vec<_>>() {
            drop(task.await);
        }
    }
}

/// Sends every signer other data for signed levels, which only the marks refuse.
pub(crate) async fn request_other_data(client: &Arc<Client>, last_marks: impl Iterator<Item = &LastMark>) {
    let other = Variant { content: 9, ..Variant::default() };
    let requests = last_marks.flat_map(|last_mark| {
        // The last level may not have been signed.
        let position = Position { level: last_mark.position.level.saturating_sub(1), ..last_mark.position };
        let payload: Arc<[u8]> = last_mark.payload(position, other).into();
        (0..client.places()).map(move |place| client.request(place, &last_mark.key, &payload))
    });
    join_all(requests.map(answer)).await;
}

async fn request(client: &Arc<Client>, place: usize, last_mark: &LastMark, position: Position) -> Option<Answer> {
    let payload = last_mark.payload(position, Variant { content: 9, ..Variant::default() }).into();
    answer(client.request(place, &last_mark.key, &payload)).await
}

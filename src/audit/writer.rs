//! Writes the queued lines to the container, in batches, off the path of requests. Its loss stops nothing.

use super::blobs::{BlobError, Container};
use super::line::Line;
use super::queue::Queue;
use crate::net::backoff::Backoff;
use crate::tezos::{PublicKey, PublicKeyHash};
use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::sync::Mutex;
use tracing::{info, warn};

/// Lines are collected for this long. Some are lost if the process is killed meanwhile, which leaves a gap.
const BATCH_INTERVAL: Duration = Duration::from_secs(10);

/// Azure Storage takes blocks of 4 MiB.
const MAX_BLOCK_BYTES: usize = 1024 * 1024;

/// Azure Storage takes 50,000 blocks a blob, which are more than a day has batches.
const MAX_BLOCKS: u32 = 49_000;

/// Between two attempts while they fail.
const MIN_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// The blob that the lines of this process go to now.
struct Current {
    name: String,
    day: time::Date,
    length: u64,
    blocks: u32,
    /// The keys whose public key is in the blob.
    keys: HashSet<PublicKeyHash>,
    /// A block that may have been appended, with the number of lines: it is tried again unchanged.
    pending: Option<(String, usize)>,
}

/// Writes the lines of a queue to a container. `keys` returns the keys whose public keys go along.
pub struct Writer<K> {
    container: Container,
    queue: Arc<Queue>,
    /// In the names of the blobs.
    instance: String,
    keys: K,
    current: Mutex<Option<Current>>,
}

impl<K: Fn() -> Vec<PublicKey>> Writer<K> {
    /// Sends no requests yet.
    pub fn new(container: Container, queue: Arc<Queue>, instance: String, keys: K) -> Self {
        Self { container, queue, instance, keys, current: Mutex::default() }
    }

    /// Writes batches for ever.
    pub async fn run(&self) -> Infallible {
        let mut backoff = Backoff::new(MIN_PAUSE, MAX_PAUSE);
        let mut is_failing = false;
        loop {
            self.queue.wait().await;
            tokio::time::sleep(BATCH_INTERVAL).await;
            while let Err(error) = self.write().await {
                if !std::mem::replace(&mut is_failing, true) {
                    let container = self.container.url();
                    warn!(event = "audit_write_failed", %container, reason = %error, "the history of signatures is not written; signing is not affected");
                }
                tokio::time::sleep(backoff.pause(None)).await;
            }
            backoff.reset();
            if std::mem::take(&mut is_failing) {
                info!(event = "audit_write_recovered", "the history of signatures is written again");
            }
            let lines = self.queue.take_dropped();
            if lines > 0 {
                warn!(
                    event = "audit_lines_dropped",
                    lines,
                    "lines of the history were dropped, because the container could not be written to for too long"
                );
            }
        }
    }

    /// Writes what is in the queue, when the program ends.
    pub async fn finish(&self, limit: Duration) {
        drop(tokio::time::timeout(limit, self.write()).await);
    }

    async fn write(&self) -> Result<(), BlobError> {
        let mut current = self.current.lock().await;
        let written = self.write_to(&mut current).await;
        if written.as_ref().is_err_and(BlobError::is_of_blob) {
            *current = None;
        }
        written
    }

    async fn write_to(&self, current: &mut Option<Current>) -> Result<(), BlobError> {
        loop {
            let now = OffsetDateTime::now_utc();
            let blob = match current {
                Some(blob) if blob.pending.is_some() || (blob.day == now.date() && blob.blocks < MAX_BLOCKS) => blob,
                _ => {
                    let blob = Current::new(now, &self.instance)?;
                    self.container.create(&blob.name).await?;
                    current.insert(blob)
                }
            };
            if blob.pending.is_none() {
                blob.pending = next_block(&self.queue, &self.keys, &mut blob.keys);
            }
            // It stays until it is acknowledged, also if this future is dropped.
            let Some((block, count)) = &blob.pending else { return Ok(()) };
            self.container.append(&blob.name, blob.length, block.clone().into_bytes()).await?;
            blob.length += u64::try_from(block.len()).unwrap_or(u64::MAX);
            blob.blocks += 1;
            self.queue.remove(*count);
            blob.pending = None;
        }
    }
}

impl Current {
    fn new(now: OffsetDateTime, instance: &str) -> Result<Self, BlobError> {
        let name = name(now, instance)?;
        Ok(Self { name, day: now.date(), length: 0, blocks: 0, keys: HashSet::new(), pending: None })
    }
}

/// The first lines of the queue, after the public keys that the blob lacks, and their number. `None` if there are none.
fn next_block(
    queue: &Queue,
    keys: &impl Fn() -> Vec<PublicKey>,
    in_blob: &mut HashSet<PublicKeyHash>,
) -> Option<(String, usize)> {
    let (lines, count) = queue.first(MAX_BLOCK_BYTES);
    if count == 0 {
        return None;
    }
    let mut block = String::new();
    for key in keys().iter().filter(|key| in_blob.insert(key.hash())) {
        block.push_str(&Line::of_public_key(key));
        block.push('\n');
    }
    block.push_str(&lines);
    Some((block, count))
}

/// `<day>/<time>-<instance>-<random>.jsonl`: in the order of time, and never that of another blob.
fn name(now: OffsetDateTime, instance: &str) -> Result<String, BlobError> {
    let mut random = [0; 4];
    getrandom::fill(&mut random).map_err(|error| BlobError::NoAnswer(error.to_string()))?;
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' };
    let instance: String = instance.chars().map(plain).take(64).collect();
    let (hour, minute, second) = now.to_hms();
    let day = now.date();
    let random = hex::encode(random);
    let month = u8::from(day.month());
    Ok(format!(
        "{:04}-{month:02}-{:02}/{hour:02}{minute:02}{second:02}-{instance}-{random}.jsonl",
        day.year(),
        day.day()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_order_of_time_and_plain() {
        let now = OffsetDateTime::from_unix_timestamp(1_767_323_045).unwrap();
        let name = name(now, "pod/é 1/77").unwrap();
        let random = name.strip_prefix("2026-01-02/030405-pod---1-77-").and_then(|rest| rest.strip_suffix(".jsonl"));
        assert!(random.is_some_and(|random| random.len() == 8), "{name}");
    }
}

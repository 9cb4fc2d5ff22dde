//! A chain that goes on by the clock, whatever is signed.

use std::time::{Duration, Instant};

/// The pace of the chain, about 200 times that of mainnet.
const BLOCK_TIME: Duration = Duration::from_millis(30);

/// The level of the chain's head, by the time since the start.
pub(crate) fn head(start: Instant) -> u32 {
    1_000 + u32::try_from(start.elapsed().as_millis() / BLOCK_TIME.as_millis()).unwrap_or(u32::MAX)
}

/// Waits until the head is at this level.
pub(crate) async fn reach(start: Instant, level: u32) {
    while head(start) < level {
        tokio::time::sleep(BLOCK_TIME / 4).await;
    }
}

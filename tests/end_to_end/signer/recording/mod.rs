//! Recording votes and blocks: the ledger with stores in memory and on disk.

mod against_the_model;
mod cases;
mod stops;

use crate::support::payloads::MAINNET;
use azurehsm_signer::marks::{Ledger, MarkId, NotRecorded, Request, VoteOrBlock};
use azurehsm_signer::tezos::payload::{Kind, Position};
use azurehsm_signer::tezos::{Digest, Signature};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use tokio::time::Instant;

fn id(kind: Kind) -> MarkId {
    let key = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t";
    MarkId { chain: MAINNET.parse().unwrap(), key: key.parse().unwrap(), kind }
}

fn request(kind: Kind, level: i32, round: i32, variant: u8) -> Request {
    let position = Position { level: level.try_into().unwrap(), round: round.try_into().unwrap() };
    Request {
        id: id(kind),
        position,
        digest: Digest::from_bytes([variant; 32]),
        jump_limit: None,
        max_level: None,
        requester: None,
    }
}

/// A deadline that is far enough away.
fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(4)
}

/// Records a block or a vote. Like an HSM's, the signatures of blocks are all different.
async fn record(ledger: &Ledger, request: &Request) -> Result<Option<Signature>, NotRecorded> {
    static MADE: AtomicU8 = AtomicU8::new(0);
    match request.split() {
        VoteOrBlock::Block(block) => {
            let mut bytes = [1; 64];
            bytes[0] = MADE.fetch_add(1, Ordering::Relaxed);
            ledger.record_block(&block, deadline(), async || Ok(Signature::P256(bytes))).await.map(Some)
        }
        VoteOrBlock::Vote(vote) => ledger.record_vote(&vote, deadline()).await.map(|_| None),
    }
}

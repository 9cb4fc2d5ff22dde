//! Another signer with the same key, in the same vault, and with marks of its own.

use super::bakers::{Bakers, Voted};
use super::{MAINNETS_BLOCK_TIME, OURS};
use crate::client::Client;
use crate::dice::Dice;
use crate::error::SeasonError;
use crate::fleet::Fleet;
use crate::history::{Answer, ForeignVote, Recorder};
use crate::payload::Kind;
use crate::release::Installed;
use crate::setup::{Programs, signer_with_embedded_store};
use oracle::chain::SignedVote;
use stand_ins::Azure;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The baker whose key it has.
const BAKER: usize = 0;

/// DAL content that our bakers do not attest.
const OTHER_CONTENT: u32 = 1;

/// The second signer votes for a block for which our baker votes, too, and the next block has its vote. Returns that vote, once
/// the key is stopped and a further block is there, and the block that the chain goes on from.
pub(super) async fn appears(
    azure: &Azure,
    programs: &Programs,
    bakers: &mut Bakers,
    dice: &mut Dice,
    on: &Voted,
) -> Result<(ForeignVote, Voted), SeasonError> {
    let vote = sign(azure, programs, bakers, on).await?;
    let level = u32::try_from(vote.vote.level).unwrap_or_default();
    let key = bakers.keys.get(BAKER).ok_or(SeasonError::NoLanes)?.address.clone();
    let attestations = on.attestations.iter().filter(|signed| signed.vote.baker != BAKER).cloned().chain([vote]);
    let with_it = Voted { attestations: attestations.collect(), ..on.clone() };
    // By another baker, which waits for no signature.
    let mut first_rounds = 0..i32::try_from(2 * OURS).unwrap_or_default();
    let round = first_rounds.find(|round| proposer(bakers, on, *round) >= OURS).unwrap_or_default();
    let (block, _) = bakers.propose(dice, &with_it, round, None).await.ok_or(SeasonError::NoLanes)?;
    let shown = Instant::now();
    let voted = bakers.vote(dice, block).await;
    while !is_stopped(azure, &key).await && shown.elapsed() < MAINNETS_BLOCK_TIME {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let tip = bakers.next_level(dice, &voted).await;
    Ok((ForeignVote { key, level, shown, next_block: Instant::now() }, tip))
}

fn proposer(bakers: &Bakers, on: &Voted, round: i32) -> usize {
    bakers.chain.lock().on(&on.block).at_round(round).proposer()
}

/// Whether all marks of a key are stopped.
async fn is_stopped(azure: &Azure, key: &str) -> bool {
    let items = azure.cosmos.items().await;
    let mut marks = items.iter().filter(|item| item["pkh"] == key && item.get("level").is_some());
    marks.all(|mark| mark.get("stop").is_some())
}

/// A vote of its own, for the same block.
async fn sign(azure: &Azure, programs: &Programs, bakers: &Bakers, on: &Voted) -> Result<SignedVote, SeasonError> {
    let folder = TempDir::new().map_err(SeasonError::Folder)?;
    let place = signer_with_embedded_store(Installed::at(0, &programs.signer, None), azure, &folder);
    let recorder = Arc::<Recorder>::default();
    let client = Arc::new(Client::new(1, Vec::new(), Arc::clone(&recorder)));
    let fleet = Fleet::start(vec![place], &client, &recorder).await?;
    let key = bakers.keys.get(BAKER).ok_or(SeasonError::NoLanes)?;
    let (vote, bytes) = {
        let chain = bakers.chain.lock();
        let vote = chain.vote(BAKER, Kind::Attestation, &on.block).ok_or(SeasonError::NoLanes)?.with_dal(OTHER_CONTENT);
        let bytes = vote.signed_bytes(chain.network());
        (vote, bytes)
    };
    let answer = client.request_now(0, key, &bytes.into()).await;
    fleet.end().await;
    let signature = match &answer {
        Ok(Answer::Signed(text)) => key.public_key.curve.signature().decode(text),
        _ => None,
    };
    let signature = signature.ok_or_else(|| SeasonError::SecondSigner(format!("{answer:?}")))?;
    Ok(vote.with_signature(signature))
}

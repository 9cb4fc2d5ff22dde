//! What the store accepted, as the judge reads it.

use crate::error::SeasonError;
use crate::history::{MarkId, Stored};
use crate::payload::{Kind, Position};
use oracle::base58::CHAIN;
use serde::Deserialize;
use stand_ins::{Operation, StoredItem};

/// A mark as the signer writes it.
#[derive(Deserialize)]
struct Item {
    id: String,
    pkh: String,
    level: u32,
    round: u32,
    digest: Option<String>,
    signature: Option<Box<str>>,
}

/// Reads a version of a mark.
pub(crate) fn mark(stored: &StoredItem) -> Result<Stored, SeasonError> {
    let no_mark = || SeasonError::NoMark(String::from_utf8_lossy(&stored.body).into_owned());
    let item: Item = serde_json::from_slice(&stored.body).map_err(|_| no_mark())?;
    let [chain, key, kind] = item.id.split(':').collect::<Vec<_>>()[..] else { return Err(no_mark()) };
    let kind = Kind::ALL.into_iter().find(|known| known.to_string() == kind).ok_or_else(no_mark)?;
    let chain = CHAIN.decode(chain).and_then(|chain| chain.try_into().ok()).ok_or_else(no_mark)?;
    let digest = item.digest.map(|text| {
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest).map(|()| digest)
    });
    if item.pkh != key {
        return Err(no_mark());
    }
    Ok(Stored {
        at: stored.at,
        id: MarkId { chain, key: key.into(), kind },
        is_created: stored.operation == Operation::CreateItem,
        position: Position { level: item.level, round: item.round },
        digest: digest.transpose().map_err(|_| no_mark())?,
        signature: item.signature,
    })
}

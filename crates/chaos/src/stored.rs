//! What the store accepted, as the judge reads it.

use crate::error::SeasonError;
use crate::history::{MarkId, StopId, StopItem, Stored};
use crate::payload::{Kind, Position};
use oracle::base58::CHAIN;
use serde::Deserialize;
use stand_ins::{Operation, StoredItem};

/// A mark as the signer writes it.
#[derive(Deserialize)]
struct Mark {
    id: String,
    pkh: String,
    #[serde(flatten)]
    shown: At,
    /// Of a stopped mark.
    stop: Option<Stopped>,
}

/// A position, and what was signed there.
#[derive(Deserialize)]
struct At {
    level: u32,
    round: u32,
    digest: Option<String>,
    signature: Option<Box<str>>,
}

#[derive(Deserialize)]
struct Stopped {
    #[serde(flatten)]
    truly: At,
    stops: Vec<Stop>,
}

#[derive(Deserialize)]
struct Stop {
    id: StopId,
}

/// The stop item of a key.
#[derive(Deserialize)]
struct Stops {
    pkh: String,
    stops: Vec<Stop>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

/// Reads all versions of all items: marks, and stop items.
pub(crate) fn read(items: &[StoredItem]) -> Result<(Vec<Stored>, Vec<StopItem>), SeasonError> {
    let (mut marks, mut stop_items) = (Vec::new(), Vec::new());
    for item in items {
        let unreadable = || SeasonError::NoMark(String::from_utf8_lossy(&item.body).into_owned());
        let Named { id } = serde_json::from_slice(&item.body).map_err(|_| unreadable())?;
        match id.strip_suffix(":stop") {
            Some(key) => stop_items.push(stops(key, item).ok_or_else(unreadable)?),
            None => marks.push(mark(item).ok_or_else(unreadable)?),
        }
    }
    Ok((marks, stop_items))
}

/// A version of a mark, if it is one.
fn mark(stored: &StoredItem) -> Option<Stored> {
    let Mark { id, pkh, shown, stop } = serde_json::from_slice(&stored.body).ok()?;
    let [chain, key, kind] = id.split(':').collect::<Vec<_>>()[..] else { return None };
    let kind = Kind::ALL.into_iter().find(|known| known.to_string() == kind)?;
    let chain = CHAIN.decode(chain)?.try_into().ok()?;
    if pkh != key {
        return None;
    }
    let at = shown.position();
    let (truly, stops) = stop.map_or((shown, Vec::new()), |stop| (stop.truly, ids(stop.stops)));
    let digest = truly.digest.as_ref().map(|text| {
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest).ok().map(|()| digest)
    });
    Some(Stored {
        at: stored.at,
        id: MarkId { chain, key: key.into(), kind },
        is_created: stored.operation == Operation::CreateItem,
        shown: at,
        position: truly.position(),
        digest: match digest {
            None => None,
            Some(digest) => Some(digest?),
        },
        signature: truly.signature,
        stops,
    })
}

/// A version of the stop item of a key, if it is one.
fn stops(key: &str, stored: &StoredItem) -> Option<StopItem> {
    let Stops { pkh, stops } = serde_json::from_slice(&stored.body).ok()?;
    (pkh == key).then(|| StopItem { at: stored.at, key: key.into(), stops: ids(stops) })
}

fn ids(stops: Vec<Stop>) -> Vec<StopId> {
    stops.into_iter().map(|stop| stop.id).collect()
}

impl At {
    const fn position(&self) -> Position {
        Position { level: self.level, round: self.round }
    }
}

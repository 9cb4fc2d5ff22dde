//! Invariant 7: every signature, verified by a library that neither the signer nor the stand-ins use.

use super::request::Request;
use super::{Invariant, Violation};
use crate::history::{Answer, History};
use oracle::crypto::{PublicKey, Scheme};
use std::thread;

pub(super) fn violations(history: &History, requests: &[Request<'_>]) -> Vec<Violation> {
    let share = requests.len().div_ceil(thread::available_parallelism().map_or(1, usize::from)).max(1);
    thread::scope(|scope| {
        let threads: Vec<_> = requests
            .chunks(share)
            .map(|requests| scope.spawn(|| requests.iter().filter_map(|request| violation(history, request)).collect()))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_else(|_| vec![not_verified()])).collect()
    })
}

fn not_verified() -> Violation {
    let what = "the judge could not verify the signatures".to_owned();
    Violation { invariant: Invariant::SignaturesAreValid, slot: None, what }
}

fn violation(history: &History, request: &Request<'_>) -> Option<Violation> {
    let Answer::Signed(signature) = &request.exchange.answer else { return None };
    let wrong = match history.keys.get(&request.exchange.key) {
        Some(key) => wrong(key, &request.exchange.payload, signature)?,
        None => "there is no such key".to_owned(),
    };
    let what = format!("{signature} of {}: {wrong}", hex::encode(&request.exchange.payload));
    Some(Violation { invariant: Invariant::SignaturesAreValid, slot: request.slot.clone(), what })
}

/// What is wrong with the text of a signature, if anything is. The prefix has to be that of the key's curve.
fn wrong(key: &PublicKey, payload: &[u8], text: &str) -> Option<String> {
    let Some(signature) = key.curve.signature().decode(text) else {
        return Some("it is not a text of the key's curve".to_owned());
    };
    key.verify(payload, Scheme::default(), &signature).err().map(|why| why.to_string())
}

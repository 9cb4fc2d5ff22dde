//! Observers: signers that decide and log, and release nothing. As the shipped binary, alone and behind a relay.

mod answers;
mod azure;
mod copies;
mod stores;

/// Makes a signer an observer.
const OBSERVE: (&str, &str) = ("OBSERVE", "true");

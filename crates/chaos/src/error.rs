//! Why a season cannot be run.

use crate::fleet::NotStarted;
use std::io;
use thiserror::Error;

/// Why a season failed to run.
#[derive(Debug, Error)]
pub(crate) enum SeasonError {
    #[error("cannot start the stand-ins of Azure: {0}")]
    StandIns(io::Error),
    #[error("cannot create a folder for the clocks: {0}")]
    Clocks(io::Error),
    #[error("cannot use a folder for the relays: {0}")]
    Folder(io::Error),
    #[error("key number {0} is invalid")]
    Key(u8),
    #[error(transparent)]
    NotStarted(#[from] NotStarted),
    #[error("the store accepted an item that is not a mark: {0}")]
    NoMark(String),
    #[error("a baker or an operator panicked: {0}")]
    Baker(tokio::task::JoinError),
    #[error("no bakers are left")]
    NoLanes,
    #[error("the second signer did not sign: {0}")]
    SecondSigner(String),
    #[error("an operator's command failed: {0}")]
    Command(String),
}

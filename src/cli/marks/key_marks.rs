//! The marks of one key, as far as they can be found.

use super::super::CommandError;
use super::Which;
use super::show::{Shown, read};
use super::storage::Storage;
use azurehsm_signer::marks::{Mark, MarkId};
use azurehsm_signer::settings::MarksSettings;
use azurehsm_signer::tezos::{ChainId, PublicKeyHash};
use std::collections::BTreeSet;

/// The marks of one key.
pub(super) struct KeyMarks {
    /// The marks.
    pub(super) marks: Vec<(MarkId, Mark)>,
    /// What may be a mark of the key and could not be read, one line each.
    pub(super) unread: Vec<String>,
    /// Whether the key cannot have marks on other chains.
    pub(super) is_all: bool,
}

impl KeyMarks {
    /// All marks in the store if it can be listed, otherwise those on the known networks, the chains of the nodes and the policy,
    /// and `named` ones. Prints which these are.
    pub(super) async fn find(
        settings: &MarksSettings,
        storage: &Storage,
        key: PublicKeyHash,
        named: &[ChainId],
    ) -> Result<Self, CommandError> {
        Self::look(settings, storage, key, named, Shown::report_coverage).await
    }

    /// The same again, later in a command. Does not print which these are.
    pub(super) async fn find_again(
        settings: &MarksSettings,
        storage: &Storage,
        key: PublicKeyHash,
        named: &[ChainId],
    ) -> Result<Self, CommandError> {
        Self::look(settings, storage, key, named, |_| ()).await
    }

    async fn look(
        settings: &MarksSettings,
        storage: &Storage,
        key: PublicKeyHash,
        named: &[ChainId],
        report: impl Fn(&Shown),
    ) -> Result<Self, CommandError> {
        let mut shown = read(settings, storage, &Which { key: vec![key], ..Which::default() }).await?;
        report(&shown);
        if !shown.is_all && !named.is_empty() {
            let also = read(settings, storage, &Which { key: vec![key], chain: named.to_vec() }).await?;
            report(&also);
            let is_new = |id: &MarkId| shown.listing.marks.iter().all(|(other, _)| other != id);
            let new: Vec<_> = also.listing.marks.into_iter().filter(|(id, _)| is_new(id)).collect();
            shown.listing.marks.extend(new);
            shown.listing.unreadable.extend(also.listing.unreadable);
            shown.unread.extend(also.unread);
        }
        let mut unread = shown.unread;
        for item in shown.listing.unreadable.iter().filter(|item| item.name.contains(&key.to_string())) {
            unread.push(format!("{} is not a mark: {}", item.name, item.reason));
        }
        Ok(Self { marks: shown.listing.marks, unread, is_all: shown.is_all })
    }

    /// The chains on which the key has marks.
    pub(super) fn chains(&self) -> BTreeSet<ChainId> {
        self.marks.iter().map(|(id, _)| id.chain).collect()
    }
}

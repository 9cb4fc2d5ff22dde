//! Selects the marks to read where the container cannot be listed.

use super::super::{CommandError, variable};
use super::raise::heads_of_nodes;
use super::{Which, note};
use azurehsm_signer::chain::checkpoints;
use azurehsm_signer::settings::{self, MarksSettings, VaultSettings};
use azurehsm_signer::tezos::{ChainId, PublicKeyHash};
use azurehsm_signer::vault::KeyVault;
use azurehsm_signer::vault::embedded::KeyFile;
use azurehsm_signer::wiring::{Azure, survey_sealed_keys};
use std::sync::Arc;

/// The keys and chains whose marks are read one by one, in a container that this identity may not query.
#[derive(Default)]
pub(super) struct Cover {
    /// The keys, each with its names.
    pub(super) keys: Vec<(PublicKeyHash, String)>,
    /// The chains.
    pub(super) chains: Vec<ChainId>,
    /// Keys that may have marks but could not be read, each with the reason.
    pub(super) unread: Vec<String>,
}

impl Cover {
    /// The requested keys and chains. By default, all keys of the vault, including those that cannot sign now, since they may
    /// have signed before, and all known chains.
    pub(super) async fn find(settings: &MarksSettings, azure: &Azure, which: &Which) -> Result<Self, CommandError> {
        let mut cover = Self::default();
        for key in &which.key {
            cover.add_key(*key, "--key");
        }
        for chain in &which.chain {
            cover.add_chain(*chain);
        }
        let (all_keys, all_chains) = (which.key.is_empty(), which.chain.is_empty());
        if all_keys {
            cover.keys_of_vault(settings, azure).await?;
            cover.sealed_keys(settings, all_chains).await?;
        }
        if all_chains {
            cover.chains_of_networks(settings).await;
        }
        if all_keys || all_chains {
            match settings::policy(variable) {
                Ok(policy) => {
                    policy.named_keys().filter(|_| all_keys).for_each(|key| cover.add_key(*key, "policy"));
                    policy.named_chains().filter(|_| all_chains).for_each(|chain| cover.add_chain(chain));
                }
                Err(error) => note(&format!("warning: cannot read the keys and chains of the policy: {error}")),
            }
        }
        Ok(cover)
    }

    async fn keys_of_vault(&mut self, settings: &MarksSettings, azure: &Azure) -> Result<(), CommandError> {
        let services = &settings.services;
        let VaultSettings::KeyVault(vault) = &services.vault else {
            for (name, key) in
                KeyFile::open(&services.embedded.data_dir, services.embedded.passphrase.clone())?.read()?
            {
                self.add_key(key.public_key().hash(), &name.to_string());
            }
            return Ok(());
        };
        let are_named = !vault.keys.is_empty();
        let vault = KeyVault::new(vault.as_ref().clone(), Arc::clone(&azure.tokens), azure.roots.clone())?;
        let all = vault.all_public_keys().await;
        for (version, key) in all.keys {
            self.add_key(key.hash(), &version.to_string());
        }
        for (version, error) in all.unread {
            self.unread.push(format!("{version} could not be read from the vault: {}", error.log()));
        }
        if let Some(error) = all.unlisted {
            let reason = format!("the keys of the vault could not be listed: {}", error.log());
            if are_named {
                note(&format!("{reason}. Only the keys in SIGNING_KEYS are included"));
            } else {
                self.unread.push(reason);
            }
        }
        Ok(())
    }

    async fn sealed_keys(&mut self, settings: &MarksSettings, with_chains: bool) -> Result<(), CommandError> {
        let sealed = survey_sealed_keys(&settings.services).await?;
        for key in &sealed.keys {
            self.add_key(key.hash(), &key.name);
            if with_chains {
                self.add_chain(key.purpose().chain());
            }
        }
        self.unread.extend(sealed.unusable);
        self.unread.extend(sealed.unread);
        Ok(())
    }

    async fn chains_of_networks(&mut self, settings: &MarksSettings) {
        for checkpoint in &checkpoints::CHECKPOINTS {
            self.add_chain(checkpoint.chain);
        }
        for answer in heads_of_nodes(settings).await {
            match answer.head {
                Ok((chain, _)) => self.add_chain(chain),
                Err(error) => note(&format!("warning: cannot read the chain of {}: {error}", answer.node)),
            }
        }
    }

    fn add_key(&mut self, key: PublicKeyHash, name: &str) {
        match self.keys.iter_mut().find(|(other, _)| *other == key) {
            Some((_, names)) => *names = format!("{names}, {name}"),
            None => self.keys.push((key, name.to_owned())),
        }
    }

    fn add_chain(&mut self, chain: ChainId) {
        if !self.chains.contains(&chain) {
            self.chains.push(chain);
        }
    }
}

/// A chain, with the name of its network if known.
pub(super) fn name_of(chain: ChainId) -> String {
    match checkpoints::checkpoint(chain) {
        Some(checkpoint) => format!("{} ({chain})", checkpoint.network),
        None => chain.to_string(),
    }
}

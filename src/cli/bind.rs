//! `marks bind`: records in the keys' tags which mark store guards them.

use super::{CommandError, print_line, runtime, variable, variable_names, wrong_settings};
use azurehsm_signer::marks::binding::{self, MAX_TAG_LENGTH};
use azurehsm_signer::marks::{Binding, CosmosMarkStore, CosmosSettings, MarkStore, StoreId, StoreRole};
use azurehsm_signer::settings::{MarkStoreSettings, Services, VaultSettings};
use azurehsm_signer::tezos::PublicKeyHash;
use azurehsm_signer::vault::key_vault::{KeyIdentifier, KeyVaultSettings, VaultUrl};
use azurehsm_signer::vault::{FoundKeys, Key, KeyVault, Vault, VaultError};
use azurehsm_signer::wiring::Azure;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Binds keys to the mark store in use: sets the tag signer-marks, with the container's id, on each key in the vault. A signer
/// with another store then signs no blocks or votes with them. Requires permission to update keys
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only this key (tz2… or tz3…); repeatable. Default: all keys that can sign
    #[arg(long = "key")]
    keys: Vec<PublicKeyHash>,
}

/// Limit for connecting to the database.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

const PROCEDURE: &str = "\
A key was bound to another mark store. Running signers see the new tag only after KEYS_REFRESH_SECONDS (300 by default);
until then, a signer with the other store continues to sign. Procedure: stop all signers of the key, wait that long, bind,
start. Before the start, this store's marks must cover everything signed with the other one: azurehsm-signer marks raise.";

/// Why there is nothing to bind.
pub(super) const NO_KEYS: &str = "the vault has no keys that can sign: run azurehsm-signer doctor to see why";

pub(super) fn run(arguments: &Arguments) -> Result<(), CommandError> {
    let services = Services::read(variable, &variable_names()).map_err(|error| wrong_settings(&error))?;
    let (VaultSettings::KeyVault(vault), MarkStoreSettings::Cosmos(marks)) = (&services.vault, &services.marks) else {
        return Err(
            "only keys in a vault with marks in Cosmos DB can be bound: set KEY_VAULT_URL and COSMOS_ENDPOINT".into()
        );
    };
    runtime()?.block_on(bind(&services, vault, marks, &arguments.keys))
}

async fn bind(
    services: &Services,
    vault: &KeyVaultSettings,
    marks: &CosmosSettings,
    wanted: &[PublicKeyHash],
) -> Result<(), CommandError> {
    let binder = Binder::connect(services, vault, marks).await?;
    binder.bind(keys(binder.found().await?, wanted)?).await
}

/// Binds keys to one container.
pub(super) struct Binder {
    client: KeyVault,
    store: StoreId,
    /// The tag's value.
    binding: String,
    url: VaultUrl,
}

impl Binder {
    /// Connects to the database, which fails if the account or the container is unsuitable for marks. Changes nothing.
    pub(super) async fn connect(
        services: &Services,
        vault: &KeyVaultSettings,
        marks: &CosmosSettings,
    ) -> Result<Self, CommandError> {
        if services.role == StoreRole::Observing {
            return Err(
                "the store of an observer permits no signature, so no key can be bound to it: remove OBSERVE".into()
            );
        }
        let azure = Azure::prepare(services)?;
        let store = CosmosMarkStore::start(marks.clone(), Arc::clone(&azure.tokens), &azure.roots)?;
        store.connected(Instant::now() + CONNECT_TIMEOUT).await.map_err(|error| error.log())?;
        let store = store.id();
        let binding = binding_to(&store)?;
        let client = KeyVault::new(vault.clone(), Arc::clone(&azure.tokens), azure.roots.clone())?;
        Ok(Self { client, store, binding, url: vault.url.clone() })
    }

    /// The vault's keys.
    ///
    /// # Errors
    /// If some could not be read: one of those may be another name of any key.
    pub(super) async fn found(&self) -> Result<FoundKeys, CommandError> {
        let found = self.client.keys().await.map_err(|error| error.log())?;
        match &found.unread {
            Some(error) => Err(format!("no key was bound, since some could not be read: {}", error.log()).into()),
            None => Ok(found),
        }
    }

    /// The tag that the keys get.
    pub(super) fn binding(&self) -> &str {
        &self.binding
    }

    /// Binds these keys, and prints a line for each.
    pub(super) async fn bind(&self, keys: Vec<Key>) -> Result<(), CommandError> {
        // A closed standard output does not stop the binding.
        let mut printed = Ok(());
        let (mut failed, mut is_moved) = (Vec::new(), false);
        for key in &keys {
            let version = key.version.clone().unwrap_or_default();
            let id = KeyIdentifier { name: key.name.clone(), version };
            match self.client.bind(&id, &self.binding).await {
                Ok(before) => {
                    is_moved |= binding::check(&before, &self.store).is_err();
                    printed = printed.and(print_line(&line_of(&id, key, &before, &self.binding)));
                }
                Err(error) => failed.push(format!("{id}  {}  not bound: {}", key.hash, explained(&error, &self.url))),
            }
        }
        if is_moved {
            printed = printed.and(print_line(PROCEDURE));
        }
        if failed.is_empty() {
            return printed;
        }
        Err(format!("{} of {} keys are bound\n{}", keys.len() - failed.len(), keys.len(), failed.join("\n")).into())
    }
}

/// The tag's value.
fn binding_to(store: &StoreId) -> Result<String, CommandError> {
    let StoreId::Container { name, rid: Some(rid) } = store else {
        return Err("cannot read the container's _rid, so no key can be bound to it".into());
    };
    let value = Binding::new(name.clone(), rid.clone()).to_string();
    let length = value.chars().count();
    if length > MAX_TAG_LENGTH {
        return Err(format!(
            "the tag would have {length} characters, and Azure allows {MAX_TAG_LENGTH}: {value}. Choose shorter names for \
             COSMOS_DATABASE and COSMOS_CONTAINER"
        )
        .into());
    }
    Ok(value)
}

/// The keys to bind: every name and version of the wanted keys.
pub(super) fn keys(found: FoundKeys, wanted: &[PublicKeyHash]) -> Result<Vec<Key>, CommandError> {
    let is_found = |hash: &PublicKeyHash| found.usable.iter().any(|key| key.hash == *hash);
    if let Some(missing) = wanted.iter().find(|hash| !is_found(hash)) {
        return Err(format!("no key was bound, since no key that can sign has the address {missing}").into());
    }
    let mut keys = found.usable;
    // A signer obeys the tags of all names of a private key, including those that cannot sign now.
    let is_usable: HashSet<_> = keys.iter().map(|key| key.hash).collect();
    keys.extend(found.unusable.into_iter().map(|unusable| unusable.key).filter(|key| is_usable.contains(&key.hash)));
    keys.retain(|key| wanted.is_empty() || wanted.contains(&key.hash));
    keys.sort_by(|left, right| (&left.name, &left.version).cmp(&(&right.name, &right.version)));
    if keys.is_empty() {
        return Err(NO_KEYS.into());
    }
    Ok(keys)
}

fn line_of(id: &KeyIdentifier, key: &Key, before: &BTreeSet<String>, binding: &str) -> String {
    let before: Vec<_> = before.iter().map(String::as_str).collect();
    let change = match before[..] {
        [] => format!("was not bound, now {binding}"),
        [before] if before == binding => format!("unchanged: {binding}"),
        _ => format!("was {}, now {binding}", before.join(", ")),
    };
    format!("{id}  {}  {change}", key.hash)
}

fn explained(error: &VaultError, vault: &VaultUrl) -> String {
    match error {
        VaultError::Denied(_) => format!("{}. {}", error.log(), role(vault)),
        VaultError::Unavailable { .. } | VaultError::Unable(_) | VaultError::Untrusted(_) | VaultError::Missing(_) => {
            error.log()
        }
    }
}

fn role(vault: &VaultUrl) -> &'static str {
    if vault.is_managed_hsm() {
        "This requires the data action Microsoft.KeyVault/managedHsm/keys/write/action (role Managed HSM Crypto User)"
    } else {
        "This requires the data action Microsoft.KeyVault/vaults/keys/update/action (role Key Vault Crypto Officer)"
    }
}

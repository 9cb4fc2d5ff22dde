//! `marks stop`: after it has returned, every signature of a block or vote with the key has a mark from before the stop.
//!
//! The key's stop item comes first, then a listing, then every mark: a mark that is missing in the listing is created by a process
//! that finds the stop item before it releases a signature.

use super::super::{CommandError, print_line, variable};
use super::above_head::chains_of;
use super::cover::name_of;
use super::key_marks::KeyMarks;
use super::note;
use super::persist::persist;
use super::raise::heads_of_nodes;
use super::storage::Storage;
use azurehsm_signer::marks::{Ledger, MarkId, MarkStopped, Stop};
use azurehsm_signer::settings::{MarksSettings, Services, VaultSettings};
use azurehsm_signer::tezos::payload::Kind;
use azurehsm_signer::tezos::{ChainId, PublicKeyHash};
use azurehsm_signer::vault::KeyVault;
use azurehsm_signer::vault::key_vault::VaultUrl;
use azurehsm_signer::wiring::Azure;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;

/// Stops a key: no signer of this store signs a block or vote with it any more, until it is resumed. Operations are not covered
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Public key hash (tz1… to tz4…)
    key: PublicKeyHash,
    /// The reason, which refusals include
    #[arg(long)]
    reason: String,
    /// Also create stopped marks on this chain (Net…); repeatable. All chains on which the key has marks, and those that the nodes
    /// (`NODE_URLS`) follow, are always covered
    #[arg(long = "chain")]
    chains: Vec<ChainId>,
}

/// Stops the key, and prints how to disable it in the vault.
pub(super) async fn run(settings: &MarksSettings, arguments: &Arguments) -> Result<(), CommandError> {
    let Arguments { key, reason, chains } = arguments;
    let stopped = stop_key(settings, *key, chains, reason).await;
    let disable = disable_commands(&settings.services, *key).await;
    if !disable.is_empty() {
        print_line(&format!(
            "operations are still signed. To stop them, too, and as a lock that no restore of the marks undoes, disable the key:\n{}",
            disable.join("\n")
        ))?;
    }
    stopped.map(drop)
}

/// The storage in which a key was stopped, to read its marks afterwards.
pub(super) struct StoppedKey {
    /// The storage.
    pub(super) storage: Storage,
    /// The chains that are covered.
    pub(super) chains: Vec<ChainId>,
}

/// Stops the key, prints each step, and waits until no request is in flight that was accepted before. A repeat with the same reason
/// continues the same stop.
pub(super) async fn stop_key(
    settings: &MarksSettings,
    key: PublicKeyHash,
    named: &[ChainId],
    reason: &str,
) -> Result<StoppedKey, CommandError> {
    let timeout = settings.services.request_deadline;
    let storage = Storage::open_to_raise(settings).await?;
    let ledger = Ledger::new(storage.store(settings).await?, settings.services.instance.clone());
    let item = persist(timeout, async |deadline| ledger.stops_of(&key, deadline).await).await;
    let item = item.map_err(|error| not_stopped(&error.log()))?;
    let new = Stop::new(reason, operator(&settings.services), OffsetDateTime::now_utc(), None, None)?;
    let is_same = |stop: &Stop| stop.reason() == new.reason() && stop.evidence.is_none() && stop.chain.is_none();
    let stop = item.into_iter().flat_map(|item| item.stops).find(is_same).unwrap_or(new);
    persist(timeout, async |deadline| ledger.stop_key(&key, &stop, deadline).await)
        .await
        .map_err(|error| not_stopped(&error.log()))?;
    // A closed standard output does not end the stop halfway.
    let mut printed = print_line(&format!("{key}: {stop}"));

    let found = KeyMarks::find(settings, &storage, key, named).await?;
    let mut chains = found.chains();
    chains.extend(chains_of(&heads_of_nodes(settings).await));
    chains.extend(named);
    let mut not_done = found.unread;
    for chain in &chains {
        for kind in Kind::ALL {
            let id = MarkId { chain: *chain, key, kind };
            let done = match persist(timeout, async |deadline| ledger.stop(&id, &stop, None, deadline).await).await {
                Ok(MarkStopped::From(Some(from))) => format!("stopped at {from}"),
                Ok(MarkStopped::From(None)) => "created, and stopped".to_owned(),
                Ok(MarkStopped::Before) => "has this stop".to_owned(),
                Err(error) => {
                    not_done.push(format!("{id}: {}", error.log()));
                    continue;
                }
            };
            printed = printed.and(print_line(&format!("{id}: {done}")));
        }
    }
    let chains: Vec<_> = chains.into_iter().collect();
    printed = printed.and(print_line(&covered(&chains)));
    if !found.is_all {
        note("marks on chains that were not looked up are not covered: name them with --chain");
    }
    if !not_done.is_empty() {
        return Err(format!(
            "the key is not stopped for these marks:\n{}\nRepeat the command with the same reason",
            not_done.join("\n")
        )
        .into());
    }
    if let Storage::Container { .. } = &storage {
        let wait = settings.longest_deadline + MARGIN;
        printed = printed.and(print_line(&format!("waiting {} s for requests in flight", wait.as_secs_f32().ceil())));
        tokio::time::sleep(wait).await;
    }
    printed
        .and(print_line("stopped: every signature of a block or vote from now on has a mark from before the stop"))?;
    Ok(StoppedKey { storage, chains })
}

/// Time for the last answers to arrive.
const MARGIN: Duration = Duration::from_millis(500);

fn not_stopped(reason: &str) -> String {
    format!("it is unknown whether the key is stopped: {reason}\nRepeat the command with the same reason")
}

fn covered(chains: &[ChainId]) -> String {
    if chains.is_empty() {
        return "the key has no marks: a process that creates one finds the stop before it releases a signature"
            .to_owned();
    }
    let chains: Vec<_> = chains.iter().map(|chain| name_of(*chain)).collect();
    format!("covered: {}", chains.join(", "))
}

/// Who runs the command.
fn operator(services: &Services) -> String {
    match variable("USER").filter(|user| !user.is_empty()) {
        Some(user) => format!("{user} ({})", services.instance),
        None => services.instance.clone(),
    }
}

/// The commands that disable every version of the key in the vault.
async fn disable_commands(services: &Services, key: PublicKeyHash) -> Vec<String> {
    let VaultSettings::KeyVault(vault) = &services.vault else { return Vec::new() };
    let versions = async {
        let azure = Azure::prepare(services).ok()?;
        let client = KeyVault::new(vault.as_ref().clone(), Arc::clone(&azure.tokens), azure.roots.clone()).ok()?;
        let all = client.all_public_keys().await;
        Some(
            all.keys
                .into_iter()
                .filter(|(_, public_key)| public_key.hash() == key)
                .map(|(id, _)| id)
                .collect::<Vec<_>>(),
        )
    };
    match versions.await.unwrap_or_default() {
        versions if versions.is_empty() => vec![disable_command(&vault.url, "<name>", "<version>")],
        versions => versions.iter().map(|id| disable_command(&vault.url, &id.name, &id.version)).collect(),
    }
}

fn disable_command(vault: &VaultUrl, name: &str, version: &str) -> String {
    let option = if vault.is_managed_hsm() { "--hsm-name" } else { "--vault-name" };
    let host = vault.as_url().host_str().unwrap_or_default();
    let vault = host.split('.').next().unwrap_or_default();
    format!("az keyvault key set-attributes {option} {vault} --name {name} --version {version} --enabled false")
}

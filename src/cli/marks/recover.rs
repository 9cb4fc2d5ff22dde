//! `marks recover`: lets keys sign again whose marks were lost, by raising them above the head of the chain.

use super::super::bind::{self, Binder, NO_KEYS};
use super::super::{CommandError, print_line};
use super::above_head::{Target, chains_of, refuse_old_heads};
use super::cover::name_of;
use super::raise::{heads_of_nodes, raise};
use super::storage::Storage;
use super::{Which, note};
use azurehsm_signer::chain::NodeHead;
use azurehsm_signer::marks::MarkId;
use azurehsm_signer::marks::interchange::RaiseTarget;
use azurehsm_signer::settings::{MarkStoreSettings, MarksSettings, Services, VaultSettings};
use azurehsm_signer::tezos::payload::{Kind, NonNegative};
use azurehsm_signer::tezos::{ChainId, PublicKeyHash};
use azurehsm_signer::vault::embedded::KeyFile;
use azurehsm_signer::vault::sealed::Survey;
use azurehsm_signer::vault::{FoundKeys, Key, KeyVault, Vault};
use azurehsm_signer::wiring::{Azure, survey_sealed_keys};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::time::Instant;

/// After the mark store was restored, recreated or lost: raises the marks of all kinds of every served key to 10 levels above the
/// head of the chain, all rounds, and binds the keys to this store. First stop every signer that still uses the old store
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Chain id (Net…); repeatable. Default: the chains that the nodes (`NODE_URLS`) follow
    #[arg(long = "chain")]
    chains: Vec<ChainId>,
    /// The level of the head, or higher, such as from a block explorer. Default: the highest head of the nodes
    #[arg(long)]
    level: Option<NonNegative>,
    /// Prints what it would do, and changes nothing
    #[arg(long)]
    dry_run: bool,
    /// Raises even to an implausible level or with an old head, and replaces items that are not marks
    #[arg(long)]
    force: bool,
}

/// Raises the marks, then binds the keys: a bound key signs at once.
pub(super) async fn run(settings: &MarksSettings, arguments: &Arguments) -> Result<(), CommandError> {
    // The container first: what was signed with an earlier one is not above the head that is read afterwards.
    let (served, binding) = served(&settings.services).await?;
    let heads = heads_of_nodes(settings).await;
    let targets = targets(arguments, &heads)?;
    note_sealed_keys(&served, &targets);
    note_other_chains(settings, &served, &targets).await;
    if !served.iter().any(|key| key.signs_on_any(&targets)) {
        return Err("nothing was raised, since none of the keys signs on this chain".into());
    }
    print_line(&summary(&served, &targets, binding.as_ref()))?;
    if arguments.level.is_none() {
        refuse_old_heads(&targets, &heads, arguments.force)?;
    }
    if arguments.dry_run {
        return print_line("nothing was changed");
    }
    let raises: Vec<_> = targets
        .iter()
        .flat_map(|target| served.iter().filter(|key| key.signs_on(target.chain)).flat_map(|key| raises(target, key)))
        .collect();
    let lines = raise(settings, &heads, &raises, arguments.force).await?;
    // A closed standard output does not stop the binding.
    let mut printed = print_line(&lines.join("\n"));
    if let Some(Binding { binder, keys }) = binding {
        binder.bind(keys).await?;
    }
    for Target { chain, level, .. } in &targets {
        printed =
            printed.and(print_line(&format!("{}: blocks and votes above level {level} are signed", name_of(*chain))));
    }
    printed
}

fn targets(arguments: &Arguments, heads: &[NodeHead]) -> Result<Vec<Target>, CommandError> {
    let mut chains = arguments.chains.clone();
    if chains.is_empty() {
        chains.extend(chains_of(heads));
    }
    match (&chains[..], arguments.level) {
        ([], _) => Err(format!(
            "{}: name the chain and the level of its head with --chain and --level",
            if heads.is_empty() { "NODE_URLS is not set" } else { "no node has reported its head" }
        )
        .into()),
        ([_, _, ..], Some(_)) => {
            Err("--level is for one chain: name it with --chain, and repeat the command for each".into())
        }
        _ => chains.iter().map(|chain| Target::new(*chain, arguments.level, heads)).collect(),
    }
}

/// A key whose marks are raised, with its names.
struct Served {
    hash: PublicKeyHash,
    names: BTreeSet<String>,
    /// The only chain of a sealed key.
    only_on: Option<ChainId>,
}

impl Served {
    fn signs_on(&self, chain: ChainId) -> bool {
        self.only_on.is_none_or(|only| only == chain)
    }

    fn signs_on_any(&self, targets: &[Target]) -> bool {
        targets.iter().any(|target| self.signs_on(target.chain))
    }
}

/// Keys to bind, and how.
struct Binding {
    binder: Binder,
    keys: Vec<Key>,
}

/// All keys of the vault and all sealed keys, including those that cannot sign now, since they may have signed before; and how to bind
/// those of the vault that can.
async fn served(services: &Services) -> Result<(Vec<Served>, Option<Binding>), CommandError> {
    let sealed = survey_sealed_keys(services).await?;
    if let Some(reason) = sealed.unread.first() {
        return Err(format!("nothing was raised, since some sealed keys could not be read: {reason}").into());
    }
    for reason in &sealed.unusable {
        note(&format!("warning: the marks of this sealed key are not raised, since its address is unknown: {reason}"));
    }
    let VaultSettings::KeyVault(vault) = &services.vault else {
        let keys = KeyFile::open(&services.embedded.data_dir, services.embedded.passphrase.clone())?.read()?;
        let keys = keys.into_iter().map(|(name, secret)| (secret.public_key().hash(), name.to_string()));
        return Ok((merged(keys, &sealed, "the local vault has no keys")?, None));
    };
    if let MarkStoreSettings::Cosmos(marks) = &services.marks {
        let binder = Binder::connect(services, vault, marks).await?;
        let found = binder.found().await?;
        let served = merged(named(&found), &sealed, NO_KEYS)?;
        if found.usable.is_empty() && !sealed.keys.is_empty() {
            return Ok((served, None));
        }
        return Ok((served, Some(Binding { binder, keys: bind::keys(found, &[])? })));
    }
    let azure = Azure::prepare(services)?;
    let client = KeyVault::new(vault.as_ref().clone(), Arc::clone(&azure.tokens), azure.roots.clone())?;
    let found = client.keys().await.map_err(|error| error.log())?;
    if let Some(error) = &found.unread {
        return Err(format!("nothing was raised, since some keys could not be read: {}", error.log()).into());
    }
    Ok((merged(named(&found), &sealed, NO_KEYS)?, None))
}

fn named(found: &FoundKeys) -> impl Iterator<Item = (PublicKeyHash, String)> {
    let all = found.usable.iter().chain(found.unusable.iter().map(|unusable| &unusable.key));
    all.map(|key| (key.hash, key.name.clone()))
}

fn merged(
    keys: impl IntoIterator<Item = (PublicKeyHash, String)>,
    sealed: &Survey,
    if_none: &'static str,
) -> Result<Vec<Served>, CommandError> {
    let mut served = Vec::<Served>::new();
    let keys = keys.into_iter().map(|(hash, name)| (hash, name, None));
    let sealed = sealed.keys.iter().map(|key| (key.hash(), key.name.clone(), Some(key.purpose().chain())));
    for (hash, name, only_on) in keys.chain(sealed) {
        match served.iter_mut().find(|key| key.hash == hash) {
            Some(key) => {
                key.names.insert(name);
                key.only_on = key.only_on.filter(|chain| only_on == Some(*chain));
            }
            None => served.push(Served { hash, names: BTreeSet::from([name]), only_on }),
        }
    }
    served.sort_by(|left, right| left.names.cmp(&right.names));
    if served.is_empty() { Err(if_none.into()) } else { Ok(served) }
}

fn raises(target: &Target, key: &Served) -> [RaiseTarget; 3] {
    let (chain, key) = (target.chain, key.hash);
    let position = target.position();
    Kind::ALL.map(|kind| RaiseTarget { id: MarkId { chain, key, kind }, position, digest: None, signature: None })
}

/// What the command does, before it does it.
fn summary(served: &[Served], targets: &[Target], binding: Option<&Binding>) -> String {
    let mut lines = Vec::new();
    for Target { chain, head, level } in targets {
        lines.push(format!("{}: head {head}; all marks are raised to level {level}, all rounds", name_of(*chain)));
    }
    for key in served.iter().filter(|key| key.signs_on_any(targets)) {
        let names: Vec<_> = key.names.iter().map(String::as_str).collect();
        lines.push(format!("key {} ({})", key.hash, names.join(", ")));
    }
    if let Some(Binding { binder, keys }) = binding {
        lines.push(format!("keys that can sign are bound to {}", binder.binding()));
        for key in served.iter().filter(|key| !keys.iter().any(|bound| bound.hash == key.hash)) {
            lines.push(format!(
                "{} cannot sign now and is not bound: once it can, run azurehsm-signer marks bind",
                key.hash
            ));
        }
    }
    lines.join("\n")
}

/// Reports sealed keys whose marks are not raised, and what else they need.
fn note_sealed_keys(served: &[Served], targets: &[Target]) {
    let sealed = || served.iter().filter_map(|key| Some((key, key.only_on?)));
    for (key, chain) in sealed().filter(|(key, _)| !key.signs_on_any(targets)) {
        note(&format!(
            "warning: {} signs on {}, and its marks there are not raised: repeat the command with --chain {chain}",
            key.hash,
            name_of(chain)
        ));
    }
    if sealed().next().is_some() {
        note(
            "sealed keys are served only with the store that they are sealed for: if this is another one, seal them for it \
             afterwards: azurehsm-signer sealed rewrap NAME --store FILE",
        );
    }
}

/// Reports marks of these keys on chains that are not covered: they may have been lost, too.
async fn note_other_chains(settings: &MarksSettings, served: &[Served], targets: &[Target]) {
    let Ok(Some(storage)) = Storage::open(settings).await else { return };
    let listing = match &storage {
        Storage::File(store) => store.list().await.ok(),
        Storage::Container { reader, timeout, .. } => reader.list(Instant::now() + *timeout).await.ok().flatten(),
    };
    let Some(listing) = listing else { return };
    let keys = Which { key: served.iter().map(|key| key.hash).collect(), ..Which::default() };
    let others: BTreeSet<_> = listing
        .marks
        .iter()
        .filter(|(id, _)| keys.includes(id) && !targets.iter().any(|target| target.chain == id.chain))
        .map(|(id, _)| id.chain)
        .collect();
    for chain in others {
        note(&format!(
            "warning: the store has marks of these keys on {}, which are not raised: repeat the command with --chain {chain}",
            name_of(chain)
        ));
    }
}

//! `marks resume`: lifts the stops of a key, and raises its marks above everything that may have been signed elsewhere.
//!
//! The marks come first and the key's stop item last, so that a crash in between leaves the key stopped, at least on some chains.

use super::super::{CommandError, print_line};
use super::above_head::{Target, chains_of, refuse_old_heads};
use super::cover::name_of;
use super::key_marks::KeyMarks;
use super::note;
use super::persist::persist;
use super::raise::{evidence, heads_of_nodes};
use super::storage::Storage;
use azurehsm_signer::marks::{Ledger, Lifted, MarkId, Stop, StopId};
use azurehsm_signer::settings::MarksSettings;
use azurehsm_signer::tezos::payload::{Kind, NonNegative};
use azurehsm_signer::tezos::{ChainId, PublicKeyHash};
use std::collections::{BTreeMap, BTreeSet};
use tokio::time::Instant;

/// Lifts the stops of a key, and raises its marks to 10 levels above the head of the chain, all rounds
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Public key hash (tz1… to tz4…)
    key: PublicKeyHash,
    /// The stops to lift, by their identifiers; repeatable. Needed if there are several
    #[arg(long = "stop")]
    stops: Vec<StopId>,
    /// Also this chain (Net…); repeatable. All chains on which the key is stopped are covered
    #[arg(long = "chain")]
    chains: Vec<ChainId>,
    /// The level of the head, or higher. Default: the highest head of the nodes (`NODE_URLS`)
    #[arg(long)]
    level: Option<NonNegative>,
    /// Raises nothing: the key has signed nowhere else since it was stopped
    #[arg(long, conflicts_with = "level")]
    nothing_signed_elsewhere: bool,
    /// Prints what it would do, and changes nothing
    #[arg(long)]
    dry_run: bool,
    /// Raises even to an implausible level or with an old head
    #[arg(long)]
    force: bool,
}

/// Lifts exactly the stops that it shows.
pub(super) async fn run(settings: &MarksSettings, arguments: &Arguments) -> Result<(), CommandError> {
    let key = arguments.key;
    let timeout = settings.services.request_deadline;
    let storage = Storage::open_to_raise(settings).await?;
    let ledger = Ledger::new(storage.store(settings).await?, settings.services.instance.clone());
    let item = ledger.stops_of(&key, Instant::now() + timeout).await.map_err(|error| error.log())?;
    let found = KeyMarks::find(settings, &storage, key, &arguments.chains).await?;
    if !found.unread.is_empty() {
        return Err(
            format!("nothing was lifted, since some marks could not be read:\n{}", found.unread.join("\n")).into()
        );
    }
    let of_marks = found.marks.iter().flat_map(|(_, mark)| mark.stops().iter().cloned());
    let all: BTreeMap<StopId, Stop> =
        item.into_iter().flat_map(|item| item.stops).chain(of_marks).map(|stop| (stop.id, stop)).collect();
    if all.is_empty() {
        return print_line(&format!("nothing to do: {key} is not stopped"));
    }
    // A closed standard output does not end the resume halfway.
    let mut printed = print_lines(all.values().map(|stop| format!("{key}: {stop}")));
    let ids = selected(&all, &arguments.stops)?;
    let targets = targets(settings, arguments, chains(&found, &arguments.chains)).await?;
    if arguments.dry_run {
        return print_line("nothing was changed");
    }

    printed = printed.and(print_lines(lift_all(&ledger, settings, key, &targets, &ids).await?));
    let left =
        persist(timeout, async |deadline| ledger.resume_key(&key, &ids, deadline).await).await.map_err(|error| {
            format!(
                "the stops are lifted from the marks, but not from the key's stop item: {}. Repeat the command",
                error.log()
            )
        })?;
    if !left.is_empty() {
        return Err(other_stops(&left).into());
    }
    // A process that read the stop item before may have written the stop into a mark again.
    printed = printed.and(print_lines(lift_all(&ledger, settings, key, &targets, &ids).await?));
    let again = KeyMarks::find_again(settings, &storage, key, &arguments.chains).await?;
    if !again.unread.is_empty() {
        let unread = again.unread.join("\n");
        return Err(format!(
            "the stop is lifted, but whether it reached other marks is unknown:\n{unread}\nRepeat the command"
        )
        .into());
    }
    let missed: BTreeSet<_> =
        stopped_chains(&again).filter(|chain| targets.iter().all(|(covered, _)| covered != chain)).collect();
    if !missed.is_empty() {
        let missed: Vec<_> = missed.into_iter().map(name_of).collect();
        return Err(format!(
            "the stop is lifted, but it reached marks on {} meanwhile, which are still stopped: repeat the command",
            missed.join(", ")
        )
        .into());
    }
    for (chain, target) in &targets {
        let above = match target {
            Some(target) => format!("above level {}", target.level),
            None => "above its marks".to_owned(),
        };
        printed = printed.and(print_line(&format!("{}: blocks and votes {above} are signed", name_of(*chain))));
    }
    if !found.is_all {
        note("marks on chains that were not looked up are still stopped if they were: name them with --chain");
    }
    printed.and(print_line("restart signers of release 0.1.0: they take the lower marks for lost ones"))
}

fn print_lines(lines: impl IntoIterator<Item = String>) -> Result<(), CommandError> {
    lines.into_iter().try_for_each(|line| print_line(&line))
}

/// The chains with stopped marks, and the named ones.
fn chains(found: &KeyMarks, named: &[ChainId]) -> BTreeSet<ChainId> {
    stopped_chains(found).chain(named.iter().copied()).collect()
}

fn stopped_chains(found: &KeyMarks) -> impl Iterator<Item = ChainId> {
    found.marks.iter().filter(|(_, mark)| !mark.stops().is_empty()).map(|(id, _)| id.chain)
}

/// All stops must be named if there are several: one of them may be unknown to the operator.
fn selected(all: &BTreeMap<StopId, Stop>, named: &[StopId]) -> Result<Vec<StopId>, CommandError> {
    if let Some(unknown) = named.iter().find(|id| !all.contains_key(id)) {
        return Err(format!("nothing was lifted: the key has no stop {unknown}").into());
    }
    let is_named = |id: &StopId| named.contains(id) || (named.is_empty() && all.len() == 1);
    if all.keys().all(is_named) {
        return Ok(all.keys().copied().collect());
    }
    let options: Vec<_> = all.keys().map(|id| format!("--stop {id}")).collect();
    Err(format!("nothing was lifted: the key has {} stops, and all have to be named: {}", all.len(), options.join(" "))
        .into())
}

/// Where the marks are raised to, for each chain; `None` with `--nothing-signed-elsewhere`.
async fn targets(
    settings: &MarksSettings,
    arguments: &Arguments,
    mut chains: BTreeSet<ChainId>,
) -> Result<Vec<(ChainId, Option<Target>)>, CommandError> {
    if arguments.nothing_signed_elsewhere {
        return Ok(chains.into_iter().map(|chain| (chain, None)).collect());
    }
    let heads = heads_of_nodes(settings).await;
    if chains.is_empty() {
        chains.extend(chains_of(&heads));
    }
    if arguments.level.is_some() && chains.len() > 1 {
        return Err(
            "nothing was lifted: --level is for one chain, and the key is stopped on several: set NODE_URLS".into()
        );
    }
    let targets: Result<Vec<_>, _> = chains.iter().map(|chain| Target::new(*chain, arguments.level, &heads)).collect();
    let targets = targets.map_err(|error| format!("nothing was lifted: {error}, or add --nothing-signed-elsewhere"))?;
    if arguments.level.is_none() {
        refuse_old_heads(&targets, &heads, arguments.force)?;
    }
    for Target { chain, level, .. } in targets.iter().filter(|_| !arguments.force) {
        if let Some(objection) = evidence(settings, &heads, *chain, None).against(*level).first() {
            return Err(format!("nothing was lifted: {objection}. If this is intended, add --force").into());
        }
    }
    Ok(targets.into_iter().map(|target| (target.chain, Some(target))).collect())
}

/// Lifts the stops from all marks. Returns a line for each that changed.
async fn lift_all(
    ledger: &Ledger,
    settings: &MarksSettings,
    key: PublicKeyHash,
    targets: &[(ChainId, Option<Target>)],
    ids: &[StopId],
) -> Result<Vec<String>, CommandError> {
    let mut lines = Vec::new();
    for (chain, target) in targets {
        for kind in Kind::ALL {
            let id = MarkId { chain: *chain, key, kind };
            let raise_to = target.as_ref().map(Target::position);
            let lifted = persist(settings.services.request_deadline, async |deadline| {
                ledger.lift(&id, ids, raise_to, deadline).await
            });
            match lifted.await {
                Ok(Lifted::To { from: Some(from), to }) => lines.push(format!("{id}: lifted, from {from} to {to}")),
                Ok(Lifted::To { from: None, to }) => lines.push(format!("{id}: set to {to}")),
                Ok(Lifted::NotStopped) => {}
                Ok(Lifted::OtherStops(others)) => return Err(midway(&lines, &other_stops(&others)).into()),
                Err(error) => {
                    let reason = format!("{id}: the result is unknown: {}. Repeat the command", error.log());
                    return Err(midway(&lines, &reason).into());
                }
            }
        }
    }
    Ok(lines)
}

fn midway(done: &[String], reason: &str) -> String {
    if done.is_empty() { reason.to_owned() } else { format!("{}\n{reason}", done.join("\n")) }
}

fn other_stops(others: &[Stop]) -> String {
    let others: Vec<_> = others.iter().map(ToString::to_string).collect();
    format!("another stop came in between, and the key stays stopped:\n{}", others.join("\n"))
}

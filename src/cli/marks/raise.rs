//! `marks raise` and `marks import`.

use super::super::{CommandError, print_line};
use super::note;
use super::storage::Storage;
use azurehsm_signer::chain::{NodeHead, checkpoints, heads, highest_head};
use azurehsm_signer::marks::interchange::{self, Hints, RaiseTarget};
use azurehsm_signer::marks::{Evidence, Found, Ledger, MarkId, Raised, Unreadable};
use azurehsm_signer::settings::table::HEAD_THRESHOLD;
use azurehsm_signer::settings::{MarkStoreSettings, MarksSettings};
use azurehsm_signer::text;
use azurehsm_signer::tezos::payload::{Kind, Position};
use azurehsm_signer::tezos::{ChainId, PublicKeyHash};
use std::collections::HashMap;
use std::path::PathBuf;
use time::OffsetDateTime;
use tokio::time::Instant;

/// Raises marks if there are no objections to any of them, or with `force`, and prints a line for each.
pub(super) async fn run(settings: &MarksSettings, raises: &[RaiseTarget], force: bool) -> Result<(), CommandError> {
    let heads = heads_of_nodes(settings).await;
    let lines = raise(settings, &heads, raises, force).await?;
    // Printed last, so that a closed standard output does not stop a raise.
    print_line(&lines.join("\n"))
}

/// The heads of the nodes in `NODE_URLS`.
pub(super) async fn heads_of_nodes(settings: &MarksSettings) -> Vec<NodeHead> {
    match &settings.nodes {
        Some(nodes) => heads(nodes, Instant::now() + settings.services.request_deadline).await,
        None => Vec::new(),
    }
}

/// What is known about the level of a chain, and about a key whose highest mark on it is `highest`.
pub(super) fn evidence(
    settings: &MarksSettings,
    heads: &[NodeHead],
    chain: ChainId,
    highest: Option<Position>,
) -> Evidence {
    Evidence {
        chain,
        max_level: checkpoints::max_level(chain, OffsetDateTime::now_utc()),
        head: highest_head(heads, chain),
        head_threshold: settings.nodes.as_ref().map_or(HEAD_THRESHOLD.values.default, |nodes| nodes.threshold),
        highest,
        max_jump: settings.max_level_jump,
    }
}

/// Raises marks if there are no objections to any of them, or with `force`. Returns a line for each.
pub(super) async fn raise(
    settings: &MarksSettings,
    heads: &[NodeHead],
    raises: &[RaiseTarget],
    force: bool,
) -> Result<Vec<String>, CommandError> {
    let timeout = settings.services.request_deadline;
    let storage = Storage::open_to_raise(settings).await?;
    let present = look_at_all(&storage, raises).await?;
    let objections = objections(settings, heads, &present, raises);
    if force {
        for objection in &objections {
            note(&format!("forced: {objection}"));
        }
    } else if !objections.is_empty() {
        return Err(format!(
            "nothing was raised, since a mark cannot be lowered again:\n{}\nif this is intended, add --force",
            objections.join("\n")
        )
        .into());
    }

    let ledger = Ledger::new(storage.store(settings).await?, settings.services.instance.clone());
    let mut lines = Vec::with_capacity(raises.len());
    for (index, mark) in raises.iter().enumerate() {
        let (id, to, deadline) = (mark.id, mark.position, Instant::now() + timeout);
        let raised = match present.get(&id) {
            Some(Found::Unreadable(item)) => {
                ledger.repair(&id, to, mark.digest, mark.signature, &item.version, deadline).await
            }
            _ => ledger.raise(&id, to, mark.digest, mark.signature, deadline).await,
        };
        lines.push(match raised {
            Ok(Raised::From(None)) => format!("{id}: set to {to}"),
            Ok(Raised::From(Some(from))) => format!("{id}: raised from {from} to {to}"),
            Ok(Raised::Kept(kept)) => format!("{id}: kept at {kept}, which is not below {to}"),
            Ok(Raised::Repaired) => format!("{id}: set to {to}, replacing an item that was not a mark"),
            Err(error) => {
                // First report the marks that were raised.
                drop(print_line(&lines.join("\n")));
                let rest = raises.iter().skip(index + 1).map(|mark| mark.id.to_string()).collect::<Vec<_>>();
                return Err(stopped_midway(&id, &error.log(), lines.len(), &rest).into());
            }
        });
    }
    Ok(lines)
}

/// Declares that a key has never signed on a chain, in an embedded store that was recreated.
pub(super) async fn declare_new(
    settings: &MarksSettings,
    chain: ChainId,
    key: PublicKeyHash,
) -> Result<(), CommandError> {
    if let MarkStoreSettings::Cosmos(_) = &settings.services.marks {
        return print_line("nothing to do: in Cosmos DB, a key without marks on a chain counts as new there");
    }
    let Storage::File(store) = Storage::open_to_raise(settings).await? else {
        return Err("the marks are not in an embedded store".into());
    };
    let path = settings.services.embedded.marks_file();
    for kind in Kind::ALL {
        let id = MarkId { chain, key, kind };
        if store.look(&id).await?.is_some() {
            return Err(format!(
                "{key} is not new on {chain}: {} contains its {kind} mark. Raise the missing marks above everything that was \
                 signed (azurehsm-signer marks raise {chain} {key} LEVEL)",
                path.display()
            )
            .into());
        }
    }
    if !store.is_recreated().await? {
        return print_line(&format!(
            "nothing to do: {} was never lost, so a key without marks on a chain counts as new there",
            path.display()
        ));
    }
    store.declare_new(chain, key).await?;
    print_line(&format!("{key} is new on {chain}: it may sign there without marks"))
}

/// The marks in files.
pub(super) fn read_files(
    files: &[PathBuf],
    kind: Option<Kind>,
    chain: Option<ChainId>,
) -> Result<Vec<RaiseTarget>, CommandError> {
    let mut marks = Vec::new();
    for path in files {
        let text = text::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let hints = Hints { kind, chain }.or_from_name(path);
        let of_file = interchange::parse(&text, hints).map_err(|error| format!("{}: {error}", path.display()))?;
        if of_file.is_empty() {
            return Err(format!("{}: contains no marks", path.display()).into());
        }
        marks.extend(of_file);
    }
    Ok(interchange::highest(marks))
}

/// The present items of all kinds, for each key and chain to be raised.
async fn look_at_all(storage: &Storage, raises: &[RaiseTarget]) -> Result<HashMap<MarkId, Found>, CommandError> {
    let mut present = HashMap::new();
    let mut seen = Vec::new();
    for mark in raises {
        for kind in Kind::ALL {
            let id = MarkId { kind, ..mark.id };
            if !seen.contains(&id) {
                seen.push(id);
                let found =
                    storage.look(&id).await.map_err(|error| format!("nothing was raised: {id}: {}", error.log()))?;
                present.extend(found.map(|found| (id, found)));
            }
        }
    }
    Ok(present)
}

/// The objections to the raises, one per line.
fn objections(
    settings: &MarksSettings,
    heads: &[NodeHead],
    present: &HashMap<MarkId, Found>,
    raises: &[RaiseTarget],
) -> Vec<String> {
    for NodeHead { node, head, .. } in heads {
        if let Err(error) = head {
            note(&format!("warning: cannot read the head of {node} ({error}): levels are checked without it"));
        }
    }
    let mut objections = Vec::new();
    for RaiseTarget { id, position, .. } in raises {
        let found = present.get(id);
        if matches!(found, Some(Found::Mark(stored)) if stored.mark.true_position() >= *position) {
            continue;
        }
        let highest = Kind::ALL.into_iter().filter_map(|kind| position_of(present.get(&MarkId { kind, ..*id }))).max();
        let evidence = evidence(settings, heads, id.chain, highest);
        objections.extend(evidence.against(position.level).into_iter().map(|objection| format!("{id}: {objection}")));
        if let Some(Found::Unreadable(item)) = found {
            objections.extend(against_repair(item, *position).map(|objection| format!("{id}: {objection}")));
        }
    }
    objections
}

fn position_of(found: Option<&Found>) -> Option<Position> {
    match found? {
        Found::Mark(stored) => Some(stored.mark.true_position()),
        Found::Unreadable(item) => item.legible(),
    }
}

/// The objection to replacing an item that is not a mark: it may have been one, and must not be lowered.
fn against_repair(item: &Unreadable, to: Position) -> Option<String> {
    match item.legible() {
        Some(legible) if legible <= to => None,
        Some(legible) => {
            Some(format!("the stored item is not a mark ({}), but {legible} is legible in it, above {to}", item.reason))
        }
        None => Some(format!("the stored item is not a mark ({}), and no level is legible in it", item.reason)),
    }
}

fn stopped_midway(id: &MarkId, reason: &str, done: usize, rest: &[String]) -> String {
    let rest = match rest {
        [] => "none remain".to_owned(),
        rest => format!("not attempted: {}", rest.join(", ")),
    };
    format!(
        "{id}: the result is unknown: {reason}\n{done} raised, listed above; {rest}. Repeat the command: marks are never lowered"
    )
}

//! `participation`: which votes and blocks of the keys are on chain, why the others are not, and what comes next.

use super::marks::Storage;
use super::{CommandError, note, print_line, read_file_or_input, runtime, variable, variable_names, wrong_settings};
use azurehsm_signer::marks::{Found, Mark, MarkId};
use azurehsm_signer::participation::{Answers, Counts, DutyKind, KeyReview, Outcome, Review, answers_of_log, review};
use azurehsm_signer::settings::{MarksSettings, Services, VaultSettings};
use azurehsm_signer::tezos::PublicKeyHash;
use azurehsm_signer::tezos::payload::NonNegative;
use azurehsm_signer::vault::embedded::KeyFile;
use azurehsm_signer::wiring::{Azure, open_vault, survey_sealed_keys};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Shows for each key which of its votes and blocks are on chain, and why the others are not; how many more
/// slots its delegate may miss in the current cycle; and its next rights. Reads the nodes and the mark store
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only this key; repeatable. Default: all keys that can sign
    #[arg(long = "key")]
    keys: Vec<PublicKeyHash>,
    /// How many final levels to look back. Marks remember 64 signatures
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u8).range(1..=64))]
    levels: u8,
    /// A log of the service, which has the causes of refusals and failures; - reads standard input. Without it, they count as never
    /// requested
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Prints JSON, one object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), CommandError> {
    let settings = MarksSettings::read(variable, &variable_names()).map_err(|error| wrong_settings(&error))?;
    runtime()?.block_on(show(&settings, arguments))
}

async fn show(settings: &MarksSettings, arguments: &Arguments) -> Result<(), CommandError> {
    let Some(nodes) = &settings.nodes else {
        return Err("NODE_URLS: expected, since participation is read from the chain".into());
    };
    let mut keys = keys(&settings.services).await?;
    keys.retain(|key| arguments.keys.is_empty() || arguments.keys.contains(key));
    if let Some(missing) = arguments.keys.iter().find(|key| !keys.contains(key)) {
        return Err(format!("no key that can sign has the address {missing}").into());
    }
    let storage = match Storage::open(settings).await {
        Ok(storage) => Ok(storage),
        Err(error) => {
            note(&format!("what was signed is unknown: {error}"));
            Err(())
        }
    };
    let answers = match &arguments.log {
        Some(log) => answers_of_log(&read_file_or_input(log).map_err(|error| format!("{}: {error}", log.display()))?),
        None => Answers::default(),
    };
    let mark = async |id: &MarkId| mark(storage.as_ref().map_err(|()| "no store")?.as_ref(), id).await;
    let found = review(nodes, &keys, arguments.levels.into(), &answers, mark).await.map_err(|errors| {
        let errors: Vec<_> = errors.into_iter().map(|(node, error)| format!("{node}: {error}")).collect();
        CommandError::from(format!("no node answers: {}", errors.join("; ")))
    })?;
    if let Err(reason) = &found.rights {
        note(&format!(
            "{}: rights are unknown, so only votes on chain are shown: {reason}. A node allows requests for rights to \
             local clients; see --allow-all-rpc of octez-node",
            found.node
        ));
    }
    if arguments.json {
        return print_line(&as_json(&found).to_string());
    }
    print_line(&as_text(&found))
}

/// The keys that can sign.
async fn keys(services: &Services) -> Result<Vec<PublicKeyHash>, CommandError> {
    let mut keys: Vec<_> = if let VaultSettings::KeyVault(_) = &services.vault {
        let azure = Azure::prepare(services)?;
        let found = open_vault(services, Some(&azure))?.keys().await?;
        found.unread.map_or(Ok(()), Err)?;
        found.usable.iter().map(|key| key.hash).collect()
    } else {
        let file = KeyFile::open(&services.embedded.data_dir, services.embedded.passphrase.clone())?;
        file.read()?.iter().map(|(_, secret)| secret.public_key().hash()).collect()
    };
    let sealed = survey_sealed_keys(services).await?;
    if let Some(reason) = sealed.unread.first() {
        return Err(reason.clone().into());
    }
    keys.extend(sealed.hashes());
    keys.sort_by_key(PublicKeyHash::to_string);
    keys.dedup();
    Ok(keys)
}

async fn mark(storage: Option<&Storage>, id: &MarkId) -> Result<Option<Mark>, String> {
    let Some(storage) = storage else { return Ok(None) };
    match storage.look(id).await.map_err(|error| error.log())? {
        None => Ok(None),
        Some(Found::Mark(stored)) => Ok(Some(stored.mark)),
        Some(Found::Unreadable(unreadable)) => Err(unreadable.reason),
    }
}

fn as_text(review: &Review) -> String {
    let mut lines = Vec::new();
    let cycle = review.cycle.map(|cycle| format!(", cycle {cycle}")).unwrap_or_default();
    let levels = match review.levels {
        Some((first, last)) => format!("final levels {first} to {last}"),
        None => "no final levels".to_owned(),
    };
    lines.push(format!("{} at level {}{cycle}; {levels}", review.chain, review.head));
    if review.keys.is_empty() {
        lines.push("no keys that can sign".to_owned());
    }
    lines.extend(review.keys.iter().flat_map(lines_of));
    lines.join("\n")
}

/// The width of the first column of a table.
const WIDTH: usize = 14;

fn lines_of(key: &KeyReview) -> Vec<String> {
    let delegate = key.delegate.filter(|delegate| *delegate != key.key);
    let delegate = delegate.map(|delegate| format!("  for {delegate}")).unwrap_or_default();
    let mut lines = vec![format!("\n{}{delegate}", key.key)];
    let header = Outcome::NAMES.map(|name| format!("{:>13}", name.replace('_', " ")));
    lines.push(format!("  {:WIDTH$}{}", "", header.concat()));
    let row = |name: String, counts: Option<&Counts>| {
        let numbers = Outcome::NAMES.map(|outcome| format!("{:>13}", counts.map_or(0, |counts| counts.of(outcome))));
        format!("  {name:WIDTH$}{}", numbers.concat())
    };
    for kind in DutyKind::ALL {
        lines.push(row(format!("{kind}s"), key.tally.totals().get(&(key.key, kind))));
        // Of one cycle, they are the same.
        for (cycle, counts) in key.tally.cycles().iter().filter(|_| key.tally.cycles().len() > 1) {
            lines.push(row(format!("  cycle {cycle}"), counts.get(&(key.key, kind))));
        }
    }
    for (duty, missed) in &key.missed {
        lines.push(format!("  {} of level {}, round {}: {missed}", duty.kind, duty.level, duty.round));
    }
    if let Some(standing) = &key.standing {
        let verdict = if standing.is_lost() { "the reward for attesting is lost" } else { "rewarded so far" };
        lines.push(format!(
            "  this cycle: {} of {} slots missed at {} levels, {} more may be missed: {verdict}",
            standing.missed_slots,
            standing.expected_cycle_activity,
            standing.missed_levels,
            standing.remaining_allowed_missed_slots
        ));
    }
    let vote = key.next.vote.map(|level| format!("vote at level {level}"));
    let block = key.next.block.map(|(level, round)| format!("block at level {level}, round {round}"));
    let next: Vec<_> = vote.into_iter().chain(block).collect();
    if !next.is_empty() {
        lines.push(format!("  next: {}", next.join("; ")));
    }
    lines
}

fn as_json(review: &Review) -> Value {
    let counts = |counts: Option<&Counts>| {
        let counts = counts.cloned().unwrap_or_default();
        Outcome::NAMES
            .iter()
            .map(|name| ((*name).to_owned(), json!(counts.of(name))))
            .collect::<serde_json::Map<_, _>>()
    };
    let keys = review.keys.iter().map(|key| {
        let missed = key.missed.iter().map(|(duty, missed)| {
            json!({
                "kind": duty.kind.name(), "level": duty.level.get(), "round": duty.round.get(),
                "outcome": missed.name(), "reason": missed.to_string(),
            })
        });
        let cycles = key.tally.cycles().iter().map(|(cycle, of_cycle)| {
            json!({
                "cycle": cycle,
                "votes": counts(of_cycle.get(&(key.key, DutyKind::Vote))),
                "blocks": counts(of_cycle.get(&(key.key, DutyKind::Block))),
            })
        });
        json!({
            "key": key.key.to_string(),
            "delegate": key.delegate.map(|delegate| delegate.to_string()),
            "votes": counts(key.tally.totals().get(&(key.key, DutyKind::Vote))),
            "blocks": counts(key.tally.totals().get(&(key.key, DutyKind::Block))),
            "cycles": cycles.collect::<Vec<_>>(),
            "missed": missed.collect::<Vec<_>>(),
            "standing": key.standing,
            "next_vote": key.next.vote.map(NonNegative::get),
            "next_block": key.next.block.map(|(level, round)| json!({"level": level.get(), "round": round.get()})),
        })
    });
    json!({
        "chain": review.chain.to_string(),
        "head": review.head.get(),
        "cycle": review.cycle,
        "first_level": review.levels.map(|(first, _)| first.get()),
        "last_level": review.levels.map(|(_, last)| last.get()),
        "rights_known": review.rights.is_ok(),
        "keys": keys.collect::<Vec<_>>(),
    })
}

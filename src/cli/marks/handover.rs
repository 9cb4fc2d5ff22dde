//! `marks handover`: stops a key here, and prepares its marks for another signer with another store.

use super::super::{CommandError, print_line};
use super::above_head::Target;
use super::key_marks::KeyMarks;
use super::raise::heads_of_nodes;
use super::stop::{StoppedKey, stop_key};
use azurehsm_signer::marks::interchange;
use azurehsm_signer::settings::MarksSettings;
use azurehsm_signer::tezos::{ChainId, PublicKeyHash};
use std::fs;
use std::path::PathBuf;

/// Stops a key here, writes its marks to a file, and prints the commands for the signer that takes it over
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Public key hash (tz1… to tz4…)
    key: PublicKeyHash,
    /// The file for the key's marks. Default: handover-KEY.json
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Also create stopped marks on this chain (Net…); repeatable
    #[arg(long = "chain")]
    chains: Vec<ChainId>,
}

/// The stop of every handover, so that a repeated command continues it.
const REASON: &str = "handed over to another signer";

/// Stops the key and waits, then exports. The file is written only after nothing more is signed here, so it is complete; after a
/// crash, the command is repeated.
pub(super) async fn run(settings: &MarksSettings, arguments: &Arguments) -> Result<(), CommandError> {
    let Arguments { key, output, chains } = arguments;
    let StoppedKey { storage, chains } = stop_key(settings, *key, chains, REASON).await?;
    let found = KeyMarks::find(settings, &storage, *key, &chains).await?;
    if !found.unread.is_empty() {
        let unread = found.unread.join("\n");
        return Err(
            format!("nothing was exported, since some marks could not be read:\n{unread}\nRepeat the command").into()
        );
    }
    let path = output.clone().unwrap_or_else(|| format!("handover-{key}.json").into());
    let text = interchange::export(&found.marks)?;
    fs::write(&path, text + "\n").map_err(|error| format!("{}: {error}. Repeat the command", path.display()))?;
    let heads = heads_of_nodes(settings).await;
    let mut lines = vec![
        format!("the key's marks are in {}. At the signer that takes over, with its settings:", path.display()),
        format!("azurehsm-signer marks import {}", path.display()),
    ];
    let mut resume = Vec::new();
    for chain in chains {
        let (head, level) = match Target::new(chain, None, &heads) {
            Ok(Target { head, level, .. }) => (head.to_string(), level.to_string()),
            Err(_) => ("<level of the head>".to_owned(), "<level of the head + 10>".to_owned()),
        };
        lines.push(format!("azurehsm-signer marks raise {chain} {key} {level}"));
        resume.push(format!("azurehsm-signer marks resume {key} --chain {chain} --level {head}"));
    }
    lines.push("if the key is bound to the marks here:".to_owned());
    lines.push(format!("azurehsm-signer marks bind --key {key}"));
    lines.push("if the key was stopped there, such as by an earlier handover:".to_owned());
    lines.extend(resume);
    print_line(&lines.join("\n"))
}

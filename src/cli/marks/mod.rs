//! `marks`: lists, raises, recovers, stops, exports and imports high watermarks.

mod above_head;
mod cover;
mod handover;
mod identity;
mod key_marks;
mod persist;
mod raise;
mod recover;
mod resume;
mod show;
mod stop;
mod storage;

pub(super) use storage::Storage;

use super::{CommandError, note, variable, variable_names, wrong_settings};
use azurehsm_signer::marks::MarkId;
use azurehsm_signer::marks::interchange::RaiseTarget;
use azurehsm_signer::settings::MarksSettings;
use azurehsm_signer::tezos::payload::{Kind, NonNegative, Position};
use azurehsm_signer::tezos::{ChainId, PublicKeyHash};
use clap::Subcommand;
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Lists all marks
    List(Which),
    /// Raises a mark by hand: nothing at or below it will be signed again
    Raise {
        /// Chain id (Net…)
        chain: ChainId,
        /// Public key hash (tz1… to tz4…)
        key: PublicKeyHash,
        /// The last level signed elsewhere, or higher
        #[arg(required_unless_present = "new_key")]
        level: Option<NonNegative>,
        /// Up to this round of that level. Default: all its rounds
        #[arg(long)]
        round: Option<NonNegative>,
        /// Only this kind (block, preattestation or attestation). Default: all three
        #[arg(long)]
        kind: Option<Kind>,
        /// Instead of a level: the key has never signed on this chain. For an embedded store that was lost and recreated
        #[arg(long, conflicts_with_all = ["level", "round", "kind", "force"])]
        new_key: bool,
        /// Raises even to an implausible level, and replaces items that are not marks
        #[arg(long)]
        force: bool,
    },
    // The help text is that of the arguments.
    Recover(recover::Arguments),
    Stop(stop::Arguments),
    Resume(resume::Arguments),
    Handover(handover::Arguments),
    /// Prints what identifies the mark store, with the digest that answers carry as x-signer-store
    Store {
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Writes all marks as JSON to standard output
    Export(Which),
    /// Raises marks to those in files from this program's export, octez-signer or Signatory. Never lowers a mark
    Import {
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The kind of the marks, if neither a file nor its name specifies it
        #[arg(long)]
        kind: Option<Kind>,
        /// The chain of the marks, if neither a file nor its name specifies it
        #[arg(long)]
        chain: Option<ChainId>,
        /// Raises even to implausible levels, and replaces items that are not marks
        #[arg(long)]
        force: bool,
    },
}

/// Selects marks. Default: all.
#[derive(clap::Args, Default)]
pub(crate) struct Which {
    /// Only marks of this chain; repeatable
    #[arg(long)]
    chain: Vec<ChainId>,
    /// Only marks of this key; repeatable
    #[arg(long)]
    key: Vec<PublicKeyHash>,
}

impl Which {
    fn includes(&self, id: &MarkId) -> bool {
        (self.chain.is_empty() || self.chain.contains(&id.chain)) && (self.key.is_empty() || self.key.contains(&id.key))
    }
}

pub(super) async fn run(command: Command) -> Result<(), CommandError> {
    // Parse all input before writing anything.
    let (raises, force) = match &command {
        Command::Raise { chain, key, level: Some(level), round, kind, force, .. } => {
            let kinds = kind.map_or_else(|| Kind::ALL.to_vec(), |kind| vec![kind]);
            let position = Position { level: *level, round: round.unwrap_or(NonNegative::MAX) };
            let raises = kinds.into_iter().map(|kind| {
                let id = MarkId { chain: *chain, key: *key, kind };
                RaiseTarget { id, position, digest: None, signature: None }
            });
            (raises.collect(), *force)
        }
        Command::Import { files, kind, chain, force } => (raise::read_files(files, *kind, *chain)?, *force),
        _ => (Vec::new(), false),
    };
    let settings = MarksSettings::read(variable, &variable_names()).map_err(|error| wrong_settings(&error))?;
    match command {
        Command::List(which) => show::list(&settings, &which).await,
        Command::Store { json } => identity::show(&settings, json).await,
        Command::Export(which) => show::export(&settings, &which).await,
        Command::Raise { chain, key, new_key: true, .. } => raise::declare_new(&settings, chain, key).await,
        Command::Stop(arguments) => stop::run(&settings, &arguments).await,
        Command::Resume(arguments) => resume::run(&settings, &arguments).await,
        Command::Handover(arguments) => handover::run(&settings, &arguments).await,
        Command::Recover(arguments) => recover::run(&settings, &arguments).await,
        Command::Raise { .. } | Command::Import { .. } => raise::run(&settings, &raises, force).await,
    }
}

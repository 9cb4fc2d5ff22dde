//! `marks`: list, raise, export, import.

mod cover;
mod place;
mod raise;
mod show;

use super::{CommandError, variable, variable_names, wrong_settings};
use azurehsm_signer::marks::MarkId;
use azurehsm_signer::marks::interchange::Imported;
use azurehsm_signer::settings::MarksSettings;
use azurehsm_signer::tezos::payload::{Kind, NonNegative, Position};
use azurehsm_signer::tezos::{ChainId, PublicKeyHash};
use clap::Subcommand;
use std::io::Write;
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Lists all marks
    List(Which),
    /// Raises a mark by hand: nothing at or below it will be signed any more
    Raise {
        /// Chain id (Net…)
        chain: ChainId,
        /// Public key hash (tz1… to tz4…)
        key: PublicKeyHash,
        /// Level of the last thing signed elsewhere, or higher
        #[arg(required_unless_present = "new_key")]
        level: Option<NonNegative>,
        /// Only up to this round of that level; all its rounds otherwise
        #[arg(long)]
        round: Option<NonNegative>,
        /// Only this kind (block, preattestation or attestation); all three otherwise
        #[arg(long)]
        kind: Option<Kind>,
        /// Instead of a level: the key has never signed on this chain. For an embedded store that was lost and recreated
        #[arg(long, conflicts_with_all = ["level", "round", "kind", "force"])]
        new_key: bool,
        /// Also to a level that cannot be right, and in the place of something that is not a mark
        #[arg(long)]
        force: bool,
    },
    /// Writes all marks as JSON to standard output
    Export(Which),
    /// Raises marks to those in files: of this program's export, octez-signer, or Signatory. Never lowers one
    Import {
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The kind of the marks, where neither the file nor its name says it
        #[arg(long)]
        kind: Option<Kind>,
        /// The chain of the marks, where neither the file nor its name says it
        #[arg(long)]
        chain: Option<ChainId>,
        /// Also to levels that cannot be right, and in the place of something that is not a mark
        #[arg(long)]
        force: bool,
    },
}

/// Which marks are wanted: all, if nothing is given.
#[derive(clap::Args, Default)]
pub(crate) struct Which {
    /// Only of this chain; may be given several times
    #[arg(long)]
    chain: Vec<ChainId>,
    /// Only of this key; may be given several times
    #[arg(long)]
    key: Vec<PublicKeyHash>,
}

impl Which {
    fn includes(&self, id: &MarkId) -> bool {
        (self.chain.is_empty() || self.chain.contains(&id.chain)) && (self.key.is_empty() || self.key.contains(&id.key))
    }
}

pub(super) async fn run(command: Command) -> Result<(), CommandError> {
    // Everything is understood before anything is written.
    let (raises, force) = match &command {
        Command::Raise { chain, key, level: Some(level), round, kind, force, .. } => {
            let kinds = kind.map_or_else(|| Kind::ALL.to_vec(), |kind| vec![kind]);
            let position = Position { level: *level, round: round.unwrap_or(NonNegative::MAX) };
            let raises = kinds.into_iter().map(|kind| {
                let id = MarkId { chain: *chain, key: *key, kind };
                Imported { id, position, digest: None, signature: None }
            });
            (raises.collect(), *force)
        }
        Command::Import { files, kind, chain, force } => (raise::read_files(files, *kind, *chain)?, *force),
        Command::List(_) | Command::Export(_) | Command::Raise { .. } => (Vec::new(), false),
    };
    let settings = MarksSettings::read(variable, &variable_names()).map_err(|error| wrong_settings(&error))?;
    match command {
        Command::List(which) => show::list(&settings, &which).await,
        Command::Export(which) => show::export(&settings, &which).await,
        Command::Raise { chain, key, new_key: true, .. } => raise::declare_new(&settings, chain, key).await,
        Command::Raise { .. } | Command::Import { .. } => raise::run(&settings, &raises, force).await,
    }
}

/// Tells the operator something that is no result. A reader of standard error who has gone away stops nothing.
fn tell(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

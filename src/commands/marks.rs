use super::{Stopped, local_settings};
use azurehsm_signer::marks::import::{self, Hints, Imported};
use azurehsm_signer::marks::{Ledger, LocalMarkStore, MarkId, Raised};
use azurehsm_signer::tezos::payload::{Kind, NonNegative, Position};
use azurehsm_signer::tezos::{ChainId, PublicKeyHash};
use azurehsm_signer::vault::local::KeyFile;
use clap::Subcommand;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Lists all marks
    List,
    /// Raises a mark by hand: nothing at or below it will be signed any more
    Raise {
        /// Chain id (Net…)
        chain: ChainId,
        /// Public key hash (tz1… to tz4…)
        key: PublicKeyHash,
        /// Level of the last thing signed elsewhere, or higher
        level: NonNegative,
        /// Round at that level
        #[arg(long, default_value = "0")]
        round: NonNegative,
        /// Only this kind (block, preattestation or attestation); all three otherwise
        #[arg(long)]
        kind: Option<Kind>,
    },
    /// Writes all marks as JSON to standard output
    Export,
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
    },
}

pub(super) async fn run(command: Command) -> Result<(), Stopped> {
    // Everything is understood before anything is written.
    let raises = match &command {
        Command::List | Command::Export => Vec::new(),
        Command::Raise { chain, key, level, round, kind } => {
            let kinds = kind.map_or_else(|| Kind::ALL.to_vec(), |kind| vec![kind]);
            let position = Position { level: *level, round: *round };
            kinds
                .into_iter()
                .map(|kind| Imported {
                    id: MarkId { chain: *chain, key: *key, kind },
                    position,
                    digest: None,
                    signature: None,
                })
                .collect()
        }
        Command::Import { files, kind, chain } => read_files(files, Hints { kind: *kind, chain: *chain })?,
    };

    let data_dir = local_settings()?.data_dir;
    KeyFile::make_folder(&data_dir)?;
    let store = Arc::new(LocalMarkStore::open(&data_dir.join("marks.redb"))?);
    match command {
        Command::List => {
            let marks = store.list().await?;
            if marks.is_empty() {
                println!("no marks in {}", data_dir.display());
            }
            for (id, mark) in marks {
                let digest = mark.digest.map_or_else(|| "raised by hand".to_owned(), |digest| digest.to_string());
                println!("{}  {}  {}  {}  {digest}", id.chain, id.key, id.kind, mark.position);
            }
        }
        Command::Export => println!("{}", import::export(&store.list().await?)),
        Command::Raise { .. } | Command::Import { .. } => {
            let ledger = Ledger::new(store);
            for mark in raises {
                let raised = ledger.raise(&mark.id, mark.position, mark.digest, mark.signature).await?;
                let (id, to) = (mark.id, mark.position);
                match raised {
                    Raised::From(None) => println!("{id}: set to {to}"),
                    Raised::From(Some(from)) => println!("{id}: raised from {from} to {to}"),
                    Raised::Kept(at) => println!("{id}: kept at {at}, which is not below {to}"),
                }
            }
        }
    }
    Ok(())
}

fn read_files(files: &[PathBuf], hints: Hints) -> Result<Vec<Imported>, Stopped> {
    let mut marks = Vec::new();
    for path in files {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let of_file =
            import::parse(&text, hints.or_from_name(path)).map_err(|error| format!("{}: {error}", path.display()))?;
        if of_file.is_empty() {
            return Err(format!("{}: no marks in it", path.display()).into());
        }
        marks.extend(of_file);
    }
    Ok(marks)
}

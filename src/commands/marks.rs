use super::{Stopped, local_settings, make_data_dir, print_line};
use azurehsm_signer::marks::import::{self, Hints, Imported};
use azurehsm_signer::marks::{Ledger, LocalMarkStore, Mark, MarkId, Raised};
use azurehsm_signer::tezos::payload::{Kind, NonNegative, Position};
use azurehsm_signer::tezos::{ChainId, PublicKeyHash};
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
    let path = data_dir.join("marks.redb");
    if !path.exists() {
        // Looking makes no store: its absence says that no marks were brought here yet.
        match command {
            Command::List => return print_line(&format!("no marks: there is no {}", path.display())),
            Command::Export => return print_line(&import::export(&[])?),
            Command::Raise { .. } | Command::Import { .. } => make_data_dir(&data_dir)?,
        }
    }
    let raises_marks = matches!(command, Command::Raise { .. } | Command::Import { .. });
    let store = if raises_marks { LocalMarkStore::open_to_raise(&path) } else { LocalMarkStore::open(&path) }?;
    let store = Arc::new(store);
    let lines = match command {
        Command::List => store.list().await?.iter().map(|(id, mark)| line_of(id, mark)).collect(),
        Command::Export => vec![import::export(&store.list().await?)?],
        Command::Raise { .. } | Command::Import { .. } => raise_all(Ledger::new(store), &raises).await?,
    };
    // After everything is written: a reader who goes away stops no raise.
    print_line(&lines.join("\n"))
}

fn line_of(id: &MarkId, mark: &Mark) -> String {
    let digest = mark.digest.map_or_else(|| "raised by hand".to_owned(), |digest| digest.to_string());
    format!("{}  {}  {}  {}  {digest}", id.chain, id.key, id.kind, mark.position)
}

async fn raise_all(ledger: Ledger, marks: &[Imported]) -> Result<Vec<String>, Stopped> {
    let mut lines = Vec::with_capacity(marks.len());
    for mark in marks {
        let (id, to) = (mark.id, mark.position);
        lines.push(match ledger.raise(&id, to, mark.digest, mark.signature).await? {
            Raised::From(None) => format!("{id}: set to {to}"),
            Raised::From(Some(from)) => format!("{id}: raised from {from} to {to}"),
            Raised::Kept(at) => format!("{id}: kept at {at}, which is not below {to}"),
        });
    }
    Ok(lines)
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

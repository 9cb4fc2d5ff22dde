use super::services::{Azure, open_marks, open_vault};
use super::{Stopped, make_data_dir, print_line, variable, variable_names, wrong_settings};
use azurehsm_signer::marks::import::{self, Hints, Imported};
use azurehsm_signer::marks::{Ledger, LocalMarkStore, Mark, MarkId, MarkStore, Raised};
use azurehsm_signer::settings::{MarkStoreSettings, Services};
use azurehsm_signer::tezos::payload::{Kind, NonNegative, Position};
use azurehsm_signer::tezos::{ChainId, PublicKeyHash};
use clap::Subcommand;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;

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
        level: NonNegative,
        /// Only up to this round of that level; all its rounds otherwise
        #[arg(long)]
        round: Option<NonNegative>,
        /// Only this kind (block, preattestation or attestation); all three otherwise
        #[arg(long)]
        kind: Option<Kind>,
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
    },
}

/// Which marks are looked for in Cosmos DB, where they are read one by one: the role needs no query. The embedded store
/// lists all that it has.
#[derive(clap::Args, Default)]
pub(crate) struct Which {
    /// Of this chain (Cosmos DB only; mainnet, if none is given)
    #[arg(long)]
    chain: Vec<ChainId>,
    /// Of this key (Cosmos DB only; all of the vault, if none is given)
    #[arg(long)]
    key: Vec<PublicKeyHash>,
}

const MAINNET: &str = "NetXdQprcVkpaWU";

pub(super) async fn run(command: Command) -> Result<(), Stopped> {
    // Everything is understood before anything is written.
    let raises = match &command {
        Command::List(_) | Command::Export(_) => Vec::new(),
        Command::Raise { chain, key, level, round, kind } => {
            let kinds = kind.map_or_else(|| Kind::ALL.to_vec(), |kind| vec![kind]);
            let position = Position { level: *level, round: round.unwrap_or(NonNegative::MAX) };
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

    let services = Services::read(variable, &variable_names()).map_err(|error| wrong_settings(&error))?;
    let lines = match &services.marks {
        MarkStoreSettings::Cosmos(_) => in_cosmos(&services, &command, &raises).await?,
        MarkStoreSettings::Local => in_file(&services, &command, &raises).await?,
    };
    // After everything is written: a reader who goes away stops no raise.
    print_line(&lines.join("\n"))
}

async fn in_file(services: &Services, command: &Command, raises: &[Imported]) -> Result<Vec<String>, Stopped> {
    let data_dir = &services.local.data_dir;
    let path = data_dir.join("marks.redb");
    if !path.exists() {
        // Looking makes no store: its absence says that no marks were brought here yet.
        match command {
            Command::List(_) => return Ok(vec![format!("no marks: there is no {}", path.display())]),
            Command::Export(_) => return Ok(vec![import::export(&[])?]),
            Command::Raise { .. } | Command::Import { .. } => make_data_dir(data_dir)?,
        }
    }
    let raises_marks = matches!(command, Command::Raise { .. } | Command::Import { .. });
    let store = if raises_marks { LocalMarkStore::open_to_raise(&path) } else { LocalMarkStore::open(&path) }?;
    let store = Arc::new(store);
    match command {
        Command::List(_) => Ok(store.list().await?.iter().map(|(id, mark)| line_of(id, mark)).collect()),
        Command::Export(_) => Ok(vec![import::export(&store.list().await?)?]),
        Command::Raise { .. } | Command::Import { .. } => {
            raise_all(Ledger::new(store, services.instance.clone()), raises, services.request_deadline).await
        }
    }
}

async fn in_cosmos(services: &Services, command: &Command, raises: &[Imported]) -> Result<Vec<String>, Stopped> {
    let azure = Azure::prepare(services)?;
    let store = open_marks(services, Some(&azure))?;
    match command {
        Command::List(which) => {
            let marks = read_each(services, &azure, store.as_ref(), which).await?;
            Ok(marks.iter().map(|(id, mark)| line_of(id, mark)).collect())
        }
        Command::Export(which) => Ok(vec![import::export(&read_each(services, &azure, store.as_ref(), which).await?)?]),
        Command::Raise { .. } | Command::Import { .. } => {
            raise_all(Ledger::new(store, services.instance.clone()), raises, services.request_deadline).await
        }
    }
}

async fn read_each(
    services: &Services,
    azure: &Azure,
    store: &dyn MarkStore,
    which: &Which,
) -> Result<Vec<(MarkId, Mark)>, Stopped> {
    let chains = if which.chain.is_empty() { vec![MAINNET.parse()?] } else { which.chain.clone() };
    let keys = if which.key.is_empty() {
        let found = open_vault(services, Some(azure))?.keys().await?;
        found.unread.map_or(Ok(()), Err)?;
        found.usable.iter().map(|key| key.hash).collect()
    } else {
        which.key.clone()
    };
    let mut marks = Vec::new();
    for chain in chains {
        for key in &keys {
            for kind in Kind::ALL {
                let id = MarkId { chain, key: *key, kind };
                marks.extend(
                    store.read(&id, Instant::now() + services.request_deadline).await?.map(|stored| (id, stored.mark)),
                );
            }
        }
    }
    Ok(marks)
}

fn line_of(id: &MarkId, mark: &Mark) -> String {
    let digest = mark.digest.map_or_else(|| "raised by hand".to_owned(), |digest| digest.to_string());
    let mut line = format!("{}  {}  {}  {}  {digest}", id.chain, id.key, id.kind, mark.position);
    if let Some(written) = &mark.written {
        let at = written.at.format(&Rfc3339).unwrap_or_default();
        line.extend([format!("  {at} by {}", written.instance)]);
        line.extend(written.requester.map(|requester| format!(" for {requester}")));
    }
    line
}

async fn raise_all(ledger: Ledger, marks: &[Imported], patience: Duration) -> Result<Vec<String>, Stopped> {
    let mut lines = Vec::with_capacity(marks.len());
    for mark in marks {
        let (id, to) = (mark.id, mark.position);
        lines.push(match ledger.raise(&id, to, mark.digest, mark.signature, Instant::now() + patience).await? {
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

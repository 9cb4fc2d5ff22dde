//! `sealed`: creates sealed keys, and works on them with an offline recovery key or with a vault. No command prints a secret.

mod inputs;
mod location;
mod opening;

use super::keys::read_secret_key;
use super::{CommandError, note, print_line};
use azurehsm_signer::marks::StoreIdentity;
use azurehsm_signer::tezos::{ChainId, Curve, PublicKeyHash, SecretKey};
use azurehsm_signer::vault::embedded::KeyName;
use azurehsm_signer::vault::sealed::{Purpose, RecipientId, RecipientKey, Role, SealedEntry, SealedKey};
use clap::{ArgGroup, Subcommand};
use inputs::{RecipientArgument, read_store};
use location::{InAzure, Location, deadline};
use opening::Opening;
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Generates a tz4 key and seals it
    Create {
        /// Name of the key: letters, digits, - and _
        name: KeyName,
        #[command(flatten)]
        sealing: Sealing,
    },
    /// Seals a tz4 key from standard input: BLsk…, or BLesk… followed by its password on the next line
    Import {
        /// Name of the key: letters, digits, - and _
        name: KeyName,
        #[command(flatten)]
        sealing: Sealing,
    },
    /// Lists the sealed keys. Exits with 1 if one of them cannot be used
    List(Location),
    /// Shows a sealed key. With a recovery key or --unwrap, also opens it, compares the public key, signs and verifies
    Check {
        /// Name of the key
        name: KeyName,
        #[command(flatten)]
        opening: Opening,
        /// Compares the store, too: file with the output of `marks store --json`
        #[arg(long, value_name = "FILE")]
        store: Option<PathBuf>,
        #[command(flatten)]
        location: Location,
    },
    /// Prints a proof of possession, for octez-client's --consensus-key-pop and --companion-key-pop
    #[command(group(ArgGroup::new("opened").args(["recovery_key", "unwrap"]).required(true)))]
    Prove {
        /// Name of the key
        name: KeyName,
        #[command(flatten)]
        opening: Opening,
        #[command(flatten)]
        location: Location,
    },
    /// Seals a key again, with a new data key: with more recipients, with fewer, or for another mark store
    #[command(group(ArgGroup::new("opened").args(["recovery_key", "unwrap"]).required(true)))]
    Rewrap {
        /// Name of the key
        name: KeyName,
        #[command(flatten)]
        opening: Opening,
        /// Adds a recipient, written as for `sealed create`; repeatable
        #[arg(long, value_name = "RECIPIENT")]
        add: Vec<RecipientArgument>,
        /// Removes a recipient, by its identifier; repeatable. It can still open earlier copies of the key
        #[arg(long, value_name = "IDENTIFIER")]
        remove: Vec<String>,
        /// Another mark store, in which the marks of the key were raised: file with the output of `marks store --json`
        #[arg(long, value_name = "FILE")]
        store: Option<PathBuf>,
        #[command(flatten)]
        location: Location,
    },
    /// After the vaults or the mark store were lost: seals a key again, for other recipients and another mark store
    Recover {
        /// Name of the key
        name: KeyName,
        /// File with the private part of a recovery key, in PEM; - for standard input
        #[arg(long, value_name = "FILE")]
        recovery_key: PathBuf,
        /// The mark store, in which the marks of the key were raised: file with the output of `marks store --json`
        #[arg(long, value_name = "FILE")]
        store: PathBuf,
        /// The new recipients, written as for `sealed create`; repeatable
        #[arg(long, value_name = "RECIPIENT", required = true)]
        recipient: Vec<RecipientArgument>,
        #[command(flatten)]
        location: Location,
    },
}

/// What a key is sealed for.
#[derive(clap::Args)]
pub(crate) struct Sealing {
    /// What the key is for: consensus or companion
    #[arg(long)]
    role: Role,
    /// Chain id (Net…), the only one that it signs for
    #[arg(long)]
    chain: ChainId,
    /// File with the output of `marks store --json`: the store of the key's marks
    #[arg(long, value_name = "FILE")]
    store: PathBuf,
    /// Who can open the key; repeatable. For a key in a vault, IDENTIFIER, whose public key is read from the vault, or
    /// IDENTIFIER=FILE, where FILE has it in PEM; for an offline recovery key, FILE. At least one of each
    #[arg(long, value_name = "RECIPIENT", required = true)]
    recipient: Vec<RecipientArgument>,
    #[command(flatten)]
    location: Location,
}

pub(super) async fn run(command: Command) -> Result<(), CommandError> {
    let azure = InAzure::default();
    match command {
        Command::Create { name, sealing } => {
            seal(&azure, &name, sealing, || Ok(SecretKey::generate(Curve::Bls)?)).await
        }
        Command::Import { name, sealing } => seal(&azure, &name, sealing, || read_secret_key(None)).await,
        Command::List(location) => {
            list(location.open(&azure)?.list(deadline()).await.map_err(|reason| reason.log().to_owned())?)
        }
        Command::Check { name, opening, store, location } => {
            let key = location.open(&azure)?.read(&name, deadline()).await?.key;
            if let Some(store) = store {
                let store = read_store(&store)?;
                if key.purpose().store() != &store {
                    return Err(format!("it is sealed for another store:\n{}", key.purpose().store()).into());
                }
            }
            let opened = match opening.open(&azure, &key).await? {
                Some(_) => "opened: public key and signature are right",
                None => "not opened: only its form was checked",
            };
            print_line(&format!("{}\n{opened}", lines_of(&name, &key)))
        }
        Command::Prove { name, opening, location } => {
            let key = location.open(&azure)?.read(&name, deadline()).await?.key;
            let proof = opening.must_open(&azure, &key).await?.prove_possession(None)?;
            key.public_key().verify_possession(None, &proof)?;
            print_line(&proof.to_string())
        }
        Command::Rewrap { name, opening, add, remove, store, location } => {
            let added = RecipientArgument::read_all(&azure, &add).await?;
            let store = store.as_deref().map(read_store).transpose()?;
            let is_moved = store.is_some();
            let keys = location.open(&azure)?;
            let old = keys.read(&name, deadline()).await?;
            let mut recipients: Vec<_> = old.key.recipients().iter().map(|recipient| recipient.key().clone()).collect();
            for id in &remove {
                let place = recipients.iter().position(|key| key.id().to_string() == *id);
                let place = place.ok_or_else(|| format!("--remove: {id} is not a recipient of {name}"))?;
                recipients.remove(place);
            }
            recipients.extend(added);
            let store = store.unwrap_or_else(|| old.key.purpose().store().clone());
            let key = seal_again(&old.key, &opening.must_open(&azure, &old.key).await?, store, &recipients)?;
            keys.replace(&name, &old, &key, deadline()).await?;
            if is_moved {
                warn_of_marks(&key);
            }
            print_line(&lines_of(&name, &key))
        }
        Command::Recover { name, recovery_key, store, recipient, location } => {
            let recipients = RecipientArgument::read_all(&azure, &recipient).await?;
            let store = read_store(&store)?;
            let keys = location.open(&azure)?;
            let old = keys.read(&name, deadline()).await?;
            let secret = Opening::with_recovery_key(recovery_key).must_open(&azure, &old.key).await?;
            let key = seal_again(&old.key, &secret, store, &recipients)?;
            keys.replace(&name, &old, &key, deadline()).await?;
            warn_of_marks(&key);
            print_line(&lines_of(&name, &key))
        }
    }
}

async fn seal(
    azure: &InAzure,
    name: &KeyName,
    sealing: Sealing,
    secret: impl FnOnce() -> Result<SecretKey, CommandError>,
) -> Result<(), CommandError> {
    let purpose = Purpose::new(sealing.role, sealing.chain, read_store(&sealing.store)?)?;
    let recipients = RecipientArgument::read_all(azure, &sealing.recipient).await?;
    let keys = sealing.location.open(azure)?;
    let key = SealedKey::seal(&secret()?, purpose, &recipients)?;
    keys.add(name, &key, deadline()).await?;
    print_line(&lines_of(name, &key))
}

/// Seals an opened key for these recipients and this store.
fn seal_again(
    key: &SealedKey,
    secret: &SecretKey,
    store: StoreIdentity,
    recipients: &[RecipientKey],
) -> Result<SealedKey, CommandError> {
    let purpose = Purpose::new(key.purpose().role(), key.purpose().chain(), store)?;
    Ok(SealedKey::seal(secret, purpose, recipients)?)
}

fn list(entries: Vec<SealedEntry>) -> Result<(), CommandError> {
    let mut unusable = 0_usize;
    for SealedEntry { name, key, .. } in entries {
        match key {
            Ok(key) => {
                let ids = key.recipients().iter().map(|recipient| recipient.key().id());
                let released = ids.filter(|id| matches!(id, RecipientId::Release { .. })).map(recipient_line);
                print_line(&(line_of(&name, &key) + &released.collect::<String>()))?;
            }
            Err(reason) => {
                unusable += 1;
                note(&reason);
            }
        }
    }
    match unusable {
        0 => Ok(()),
        1 => Err("1 sealed key cannot be used".into()),
        _ => Err(format!("{unusable} sealed keys cannot be used").into()),
    }
}

fn line_of(name: &str, key: &SealedKey) -> String {
    let (purpose, public_key) = (key.purpose(), key.public_key());
    format!("{name}  {}  {}  {}  {public_key}", purpose.role(), purpose.chain(), public_key.hash())
}

/// The key, its store, and its recipients.
fn lines_of(name: &KeyName, key: &SealedKey) -> String {
    let recipients = key.recipients().iter().map(|recipient| recipient_line(recipient.key().id()));
    let store = key.purpose().store().to_string().replace('\n', "\n  ");
    format!("{}\n  {store}{}", line_of(&name.to_string(), key), recipients.collect::<String>())
}

fn recipient_line(id: &RecipientId) -> String {
    let note = if matches!(id, RecipientId::Release { .. }) { "  (only as safe as its release policy)" } else { "" };
    format!("\n  recipient  {id}{note}")
}

fn warn_of_marks(key: &SealedKey) {
    let (chain, address): (ChainId, PublicKeyHash) = (key.purpose().chain(), key.public_key().hash());
    note(&format!(
        "warning: the marks of {address} must be in the new store before a signer serves it, above everything that it has \
         signed: azurehsm-signer marks raise {chain} {address} LEVEL"
    ));
}

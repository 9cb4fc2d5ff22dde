//! `sealed`: creates sealed keys, and works on them with an offline recovery key. No command prints a secret.

mod inputs;

use super::keys::read_secret_key;
use super::{CommandError, note, print_line};
use azurehsm_signer::marks::StoreIdentity;
use azurehsm_signer::tezos::{ChainId, Curve, PublicKeyHash, SecretKey};
use azurehsm_signer::vault::embedded::KeyName;
use azurehsm_signer::vault::sealed::{Folder, Purpose, RecipientKey, Role, SealedFile, SealedKey};
use clap::Subcommand;
use inputs::{RecipientArgument, read_recovery_key, read_store};
use std::path::{Path, PathBuf};

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
    List(InFolder),
    /// Shows a sealed key. With a recovery key, also opens it, compares the public key, signs and verifies
    Check {
        /// Name of the key
        name: KeyName,
        /// File with the private part of a recovery key, in PEM; - for standard input
        #[arg(long, value_name = "FILE")]
        recovery_key: Option<PathBuf>,
        /// Compares the store, too: file with the output of `marks store --json`
        #[arg(long, value_name = "FILE")]
        store: Option<PathBuf>,
        #[command(flatten)]
        folder: InFolder,
    },
    /// Prints a proof of possession, for octez-client's --consensus-key-pop and --companion-key-pop
    Prove {
        /// Name of the key
        name: KeyName,
        /// File with the private part of a recovery key, in PEM; - for standard input
        #[arg(long, value_name = "FILE")]
        recovery_key: PathBuf,
        #[command(flatten)]
        folder: InFolder,
    },
    /// Seals a key again, with a new data key: with more recipients, with fewer, or for another mark store
    Rewrap {
        /// Name of the key
        name: KeyName,
        /// File with the private part of a recovery key, in PEM; - for standard input
        #[arg(long, value_name = "FILE")]
        recovery_key: PathBuf,
        /// Adds a recipient, written as for `sealed create`; repeatable
        #[arg(long, value_name = "RECIPIENT")]
        add: Vec<RecipientArgument>,
        /// Removes a recipient, by its identifier; repeatable. It can still open earlier copies of the file
        #[arg(long, value_name = "IDENTIFIER")]
        remove: Vec<String>,
        /// Another mark store, in which the marks of the key were raised: file with the output of `marks store --json`
        #[arg(long, value_name = "FILE")]
        store: Option<PathBuf>,
        #[command(flatten)]
        folder: InFolder,
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
        folder: InFolder,
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
    /// Who can open the key; repeatable. For a key in a vault, IDENTIFIER=FILE, where FILE has its public key in PEM; for an offline
    /// recovery key, FILE. At least one of each
    #[arg(long, value_name = "RECIPIENT", required = true)]
    recipient: Vec<RecipientArgument>,
    #[command(flatten)]
    folder: InFolder,
}

/// The folder of the sealed keys.
#[derive(clap::Args)]
pub(crate) struct InFolder {
    /// Folder of the sealed keys
    #[arg(long, value_name = "FOLDER", default_value = "sealed")]
    folder: PathBuf,
}

impl InFolder {
    fn open(self) -> Folder {
        Folder::new(self.folder)
    }
}

pub(super) fn run(command: Command) -> Result<(), CommandError> {
    match command {
        Command::Create { name, sealing } => seal(&name, sealing, || Ok(SecretKey::generate(Curve::Bls)?)),
        Command::Import { name, sealing } => seal(&name, sealing, || read_secret_key(None)),
        Command::List(folder) => list(&folder.open()),
        Command::Check { name, recovery_key, store, folder } => {
            let key = folder.open().read(&name)?;
            if let Some(store) = store {
                let store = read_store(&store)?;
                if key.purpose().store() != &store {
                    return Err(format!("it is sealed for another store:\n{}", key.purpose().store()).into());
                }
            }
            let opened = match recovery_key {
                Some(file) => {
                    open(&key, &file)?;
                    "opened: public key and signature are right"
                }
                None => "not opened: only its form was checked",
            };
            print_line(&format!("{}\n{opened}", lines_of(&name, &key)))
        }
        Command::Prove { name, recovery_key, folder } => {
            let key = folder.open().read(&name)?;
            let proof = open(&key, &recovery_key)?.prove_possession(None)?;
            key.public_key().verify_possession(None, &proof)?;
            print_line(&proof.to_string())
        }
        Command::Rewrap { name, recovery_key, add, remove, store, folder } => {
            let added = RecipientArgument::read_all(&add)?;
            let store = store.as_deref().map(read_store).transpose()?;
            let is_moved = store.is_some();
            let key = folder.open().replace(&name, |key| {
                let mut recipients: Vec<_> = key.recipients().iter().map(|recipient| recipient.key().clone()).collect();
                for id in &remove {
                    let place = recipients.iter().position(|key| key.id().to_string() == *id);
                    let place = place.ok_or_else(|| format!("--remove: {id} is not a recipient of {name}"))?;
                    recipients.remove(place);
                }
                recipients.extend(added);
                let store = store.unwrap_or_else(|| key.purpose().store().clone());
                seal_again(key, &recovery_key, store, &recipients)
            })?;
            print_line(&lines_of(&name, &key))?;
            if is_moved {
                warn_of_marks(&key);
            }
            Ok(())
        }
        Command::Recover { name, recovery_key, store, recipient, folder } => {
            let (recipients, store) = (RecipientArgument::read_all(&recipient)?, read_store(&store)?);
            let key = folder.open().replace(&name, |key| seal_again(key, &recovery_key, store, &recipients))?;
            print_line(&lines_of(&name, &key))?;
            warn_of_marks(&key);
            Ok(())
        }
    }
}

fn seal(
    name: &KeyName,
    sealing: Sealing,
    secret: impl FnOnce() -> Result<SecretKey, CommandError>,
) -> Result<(), CommandError> {
    let purpose = Purpose::new(sealing.role, sealing.chain, read_store(&sealing.store)?)?;
    let recipients: Vec<RecipientKey> = RecipientArgument::read_all(&sealing.recipient)?;
    let folder = sealing.folder.open();
    let key = SealedKey::seal(&secret()?, purpose, &recipients)?;
    folder.add(name, &key)?;
    print_line(&lines_of(name, &key))
}

/// Opens the key with a recovery key, and seals it for these recipients and this store.
fn seal_again(
    key: &SealedKey,
    recovery_key: &Path,
    store: StoreIdentity,
    recipients: &[RecipientKey],
) -> Result<SealedKey, CommandError> {
    let purpose = Purpose::new(key.purpose().role(), key.purpose().chain(), store)?;
    Ok(SealedKey::seal(&open(key, recovery_key)?, purpose, recipients)?)
}

/// Opens the key with a recovery key, and tries it.
fn open(key: &SealedKey, recovery_key: &Path) -> Result<SecretKey, CommandError> {
    let data_key = read_recovery_key(recovery_key)?.unwrap_data_key(key)?;
    let secret = key.open(&data_key)?;
    key.try_signing(&secret)?;
    Ok(secret)
}

fn list(folder: &Folder) -> Result<(), CommandError> {
    let files = folder.list()?;
    let mut unusable = 0_usize;
    for SealedFile { name, key } in files {
        match key {
            Ok(key) => print_line(&line_of(&name, &key))?,
            Err(error) => {
                unusable += 1;
                note(&error.to_string());
            }
        }
    }
    match unusable {
        0 => Ok(()),
        1 => Err("1 file cannot be used".into()),
        _ => Err(format!("{unusable} files cannot be used").into()),
    }
}

fn line_of(name: &str, key: &SealedKey) -> String {
    let (purpose, public_key) = (key.purpose(), key.public_key());
    format!("{name}  {}  {}  {}  {public_key}", purpose.role(), purpose.chain(), public_key.hash())
}

/// The key, its store, and its recipients.
fn lines_of(name: &KeyName, key: &SealedKey) -> String {
    let recipients = key.recipients().iter().map(|recipient| format!("\n  recipient  {}", recipient.key().id()));
    let store = key.purpose().store().to_string().replace('\n', "\n  ");
    format!("{}\n  {store}{}", line_of(&name.to_string(), key), recipients.collect::<String>())
}

fn warn_of_marks(key: &SealedKey) {
    let (chain, address): (ChainId, PublicKeyHash) = (key.purpose().chain(), key.public_key().hash());
    note(&format!(
        "warning: the marks of {address} must be in the new store before a signer serves it, above everything that it has \
         signed: azurehsm-signer marks raise {chain} {address} LEVEL"
    ));
}

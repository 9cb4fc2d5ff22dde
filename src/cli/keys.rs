//! `keys`: lists, generates and imports keys.

use super::{
    CommandError, base_address, import_command, note, print_line, runtime, variable, variable_names, wrong_settings,
};
use azurehsm_signer::chain::calendar;
use azurehsm_signer::settings::table::SIGNER_LISTEN;
use azurehsm_signer::settings::{self, Services, Settings, VaultSettings};
use azurehsm_signer::text;
use azurehsm_signer::tezos::{Curve, EncryptedSecretKey, PublicKey, SecretKey};
use azurehsm_signer::vault::embedded::{KeyFile, KeyName};
use azurehsm_signer::vault::sealed::Role;
use azurehsm_signer::wiring::{Azure, make_data_dir, open_vault, survey_sealed_keys};
use clap::{Subcommand, ValueEnum};
use secrecy::SecretString;
use std::fmt::Display;
use std::io::Read;
use zeroize::Zeroizing;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Lists the keys of the vault and the sealed keys, each with the command that configures octez-client to use it. With Tezos nodes
    /// in the settings, also for which delegates each key signs, and which key will take over
    List,
    /// Generates a key
    Generate {
        /// Name of the key: letters, digits, - and _
        name: KeyName,
        /// Curve of the key
        #[arg(long, value_enum, default_value = "p256")]
        curve: CurveName,
    },
    /// Imports a secret key from standard input: edsk…, spsk…, p2sk… or BLsk…, or an encrypted one (edesk…, spesk…, p2esk… or
    /// BLesk…) followed by its password on the next line. Without that line, the vault's passphrase is used
    Import {
        /// Name of the key: letters, digits, - and _
        name: KeyName,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum CurveName {
    /// tz1
    #[value(alias = "tz1")]
    Ed25519,
    /// tz2
    #[value(alias = "tz2")]
    Secp256k1,
    /// tz3
    #[value(alias = "tz3")]
    P256,
    /// tz4
    #[value(alias = "tz4", alias = "bls12-381")]
    Bls,
}

impl From<CurveName> for Curve {
    fn from(name: CurveName) -> Self {
        match name {
            CurveName::Ed25519 => Self::Ed25519,
            CurveName::Secp256k1 => Self::Secp256k1,
            CurveName::P256 => Self::P256,
            CurveName::Bls => Self::Bls,
        }
    }
}

pub(super) fn run(command: Command) -> Result<(), CommandError> {
    let services = Services::read_for_keys(variable, &variable_names()).map_err(|error| wrong_settings(&error))?;
    if let VaultSettings::KeyVault(vault) = &services.vault {
        if matches!(command, Command::List) {
            return runtime()?.block_on(list_vault(&services));
        }
        let url = &vault.url;
        let reason = format!(
            "KEY_VAULT_URL is set: create keys in {url} (az keyvault key create), or unset it to use a local file"
        );
        return Err(reason.into());
    }
    let settings = &services.embedded;
    if !matches!(command, Command::List) {
        make_data_dir(&settings.data_dir)?;
    }
    let passphrase = settings.passphrase.clone();
    let file = KeyFile::open(&settings.data_dir, passphrase.clone())?;
    match command {
        Command::List => {
            let keys = file.read()?.into_iter().map(|(name, secret)| (name.to_string(), secret.public_key().clone()));
            let if_none = format!("no keys in {}", file.path().display());
            runtime()?.block_on(list_all(&services, keys.collect(), &if_none))?;
        }
        Command::Generate { name, curve } => add(&file, &name, SecretKey::generate(curve.into())?)?,
        Command::Import { name } => {
            let secret = read_secret_key(passphrase.as_ref())?;
            add(&file, &name, secret)?;
        }
    }
    Ok(())
}

/// Reads a secret key from standard input. An encrypted one is decrypted with the password on the next line, or else with the
/// vault's passphrase.
pub(super) fn read_secret_key(passphrase: Option<&SecretString>) -> Result<SecretKey, CommandError> {
    const EXPECTED: &str =
        "expected a secret key (edsk, spsk, p2sk or BLsk; edesk, spesk, p2esk or BLesk with its password)";
    // More than enough for a key and a password; a wrong file is not read to the end.
    const MAX_LENGTH: u64 = 4096;
    let mut bytes = Zeroizing::new(Vec::new());
    let unreadable = |error: &dyn Display| format!("standard input: {error}; {EXPECTED}");
    std::io::stdin().take(MAX_LENGTH).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    let text = text::decode(&bytes).map_err(|error| unreadable(&error))?.trim_start();
    if text.is_empty() {
        return Err(format!("standard input is empty; {EXPECTED}").into());
    }
    let (key, next_line) = text.split_once('\n').unwrap_or((text, ""));
    let Some(encrypted) = EncryptedSecretKey::from_text(key.trim_end()) else {
        return Ok(SecretKey::from_text(text.trim_end()).map_err(|error| format!("standard input: {error}"))?);
    };
    let password = next_line.trim_end_matches(['\r', '\n']);
    let (password, origin) = match (password, passphrase) {
        ("", Some(passphrase)) => (passphrase.clone(), "the vault's passphrase, since no password follows the key"),
        ("", None) => {
            return Err("standard input: the key is encrypted, and no password follows in the next line".into());
        }
        (password, _) => (SecretString::from(password), "the password in the line after the key"),
    };
    Ok(encrypted.decrypt(&password).map_err(|error| format!("standard input: {error} ({origin})"))?)
}

/// Lists the keys in Key Vault or Managed HSM that can sign.
async fn list_vault(services: &Services) -> Result<(), CommandError> {
    let azure = Azure::prepare(services)?;
    let mut found = open_vault(services, Some(&azure))?.keys().await?;
    found.unread.map_or(Ok(()), Err)?;
    found.usable.sort_by(|left, right| (&left.name, &left.version).cmp(&(&right.name, &right.version)));
    let keys = found.usable.into_iter().map(|key| (key.name, key.public_key)).collect();
    list_all(services, keys, "no keys that can sign: run azurehsm-signer doctor to see why").await
}

/// Prints these keys of the vault, and the sealed keys.
async fn list_all(services: &Services, of_vault: Vec<(String, PublicKey)>, if_none: &str) -> Result<(), CommandError> {
    let sealed = survey_sealed_keys(services).await?;
    let keys = of_vault.into_iter().map(|(name, public_key)| Listed { name, public_key, sealed_for: None });
    let keys = keys.chain(sealed.keys.iter().map(|sealed| Listed {
        name: sealed.name.clone(),
        public_key: sealed.key.public_key().clone(),
        sealed_for: Some(sealed.purpose().role()),
    }));
    let keys: Vec<_> = keys.collect();
    if keys.is_empty() {
        print_line(if_none)?;
    } else {
        list(&keys).await?;
    }
    for problem in sealed.unusable.iter().chain(&sealed.unread) {
        note(problem);
    }
    if sealed.unread.is_empty() { Ok(()) } else { Err("some sealed keys could not be read".into()) }
}

/// A key to list.
struct Listed {
    name: String,
    public_key: PublicKey,
    /// The role of a sealed key.
    sealed_for: Option<Role>,
}

/// Prints keys, each with its roles on chain as far as a node reports them.
async fn list(keys: &[Listed]) -> Result<(), CommandError> {
    let lines: Vec<_> = keys.iter().map(|key| lines_of(&key.name, &key.public_key, key.sealed_for)).collect();
    let Some(nodes) = settings::nodes(variable).map_err(|error| wrong_settings(&error))? else {
        return print_line(&lines.join("\n"));
    };
    let hashes: Vec<_> = keys.iter().map(|key| key.public_key.hash()).collect();
    match calendar::read(&nodes, &hashes).await {
        Ok(calendar) => {
            if let Err(error) = &calendar.rights {
                note(&format!("{}: the delegates of consensus keys are unknown: {error}", calendar.node));
            }
            let with_roles = lines.iter().zip(&hashes).map(|(line, key)| {
                let roles = calendar::roles(&calendar.delegates, key);
                let roles = roles.iter().map(|role| format!("\n  {}: {}", calendar.chain, role.text(calendar.cycle)));
                format!("{line}{}", roles.collect::<String>())
            });
            print_line(&with_roles.collect::<Vec<_>>().join("\n"))
        }
        Err(errors) => {
            print_line(&lines.join("\n"))?;
            for (node, error) in errors {
                note(&format!("{node}: which keys are active on chain is unknown: {error}"));
            }
            Ok(())
        }
    }
}

fn add(file: &KeyFile, name: &KeyName, secret: SecretKey) -> Result<(), CommandError> {
    let public_key = secret.public_key().clone();
    file.add(name.clone(), secret)?;
    print_line(&lines_of(name, &public_key, None))
}

fn lines_of(name: impl Display, public_key: &PublicKey, sealed_for: Option<Role>) -> String {
    // An invalid setting elsewhere must not prevent the listing.
    let base = base_address(
        Settings::read(variable, &variable_names()).map_or(SIGNER_LISTEN.values.default, |settings| settings.listen),
    );
    let hash = public_key.hash();
    let sealed = sealed_for.map(|role| format!("  sealed, {role}")).unwrap_or_default();
    let line = format!("{name}  {}  {hash}  {public_key}{sealed}", public_key.curve());
    match base {
        Some(base) => format!("{line}\n  {}", import_command(&name, &base, &hash)),
        None => line,
    }
}

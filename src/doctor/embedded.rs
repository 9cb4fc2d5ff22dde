//! Checks of the embedded vault and mark store.

use super::Finding;
use super::area::Area;
use super::sign::test_signature;
use crate::marks::{EmbeddedMarkStore, MarkStore, OpenError, StoreId};
use crate::settings::{EmbeddedSettings, Services, VaultSettings};
use crate::vault::embedded::{KeyFile, KeyFileError};
use crate::vault::{EmbeddedVault, Vault};
use std::path::Path;

/// Reads the keys, without creating or encrypting the file as a signer does when it starts.
pub(super) async fn check_vault(area: &mut Area, settings: &EmbeddedSettings, sign: bool) {
    const CHECK: &str = "vault.file";
    let settings = settings.clone();
    let opened = tokio::task::spawn_blocking(move || open(&settings)).await;
    let vault = match opened {
        Ok(Ok(Some((vault, file, is_plain)))) => {
            area.add(of_permissions(CHECK, &file));
            let protection = if is_plain { "without a passphrase" } else { "with a passphrase" };
            area.add(Finding::warning(
                "vault.protection",
                format!("keys are in a file {protection}, and in memory"),
                "for development and test networks; for stake on mainnet, keep keys in Managed HSM or Key Vault \
                 (KEY_VAULT_URL)",
            ));
            vault
        }
        Ok(Ok(None)) => {
            return area.add(Finding::ok(CHECK, "no keys yet: the signer creates one at its first start"));
        }
        Ok(Err(error)) => {
            let advice = "check LOCAL_DATA_DIR, and LOCAL_VAULT_PASSPHRASE or LOCAL_VAULT_PASSPHRASE_FILE; this user must be \
                          able to read the file";
            return area.add(Finding::failed(CHECK, error.to_string(), advice));
        }
        Err(error) => return area.add(Finding::failed(CHECK, error.to_string(), BUG)),
    };
    let keys = match vault.keys().await {
        Ok(found) => found.usable,
        Err(error) => return area.add(Finding::failed(CHECK, error.to_string(), "restore the file")),
    };
    area.addresses = Some(keys.iter().map(|key| key.hash.to_string()).collect());
    for key in &keys {
        area.add(Finding::ok("vault.key", format!("{}  {}", key.hash, key.curve())).about(&key.name));
    }
    if sign {
        for key in &keys {
            area.add(
                test_signature(&vault, key, |_| "list the keys in the file: `azurehsm-signer keys list`".to_owned())
                    .await,
            );
        }
    }
}

fn of_permissions(check: &'static str, file: &KeyFile) -> Finding {
    let path = file.path();
    match file.permissions_of_others() {
        None => Finding::ok(check, "readable"),
        Some(mode) => Finding::warning(
            check,
            format!("readable, but also accessible to other users of this machine (mode {mode:o})"),
            format!("`chmod 600 {}`; if others may have read it, its keys are no longer secret", path.display()),
        ),
    }
    .about(path.display())
}

pub(crate) type Opened = (EmbeddedVault, KeyFile, bool);

/// Reads the file of keys, without creating or changing it. `None` if there is none. The last value is whether it has no passphrase.
pub(crate) fn open(settings: &EmbeddedSettings) -> Result<Option<Opened>, KeyFileError> {
    let file = KeyFile::open_to_read(&settings.data_dir, settings.passphrase.clone())?;
    if !file.exists() {
        return Ok(None);
    }
    let is_plain = file.has_plain_keys()?;
    Ok(Some((EmbeddedVault::open(file.clone())?, file, is_plain)))
}

/// Advice for a panic in a blocking task.
const BUG: &str = "this is a bug: please report it";

/// Reads the mark store, without creating it.
pub(super) async fn check_marks(area: &mut Area, services: &Services) {
    const CHECK: &str = "marks.file";
    area.store = Some(StoreId::Embedded);
    let path = services.embedded.marks_file();
    let opened = {
        let path = path.clone();
        tokio::task::spawn_blocking(move || EmbeddedMarkStore::open_to_read(&path)).await
    };
    let finding = match opened {
        Ok(Ok(Some(store))) if store.role() != services.role => {
            let text = format!("it is the mark store of {}, and OBSERVE makes this {}", store.role(), services.role);
            Finding::failed(CHECK, text, "set LOCAL_DATA_DIR to the folder of the right store, or correct OBSERVE")
        }
        Ok(Ok(Some(store))) => of_store(area, &store, &path).await,
        Ok(Ok(None)) => Finding::ok(CHECK, "does not exist yet: the signer creates it at its first start"),
        Ok(Err(OpenError::InUse { holder, .. })) => {
            Finding::ok(CHECK, format!("in use by {holder}, which is normal while a signer is running"))
        }
        Ok(Err(error)) => Finding::failed(CHECK, error.to_string(), advice(&error)),
        Err(error) => Finding::failed(CHECK, error.to_string(), BUG),
    };
    area.add(finding.about(path.display()));
    if matches!(services.vault, VaultSettings::KeyVault(_)) {
        area.add(Finding::warning(
            "marks.shared",
            "marks are in a local file, keys in a vault: no other signer may use these keys",
            "set COSMOS_ENDPOINT instead of MARKS=embedded, so that several signers can share the keys",
        ));
    }
}

async fn of_store(area: &mut Area, store: &EmbeddedMarkStore, path: &Path) -> Finding {
    const CHECK: &str = "marks.file";
    area.identity = store.identity();
    let (listing, is_recreated) = match tokio::try_join!(store.list(), store.is_recreated()) {
        Ok(read) => read,
        Err(error) => return Finding::failed(CHECK, error.to_string(), "restore the file"),
    };
    area.observed.marks.extend(listing.marks.iter().cloned());
    if is_recreated {
        area.add(
            Finding::warning(
                "marks.recreated",
                "it replaces a lost store: no block or vote is signed without a mark",
                "raise the marks of each key above everything it has signed (`azurehsm-signer marks raise CHAIN KEY LEVEL`, or \
                 `marks import`); for a key that has never signed on a chain: `marks raise CHAIN KEY --new-key`",
            )
            .about(path.display()),
        );
    }
    let readable = match listing.marks.len() {
        1 => "1 mark".to_owned(),
        marks => format!("{marks} marks"),
    };
    match listing.unreadable.as_slice() {
        [] => Finding::ok(CHECK, readable),
        unreadable => {
            let names: Vec<_> = unreadable.iter().map(|item| format!("{} ({})", item.name, item.reason)).collect();
            Finding::failed(
                CHECK,
                format!("{readable}, and {} unreadable: {}", names.len(), names.join("; ")),
                "raise the unreadable ones above everything that was signed: `azurehsm-signer marks raise CHAIN KEY LEVEL \
                 --kind KIND`",
            )
        }
    }
}

fn advice(error: &OpenError) -> &'static str {
    match error {
        OpenError::Damaged { .. } => "move the file away, then raise the marks, as described",
        OpenError::Lost { .. } => "restore it, or raise the marks: docs/operations.md, Embedded store lost",
        OpenError::Link(_) => "mount the link's target before the signer starts",
        _ => "follow the message; the folder must belong to this user",
    }
}

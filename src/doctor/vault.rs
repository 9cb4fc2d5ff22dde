//! Checks of the keys in Key Vault or Managed HSM.

use super::advice::{VaultProblem, for_vault_error, no_answer, vault_option};
use super::area::{Area, each};
use super::clock::ANSWER_TIMEOUT;
use super::names;
use super::rotation;
use super::sign::{PAYLOAD, test_signature};
use super::{Finding, clock, latency};
use crate::azure::reason_of;
use crate::vault::key_vault::{
    Assessment, IneligibleKey, KeyIdentifier, KeyVaultSettings, assess, bound_to, check_attributes, check_selection,
};
use crate::vault::{Key, KeyVault, Vault, VaultError};
use crate::wiring::Azure;
use azure_core::http::Url;
use azure_core::time::{OffsetDateTime, to_rfc3339};
use azure_security_keyvault_keys::models::{Key as VaultKey, KeyAttributes, KeyType};
use std::collections::BTreeSet;
use std::sync::Arc;

const SAME_REGION: &str = "run the app in the vault's region: each signature waits for this call";

/// With sealed keys, the vault need not have a key that signs.
pub(super) async fn check(area: &mut Area, settings: &KeyVaultSettings, azure: &Azure, sign: bool, has_sealed: bool) {
    let url = settings.url.as_url();
    let scope = settings.url.scope();
    let (reached, token) = tokio::join!(clock::probe_azure("vault", &azure.roots, url), azure.tokens.state(&scope));
    match reached {
        Ok(skew) => {
            area.add(Finding::ok("vault.reachable", "reachable").about(&settings.url));
            area.skews.extend(skew);
        }
        Err(error) => {
            let advice = no_answer("KEY_VAULT_URL");
            area.add(Finding::failed("vault.reachable", reason_of(&error), advice).about(&settings.url));
            return area.add(Finding::skipped("vault.list", "the vault is not reachable"));
        }
    }
    if token.token.is_none() {
        return area.add(Finding::skipped("vault.list", "no token"));
    }
    let patient = KeyVaultSettings { answer_timeout: ANSWER_TIMEOUT, ..settings.clone() };
    let vault = match KeyVault::new(patient, Arc::clone(&azure.tokens), azure.roots.clone()) {
        Ok(vault) => vault,
        Err(error) => return area.add(Finding::failed("vault.list", error.to_string(), no_answer("KEY_VAULT_URL"))),
    };
    let Some(versions) = versions(area, settings, &vault).await else { return };

    let read = each(&versions, async |version: &Version| vault.read_key(&version.id).await).await;
    let (mut keys, mut idle) = (Vec::new(), Vec::new());
    for (version, read) in versions.iter().zip(read) {
        match key(area, settings, version, read) {
            Some(Found::Usable(key)) => keys.push(key),
            Some(Found::Idle(key)) => idle.push(key),
            None => {}
        }
    }
    area.findings.extend(names::check(&keys, &idle));
    names::join_tags(&mut keys, &idle);
    area.observed.keys.extend(keys.iter().map(|key| key.hash));
    area.addresses = Some(keys.iter().map(|key| key.hash.to_string()).collect());
    if keys.is_empty() && has_sealed {
        return area.add(Finding::ok("vault.keys", "no key that can sign; there are sealed keys"));
    }
    let Some(first) = keys.first() else {
        return area.add(Finding::failed(
            "vault.keys",
            "the vault has no key that can sign",
            format!(
                "create one: `az keyvault key create {} -n baker --kty EC-HSM --curve P-256 --ops sign verify`",
                vault_option(url)
            ),
        ));
    };
    area.keys.clone_from(&keys);
    area.findings.extend(rotation::check(&vault, url, &names_of(&keys)).await);
    area.findings.extend(signatures(&vault, url, &keys, sign).await);
    measure(area, &vault, first, sign).await;
}

/// A version to check.
struct Version {
    id: KeyIdentifier,
    /// Why it cannot sign now, according to the list.
    idle: Option<IneligibleKey>,
}

/// A version that is a Tezos key.
enum Found {
    Usable(Key),
    Idle(Key),
}

/// The versions to check, selected from the list. Reports the others.
async fn versions(area: &mut Area, settings: &KeyVaultSettings, vault: &KeyVault) -> Option<Vec<Version>> {
    if !settings.keys.is_empty() {
        let text = format!("not needed: SIGNING_KEYS specifies {}", versions_in_words(settings.keys.len()));
        area.add(Finding::ok("vault.list", text));
        return Some(settings.keys.iter().map(|id| Version { id: id.clone(), idle: None }).collect());
    }
    match vault.versions().await {
        Ok(listed) => {
            area.add(Finding::ok("vault.list", versions_in_words(listed.len())));
            let now = OffsetDateTime::now_utc();
            let mut versions = Vec::new();
            for version in listed {
                match check_selection(version.managed, version.tags.as_ref(), settings.tag.as_ref()) {
                    Ok(()) => {
                        let idle = check_attributes(version.attributes.as_ref(), now).err();
                        versions.push(Version { id: version.id, idle });
                    }
                    Err(reason) => area.add(unusable(settings, &version.id, None, &reason)),
                }
            }
            Some(versions)
        }
        Err(error) => {
            let mut advice = for_vault_error(&error, settings.url.as_url());
            if matches!(VaultProblem::of(&error), VaultProblem::Role | VaultProblem::AccessPolicy) {
                advice += ". Or set SIGNING_KEYS, which requires no permission to list";
            }
            area.add(Finding::failed("vault.list", error.reason().log(), advice));
            None
        }
    }
}

/// Reports on a version, and returns it if it is a Tezos key.
fn key(
    area: &mut Area,
    settings: &KeyVaultSettings,
    Version { id, idle }: &Version,
    read: Result<VaultKey, VaultError>,
) -> Option<Found> {
    let read = match (read, idle) {
        (Ok(read), _) => read,
        (Err(_), Some(reason)) => {
            area.add(unusable(settings, id, None, reason));
            return None;
        }
        (Err(error), None) => {
            let advice = if matches!(error, VaultError::Missing(_)) {
                let option = vault_option(settings.url.as_url());
                format!("specify an existing version: `az keyvault key list-versions {option} -n {}`", id.name)
            } else {
                for_vault_error(&error, settings.url.as_url())
            };
            area.add(Finding::failed("vault.key", error.reason().log(), advice).about(id));
            return None;
        }
    };
    let as_key = |public_key| {
        Key::new(id.name.clone(), public_key).with_version(id.version.clone()).with_bound_to(bound_to(&read))
    };
    let key = match assess(&read, settings.tag.as_ref(), OffsetDateTime::now_utc()) {
        Assessment::Usable(public_key) => as_key(public_key),
        Assessment::Idle(public_key, reason) => {
            let key = as_key(public_key);
            area.add(unusable(settings, id, Some(&key), &reason));
            return Some(Found::Idle(key));
        }
        Assessment::Other(reason) => {
            area.add(unusable(settings, id, None, &reason));
            return None;
        }
    };
    let jwk = read.key.as_ref();
    let curve = jwk.and_then(|jwk| jwk.crv.as_ref()).map(ToString::to_string).unwrap_or_default();
    let is_in_hsm = matches!(jwk.and_then(|jwk| jwk.kty.as_ref()), Some(KeyType::EcHsm));
    let operations =
        jwk.and_then(|jwk| jwk.key_ops.as_ref()).map(|operations| operations.join(" ")).unwrap_or_default();
    let expires = read.attributes.as_ref().and_then(|attributes: &KeyAttributes| attributes.expires);
    let text = format!(
        "{}  {curve}, {}, {operations}, {}",
        key.hash,
        if is_in_hsm { "HSM" } else { "software" },
        expires.map_or_else(|| "no expiry".to_owned(), |end| format!("expires {}", to_rfc3339(&end)))
    );
    area.add(Finding::ok("vault.key", text).about(id));
    if !is_in_hsm {
        let advice = format!(
            "for stake on mainnet, create a key with a new address in a premium vault: `az keyvault key create {} -n <name> \
             --kty EC-HSM --curve {curve} --ops sign verify`",
            vault_option(settings.url.as_url())
        );
        area.add(
            Finding::warning("vault.protection", "the key is protected by software, not by an HSM", advice).about(id),
        );
    }
    if let Some(end) = expires {
        let text = format!("the key stops signing at {}", to_rfc3339(&end));
        area.add(Finding::warning("vault.expiry", text, extend_expiry(settings.url.as_url(), id)).about(id));
    }
    Some(Found::Usable(key))
}

/// Reports a version that does not sign. This is normal, unless `SIGNING_KEYS` specifies it, or it is expired or damaged.
fn unusable(settings: &KeyVaultSettings, id: &KeyIdentifier, key: Option<&Key>, reason: &IneligibleKey) -> Finding {
    let url = settings.url.as_url();
    let address = key.map(|key| format!("{}  ", key.hash)).unwrap_or_default();
    let text = format!("{address}does not sign here: {reason}");
    let is_wanted = settings.keys.contains(id);
    match reason {
        IneligibleKey::Expired(_) => Finding::failed("vault.expiry", text, extend_expiry(url, id)),
        IneligibleKey::Disabled if is_wanted => Finding::failed("vault.key", text, set(url, id, "--enabled true")),
        IneligibleKey::MayNotSign if is_wanted => Finding::failed("vault.key", text, set(url, id, "--ops sign verify")),
        IneligibleKey::PublicKey(_) | IneligibleKey::CoordinateLength { .. } | IneligibleKey::Incomplete(_) => {
            let advice =
            "this should never happen: contact Azure support; signatures could not be verified with this public key";
            if is_wanted {
                Finding::failed("vault.key", text, advice)
            } else {
                Finding::warning("vault.key", text, advice)
            }
        }
        _ if is_wanted => Finding::failed("vault.key", text, "remove it from SIGNING_KEYS, or specify another"),
        _ => Finding::skipped("vault.key", text),
    }
    .about(id)
}

fn extend_expiry(url: &Url, id: &KeyIdentifier) -> String {
    format!(
        "a baker's key should not expire: {}; if it is no longer used, disable it",
        set(url, id, "--expires <a far date>")
    )
}

fn set(url: &Url, id: &KeyIdentifier, what: &str) -> String {
    format!("`az keyvault key set-attributes {} -n {} --version {} {what}`", vault_option(url), id.name, id.version)
}

fn versions_in_words(count: usize) -> String {
    format!("{count} key version{}", if count == 1 { "" } else { "s" })
}

fn names_of(keys: &[Key]) -> BTreeSet<&str> {
    keys.iter().map(|key| key.name.as_str()).collect()
}

async fn signatures(vault: &KeyVault, url: &Url, keys: &[Key], sign: bool) -> Vec<Finding> {
    if !sign {
        return vec![Finding::skipped(
            "vault.sign",
            "not requested: --sign makes a test signature with each key, and a few more to measure the latency",
        )];
    }
    each(keys, async |key: &Key| {
        let advice = |error: &VaultError| match VaultProblem::of(error) {
            VaultProblem::Missing => "the key has just been deleted".to_owned(),
            VaultProblem::Transient => "try again; check the vault's metrics in the portal".to_owned(),
            _ => for_vault_error(error, url),
        };
        test_signature(vault, key, advice).await
    })
    .await
}

async fn measure(area: &mut Area, vault: &KeyVault, key: &Key, sign: bool) {
    let id = KeyIdentifier { name: key.name.clone(), version: key.version.clone().unwrap_or_default() };
    let read = async || vault.read_key(&id).await.map(drop).map_err(|error| error.reason().log().to_owned());
    area.latency.push(latency::measure("latency.vault.get", SAME_REGION, read).await);
    if sign {
        let sign = async || {
            let signature = vault.sign(key, PAYLOAD, crate::tezos::BlsScheme::default()).await;
            signature.map(drop).map_err(|error| error.reason().log().to_owned())
        };
        area.latency.push(latency::measure("latency.vault.sign", SAME_REGION, sign).await);
    }
}

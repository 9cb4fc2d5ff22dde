//! Keys in Key Vault or Managed HSM.

use super::advice::{is_of_network, network, no_answer, vault_option, vault_role};
use super::area::{Area, each};
use super::rotation;
use super::sign::{PAYLOAD, test_signature};
use super::{Azure, Finding, clock, latency};
use crate::vault::key_vault::{KeyIdentifier, KeyVaultSettings, Unusable, bound_to, check_attributes, key_of};
use crate::vault::{Key, KeyVault, Vault, VaultError};
use azure_core::http::Url;
use azure_core::time::{OffsetDateTime, to_rfc3339};
use azure_security_keyvault_keys::models::{Key as VaultKey, KeyAttributes, KeyType};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// A signature may not wait so long; here it is to be seen how long it takes.
const LONGEST_ANSWER: Duration = Duration::from_secs(3);

const SAME_REGION: &str = "have the app and the vault in one region: each signature waits for this";

pub(super) async fn check(area: &mut Area, settings: &KeyVaultSettings, azure: &Azure, sign: bool) {
    let url = settings.url.as_url();
    let scope = settings.url.scope();
    let (reached, token) = tokio::join!(clock::ask("vault", azure.client.get(url.clone())), azure.tokens.state(&scope));
    match reached {
        Ok(skew) => {
            area.add(Finding::ok("vault.reachable", "it answers").about(&settings.url));
            area.skews.extend(skew);
        }
        Err(why) => {
            area.add(Finding::failed("vault.reachable", why, no_answer("KEY_VAULT_URL")).about(&settings.url));
            return area.add(Finding::skipped("vault.list", "the vault does not answer"));
        }
    }
    if token.token.is_none() {
        return area.add(Finding::skipped("vault.list", "there is no token"));
    }
    let patient = KeyVaultSettings { answer_timeout: LONGEST_ANSWER, ..settings.clone() };
    let vault = match KeyVault::new(patient, Arc::clone(&azure.tokens), azure.roots.clone()) {
        Ok(vault) => vault,
        Err(error) => return area.add(Finding::failed("vault.list", error.to_string(), no_answer("KEY_VAULT_URL"))),
    };
    let Some(versions) = versions(area, settings, &vault).await else { return };

    let read = each(&versions, async |id: &KeyIdentifier| vault.read_key(id).await).await;
    let mut keys = Vec::new();
    for (id, read) in versions.iter().zip(read) {
        keys.extend(key(area, settings, id, read));
    }
    area.known.keys.extend(keys.iter().map(|key| key.hash));
    let Some(first) = keys.first() else {
        return area.add(Finding::failed(
            "vault.keys",
            "no key in it can sign",
            format!(
                "make one: `az keyvault key create {} -n baker --kty EC-HSM --curve P-256 --ops sign verify`",
                vault_option(url)
            ),
        ));
    };
    area.keys.clone_from(&keys);
    area.findings.extend(rotation::check(&vault, url, &names(&keys)).await);
    area.findings.extend(signatures(&vault, url, &keys, sign).await);
    measure(area, &vault, first, sign).await;
}

/// The versions to be looked at, of all keys that may be used as far as the list tells; the others are told here.
async fn versions(area: &mut Area, settings: &KeyVaultSettings, vault: &KeyVault) -> Option<Vec<KeyIdentifier>> {
    if !settings.keys.is_empty() {
        let text = format!("not needed: SIGNING_KEYS names {} versions", settings.keys.len());
        area.add(Finding::ok("vault.list", text));
        return Some(settings.keys.clone());
    }
    match vault.versions().await {
        Ok(versions) => {
            area.add(Finding::ok("vault.list", format!("{} versions of keys", versions.len())));
            let now = OffsetDateTime::now_utc();
            let mut candidates = Vec::new();
            for (id, attributes) in versions {
                match check_attributes(attributes.as_ref(), now) {
                    Ok(()) => candidates.push(id),
                    Err(why) => area.add(unusable(settings, &id, &why)),
                }
            }
            Some(candidates)
        }
        Err(error) => {
            let advice =
                format!("{}. Or set SIGNING_KEYS, for an identity that may not list", refused(settings, &error));
            area.add(Finding::failed("vault.list", reason(&error), advice));
            None
        }
    }
}

/// Tells of a version; gives it, if it can sign.
fn key(
    area: &mut Area,
    settings: &KeyVaultSettings,
    id: &KeyIdentifier,
    read: Result<VaultKey, VaultError>,
) -> Option<Key> {
    let read = match read {
        Ok(read) => read,
        Err(error) => {
            let advice = if matches!(error, VaultError::Missing(_)) {
                let option = vault_option(settings.url.as_url());
                format!("name a version that there is: `az keyvault key list-versions {option} -n {}`", id.name)
            } else {
                refused(settings, &error)
            };
            area.add(Finding::failed("vault.key", reason(&error), advice).about(id));
            return None;
        }
    };
    let public_key = match key_of(&read, settings.tag.as_ref()) {
        Ok(public_key) => public_key,
        Err(why) => {
            area.add(unusable(settings, id, &why));
            return None;
        }
    };
    let key = Key::new(id.name.clone(), public_key).with_version(id.version.clone()).with_bound_to(bound_to(&read));
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
            "for stake on mainnet make another, with a new address, in a premium vault: `az keyvault key create {} -n \
             <name> --kty EC-HSM --curve {curve} --ops sign verify`",
            vault_option(settings.url.as_url())
        );
        area.add(
            Finding::warning("vault.protection", "the key is protected by software, not by an HSM", advice).about(id),
        );
    }
    if let Some(end) = expires {
        let text = format!("the key stops signing at {}", to_rfc3339(&end));
        area.add(Finding::warning("vault.expiry", text, later(settings.url.as_url(), id)).about(id));
    }
    Some(key)
}

/// A version that does not sign here. That is as it may be, unless it was named, or has run out.
fn unusable(settings: &KeyVaultSettings, id: &KeyIdentifier, why: &Unusable) -> Finding {
    let url = settings.url.as_url();
    let text = format!("does not sign here: {why}");
    let is_wanted = settings.keys.contains(id);
    match why {
        Unusable::Expired(_) => Finding::failed("vault.expiry", text, later(url, id)),
        Unusable::Disabled if is_wanted => Finding::failed("vault.key", text, set(url, id, "--enabled true")),
        _ if is_wanted => Finding::failed("vault.key", text, "remove it from SIGNING_KEYS, or name another"),
        _ => Finding::skipped("vault.key", text),
    }
    .about(id)
}

fn later(url: &Url, id: &KeyIdentifier) -> String {
    format!(
        "keys of bakers should have no end: {}; if it is no longer wanted, disable it",
        set(url, id, "--expires <a far date>")
    )
}

fn set(url: &Url, id: &KeyIdentifier, what: &str) -> String {
    format!("`az keyvault key set-attributes {} -n {} --version {} {what}`", vault_option(url), id.name, id.version)
}

fn names(keys: &[Key]) -> BTreeSet<&str> {
    keys.iter().map(|key| key.name.as_str()).collect()
}

async fn signatures(vault: &KeyVault, url: &Url, keys: &[Key], sign: bool) -> Vec<Finding> {
    if !sign {
        return vec![Finding::skipped(
            "vault.sign",
            "not asked for: --sign makes a test signature with each key, and some more to measure",
        )];
    }
    each(keys, async |key: &Key| {
        let advice = |error: &VaultError| match error {
            VaultError::Unable(why) | VaultError::Denied(why) if is_of_network(why.log()) => network("vault"),
            VaultError::Unable(_) | VaultError::Denied(_) => vault_role(url),
            VaultError::Missing(_) => "it was deleted meanwhile".to_owned(),
            VaultError::Unavailable { .. } => "try again; see the vault's metrics in the portal".to_owned(),
        };
        test_signature(vault, key, advice).await
    })
    .await
}

async fn measure(area: &mut Area, vault: &KeyVault, key: &Key, sign: bool) {
    let id = KeyIdentifier { name: key.name.clone(), version: key.version.clone().unwrap_or_default() };
    let read = async || vault.read_key(&id).await.map(drop).map_err(|error| reason(&error));
    area.latency.push(latency::measure("latency.vault.get", SAME_REGION, read).await);
    if sign {
        let sign = async || {
            let signature = vault.sign(key, PAYLOAD, crate::tezos::BlsScheme::default()).await;
            signature.map(drop).map_err(|error| reason(&error))
        };
        area.latency.push(latency::measure("latency.vault.sign", SAME_REGION, sign).await);
    }
}

/// The vault's own words.
pub(super) fn reason(error: &VaultError) -> String {
    error.reason().log().to_owned()
}

fn refused(settings: &KeyVaultSettings, error: &VaultError) -> String {
    match error {
        VaultError::Unable(why) | VaultError::Denied(why) if is_of_network(why.log()) => network("vault"),
        VaultError::Unable(_) | VaultError::Denied(_) | VaultError::Missing(_) => vault_role(settings.url.as_url()),
        VaultError::Unavailable { .. } => {
            "try again; if it refuses the token, the identity and the vault must be of the same tenant".to_owned()
        }
    }
}

use super::Finding;
use super::advice::vault_option;
use super::area::each;
use super::vault::reason;
use crate::vault::{KeyVault, VaultError};
use azure_core::http::Url;
use azure_security_keyvault_keys::models::{KeyRotationPolicy, KeyRotationPolicyAction};
use std::collections::BTreeSet;

/// The rotation policy of each key: a vault that rotates a key gives the baker another address.
pub(super) async fn check(vault: &KeyVault, url: &Url, names: &BTreeSet<&str>) -> Vec<Finding> {
    each(names, async |name: &&str| {
        let finding = match vault.rotation_policy(name).await {
            Ok(policy) => of_policy(&policy, url, name),
            Err(VaultError::Unable(_) | VaultError::Denied(_)) => Finding::skipped(
                "vault.rotation",
                "the policy may not be read with this role, which is as it should be",
            )
            .advise(format!(
                "an administrator sees it: `az keyvault key rotation-policy show {} -n {name}`",
                vault_option(url)
            )),
            Err(error) => Finding::skipped("vault.rotation", reason(&error)),
        };
        finding.about(name)
    })
    .await
}

fn of_policy(policy: &KeyRotationPolicy, url: &Url, name: &str) -> Finding {
    let actions = policy.lifetime_actions.iter().flatten();
    let rotates = actions
        .filter(|action| {
            let action = action.action.as_ref().and_then(|action| action.type_prop.as_ref());
            action == Some(&KeyRotationPolicyAction::Rotate)
        })
        .map(|action| {
            let trigger = action.trigger.as_ref();
            let after = trigger.and_then(|trigger| trigger.time_after_create.as_ref());
            let before = trigger.and_then(|trigger| trigger.time_before_expiry.as_ref());
            match (after, before) {
                (Some(after), _) => format!("{after} after it was made"),
                (None, Some(before)) => format!("{before} before it expires"),
                (None, None) => "at some time".to_owned(),
            }
        })
        .next();
    let expires = policy.attributes.as_ref().and_then(|attributes| attributes.expiry_time.as_ref());
    let advice = format!(
        "remove it: `az keyvault key rotation-policy update {} -n {name} --value \
         '{{\"lifetimeActions\":[],\"attributes\":{{}}}}'`",
        vault_option(url)
    );
    match (rotates, expires) {
        (Some(when), _) => {
            let text = format!("the vault rotates it {when}: a new version is a new Tezos address");
            Finding::warning("vault.rotation", text, advice)
        }
        (None, Some(expires)) => {
            let text = format!("new versions expire {expires} after they are made, and then sign nothing");
            Finding::warning("vault.rotation", text, advice)
        }
        (None, None) => Finding::ok("vault.rotation", "the vault does not rotate it"),
    }
}

//! Checks that the vault does not rotate keys.

use super::Finding;
use super::advice::{VaultProblem, for_vault_error, is_managed_hsm, vault_option};
use super::area::each;
use crate::vault::KeyVault;
use crate::vault::key_vault::RotationPolicy;
use azure_core::http::Url;
use std::collections::BTreeSet;

const CHECK: &str = "vault.rotation";

/// Checks the rotation policy of each key: rotating a key changes the baker's address.
pub(super) async fn check(vault: &KeyVault, url: &Url, names: &BTreeSet<&str>) -> Vec<Finding> {
    each(names, async |name: &&str| {
        let finding = match vault.rotation_policy(name).await {
            Ok(policy) => of_policy(&policy, url, name),
            Err(error) => {
                let show = format!("`az keyvault key rotation-policy show {} -n {name}`", vault_option(url));
                match VaultProblem::of(&error) {
                    VaultProblem::Role | VaultProblem::AccessPolicy => Finding::skipped(
                        CHECK,
                        format!(
                            "this role may not read the rotation policy, as it should be: that requires {}",
                            permission(url)
                        ),
                    )
                    .advise(format!("an administrator can read it: {show}")),
                    _ => {
                        let text = format!("cannot read the rotation policy: {}", error.reason().log());
                        let advice = format!("{}. An administrator can read it: {show}", for_vault_error(&error, url));
                        Finding::warning(CHECK, text, advice)
                    }
                }
            }
        };
        finding.about(name)
    })
    .await
}

/// The permission to read a rotation policy.
fn permission(vault: &Url) -> &'static str {
    if is_managed_hsm(vault) {
        "a role that may read rotation policies, such as Managed HSM Crypto User"
    } else {
        "the data action Microsoft.KeyVault/vaults/keyrotationpolicies/read, or getrotationpolicy in an access policy"
    }
}

fn of_policy(policy: &RotationPolicy, url: &Url, name: &str) -> Finding {
    let advice = format!(
        "remove it: `az keyvault key rotation-policy update {} -n {name} --value \
         '{{\"lifetimeActions\":[],\"attributes\":{{}}}}'`",
        vault_option(url)
    );
    match (policy.rotates(), policy.expires_after()) {
        (Some(when), _) => {
            let text = format!("the vault rotates this key {when}: a new version has a new Tezos address");
            Finding::warning(CHECK, text, advice)
        }
        (None, Some(expires)) => {
            let text = format!("new versions expire {expires} after their creation, and then stop signing");
            Finding::warning(CHECK, text, advice)
        }
        (None, None) => Finding::ok(CHECK, "no rotation"),
    }
}

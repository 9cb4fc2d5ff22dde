use super::Finding;
use super::advice::{Cause, after_refusal, is_managed_hsm, vault_option};
use super::area::each;
use super::vault::reason;
use crate::vault::KeyVault;
use crate::vault::key_vault::RotationPolicy;
use azure_core::http::Url;
use std::collections::BTreeSet;

const CHECK: &str = "vault.rotation";

/// The rotation policy of each key: a vault that rotates a key gives the baker another address.
pub(super) async fn check(vault: &KeyVault, url: &Url, names: &BTreeSet<&str>) -> Vec<Finding> {
    each(names, async |name: &&str| {
        let finding = match vault.rotation_policy(name).await {
            Ok(policy) => of_policy(&policy, url, name),
            Err(error) => {
                let show = format!("`az keyvault key rotation-policy show {} -n {name}`", vault_option(url));
                match Cause::of(&error) {
                    Cause::Role | Cause::AccessPolicy => Finding::skipped(
                        CHECK,
                        format!(
                            "it may not be read with this role, which is as it should be: it takes {}",
                            permission(url)
                        ),
                    )
                    .advise(format!("an administrator sees it: {show}")),
                    _ => {
                        let text = format!("it is not known whether the vault rotates it: {}", reason(&error));
                        Finding::warning(
                            CHECK,
                            text,
                            format!("{}. An administrator sees it: {show}", after_refusal(&error, url)),
                        )
                    }
                }
            }
        };
        finding.about(name)
    })
    .await
}

/// What it takes to read a policy.
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
            let text = format!("the vault rotates it {when}: a new version is a new Tezos address");
            Finding::warning(CHECK, text, advice)
        }
        (None, Some(expires)) => {
            let text = format!("new versions expire {expires} after they are made, and then sign nothing");
            Finding::warning(CHECK, text, advice)
        }
        (None, None) => Finding::ok(CHECK, "the vault does not rotate it"),
    }
}

//! What to do about refusals, in commands.

use crate::vault::VaultError;
use azure_core::http::Url;

/// The first label of a service's host: the name of the vault or account.
pub(super) fn name_of(url: &Url) -> &str {
    let host = url.host_str().unwrap_or_default();
    host.split('.').next().unwrap_or(host)
}

/// Whether a refusal is the firewall's and not a role's (`ForbiddenByFirewall`, `ForbiddenByConnection`; Cosmos DB tells it
/// in words only).
pub(super) fn is_of_network(why: &str) -> bool {
    let why = why.to_ascii_lowercase();
    ["firewall", "forbiddenbyconnection", "client address is not authorized", "public network access"]
        .iter()
        .any(|sign| why.contains(sign))
}

/// What a refusal of the vault is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// It may work later.
    Passing,
    /// The network's rules.
    Network,
    /// The identity has no role for it.
    Role,
    /// The vault has access policies instead of roles, and none for it.
    AccessPolicy,
    /// The key is disabled, or outside its time.
    StateOfKey,
    /// Signing is not among the key's operations.
    Operation,
    /// The vault is in conflict about the key (409).
    Conflict,
    /// There is no such thing (404).
    Missing,
    /// The request itself (400, say).
    Request,
    /// What answers is another service.
    OtherService,
}

impl Cause {
    pub(super) fn of(error: &VaultError) -> Self {
        let why = error.reason().log();
        match error {
            VaultError::Unavailable { .. } => Self::Passing,
            VaultError::Missing(_) => Self::Missing,
            VaultError::Unable(_) => Self::Request,
            VaultError::Untrusted(_) => Self::OtherService,
            VaultError::Denied(_) if is_of_network(why) => Self::Network,
            VaultError::Denied(_) if why.starts_with("409") => Self::Conflict,
            VaultError::Denied(_) => {
                let has = |codes: &[&str]| codes.iter().any(|code| why.contains(code));
                if has(&["KeyDisabled", "KeyExpired", "KeyNotYetValid"]) {
                    Self::StateOfKey
                } else if has(&["KeyOperationForbidden"]) {
                    Self::Operation
                } else if has(&["ForbiddenByPolicy"]) {
                    Self::AccessPolicy
                } else {
                    Self::Role
                }
            }
        }
    }
}

/// What to do after the vault has refused something, by what the refusal is about.
pub(super) fn after_refusal(error: &VaultError, vault: &Url) -> String {
    let option = vault_option(vault);
    match Cause::of(error) {
        Cause::Passing => {
            "try again; if it refuses the token, the identity and the vault must be of the same tenant".to_owned()
        }
        Cause::Network => network("vault"),
        Cause::Role => vault_role(vault),
        Cause::AccessPolicy => format!(
            "the vault has access policies instead of roles: `az keyvault set-policy -n {} --object-id <principal id> \
             --key-permissions get list sign`",
            name_of(vault)
        ),
        Cause::StateOfKey => format!(
            "see its state and its dates: `az keyvault key show {option} -n <name>`; change them with `az keyvault key \
             set-attributes`"
        ),
        Cause::Operation => {
            format!("let it sign: `az keyvault key set-attributes {option} -n <name> --ops sign verify`")
        }
        Cause::Conflict => "the vault is at work on this key, such as recovering it: try again".to_owned(),
        Cause::Missing => {
            "there is no such thing at KEY_VAULT_URL: is it the address of the vault itself, and is the key there?"
                .to_owned()
        }
        Cause::Request => {
            "the vault did not take the request as such: is KEY_VAULT_URL the address of the vault itself, and \
                           not of a proxy or of an older service?"
                .to_owned()
        }
        Cause::OtherService => {
            "is KEY_VAULT_URL right? What answers there wants tokens for another service. A Key Vault is \
                                <name>.vault.azure.net, a Managed HSM <name>.managedhsm.azure.net; other clouds have \
                                names of their own"
                .to_owned()
        }
    }
}

/// When there is no answer at all.
pub(super) fn no_answer(variable: &str) -> String {
    format!(
        "is {variable} right, does its name resolve here, and may this machine connect to port 443? With a private \
         endpoint, the app needs the virtual network and its private DNS zone"
    )
}

/// When the network's rules keep this machine out.
pub(super) fn network(service: &str) -> String {
    format!(
        "its network rules keep this machine out: allow this network in the {service}'s Networking page, or run where \
         the app runs"
    )
}

/// For an identity that may not do this with a key.
pub(super) fn vault_role(vault: &Url) -> String {
    let name = name_of(vault);
    if is_managed_hsm(vault) {
        format!(
            "the identity needs a role with the data actions Microsoft.KeyVault/managedHsm/keys/read/action and \
             Microsoft.KeyVault/managedHsm/keys/sign/action: `az keyvault role assignment create --hsm-name {name} \
             --role \"Managed HSM Crypto User\" --assignee <principal id> --scope /keys`, or a role definition of just \
             these two"
        )
    } else {
        format!(
            "the identity needs a role with the data actions Microsoft.KeyVault/vaults/keys/read and \
             Microsoft.KeyVault/vaults/keys/sign/action: `az role assignment create --role \"Key Vault Crypto User\" \
             --assignee <principal id> --scope $(az keyvault show -n {name} --query id -o tsv)`, or a custom role of \
             just these two. A new assignment takes minutes"
        )
    }
}

/// The option that names this vault to `az keyvault key`.
pub(super) fn vault_option(vault: &Url) -> String {
    format!("{} {}", if is_managed_hsm(vault) { "--hsm-name" } else { "--vault-name" }, name_of(vault))
}

pub(super) fn is_managed_hsm(vault: &Url) -> bool {
    vault.host_str().unwrap_or_default().split('.').nth(1) == Some("managedhsm")
}

/// For an identity that may not do this with marks.
pub(super) fn marks_role(account: &Url, database: &str, container: &str) -> String {
    format!(
        "the identity needs a role of just {MARKS_ACTIONS}: make it with `az cosmosdb sql role definition create`, \
         then `az cosmosdb sql role assignment create -g <group> -a {} --role-definition-name <role> --principal-id \
         <principal id> --scope /dbs/{database}/colls/{container}`; readMetadata is also needed at the scope of the \
         account. A new assignment takes minutes",
        name_of(account)
    )
}

/// For an identity that may do more with marks than it should.
pub(super) fn marks_role_too_wide(account: &Url) -> String {
    format!(
        "give it a role of just {MARKS_ACTIONS}, and remove the wider one: `az cosmosdb sql role assignment list -g \
         <group> -a {name}`, `az cosmosdb sql role assignment delete -g <group> -a {name} --role-assignment-id <id>`",
        name = name_of(account)
    )
}

/// The least role that a signer's marks need.
const MARKS_ACTIONS: &str = "Microsoft.DocumentDB/databaseAccounts/readMetadata and \
                             Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/create, …/items/read, \
                             …/items/replace";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_of_the_network_are_told_from_those_of_roles() {
        for (why, expected) in [
            ("Client address is not authorized and caller is not a trusted service.", true),
            ("Public network access is disabled and request is not from a trusted service", true),
            (
                "403: Request originated from IP 1.2.3.4 through public internet. This is blocked by your Cosmos DB \
                 account firewall settings.",
                true,
            ),
            ("Caller is not authorized to perform action on resource. DecisionReason: 'DeniedWithNoValidRBAC'", false),
        ] {
            assert_eq!(is_of_network(why), expected, "{why}");
        }
    }

    #[test]
    fn advice_follows_the_cause() {
        let vault: Url = "https://bakery.vault.azure.net/".parse().unwrap();
        let denied = |why: &str| VaultError::Denied(why.into());
        for (error, cause, words) in [
            (denied("403 Forbidden (Forbidden, ForbiddenByRbac)"), Cause::Role, "az role assignment create"),
            (denied("403 Forbidden"), Cause::Role, "az role assignment create"),
            (denied("403 Forbidden (Forbidden, ForbiddenByPolicy)"), Cause::AccessPolicy, "set-policy -n bakery"),
            (denied("403 Forbidden (Forbidden, ForbiddenByFirewall)"), Cause::Network, "Networking page"),
            (denied("403 Forbidden (Forbidden, KeyDisabled)"), Cause::StateOfKey, "set-attributes"),
            (denied("403 Forbidden (Forbidden, KeyExpired)"), Cause::StateOfKey, "set-attributes"),
            (denied("403 Forbidden (Forbidden, KeyOperationForbidden)"), Cause::Operation, "--ops sign verify"),
            (denied("409 Conflict (Conflict, ObjectIsBeingRecovered)"), Cause::Conflict, "try again"),
            (VaultError::unable("400 Bad Request (BadParameter)"), Cause::Request, "did not take the request"),
            (VaultError::Missing("404 Not Found".into()), Cause::Missing, "no such thing"),
            (VaultError::Untrusted("challenge resource".into()), Cause::OtherService, "another service"),
            (VaultError::unavailable("503"), Cause::Passing, "try again"),
        ] {
            let advice = after_refusal(&error, &vault);
            assert_eq!(Cause::of(&error), cause, "{error}");
            assert!(advice.contains(words), "{error}: {advice}");
            assert_eq!(advice.contains("role assignment"), cause == Cause::Role, "{error}: {advice}");
        }
    }

    #[test]
    fn commands_name_the_vault_or_hsm() {
        for (url, option, action) in [
            ("https://bakery.vault.azure.net/", "--vault-name bakery", "vaults/keys/sign/action"),
            ("https://bakery.managedhsm.azure.net/", "--hsm-name bakery", "managedHsm/keys/sign/action"),
        ] {
            let url: Url = url.parse().unwrap();
            assert_eq!(vault_option(&url), option);
            assert!(vault_role(&url).contains(action));
        }
    }
}

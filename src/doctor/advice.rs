//! Advice for errors, with the commands to run.

use crate::vault::VaultError;
use azure_core::http::Url;

/// The first label of a service's host name: the name of the vault or account.
pub(super) fn name_of(url: &Url) -> &str {
    let host = url.host_str().unwrap_or_default();
    host.split('.').next().unwrap_or(host)
}

/// Whether an error is due to the firewall rather than a missing role. Key Vault has codes for this (`ForbiddenByFirewall`,
/// `ForbiddenByConnection`), Cosmos DB only sentences.
pub(super) fn is_of_network(reason: &str) -> bool {
    let reason = reason.to_ascii_lowercase();
    ["firewall", "forbiddenbyconnection", "client address is not authorized", "public network access"]
        .iter()
        .any(|sign| reason.contains(sign))
}

/// The problem behind a vault's error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum VaultProblem {
    /// Transient: a retry may succeed.
    Transient,
    /// The vault's network rules.
    Network,
    /// The identity lacks a role.
    Role,
    /// The vault uses access policies instead of roles, and none permits the operation.
    AccessPolicy,
    /// The key is disabled, or outside its validity period.
    StateOfKey,
    /// The key's operations do not include signing.
    Operation,
    /// The key is being changed (409).
    Conflict,
    /// Not found (404).
    Missing,
    /// The request was rejected, for example with status 400.
    Request,
    /// Another service answers at the vault's address.
    OtherService,
}

impl VaultProblem {
    pub(super) fn of(error: &VaultError) -> Self {
        let reason = error.reason().log();
        match error {
            VaultError::Unavailable { .. } => Self::Transient,
            VaultError::Missing(_) => Self::Missing,
            VaultError::Unable(_) => Self::Request,
            VaultError::Untrusted(_) => Self::OtherService,
            VaultError::Denied(_) if is_of_network(reason) => Self::Network,
            VaultError::Denied(_) if reason.starts_with("409") => Self::Conflict,
            VaultError::Denied(_) => {
                let has = |codes: &[&str]| codes.iter().any(|code| reason.contains(code));
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

/// What to do about a vault's error, by its problem.
pub(super) fn for_vault_error(error: &VaultError, vault: &Url) -> String {
    let option = vault_option(vault);
    match VaultProblem::of(error) {
        VaultProblem::Transient => {
            "try again; if the vault rejects the token, check that identity and vault are in the same tenant".to_owned()
        }
        VaultProblem::Network => network("vault"),
        VaultProblem::Role => vault_role(vault),
        VaultProblem::AccessPolicy => format!(
            "the vault uses access policies instead of roles: `az keyvault set-policy -n {} --object-id <principal id> \
             --key-permissions get list sign`",
            name_of(vault)
        ),
        VaultProblem::StateOfKey => format!(
            "check the key's state and dates: `az keyvault key show {option} -n <name>`; change them with `az keyvault \
             key set-attributes`"
        ),
        VaultProblem::Operation => {
            format!("permit signing: `az keyvault key set-attributes {option} -n <name> --ops sign verify`")
        }
        VaultProblem::Conflict => "the key is being changed or recovered: try again".to_owned(),
        VaultProblem::Missing => {
            "not found at KEY_VAULT_URL: check that it is the address of the vault itself, and that the key exists"
                .to_owned()
        }
        VaultProblem::Request => "the vault rejected the request: check that KEY_VAULT_URL is the address of the vault itself, \
                           and not of a proxy or another service"
            .to_owned(),
        VaultProblem::OtherService => "check KEY_VAULT_URL: the service at that address expects tokens for another service. A Key \
                                Vault is <name>.vault.azure.net, a Managed HSM <name>.managedhsm.azure.net; other clouds \
                                use other domains"
            .to_owned(),
    }
}

/// When a service does not answer at all.
pub(super) fn no_answer(variable: &str) -> String {
    format!(
        "check that {variable} is right, that its name resolves on this machine, and that this machine may connect to port \
         443. With a private endpoint, the app needs the virtual network and its private DNS zone"
    )
}

/// When a service's network rules block this machine.
pub(super) fn network(service: &str) -> String {
    format!(
        "the network rules block this machine: allow its network on the {service}'s Networking page, or run the doctor where \
         the app runs"
    )
}

/// For an identity that lacks a role for a key.
pub(super) fn vault_role(vault: &Url) -> String {
    let name = name_of(vault);
    if is_managed_hsm(vault) {
        format!(
            "the identity needs a role with the data actions Microsoft.KeyVault/managedHsm/keys/read/action and \
             Microsoft.KeyVault/managedHsm/keys/sign/action: `az keyvault role assignment create --hsm-name {name} \
             --role \"Managed HSM Crypto User\" --assignee <principal id> --scope /keys`, or a role definition with just \
             these two"
        )
    } else {
        format!(
            "the identity needs a role with the data actions Microsoft.KeyVault/vaults/keys/read and \
             Microsoft.KeyVault/vaults/keys/sign/action: `az role assignment create --role \"Key Vault Crypto User\" \
             --assignee <principal id> --scope $(az keyvault show -n {name} --query id -o tsv)`, or a custom role with \
             just these two. A new assignment takes minutes to become effective"
        )
    }
}

/// The option that selects this vault in `az keyvault key`.
pub(super) fn vault_option(vault: &Url) -> String {
    format!("{} {}", if is_managed_hsm(vault) { "--hsm-name" } else { "--vault-name" }, name_of(vault))
}

pub(super) fn is_managed_hsm(vault: &Url) -> bool {
    vault.host_str().unwrap_or_default().split('.').nth(1) == Some("managedhsm")
}

/// For an identity that lacks a role for marks.
pub(super) fn marks_role(account: &Url, database: &str, container: &str) -> String {
    format!(
        "the identity needs a role with just {MARKS_ACTIONS}: create it with `az cosmosdb sql role definition create`, \
         then assign it with `az cosmosdb sql role assignment create -g <group> -a {} --role-definition-name <role> \
         --principal-id <principal id> --scope /dbs/{database}/colls/{container}`; readMetadata is also needed at the \
         scope of the account. A new assignment takes minutes to become effective",
        name_of(account)
    )
}

/// For an identity with more permissions for marks than it should have.
pub(super) fn marks_role_too_wide(account: &Url) -> String {
    format!(
        "assign a role with just {MARKS_ACTIONS}, and remove the broader one: `az cosmosdb sql role assignment list -g \
         <group> -a {name}`, `az cosmosdb sql role assignment delete -g <group> -a {name} --role-assignment-id <id>`",
        name = name_of(account)
    )
}

/// The permissions that a signer's marks require.
const MARKS_ACTIONS: &str = "Microsoft.DocumentDB/databaseAccounts/readMetadata and \
                             Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/create, …/items/read, \
                             …/items/replace";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_errors_are_distinguished_from_missing_roles() {
        for (reason, expected) in [
            ("Client address is not authorized and caller is not a trusted service.", true),
            ("Public network access is disabled and request is not from a trusted service", true),
            (
                "403: Request originated from IP 1.2.3.4 through public internet. This is blocked by your Cosmos DB \
                 account firewall settings.",
                true,
            ),
            ("Caller is not authorized to perform action on resource. DecisionReason: 'DeniedWithNoValidRBAC'", false),
        ] {
            assert_eq!(is_of_network(reason), expected, "{reason}");
        }
    }

    #[test]
    fn advice_follows_the_cause() {
        let vault: Url = "https://bakery.vault.azure.net/".parse().unwrap();
        let denied = |reason: &str| VaultError::Denied(reason.into());
        for (error, cause, words) in [
            (denied("403 Forbidden (Forbidden, ForbiddenByRbac)"), VaultProblem::Role, "az role assignment create"),
            (denied("403 Forbidden"), VaultProblem::Role, "az role assignment create"),
            (
                denied("403 Forbidden (Forbidden, ForbiddenByPolicy)"),
                VaultProblem::AccessPolicy,
                "set-policy -n bakery",
            ),
            (denied("403 Forbidden (Forbidden, ForbiddenByFirewall)"), VaultProblem::Network, "Networking page"),
            (denied("403 Forbidden (Forbidden, KeyDisabled)"), VaultProblem::StateOfKey, "set-attributes"),
            (denied("403 Forbidden (Forbidden, KeyExpired)"), VaultProblem::StateOfKey, "set-attributes"),
            (denied("403 Forbidden (Forbidden, KeyOperationForbidden)"), VaultProblem::Operation, "--ops sign verify"),
            (denied("409 Conflict (Conflict, ObjectIsBeingRecovered)"), VaultProblem::Conflict, "try again"),
            (VaultError::unable("400 Bad Request (BadParameter)"), VaultProblem::Request, "rejected the request"),
            (VaultError::Missing("404 Not Found".into()), VaultProblem::Missing, "not found"),
            (VaultError::Untrusted("challenge resource".into()), VaultProblem::OtherService, "another service"),
            (VaultError::unavailable("503"), VaultProblem::Transient, "try again"),
        ] {
            let advice = for_vault_error(&error, &vault);
            assert_eq!(VaultProblem::of(&error), cause, "{error}");
            assert!(advice.contains(words), "{error}: {advice}");
            assert_eq!(advice.contains("role assignment"), cause == VaultProblem::Role, "{error}: {advice}");
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

//! What to do about refusals, in commands.

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

fn is_managed_hsm(vault: &Url) -> bool {
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

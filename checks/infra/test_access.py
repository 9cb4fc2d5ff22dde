"""Identities, roles and locks."""
import json
import re
import unittest

from templates import (
    ACCOUNT,
    ASSIGNMENT,
    DATA_ROLE,
    DATA_ROLE_ASSIGNMENT,
    IDENTITY,
    INFRA,
    INSIGHTS,
    LOCK,
    PLANS,
    RETENTION,
    ROLE,
    SITE,
    SITE_CONFIG,
    STORAGE,
    VAULT,
    WORKSPACE,
    assignments,
    data_assignments,
    deployed,
)

SOMEONE = "0123abcd-0000-4000-8000-abcdef012345"
OTHER = "0123abcd-0000-4000-8000-abcdef012346"

# Identifiers of built-in roles, from Azure's documentation.
KEY_VAULT_READER = "21090545-7ca7-4776-b22c-e363652d74d2"
KEY_VAULT_CRYPTO_USER = "12338af0-0e69-4776-bea7-57ae8d297424"
STORAGE_BLOB_DATA_OWNER = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
STORAGE_BLOB_DATA_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
STORAGE_BLOB_DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
MONITORING_METRICS_PUBLISHER = "3913510d-42f4-4e42-8a64-420c390055eb"


class Callers(unittest.TestCase):
    def test_only_the_named_identities_get_through_and_nobody_needs_a_token_by_default(self):
        for plan in PLANS:
            self.assertEqual(deployed(plan=plan).all(SITE_CONFIG), [])
            d = deployed(plan=plan, authentication=json.dumps({"clientId": SOMEONE, "allowedPrincipals": [OTHER]}))
            config = d.one(SITE_CONFIG)
            self.assertEqual(config.name, "authsettingsV2")
            properties = config.properties
            self.assertIs(properties["platform"]["enabled"], True)
            validation = properties["globalValidation"]
            self.assertEqual((validation["requireAuthentication"], validation["unauthenticatedClientAction"]), (True, "Return401"))
            self.assertEqual(validation["excludedPaths"], ["/health"])
            directory = properties["identityProviders"]["azureActiveDirectory"]
            self.assertEqual(directory["registration"]["clientId"], SOMEONE)
            self.assertEqual(directory["validation"]["allowedAudiences"], [SOMEONE, f"api://{SOMEONE}"])
            policy = directory["validation"]["defaultAuthorizationPolicy"]
            self.assertEqual(policy, {"allowedPrincipals": {"identities": [OTHER]}, "allowedApplications": []})


class Identity(unittest.TestCase):
    def test_the_app_has_one_user_assigned_identity_and_no_other(self):
        for plan in PLANS:
            d = deployed(plan=plan)
            identity = d.one(SITE).body["identity"]
            self.assertEqual(identity["type"], "UserAssigned")
            self.assertEqual(list(identity["userAssignedIdentities"]), [str(d.one(IDENTITY).id)])

    def test_settings_and_deployment_use_that_identity(self):
        for plan in PLANS:
            d = deployed(plan=plan)
            settings, identity = d.one(SITE).settings, d.one(IDENTITY)
            client = str(identity.id).replace(".id", ".properties.clientId")
            self.assertEqual(settings["AZURE_CLIENT_ID"], client)
            self.assertEqual(settings["AzureWebJobsStorage__clientId"], client)
            self.assertEqual(settings["AzureWebJobsStorage__credential"], "managedidentity")
            self.assertEqual(settings["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"], f"ClientId={client};Authorization=AAD")
        self.assertEqual(deployed(plan="premium").one(SITE).settings["WEBSITE_RUN_FROM_PACKAGE_BLOB_MI_RESOURCE_ID"], str(identity.id))
        authentication = deployed().one(SITE).properties["functionAppConfig"]["deployment"]["storage"]["authentication"]
        self.assertEqual(authentication, {"type": "UserAssignedIdentity", "userAssignedIdentityResourceId": identity.id})

    def test_nothing_authenticates_with_a_key(self):
        d = deployed()
        self.assertIs(d.one(ACCOUNT).properties["disableLocalAuth"], True)
        self.assertIs(d.one(ACCOUNT).properties["disableKeyBasedMetadataWriteAccess"], True)
        self.assertIs(d.one(STORAGE).properties["allowSharedKeyAccess"], False)
        self.assertIs(d.one(STORAGE).properties["isLocalUserEnabled"], False)
        self.assertIs(d.one(INSIGHTS).properties["DisableLocalAuth"], True)
        self.assertIs(d.one(WORKSPACE).properties["features"]["disableLocalAuth"], True)
        self.assertIs(d.one(VAULT).properties["enableRbacAuthorization"], True)
        self.assertNotIn("accessPolicies", d.one(VAULT).properties)

    def test_no_template_reads_account_keys_or_contains_one(self):
        for path in INFRA.rglob("*.bicep"):
            self.assertIsNone(re.search(r"(?<!/)\blist(Keys|AccountSas|ServiceSas|Secrets)\b|AccountKey=", path.read_text()), path)


class Roles(unittest.TestCase):
    def assignments(self, **parameters):
        """All role assignments: principal, role and scope."""
        return assignments(deployed(**parameters).all(ASSIGNMENT))

    signer = "userAssignedIdentities:id-signer-token.properties.principalId"
    host_roles = {
        (signer, f"roleDefinitions:{STORAGE_BLOB_DATA_OWNER}.id", "storageAccounts:sttoken"),
        (signer, f"roleDefinitions:{MONITORING_METRICS_PUBLISHER}.id", "components:appi-signer-token"),
    }

    def test_the_signer_may_read_keys_and_sign_and_nothing_else(self):
        role = deployed().one(ROLE)
        (permissions,) = role.properties["permissions"]
        self.assertEqual(
            permissions["dataActions"], ["Microsoft.KeyVault/vaults/keys/read", "Microsoft.KeyVault/vaults/keys/sign/action"]
        )
        self.assertEqual([permissions[k] for k in ("actions", "notActions", "notDataActions")], [[], [], []])
        self.assertEqual(role.properties["type"], "CustomRole")
        self.assertEqual([str(s) for s in role.properties["assignableScopes"]], ["resourceGroup().id"])

    def test_it_may_do_so_only_in_this_vault(self):
        role = str(deployed().one(ROLE).id)
        self.assertEqual(self.assignments(), self.host_roles | {(self.signer, role, "vaults:kv-token")})

    def test_there_is_no_history_by_default_and_the_signer_may_only_add_blocks_to_one(self):
        self.assertEqual(deployed().all(RETENTION), [])
        for networking in ("private", "isolated"):
            d = deployed(auditRetentionDays=365, networking=networking)
            policy = d.one(RETENTION)
            self.assertEqual(policy.properties, {"immutabilityPeriodSinceCreationInDays": 365, "allowProtectedAppendWrites": True})
            self.assertEqual([r.name for r in d.all(STORAGE)], ["sttoken", "sttokenaudit"])
            (role,) = (r for r in d.all(ROLE) if "audit" in r.properties["roleName"])
            (permissions,) = role.properties["permissions"]
            self.assertEqual(permissions["dataActions"], ["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action"])
            self.assertEqual([permissions[k] for k in ("actions", "notActions", "notDataActions")], [[], [], []])
            history = {(p, s) for p, r, s in self.assignments(auditRetentionDays=365, networking=networking) if r == str(role.id)}
            self.assertEqual(history, {(self.signer, "containers:sttokenaudit/default/audit")})
            self.assertEqual(d.one(SITE).settings["AUDIT_CONTAINER_URL"], "https://sttokenaudit.blob.environment().suffixes.storage/audit")

    def test_only_the_operator_reads_the_history(self):
        with_operator = self.assignments(auditRetentionDays=365, operatorPrincipalId=SOMEONE)
        readers = {p for p, r, s in with_operator if STORAGE_BLOB_DATA_READER in r}
        self.assertEqual(readers, {SOMEONE})

    def test_without_a_custom_role_it_lists_all_keys_and_signs_with_those_in_the_parameters(self):
        keys = '[{"name": "baker", "curve": "P-256"}, {"name": "other", "curve": "P-256K"}]'
        self.assertEqual(deployed(vaultRole="builtIn", keys=keys).all(ROLE), [])
        reads = {(self.signer, f"roleDefinitions:{KEY_VAULT_READER}.id", "vaults:kv-token")}
        signs = {(self.signer, f"roleDefinitions:{KEY_VAULT_CRYPTO_USER}.id", f"keys:kv-token/{k}") for k in ("baker", "other")}
        self.assertEqual(self.assignments(vaultRole="builtIn", keys=keys), self.host_roles | reads | signs)

    def test_the_signer_may_create_read_and_replace_marks_and_nothing_else(self):
        items = "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/"
        metadata = "Microsoft.DocumentDB/databaseAccounts/readMetadata"
        actions = {r.properties["roleName"]: [p["dataActions"] for p in r.properties["permissions"]] for r in deployed().all(DATA_ROLE)}
        self.assertEqual(
            actions,
            {
                "Mark writer": [[metadata, items + "create", items + "read", items + "replace"]],
                "Account reader": [[metadata]],
                "Mark lister": [[metadata, items.replace("items/", "executeQuery")]],
            },
        )
        for role in deployed().all(DATA_ROLE):
            self.assertEqual(role.properties["type"], "CustomRole")
            self.assertEqual(role.properties["assignableScopes"], [deployed().one(ACCOUNT).id])

    def test_it_may_do_so_only_in_the_container_of_the_marks(self):
        d = deployed()
        account = d.one(ACCOUNT).id
        marks = f"{account}/dbs/signer/colls/marks"
        self.assertEqual(data_assignments(d), {(self.signer, "Mark writer", marks), (self.signer, "Account reader", str(account))})

    def test_no_built_in_role_on_the_database_is_used(self):
        for path in INFRA.rglob("*.bicep"):
            self.assertNotIn("00000000-0000-0000-0000-00000000000", path.read_text(), path)

    def test_an_operator_writes_and_lists_marks_and_cannot_sign(self):
        d = deployed(operatorPrincipalId=SOMEONE)
        data = {str(r.properties["roleDefinitionId"]) for r in d.all(DATA_ROLE_ASSIGNMENT) if r.properties["principalId"] == SOMEONE}
        self.assertEqual(data, {str(r.id) for r in d.all(DATA_ROLE)})
        vault = {(SOMEONE, f"roleDefinitions:{KEY_VAULT_READER}.id", "vaults:kv-token")}
        upload = {(SOMEONE, f"roleDefinitions:{STORAGE_BLOB_DATA_CONTRIBUTOR}.id", "containers:sttoken/default/package")}
        self.assertEqual(self.assignments(operatorPrincipalId=SOMEONE) - self.assignments(), vault)
        self.assertEqual(self.assignments(operatorPrincipalId=SOMEONE, plan="premium") - self.assignments(plan="premium"), vault | upload)

    def test_names_of_role_assignments_are_unique(self):
        d = deployed(operatorPrincipalId=SOMEONE, vaultRole="builtIn", plan="premium")
        for kind in (ASSIGNMENT, DATA_ROLE_ASSIGNMENT, DATA_ROLE):
            names = [str(r.name) for r in d.all(kind)]
            self.assertEqual(len(names), len(set(names)), kind)


class Locks(unittest.TestCase):
    def test_vault_and_database_are_locked_against_deletion(self):
        locked = {str(r.body["scope"]): r.properties["level"] for r in deployed().all(LOCK)}
        self.assertEqual(locked, {"vaults:kv-token": "CanNotDelete", "databaseAccounts:cosmos-signer-token": "CanNotDelete"})

    def test_locks_are_optional(self):
        self.assertEqual(deployed(protectFromDeletion=False).all(LOCK), [])

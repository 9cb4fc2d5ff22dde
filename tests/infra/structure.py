"""What the templates must say, and what they must never say.

The templates are evaluated with the parameters of each test (see bicep.py), so these are sentences about what would be deployed.
"""
import json
import re
import unittest
from functools import cache
from pathlib import Path

import yaml

import bicep
from bicep import Deployment, File, Reference, decorators, deploy, parse, text

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"

VAULT = "Microsoft.KeyVault/vaults"
KEY = "Microsoft.KeyVault/vaults/keys"
ACCOUNT = "Microsoft.DocumentDB/databaseAccounts"
CONTAINER = "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers"
DATA_ROLE = "Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions"
DATA_ROLE_ASSIGNMENT = "Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments"
STORAGE = "Microsoft.Storage/storageAccounts"
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers"
IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"
ROLE = "Microsoft.Authorization/roleDefinitions"
ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
LOCK = "Microsoft.Authorization/locks"
PLAN = "Microsoft.Web/serverfarms"
SITE = "Microsoft.Web/sites"
PUBLISHING = "Microsoft.Web/sites/basicPublishingCredentialsPolicies"
NETWORK = "Microsoft.Network/virtualNetworks"
ENDPOINT = "Microsoft.Network/privateEndpoints"
ZONE = "Microsoft.Network/privateDnsZones"
ZONE_LINK = "Microsoft.Network/privateDnsZones/virtualNetworkLinks"
ZONE_GROUP = "Microsoft.Network/privateEndpoints/privateDnsZoneGroups"
INSIGHTS = "Microsoft.Insights/components"
WORKSPACE = "Microsoft.OperationalInsights/workspaces"
DIAGNOSTICS = "Microsoft.Insights/diagnosticSettings"
WEB_TEST = "Microsoft.Insights/webtests"
SAVED_SEARCH = "Microsoft.OperationalInsights/workspaces/savedSearches"
QUERY_ALERT = "Microsoft.Insights/scheduledQueryRules"
METRIC_ALERT = "Microsoft.Insights/metricAlerts"
CHANGE_ALERT = "Microsoft.Insights/activityLogAlerts"

PLANS = ("flex", "premium")

# Identifiers of built-in roles, as Azure documents them.
KEY_VAULT_READER = "21090545-7ca7-4776-b22c-e363652d74d2"
KEY_VAULT_CRYPTO_USER = "12338af0-0e69-4776-bea7-57ae8d297424"
STORAGE_BLOB_DATA_OWNER = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
STORAGE_BLOB_DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
MONITORING_METRICS_PUBLISHER = "3913510d-42f4-4e42-8a64-420c390055eb"

# App settings that are for the Functions host and not for the signer.
HOST_SETTINGS = {
    "AzureWebJobsStorage__blobServiceUri",
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__clientId",
    "AzureWebJobsDisableHomepage",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
}
PREMIUM_SETTINGS = {
    "FUNCTIONS_EXTENSION_VERSION",
    "FUNCTIONS_WORKER_RUNTIME",
    "WEBSITE_RUN_FROM_PACKAGE",
    "WEBSITE_RUN_FROM_PACKAGE_BLOB_MI_RESOURCE_ID",
}

# Settings of the signer that no template gives, and why.
NOT_GIVEN = {
    "SIGNER_LISTEN": "the host gives a port",
    "FUNCTIONS_CUSTOMHANDLER_PORT": "the host gives it",
    "AZURE_TENANT_ID": "workload identity, which is for Kubernetes",
    "AZURE_FEDERATED_TOKEN_FILE": "workload identity, which is for Kubernetes",
    "IDENTITY_ENDPOINT": "the platform gives it",
    "IDENTITY_HEADER": "the platform gives it",
    "REGION_NAME": "the platform gives it",
    "WEBSITE_INSTANCE_ID": "the platform gives it",
    "WEBSITE_POD_NAME": "the platform gives it",
    "WEBSITE_SITE_NAME": "the platform gives it",
    "AZURE_FUNCTIONS_ENVIRONMENT": "the platform gives it",
    "LOCAL_DATA_DIR": "the embedded vault and store, which Azure Functions refuses",
    "LOCAL_VAULT_PASSPHRASE": "the embedded vault, which Azure Functions refuses",
    "LOCAL_VAULT_PASSPHRASE_FILE": "the embedded vault, which Azure Functions refuses",
    "POLICY_FILE": "POLICY is given",
}

# Settings whose value is not the signer's default, and what it is.
NOT_DEFAULT = {
    "LOG_FORMAT": "json",
    "COSMOS_DISABLE_IMDS": "1",
}


@cache
def deployed(**parameters) -> Deployment:
    """What would be deployed with these parameters (lists and objects: as JSON)."""
    given = {k: json.loads(v) if isinstance(v, str) and v[:1] in ("[", "{") else v for k, v in parameters.items()}
    return deploy(INFRA / "resources.bicep", {"environmentName": "test", "location": "westeurope"} | given)


def everywhere(node, name):
    """Every value that has this name, however deep."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == name:
                yield value
            yield from everywhere(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from everywhere(value, name)


def settings_of_the_signer() -> set[str]:
    source = (ROOT / "src/settings/mod.rs").read_text()
    return set(re.findall(r'"([A-Z_]+)"', re.search(r"pub const NAMES: .*?\];", source, re.S).group()))


class Identity(unittest.TestCase):
    def test_the_app_has_one_user_assigned_identity_and_no_other(self):
        for plan in PLANS:
            d = deployed(plan=plan)
            identity = d.one(SITE).body["identity"]
            self.assertEqual(identity["type"], "UserAssigned")
            self.assertEqual(list(identity["userAssignedIdentities"]), [str(d.one(IDENTITY).id)])

    def test_settings_and_deployment_name_that_identity(self):
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

    def test_no_template_asks_for_a_key_or_makes_one_up(self):
        for path in INFRA.rglob("*.bicep"):
            self.assertIsNone(re.search(r"\blist(Keys|AccountSas|ServiceSas|Secrets)\b|AccountKey=", path.read_text()), path)


class Roles(unittest.TestCase):
    def given(self, **parameters):
        """Which role each principal has, and where."""
        d = deployed(**parameters)
        return {(str(r.properties["principalId"]), str(r.properties["roleDefinitionId"]), str(r.body["scope"])) for r in d.all(ASSIGNMENT)}

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

    def test_it_may_do_so_in_this_vault_alone(self):
        role = str(deployed().one(ROLE).id)
        self.assertEqual(self.given(), self.host_roles | {(self.signer, role, "vaults:kv-token")})

    def test_without_a_custom_role_it_signs_with_the_keys_named_and_lists_the_others(self):
        keys = '[{"name": "baker", "curve": "P-256"}, {"name": "other", "curve": "P-256K"}]'
        self.assertEqual(deployed(vaultRole="builtIn", keys=keys).all(ROLE), [])
        reads = {(self.signer, f"roleDefinitions:{KEY_VAULT_READER}.id", "vaults:kv-token")}
        signs = {(self.signer, f"roleDefinitions:{KEY_VAULT_CRYPTO_USER}.id", f"keys:{k}") for k in ("baker", "other")}
        self.assertEqual(self.given(vaultRole="builtIn", keys=keys), self.host_roles | reads | signs)

    def test_the_signer_may_create_read_and_replace_marks_and_nothing_else(self):
        items = "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/"
        metadata = "Microsoft.DocumentDB/databaseAccounts/readMetadata"
        actions = {r.properties["roleName"]: [p["dataActions"] for p in r.properties["permissions"]] for r in deployed().all(DATA_ROLE)}
        self.assertEqual(
            actions,
            {"Mark writer": [[metadata, items + "create", items + "read", items + "replace"]], "Account reader": [[metadata]]},
        )
        for role in deployed().all(DATA_ROLE):
            self.assertEqual(role.properties["type"], "CustomRole")
            self.assertEqual(role.properties["assignableScopes"], [deployed().one(ACCOUNT).id])

    def test_it_may_do_so_in_the_container_of_the_marks_alone(self):
        d = deployed()
        account = d.one(ACCOUNT).id
        ids = {r.properties["roleName"]: str(r.id) for r in d.all(DATA_ROLE)}
        self.assertEqual(
            {tuple(str(r.properties[k]) for k in ("principalId", "roleDefinitionId", "scope")) for r in d.all(DATA_ROLE_ASSIGNMENT)},
            {
                (self.signer, ids["Mark writer"], f"{account}/dbs/signer/colls/marks"),
                (self.signer, ids["Account reader"], str(account)),
            },
        )

    def test_no_built_in_role_on_the_database_is_used(self):
        for path in INFRA.rglob("*.bicep"):
            self.assertNotIn("00000000-0000-0000-0000-00000000000", path.read_text(), path)

    def test_an_operator_writes_marks_and_cannot_sign(self):
        d = deployed(operatorPrincipalId="someone")
        data = {str(r.properties["roleDefinitionId"]) for r in d.all(DATA_ROLE_ASSIGNMENT) if r.properties["principalId"] == "someone"}
        self.assertEqual(data, {str(r.id) for r in d.all(DATA_ROLE)})
        vault = {("someone", f"roleDefinitions:{KEY_VAULT_READER}.id", "vaults:kv-token")}
        upload = {("someone", f"roleDefinitions:{STORAGE_BLOB_DATA_CONTRIBUTOR}.id", "containers:package")}
        self.assertEqual(self.given(operatorPrincipalId="someone") - self.given(), vault)
        self.assertEqual(self.given(operatorPrincipalId="someone", plan="premium") - self.given(plan="premium"), vault | upload)

    def test_no_two_role_assignments_have_one_name(self):
        d = deployed(operatorPrincipalId="someone", vaultRole="builtIn", plan="premium")
        for kind in (ASSIGNMENT, DATA_ROLE_ASSIGNMENT, DATA_ROLE):
            names = [str(r.name) for r in d.all(kind)]
            self.assertEqual(len(names), len(set(names)), kind)


class Vault(unittest.TestCase):
    keys = '[{"name": "baker", "curve": "P-256"}, {"name": "other", "curve": "P-256K"}]'

    def test_keys_are_made_in_hardware_and_only_sign_and_verify(self):
        made = {k.name: k.properties for k in deployed(keys=self.keys).all(KEY)}
        self.assertEqual({n: p["curveName"] for n, p in made.items()}, {"baker": "P-256", "other": "P-256K"})
        for properties in made.values():
            self.assertEqual(properties["kty"], "EC-HSM")
            self.assertEqual(properties["keyOps"], ["sign", "verify"])
        self.assertEqual(deployed().one(VAULT).properties["sku"], {"family": "A", "name": "premium"})

    def test_no_key_expires_rotates_or_can_be_released(self):
        for key in deployed(keys=self.keys).all(KEY):
            self.assertEqual(set(key.properties), {"kty", "curveName", "keyOps"})
        for path in INFRA.rglob("*.bicep"):
            self.assertIsNone(re.search(r"^\s*(rotationPolicy|release_policy|exp|nbf)\s*:", path.read_text(), re.M), path)

    def test_the_default_key_is_one_on_p256(self):
        self.assertEqual([(k.name, k.properties["curveName"]) for k in deployed().all(KEY)], [("baker", "P-256")])

    def test_what_is_deleted_can_be_recovered_for_as_long_as_azure_allows(self):
        properties = deployed().one(VAULT).properties
        self.assertIs(properties["enablePurgeProtection"], True)
        self.assertIs(properties["enableSoftDelete"], True)
        self.assertEqual(properties["softDeleteRetentionInDays"], 90)

    def test_templates_and_machines_get_nothing_from_it(self):
        properties = deployed().one(VAULT).properties
        for name in ("enabledForDeployment", "enabledForDiskEncryption", "enabledForTemplateDeployment"):
            self.assertIs(properties[name], False)

    def test_who_uses_it_is_logged(self):
        log = next(d for d in deployed().all(DIAGNOSTICS) if str(d.body["scope"]) == "vaults:kv-token")
        self.assertEqual(log.properties["logs"], [{"category": "AuditEvent", "enabled": True}])
        self.assertEqual(log.properties["workspaceId"], deployed().one(WORKSPACE).id)


class Marks(unittest.TestCase):
    def test_writes_are_strong_and_go_to_one_region(self):
        for second in ("", "northeurope"):
            properties = deployed(secondRegion=second).one(ACCOUNT).properties
            self.assertEqual(properties["consistencyPolicy"], {"defaultConsistencyLevel": "Strong"})
            self.assertIs(properties["enableMultipleWriteLocations"], False)

    def test_a_second_region_is_a_choice(self):
        def regions(**parameters):
            locations = deployed(**parameters).one(ACCOUNT).properties["locations"]
            return [(x["locationName"], x["failoverPriority"]) for x in locations]

        self.assertEqual(regions(), [("westeurope", 0)])
        self.assertEqual(regions(secondRegion="northeurope"), [("westeurope", 0), ("northeurope", 1)])
        # After a failover, a deployment must leave the writes where they are.
        self.assertEqual(regions(secondRegion="northeurope", writesInSecondRegion=True), [("westeurope", 1), ("northeurope", 0)])
        # With one region only, that one takes the writes, whatever is said.
        self.assertEqual(regions(writesInSecondRegion=True), [("westeurope", 0)])

    def test_a_failover_waits_for_a_person_by_default(self):
        self.assertIs(deployed(secondRegion="northeurope").one(ACCOUNT).properties["enableAutomaticFailover"], False)
        self.assertIs(deployed(serviceManagedFailover=True).one(ACCOUNT).properties["enableAutomaticFailover"], True)

    def test_the_database_can_be_in_two_regions_and_is_not_serverless(self):
        self.assertNotIn("capabilities", deployed().one(ACCOUNT).properties)
        self.assertEqual(deployed().one(CONTAINER).properties["options"], {"autoscaleSettings": {"maxThroughput": 1000}})

    def test_marks_are_partitioned_by_public_key_hash(self):
        resource = deployed().one(CONTAINER).properties["resource"]
        self.assertEqual(resource["partitionKey"], {"kind": "Hash", "paths": ["/pkh"], "version": 2})

    def test_no_mark_ever_expires(self):
        self.assertEqual(list(everywhere(deployed().one(CONTAINER).body, "defaultTtl")), [])
        self.assertEqual(list(everywhere(deployed().one(CONTAINER).body, "analyticalStorageTtl")), [])

    def test_nothing_is_indexed(self):
        resource = deployed().one(CONTAINER).properties["resource"]
        self.assertEqual(resource["indexingPolicy"], {"indexingMode": "none", "automatic": False})

    def test_connections_use_tls_12_at_least(self):
        self.assertEqual(deployed().one(ACCOUNT).properties["minimalTlsVersion"], "Tls12")
        self.assertEqual(deployed().one(STORAGE).properties["minimumTlsVersion"], "TLS1_2")
        self.assertIs(deployed().one(STORAGE).properties["supportsHttpsTrafficOnly"], True)

    def test_they_can_be_restored(self):
        self.assertEqual(deployed().one(ACCOUNT).properties["backupPolicy"]["type"], "Continuous")

    def test_changes_of_the_account_are_logged(self):
        log = next(d for d in deployed().all(DIAGNOSTICS) if str(d.body["scope"]) == "databaseAccounts:cosmos-signer-token")
        self.assertEqual(log.properties["logs"], [{"category": "ControlPlaneRequests", "enabled": True}])


class Locks(unittest.TestCase):
    def test_vault_and_database_are_locked_against_deletion(self):
        locked = {str(r.body["scope"]): r.properties["level"] for r in deployed().all(LOCK)}
        self.assertEqual(locked, {"vaults:kv-token": "CanNotDelete", "databaseAccounts:cosmos-signer-token": "CanNotDelete"})

    def test_unless_that_is_not_wanted(self):
        self.assertEqual(deployed(protectFromDeletion=False).all(LOCK), [])


class App(unittest.TestCase):
    def test_flex_consumption_is_the_default(self):
        self.assertEqual(deployed().one(PLAN).body["sku"], {"name": "FC1", "tier": "FlexConsumption"})
        self.assertEqual(deployed().one(PLAN).body, deployed(plan="flex").one(PLAN).body)

    def test_flex_runs_a_custom_handler(self):
        self.assertEqual(deployed().one(SITE).properties["functionAppConfig"]["runtime"], {"name": "custom", "version": "1.0"})

    def test_flex_takes_its_package_from_the_container(self):
        storage = deployed().one(SITE).properties["functionAppConfig"]["deployment"]["storage"]
        self.assertEqual(storage["type"], "blobContainer")
        self.assertEqual(storage["value"], "storageAccounts:sttoken.properties.primaryEndpoints.blobpackage")
        self.assertEqual(deployed().one(BLOBS).name, "package")

    def test_flex_has_nothing_that_it_refuses(self):
        site = deployed().one(SITE)
        forbidden = PREMIUM_SETTINGS | {"WEBSITE_CONTENTSHARE", "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING", "AzureWebJobsStorage"}
        self.assertEqual(forbidden & set(site.settings), set())
        refused = {
            "alwaysOn", "ftpsState", "functionAppScaleLimit", "functionsRuntimeScaleMonitoringEnabled", "linuxFxVersion",
            "minimumElasticInstanceCount", "netFrameworkVersion", "preWarmedInstanceCount", "use32BitWorkerProcess",
            "vnetRouteAllEnabled", "windowsFxVersion",
        }  # fmt: skip
        self.assertEqual(refused & set(site.properties["siteConfig"]), set())

    def test_instances_are_always_ready(self):
        def ready(**parameters):
            (group,) = deployed(**parameters).one(SITE).properties["functionAppConfig"]["scaleAndConcurrency"]["alwaysReady"]
            self.assertEqual(group["name"], "http")
            return group["instanceCount"]

        self.assertEqual([ready(), ready(alwaysReady=3), ready(zoneRedundant=True)], [1, 3, 2])
        premium = deployed(plan="premium", alwaysReady=2)
        self.assertEqual(premium.one(SITE).properties["siteConfig"]["minimumElasticInstanceCount"], 2)
        self.assertEqual(premium.one(PLAN).body["sku"]["capacity"], 2)

    def test_premium_is_an_alternative(self):
        d = deployed(plan="premium")
        self.assertEqual((d.one(PLAN).body["sku"]["name"], d.one(PLAN).body["sku"]["tier"]), ("EP1", "ElasticPremium"))
        settings = d.one(SITE).settings
        self.assertEqual(settings["FUNCTIONS_EXTENSION_VERSION"], "~4")
        self.assertEqual(settings["FUNCTIONS_WORKER_RUNTIME"], "custom")
        self.assertEqual(
            settings["WEBSITE_RUN_FROM_PACKAGE"],
            "storageAccounts:sttoken.properties.primaryEndpoints.blobpackage/azurehsm-signer.zip",
        )
        self.assertNotIn("functionAppConfig", d.one(SITE).properties)

    def test_neither_needs_a_storage_key(self):
        for plan in PLANS:
            settings = deployed(plan=plan).one(SITE).settings
            self.assertFalse({"AzureWebJobsStorage", "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING"} & set(settings))
            self.assertEqual(
                settings["AzureWebJobsStorage__blobServiceUri"], "storageAccounts:sttoken.properties.primaryEndpoints.blob"
            )

    def test_it_speaks_https_and_no_ftp_and_takes_no_password(self):
        for plan in PLANS:
            d = deployed(plan=plan)
            site = d.one(SITE)
            self.assertIs(site.properties["httpsOnly"], True)
            self.assertIs(site.properties["clientAffinityEnabled"], False)
            self.assertEqual(site.properties["siteConfig"]["minTlsVersion"], "1.2")
            self.assertEqual(site.properties["siteConfig"]["scmMinTlsVersion"], "1.2")
            self.assertIs(site.properties["siteConfig"]["http20Enabled"], True)
            self.assertEqual({p.name: p.properties["allow"] for p in d.all(PUBLISHING)}, {"ftp": False, "scm": False})
            for policy in d.all(PUBLISHING):
                self.assertEqual(str(policy.body["parent"]), str(site.id).removesuffix(".id"))
        self.assertEqual(deployed(plan="premium").one(SITE).properties["siteConfig"]["ftpsState"], "Disabled")

    def test_azd_finds_it(self):
        for plan in PLANS:
            self.assertEqual(deployed(plan=plan).one(SITE).body["tags"], {"azd-env-name": "test", "azd-service-name": "signer"})

    def test_it_starts_after_all_that_it_needs(self):
        for module in ("flex", "premium"):
            declared = File(INFRA / "resources.bicep", {}, Deployment()).declared[False, module]
            after = re.search(r"dependsOn: \[(.*?)\]", text(declared), re.S).group(1).split()
            self.assertEqual(set(after), {"roles", "vaultEndpoint", "cosmosEndpoint", "storageEndpoint"})


class Networks(unittest.TestCase):
    services = {"vault": VAULT, "Sql": ACCOUNT, "blob": STORAGE, "sites": SITE}

    def test_private_means_that_nothing_is_public(self):
        for plan in PLANS:
            for allowed in ("[]", '["203.0.113.7/32"]'):
                d = deployed(plan=plan, privateNetworking=True, allowedAddresses=allowed)
                for kind in self.services.values():
                    self.assertEqual(d.one(kind).properties["publicNetworkAccess"], "Disabled", kind)
                self.assertEqual(d.one(STORAGE).properties["networkAcls"]["defaultAction"], "Deny")
                self.assertEqual(d.one(VAULT).properties["networkAcls"]["defaultAction"], "Deny")
                self.assertEqual(d.all(WEB_TEST), [])

    def test_private_means_an_endpoint_and_a_dns_zone_for_each_service(self):
        for plan in PLANS:
            d = deployed(plan=plan, privateNetworking=True)
            connected = {}
            for endpoint in d.all(ENDPOINT):
                (connection,) = endpoint.properties["privateLinkServiceConnections"]
                (group,) = connection["properties"]["groupIds"]
                connected[group] = connection["properties"]["privateLinkServiceId"]
                self.assertEqual(str(endpoint.properties["subnet"]["id"]), "subnets:endpoints.id")
            self.assertEqual(connected, {group: d.one(kind).id for group, kind in self.services.items()})
            zones = {
                "privatelink.vaultcore.azure.net",
                "privatelink.documents.azure.com",
                "privatelink.blob.environment().suffixes.storage",
                "privatelink.azurewebsites.net",
            }
            self.assertEqual({z.name for z in d.all(ZONE)}, zones)
            self.assertEqual({str(x.body["parent"]) for x in d.all(ZONE_LINK)}, {f"privateDnsZones:{z}" for z in zones})
            self.assertEqual({x.properties["virtualNetwork"]["id"] for x in d.all(ZONE_LINK)}, {d.one(NETWORK).id})
            records = {str(x.properties["privateDnsZoneConfigs"][0]["properties"]["privateDnsZoneId"]) for x in d.all(ZONE_GROUP)}
            self.assertEqual(records, {f"privateDnsZones:{z}.id" for z in zones})

    def test_otherwise_there_are_no_private_endpoints(self):
        for kind in (ENDPOINT, ZONE, ZONE_LINK, ZONE_GROUP):
            self.assertEqual(deployed().all(kind), [])

    def test_otherwise_vault_and_database_let_in_the_app_and_the_addresses_and_no_one_else(self):
        for allowed in ([], ["203.0.113.7/32", "198.51.100.0/24"]):
            d = deployed(allowedAddresses=json.dumps(allowed))
            rules = d.one(VAULT).properties["networkAcls"]
            self.assertEqual(rules["defaultAction"], "Deny")
            self.assertEqual([str(r["id"]) for r in rules["virtualNetworkRules"]], ["subnets:app.id"])
            self.assertEqual([r["value"] for r in rules["ipRules"]], allowed)
            account = d.one(ACCOUNT).properties
            self.assertIs(account["isVirtualNetworkFilterEnabled"], True)
            self.assertEqual(account["networkAclBypass"], "None")
            self.assertEqual([str(r["id"]) for r in account["virtualNetworkRules"]], ["subnets:app.id"])
            self.assertEqual([r["ipAddressOrRange"] for r in account["ipRules"]], allowed)

    def test_with_addresses_the_app_and_its_deployment_let_in_these_and_no_one_else(self):
        for plan in PLANS:
            config = deployed(plan=plan, allowedAddresses='["203.0.113.7/32", "198.51.100.0/24"]').one(SITE).properties["siteConfig"]
            for which in ("ipSecurityRestrictions", "scmIpSecurityRestrictions"):
                self.assertEqual(
                    [(r["ipAddress"], r["action"]) for r in config[which]],
                    [("203.0.113.7/32", "Allow"), ("198.51.100.0/24", "Allow")],
                )
                self.assertEqual(len({r["priority"] for r in config[which]}), 2)
                self.assertEqual(config[which + "DefaultAction"], "Deny")

    def test_without_addresses_the_function_key_is_the_guard(self):
        config = deployed().one(SITE).properties["siteConfig"]
        self.assertEqual((config["ipSecurityRestrictions"], config["ipSecurityRestrictionsDefaultAction"]), ([], "Allow"))
        for function in ("sign", "keys"):
            (trigger,) = [b for b in json.loads((ROOT / function / "function.json").read_text())["bindings"] if "authLevel" in b]
            self.assertEqual(trigger["authLevel"], "function")

    def test_the_app_calls_from_its_subnet_which_is_for_its_plan(self):
        for plan, service in (("flex", "Microsoft.App/environments"), ("premium", "Microsoft.Web/serverFarms")):
            d = deployed(plan=plan)
            self.assertEqual(str(d.one(SITE).properties["virtualNetworkSubnetId"]), "subnets:app.id")
            subnets = {s["name"]: s["properties"] for s in d.one(NETWORK).properties["subnets"]}
            self.assertEqual([x["properties"]["serviceName"] for x in subnets["app"]["delegations"]], [service])
            self.assertEqual(
                {e["service"] for e in subnets["app"]["serviceEndpoints"]}, {"Microsoft.KeyVault", "Microsoft.AzureCosmosDB"}
            )
            self.assertNotIn("delegations", subnets["endpoints"])

    def test_no_blob_is_public(self):
        self.assertIs(deployed().one(STORAGE).properties["allowBlobPublicAccess"], False)
        self.assertEqual(deployed().one(BLOBS).properties["publicAccess"], "None")

    def test_the_test_from_outside_is_there_only_if_it_would_be_let_in(self):
        self.assertEqual(len(deployed().all(WEB_TEST)), 1)
        self.assertEqual(deployed(allowedAddresses='["203.0.113.7/32"]').all(WEB_TEST), [])


class Settings(unittest.TestCase):
    def test_every_setting_of_the_app_is_one_that_somebody_reads(self):
        signer = settings_of_the_signer()
        self.assertEqual(set(deployed().one(SITE).settings) - signer, HOST_SETTINGS)
        self.assertEqual(set(deployed(plan="premium").one(SITE).settings) - signer, HOST_SETTINGS | PREMIUM_SETTINGS)

    def test_every_setting_of_the_signer_is_given_or_there_is_a_reason(self):
        for plan in PLANS:
            self.assertEqual(settings_of_the_signer() - set(deployed(plan=plan).one(SITE).settings), set(NOT_GIVEN))

    def test_they_have_the_defaults_that_readme_tells(self):
        rows = re.findall(r"^\| (`[A-Z_`, ]+`) \| (?:`(.*?)`)? *\|", (ROOT / "README.md").read_text(), re.M)
        told = {name: default for names, default in rows for name in re.findall(r"`(\w+)`", names)}
        self.assertGreater(len(told), 30)
        settings = deployed().one(SITE).settings
        for name in settings_of_the_signer() & set(settings):
            if not isinstance(settings[name], Reference) and not str(settings[name]).startswith(("vaults:", "database", "userAssigned")):
                self.assertEqual(settings[name], NOT_DEFAULT.get(name, told[name]), name)

    def test_and_that_the_program_has(self):
        source = (ROOT / "src/settings/mod.rs").read_text()
        constants = dict(re.findall(r"^    pub const ([A-Z_]+): [^=]+ = \"?([\w./]+)\"?;", source, re.M))
        settings = deployed().one(SITE).settings
        compared = {name for name in constants if name in settings}
        self.assertGreaterEqual(len(compared), 10)
        for name in compared:
            self.assertEqual(settings[name], constants[name].replace("_", ""), name)

    def test_they_point_at_what_is_deployed(self):
        settings = deployed().one(SITE).settings
        self.assertEqual(settings["KEY_VAULT_URL"], "vaults:kv-token.properties.vaultUri")
        self.assertEqual(settings["COSMOS_ENDPOINT"], "databaseAccounts:cosmos-signer-token.properties.documentEndpoint")
        self.assertEqual(settings["COSMOS_CONTAINER"], deployed().one(CONTAINER).name)
        self.assertEqual(str(deployed().one(CONTAINER).body["parent"]), f"sqlDatabases:{settings['COSMOS_DATABASE']}")
        self.assertEqual(settings["APPLICATIONINSIGHTS_CONNECTION_STRING"], "components:appi-signer-token.properties.ConnectionString")

    def test_parameters_become_settings(self):
        settings = deployed(
            nodeUrls='["https://a", "https://b"]', authorizedKeys='["edpk1", "edpk2"]', policy='{"default": {"kinds": ["block"]}}'
        ).one(SITE).settings
        self.assertEqual(settings["NODE_URLS"], "https://a,https://b")
        self.assertEqual(settings["AUTHORIZED_KEYS"], "edpk1,edpk2")
        self.assertEqual(json.loads(settings["POLICY"]), {"default": {"kinds": ["block"]}})

    def test_any_other_can_be_set_but_not_those_that_follow_from_the_deployment(self):
        changed = deployed(signerSettings='{"HEAD_THRESHOLD": 60, "AZURE_CLIENT_ID": "x", "LOG_FORMAT": "text"}').one(SITE).settings
        self.assertEqual(changed, deployed().one(SITE).settings | {"HEAD_THRESHOLD": "60"})

    def test_truth_values_are_written_as_the_signer_reads_them(self):
        for plan in PLANS:
            given = '{"ALLOW_LIST_KNOWN_KEYS": true, "ALLOW_WEAK_CONSISTENCY": false, "RUST_LOG": "Trueish"}'
            settings = deployed(plan=plan, signerSettings=given).one(SITE).settings
            self.assertEqual(settings["ALLOW_LIST_KNOWN_KEYS"], "true")
            self.assertEqual(settings["ALLOW_WEAK_CONSISTENCY"], "false")
            self.assertEqual(settings["RUST_LOG"], "Trueish")


class Monitoring(unittest.TestCase):
    def test_no_search_is_saved_in_the_workspace(self):
        # A second deployment of one is refused (409): it would need the etag of the first, which no template knows.
        self.assertEqual(deployed().all(SAVED_SEARCH), [])

    def test_alerts_have_the_severities_that_the_guide_tells(self):
        rows = re.findall(r"^\| (`[a-z-`, ]+`) \| (\d) \|", (ROOT / "docs/operations.md").read_text(), re.M)
        told = {name: int(severity) for names, severity in rows for name in re.findall(r"`([a-z-]+)`", names)}
        alerts = [*deployed().all(QUERY_ALERT), *deployed().all(METRIC_ALERT)]
        self.assertEqual({a.name.removeprefix("tezos-signer-test-"): a.properties["severity"] for a in alerts}, told)

    def test_where_an_audit_log_goes_is_a_change_that_is_told(self):
        def told(name):
            (rule,) = [a for a in deployed().all(CHANGE_ALERT) if a.name == f"tezos-signer-test-changed-{name}"]
            return {x["equals"] for x in rule.properties["condition"]["allOf"][-1]["anyOf"]}

        self.assertIn("Microsoft.Insights/diagnosticSettings/write", told("vault"))
        self.assertIn("Microsoft.Insights/diagnosticSettings/delete", told("monitoring"))


class EntryPoints(unittest.TestCase):
    def parameters(self, name):
        file = File(INFRA / name, {}, Deployment())
        return {n: node for (_, n), node in file.declared.items() if node.type == "parameter_declaration"}

    def test_both_take_the_same_parameters_with_the_same_defaults_and_descriptions(self):
        def plain(node):
            return re.sub(r"@metadata\(\{.*?\n\}\)", "", decorators(node), flags=re.S).strip() + "\n" + text(node)

        main, resources = self.parameters("main.bicep"), self.parameters("resources.bicep")
        self.assertEqual(set(main) - set(resources), {"resourceGroupName"})
        for name, node in resources.items():
            expected = plain(node).replace(" = resourceGroup().location", "")
            self.assertEqual(plain(main[name]), expected, name)

    def test_the_subscription_entry_hands_every_parameter_on(self):
        handed = {name: f"given {name}" for name in self.parameters("resources.bicep")}
        seen = {}

        class Recorder(File):
            def run(self):
                if self.path.name == "resources.bicep":
                    seen.update(self.given)
                    return {name: Reference(name) for is_output, name in self.declared if is_output}
                return super().run()

        original, bicep.File = bicep.File, Recorder
        try:
            outputs = Recorder(INFRA / "main.bicep", handed, Deployment()).run()
        finally:
            bicep.File = original
        self.assertEqual(seen, handed)
        self.assertEqual(outputs, {name: Reference(name) for name in outputs})
        self.assertEqual(set(outputs), set(deployed().outputs))

    def test_every_parameter_and_output_is_described(self):
        for path in INFRA.rglob("*.bicep"):
            for node in parse(path).named_children:
                if node.type in ("parameter_declaration", "output_declaration"):
                    self.assertTrue(decorators(node).startswith("@description('"), f"{path.name}: {text(node)}")

    def test_outputs_tell_no_secret(self):
        outputs = deployed().outputs
        self.assertTrue({"SIGNER_URL", "AZURE_RESOURCE_GROUP", "AZURE_FUNCTION_NAME", "KEY_VAULT_URL", "COSMOS_ENDPOINT"} <= set(outputs))
        for name, value in outputs.items():
            self.assertIsNone(re.search(r"list|key[s]?\b|connection|secret|token\(", str(value), re.I), name)
        self.assertEqual(str(outputs["SIGNER_URL"]), f"https://{deployed().one(SITE).name}.azurewebsites.net")

    def test_azd_sets_parameters_that_exist_with_the_same_defaults(self):
        given = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
        self.assertEqual(set(given), set(self.parameters("main.bicep")))
        file = File(INFRA / "main.bicep", {}, Deployment())
        variables = set()
        for name, entry in given.items():
            variable, default = re.fullmatch(r"\$\{(\w+)(?:=([^}]*))?\}", entry["value"]).groups()
            self.assertNotIn(variable, variables)
            variables.add(variable)
            if default is not None:
                value = file.name(name)
                self.assertEqual(default, str(value).lower() if isinstance(value, bool) else str(value), name)

    def test_azd_builds_the_package_and_deploys_its_folder(self):
        azure = yaml.safe_load((ROOT / "azure.yaml").read_text())
        self.assertEqual(azure["infra"], {"provider": "bicep", "path": "infra", "module": "main"})
        (name, service), = azure["services"].items()
        self.assertEqual(name, deployed().one(SITE).body["tags"]["azd-service-name"])
        self.assertEqual((service["host"], service["language"], service["project"]), ("function", "custom", "."))
        packaging = (ROOT / "packaging/src/main.rs").read_text()
        self.assertIn(f'"{service["dist"]}"', packaging)
        self.assertEqual(service["hooks"]["prepackage"]["run"], "cargo run --locked -p packaging")


if __name__ == "__main__":
    unittest.main()

"""What is reached from where."""
import json
import unittest

from templates import (
    ACCOUNT,
    BLOBS,
    ENDPOINT,
    NETWORK,
    PLANS,
    ROOT,
    SITE,
    STORAGE,
    VAULT,
    WEB_TEST,
    ZONE,
    ZONE_GROUP,
    ZONE_LINK,
    deployed,
)


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

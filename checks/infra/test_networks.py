"""Which service is reachable from where."""
import ipaddress
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

    open_to_all = {
        # whether vault, database, storage and app can be reached from the internet
        "private": (False, False, True, True),
        "public": (True, True, True, True),
        "isolated": (False, False, False, False),
        "serviceEndpoints": (True, True, True, True),
    }

    def test_private_is_the_default(self):
        self.assertEqual(deployed().resources, deployed(networking="private").resources)

    def test_each_mode_closes_the_right_services(self):
        for plan in PLANS:
            for mode, expected in self.open_to_all.items():
                d = deployed(plan=plan, networking=mode, availabilityTest=True)
                access = [d.one(kind).properties["publicNetworkAccess"] for kind in self.services.values()]
                self.assertEqual(access, ["Enabled" if is_open else "Disabled" for is_open in expected], mode)
                self.assertEqual(d.one(STORAGE).properties["networkAcls"]["defaultAction"], "Allow" if expected[2] else "Deny")
                self.assertEqual(bool(d.all(WEB_TEST)), expected[3])

    def test_each_private_endpoint_has_a_dns_zone(self):
        zones = {
            "vault": "privatelink.vaultcore.azure.net",
            "Sql": "privatelink.documents.azure.com",
            "blob": "privatelink.blob.environment().suffixes.storage",
            "sites": "privatelink.azurewebsites.net",
        }
        for plan in PLANS:
            for mode, groups in (
                ("private", {"vault", "Sql"}),
                ("public", set()),
                ("isolated", set(self.services)),
                ("serviceEndpoints", set()),
            ):
                d = deployed(plan=plan, networking=mode)
                connected = {}
                for endpoint in d.all(ENDPOINT):
                    (connection,) = endpoint.properties["privateLinkServiceConnections"]
                    (group,) = connection["properties"]["groupIds"]
                    connected[group] = connection["properties"]["privateLinkServiceId"]
                    self.assertEqual(str(endpoint.properties["subnet"]["id"]), "subnets:vnet-signer-token/endpoints.id")
                self.assertEqual(connected, {group: d.one(self.services[group]).id for group in groups}, mode)
                named = {zones[group] for group in groups}
                self.assertEqual({z.name for z in d.all(ZONE)}, named)
                self.assertEqual({str(x.body["parent"]) for x in d.all(ZONE_LINK)}, {f"privateDnsZones:{z}" for z in named})
                self.assertLessEqual({x.properties["virtualNetwork"]["id"] for x in d.all(ZONE_LINK)}, {d.one(NETWORK).id})
                records = {str(x.properties["privateDnsZoneConfigs"][0]["properties"]["privateDnsZoneId"]) for x in d.all(ZONE_GROUP)}
                self.assertEqual(records, {f"privateDnsZones:{z}.id" for z in named})

    def rules(self, **parameters):
        """The rules of vault and database, which are the same: whether all others are refused, allowed subnets, and allowed addresses."""
        d = deployed(**parameters)
        vault, account = d.one(VAULT).properties["networkAcls"], d.one(ACCOUNT).properties
        self.assertEqual((vault["bypass"], account["networkAclBypass"]), ("None", "None"))
        subnets = [str(r["id"]) for r in vault["virtualNetworkRules"]]
        addresses = [r["value"] for r in vault["ipRules"]]
        self.assertEqual([str(r["id"]) for r in account["virtualNetworkRules"]], subnets)
        self.assertEqual([r["ipAddressOrRange"] for r in account["ipRules"]], addresses)
        closed = account["publicNetworkAccess"] == "Disabled" or account["isVirtualNetworkFilterEnabled"] or bool(account["ipRules"])
        self.assertEqual(closed, d.one(VAULT).properties["publicNetworkAccess"] == "Disabled" or vault["defaultAction"] == "Deny")
        return closed, subnets, addresses

    def test_vault_and_database_admit_only_the_app_and_the_addresses(self):
        some = ["203.0.113.7/32", "198.51.100.0/24"]
        for allowed in ([], some):
            given = json.dumps(allowed)
            self.assertEqual(self.rules(allowedAddresses=given), (True, [], allowed))
            self.assertEqual(self.rules(networking="isolated", allowedAddresses=given), (True, [], allowed))
            for plan in PLANS:
                self.assertEqual(
                    self.rules(plan=plan, networking="serviceEndpoints", allowedAddresses=given), (True, [f"subnets:vnet-signer-token/{plan}.id"], allowed)
                )
            # Protected by roles and TLS only: the addresses apply to the signer.
            self.assertEqual(self.rules(networking="public", allowedAddresses=given), (False, [], []))

    def test_operators_reach_private_vault_and_database_from_the_allowed_addresses(self):
        def access(**parameters):
            d = deployed(allowedAddresses='["203.0.113.7/32"]', **parameters)
            return [d.one(kind).properties["publicNetworkAccess"] for kind in (VAULT, ACCOUNT)]

        self.assertEqual(access(), ["Enabled", "Enabled"])
        self.assertEqual(access(networking="isolated"), ["Disabled", "Disabled"])

    def test_with_addresses_the_app_and_its_deployment_admit_only_these(self):
        for plan in PLANS:
            config = deployed(plan=plan, allowedAddresses='["203.0.113.7/32", "198.51.100.0/24"]').one(SITE).properties["siteConfig"]
            for which in ("ipSecurityRestrictions", "scmIpSecurityRestrictions"):
                self.assertEqual(
                    [(r["ipAddress"], r["action"]) for r in config[which]],
                    [("203.0.113.7/32", "Allow"), ("198.51.100.0/24", "Allow")],
                )
                self.assertEqual(len({r["priority"] for r in config[which]}), 2)
                self.assertEqual(config[which + "DefaultAction"], "Deny")

    def test_without_addresses_the_function_key_protects_the_app(self):
        config = deployed().one(SITE).properties["siteConfig"]
        self.assertEqual((config["ipSecurityRestrictions"], config["ipSecurityRestrictionsDefaultAction"]), ([], "Allow"))
        for function in ("sign", "keys"):
            (trigger,) = [b for b in json.loads((ROOT / function / "function.json").read_text())["bindings"] if "authLevel" in b]
            self.assertEqual(trigger["authLevel"], "function")

    def subnets(self, **parameters):
        return {s["name"]: s["properties"] for s in deployed(**parameters).one(NETWORK).properties["subnets"]}

    def test_the_app_uses_the_subnet_of_its_plan(self):
        for plan in PLANS:
            for mode in ("private", "isolated", "serviceEndpoints"):
                self.assertEqual(
                    str(deployed(plan=plan, networking=mode).one(SITE).properties["virtualNetworkSubnetId"]), f"subnets:vnet-signer-token/{plan}.id"
                )
            self.assertIsNone(deployed(plan=plan, networking="public").one(SITE).properties["virtualNetworkSubnetId"])

    def test_each_plan_has_a_subnet_even_if_it_is_not_chosen(self):
        for plan in PLANS:
            subnets = self.subnets(plan=plan)
            self.assertEqual(
                {n: [x["properties"]["serviceName"] for x in s.get("delegations", [])] for n, s in subnets.items()},
                {"flex": ["Microsoft.App/environments"], "premium": ["Microsoft.Web/serverFarms"], "endpoints": []},
            )

    def test_subnets_are_within_the_network_and_do_not_overlap(self):
        (network,) = deployed().one(NETWORK).properties["addressSpace"]["addressPrefixes"]
        prefixes = [ipaddress.ip_network(s["addressPrefix"]) for s in self.subnets().values()]
        self.assertTrue(all(p.subnet_of(ipaddress.ip_network(network)) for p in prefixes))
        self.assertFalse(any(a.overlaps(b) for a in prefixes for b in prefixes if a != b))

    def test_service_endpoints_exist_only_if_chosen(self):
        for mode in self.open_to_all:
            found = {e["service"] for s in self.subnets(networking=mode).values() for e in s.get("serviceEndpoints", [])}
            self.assertEqual(found, {"Microsoft.KeyVault", "Microsoft.AzureCosmosDB"} if mode == "serviceEndpoints" else set())

    def test_no_blob_is_public(self):
        self.assertIs(deployed().one(STORAGE).properties["allowBlobPublicAccess"], False)
        self.assertEqual(deployed().one(BLOBS).properties["publicAccess"], "None")

    def test_the_availability_test_exists_only_if_it_is_wanted_and_would_be_admitted(self):
        self.assertEqual(deployed().all(WEB_TEST), [])
        self.assertEqual(len(deployed(availabilityTest=True).all(WEB_TEST)), 1)
        self.assertEqual(deployed(availabilityTest=True, allowedAddresses='["203.0.113.7/32"]').all(WEB_TEST), [])
        self.assertEqual(deployed(availabilityTest=True, networking="isolated").all(WEB_TEST), [])

"""The signer in the second region: what it shares with the first one, and what it has of its own."""
import json
import unittest

from templates import (
    ACCOUNT,
    ASSIGNMENT,
    CONTAINER,
    DATA_ROLE_ASSIGNMENT,
    DIAGNOSTICS,
    ENDPOINT,
    IDENTITY,
    INSIGHTS,
    KEY,
    LOCK,
    METRIC_ALERT,
    NETWORK,
    PLAN,
    PLANS,
    QUERY_ALERT,
    ROLE,
    SITE,
    STORAGE,
    VAULT,
    WEB_TEST,
    WORKSPACE,
    ZONE,
    ZONE_GROUP,
    ZONE_LINK,
    deployed,
    problems,
)

FIRST, SECOND = "westeurope", "northeurope"


def two(**parameters):
    return deployed(secondRegion=SECOND, signerInSecondRegion=True, **parameters)


def by_region(deployment, kind):
    """The resource of this type in each region, of which there must be one."""
    found = {r.body["location"]: r for r in deployment.all(kind)}
    assert len(found) == len(deployment.all(kind))
    return found


class SecondSigner(unittest.TestCase):
    def test_a_second_region_has_only_marks_by_default(self):
        self.assertEqual([r.body["location"] for r in deployed(secondRegion=SECOND).all(SITE)], [FIRST])

    def test_each_region_has_an_app_and_a_vault_and_both_share_the_marks(self):
        for plan in PLANS:
            d = two(plan=plan)
            for kind in (SITE, PLAN, VAULT, STORAGE, IDENTITY, NETWORK):
                self.assertEqual(set(by_region(d, kind)), {FIRST, SECOND}, kind)
            for kind in (ACCOUNT, CONTAINER, WORKSPACE, INSIGHTS):
                d.one(kind)

    def test_the_apps_differ_only_in_vault_storage_and_identity(self):
        for plan, specific in (
            ("flex", set()),
            ("premium", {"WEBSITE_RUN_FROM_PACKAGE", "WEBSITE_RUN_FROM_PACKAGE_BLOB_MI_RESOURCE_ID"}),
        ):
            first, second = (by_region(two(plan=plan), SITE)[region].settings for region in (FIRST, SECOND))
            self.assertEqual(set(first), set(second))
            self.assertEqual(
                {name for name in first if first[name] != second[name]},
                specific
                | {
                    "KEY_VAULT_URL", "AZURE_CLIENT_ID", "AzureWebJobsStorage__blobServiceUri", "AzureWebJobsStorage__clientId",
                    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
                },
            )  # fmt: skip
            self.assertEqual(second["KEY_VAULT_URL"], "vaults:kv-token-2.properties.vaultUri")
            self.assertEqual(second["AZURE_CLIENT_ID"], "userAssignedIdentities:id-signer-token-2.properties.clientId")

    def test_the_second_vault_is_protected_like_the_first_and_has_no_keys(self):
        d = two()
        first, second = (by_region(d, VAULT)[region] for region in (FIRST, SECOND))
        self.assertEqual(first.properties, second.properties)
        # A restore fails if there is a key of that name.
        self.assertEqual([str(key.body["parent"]) for key in d.all(KEY)], ["vaults:kv-token"])
        locked = {str(lock.body["scope"]) for lock in d.all(LOCK)}
        self.assertEqual(locked, {"vaults:kv-token", "vaults:kv-token-2", "databaseAccounts:cosmos-signer-token"})
        logged = {str(setting.body["scope"]) for setting in d.all(DIAGNOSTICS)}
        self.assertLessEqual({"vaults:kv-token-2", "blobServices:sttoken2/default"}, logged)

    def roles(self, **parameters):
        """The scopes of each role of the second identity."""
        principal = "userAssignedIdentities:id-signer-token-2.properties.principalId"
        found = [r for r in two(**parameters).all(ASSIGNMENT) if str(r.properties["principalId"]) == principal]
        return {(str(r.properties["roleDefinitionId"]).split(":")[1][:8], str(r.body["scope"])) for r in found}

    def test_its_identity_signs_in_its_own_vault_only(self):
        host = {("b7e6dc6d", "storageAccounts:sttoken2"), ("3913510d", "components:appi-signer-token")}
        role = str(two().one(ROLE).name)[:8]
        self.assertEqual(self.roles(), host | {(role, "vaults:kv-token-2")})
        # The keys are not there yet, so a built-in role is assigned on the vault.
        self.assertEqual(self.roles(vaultRole="builtIn"), host | {("21090545", "vaults:kv-token-2"), ("12338af0", "vaults:kv-token-2")})

    def test_both_identities_have_the_same_roles_on_the_database(self):
        roles = {}
        for r in two().all(DATA_ROLE_ASSIGNMENT):
            rights = roles.setdefault(str(r.properties["principalId"]), set())
            rights.add((str(r.properties["roleDefinitionId"]), str(r.properties["scope"])))
        first, second = (roles[f"userAssignedIdentities:id-signer-token{n}.properties.principalId"] for n in ("", "-2"))
        self.assertEqual(first, second)
        self.assertEqual(len(second), 2)

    def test_each_app_uses_the_private_endpoints_of_its_own_network(self):
        for mode, services in (
            ("private", {"vault", "Sql"}),
            ("isolated", {"vault", "Sql", "blob", "sites"}),
            ("public", set()),
            ("serviceEndpoints", set()),
        ):
            d = two(networking=mode)
            connected = {"vnet-signer-token": {}, "vnet-signer-token-2": {}}
            for endpoint in d.all(ENDPOINT):
                (connection,) = endpoint.properties["privateLinkServiceConnections"]
                network = str(endpoint.properties["subnet"]["id"]).split(":")[1].split("/")[0]
                self.assertEqual(endpoint.body["location"], SECOND if network.endswith("-2") else FIRST)
                connected[network][connection["name"]] = str(connection["properties"]["privateLinkServiceId"])
            for network, found in connected.items():
                suffix = network.removeprefix("vnet-signer-token")
                storage = "sttoken" + suffix.removeprefix("-")
                expected = {
                    "vault": f"vaults:kv-token{suffix}.id",
                    "Sql": "databaseAccounts:cosmos-signer-token.id",
                    "blob": f"storageAccounts:{storage}.id",
                    "sites": f"sites:func-signer-token{suffix}.id",
                }
                self.assertEqual(found, {name: expected[name] for name in services}, mode)

    def test_in_each_network_the_database_has_the_address_of_its_own_endpoint(self):
        d = two()
        zones = {(str(z.name), z.group) for z in d.all(ZONE)}
        database, vaults, other = "privatelink.documents.azure.com", "privatelink.vaultcore.azure.net", "rg-test-second-zone"
        self.assertEqual(zones, {(vaults, ""), (database, ""), (database, other)})
        links = {(str(x.body["parent"]), str(x.properties["virtualNetwork"]["id"])) for x in d.all(ZONE_LINK)}
        first, second = "virtualNetworks:vnet-signer-token.id", "virtualNetworks:vnet-signer-token-2.id"
        self.assertEqual(
            links,
            {
                (f"privateDnsZones:{vaults}", first),
                (f"privateDnsZones:{vaults}", second),
                (f"privateDnsZones:{database}", first),
                (f"privateDnsZones:{database} in {other}", second),
            },
        )
        records = {
            str(x.body["parent"]).split(":")[1]: str(x.properties["privateDnsZoneConfigs"][0]["properties"]["privateDnsZoneId"])
            for x in d.all(ZONE_GROUP)
        }
        self.assertEqual(
            records,
            {
                "pe-vault-token": f"privateDnsZones:{vaults}.id",
                "pe-vault-token-2": f"privateDnsZones:{vaults}.id",
                "pe-cosmos-token": f"privateDnsZones:{database}.id",
                "pe-cosmos-token-2": f"privateDnsZones:{database} in {other}.id",
            },
        )

    def test_service_endpoints_admit_each_app_to_its_vault_and_to_the_database(self):
        d = two(networking="serviceEndpoints")
        subnets = {FIRST: "subnets:vnet-signer-token/flex.id", SECOND: "subnets:vnet-signer-token-2/flex.id"}
        for region, vault in by_region(d, VAULT).items():
            self.assertEqual([str(r["id"]) for r in vault.properties["networkAcls"]["virtualNetworkRules"]], [subnets[region]])
        self.assertEqual([str(r["id"]) for r in d.one(ACCOUNT).properties["virtualNetworkRules"]], list(subnets.values()))

    def test_the_networks_have_the_same_layout(self):
        first, second = (by_region(two(), NETWORK)[region].properties for region in (FIRST, SECOND))
        self.assertEqual(json.dumps(first, default=str).replace("10.91.0.", "10.91.1.").replace("token-nsg", "token-2-nsg"), json.dumps(second, default=str))


class Monitoring(unittest.TestCase):
    def test_vault_and_app_have_the_same_alerts_in_both_regions(self):
        def own(deployment):
            return [a for a in deployment.all(METRIC_ALERT) if "database" not in a.name]

        one = own(deployed(availabilityTest=True))
        both = own(two(availabilityTest=True))
        names = [a.name for a in one]
        self.assertEqual(len(names), 5)
        self.assertEqual({a.name for a in both}, {*names, *(f"{name}-2" for name in names)})
        vaults = {a.name.endswith("-2"): str(a.properties["scopes"][0]) for a in both if "vault" in a.name}
        self.assertEqual(vaults, {False: "vaults:kv-token.id", True: "vaults:kv-token-2.id"})
        tested = {test.properties["Request"]["RequestUrl"] for test in two(availabilityTest=True).all(WEB_TEST)}
        self.assertEqual(tested, {f"https://{site.name}.azurewebsites.net/health" for site in two().all(SITE)})

    def query(self, name, **parameters):
        (alert,) = [a for a in deployed(**parameters).all(QUERY_ALERT) if name in problems(a)]
        return alert.properties["criteria"]["allOf"][0]["query"]

    def test_the_alerts_on_logs_know_both_identities_and_both_packages(self):
        both = {"secondRegion": SECOND, "signerInSecondRegion": True}
        ids = [f"userAssignedIdentities:id-signer-token{n}.properties.principalId" for n in ("", "-2")]
        query = self.query("package-written", **both)
        self.assertIn("(ObjectKey contains '/sttoken/package' or ObjectKey contains '/sttoken2/package')", query)
        query = self.query("signed-by-others", **both)
        self.assertIn(f"not(Caller has '{ids[0]}' or Caller has '{ids[1]}')", query)
        self.assertIn(f"not(Caller has '{ids[0]}')", self.query("signed-by-others"))


class Outputs(unittest.TestCase):
    def test_the_relay_gets_the_addresses_of_all_signers(self):
        first, second = "https://func-signer-token.azurewebsites.net", "https://func-signer-token-2.azurewebsites.net"
        self.assertEqual(deployed().outputs["RELAY_UPSTREAMS"], first)
        self.assertEqual(two().outputs["RELAY_UPSTREAMS"], f"{first},{second}")

    def test_those_of_the_second_signer_are_empty_without_it(self):
        names = [name for name in two().outputs if "SECOND" in name]
        self.assertEqual(len(names), 6)
        self.assertEqual([name for name in names if deployed(secondRegion=SECOND).outputs[name] != ""], [])
        self.assertEqual([name for name in names if not str(two().outputs[name])], [])

    def test_azd_deploys_to_the_first_app(self):
        tags = {region: site.body["tags"]["azd-service-name"] for region, site in by_region(two(), SITE).items()}
        self.assertEqual(tags, {FIRST: "signer", SECOND: "signer-2"})

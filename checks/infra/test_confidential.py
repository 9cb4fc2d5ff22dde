"""The signer in confidential containers: what is deployed around them, the containers, and the policy for the release of their key."""
import json
import re
import unittest
from functools import cache

from bicep import deploy
from guides import commands
from syntax import decorators, parse, text
from templates import (
    ACCOUNT,
    ASSIGNMENT,
    CHANGE_ALERT,
    CONTAINER,
    CONTAINER_GROUP,
    ENDPOINT,
    IDENTITY,
    INFRA,
    KEY,
    LOCK,
    NETWORK,
    QUERY_ALERT,
    ROLE,
    ROOT,
    SITE,
    STORAGE,
    VAULT,
    ZONE_GROUP,
    ZONE_LINK,
    assignments,
    data_assignments,
    evaluated,
    problems,
)

FOLDER = INFRA / "confidential"
PAGE = (ROOT / "docs/confidential.md").read_text()
SOMEONE = "0123abcd-0000-4000-8000-abcdef012345"

# The parameters of containers.bicep that main.bicep does not output.
CHOSEN = {
    "image": "registry.example.com/azurehsm-signer@sha256:0",
    "attestationEndpoint": "sharedweu.weu.attest.azure.net",
    "nodeUrls": "https://node.example.com",
    "authorizedKeys": "edpk",
}


@cache
def surroundings(**parameters):
    return evaluated("confidential/main.bicep", **parameters)


@cache
def containers():
    outputs = {name: f"<{name}>" for name in surroundings().outputs}
    return deploy(FOLDER / "containers.bicep", {"location": "westeurope"} | outputs | CHOSEN)


def principal(deployment):
    return f"userAssignedIdentities:{deployment.one(IDENTITY).name}.properties.principalId"


class Surroundings(unittest.TestCase):
    def test_there_is_no_function_app_and_no_storage(self):
        self.assertEqual([*surroundings().all(SITE), *surroundings().all(STORAGE)], [])

    def test_the_vault_has_hardware_and_no_key_since_a_template_cannot_make_a_policy_immutable(self):
        self.assertEqual(surroundings().one(VAULT).properties["sku"]["name"], "premium")
        self.assertEqual([*surroundings().all(KEY), *containers().all(KEY)], [])

    def test_vault_and_database_are_reached_through_private_endpoints(self):
        d = surroundings()
        self.assertEqual([r.properties["publicNetworkAccess"] for r in (d.one(VAULT), d.one(ACCOUNT))], ["Disabled", "Disabled"])
        name = d.one(NETWORK).name
        connected = {}
        for endpoint in d.all(ENDPOINT):
            (connection,) = endpoint.properties["privateLinkServiceConnections"]
            connected[connection["name"]] = (str(connection["properties"]["privateLinkServiceId"]), str(endpoint.properties["subnet"]["id"]))
        subnet = f"subnets:{name}/endpoints.id"
        self.assertEqual(connected, {"vault": (str(d.one(VAULT).id), subnet), "Sql": (str(d.one(ACCOUNT).id), subnet)})
        links = {(str(x.body["parent"]), str(x.properties["virtualNetwork"]["id"])) for x in d.all(ZONE_LINK)}
        zones = ("privatelink.vaultcore.azure.net", "privatelink.documents.azure.com")
        self.assertEqual(links, {(f"privateDnsZones:{zone}", f"virtualNetworks:{name}.id") for zone in zones})
        records = {g.body["parent"].full_name[:6]: str(g.properties["privateDnsZoneConfigs"][0]["properties"]["privateDnsZoneId"]) for g in d.all(ZONE_GROUP)}
        self.assertEqual(records, {"pe-vau": f"privateDnsZones:{zones[0]}.id", "pe-cos": f"privateDnsZones:{zones[1]}.id"})
        admitted = surroundings(allowedAddresses='["203.0.113.7/32"]')
        self.assertEqual(admitted.one(VAULT).properties["networkAcls"]["ipRules"], [{"value": "203.0.113.7/32"}])

    def test_the_subnets_are_apart_and_that_of_the_containers_is_theirs(self):
        for prefix, expected in (
            ("10.92.0.0/24", {"containers": "10.92.0.0/26", "endpoints": "10.92.0.64/27"}),
            ("10.1.2.0/24", {"containers": "10.1.2.0/26", "endpoints": "10.1.2.64/27"}),
        ):
            subnets = {s["name"]: s["properties"] for s in surroundings(networkPrefix=prefix).one(NETWORK).properties["subnets"]}
            self.assertEqual({name: subnet["addressPrefix"] for name, subnet in subnets.items()}, expected)
        delegated = {name: [d["properties"]["serviceName"] for d in s.get("delegations", [])] for name, s in subnets.items()}
        self.assertEqual(delegated, {"containers": ["Microsoft.ContainerInstance/containerGroups"], "endpoints": []})

    def test_the_signer_lists_the_keys_of_its_vault_and_nothing_else_before_the_containers_exist(self):
        d = surroundings(operatorPrincipalId=SOMEONE)
        roles = {str(role.properties["roleName"]).rsplit(" ", 1)[0]: role for role in d.all(ROLE)}
        permitted = {name: [p["dataActions"] for p in role.properties["permissions"]] for name, role in roles.items()}
        self.assertEqual(
            permitted,
            {
                "Tezos key reader": [["Microsoft.KeyVault/vaults/keys/read"]],
                "Tezos key releaser": [["Microsoft.KeyVault/vaults/keys/release/action"]],
            },
        )
        for role in roles.values():
            (permissions,) = role.properties["permissions"]
            self.assertEqual([permissions[k] for k in ("actions", "notActions", "notDataActions")], [[], [], []])
            self.assertEqual([str(s) for s in role.properties["assignableScopes"]], ["resourceGroup().id"])
        self.assertEqual(assignments(d.all(ASSIGNMENT)), {(principal(d), str(roles["Tezos key reader"].id), f"vaults:{d.one(VAULT).name}")})
        self.assertEqual(str(d.outputs["releaseRoleId"]), str(roles["Tezos key releaser"].id))

    def test_it_writes_marks_and_reads_sealed_keys(self):
        d = surroundings(sealedKeyWriters=json.dumps([SOMEONE]))
        account = d.one(ACCOUNT).id
        signer = principal(d)
        keys, marks = (f"{account}/dbs/signer/colls/{name}" for name in ("keys", "marks"))
        self.assertEqual(
            data_assignments(d),
            {
                (signer, "Mark writer", marks),
                (signer, "Account reader", str(account)),
                (signer, "Sealed key reader", keys),
                (SOMEONE, "Sealed key writer", keys),
            },
        )
        self.assertEqual({c.name for c in d.all(CONTAINER)}, {"marks", "keys"})

    def test_vault_and_database_are_locked(self):
        self.assertEqual(len(surroundings().all(LOCK)), 2)
        self.assertEqual(surroundings(protectFromDeletion=False).all(LOCK), [])

    def test_a_release_or_an_unwrap_for_others_and_a_changed_key_are_alerts_of_the_highest_severity(self):
        d = surroundings()
        alert = d.one(QUERY_ALERT)
        self.assertEqual(problems(alert), ["unwrapped-by-others", "vault-keys-changed"])
        self.assertEqual((alert.properties["severity"], alert.properties["enabled"]), (0, True))
        (condition,) = alert.properties["criteria"]["allOf"]
        self.assertIn(f"not(Caller has '{principal(d)}')", condition["query"])
        for operation in ("KeyRelease", "KeyUnwrap", "KeyUpdate"):
            self.assertIn(f"'{operation}'", condition["query"])
        self.assertIn("tezos-signer-test-changed-roles", {rule.name for rule in d.all(CHANGE_ALERT)})


class Containers(unittest.TestCase):
    @property
    def properties(self):
        return containers().one(CONTAINER_GROUP).properties

    def of(self, name):
        (found,) = [c["properties"] for c in self.properties["containers"] if c["name"] == name]
        return found

    def test_they_are_confidential_and_the_policy_is_inserted_later(self):
        self.assertEqual(self.properties["sku"], "Confidential")
        self.assertEqual(self.properties["confidentialComputeProperties"], {"ccePolicy": ""})
        self.assertEqual(len(self.properties["containers"]), 2)

    def test_only_the_signers_port_is_open_and_only_in_the_network(self):
        self.assertEqual(self.properties["ipAddress"], {"type": "Private", "ports": [{"protocol": "TCP", "port": 6732}]})
        self.assertEqual(self.properties["subnetIds"], [{"id": "<subnetId>"}])
        # The sidecar releases the key to anyone who reaches it.
        self.assertNotIn("ports", self.of("secure-key-release"))
        self.assertEqual([p["port"] for p in self.of("signer")["ports"]], [6732])

    def test_they_have_one_identity(self):
        identity = containers().one(CONTAINER_GROUP).body["identity"]
        self.assertEqual(identity, {"type": "UserAssigned", "userAssignedIdentities": {"<identityId>": {}}})

    def test_the_key_is_released_to_it_and_the_role_is_on_that_key_alone(self):
        (assignment,) = containers().all(ASSIGNMENT)
        self.assertEqual(assignments([assignment]), {("<principalId>", "<releaseRoleId>", "keys:<vaultName>/release")})
        self.assertEqual(containers().all(ROLE), [])

    def test_the_settings_name_the_sidecar_and_the_deployed_services(self):
        settings = {v["name"]: v["value"] for v in self.of("signer")["environmentVariables"]}
        expected = {
            "SIGNER_LISTEN": "0.0.0.0:6732",
            "KEY_VAULT_URL": "<keyVaultUrl>",
            "COSMOS_ENDPOINT": "<cosmosEndpoint>",
            "COSMOS_DATABASE": "signer",
            "COSMOS_CONTAINER": "marks",
            "SEALED_KEYS_CONTAINER": "keys",
            "SECURE_KEY_RELEASE_URL": "http://localhost:8080",
            "ATTESTATION_ENDPOINT": CHOSEN["attestationEndpoint"],
            "AZURE_CLIENT_ID": "<clientId>",
            "NODE_URLS": CHOSEN["nodeUrls"],
            "AUTHORIZED_KEYS": CHOSEN["authorizedKeys"],
            "POLICY": "{}",
            "COSMOS_DISABLE_IMDS": "1",
            "RUST_LOG": "info",
            "LOG_FORMAT": "json",
        }
        self.assertEqual(settings, expected)
        known = re.findall(r"^\| `([A-Z_]+)` ", (ROOT / "docs/reference.md").read_text(), re.M)
        self.assertEqual(set(settings) - set(known), set())

    def test_the_outputs_of_main_are_parameters(self):
        declared = set(re.findall(r"^param (\w+)", (FOLDER / "containers.bicep").read_text(), re.M))
        self.assertEqual(set(surroundings().outputs) - declared, set())
        self.assertEqual(set(CHOSEN) - declared, set())


class Providers(unittest.TestCase):
    def test_the_guide_registers_those_of_these_templates(self):
        templates = [*FOLDER.glob("*.bicep")]
        modules = {INFRA / "modules" / name for t in templates for name in re.findall(r"'\.\./modules/(\w+\.bicep)'", t.read_text())}
        used = re.findall(r"'Microsoft\.(\w+)/[^']+@", "".join(path.read_text() for path in (*templates, *modules)))
        (listed,) = re.findall(r"for provider in (.*); do", PAGE)
        self.assertEqual(listed.split(), sorted(set(used)))


class GeneratedPolicy(unittest.TestCase):
    """What `az confcom acipolicygen` needs of the template, or else the policy leaves values to the host."""

    nodes = parse(FOLDER / "containers.bicep").named_children

    def parameters(self):
        return {text(n.named_children[0]): n for n in self.nodes if n.type == "parameter_declaration"}

    def test_each_variable_command_and_image_is_a_text_or_one_parameter(self):
        (group,) = [n for n in self.nodes if n.type == "resource_declaration" and CONTAINER_GROUP in text(n)]
        checked = []

        def walk(node):
            if node.type == "object_property" and text(node.named_children[0]) in ("value", "image"):
                value = node.named_children[-1]
                checked.append(value)
                self.assertNotIn("${", text(value))
                self.assertIn(value.type, ("string", "identifier"), text(node))
                if value.type == "identifier":
                    # An empty one counts as not given, and the host could choose the value.
                    self.assertIn("@minLength(1)", decorators(self.parameters()[text(value)]), text(value))
            for child in node.named_children:
                walk(child)

        walk(group)
        self.assertEqual(len(checked), 15 + 2)

    def test_it_compiles_to_a_list_of_resources(self):
        # User-defined types, and lists of a type, compile to an object of resources instead.
        source = (FOLDER / "containers.bicep").read_text()
        self.assertIsNone(re.search(r"^(import|type) ", source, re.M))
        types = {text(c) for node in self.parameters().values() for c in node.named_children if c.type in ("type", "primitive_type")}
        self.assertEqual(types, {"string"})
        self.assertIsNone(re.search(r"^@sealed|^param \w+ \w+\?", source, re.M))


class ReleasePolicy(unittest.TestCase):
    policy = json.loads((FOLDER / "release-policy.json").read_text())

    def test_it_demands_all_of_these_claims_of_one_attestation_service(self):
        self.assertEqual(set(self.policy), {"version", "anyOf"})
        (only,) = self.policy["anyOf"]
        self.assertEqual(set(only), {"authority", "allOf"})
        self.assertEqual(only["authority"], "https://<attestation endpoint>")
        self.assertEqual(
            [(claim["claim"], claim["equals"]) for claim in only["allOf"]],
            [
                ("x-ms-attestation-type", "sevsnpvm"),
                ("x-ms-compliance-status", "azure-compliant-uvm"),
                ("x-ms-sevsnpvm-is-debuggable", "false"),
                ("x-ms-sevsnpvm-vmpl", "0"),
                ("x-ms-sevsnpvm-hostdata", "<digest>"),
            ],
        )

    def test_the_guide_fills_it_in(self):
        (command,) = [c for c in commands(PAGE) if c.startswith("sed ")]
        replaced = dict(re.findall(r"s,(<[^>]+>),([^,]*),", command))
        self.assertEqual(set(replaced), set(re.findall(r"<[^>]+>", (FOLDER / "release-policy.json").read_text())))

    def test_the_key_of_the_guide_can_only_be_released_and_its_policy_cannot_be_changed(self):
        for command in [c for c in commands(PAGE) if c.startswith("az keyvault key create ")]:
            for option in ("--kty RSA-HSM", "--size 3072", "--exportable true", "--immutable true", "--policy release-policy.json"):
                self.assertIn(option, command)
            self.assertEqual(re.findall(r"--ops (\w+)(?= |$)", command), ["wrapKey"])

    def test_the_guide_generates_the_policy_before_the_key_and_the_key_before_the_containers(self):
        found = commands(PAGE)
        (first,) = [c for c in found if "--template-file infra/confidential/main.bicep" in c]
        (policy,) = [c for c in found if c.startswith("az confcom acipolicygen") and "--print-existing-policy" not in c]
        key = next(c for c in found if c.startswith("az keyvault key create "))
        (last,) = [c for c in found if c.startswith("az deployment group create ") and "--template-file containers.json" in c]
        self.assertEqual(sorted((first, policy, key, last), key=found.index), [first, policy, key, last])
        # Shells and the environment stay closed.
        self.assertNotIn("--debug-mode", policy)
        self.assertNotIn("--approve-wildcards", policy)

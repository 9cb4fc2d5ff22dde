"""Validation of parameters: sets that are accepted, and sets that are refused before anything is created."""
import json
import re
import unittest

from bicep import Refused, assigned, deploy
from parameter_types import properties
from signer_settings import SETTINGS
from templates import INFRA, ROOT, SITE

SETS = ROOT / "checks/infra/parameters"

# Part of the error for each invalid set.
REFUSALS = {
    "address": "nonsense is not an address range",
    "everyone_in_the_tenant": "authentication: allowedPrincipals must name an identity",
    "misspelt_policy": "kind is an unknown property",
    "misspelt_setting": "HEAD_TRESHOLD is an unknown property",
    "name_of_the_sealing_key": "keys: sealing is the name of the key for sealed keys",
    "name_of_a_key": "my_baker may only have letters, digits and -",
    "operator": "me is not an object id",
    "password_of_a_node": "without a password",
    "same_network_twice": "it must differ from networkPrefix",
    "same_region_twice": "two are the same",
    "second_signer_alone": "signerInSecondRegion: it requires secondRegion",
    "serverless_in_two_regions": "serverless has a single region",
    "third_region_alone": "thirdRegion: it requires secondRegion",
    "same_key_twice": "two keys have the same name",
    "writers_without_sealed_keys": "sealedKeyWriters: it requires sealedKeys",
    "unknown_curve": "'P256' is not 'P-256' | 'P-256K'",
}

# More values for the checks that go beyond types.
WRONG = {
    "allowedAddresses": ["203.0.113.7", "203.0.113/24", "203.0.113.7/33", "256.0.0.1/32", "2001:db8::/32", "a.b.c.d/8", ""],
    "operatorPrincipalId": ["00000000-0000-0000-0000-00000000000", "00000000-0000-0000-0000-00000000000g", "you@example.com"],
    "sealedKeyWriters": [["you@example.com"], ["0123abcd-0000-4000-8000-abcdef012345", "0123ABCD-0000-4000-8000-abcdef012345"]],
    "nodeUrls": ["node.example.com", "https://me@node.example.com", "https://a,https://b"],
    "keys": ["a b", "a.b", "ä", ""],
    "flexSubnetPrefix": ["10.91.0.0", "nonsense"],
    # Too small for the subnets.
    "secondNetworkPrefix": ["10.91.1.0/25", "nonsense"],
}
RIGHT = {
    "allowedAddresses": ["203.0.113.7/32", "198.51.100.0/24", "203.0.113.7/24"],
    "operatorPrincipalId": ["", "0123abcd-0000-4000-8000-ABCDEF012345"],
    "sealedKeyWriters": [[], ["0123abcd-0000-4000-8000-abcdef012345", "0123abcd-0000-4000-8000-abcdef012346"]],
    "nodeUrls": ["https://node.example.com/path", "http://10.0.0.4:8732"],
    "keys": ["Baker-2", "0", "a" * 127],
    "flexSubnetPrefix": ["10.91.0.0/26"],
    "secondNetworkPrefix": ["10.91.1.0/24", "10.92.0.0/16"],
}

def sets(folder: str) -> dict:
    return {path.stem: assigned(path) for path in (SETS / folder).glob("*.bicepparam")}


class Parameters(unittest.TestCase):
    # resources.bicep is an entry point too, without the name of a resource group.
    def entries(self, given):
        yield INFRA / "main.bicep", given
        yield INFRA / "resources.bicep", {name: value for name, value in given.items() if name != "resourceGroupName"}

    def test_valid_sets_are_deployed(self):
        accepted = sets("accepted")
        self.assertEqual(len(accepted), 11)
        for name, given in accepted.items():
            for entry, parameters in self.entries(given):
                with self.subTest(name, entry=entry.name):
                    d = deploy(entry, parameters)
                    identities = [(r.type, str(r.name), str(r.body.get("parent", r.body.get("scope"))), r.group) for r in d.resources]
                    self.assertEqual(len(identities), len(set(identities)))
                    self.assertEqual(len(d.all(SITE)), 2 if given.get("signerInSecondRegion") else 1)

    def test_invalid_sets_are_refused_with_the_reason(self):
        refused = sets("refused")
        self.assertEqual(set(refused), set(REFUSALS))
        for name, given in refused.items():
            for entry, parameters in self.entries(given):
                with self.subTest(name, entry=entry.name), self.assertRaises(Refused) as raised:
                    deploy(entry, parameters)
                self.assertIn(REFUSALS[name], str(raised.exception))

    def given(self, parameter, value):
        if parameter == "keys":
            value = [{"name": value, "curve": "P-256"}]
        elif parameter in ("allowedAddresses", "nodeUrls"):
            value = [value]
        with_sealed_keys = {"sealedKeys": True} if parameter == "sealedKeyWriters" else {}
        return {"environmentName": "test", "location": "westeurope", parameter: value} | with_sealed_keys

    def test_values_are_checked_beyond_their_types(self):
        for parameter, values in WRONG.items():
            for value in values:
                with self.subTest(parameter, value=value), self.assertRaises(Refused):
                    deploy(INFRA / "main.bicep", self.given(parameter, value))
        for parameter, values in RIGHT.items():
            for value in values:
                with self.subTest(parameter, value=value):
                    deploy(INFRA / "main.bicep", self.given(parameter, value))

    def test_all_errors_are_reported_at_once(self):
        given = self.given("operatorPrincipalId", "me") | {"allowedAddresses": ["here"]}
        with self.assertRaises(Refused) as raised:
            deploy(INFRA / "main.bicep", given)
        self.assertRegex(str(raised.exception), "here is not an address range.*me is not an object id")

    def test_passwords_of_nodes_are_not_repeated(self):
        with self.assertRaises(Refused) as raised:
            deploy(INFRA / "main.bicep", self.given("nodeUrls", "https://me:secret@node.example.com"))
        self.assertNotIn("secret", str(raised.exception))

    def test_the_settings_type_has_the_signers_settings(self):
        chosen = {name for name, setting in SETTINGS.items() if setting.source == "chosen"}
        self.assertEqual(properties(INFRA / "types.bicep", "signerSettingsType"), chosen)

    def test_the_settings_type_has_the_signers_choices(self):
        source = (INFRA / "types.bicep").read_text()
        for name, setting in SETTINGS.items():
            if setting.source == "chosen":
                (declared,) = re.findall(rf"^  {name}: (.*)\?$", source, re.M)
                expected = f"({' | '.join(map(repr, setting.choices))})" if setting.choices else "string"
                self.assertEqual(declared, expected, name)

    def test_settings_with_separate_parameters(self):
        parameters = set(re.findall(r"^param (\w+)", (INFRA / "main.bicep").read_text(), re.M))
        named = {setting.detail for setting in SETTINGS.values() if setting.source == "parameter"}
        self.assertEqual(named, {"policy", "nodeUrls", "authorizedKeys", "auditRetentionDays", "sealedKeys"})
        self.assertLessEqual(named, parameters)

    def test_the_policy_type_matches_its_schema(self):
        schema = json.loads((ROOT / "docs/policy.schema.json").read_text())
        self.assertEqual(properties(INFRA / "types.bicep", "policyType"), set(schema["properties"]))
        self.assertEqual(properties(INFRA / "types.bicep", "policyRulesType"), set(schema["$defs"]["rules"]["properties"]))

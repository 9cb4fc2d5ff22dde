"""What `sealedKeys` adds: a key in each vault that unwraps, a container, roles on exactly these, and alerts."""
import json
import re
import unittest

from templates import (
    ACCOUNT,
    ASSIGNMENT,
    CHANGE_ALERT,
    CONTAINER,
    DATA_ROLE,
    DATA_ROLE_ASSIGNMENT,
    KEY,
    QUERY_ALERT,
    ROLE,
    SITE,
    VAULT,
    assignments,
    data_assignments,
    deployed,
    everywhere,
    problems,
)

WRITERS = ["0123abcd-0000-4000-8000-abcdef012345", "0123abcd-0000-4000-8000-abcdef012346"]
SECOND = {"secondRegion": "northeurope", "signerInSecondRegion": True}
# From Azure's documentation: read, wrap, unwrap.
CRYPTO_SERVICE_ENCRYPTION_USER = "e147488a-f6f5-4113-8e2d-b22465e65bf6"
ITEMS = "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/"
QUERY = "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/executeQuery"
METADATA = "Microsoft.DocumentDB/databaseAccounts/readMetadata"


def sealed(**parameters):
    return deployed(sealedKeys=True, **parameters)


def two(**parameters):
    return sealed(**SECOND, **parameters)


def added(kind, before, after):
    """What the second deployment has of this type, and the first has not."""
    known = {str(resource.id) for resource in before.all(kind)}
    return [resource for resource in after.all(kind) if str(resource.id) not in known]


def principal(suffix=""):
    return f"userAssignedIdentities:id-signer-token{suffix}.properties.principalId"


class Key(unittest.TestCase):
    def test_no_vault_has_one_by_default(self):
        self.assertEqual({key.properties["kty"] for key in deployed().all(KEY)}, {"EC-HSM"})

    def test_each_vault_has_one_of_its_own_in_hardware_that_can_only_unwrap(self):
        for deployment, vaults in ((sealed(), ["kv-token"]), (two(), ["kv-token", "kv-token-2"])):
            keys = [key for key in deployment.all(KEY) if key.name == "sealing"]
            self.assertEqual([str(key.body["parent"]) for key in keys], [f"vaults:{vault}" for vault in vaults])
            for key in keys:
                self.assertEqual(set(key.properties), {"kty", "keySize", "keyOps"})
                self.assertEqual((key.properties["kty"], key.properties["keyOps"]), ("RSA-HSM", ["unwrapKey"]))
                self.assertGreaterEqual(key.properties["keySize"], 3072)
            # The standard tier has no hardware security module.
            self.assertEqual({vault.properties["sku"]["name"] for vault in deployment.all(VAULT)}, {"premium"})

    def test_it_is_not_bound_to_marks_since_sealed_keys_are(self):
        (key,) = [key for key in sealed().all(KEY) if key.name == "sealing"]
        self.assertNotIn("signer-marks", key.body["tags"])


class RoleOnTheKey(unittest.TestCase):
    def unwrappers(self, deployment, without):
        """The role assignments that sealed keys add: principal, role and scope."""
        return assignments(added(ASSIGNMENT, without, deployment))

    def test_it_permits_reading_and_unwrapping_and_nothing_else(self):
        for deployment, without in ((sealed(), deployed()), (two(), deployed(**SECOND))):
            (role,) = added(ROLE, without, deployment)
            self.assertEqual(role.properties["roleName"], "Tezos key unwrapper token")
            (permissions,) = role.properties["permissions"]
            self.assertEqual(
                permissions["dataActions"], ["Microsoft.KeyVault/vaults/keys/read", "Microsoft.KeyVault/vaults/keys/unwrap/action"]
            )
            self.assertEqual([permissions[k] for k in ("actions", "notActions", "notDataActions")], [[], [], []])
            self.assertEqual([str(s) for s in role.properties["assignableScopes"]], ["resourceGroup().id"])

    def test_each_signer_has_it_on_the_key_of_its_own_vault_alone(self):
        (role,) = added(ROLE, deployed(), sealed())
        role = str(role.id)
        self.assertEqual(self.unwrappers(sealed(), deployed()), {(principal(), role, "keys:kv-token/sealing")})
        self.assertEqual(
            self.unwrappers(two(), deployed(**SECOND)),
            {(principal(), role, "keys:kv-token/sealing"), (principal("-2"), role, "keys:kv-token-2/sealing")},
        )

    def test_without_a_custom_role_it_is_the_narrowest_built_in_one_on_the_key(self):
        found = self.unwrappers(sealed(vaultRole="builtIn"), deployed(vaultRole="builtIn"))
        self.assertEqual(found, {(principal(), f"roleDefinitions:{CRYPTO_SERVICE_ENCRYPTION_USER}.id", "keys:kv-token/sealing")})
        self.assertEqual(sealed(vaultRole="builtIn").all(ROLE), [])

    def test_nobody_who_stores_sealed_keys_may_unwrap(self):
        given = {"sealedKeyWriters": json.dumps(WRITERS), "operatorPrincipalId": WRITERS[0]}
        without = deployed(operatorPrincipalId=WRITERS[0])
        self.assertEqual({who for who, _, _ in self.unwrappers(sealed(**given), without)}, {principal()})


class Container(unittest.TestCase):
    def containers(self, deployment):
        return {container.name: container for container in deployment.all(CONTAINER)}

    def test_there_is_none_by_default(self):
        self.assertEqual(set(self.containers(deployed())), {"marks"})

    def test_it_is_next_to_the_marks_and_has_one_partition(self):
        containers = self.containers(sealed())
        self.assertEqual(set(containers), {"marks", "keys"})
        keys = containers["keys"]
        self.assertEqual(str(keys.body["parent"]), str(containers["marks"].body["parent"]))
        resource = keys.properties["resource"]
        self.assertEqual(resource["id"], "keys")
        self.assertEqual(resource["partitionKey"], {"kind": "Hash", "paths": ["/type"], "version": 2})

    def test_all_signers_read_it(self):
        self.assertEqual([site.settings["SEALED_KEYS_CONTAINER"] for site in two().all(SITE)], ["keys", "keys"])
        # An empty variable counts as not set.
        self.assertEqual(deployed().one(SITE).settings["SEALED_KEYS_CONTAINER"], "")

    def test_the_marks_stay_as_they_are(self):
        self.assertEqual(self.containers(sealed())["marks"].body, self.containers(deployed())["marks"].body)

    def test_no_sealed_key_ever_expires(self):
        keys = self.containers(sealed())["keys"].body
        self.assertEqual([*everywhere(keys, "defaultTtl"), *everywhere(keys, "analyticalStorageTtl")], [])

    def test_it_has_the_least_throughput_or_none_if_serverless(self):
        for capacity, options in (
            ("autoscale", {"autoscaleSettings": {"maxThroughput": 1000}}),
            ("freeTier", {"autoscaleSettings": {"maxThroughput": 1000}}),
            ("serverless", {}),
        ):
            # The marks may need more, the sealed keys do not.
            keys = self.containers(sealed(databaseCapacity=capacity, maxThroughput=4000))["keys"]
            self.assertEqual(keys.properties["options"], options)


class RolesOnTheContainer(unittest.TestCase):
    def test_one_reads_and_one_writes_and_none_deletes(self):
        roles = {role.properties["roleName"]: role.properties for role in added(DATA_ROLE, deployed(), sealed())}
        self.assertEqual(
            {name: [permission["dataActions"] for permission in role["permissions"]] for name, role in roles.items()},
            {
                "Sealed key reader": [[METADATA, QUERY, ITEMS + "read"]],
                "Sealed key writer": [[METADATA, QUERY, ITEMS + "create", ITEMS + "read", ITEMS + "replace"]],
            },
        )
        for role in roles.values():
            self.assertEqual((role["type"], role["assignableScopes"]), ("CustomRole", [deployed().one(ACCOUNT).id]))

    def test_signers_read_and_operators_write_in_that_container_alone(self):
        account = deployed().one(ACCOUNT).id
        keys, marks = (f"{account}/dbs/signer/colls/{name}" for name in ("keys", "marks"))
        expected = {
            (principal(suffix), role, scope)
            for suffix in ("", "-2")
            for role, scope in (("Mark writer", marks), ("Account reader", str(account)), ("Sealed key reader", keys))
        }
        self.assertEqual(data_assignments(two()), expected)
        writers = {(writer, "Sealed key writer", keys) for writer in WRITERS}
        self.assertEqual(data_assignments(two(sealedKeyWriters=json.dumps(WRITERS))), expected | writers)

    def test_names_of_assignments_are_unique(self):
        d = two(sealedKeyWriters=json.dumps(WRITERS), operatorPrincipalId=WRITERS[0], vaultRole="builtIn")
        for kind in (ASSIGNMENT, DATA_ROLE_ASSIGNMENT, DATA_ROLE):
            names = [str(r.name) for r in d.all(kind)]
            self.assertEqual(len(names), len(set(names)), kind)


class Alerts(unittest.TestCase):
    def test_an_unwrap_by_another_identity_is_an_alert_of_the_highest_severity(self):
        (alert,) = [a for a in two().all(QUERY_ALERT) if "unwrapped-by-others" in problems(a)]
        self.assertEqual(alert.properties["severity"], 0)
        (part,) = re.findall(
            r"^\(\n((?:(?!^\)).)*?)\| extend Problem = \"unwrapped-by-others\"",
            alert.properties["criteria"]["allOf"][0]["query"],
            re.M | re.S,
        )
        self.assertIn("'KeyUnwrap'", part)
        self.assertIn(f"not(Caller has '{principal()}' or Caller has '{principal('-2')}')", part)

    def test_new_roles_on_vault_key_and_database_raise_an_alert(self):
        (rule,) = [a for a in sealed().all(CHANGE_ALERT) if a.name == "tezos-signer-test-changed-roles"]
        # Everything is in the group, so that it also covers the scopes of single keys and containers.
        self.assertEqual([str(scope) for scope in rule.properties["scopes"]], ["resourceGroup().id"])
        reported = {x["equals"] for x in rule.properties["condition"]["allOf"][-1]["anyOf"]}
        kinds = ("Authorization/role", "DocumentDB/databaseAccounts/sqlRole")
        self.assertLessEqual({f"Microsoft.{kind}{what}/write" for kind in kinds for what in ("Assignments", "Definitions")}, reported)
        self.assertIs(rule.properties["enabled"], True)

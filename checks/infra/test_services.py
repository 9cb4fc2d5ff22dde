"""Required properties of vault, mark store and monitoring."""
import json
import re
import unittest

from bicep import deploy
from templates import (
    ACCOUNT,
    BLOBS,
    CHANGE_ALERT,
    CONTAINER,
    DIAGNOSTICS,
    INFRA,
    KEY,
    METRIC_ALERT,
    PLANS,
    QUERY_ALERT,
    ROOT,
    SAVED_SEARCH,
    SITE,
    STORAGE,
    VAULT,
    WORKSPACE,
    deployed,
    everywhere,
    problems,
)


class Vault(unittest.TestCase):
    keys = '[{"name": "baker", "curve": "P-256"}, {"name": "other", "curve": "P-256K"}]'

    def test_keys_are_created_in_hardware_and_only_sign_and_verify(self):
        created = {k.name: k.properties for k in deployed(keys=self.keys).all(KEY)}
        self.assertEqual({n: p["curveName"] for n, p in created.items()}, {"baker": "P-256", "other": "P-256K"})
        for properties in created.values():
            self.assertEqual(properties["kty"], "EC-HSM")
            self.assertEqual(properties["keyOps"], ["sign", "verify"])
        self.assertEqual(deployed().one(VAULT).properties["sku"], {"family": "A", "name": "premium"})

    def test_keys_are_bound_to_the_container_of_the_marks(self):
        for key in deployed(keys=self.keys).all(KEY):
            self.assertEqual(
                key.body["tags"],
                {"azd-env-name": "test", "signer-marks": "cosmos-signer-token.documents.azure.com/signer/marks"},
            )
        self.assertNotIn("signer-marks", deployed().one(VAULT).body["tags"])

    def test_keys_are_bound_to_the_mark_store_of_the_app(self):
        d = deployed()
        host, database, container = d.one(KEY).body["tags"]["signer-marks"].split("/")
        settings = d.one(SITE).settings
        self.assertIn(host.split(".")[0], settings["COSMOS_ENDPOINT"])
        self.assertEqual((database, container), (settings["COSMOS_DATABASE"], settings["COSMOS_CONTAINER"]))

    def test_no_key_expires_rotates_or_can_be_released(self):
        for key in deployed(keys=self.keys).all(KEY):
            self.assertEqual(set(key.properties), {"kty", "curveName", "keyOps"})
        for path in INFRA.rglob("*.bicep"):
            self.assertIsNone(re.search(r"^\s*(rotationPolicy|release_policy|exp|nbf)\s*:", path.read_text(), re.M), path)

    def test_the_default_is_one_p256_key(self):
        self.assertEqual([(k.name, k.properties["curveName"]) for k in deployed().all(KEY)], [("baker", "P-256")])

    def test_deleted_keys_can_be_recovered_for_the_maximum_time(self):
        properties = deployed().one(VAULT).properties
        self.assertIs(properties["enablePurgeProtection"], True)
        self.assertIs(properties["enableSoftDelete"], True)
        self.assertEqual(properties["softDeleteRetentionInDays"], 90)

    def test_templates_and_virtual_machines_have_no_access(self):
        properties = deployed().one(VAULT).properties
        for name in ("enabledForDeployment", "enabledForDiskEncryption", "enabledForTemplateDeployment"):
            self.assertIs(properties[name], False)


class Marks(unittest.TestCase):
    def test_writes_are_strong_and_go_to_one_region(self):
        for second in ("", "northeurope"):
            properties = deployed(secondRegion=second).one(ACCOUNT).properties
            self.assertEqual(properties["consistencyPolicy"], {"defaultConsistencyLevel": "Strong"})
            self.assertIs(properties["enableMultipleWriteLocations"], False)

    def test_a_second_and_a_third_region_are_optional(self):
        def regions(**parameters):
            locations = deployed(**parameters).one(ACCOUNT).properties["locations"]
            return [(x["locationName"], x["failoverPriority"]) for x in locations]

        self.assertEqual(regions(), [("westeurope", 0)])
        self.assertEqual(regions(secondRegion="northeurope"), [("westeurope", 0), ("northeurope", 1)])
        # After a failover, a deployment must leave the writes where they are.
        self.assertEqual(regions(secondRegion="northeurope", writesInSecondRegion=True), [("westeurope", 1), ("northeurope", 0)])
        self.assertEqual(
            regions(secondRegion="northeurope", thirdRegion="uksouth", writesInSecondRegion=True),
            [("westeurope", 1), ("northeurope", 0), ("uksouth", 2)],
        )
        # A single region is always the write region.
        self.assertEqual(regions(writesInSecondRegion=True), [("westeurope", 0)])

    def test_failover_is_manual_by_default(self):
        self.assertIs(deployed(secondRegion="northeurope").one(ACCOUNT).properties["enableAutomaticFailover"], False)
        self.assertIs(deployed(serviceManagedFailover=True).one(ACCOUNT).properties["enableAutomaticFailover"], True)

    def test_the_database_can_be_in_two_regions_and_is_billed_as_chosen(self):
        autoscale = {"autoscaleSettings": {"maxThroughput": 1000}}
        for capacity, capabilities, options, is_free in (
            ("autoscale", [], autoscale, False),
            ("serverless", [{"name": "EnableServerless"}], {}, False),
            ("freeTier", [], autoscale, True),
        ):
            d = deployed(databaseCapacity=capacity)
            account = d.one(ACCOUNT).properties
            self.assertEqual((account["capabilities"], account["enableFreeTier"]), (capabilities, is_free))
            self.assertEqual(d.one(CONTAINER).properties["options"], options)
        self.assertEqual(deployed(), deployed(databaseCapacity="autoscale"))

    def test_marks_are_partitioned_by_public_key_hash(self):
        resource = deployed().one(CONTAINER).properties["resource"]
        self.assertEqual(resource["partitionKey"], {"kind": "Hash", "paths": ["/pkh"], "version": 2})

    def test_marks_of_an_observer_have_another_partition_key(self):
        for value, path in (("true", "/observed_pkh"), ("false", "/pkh")):
            resource = deployed(signerSettings=json.dumps({"OBSERVE": value})).one(CONTAINER).properties["resource"]
            self.assertEqual(resource["partitionKey"]["paths"], [path])

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

    def test_marks_can_be_restored(self):
        self.assertEqual(deployed().one(ACCOUNT).properties["backupPolicy"]["type"], "Continuous")


class Monitoring(unittest.TestCase):
    def test_audit_logs_go_to_resource_specific_tables_in_the_workspace(self):
        logged = {}
        for setting in deployed().all(DIAGNOSTICS):
            self.assertEqual(setting.version, "2021-05-01-preview")
            self.assertEqual(setting.properties["workspaceId"], deployed().one(WORKSPACE).id)
            self.assertEqual(setting.properties["logAnalyticsDestinationType"], "Dedicated")
            self.assertTrue(all(log["enabled"] for log in setting.properties["logs"]))
            logged[str(setting.body["scope"])] = [log["category"] for log in setting.properties["logs"]]
        self.assertEqual(
            logged,
            {
                "vaults:kv-token": ["AuditEvent"],
                "databaseAccounts:cosmos-signer-token": ["ControlPlaneRequests"],
                "blobServices:sttoken/default": ["StorageWrite", "StorageDelete"],
            },
        )

    def test_no_query_reads_the_shared_table(self):
        for path in (INFRA / "queries").rglob("*.kql"):
            self.assertNotIn("AzureDiagnostics", path.read_text(), path.name)

    def test_no_search_is_saved_in_the_workspace(self):
        # A second deployment of one is refused (409): it would need the etag of the first, which a template cannot know.
        self.assertEqual(deployed().all(SAVED_SEARCH), [])

    def test_alerts_have_the_documented_severities(self):
        rows = re.findall(r"^\| (`[a-z-`, ]+`) \| (\d) \|", (ROOT / "docs/operations.md").read_text(), re.M)
        documented = {name: int(severity) for names, severity in rows for name in re.findall(r"`([a-z-]+)`", names)}
        deployment = deployed(availabilityTest=True)
        severities = {a.name.removeprefix("tezos-signer-test-"): a.properties["severity"] for a in deployment.all(METRIC_ALERT)}
        severities |= {name: a.properties["severity"] for a in deployment.all(QUERY_ALERT) for name in problems(a)}
        self.assertEqual(severities, documented)

    def test_each_severity_has_one_alert_on_logs_with_an_alert_for_each_problem_and_subject(self):
        alerts = deployed().all(QUERY_ALERT)
        self.assertEqual([a.properties["severity"] for a in alerts], [0, 1, 2])
        for alert in alerts:
            (condition,) = alert.properties["criteria"]["allOf"]
            self.assertEqual([d["name"] for d in condition["dimensions"]], ["Problem", "Subject"])
            self.assertEqual((condition["timeAggregation"], condition["operator"], condition["threshold"]), ("Count", "GreaterThan", 0))
            self.assertIs(alert.properties["enabled"], True)

    def test_an_alert_says_what_to_do_first_about_each_problem(self):
        for alert in deployed().all(QUERY_ALERT):
            description = alert.properties["description"]
            # Azure's limit.
            self.assertLessEqual(len(description), 4096)
            helped = dict(line.split(": ", 1) for line in description.splitlines()[1:])
            self.assertEqual(list(helped), problems(alert))
            for text in helped.values():
                self.assertIn(" First: ", text)

    def test_the_alert_that_a_key_has_stopped_signing_can_be_switched_off(self):
        def found(minutes):
            parameters = {"signerPrincipalIds": ["id"], "packagePaths": ["/path"], "noSignatureMinutes": minutes}
            rules = deploy(INFRA / "modules/logAlerts.bicep", parameters).all(QUERY_ALERT)
            return {name for rule in rules for name in problems(rule)}

        self.assertEqual(found(30) - found(0), {"no-signature"})

    def test_replacing_the_package_raises_an_alert(self):
        for plan in PLANS:
            d = deployed(plan=plan)
            (alert,) = [a for a in d.all(QUERY_ALERT) if "package-written" in problems(a)]
            query = alert.properties["criteria"]["allOf"][0]["query"]
            self.assertIn(f"contains '/{d.one(STORAGE).name}/{d.one(BLOBS).name}'", query)
            self.assertIs(alert.properties["enabled"], True)
            self.assertEqual(alert.properties["severity"], 1)

    def test_changes_that_could_replace_the_program_raise_an_alert(self):
        (rule,) = [a for a in deployed().all(CHANGE_ALERT) if a.name == "tezos-signer-test-changed-app"]
        reported = {x["equals"] for x in rule.properties["condition"]["allOf"][-1]["anyOf"]}
        self.assertLessEqual(
            {
                "Microsoft.Web/sites/write",
                "Microsoft.Web/sites/config/write",
                "Microsoft.Web/sites/extensions/write",
                "Microsoft.Web/sites/basicPublishingCredentialsPolicies/write",
                "Microsoft.Storage/storageAccounts/write",
                "Microsoft.Storage/storageAccounts/listKeys/action",
            },
            reported,
        )

    def test_changing_the_destination_of_audit_logs_raises_an_alert(self):
        def reported(name):
            (rule,) = [a for a in deployed().all(CHANGE_ALERT) if a.name == f"tezos-signer-test-changed-{name}"]
            return {x["equals"] for x in rule.properties["condition"]["allOf"][-1]["anyOf"]}

        self.assertIn("Microsoft.Insights/diagnosticSettings/write", reported("vault"))
        self.assertIn("Microsoft.Insights/diagnosticSettings/delete", reported("monitoring"))

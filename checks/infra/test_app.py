"""The function app, its settings and its deployment."""
import json
import re
import unittest

import yaml

import bicep
from bicep import Deployment, File, Refused, assigned
from parameter_types import properties
from syntax import Reference, decorators, parse, text
from templates import BLOBS, CONTAINER, INFRA, PLAN, PLANS, PUBLISHING, ROOT, SITE, deployed
from signer_settings import SETTINGS

# App settings of the Functions host.
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

# Settings that an operator may choose, and that are not set by default.
WITHOUT_VALUE = {
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
    "OTEL_METRIC_EXPORT_INTERVAL",
    "OTEL_TRACES_EXPORTER",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
    "OTEL_BSP_SCHEDULE_DELAY",
    "OTEL_SERVICE_NAME",
    "OTEL_RESOURCE_ATTRIBUTES",
}

# Settings whose value differs from the signer's default.
NOT_DEFAULT = {
    "LOG_FORMAT": "json",
}


class App(unittest.TestCase):
    def test_flex_consumption_is_the_default(self):
        self.assertEqual(deployed().one(PLAN).body["sku"], {"name": "FC1", "tier": "FlexConsumption"})
        self.assertEqual(deployed().one(PLAN).body, deployed(plan="flex").one(PLAN).body)

    def test_flex_runs_a_custom_handler(self):
        self.assertEqual(deployed().one(SITE).properties["functionAppConfig"]["runtime"], {"name": "custom", "version": "1.0"})

    def test_flex_loads_its_package_from_the_container(self):
        storage = deployed().one(SITE).properties["functionAppConfig"]["deployment"]["storage"]
        self.assertEqual(storage["type"], "blobContainer")
        self.assertEqual(storage["value"], "storageAccounts:sttoken.properties.primaryEndpoints.blobpackage")
        self.assertEqual(deployed().one(BLOBS).name, "package")

    def test_flex_has_no_property_that_the_plan_refuses(self):
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
        self.assertEqual(d.one(SITE).properties["siteConfig"]["linuxFxVersion"], "CUSTOM")

    def test_no_plan_needs_a_storage_key(self):
        for plan in PLANS:
            settings = deployed(plan=plan).one(SITE).settings
            self.assertFalse({"AzureWebJobsStorage", "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING"} & set(settings))
            self.assertEqual(
                settings["AzureWebJobsStorage__blobServiceUri"], "storageAccounts:sttoken.properties.primaryEndpoints.blob"
            )

    def test_only_https_without_ftp_or_passwords(self):
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

    def test_client_certificates_are_required_where_they_are_listed(self):
        for plan in PLANS:
            for listed in ("", "a9993e364706816aba3e25717850c26c9cd0d89d"):
                site = deployed(plan=plan, signerSettings=json.dumps({"CLIENT_CERTIFICATES": listed})).one(SITE)
                self.assertIs(site.properties["clientCertEnabled"], bool(listed))
                self.assertEqual(site.properties["clientCertMode"], "Required")
            self.assertIs(deployed(plan=plan).one(SITE).properties["clientCertEnabled"], False)

    def test_azd_finds_it(self):
        for plan in PLANS:
            self.assertEqual(deployed(plan=plan).one(SITE).body["tags"], {"azd-env-name": "test", "azd-service-name": "signer"})

    def test_it_is_deployed_after_everything_that_it_needs(self):
        def after(file, module):
            declared = File(INFRA / file, {}, Deployment()).declared[False, module]
            return set(re.search(r"dependsOn: \[(.*?)\]", text(declared), re.S).group(1).split())

        for module in ("flex", "premium"):
            self.assertEqual(after("modules/signer.bicep", module), {"roles", "vaultEndpoint", "storageEndpoint"})
        # The account of the database accepts one change at a time.
        self.assertEqual(after("resources.bicep", "sealedKeyStore"), {"cosmos"})
        self.assertEqual(after("resources.bicep", "cosmosEndpoints"), {"sealedKeyStore"})
        self.assertEqual(after("resources.bicep", "apps"), {"cosmosEndpoints", "identities", "sealedKeyStore", "zones"})


class Settings(unittest.TestCase):
    def test_every_app_setting_is_read_by_signer_or_host(self):
        signer = set(SETTINGS)
        self.assertEqual(set(deployed().one(SITE).settings) - signer, HOST_SETTINGS)
        self.assertEqual(set(deployed(plan="premium").one(SITE).settings) - signer, HOST_SETTINGS | PREMIUM_SETTINGS)

    def test_the_template_sets_exactly_the_settings_that_the_signer_lists_for_azure(self):
        expected = {name for name, setting in SETTINGS.items() if setting.source in ("chosen", "parameter", "deployment")}
        for plan in PLANS:
            self.assertEqual(set(SETTINGS) & set(deployed(plan=plan).one(SITE).settings), expected - WITHOUT_VALUE)

    def test_they_have_the_signers_defaults(self):
        settings = deployed().one(SITE).settings
        compared = {name for name in SETTINGS if name in settings and SETTINGS[name].source == "chosen"} | {"LOG_FORMAT", "COSMOS_DATABASE", "COSMOS_CONTAINER"}
        self.assertGreaterEqual(len(compared), 15)
        for name in compared:
            self.assertEqual(settings[name], NOT_DEFAULT.get(name, SETTINGS[name].default), name)

    def test_they_refer_to_the_deployed_resources(self):
        settings = deployed().one(SITE).settings
        self.assertEqual(settings["KEY_VAULT_URL"], "vaults:kv-token.properties.vaultUri")
        self.assertEqual(settings["COSMOS_ENDPOINT"], "databaseAccounts:cosmos-signer-token.properties.documentEndpoint")
        self.assertEqual(settings["COSMOS_CONTAINER"], deployed().one(CONTAINER).name)
        self.assertEqual(str(deployed().one(CONTAINER).body["parent"]), f"sqlDatabases:cosmos-signer-token/{settings['COSMOS_DATABASE']}")
        self.assertEqual(settings["APPLICATIONINSIGHTS_CONNECTION_STRING"], "components:appi-signer-token.properties.ConnectionString")

    def test_parameters_become_settings(self):
        settings = deployed(
            nodeUrls='["https://a", "https://b"]', authorizedKeys='["edpk1", "edpk2"]', policy='{"default": {"kinds": ["block"]}}'
        ).one(SITE).settings
        self.assertEqual(settings["NODE_URLS"], "https://a,https://b")
        self.assertEqual(settings["AUTHORIZED_KEYS"], "edpk1,edpk2")
        self.assertEqual(json.loads(settings["POLICY"]), {"default": {"kinds": ["block"]}})

    def test_all_settings_but_those_that_follow_from_the_deployment_can_be_set(self):
        changed = deployed(signerSettings='{"HEAD_THRESHOLD": "60"}').one(SITE).settings
        self.assertEqual(changed, deployed().one(SITE).settings | {"HEAD_THRESHOLD": "60"})
        for given in ('{"AZURE_CLIENT_ID": "x"}', '{"LOG_FORMAT": "text"}'):
            with self.subTest(given), self.assertRaises(Refused):
                deployed(signerSettings=given)

    def test_the_hosts_timeout_is_longer_than_the_deadline(self):
        name = "AzureFunctionsJobHost__functionTimeout"
        of_host_json = json.loads((ROOT / "host.json").read_text())["functionTimeout"]
        self.assertEqual(of_host_json, "00:00:15")
        for deadline, expected in [("4000", None), ("10999", None), ("11000", "00:00:16"), ("54999", "00:00:59"), ("60000", "00:01:05")]:
            for plan in PLANS:
                settings = deployed(plan=plan, signerSettings=json.dumps({"REQUEST_DEADLINE_MS": deadline})).one(SITE).settings
                self.assertEqual(settings.get(name), expected, deadline)

    def test_numbers_and_booleans_are_strings(self):
        for plan in PLANS:
            settings = deployed(plan=plan, signerSettings='{"ALLOW_LIST_KNOWN_KEYS": "true"}').one(SITE).settings
            self.assertEqual(settings["ALLOW_LIST_KNOWN_KEYS"], "true")
        # Resource Manager would write a boolean as True, which the signer does not accept.
        for given in ('{"ALLOW_LIST_KNOWN_KEYS": true}', '{"HEAD_THRESHOLD": 60}', '{"ALLOW_WEAK_CONSISTENCY": "yes"}'):
            with self.subTest(given), self.assertRaises(Refused):
                deployed(signerSettings=given)


class EntryPoints(unittest.TestCase):
    def parameters(self, name):
        file = File(INFRA / name, {}, Deployment())
        return {n: node for (_, n), node in file.declared.items() if node.type == "parameter_declaration"}

    def test_both_have_the_same_parameters_with_the_same_defaults_and_descriptions(self):
        def plain(node):
            return re.sub(r"@metadata\(\{.*?\n\}\)", "", decorators(node), flags=re.S).strip() + "\n" + text(node)

        main, resources = self.parameters("main.bicep"), self.parameters("resources.bicep")
        self.assertEqual(set(main) - set(resources), {"resourceGroupName"})
        for name, node in resources.items():
            expected = plain(node).replace(" = resourceGroup().location", "")
            self.assertEqual(plain(main[name]), expected, name)

    def test_the_subscription_entry_passes_every_parameter_on(self):
        given = assigned(ROOT / "checks/infra/parameters/accepted/everything.bicepparam")
        passed = {name: value for name, value in given.items() if name != "resourceGroupName"}
        self.assertEqual(set(passed), set(self.parameters("resources.bicep")))
        defaults = File(INFRA / "main.bicep", {}, Deployment())
        self.assertEqual([name for name in given if defaults.name(name) == given[name]], [])
        seen = {}

        class Recorder(File):
            def run(self):
                if self.path.name == "resources.bicep":
                    seen.update(self.given)
                    return {name: Reference(name) for is_output, name in self.declared if is_output}
                return super().run()

        original, bicep.File = bicep.File, Recorder
        try:
            outputs = Recorder(INFRA / "main.bicep", given, Deployment()).run()
        finally:
            bicep.File = original
        self.assertEqual(seen, passed)
        self.assertEqual(outputs, {name: Reference(name) for name in outputs} | {"AZURE_RESOURCE_GROUP": given["resourceGroupName"]})
        self.assertEqual(set(outputs), set(deployed().outputs))

    def test_every_parameter_and_output_is_described(self):
        for path in INFRA.rglob("*.bicep"):
            for node in parse(path).named_children:
                if node.type in ("parameter_declaration", "output_declaration"):
                    self.assertTrue(decorators(node).startswith("@description('"), f"{path.name}: {text(node)}")

    def test_outputs_contain_no_secret(self):
        outputs = deployed().outputs
        self.assertTrue({"SIGNER_URL", "AZURE_RESOURCE_GROUP", "AZURE_FUNCTION_NAME", "KEY_VAULT_URL", "COSMOS_ENDPOINT"} <= set(outputs))
        for name, value in outputs.items():
            self.assertIsNone(re.search(r"list|key[s]?\b|connection|secret|token\(", str(value), re.I), name)
        self.assertEqual(str(outputs["SIGNER_URL"]), f"https://{deployed().one(SITE).name}.azurewebsites.net")

    def test_azd_sets_existing_parameters_with_the_same_defaults(self):
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

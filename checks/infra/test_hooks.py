"""The hooks that azd runs before it creates and before it deletes resources, with a stand-in for az."""
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml

from templates import INFRA, ROOT

# Records its command lines, and answers according to the variables.
AZ = r"""#!/bin/sh
echo "$*" >> "$CALLS"
case "$*" in
    'provider show'*) case "$*" in *" $LACKS "*) echo NotRegistered ;; *) echo Registered ;; esac; exit "${SEES:-0}" ;;
    'provider register'*) exit "${REGISTERS:-0}" ;;
    *'vnet-integration list'*) echo "${CONNECTIONS:-1}"; exit "${SEES:-0}" ;;
    *'vnet-integration remove'*) exit "${REMOVES:-0}" ;;
esac
"""


class Hooks(unittest.TestCase):
    environment = {"AZURE_SUBSCRIPTION_ID": "sub", "AZURE_RESOURCE_GROUP": "rg", "AZURE_FUNCTION_NAME": "app"}

    def run_hook(self, hook, with_az=True, **variables):
        with tempfile.TemporaryDirectory() as folder:
            calls = Path(folder) / "calls"
            calls.touch()
            if with_az:
                (Path(folder) / "az").write_text(AZ)
                (Path(folder) / "az").chmod(0o755)
            path = f"{folder}:{os.environ['PATH']}" if with_az else folder
            env = {"PATH": path, "CALLS": str(calls), "LACKS": "-"} | self.environment | variables
            done = subprocess.run(["/bin/sh", INFRA / "hooks" / hook], env=env, capture_output=True, text=True)
            return done.returncode, calls.read_text().splitlines(), done.stderr

    def test_azd_supports_list_parameters_and_runs_the_hooks(self):
        azure = yaml.safe_load((ROOT / "azure.yaml").read_text())
        self.assertEqual(azure["requiredVersions"], {"azd": ">= 1.23.4"})
        self.assertEqual({name: hook["run"] for name, hook in azure["hooks"].items()}, {
            "preprovision": "infra/hooks/register-providers.sh",
            "predown": "infra/hooks/leave-network.sh",
        })  # fmt: skip
        for hook in azure["hooks"].values():
            self.assertTrue(os.access(ROOT / hook["run"], os.X_OK))

    def test_every_provider_of_the_templates_is_registered(self):
        code, calls, _ = self.run_hook("register-providers.sh")
        self.assertEqual(code, 0)
        shown = {re.search(r"--namespace (\S+)", call)[1] for call in calls}
        used = set(re.findall(r"'(Microsoft\.\w+)/[^']+@", "".join(path.read_text() for path in INFRA.rglob("*.bicep") if path.parent.name != "confidential")))
        # Flex Consumption uses the network of Container Apps. Microsoft.Resources is always registered.
        self.assertEqual(shown, used - {"Microsoft.Resources"} | {"Microsoft.App"})
        self.assertEqual([call for call in calls if "--subscription sub" not in call or call.startswith("provider register")], [])

    def test_a_missing_provider_is_registered_before_resources_are_created(self):
        code, calls, _ = self.run_hook("register-providers.sh", LACKS="Microsoft.App")
        self.assertEqual(code, 0)
        registered = [call for call in calls if call.startswith("provider register")]
        self.assertEqual(registered, ["provider register --namespace Microsoft.App --subscription sub --wait"])

    def test_failures_are_explained(self):
        for variables, expected in (
            ({"LACKS": "Microsoft.App", "REGISTERS": "1"}, "Not registered: Microsoft.App"),
            ({"SEES": "1"}, "az login"),
            ({"AZURE_SUBSCRIPTION_ID": ""}, "azd env set AZURE_SUBSCRIPTION_ID"),
            ({"with_az": False}, "Azure CLI"),
        ):
            with self.subTest(variables):
                code, _, stderr = self.run_hook("register-providers.sh", **variables)
                self.assertEqual(code, 1)
                self.assertIn(expected, stderr)

    def test_the_app_is_disconnected_from_its_network_before_it_is_deleted(self):
        code, calls, _ = self.run_hook("leave-network.sh")
        self.assertEqual(code, 0)
        self.assertEqual(calls[-1], "functionapp vnet-integration remove --resource-group rg --name app --subscription sub")

    def test_so_is_that_of_the_second_region_even_if_the_first_one_is_gone(self):
        code, calls, _ = self.run_hook("leave-network.sh", AZURE_SECOND_FUNCTION_NAME="other", SEES="3", REMOVES="3")
        self.assertEqual(code, 0)
        removed = [call for call in calls if "remove" in call]
        self.assertEqual([re.search(r"--name (\S+)", call)[1] for call in removed], ["app", "other"])

    def test_deletion_continues_without_an_app_or_a_network(self):
        self.assertEqual(self.run_hook("leave-network.sh", AZURE_FUNCTION_NAME="")[:2], (0, []))
        code, calls, _ = self.run_hook("leave-network.sh", CONNECTIONS="0")
        self.assertEqual((code, ["remove" in call for call in calls]), (0, [False]))
        code, _, stderr = self.run_hook("leave-network.sh", SEES="3", REMOVES="3")
        self.assertEqual(code, 0)
        self.assertIn("run azd down again", stderr)

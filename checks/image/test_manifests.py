"""The manifests: valid for the schemas of the oldest and the newest supported Kubernetes, restricted, and consistent with each other."""

import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import manifests

VERSIONS = ["1.33", "1.37"]
VALIDATE = Path(sys.executable).with_name("kubernetes-validate")


def validate(file, version):
    """Unknown fields are errors."""
    command = [VALIDATE, "--strict", "--quiet", "--kubernetes-version", version, file]
    return subprocess.run(command, capture_output=True, text=True, check=False)


class Manifests(unittest.TestCase):
    def test_they_are_valid(self):
        self.assertEqual(len(manifests.FILES), 3)
        for file in manifests.FILES:
            for version in VERSIONS:
                with self.subTest(file=file.name, version=version):
                    result = validate(file, version)
                    self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_a_misspelt_field_is_found(self):
        text = (manifests.ROOT / "deploy/kubernetes/signer.yaml").read_text()
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text.replace("readinessProbe", "readynessProbe"))
            file.flush()
            result = validate(file.name, VERSIONS[0])
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("readynessProbe", result.stdout + result.stderr)

    def test_pods_are_restricted(self):
        self.assertEqual(set(manifests.pods()), {"azurehsm-signer", "baker"})
        for name, pod in manifests.pods().items():
            self.assertEqual(manifests.not_restricted(pod), [], name)
            self.assertIs(pod["spec"]["automountServiceAccountToken"], False, name)

    def test_a_pod_that_is_not_restricted_is_found(self):
        pod = manifests.pods()["azurehsm-signer"]
        pod["spec"]["containers"][0]["securityContext"] = {"privileged": True, "runAsUser": 0}
        pod["spec"].update(hostNetwork=True, volumes=[{"name": "host", "hostPath": {"path": "/"}}])
        rules = ["runAsNonRoot", "allowPrivilegeEscalation", "capabilities", "privileged", "readOnlyRootFilesystem"]
        self.assertEqual(manifests.not_restricted(pod), ["hostNetwork", "volume host", *(f"signer: {rule}" for rule in rules)])

    def test_all_that_select_the_signer_find_it(self):
        pod = manifests.pods()["azurehsm-signer"]
        labels = pod["metadata"]["labels"].items()
        ports = {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
        service, budget, policy, deployment = (
            manifests.named(kind, "azurehsm-signer")["spec"]
            for kind in ("Service", "PodDisruptionBudget", "NetworkPolicy", "Deployment")
        )
        spread = [one["labelSelector"] for one in pod["spec"]["topologySpreadConstraints"]]
        for selector in [budget["selector"], policy["podSelector"], deployment["selector"], *spread]:
            self.assertLessEqual(selector["matchLabels"].items(), labels)
        self.assertLessEqual(service["selector"].items(), labels)
        named = {service["ports"][0]["targetPort"], *(rule["ports"][0]["port"] for rule in policy["ingress"])}
        probes = [pod["spec"]["containers"][0][f"{probe}Probe"]["httpGet"]["port"] for probe in ("readiness", "liveness")]
        self.assertEqual(named | set(probes), ports)
        self.assertLess(budget["minAvailable"], deployment["replicas"])

    def test_variables_are_settings_and_their_sources_exist(self):
        reference = (manifests.ROOT / "docs/reference.md").read_text()
        known = set(re.findall(r"^\| `(\w+)`", reference, flags=re.MULTILINE))
        for pod in manifests.pods().values():
            for container in manifests.containers(pod):
                maps = [manifests.named("ConfigMap", source["configMapRef"]["name"]) for source in container.get("envFrom", [])]
                variables = {one["name"] for one in container.get("env", [])}.union(*(one["data"] for one in maps))
                self.assertLessEqual(variables, known | {"HOME"}, container["name"])

    def test_signer_and_relay_are_the_same_image(self):
        images = {
            container["image"]
            for pod in manifests.pods().values()
            for container in manifests.containers(pod)
            if container["name"] in ("signer", "relay")
        }
        self.assertEqual(len(images), 1)


if __name__ == "__main__":
    unittest.main()

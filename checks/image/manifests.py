"""The Kubernetes manifests of the repository, and the rules for pods that Kubernetes calls "restricted"."""

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "deploy/kubernetes").glob("*.yaml"))


def documents():
    return [document for file in FILES for document in yaml.safe_load_all(file.read_text())]


def named(kind, name):
    (found,) = [one for one in documents() if one["kind"] == kind and one["metadata"]["name"] == name]
    return found


def pods():
    """The pod templates, by the name of their workload."""
    workloads = [one for one in documents() if "template" in one.get("spec", {})]
    return {one["metadata"]["name"]: one["spec"]["template"] for one in workloads}


def containers(pod):
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def not_restricted(pod):
    """What a pod does that the profile "restricted" of the Pod Security Standards, or a read-only root, forbids."""
    found = []
    spec, of_pod = pod["spec"], pod["spec"].get("securityContext", {})
    found += [name for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    allowed = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
    found += [f"volume {volume['name']}" for volume in spec.get("volumes", []) if set(volume) - {"name"} - allowed]
    for container in containers(pod):
        context = {**of_pod, **container.get("securityContext", {})}
        expected = {
            "runAsNonRoot": context.get("runAsNonRoot") is True and context.get("runAsUser", 0) > 0,
            "seccompProfile": context.get("seccompProfile", {}).get("type") == "RuntimeDefault",
            "allowPrivilegeEscalation": context.get("allowPrivilegeEscalation") is False,
            "capabilities": context.get("capabilities") == {"drop": ["ALL"]},
            "privileged": not context.get("privileged"),
            "readOnlyRootFilesystem": context.get("readOnlyRootFilesystem") is True,
            "ports": not any("hostPort" in port for port in container.get("ports", [])),
        }
        found += [f"{container['name']}: {rule}" for rule, holds in expected.items() if not holds]
    return found

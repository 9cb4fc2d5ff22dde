"""Runs containers of an unpacked image with crun, restricted as a Kubernetes manifest says. They share the network of this machine, so that
they reach the stand-ins."""

import json
import subprocess
import time
from pathlib import Path

# The default profile of container engines, in their format. A node's RuntimeDefault is the same list but for details.
SECCOMP = Path("/usr/share/containers/seccomp.json")
TIMEOUT_SECONDS = 60


def wait_until(condition, what):
    """The first true value of a condition."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {TIMEOUT_SECONDS} s: {what}")
        time.sleep(0.05)
    return value


def seccomp_of_engines():
    """The profile in OCI's format, for a process without capabilities on x86-64."""
    profile = json.loads(SECCOMP.read_text())
    rules = []
    for rule in profile["syscalls"]:
        includes, excludes = rule.get("includes") or {}, rule.get("excludes") or {}
        needs_capability = bool(includes.get("caps"))
        elsewhere = "amd64" not in includes.get("arches", ["amd64"]) or "amd64" in excludes.get("arches", [])
        if not needs_capability and not elsewhere:
            rules.append({name: rule[name] for name in ("names", "action", "args", "errnoRet") if rule.get(name) is not None})
    return {
        "defaultAction": profile["defaultAction"],
        "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": rules,
    } | ({"defaultErrnoRet": profile["defaultErrnoRet"]} if "defaultErrnoRet" in profile else {})


def crun(state, *arguments):
    """The command, which keeps its state in a folder."""
    command = ["crun", f"--root={state}", "--cgroup-manager=disabled", *arguments]
    # crun refuses machines with both versions of cgroups, although it is to use neither: it then sees the second only.
    if Path("/sys/fs/cgroup/unified").exists():
        script = 'mount --bind /sys/fs/cgroup/unified /sys/fs/cgroup && exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", script, "sh", *command]
    return command


class Container:
    """A container of a pod, as the kubelet would start it: arguments, variables, volumes and restrictions are the manifest's.

    `variables` are those that the cluster or the reader supplies, and replace those of the manifest. `files` are the contents of
    secrets and other volumes that the cluster fills: the files by the name of the volume. `mounts` are further files, by their path.
    """

    def __init__(self, bundle, folder, pod, container, *, variables, files=None, mounts=None):
        self.name, self.folder = container["name"], folder
        self.log, self.state = folder / "log", folder / "state"
        folder.mkdir()
        context = {**pod["spec"]["securityContext"], **container["securityContext"]}
        config = json.loads((bundle / "config.json").read_text())
        config["root"] = {"path": str(bundle / "rootfs"), "readonly": context["readOnlyRootFilesystem"]}
        process = config["process"]
        entrypoint = process["args"][:1]
        environment = {one["name"]: one["value"] for one in container.get("env", [])} | variables
        kept = [] if context["capabilities"]["drop"] == ["ALL"] else process["capabilities"]["bounding"]
        process |= {
            "terminal": False,
            "user": {"uid": context["runAsUser"], "gid": context["runAsGroup"]},
            "args": entrypoint + container["args"],
            "env": [f"{name}={value}" for name, value in environment.items()],
            "capabilities": {kind: kept for kind in process["capabilities"]},
            "noNewPrivileges": not context["allowPrivilegeEscalation"],
        }
        linux = config["linux"]
        linux["namespaces"] = [one for one in linux["namespaces"] if one["type"] != "network"]
        if context["seccompProfile"]["type"] == "RuntimeDefault":
            linux["seccomp"] = seccomp_of_engines()
        config["mounts"] = [one for one in config["mounts"] if one["type"] != "cgroup"]
        config["mounts"] += [self._volume(pod, mount, context, files or {}) for mount in container.get("volumeMounts", [])]
        # The kubelet provides these two as well.
        host = {path: path for path in ("/etc/hosts", "/etc/resolv.conf")}
        config["mounts"] += [bind(source, path) for path, source in {**host, **(mounts or {})}.items()]
        (folder / "config.json").write_text(json.dumps(config))
        with self.log.open("w") as log:
            command = crun(self.state, "run", "--bundle", str(folder), self.name)
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def _volume(self, pod, mount, context, files):
        (volume,) = [one for one in pod["spec"]["volumes"] if one["name"] == mount["name"]]
        if "emptyDir" in volume:
            options = ["mode=0770", f"uid={context['runAsUser']}", f"gid={context['runAsGroup']}"]
            return {"destination": mount["mountPath"], "type": "tmpfs", "source": "tmpfs", "options": options}
        source = self.folder / mount["name"]
        source.mkdir()
        for name, text in files[mount["name"]].items():
            (source / name).write_text(text)
            (source / name).chmod(0o644)
        return bind(source, mount["mountPath"])

    def events(self):
        """The log lines so far."""
        lines = (line for line in self.log.read_text().splitlines() if line.startswith("{") and line.endswith("}"))
        return [json.loads(line)["fields"] for line in lines]

    def until(self, condition, what):
        """The first true value of a condition while it runs. The error has the log."""

        def checked():
            if self.process.poll() is not None:
                raise ChildProcessError(f"{self.name} has ended: {self.log.read_text()}")
            return condition()

        try:
            return wait_until(checked, what)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; the log of {self.name}: {self.log.read_text()}") from None

    def event(self, name):
        """The first log line with this event."""
        return self.until(lambda: next((one for one in self.events() if one["event"] == name), None), name)

    def pid(self):
        """The process id on this machine."""
        state = subprocess.run(crun(self.state, "state", self.name), capture_output=True, text=True, check=True)
        return json.loads(state.stdout)["pid"]

    def stop(self):
        """Sends SIGTERM, and returns the exit status."""
        subprocess.run(crun(self.state, "kill", self.name, "TERM"), check=True)
        return self.process.wait(TIMEOUT_SECONDS)

    def remove(self):
        """Ends the container in any case."""
        if self.process.poll() is None:
            subprocess.run(crun(self.state, "delete", "--force", self.name), capture_output=True, check=False)
            self.process.wait(TIMEOUT_SECONDS)


def bind(source, destination):
    return {"destination": str(destination), "type": "bind", "source": str(source), "options": ["bind", "ro"]}

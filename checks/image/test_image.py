"""The image in target/package/image: what it says of itself, what it contains, and that the signer and the relay in it sign, started as the
Kubernetes manifests say."""

import json
import os
import ssl
import stat
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request
from pathlib import Path

import manifests
from containers import Container, wait_until
from entra import SERVICE_ACCOUNT_TOKEN, Entra

LAYOUT = manifests.ROOT / "target/package/image"
STAND_INS = Path(os.environ.get("STAND_INS", manifests.ROOT / "target/debug/stand-ins")).resolve()

PROGRAM = "usr/local/bin/azurehsm-signer"
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
# Where the webhook of workload identity mounts the token.
TOKEN = "/var/run/secrets/azure/tokens/azure-identity-token"
# An attestation on a test network that has ended.
VOTE = (
    "13af1864d90e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8150000000005330000000000000000000000000000000000000000"
    "00000000000000000000000000000000"
)


def skopeo(*arguments):
    return json.loads(subprocess.run(["skopeo", *arguments], capture_output=True, check=True).stdout)


def get(address):
    with urllib.request.urlopen(address, timeout=10) as answer:
        return json.load(answer)


def is_healthy(base):
    try:
        get(f"{base}/health")
        return True
    except (urllib.error.HTTPError, urllib.error.URLError):
        return False


def signature(base, key):
    request = urllib.request.Request(f"{base}/keys/{key}", data=f'"{VOTE}"'.encode(), method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["signature"]


class StandIns:
    """Key Vault, Cosmos DB and managed identity."""

    def __init__(self, folder):
        variables, ports = folder / "stand-ins.env", ("key-vault", "cosmos", "identity", "control")
        command = [STAND_INS, *(f"--{port}-port=0" for port in ports), f"--environment-file={variables}"]
        with (folder / "stand-ins.log").open("w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        wait_until(lambda: "The stand-ins are running" in (folder / "stand-ins.log").read_text(), "the stand-ins")
        lines = variables.read_text().splitlines()
        self.variables = dict(line.removeprefix("export ").replace("'", "").split("=", 1) for line in lines)

    def close(self):
        self.process.terminate()
        self.process.wait()


class Image(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        # Other users than root run the image.
        cls.work.chmod(0o711)
        cls.about = skopeo("inspect", f"oci:{LAYOUT}")
        cls.bundle = cls.work / "bundle"
        version = cls.about["Labels"]["org.opencontainers.image.version"]
        subprocess.run(["umoci", "unpack", "--image", f"{LAYOUT}:{version}", cls.bundle], check=True, capture_output=True)
        cls.bundle.chmod(0o711)
        cls.unpacked = {
            str(path.relative_to(cls.bundle / "rootfs")): path.lstat()
            for path in (cls.bundle / "rootfs").rglob("*")
            if not path.is_dir()
        }
        cls.stand_ins = StandIns(cls.work)
        cls.addClassCleanup(cls.stand_ins.close)
        of_stand_ins = cls.stand_ins.variables
        cls.entra = Entra(cls.work, of_stand_ins["IDENTITY_ENDPOINT"], of_stand_ins["IDENTITY_HEADER"])
        cls.addClassCleanup(cls.entra.close)
        cls.authorities = cls.readable("ca.pem", Path(of_stand_ins["SSL_CERT_FILE"]).read_text() + cls.entra.certificate.read_text())
        cls.token = cls.readable("token", SERVICE_ACCOUNT_TOKEN)

    @classmethod
    def readable(cls, name, text):
        """A file that every user may read."""
        path = cls.work / name
        path.write_text(text)
        path.chmod(0o644)
        return path

    def start(self, workload, name, **options):
        pod = manifests.pods()[workload]
        (container,) = [one for one in manifests.containers(pod) if one["name"] == name]
        folder = Path(tempfile.mkdtemp(dir=self.work)) / "container"
        started = Container(self.bundle, folder, pod, container, **options)
        self.addCleanup(started.remove)
        return started

    def signer(self, *, authorities):
        """The signer, with the settings of the stand-ins and an identity as the cluster supplies it."""
        addresses = {name: value for name, value in self.stand_ins.variables.items() if name.startswith(("KEY_VAULT_", "COSMOS_"))}
        any_port = {name: "127.0.0.1:0" for name in ("SIGNER_LISTEN", "METRICS_LISTEN")}
        supplied = {**self.entra.variables(), "AZURE_FEDERATED_TOKEN_FILE": TOKEN, **any_port}
        mounts = {TOKEN: self.token}
        if authorities:
            supplied["SSL_CERT_FILE"] = "/run/ca.pem"
            mounts["/run/ca.pem"] = self.authorities
        return self.start("azurehsm-signer", "signer", variables=addresses | supplied, mounts=mounts)

    def assert_restricted(self, container):
        """The kernel's word for what the manifest says."""
        process = Path("/proc") / str(container.pid())
        status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines() if ":\t" in line)
        self.assertEqual(set(status["Uid"].split() + status["Gid"].split()), {"65532"})
        self.assertEqual({status[f"Cap{kind}"].strip("0") for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")}, {""})
        self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
        mounts = [line.split() for line in (process / "mountinfo").read_text().splitlines()]
        (root,) = [mount for mount in mounts if mount[4] == "/"]
        self.assertIn("ro", root[5].split(","))

    def test_it_says_what_it_is(self):
        labels = self.about["Labels"]
        printed = subprocess.run([self.bundle / "rootfs" / PROGRAM, "version"], capture_output=True, text=True, check=True).stdout
        self.assertEqual(printed.split(), ["azurehsm-signer", labels["org.opencontainers.image.version"]])
        self.assertRegex(labels["org.opencontainers.image.revision"], "^[0-9a-f]{40}(-dirty)?$")
        self.assertEqual((self.about["Os"], self.about["Architecture"]), ("linux", "amd64"))
        self.assertEqual(skopeo("inspect", "--config", f"oci:{LAYOUT}")["config"]["User"], "65532:65532")

    def test_it_contains_the_program_and_certificates_only(self):
        self.assertEqual(set(self.unpacked), {PROGRAM, CERTIFICATES})
        for path, status in self.unpacked.items():
            self.assertEqual((status.st_uid, status.st_mode & (stat.S_ISUID | stat.S_ISGID | 0o022)), (0, 0), path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.bundle / "rootfs" / CERTIFICATES)
        names = {dict(part[0] for part in one["subject"]).get("commonName") for one in context.get_ca_certs()}
        # Key Vault, Cosmos DB and Entra ID use them.
        self.assertLessEqual({"DigiCert Global Root G2", "Microsoft RSA Root Certificate Authority 2017"}, names)

    def test_signer_and_relay_sign(self):
        signer = self.signer(authorities=True)
        base = f"http://{signer.event('listening')['address']}"
        signer.until(lambda: is_healthy(base), "a healthy signer")
        self.assert_restricted(signer)
        self.assertEqual(signer.event("token_acquired")["identity"], "workload identity")
        self.assertGreater(self.entra.exchanges, 0)
        key = next(key["public_key_hash"] for key in get(f"{base}/keys") if key["name"] == "baker-p256")

        settings = {"RELAY_UPSTREAMS": base, "RELAY_LISTEN": "127.0.0.1:0"}
        secret = {"function-keys": {"function-keys": "not-checked-here\n"}}
        relay = self.start("baker", "relay", variables=settings, files=secret)
        through = f"http://{relay.event('listening')['address']}"
        relay.until(lambda: is_healthy(through), "a healthy relay")
        self.assert_restricted(relay)
        # The relay verifies the signature. The same vote is a repeat for the signer.
        self.assertRegex(signature(through, key), "^p2sig")
        self.assertRegex(signature(base, key), "^p2sig")
        with urllib.request.urlopen(f"http://{signer.event('metrics_listening')['address']}/metrics", timeout=10) as answer:
            self.assertIn("signer_requests_total", answer.read().decode())
        self.assertEqual((relay.stop(), signer.stop()), (0, 0))

    def test_it_trusts_its_own_certificates_only(self):
        signer = self.signer(authorities=False)
        signer.until(lambda: any("UnknownIssuer" in str(one) for one in signer.events()), "a certificate that is refused")

    def test_settings_that_were_not_filled_in_prevent_startup(self):
        settings = manifests.named("ConfigMap", "azurehsm-signer")["data"]
        signer = self.start("azurehsm-signer", "signer", variables=settings)
        self.assertNotEqual(signer.process.wait(60), 0)
        for name in settings:
            self.assertIn(name, signer.log.read_text())


if __name__ == "__main__":
    unittest.main()

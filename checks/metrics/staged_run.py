"""A run of two signers and a relay under load, in which everything that the dashboard shows and the alerts report happens.

Prometheus evaluates a copy of the alerts in which time is short: a minute lasts MINUTE seconds, in every range, offset and `for`, and
the parameters of PARAMETERS have other values. Nothing else differs.
"""

import pathlib
import re
import tempfile
import threading
import time

from servers import (
    Alertmanager, Node, Phone, Prometheus, Relay, Signer, StandIns, attestation, block, eventually, free_port, preattestation,
)

MONITORING = pathlib.Path(__file__).resolve().parents[2] / "monitoring"
ALERTS = MONITORING / "prometheus/alerts.yml"
MINUTE = 2
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
PARAMETERS = {"signer:silent_blocks:limit": 30, "signer:head_age:limit": 1}
BLOCK_TIME = 0.1
FIRST_LEVEL = 1000
SIGNERS, RELAYS = "tezos-signer", "tezos-relay"
UNKNOWN_KEY = "tz1Ke2h7sDdakHJQh8WX4Z372du1KChsksyU"


def accelerated(rules):
    def shorter(match):
        milliseconds = int(match[2]) * SECONDS[match[3]] * MINUTE * 1000 // 60
        return f"{match[1]}{milliseconds}ms"

    rules = re.sub(r"(\[|offset |for: )(\d+)([smhd])\b", shorter, rules)
    for name, value in PARAMETERS.items():
        rules, found = re.subn(rf"(record: {name}\n +expr: vector)\(\d+\)", rf"\1({value})", rules)
        assert found == 1, name
    return rules


class StagedRun:
    def __init__(self, resources):
        """Starts everything. `resources` ends it."""
        folder = lambda: resources.enter_context(tempfile.TemporaryDirectory())
        self.node = Node(FIRST_LEVEL)
        self.azure = StandIns(folder())
        resources.callback(self.azure.end)
        node = resources.enter_context(self.node.serving())
        settings = self.azure.environment | {
            "NODE_URLS": node, "HEAD_REFRESH_MS": "50", "HEAD_MAX_AGE_MS": "1000", "VAULT_HEDGE_MS": "200", "STORE_HEDGE_MS": "200",
        }
        self.resources, self.data = resources, folder()
        self.first, self.second = self.signer(settings), self.signer(settings)
        self.settings_of_second = settings | {"SIGNER_LISTEN": self.second.address, "METRICS_LISTEN": self.second.metrics}
        # The list is not complete before the first search of the vault has ended.
        self.baker, self.small_baker = eventually("both keys", lambda: len(keys := self.first.keys()) == 2 and keys)
        upstreams = f"http://{self.first.address},http://{self.second.address}"
        self.relay = Relay(folder(), self.first, {"RELAY_UPSTREAMS": upstreams, "RELAY_HEDGE_MS": "200"})
        resources.callback(self.relay.end)
        self.start = time.time()
        targets = {SIGNERS: [self.first.metrics, self.second.metrics], RELAYS: [self.relay.metrics]}
        self.phone = Phone()
        self.alertmanager = Alertmanager(folder(), resources.enter_context(self.phone.serving()))
        resources.callback(self.alertmanager.end)
        self.prometheus = Prometheus(folder(), targets, accelerated(ALERTS.read_text()), self.alertmanager.address)
        resources.callback(self.prometheus.end)
        self.bakes, self.ends = threading.Event(), threading.Event()
        self.bakes.set()
        self.chain_moves = True
        baking = threading.Thread(target=self.bake)
        baking.start()
        resources.callback(baking.join)
        resources.callback(self.ends.set)

    def signer(self, settings):
        signer = Signer(self.data, settings)
        self.resources.callback(signer.end)
        return signer

    def bake(self):
        """Moves the head, and votes for every block through the relay, as a baker with much stake does."""
        while not self.ends.wait(BLOCK_TIME):
            if self.chain_moves:
                self.node.level += 1
                if self.bakes.is_set():
                    self.relay.sign(preattestation(self.node.level, 0), self.baker)
                    self.relay.sign(attestation(self.node.level, 0), self.baker)

    def firing(self, alert=".+"):
        """The labels of the alerts of this name that are firing."""
        found = self.prometheus.query(f'ALERTS{{alertname=~"{alert}", alertstate="firing"}}')
        return [dict(labels) for labels in found]

    def fires(self, *alerts):
        """Waits for these alerts. Returns the labels of each."""
        return {alert: eventually(alert, lambda: self.firing(alert)) for alert in alerts}

    def play(self):
        """The stages, in order. Returns the labels of each alert that fired."""
        attested = f'key:signer_attested_share:5m{{key="{self.baker}"}} > 0.5'
        eventually("a calm start", lambda: self.prometheus.query(attested) and not self.firing())
        self.refusals()
        self.faults()
        fired = self.fires("SignerVoteRefused", "SignerBlockRefused", "SignerVaultDenied")
        self.slow_vault_and_no_identity()
        fired |= self.fires("SignerSlow", "SignerTokenExpires")
        self.azure.clear_faults("key-vault")
        self.bakes.clear()
        fired |= self.fires("SignerKeySilent")
        self.chain_moves = False
        self.node.level -= 50
        fired |= self.fires("SignerMarkAhead")
        self.node.level = None
        fired |= self.fires("SignerHeadUnknown")
        self.end = time.time()
        self.first.end()
        self.second.end()
        return fired | self.fires("SignerMetricsMissing")

    def refusals(self):
        """Signatures and refusals of a baker with little stake, which two signers serve in turn."""
        for level in range(self.node.level, self.node.level + 4):
            for signer in [self.first, self.second]:
                level += 1
                self.expect(200, preattestation(level, 0), signer)
        level = self.node.level
        for status, payload in [
            (200, attestation(level, 1)),
            (200, attestation(level, 1)),
            (409, attestation(level, 1, variant=7)),
            (409, attestation(level - 50, 0)),
            (409, attestation(level + 5000, 0)),
            (200, block(level + 1, 0)),
            (409, block(level + 1, 0, variant=7)),
            (403, b"\x99"),
        ]:
            self.expect(status, payload, self.first)
        assert self.first.sign(attestation(level, 0), UNKNOWN_KEY) == 404

    def expect(self, status, payload, signer):
        answered = signer.sign(payload, self.small_baker)
        assert answered == status, f"{answered}, not {status}: {payload.hex()}"

    def faults(self):
        """Faults of the vault and the database, each of the next requests of the baker."""
        throttled, denied = ({"status": {"status": status}} for status in [429, 403])
        for service, operation in [("key-vault", "sign"), ("cosmos", "replace_item")]:
            self.azure.fault(service, operation, throttled, {"next": 3})
            self.azure.fault(service, operation, "hang", {"next": 1})
        self.azure.fault("key-vault", "sign", denied, {"next": 4})

    def slow_vault_and_no_identity(self):
        """Slow signatures, so that the relay sends requests to the second signer, which restarts without an identity."""
        self.azure.fault("key-vault", "sign", {"delay": {"fixed_ms": 600}})
        self.second.end()
        nobody = f"http://127.0.0.1:{free_port()}/"
        self.second = self.signer(self.settings_of_second | {"IDENTITY_ENDPOINT": nobody})

"""Every alert fires, and every panel of the dashboard has data, in a Prometheus that scraped a run under load and faults."""

import contextlib
import json
import re
import shlex
import subprocess
import unittest

from servers import eventually
from staged_run import ALERTS, MONITORING, RELAYS, SIGNERS, StagedRun

GUIDE = (MONITORING.parent / "docs/monitoring.md").read_text()
DASHBOARD = MONITORING / "grafana/signer.json"
# Metrics that a witness exports: their rules have unit tests.
OF_WITNESS = {"SignerForeignSignature", "SignerDenounced"}
# Panels of what blocks show, which the node of this run does not have.
OF_CHAIN = {
    "Votes and blocks of the cycle", "Missed votes and blocks", "Slots missed in the cycle", "Foreign signatures and denunciations",
}
RATE_INTERVAL = "5s"
SIGNED_BY = {"attestation", "block", "preattestation"}
# What was staged must show: values of a label in series that are not always zero.
SHOWN = {
    "Blocks since the last signature": ("kind", SIGNED_BY),
    "Requests by result": ("result", {"signed", "replayed", "refused", "failed"}),
    "Refusals and failures by reason": ("reason", {"below_mark", "different_data", "head", "payload", "unknown_key", "vault"}),
    "Stages: p50": ("stage", {"authenticate", "decode", "head", "mark", "vault", "verify"}),
    "Stages: p99": ("stage", {"authenticate", "decode", "head", "mark", "vault", "verify"}),
    "Marks and head": ("kind", SIGNED_BY),
    "Levels from the mark to the head": ("kind", SIGNED_BY),
    "Throttled and denied": ("service", {"vault", "store"}),
    "Hedged and retried calls": ("service", {"vault", "store"}),
    "Instances and versions": ("service_name", {"azurehsm-signer", "azurehsm-signer-relay"}),
    "Open connections": ("job", {SIGNERS, RELAYS}),
}


def panels():
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


class TestStagedRun(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        resources = cls.enterClassContext(contextlib.ExitStack())
        cls.run_ = StagedRun(resources)
        cls.fired = cls.run_.play()
        cls.variables = cls.values_of_variables()

    @classmethod
    def values_of_variables(cls):
        """The values of the variables, as Grafana finds and inserts them if all are selected one by one."""
        values = {"__rate_interval": RATE_INTERVAL}
        for variable in json.loads(DASHBOARD.read_text())["templating"]["list"]:
            if variable["type"] == "query":
                query = cls.substituted(variable["query"]["query"], values)
                selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", query).groups()
                found = cls.run_.prometheus.api(f"label/{label}/values", **{"match[]": selector})
                values[variable["name"]] = f"({'|'.join(found)})"
        return values

    @staticmethod
    def substituted(text, values):
        return re.sub(r"\$(\w+)", lambda match: values[match[1]], text)

    def test_each_alert_fired(self):
        alerts = set(re.findall(r"- alert: (\w+)", ALERTS.read_text()))
        self.assertEqual(set(self.fired), alerts - OF_WITNESS)

    def test_alerts_reach_the_phone_and_so_does_the_test_alert_of_the_guide(self):
        [command] = re.findall(r"^ *(amtool alert add .*)$", GUIDE, re.MULTILINE)
        command = shlex.split(command.replace("127.0.0.1:9093", self.run_.alertmanager.address))
        subprocess.run(command, check=True)
        expected = {*self.fired, command[3]}
        eventually("all alerts on the phone", lambda: expected <= self.run_.phone.names())

    def test_alerts_name_what_was_staged(self):
        baker, small_baker = self.run_.baker, self.run_.small_baker
        labels = {alert: [{name: value for name, value in one.items() if name in {"key", "kind", "job", "instance"}} for one in fired]
                  for alert, fired in self.fired.items()}
        self.assertEqual(labels["SignerKeySilent"], [{"key": baker}], "and not the baker with little stake")
        self.assertEqual(labels["SignerVoteRefused"], [{"key": small_baker, "kind": "attestation"}])
        self.assertEqual(labels["SignerBlockRefused"], [{"key": small_baker, "kind": "block"}])
        self.assertEqual({one["instance"] for one in labels["SignerTokenExpires"]}, {self.run_.second.metrics})
        self.assertEqual(labels["SignerMetricsMissing"], [{"job": SIGNERS}])

    def test_variables_have_values(self):
        self.assertEqual(self.variables["job"], f"({RELAYS}|{SIGNERS})")
        keys = {self.run_.baker, self.run_.small_baker, "other"}
        self.assertEqual(set(self.variables["key"].strip("()").split("|")), keys)

    def test_each_panel_has_data(self):
        self.assertLessEqual({*SHOWN, *OF_CHAIN}, {panel["title"] for panel in panels()})
        for panel in panels():
            if panel["title"] in OF_CHAIN:
                continue
            with self.subTest(panel["title"]):
                shown = set()
                for target in panel["targets"]:
                    expression = self.substituted(target["expr"], self.variables)
                    not_zero = self.not_zero(expression)
                    self.assertTrue(not_zero, f"{expression}: no data, or only zeros")
                    shown |= {labels.get(SHOWN.get(panel["title"], (None,))[0]) for labels in not_zero}
                label, expected = SHOWN.get(panel["title"], (None, set()))
                self.assertLessEqual(expected, shown, label)

    def not_zero(self, expression):
        """The labels of the series with a value other than zero in the run."""
        run = self.run_
        result = run.prometheus.api("query_range", query=expression, start=run.start, end=run.end, step=0.5)["result"]
        values = lambda series: (float(value) for _, value in series["values"])
        return [series["metric"] for series in result if any(value not in (0, float("inf")) and value == value for value in values(series))]


if __name__ == "__main__":
    unittest.main()

"""The metrics of the shipped binary, as an independent receiver of OTLP and a real Prometheus see them."""

import itertools
import pathlib
import re
import subprocess
import tempfile
import threading
import unittest

from servers import Node, Prometheus, Receiver, Signer, attestation, eventually

GUIDE = pathlib.Path(__file__).resolve().parents[2] / "docs/monitoring.md"
BOUNDARIES = [0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.12, 0.16, 0.25, 0.4, 0.5, 1, 2, 5]
# They count calls to Azure, and the embedded vault and store make none.
OF_SERVICES = {f"signer.service.{name}" for name in ["denied", "hedges", "retries", "throttled"]} | {"signer.token.lifetime"}
# They need a node that shows blocks.
OF_CHAIN = {
    "signer.denunciations", "signer.duties", "signer.foreign_signatures", "signer.participation.duties",
    "signer.participation.missed", "signer.participation.remaining",
}
HEAD = 1000


def documented():
    """Type, unit and labels of each metric of the signer, as the guide lists them."""
    rows = re.findall(r"^\| `(signer\.[a-z._]+)` \| (\w+) \| (\S+) \|([^|]*)\|", GUIDE.read_text(), re.MULTILINE)
    return {name: (kind, unit, set(re.findall(r"`(\w+)`", labels))) for name, kind, unit, labels in rows}


class Metrics(unittest.TestCase):
    def start(self, **settings):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        url = self.enterContext(Node(HEAD).serving())
        signer = Signer(folder, {"NODE_URLS": url} | settings)
        self.addCleanup(lambda: signer.process.returncode is None and signer.end())
        return signer

    def sign_some(self, signer):
        """A vote at round 1, its repeat, a different vote at the same position, and one that is far ahead."""
        payloads = [attestation(998, 1), attestation(998, 1), attestation(998, 1, 7), attestation(5000, 0)]
        self.assertEqual([signer.sign(payload) for payload in payloads], [200, 200, 409, 409])

    def test_what_is_pushed_is_received_by_an_independent_implementation(self):
        receiver = Receiver()
        url = self.enterContext(receiver.serving())
        signer = self.start(
            OTEL_EXPORTER_OTLP_ENDPOINT=f"{url}/otlp",
            OTEL_EXPORTER_OTLP_HEADERS="Authorization=Basic%20c2VjcmV0,x-tenant=one",
            OTEL_METRIC_EXPORT_INTERVAL="1000",
            OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test",
        )
        self.sign_some(signer)
        sent = len(receiver.requests)
        eventually("a push", lambda: len(receiver.requests) > sent + 1)
        path, headers, request = receiver.requests[-1]
        self.assertEqual(path, "/otlp/v1/metrics")
        self.assertEqual((headers["authorization"], headers["x-tenant"]), ("Basic c2VjcmV0", "one"))
        self.assertEqual(headers["content-type"], "application/x-protobuf")

        [resource_metrics] = request.resource_metrics
        attributes = {a.key: a.value.string_value for a in resource_metrics.resource.attributes}
        self.assertEqual(attributes["service.name"], "azurehsm-signer")
        self.assertEqual(attributes["deployment.environment.name"], "test")
        self.assertTrue(attributes["service.instance.id"].endswith(f"/{signer.process.pid}"), attributes)

        [scope_metrics] = resource_metrics.scope_metrics
        metrics = {metric.name: metric for metric in scope_metrics.metrics}
        guide = documented()
        self.assertEqual(set(metrics), set(guide) - OF_SERVICES - OF_CHAIN)
        for name, metric in metrics.items():
            kind, unit, labels = guide[name]
            self.assertEqual(metric.WhichOneof("data"), {"counter": "sum"}.get(kind, kind), name)
            self.assertEqual(metric.unit, unit, name)
            for point in getattr(metric, metric.WhichOneof("data")).data_points:
                self.assertLessEqual({attribute.key for attribute in point.attributes}, labels, name)

        def points(name):
            data = getattr(metrics[name], metrics[name].WhichOneof("data"))
            return {tuple(sorted((a.key, a.value.string_value) for a in p.attributes)): p for p in data.data_points}

        vote = (("key", signer.key), ("kind", "attestation"))
        requests = {labels: point.as_int for labels, point in points("signer.requests").items()}
        expected = {
            (*vote, ("result", "signed")): 1,
            (*vote, ("result", "replayed")): 1,
            (*vote, ("reason", "different_data"), ("result", "refused")): 1,
            (*vote, ("reason", "head"), ("result", "refused")): 1,
        }
        self.assertEqual(requests, expected)
        self.assertEqual(points("signer.mark.level")[vote].as_double, 998)
        self.assertEqual(points("signer.mark.behind_head")[vote].as_double, 2)
        stages = points("signer.stage.duration")
        self.assertEqual(list(stages[(("stage", "vault"),)].explicit_bounds), BOUNDARIES)
        self.assertEqual({name: point.count for ((_, name),), point in stages.items()},
                         {"authenticate": 4, "decode": 4, "head": 4, "mark": 2, "vault": 1, "verify": 1})

        before = len(receiver.requests)
        self.assertEqual(signer.end(), 0)
        self.assertGreater(len(receiver.requests), before, "the last values are pushed at the end")

    def test_a_real_prometheus_scrapes_a_signer_under_load(self):
        signer = self.start()
        self.sign_some(signer)
        checked = subprocess.run(["promtool", "check", "metrics"], input=signer.scrape(), text=True, capture_output=True)
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))

        folder = self.enterContext(tempfile.TemporaryDirectory())
        prometheus = Prometheus(folder, {"signer": [signer.metrics]})
        self.addCleanup(prometheus.end)
        ended = threading.Event()

        def vote():
            rounds = itertools.count()
            while not ended.wait(0.05):
                signer.sign(attestation(HEAD, next(rounds)))

        load = threading.Thread(target=vote)
        load.start()
        self.addCleanup(load.join)
        self.addCleanup(ended.set)
        labels = f'key="{signer.key}",kind="attestation"'
        for query in [
            'up{job="signer"} == 1',
            f'sum(rate(signer_requests_total{{{labels},result="signed"}}[10s])) > 0',
            f'signer_requests_total{{{labels},reason="different_data"}} == 1',
            f"signer_mark_level{{{labels}}} > 998",
            "histogram_quantile(0.99, sum by (le, stage) (rate(signer_stage_duration_seconds_bucket[10s]))) > 0",
            "histogram_quantile(0.5, sum by (le) (rate(signer_request_duration_seconds_bucket[10s]))) > 0",
            "signer_head_level - on() group_right() signer_mark_level",
            'signer_keys{state="usable"} == 1',
            "signer_connections >= 0",
            'target_info{service_name="azurehsm-signer",service_instance_id!=""}',
        ]:
            with self.subTest(query):
                eventually(query, lambda query=query: prometheus.query(query))


if __name__ == "__main__":
    unittest.main()

"""The traces of the shipped binary, of a relay and the signer behind it, as an independent receiver of OTLP sees them."""

import tempfile
import unittest
import urllib.request

from servers import Node, Receiver, Relay, Signer, attestation, block, eventually

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

HEAD = 1000
TRACE = "0af7651916cd43dd8448eb211c80319c"
CLIENT = "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{CLIENT}-01"
UNKNOWN_KEY = "tz1cG2jx3W4bZFeVGBjsTxUAG8tdpTXtE8PT"


def attributes(span):
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes}


class Traces(unittest.TestCase):
    def start(self, **settings):
        """A signer, and a relay in front of it."""
        self.receiver = Receiver()
        collector = self.enterContext(self.receiver.serving())
        folder = self.enterContext(tempfile.TemporaryDirectory())
        url = self.enterContext(Node(HEAD).serving())
        pushed = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=one"}
        pushed |= {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_BSP_SCHEDULE_DELAY": "100"} | settings
        signer = Signer(folder, {"NODE_URLS": url} | pushed)
        self.addCleanup(signer.end)
        relay = Relay(folder, signer, pushed)
        self.addCleanup(relay.end)
        return signer, relay

    def spans(self, service):
        """All spans of a program that were received."""
        resources = [r for _, _, request in self.receiver.of("/v1/traces") for r in request.resource_spans]
        named = [r for r in resources if {"service.name": service}.items() <= attributes(r.resource).items()]
        return [span for r in named for scope in r.scope_spans for span in scope.spans]

    def roots(self, service, number):
        """The spans of so many requests, in order."""
        def of_requests():
            spans = [span for span in self.spans(service) if span.kind == Span.SPAN_KIND_SERVER]
            return spans if len(spans) >= number else None
        spans = eventually(f"{number} spans of {service}", of_requests)
        self.assertEqual(len(spans), number)
        return sorted(spans, key=lambda span: span.start_time_unix_nano)

    def test_the_span_of_the_signer_is_a_child_of_the_relays_with_its_stages(self):
        signer, relay = self.start()
        headers = {"traceparent": PARENT, "tracestate": "vendor=secretoftheclient"}
        requests = [
            (relay.key, attestation(998, 1), headers, 200),
            (relay.key, block(999, 0), headers, 200),
            (relay.key, attestation(998, 1, 7), headers, 409),
            (relay.key, attestation(999, 0), {}, 200),
        ]
        for key, payload, headers, status in requests:
            self.assertEqual(relay.sign(payload, key, headers), status)
        forwarded, signed = self.roots("azurehsm-signer-relay", 4), self.roots("azurehsm-signer", 4)
        common = {"signer.key": relay.key}
        vote, at_round = common | {"signer.kind": "attestation"}, {"signer.level": 998, "signer.round": 1}
        refused = {"signer.result": "refused", "signer.reason": "different_data"}
        expected = [
            vote | at_round | {"signer.result": "signed"},
            common | {"signer.kind": "block", "signer.level": 999, "signer.round": 0, "signer.result": "signed"},
            vote | at_round | refused,
            vote | {"signer.level": 999, "signer.round": 0, "signer.result": "signed"},
        ]
        self.assertEqual([attributes(span) for span in signed], expected)
        upstream = {"relay.upstream": f"http://{signer.address}"}
        self.assertEqual([attributes(span) for span in forwarded], [e | upstream for e in expected])
        self.assertEqual({span.status.code for span in forwarded + signed}, {Status.STATUS_CODE_UNSET}, "no failures")

        for number, (outer, inner) in enumerate(zip(forwarded, signed)):
            of_client = (TRACE, CLIENT) if number < 3 else (outer.trace_id.hex(), "")
            self.assertEqual((outer.trace_id.hex(), outer.parent_span_id.hex()), of_client)
            self.assertEqual((inner.trace_id, inner.parent_span_id), (outer.trace_id, outer.span_id))
            self.assert_within(inner, outer)
            stages = {s.name: s for s in self.spans("azurehsm-signer") if s.parent_span_id == inner.span_id}
            missing = {"mark", "vault", "verify"} if number == 2 else set()
            self.assertEqual(set(stages), {"authenticate", "decode", "head", "mark", "vault", "verify"} - missing)
            for stage in stages.values():
                self.assertEqual((stage.trace_id, stage.kind), (inner.trace_id, Span.SPAN_KIND_INTERNAL))
                self.assert_within(stage, inner)
            if not missing:
                self.assert_within(stages["verify"], stages["vault"])
                self.assertLess(stages["vault"].start_time_unix_nano, stages["vault"].end_time_unix_nano)
        self.assertNotEqual(forwarded[3].trace_id.hex(), TRACE, "without a parent, it is a trace of its own")

        _, sent, request = self.receiver.of("/v1/traces")[0]
        self.assertEqual((sent["x-tenant"], sent["content-type"]), ("one", "application/x-protobuf"))
        self.assertNotIn(b"secretoftheclient", b"".join(r.SerializeToString() for _, _, r in self.receiver.requests))

    def assert_within(self, inner, outer):
        times = [outer.start_time_unix_nano, inner.start_time_unix_nano, inner.end_time_unix_nano, outer.end_time_unix_nano]
        self.assertEqual(times, sorted(times), f"{inner.name} in {outer.name}")

    def test_nothing_that_a_client_chooses_is_in_a_span(self):
        signer, _ = self.start()
        for key, payload, parent in [
            (UNKNOWN_KEY, attestation(998, 0), PARENT),
            (signer.key, b"\x99chosenbytheclient", "chosenbytheclient"),
            (signer.key, b"\x03" + bytes(40), PARENT[:-1]),
        ]:
            self.assertIn(signer.sign(payload, key, {"traceparent": parent}), (403, 404))
        unknown, *others = self.roots("azurehsm-signer", 3)
        of_refusal = {"signer.kind": "unknown", "signer.result": "refused"}
        self.assertEqual(attributes(unknown), of_refusal | {"signer.reason": "unknown_key"})
        self.assertEqual(unknown.trace_id.hex(), TRACE)
        for span in others:
            self.assertEqual(attributes(span), of_refusal | {"signer.key": signer.key, "signer.reason": "payload"})
            self.assertEqual(span.parent_span_id, b"", "a malformed header is ignored")

    def test_the_client_decides_what_is_recorded_unless_the_sampler_does(self):
        unsampled = f"{PARENT[:-1]}0"
        for sampler, argument, parent, recorded in [
            ("parentbased_always_on", "1", unsampled, 0),
            ("parentbased_traceidratio", "0", None, 0),
            ("parentbased_traceidratio", "0", PARENT, 1),
            ("always_on", "1", unsampled, 1),
        ]:
            with self.subTest(sampler, parent=parent):
                signer, relay = self.start(OTEL_TRACES_SAMPLER=sampler, OTEL_TRACES_SAMPLER_ARG=argument)
                self.assertEqual(relay.sign(attestation(998, 0), relay.key, {"traceparent": parent} if parent else {}), 200)
                # What is left is pushed at the end.
                self.assertEqual((relay.end(), signer.end()), (0, 0))
                for service in ("azurehsm-signer-relay", "azurehsm-signer"):
                    self.roots(service, recorded) if recorded else self.assertEqual(self.spans(service), [])

    def test_traces_are_off_by_default(self):
        signer, relay = self.start(OTEL_TRACES_EXPORTER="")
        self.assertEqual(relay.sign(attestation(998, 0), relay.key, {"traceparent": PARENT}), 200)
        self.assertEqual((relay.end(), signer.end()), (0, 0))
        self.assertTrue(self.receiver.of("/v1/metrics"), "metrics were pushed to the same collector")
        self.assertEqual(self.receiver.of("/v1/traces"), [])

"""What the tests start: a node, a receiver of OTLP, signers, a relay, the stand-ins of Azure, Prometheus, and Alertmanager."""

import contextlib
import functools
import http.server
import json
import os
import pathlib
import re
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

CHAIN_ID = bytes.fromhex("7a06a770")
CHAIN = "NetXdQprcVkpaWU"
TIMEOUT = 60


def eventually(what, poll):
    """The first value of `poll` that is neither None nor empty."""
    end = time.monotonic() + TIMEOUT
    while not (value := poll()):
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {TIMEOUT} s")
        time.sleep(0.05)
    return value


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def serving(handler):
    """The address of an HTTP server."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    # A client may end before it has read the answer.
    server.handle_error = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class Quiet(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, body, content_type="application/json"):
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Node:
    """A Tezos node at a level that may change; it fails while there is none."""

    def __init__(self, level):
        self.level = level

    def serving(self):
        tezos_node = self

        class Handler(Quiet):
            def do_GET(self):
                level = tezos_node.level
                if level is None:
                    return self.send_error(503)
                is_chain = self.path.endswith("chain_id")
                answer = CHAIN if is_chain else {"level": level, "proto": 1, "validation_pass": 4, "fitness": ["02"]}
                self.answer(json.dumps(answer).encode())

        return serving(Handler)


class Receiver:
    """Receives OTLP, decoded by OpenTelemetry's own package."""

    def __init__(self):
        self.requests = []

    def of(self, path):
        """The requests to a path."""
        return [request for request in self.requests if request[0].endswith(path)]

    def serving(self):
        receiver = self

        class Handler(Quiet):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path.endswith("/v1/traces"):
                    request = trace_service_pb2.ExportTraceServiceRequest()
                    response = trace_service_pb2.ExportTraceServiceResponse()
                else:
                    request = metrics_service_pb2.ExportMetricsServiceRequest()
                    response = metrics_service_pb2.ExportMetricsServiceResponse()
                request.ParseFromString(body)
                receiver.requests.append((self.path, dict(self.headers), request))
                self.answer(response.SerializeToString(), "application/x-protobuf")

        return serving(Handler)


def get(url):
    with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
        return answer.read().decode()


def vote(watermark, tag, level, round_, variant):
    fields = [level.to_bytes(4, "big"), round_.to_bytes(4, "big"), bytes([variant] * 32)]
    return bytes([watermark]) + CHAIN_ID + bytes(32) + bytes([tag]) + bytes(2) + b"".join(fields)


def preattestation(level, round_, variant=0):
    return vote(0x12, 20, level, round_, variant)


def attestation(level, round_, variant=0):
    return vote(0x13, 21, level, round_, variant)


def block(level, round_, variant=0):
    level, round_ = level.to_bytes(4, "big"), round_.to_bytes(4, "big")
    fitness = b"".join(len(part).to_bytes(4, "big") + part for part in [b"\x02", level, b"", b"\xff" * 4, round_])
    operations = bytes([variant] * 32)
    header = [level, b"\x01", bytes(32), bytes(8), b"\x04", operations, len(fitness).to_bytes(4, "big"), fitness, bytes(32)]
    return b"\x11" + CHAIN_ID + b"".join(header) + bytes(32) + bytes(4) + bytes(8) + bytes([0, 0])


class Program:
    """A program that answers requests to sign, and whose metrics can be scraped."""

    def __init__(self, arguments, settings):
        settings = {"METRICS_LISTEN": f"127.0.0.1:{free_port()}"} | settings
        self.metrics = settings["METRICS_LISTEN"]
        command = [os.environ["SIGNER_BIN"], *arguments]
        self.process = subprocess.Popen(command, env=settings, stdout=subprocess.PIPE, text=True)
        self.address = self._address()
        # The log must be read, or the program drops lines.
        self.log = threading.Thread(target=self.process.stdout.read)
        self.log.start()

    def _address(self):
        for line in self.process.stdout:
            fields = json.loads(line)["fields"]
            if fields["event"] == "listening":
                return fields["address"]
        raise AssertionError("the signer has ended")

    def sign(self, payload, key=None, headers={}):
        """The status of a request to sign."""
        body = json.dumps(payload.hex()).encode()
        request = urllib.request.Request(f"http://{self.address}/keys/{key or self.key}", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def end(self):
        """Its exit status."""
        if self.process.returncode is None:
            self.process.terminate()
            self.log.join()
            self.process.stdout.close()
        return self.process.wait(TIMEOUT)


class Signer(Program):
    """A signer with the embedded vault and store, unless the settings name others."""

    def __init__(self, folder, settings):
        super().__init__([], {"LOCAL_DATA_DIR": str(folder), "SIGNER_LISTEN": "127.0.0.1:0"} | settings)

    def keys(self):
        return [key["public_key_hash"] for key in json.loads(get(f"http://{self.address}/keys"))]

    @functools.cached_property
    def key(self):
        return self.keys()[0]

    def scrape(self):
        return get(f"http://{self.metrics}/metrics")


class Relay(Program):
    """A relay in front of a signer, unless the settings name others."""

    def __init__(self, folder, signer, settings):
        self.key = signer.key
        defaults = {"RELAY_UPSTREAMS": f"http://{signer.address}", "RELAY_LISTEN": "127.0.0.1:0", "RELAY_STATE_DIR": f"{folder}/relay"}
        super().__init__(["relay"], defaults | settings)
        eventually("the relay is ready", self._is_ready)

    def _is_ready(self):
        try:
            return get(f"http://{self.address}/health")
        except urllib.error.HTTPError:
            return None


class Server:
    """A program that runs as `process` until it is terminated."""

    def end(self):
        self.process.terminate()
        if self.process.stdout:
            self.process.stdout.close()
        self.process.wait(TIMEOUT)


class StandIns(Server):
    """The stand-ins of Azure in $STAND_INS, with two keys."""

    def __init__(self, folder):
        file = pathlib.Path(folder) / "environment"
        ports = [argument for service in ["key-vault", "cosmos", "identity", "control"] for argument in (f"--{service}-port", "0")]
        command = [os.environ["STAND_INS"], *ports, "--environment-file", str(file)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        lines = iter(self.process.stdout.readline, "")
        self.control = next(match[1] for line in lines if (match := re.search(r"curl (http://\S+)/", line)))
        # No value has a quote in it.
        self.environment = dict(re.findall(r"^export (\w+)='([^']*)'$", file.read_text(), re.MULTILINE))

    def fault(self, service, on, effect, times="forever"):
        body = json.dumps({"on": on, "times": times, "effect": effect}).encode()
        urllib.request.urlopen(f"{self.control}/faults/{service}", body, timeout=TIMEOUT).close()

    def clear_faults(self, service):
        request = urllib.request.Request(f"{self.control}/faults/{service}", method="DELETE")
        urllib.request.urlopen(request, timeout=TIMEOUT).close()


class Alertmanager(Server):
    """An Alertmanager that sends each alert to `phone` at once."""

    def __init__(self, folder, phone):
        folder = pathlib.Path(folder)
        route = {"receiver": "phone", "group_by": ["..."], "group_wait": "0s"}
        receivers = [{"name": "phone", "webhook_configs": [{"url": phone, "send_resolved": False}]}]
        config = folder / "alertmanager.yml"
        config.write_text(json.dumps({"route": route, "receivers": receivers}))
        self.address = f"127.0.0.1:{free_port()}"
        options = [f"--config.file={config}", f"--storage.path={folder / 'data'}", f"--web.listen-address={self.address}"]
        command = ["prometheus-alertmanager", "--log.level=error", "--cluster.listen-address=", *options]
        self.process = subprocess.Popen(command)


class Phone:
    """Receives alerts from an Alertmanager."""

    def __init__(self):
        self.alerts = []

    def serving(self):
        phone = self

        class Handler(Quiet):
            def do_POST(self):
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                phone.alerts.extend(message["alerts"])
                self.answer(b"")

        return serving(Handler)

    def names(self):
        return {alert["labels"]["alertname"] for alert in self.alerts}


class Prometheus(Server):
    """A Prometheus that scrapes targets, by job, every 200 ms, and evaluates rules every 500 ms."""

    def __init__(self, folder, targets, rules="groups: []", alertmanager=None):
        folder = pathlib.Path(folder)
        (folder / "rules.yml").write_text(rules)
        jobs = [{"job_name": job, "static_configs": [{"targets": addresses}]} for job, addresses in targets.items()]
        alertmanagers = [{"static_configs": [{"targets": [alertmanager]}]}] if alertmanager else []
        settings = {
            "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms", "evaluation_interval": "500ms"},
            "scrape_configs": jobs,
            "rule_files": ["rules.yml"],
            "alerting": {"alertmanagers": alertmanagers},
        }
        config = folder / "prometheus.yml"
        config.write_text(json.dumps(settings))
        self.address = f"127.0.0.1:{free_port()}"
        options = [f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={self.address}"]
        self.process = subprocess.Popen(["prometheus", "--log.level=error", *options])

    def api(self, path, **parameters):
        """The data of an answer."""
        return json.loads(get(f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"))["data"]

    def query(self, query):
        """The result of a query: values by labels; nothing while Prometheus is starting."""
        try:
            result = self.api("query", query=query)["result"]
        except (urllib.error.URLError, ConnectionError):
            return {}
        return {tuple(sorted(entry["metric"].items())): float(entry["value"][1]) for entry in result}

"""What the tests start: a node, a receiver of OTLP, a signer, and Prometheus."""

import contextlib
import http.server
import json
import os
import pathlib
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


def node(level):
    """A Tezos node at this level."""

    class Node(Quiet):
        def do_GET(self):
            is_chain = self.path.endswith("chain_id")
            answer = CHAIN if is_chain else {"level": level, "proto": 1, "validation_pass": 4, "fitness": ["02"]}
            self.answer(json.dumps(answer).encode())

    return serving(Node)


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


def attestation(level, round_, variant=0):
    fields = [level.to_bytes(4, "big"), round_.to_bytes(4, "big"), bytes([variant] * 32)]
    return b"\x13" + CHAIN_ID + bytes(32) + b"\x15" + bytes(2) + b"".join(fields)


def block(level, round_):
    round_ = round_.to_bytes(4, "big")
    fitness = b"".join(len(part).to_bytes(4, "big") + part for part in [b"\x02", level.to_bytes(4, "big"), b"", b"\xff" * 4, round_])
    header = [level.to_bytes(4, "big"), b"\x01", bytes(32), bytes(8), b"\x04", bytes(32), len(fitness).to_bytes(4, "big"), fitness, bytes(32)]
    return b"\x11" + CHAIN_ID + b"".join(header) + bytes(32) + bytes(4) + bytes(8) + bytes([0, 0])


class Program:
    """A program that answers requests to sign."""

    def __init__(self, arguments, settings):
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
    """A signer with the embedded vault and store."""

    def __init__(self, folder, settings):
        self.metrics = f"127.0.0.1:{free_port()}"
        defaults = {"LOCAL_DATA_DIR": str(folder), "SIGNER_LISTEN": "127.0.0.1:0", "METRICS_LISTEN": self.metrics}
        super().__init__([], defaults | settings)
        self.key = json.loads(get(f"http://{self.address}/keys"))[0]["public_key_hash"]

    def scrape(self):
        return get(f"http://{self.metrics}/metrics")


class Relay(Program):
    """A relay in front of a signer."""

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


class Prometheus:
    """A Prometheus that scrapes one target every 200 ms."""

    def __init__(self, folder, target):
        folder = pathlib.Path(folder)
        config = folder / "prometheus.yml"
        jobs = [{"job_name": "signer", "static_configs": [{"targets": [target]}]}]
        config.write_text(json.dumps({"global": {"scrape_interval": "200ms", "scrape_timeout": "200ms"}, "scrape_configs": jobs}))
        self.address = f"127.0.0.1:{free_port()}"
        options = [f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={self.address}"]
        self.process = subprocess.Popen(["prometheus", "--log.level=error", *options])

    def query(self, query):
        """The result of a query: values by labels; nothing while Prometheus is starting."""
        encoded = urllib.parse.urlencode({"query": query})
        try:
            answer = json.loads(get(f"http://{self.address}/api/v1/query?{encoded}"))
        except (urllib.error.URLError, ConnectionError):
            return {}
        result = answer["data"]["result"]
        return {tuple(sorted(entry["metric"].items())): float(entry["value"][1]) for entry in result}

    def end(self):
        self.process.terminate()
        self.process.wait(TIMEOUT)

"""Entra ID as pods see it: exchanges the token of a service account for an access token, over TLS. The access tokens are those of the
stand-ins' managed identity, so that the stand-ins of Key Vault and Cosmos DB accept them."""

import json
import ssl
import subprocess
import threading
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TENANT = "0f0e0d0c-0b0a-4908-8706-050403020100"
CLIENT = "10111213-1415-4617-9819-1a1b1c1d1e1f"
SERVICE_ACCOUNT_TOKEN = "the token of the service account"


class Entra:
    def __init__(self, folder, identity_endpoint, identity_header):
        self.certificate = folder / "entra.pem"
        key = folder / "entra.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
            + ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"]
            + ["-keyout", key, "-out", self.certificate],
            check=True,
            capture_output=True,
        )
        entra = self
        self.exchanges = 0

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                form = dict(urllib.parse.parse_qsl(body))
                expected = {"client_id": CLIENT, "client_assertion": SERVICE_ACCOUNT_TOKEN, "grant_type": "client_credentials"}
                if self.path != f"/{TENANT}/oauth2/v2.0/token" or not expected.items() <= form.items():
                    self.send_error(400)
                    return
                resource = urllib.parse.quote(form["scope"].removesuffix("/.default"))
                address = f"{identity_endpoint}?api-version=2019-08-01&resource={resource}"
                headers = {"x-identity-header": identity_header, "metadata": "true"}
                with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
                    token = json.load(answer)["access_token"]
                entra.exchanges += 1
                body = json.dumps({"token_type": "Bearer", "expires_in": 3600, "access_token": token}).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def variables(self):
        """What the webhook of workload identity adds to a pod, apart from AZURE_FEDERATED_TOKEN_FILE."""
        address = f"https://localhost:{self.server.server_port}/"
        return {"AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": CLIENT, "AZURE_AUTHORITY_HOST": address}

    def close(self):
        self.server.shutdown()
        self.server.server_close()

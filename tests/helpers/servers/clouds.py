"""Google Cloud and Azure at the HTTP level: a proxy on loopback that answers in their place and records each request.

Ray's own provider code and the providers' own clients run unchanged; they reach this proxy through
HTTPS_PROXY and accept its certificates as the cloud's; nothing leaves the machine.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.helpers.servers.certificates import AUTHORITY, make_certificate

HOSTS = ["*.googleapis.com", "*.azure.com", "login.microsoftonline.com"]
TRUST_VARIABLES = ("REQUESTS_CA_BUNDLE", "HTTPLIB2_CA_CERTS", "SSL_CERT_FILE")
PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")


@dataclass(frozen=True)
class Asked:
    """One request as the cloud would have seen it."""

    method: str
    host: str
    path: str
    body: Any


Answer = Callable[[Asked], tuple[int, Any]]


@contextmanager
def fake_cloud(folder: Path, patch: pytest.MonkeyPatch, answer: Answer) -> Iterator[list[Asked]]:
    """Point this process's clients at ``answer``; yields the list that every request is added to."""
    asked: list[Asked] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = make_certificate(folder, HOSTS)
    context.load_cert_chain(certificate.with_suffix(".pem"), certificate.with_suffix(".key"))

    class Handler(_Proxy):
        tls = context

        def reply(self, request: Asked) -> tuple[int, Any]:
            asked.append(request)
            return answer(request)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    for name in PROXY_VARIABLES:
        patch.setenv(name, f"http://127.0.0.1:{server.server_address[1]}")
    for name in TRUST_VARIABLES:
        patch.setenv(name, str(folder / AUTHORITY))
    for name in ("NO_PROXY", "no_proxy"):
        patch.delenv(name, raising=False)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield asked
    finally:
        server.shutdown()
        server.server_close()


class _Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    tls: ssl.SSLContext
    host = ""

    def reply(self, request: Asked) -> tuple[int, Any]:
        """The cloud's answer; set by ``fake_cloud``."""
        raise NotImplementedError

    def do_CONNECT(self) -> None:  # noqa: N802 - the name that http.server calls
        self.host = self.path.partition(":")[0]
        self.send_response(200)
        self.end_headers()
        self.connection = self.request = self.tls.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.close_connection = False  # a client that speaks HTTP/1.0 here continues

    def do_GET(self) -> None:  # noqa: N802
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length).decode() if length else ""
        address = urlsplit(self.path)
        as_json = raw and "json" in self.headers.get("Content-Type", "")
        request = Asked(
            self.command, self.host or address.hostname or "", address.path, json.loads(raw) if as_json else raw
        )
        status, content = self.reply(request)
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def log_message(self, *_: object) -> None:
        """No line on the terminal for each request."""


def google(asked: Asked) -> tuple[int, Any]:
    """Google Cloud's answers to ``ray up``, in the shapes of its REST reference."""
    operation = {"kind": "compute#operation", "name": "operation-1", "status": "DONE"}
    account = {"projectId": "your-project", "email": "ray-autoscaler-sa-v1@your-project.iam.gserviceaccount.com"}
    match asked.host.partition(".")[0], asked.method, asked.path:
        case "oauth2", "POST", "/token":
            return 200, {"access_token": "a-token", "expires_in": 3600, "token_type": "Bearer"}
        case "cloudresourcemanager", "POST", path if path.endswith(":getIamPolicy"):
            return 200, {"version": 1, "etag": "BwX", "bindings": []}
        case "cloudresourcemanager", "POST", path if path.endswith(":setIamPolicy"):
            return 200, asked.body["policy"]
        case "cloudresourcemanager", "GET", _:
            return 200, {"projectId": "your-project", "projectNumber": "1", "lifecycleState": "ACTIVE"}
        case "iam", "GET", _:
            return 404, {"error": {"code": 404, "message": "Unknown service account", "status": "NOT_FOUND"}}
        case "iam", "POST", _:
            return 200, account
        case "compute", "GET", path if path.endswith("/subnetworks"):
            return 200, {"items": [{"name": "default", "selfLink": f"https://compute.googleapis.com{path}/default"}]}
        case "compute", "GET", path if path.endswith("/instances"):
            return 200, {"kind": "compute#instanceList"}
        case "compute", "GET", "/compute/v1/projects/your-project":
            return 200, {"name": "your-project", "commonInstanceMetadata": {"fingerprint": "x", "items": []}}
        case "compute", _, _:
            return 200, operation
    return 404, {"error": {"code": 404, "message": f"there is nothing at {asked.host}{asked.path}"}}


def azure(asked: Asked) -> tuple[int, Any]:
    """Azure Resource Manager's answers to ``ray up``, in the shapes of its REST reference."""
    size = {"resourceType": "virtualMachines", "name": "Standard_D4s_v5", "locations": ["westus2"]}
    outputs = {name: {"type": "String", "value": f"/id/of/{name}"} for name in ("msi", "nsg", "subnet")}
    if asked.host != "management.azure.com":
        return 404, {}
    match asked.method, asked.path:
        case "PUT", path if "/deployments/" in path:
            succeeded = {"provisioningState": "Succeeded", "outputs": outputs}
            return 200, {"id": path, "name": path.rpartition("/")[2], "properties": succeeded}
        case "PUT", path if re.search("/resourcegroups/[^/]+$", path, re.IGNORECASE):
            return 200, {"id": path, "location": asked.body["location"], "properties": {}}
        case "GET", path if path.endswith("/skus"):
            return 200, {"value": [size | {"locationInfo": [{"location": "westus2", "zones": ["1", "2", "3"]}]}]}
        case "GET", path if path.endswith(("/resources", "/virtualMachines")):
            return 200, {"value": []}
    return 404, {"error": {"code": "ResourceNotFound", "message": "The Resource was not found."}}

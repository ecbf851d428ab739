"""Generated requests: every route by its schema, and pictures broken in every way."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.helpers.clients.screens import ADMIN_TOKEN
from tests.helpers.samples import pictures

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# Each call of these would train a model, discard a version that other tests need, or take a process away.
NOT_ASKED = (
    "submit_jobs_post",
    "discard_models__name__versions__version__discard_post",
    "kill_cluster_kill_post",
)


def ask_every_route(url: str, examples: int, folder: Path) -> int:
    """Run schemathesis as the admin, with requests that ``/api/openapi.json`` allows and requests that it does not.

    Fails with its report when a reply is a 5xx or not as documented; returns the number of requests.
    """
    ended = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            "run",
            f"{url}/api/openapi.json",
            *("--max-examples", str(examples)),
            *("--phases", "examples,coverage,fuzzing"),
            *("--checks", CHECKS),
            *("--header", f"Authorization: Bearer {ADMIN_TOKEN}"),
            *("--seed", "1"),
            *("--request-timeout", "120"),  # a promotion on a busy machine takes longer than the usual 10 s
            *(word for name in NOT_ASKED for word in ("--exclude-operation-id", name)),
            "--continue-on-failure",
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=540,
    )
    assert ended.returncode == 0, ended.stdout[-6000:]
    generated = re.search(r"([\d,]+) generated", ended.stdout)
    assert generated, ended.stdout[-2000:]
    return int(generated[1].replace(",", ""))


def request_of(seed: int) -> dict[str, Any]:
    """A request with a broken picture, in one of the three forms of a body; options of ``httpx``."""
    data = pictures.broken(seed)
    forms: list[dict[str, Any]] = [
        {"files": [("file", ("picture", data))]},
        {"content": data, "headers": {"Content-Type": "image/png"}},
        {"json": {"images": [base64.b64encode(data).decode()]}},
    ]
    return forms[seed % 3]

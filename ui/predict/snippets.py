"""Runnable Python code that repeats a call of the page with `requests`."""

from __future__ import annotations

import json

import gradio as gr

from ui.kit.client import TOP_K

FROM_FILE = """\
import requests

API = {api}

with open({filename}, "rb") as file:
    reply = requests.post(f"{{API}}/{model}/predict", params={{"top_k": {top_k}}}, files={{"file": file}}, timeout=30)
reply.raise_for_status()
answer = reply.json()["predictions"][0]
print(answer["label"], answer["probability"])
"""

FROM_EXAMPLE = """\
import base64

import requests

API = {api}

wanted = {{"n": {count}, "seed": {seed}}}
reply = requests.get(f"{{API}}/models/{model}/examples", params=wanted, timeout=30)
reply.raise_for_status()
example = next(item for item in reply.json()["examples"] if item["id"] == {example})

picture = base64.b64decode(example["image"])
reply = requests.post(f"{{API}}/{model}/predict", params={{"top_k": {top_k}}}, files={{"file": picture}}, timeout=30)
reply.raise_for_status()
answer = reply.json()["predictions"][0]
print(answer["label"], answer["probability"])
"""

FROM_ROW = """\
import requests

API = {api}

row = {row}

reply = requests.post(f"{{API}}/{model}/predict", params={{"explain": "true"}}, json=row, timeout=30)
reply.raise_for_status()
answer = reply.json()["predictions"][0]
print(answer["label"], answer["{probability}"])
"""

FROM_BATCH = """\
{imports}

API = {api}
{headers}
{upload}wanted = {{"kind": "batch_predict", "model": "{model}", "config": {config}}}
reply = requests.post(f"{{API}}/jobs", json=wanted{sent}, timeout=30)
reply.raise_for_status()
job = reply.json()
while job["state"] in ("queued", "running", "stopping"):
    time.sleep(1)
    reply = requests.get(f"{{API}}/jobs/{{job['id']}}", timeout=30)
    reply.raise_for_status()
    job = reply.json()
print(job["state"], job["error"] or job["result"])

reply = requests.get(f"{{API}}/jobs/{{job['id']}}/files/predictions.csv", timeout=600)
reply.raise_for_status()
with open("predictions.csv", "wb") as file:
    file.write(reply.content)
"""

HEADERS = """\
HEADERS = {"Authorization": f"Bearer {os.environ['AIR_ADMIN_TOKEN']}"}
"""

ONE_FILE = """\
with open({filename}, "rb") as file:
    files = {{"file": file}}
    reply = requests.post(f"{{API}}/uploads", params={{"model": "{model}"}}, files=files{sent}, timeout=600)
"""

MANY_FILES = """\
files = [("file", (path.name, path.read_bytes())) for path in Path("pictures").iterdir()]
reply = requests.post(f"{{API}}/uploads", params={{"model": "{model}"}}, files=files{sent}, timeout=600)
"""

CHECKED = """\
reply.raise_for_status()
upload = reply.json()
print(upload["good"], "of", upload["rows"], "can be read", upload["problems"])

"""


def public_api(request: gr.Request, public_url: str | None) -> str:
    """The API's address as the person's own machine reaches it: the page's origin, unless another one is given."""
    if public_url:
        return public_url.rstrip("/")
    headers = request.headers
    scheme = headers.get("x-forwarded-proto", request.url.scheme).split(",")[0].strip()
    host = headers.get("x-forwarded-host", headers.get("host", request.url.netloc)).split(",")[0].strip()
    return f"{scheme}://{host}{request.request.scope.get('root_path', '').rstrip('/')}/api"


def picture_code(api: str, model: str, filename: str) -> str:
    """Code that posts a file of the person's own."""
    return FROM_FILE.format(api=_text(api), filename=_text(filename), model=model, top_k=TOP_K)


def example_code(api: str, model: str, example: str, count: int, seed: int) -> str:
    """Code that fetches one of `count` example pictures and posts it."""
    return FROM_EXAMPLE.format(api=_text(api), example=_text(example), count=count, seed=seed, model=model, top_k=TOP_K)


def row_code(api: str, model: str, row: dict[str, float], probability: str) -> str:
    """Code that posts the row of the form; `probability` is the field that it prints beside the label."""
    return FROM_ROW.format(api=_text(api), row=json.dumps(row, indent=4), model=model, probability=probability)


def batch_code(api: str, model: str, names: list[str], version: str, *, token: bool) -> str:
    """Code that uploads files of these names, or none for the test set, waits, and saves the result.

    With `token` it sends the admin's token, from the environment of whoever runs it.
    """
    sent = ", headers=HEADERS" if token else ""
    upload = ""
    if names:
        template = ONE_FILE if len(names) == 1 else MANY_FILES
        upload = template.format(filename=_text(names[0]), model=model, sent=sent) + CHECKED
    imports = ["import time", *(["from pathlib import Path"] if len(names) > 1 else []), "", "import requests"]
    return FROM_BATCH.format(
        imports="\n".join((["import os"] if token else []) + imports),
        api=_text(api),
        headers=HEADERS if token else "",
        upload=upload,
        model=model,
        config=f'{{"upload": {"upload[" + _text("id") + "]" if names else "None"}, "version": {_text(version)}}}',
        sent=sent,
    )


def _text(value: str) -> str:
    """A Python string literal in double quotes."""
    return json.dumps(value, ensure_ascii=False)

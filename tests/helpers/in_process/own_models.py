"""A studio with models of a person's own, as replies of the API alone: nothing is trained, nothing is kept.

with OwnModels(studio) as own:     # a page at own.url, on the studio's API and these replies
    own.begin("penguins")          # with this model
    own.created                    # the requests to POST /models
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from tests.helpers.in_process.studio import Served, Studio
from tests.helpers.samples import own_models as samples

Json = dict[str, Any]
MODEL = re.compile(r"/api/models/([a-z0-9-]+)(?:/(features|examples|presets|options|history|searches))?")
WHEN = "2026-11-23T10:00:00+00:00"


class OwnModels(Served):
    """A page on a studio's API, to which own models and data sets are added."""

    def __init__(self, studio: Studio, *names: str) -> None:
        from app import build_page

        self._studio = studio
        self.begin(*names)
        super().__init__(build_page(studio.settings, httpx.ASGITransport(self.answer)))

    def begin(self, *names: str) -> None:
        """Only these models, and nothing done yet."""
        self.models = {name: samples.MODELS[name] for name in names}
        self.created: list[Json] = []
        self.forgotten: list[str] = []
        self.asked: list[Json] = []
        self.sent: list[bytes] = []
        self.jobs: list[Json] = []
        self.state = "running"

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The API, as the page reaches it."""
        request = Request(scope, receive)
        reply = await self._own(request)
        if reply is None:
            reply = await self._passed_on(request)
        await reply(scope, receive, send)

    async def _passed_on(self, request: Request) -> Response:
        """The studio's reply, with what is added to lists."""
        body = await request.body()
        transport = httpx.ASGITransport(self._studio)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:7860") as http:
            headers = [(name, value) for name, value in request.headers.raw if name != b"host"]
            reply = await http.request(
                request.method, str(request.url).replace(str(request.base_url), "/"), content=body, headers=headers
            )
        content, path = reply.content, request.url.path
        if path == "/api/models":
            content = _with(content, "models", self.models.values())
        if path == "/api/jobs":
            content = _with(content, "jobs", [job | self._now() for job in self.jobs])
        if path == "/api/readyz":
            found = json.loads(content)
            found["models"] |= dict.fromkeys(self.models, "ready")
            content = json.dumps(found).encode()
        return Response(content, reply.status_code, media_type=reply.headers.get("content-type"))

    def _now(self) -> Json:
        done = {"share": 1.0 if self.state == "succeeded" else 0.4, "stage": "training", "note": {}}
        return {"state": self.state, "progress": done}

    async def _own(self, request: Request) -> Response | None:
        method, path = request.method, request.url.path
        match method, path:
            case "POST", "/api/datasets":
                return self._profile(request.query_params["family"], await request.body())
            case "DELETE", _ if path.startswith("/api/datasets/"):
                self.forgotten.append(path.rpartition("/")[2])
                return Response(status_code=204)
            case "GET", "/api/datasets/d1":
                return self._suspicious(request.query_params["target"])
            case "POST", "/api/models":
                return self._create(await request.json())
            case "POST", "/api/jobs":
                return self._queue(await request.json())
        for name in self.models:
            if path == f"/api/{name}/predict":
                return self._predict(name, await request.json())
        found = MODEL.fullmatch(path)
        if found is None or found[1] not in self.models:
            return None
        if method == "DELETE":
            del self.models[found[1]]
            return Response(status_code=204)
        return self._about(found[1], found[2])

    def _profile(self, family: str, body: bytes) -> Response:
        self.sent.append(body)
        if b"no header" in body:
            return _refused(422, "line 1: the first line must name the columns.")
        return JSONResponse(samples.TABLE if family == "table" else samples.PICTURES, 201)

    def _suspicious(self, target: str) -> Response:
        """The table's profile with another target, which one column gives away."""
        if target == "ordered":
            return _refused(422, "Column 'ordered' holds dates; a target is a class or a number.")
        leak = f"It alone predicts '{target}' with an R² of 0.990."
        columns = [
            one | {"warnings": [*one["warnings"], leak]} if one["name"] == "colour" else one
            for one in samples.TABLE["columns"]
        ]
        return JSONResponse(samples.TABLE | {"columns": columns})

    def _create(self, wanted: Json) -> Response:
        self.created.append(wanted)
        if wanted["name"] in self.models:
            return _refused(409, f"There is a model {wanted['name']} already; choose another name.")
        family = "image" if wanted["dataset"] == samples.PICTURES["dataset"] else "table"
        words = {key: wanted[key] for key in ("title", "question") if key in wanted}
        described = samples.about(wanted["name"], family, **words)
        if family == "table":
            described |= {"kind": "binary", "positive": "yes"}
        self.models[wanted["name"]] = samples.model(wanted["name"], described, ["no", "yes"])
        return JSONResponse(self.models[wanted["name"]], 201)

    def _queue(self, wanted: Json) -> Response | None:
        job = wanted | {"id": f"job{len(self.jobs)}", "state": "running", "position": None, "eta_s": 4.0}
        job |= {"created": WHEN, "started": WHEN, "ended": None, "error": None, "result": {}, "metrics": []}
        self.jobs.insert(0, job)
        return JSONResponse(job | self._now(), 202)

    def _predict(self, name: str, row: Json) -> Response:
        self.asked.append(row)
        reply = {"predictions": [samples.answer(name, row)], "model": {"name": name, "version": "1"}}
        return JSONResponse(reply | {"latency_ms": 1.2})

    def _about(self, name: str, part: str | None) -> Response:
        known = samples.FEATURES.get(name, [])
        row, truth = samples.ROWS.get(name), samples.TRUTHS.get(name)
        replies: dict[str | None, Json] = {
            None: self.models[name],
            "features": {"features": known},
            "examples": {"examples": [{"id": "0", "label": truth, "row": row}] if row else []},
            "presets": {"presets": [{"preset": "default", "minutes": None, "gives": "", "config": {}, "needs": ""}]},
            "options": {kind: {"properties": {}} for kind in ("train", "tune", "batch_predict")},
            "history": {"moves": []},
            "searches": {"searches": [], "tunable": {}},
        }
        return JSONResponse({"name": name} | replies[part])


def _with(content: bytes, key: str, more: Iterable[Json]) -> bytes:
    found = json.loads(content)
    if key in found:
        found[key] = [*more, *found[key]] if key == "jobs" else [*found[key], *more]
    return json.dumps(found).encode()


def _refused(status: int, sentence: str) -> Response:
    return JSONResponse({"error": {"code": "refused", "message": sentence}, "request_id": "r"}, status)

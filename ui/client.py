"""The one HTTP client of the user interface: every answer on the page comes through it.

Not run by itself; `python -m ui` runs the screens that use it. All failures are raised as
ApiError, whose text is a sentence for the person in front of the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

IMAGES, TABLE = "cifar10", "breast-cancer"
TIMEOUT = httpx.Timeout(30, connect=3)
# Every replica loads a version and checks it before the call returns.
MOVE_TIMEOUT = httpx.Timeout(120, connect=3)
TOP_K = 5
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
NOT_UP = "The service does not answer: it is starting, or it is down."
TOO_SLOW = "The service took too long to answer."
LOG_LINES = 60

# What a visitor's own request said about them, and their token: sent along when something is changed.
Headers = Sequence[tuple[bytes, bytes]]


class ApiError(Exception):
    """What went wrong, in the server's own sentence where it gave one."""

    def __init__(self, message: str, *, passing: bool = False, status: int = 0, detail: Any = None) -> None:
        """`passing` is true when the same call may well succeed in a few seconds."""
        super().__init__(message)
        self.passing = passing
        self.status = status
        self.detail = detail


class Client:
    """The routes of the API that the screens need."""

    def __init__(self, api_url: str) -> None:
        self.url = api_url.rstrip("/")
        # A proxy from the environment must not stand between this process and the same machine.
        direct = urlsplit(self.url).hostname in LOOPBACK
        self._http = httpx.AsyncClient(timeout=TIMEOUT, trust_env=not direct)
        self._features: list[dict[str, Any]] = []
        self._evaluations: dict[tuple[str, str], dict[str, Any]] = {}
        self._presets: dict[str, list[dict[str, Any]]] = {}

    async def states(self) -> dict[str, str]:
        """For each model `ready`, or what it is doing."""
        reply = await self._send("GET", "/readyz")
        body = _body(reply)
        if isinstance(body, dict) and isinstance(body.get("models"), dict):
            return body["models"]
        raise _error(reply, body)

    async def access(self, headers: Headers) -> dict[str, str]:
        """What a visitor with these headers may change: `changes` is open, token or off."""
        return await self._json("GET", "/access", headers=headers)

    async def token_is_right(self, headers: Headers) -> bool:
        """Whether these headers carry the admin's token: a change of nothing is asked for."""
        reply = await self._send("POST", "/jobs/none/cancel", headers=headers)
        if reply.status_code in (401, 404):
            return reply.status_code == 404
        raise _error(reply, _body(reply))

    async def models(self) -> list[dict[str, Any]]:
        """All models with their versions and the replicas that serve them."""
        return (await self._json("GET", "/models"))["models"]

    async def model(self, name: str) -> dict[str, Any]:
        """One model with its labels, versions and replicas."""
        return await self._json("GET", f"/models/{name}")

    async def features(self, *, fresh: bool = False) -> list[dict[str, Any]]:
        """Name, group, unit, range, median and step of each column of the table model; remembered unless `fresh`."""
        if fresh or not self._features:
            self._features = (await self._json("GET", f"/models/{TABLE}/features"))["features"]
        return self._features

    async def examples(self, name: str, count: int, seed: int) -> list[dict[str, Any]]:
        """Validation pictures or rows with their true labels; the same ones for the same seed."""
        options = {"n": count, "seed": seed}
        return (await self._json("GET", f"/models/{name}/examples", params=options))["examples"]

    async def evaluation(self, name: str, version: str) -> dict[str, Any]:
        """Figures of a version on held-out data; a version never changes, so it is asked for once."""
        key = (name, version)
        if key not in self._evaluations:
            self._evaluations[key] = await self._json("GET", f"/models/{name}/versions/{version}/evaluation")
        return self._evaluations[key]

    async def predict_image(self, data: bytes, filename: str) -> dict[str, Any]:
        """The image model's answer to the bytes of one file, with the picture that it saw."""
        return await self._json(
            "POST",
            f"/{IMAGES}/predict",
            params={"top_k": TOP_K, "view": "true"},
            files={"file": (filename, data)},
        )

    async def predict_row(self, row: dict[str, float]) -> dict[str, Any]:
        """The table model's answer to one row, with what each feature contributed."""
        return await self._json("POST", f"/{TABLE}/predict", params={"explain": "true"}, json=row)

    async def presets(self, name: str) -> list[dict[str, Any]]:
        """Ready-made trainings of a model, quickest first; they never change, so they are asked for once."""
        if name not in self._presets:
            self._presets[name] = (await self._json("GET", f"/models/{name}/presets"))["presets"]
        return self._presets[name]

    async def champion(self, name: str) -> dict[str, Any]:
        """Figures of the version that is champion now."""
        return await self._json("GET", f"/models/{name}/versions/champion/evaluation")

    async def history(self, name: str) -> list[dict[str, Any]]:
        """Every promotion and rollback, newest first."""
        return (await self._json("GET", f"/models/{name}/history"))["moves"]

    async def jobs(self) -> list[dict[str, Any]]:
        """Every job, newest first, each with its last figures."""
        return (await self._json("GET", "/jobs"))["jobs"]

    async def job(self, job_id: str) -> dict[str, Any]:
        """One job with the figures of every step."""
        return await self._json("GET", f"/jobs/{quote(job_id, safe='')}")

    async def log(self, job_id: str) -> str:
        """The last lines that a job printed."""
        return (await self._json("GET", f"/jobs/{quote(job_id, safe='')}/logs", params={"lines": LOG_LINES}))["log"]

    async def train(self, name: str, config: dict[str, Any], headers: Headers) -> dict[str, Any]:
        """Queue a training; the job as it was queued."""
        wanted = {"kind": "train", "model": name, "config": config}
        return await self._json("POST", "/jobs", json=wanted, headers=headers)

    async def cancel(self, job_id: str, headers: Headers) -> dict[str, Any]:
        """Stop a job, whatever it is doing."""
        return await self._json("POST", f"/jobs/{quote(job_id, safe='')}/cancel", headers=headers)

    async def resume(self, job_id: str, headers: Headers) -> dict[str, Any]:
        """Queue a job again that did not succeed."""
        return await self._json("POST", f"/jobs/{quote(job_id, safe='')}/resume", headers=headers)

    async def promote(self, name: str, wanted: dict[str, Any], headers: Headers) -> dict[str, Any]:
        """Put a version into service; `wanted` names it and may have a reason and force. The model's new state."""
        return await self._json("POST", f"/models/{name}/promote", json=wanted, headers=headers, timeout=MOVE_TIMEOUT)

    async def rollback(self, name: str, reason: str, headers: Headers) -> dict[str, Any]:
        """Put the version that was champion before into service again. The model's new state."""
        return await self._json(
            "POST", f"/models/{name}/rollback", json={"reason": reason}, headers=headers, timeout=MOVE_TIMEOUT
        )

    async def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        reply = await self._send(method, path, **options)
        body = _body(reply)
        if reply.is_success and isinstance(body, dict):
            return body
        raise _error(reply, body)

    async def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return await self._http.request(method, self.url + path, **options)
        except httpx.TimeoutException as error:
            raise ApiError(TOO_SLOW, passing=True) from error
        except httpx.HTTPError as error:
            raise ApiError(NOT_UP, passing=True) from error


def _body(reply: httpx.Response) -> Any:
    try:
        return reply.json()
    except ValueError:
        return None


def _error(reply: httpx.Response, body: Any) -> ApiError:
    busy = reply.status_code in (408, 429) or reply.status_code >= 502
    match body:
        case {"error": {"message": str(message), **rest}}:
            return ApiError(message, passing=busy, status=reply.status_code, detail=rest.get("detail"))
    # Not in the API's own shape: the proxy answered because the model's application is not up yet.
    return ApiError(NOT_UP, passing=busy or reply.status_code in (404, 500), status=reply.status_code)

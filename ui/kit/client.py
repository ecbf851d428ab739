"""The one HTTP client of the page: every answer comes through it.

All failures are raised as ApiError, whose text is a sentence for the person in front of the page.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, BinaryIO
from urllib.parse import quote

import httpx

from ui.kit.http import ApiError, Connection, Headers, body_of, error_of
from ui.kit.models import Models, Shown, shown

__all__ = ["ApiError", "Client", "Headers"]

# Every replica loads a version and checks it before the call returns.
MOVE_TIMEOUT = httpx.Timeout(120, connect=3)
# Two versions answer the whole validation set when they are put side by side for the first time.
DIFFERENCES_TIMEOUT = httpx.Timeout(120, connect=3)
DIFFERENCES = 24
# A large upload is passed on, and each picture of it is checked.
UPLOAD_TIMEOUT = httpx.Timeout(600, connect=3)
# A process is killed, and the call returns when another works in its place.
KILL_TIMEOUT = httpx.Timeout(150, connect=3)
TOP_K = 5
LOG_LINES = 60
# In place of a model's title: an example belongs to the chapter.
CHAPTER = "Chapter"


class Client(Connection):
    """The routes of the API that the screens need."""

    async def states(self) -> dict[str, str]:
        """For each model `ready`, or what it is doing."""
        reply = await self._send("GET", "/readyz")
        body = body_of(reply)
        if isinstance(body, dict) and isinstance(body.get("models"), dict):
            return body["models"]
        raise error_of(reply, body)

    async def about(self) -> dict[str, Any]:
        """The server's limits, and the kinds and states of jobs in words; requested once."""
        return await self._once("/about")

    async def described(self) -> dict[str, dict[str, Any]]:
        """What each model is, by name: family, title, gate, figures, and the champion's labels.

        As of the last ``models``: the header calls it.
        """
        if not self._about:
            await self.models()
        return self._about

    async def catalogue(self) -> Models:
        """The same as the page shows it."""
        return {name: shown(name, about) for name, about in (await self.described()).items()}

    async def shown(self, name: str | None) -> Shown:
        """One of them. Raises ApiError for a model that is gone."""
        found = (await self.catalogue()).get(name or "")
        if found is None:
            raise ApiError("This model is no longer there. Choose another one.", status=404)
        return found

    async def options(self, name: str) -> dict[str, Any]:
        """For each kind of job the JSON Schema of its options; requested once."""
        return await self._once(f"/models/{name}/options")

    async def access(self, headers: Headers) -> dict[str, str]:
        """What a visitor with these headers may change: `changes` is open, token or off."""
        return await self._json("GET", "/access", headers=headers)

    async def token_is_right(self, headers: Headers) -> bool:
        """Whether these headers carry the admin's token: tries a change of nothing."""
        reply = await self._send("POST", "/jobs/none/cancel", headers=headers)
        if reply.status_code in (401, 404):
            return reply.status_code == 404
        raise error_of(reply, body_of(reply))

    async def models(self) -> list[dict[str, Any]]:
        """All models with their versions and the replicas that serve them."""
        found = (await self._json("GET", "/models"))["models"]
        about = {model["name"]: model["about"] | {"labels": model["labels"]} for model in found}
        for name, before in self._about.items():
            if about.get(name) != before:  # another one may get its name
                self._forget(f"/models/{name}/")
        self._about = about
        return found

    async def model(self, name: str) -> dict[str, Any]:
        """One model with its labels, versions and replicas."""
        return await self._json("GET", f"/models/{name}")

    async def features(self, name: str) -> list[dict[str, Any]]:
        """Name, group, unit, range, median and step of each column of a table model."""
        return (await self._json("GET", f"/models/{name}/features"))["features"]

    async def examples(self, name: str, count: int, seed: int) -> list[dict[str, Any]]:
        """Validation pictures or rows with their true labels; the same ones for the same seed."""
        options = {"n": count, "seed": seed}
        return (await self._json("GET", f"/models/{name}/examples", params=options))["examples"]

    async def evaluation(self, name: str, version: str) -> dict[str, Any]:
        """Figures of a version on held-out data; fetched once, since a version never changes."""
        return await self._once(f"/models/{name}/versions/{version}/evaluation")

    async def predict_image(self, name: str, data: bytes, filename: str, headers: Headers) -> dict[str, Any]:
        """An image model's answer to the bytes of one file, with the picture that it saw."""
        return await self._json(
            "POST",
            f"/{name}/predict",
            params={"top_k": await self._classes(name), "view": "true"},
            files={"file": (filename, data)},
            headers=headers,
        )

    async def _classes(self, name: str) -> int:
        """How many classes an answer names: TOP_K, or all of a model with fewer."""
        known = (await self.described()).get(name, {}).get("labels") or []
        return min(TOP_K, len(known) or TOP_K)

    async def predict_row(self, name: str, row: dict[str, float], headers: Headers) -> dict[str, Any]:
        """A table model's answer to one row, with what each feature contributed."""
        return await self._json("POST", f"/{name}/predict", params={"explain": "true"}, json=row, headers=headers)

    async def compare_images(self, name: str, version: str, data: bytes, headers: Headers) -> dict[str, Any]:
        """What the champion and a version answer to the bytes of one picture."""
        options = {"version": version, "top_k": await self._classes(name)}
        files = {"file": ("picture", data)}
        return await self._json("POST", f"/{name}/compare", params=options, files=files, headers=headers)

    async def compare_rows(self, name: str, version: str, row: dict[str, Any], headers: Headers) -> dict[str, Any]:
        """What the champion and a version answer to one row."""
        options = {"version": version}
        return await self._json("POST", f"/{name}/compare", params=options, json=row, headers=headers)

    async def differences(self, name: str, version: str, champion: str) -> dict[str, Any]:
        """Where a version and the champion answer the validation set differently; fetched once for each pair."""
        path = f"/models/{name}/versions/{quote(version, safe='')}/differences"
        return await self._once(path, params={"against": champion, "n": DIFFERENCES}, timeout=DIFFERENCES_TIMEOUT)

    async def corrections(self) -> list[dict[str, Any]]:
        """Every kept correction of an answer about a picture, newest first."""
        return (await self._json("GET", "/corrections"))["corrections"]

    async def correct(self, correction: dict[str, Any], headers: Headers) -> dict[str, Any]:
        """Keep a correction: the picture, what it is, what was answered and by which version."""
        return await self._json("POST", "/corrections", json=correction, headers=headers)

    async def remove_correction(self, correction: str, headers: Headers) -> None:
        """Forget a correction."""
        await self._json("DELETE", f"/corrections/{quote(correction, safe='')}", headers=headers)

    async def presets(self, name: str) -> list[dict[str, Any]]:
        """Ready-made trainings of a model, quickest first."""
        return (await self._json("GET", f"/models/{name}/presets"))["presets"]

    async def searches(self, name: str) -> dict[str, Any]:
        """Ready-made searches of a model, and what may be tried at all; fetched once."""
        return await self._once(f"/models/{name}/searches")

    async def studies(self) -> list[dict[str, Any]]:
        """Every study without its trials, newest first; ``about`` describes its state and model."""
        return await self._explained((await self._json("GET", "/tuning"))["studies"])

    async def study(self, study: str) -> dict[str, Any]:
        """One study with every trial, and the words of its parameters as ``tunable``."""
        found = await self._json("GET", f"/tuning/{quote(study, safe='')}")
        searches = await self.searches(found["model"])
        return found | {"tunable": searches["of_learners"] | searches["tunable"]}

    async def chapter(self) -> list[dict[str, Any]]:
        """The chapter's sections in its order, each with its program; fetched once."""
        return (await self._once("/examples"))["examples"]

    async def picture(self, job_id: str) -> bytes | None:
        """The picture that an example has drawn; None while there is none."""
        reply = await self._send("GET", f"/jobs/{quote(job_id, safe='')}/picture")
        if reply.is_success or reply.status_code == 404:
            return reply.content if reply.is_success else None
        raise error_of(reply, body_of(reply))

    async def champion(self, name: str) -> dict[str, Any]:
        """Figures of the version that is champion now."""
        return await self._json("GET", f"/models/{name}/versions/champion/evaluation")

    async def history(self, name: str) -> list[dict[str, Any]]:
        """Every promotion and rollback, newest first."""
        return (await self._json("GET", f"/models/{name}/history"))["moves"]

    async def jobs(self) -> list[dict[str, Any]]:
        """Every job, newest first, each with its last figures; ``about`` describes its state, kind and model."""
        return await self._explained((await self._json("GET", "/jobs"))["jobs"])

    async def _explained(self, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Jobs or studies with what the API says of their states, kinds and models."""
        about, models = await asyncio.gather(self.about(), self.described())
        states = {state["state"]: state for state in about["job_states"]}
        kinds = {kind["kind"]: kind for kind in about["job_kinds"]}
        return [
            each
            | {
                "about": {
                    "state": states[each["state"]],
                    "kind": kinds[each.get("kind", "tune")],
                    "model": models.get(each["model"], {"title": each["model"] or CHAPTER}),
                }
            }
            for each in found
        ]

    async def job(self, job_id: str) -> dict[str, Any]:
        """One job with the figures of every step."""
        return await self._json("GET", f"/jobs/{quote(job_id, safe='')}")

    async def log(self, job_id: str, headers: Headers) -> str:
        """The last lines that a job printed."""
        path = f"/jobs/{quote(job_id, safe='')}/logs"
        return (await self._json("GET", path, params={"lines": LOG_LINES}, headers=headers))["log"]

    async def queue(self, kind: str, name: str, config: dict[str, Any], headers: Headers) -> dict[str, Any]:
        """Queue a job of a model, or an example, which has none; the job as it was queued."""
        wanted = {"kind": kind, "model": name, "config": config}
        return await self._json("POST", "/jobs", json=wanted, headers=headers)

    async def upload(self, model: str, files: list[tuple[str, BinaryIO]], headers: Headers) -> dict[str, Any]:
        """Send files under the names that people gave them; what the check of them found."""
        parts = [("file", named) for named in files]
        return await self._json(
            "POST", "/uploads", params={"model": model}, files=parts, headers=headers, timeout=UPLOAD_TIMEOUT
        )

    async def add_dataset(self, family: str, file: tuple[str, BinaryIO], headers: Headers) -> dict[str, Any]:
        """Send a table or an archive of pictures; what its profile found."""
        options = {"family": family}
        return await self._json(
            "POST", "/datasets", params=options, files={"file": file}, headers=headers, timeout=UPLOAD_TIMEOUT
        )

    async def dataset(self, dataset: str, question: dict[str, str], headers: Headers) -> dict[str, Any]:
        """The profile of a data set for a question: `target` and, where it was chosen, `kind`."""
        path = f"/datasets/{quote(dataset, safe='')}"
        return await self._json("GET", path, params=question, headers=headers, timeout=UPLOAD_TIMEOUT)

    async def forget_dataset(self, dataset: str, headers: Headers) -> None:
        """Delete a data set that no model is made of."""
        await self._send("DELETE", f"/datasets/{quote(dataset, safe='')}", headers=headers)

    async def create(self, wanted: dict[str, Any], headers: Headers) -> dict[str, Any]:
        """A new model from a data set; it answers when it has been trained."""
        model = await self._json("POST", "/models", json=wanted, headers=headers, timeout=MOVE_TIMEOUT)
        await self._look_again()
        return model

    async def delete(self, name: str, headers: Headers) -> None:
        """Delete a model that a person added, with its versions and its data."""
        reply = await self._send("DELETE", f"/models/{quote(name, safe='')}", headers=headers, timeout=MOVE_TIMEOUT)
        if not reply.is_success:
            raise error_of(reply, body_of(reply))
        await self._look_again()

    async def _look_again(self) -> None:
        """Learn of a model that came or went; where that fails, the header learns of it later."""
        with suppress(ApiError):
            await self.models()

    async def uploaded(self, upload_id: str, headers: Headers) -> dict[str, Any]:
        """What the check of an upload found, as long as it is kept."""
        return await self._json("GET", f"/uploads/{quote(upload_id, safe='')}", headers=headers)

    async def forget(self, upload_id: str, headers: Headers) -> None:
        """Delete an upload that is no longer needed."""
        await self._send("DELETE", f"/uploads/{quote(upload_id, safe='')}", headers=headers)

    async def rows(self, job_id: str, wanted: dict[str, Any]) -> dict[str, Any]:
        """Some rows of a batch prediction's result, and how many there are of that kind."""
        return await self._json("GET", f"/jobs/{quote(job_id, safe='')}/rows", params=wanted)

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

    async def discard(self, name: str, version: str, headers: Headers) -> None:
        """Remove a version that is neither in service nor the one to go back to."""
        path = f"/models/{name}/versions/{quote(version, safe='')}/discard"
        await self._json("POST", path, headers=headers, timeout=MOVE_TIMEOUT)

    async def cluster(self) -> dict[str, Any]:
        """What runs where right now; the queue as ``jobs`` has it, and the titles of the models."""
        found = await self._json("GET", "/cluster")
        titles = {name: about["title"] for name, about in (await self.described()).items()}
        return found | {"queue": await self._explained(found["queue"]), "titles": titles}

    async def kill(self, kind: str, headers: Headers) -> dict[str, Any]:
        """Kill a replica or a training worker; what replaces it, and after how many seconds."""
        return await self._json("POST", "/cluster/kill", json={"kind": kind}, headers=headers, timeout=KILL_TIMEOUT)

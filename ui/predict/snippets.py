"""Runnable Python code that repeats a call of the page with `requests`; the templates are in ui/predict/code/."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ui.kit.templates import text


def public_api(request: gr.Request, public_url: str | None) -> str:
    """The API's address as the person's own machine reaches it: the page's origin, unless another one is given."""
    if public_url:
        return public_url.rstrip("/")
    headers = request.headers
    scheme = headers.get("x-forwarded-proto", request.url.scheme).split(",")[0].strip()
    host = headers.get("x-forwarded-host", headers.get("host", request.url.netloc)).split(",")[0].strip()
    return f"{scheme}://{host}{request.request.scope.get('root_path', '').rstrip('/')}/api"


def picture_code(api: str, model: str, filename: str, top_k: int) -> str:
    """Code that posts a file of the person's own, for the ``top_k`` most probable classes."""
    return text("predict/code/picture.jinja", api=api, model=model, filename=filename, top_k=top_k)


def example_code(api: str, model: str, example: str, count: int, seed: int, top_k: int) -> str:
    """Code that fetches one of `count` example pictures and posts it, for the ``top_k`` most probable classes."""
    return text(
        "predict/code/example.jinja", api=api, model=model, example=example, count=count, seed=seed, top_k=top_k
    )


def row_code(api: str, model: str, row: dict[str, Any], fields: list[str]) -> str:
    """Code that posts the row of the form; it prints these fields of the answer."""
    return text("predict/code/row.jinja", api=api, model=model, row=row, fields=fields)


def batch_code(api: str, model: str, names: list[str], version: str, *, token: bool) -> str:
    """Code that uploads files of these names, or none for the test set, waits, and saves the result.

    With `token` it sends the admin's token, from the environment of whoever runs it.
    """
    return text("predict/code/batch.jinja", api=api, model=model, names=names, version=version, token=token)

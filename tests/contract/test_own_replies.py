"""The replies that the page is tested with (``tests.helpers.samples.own_models``) follow the documented schemas."""

from __future__ import annotations

import httpx
import pytest
from jsonschema import Draft202012Validator

from tests.helpers.samples.own_models import BODIES


@pytest.mark.parametrize("name", BODIES)
def test_replies_of_own_models_follow_the_documented_schemas(api: httpx.Client, name: str) -> None:
    documented = api.get("/openapi.json").json()
    schema = {"$ref": f"#/components/schemas/{name}", "components": documented["components"]}
    for body in BODIES[name]:
        Draft202012Validator(schema).validate(body)

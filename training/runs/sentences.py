"""Pydantic's findings about a field in plain words."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "string": "must be text",
    "int": "must be a whole number",
    "float": "must be a number",
    "finite_number": "must be a finite number",
    "bool": "must be true or false",
    "list": "must be a list",
    "tuple": "must be a list",
    "none_required": "must be null",
    "dict": "must be a JSON object",
    "model": "must be a JSON object",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "too_long": "must have at most {max_length} items",
    "too_short": "must have at least {min_length} items",
    "value_error": "{error}",
}


def first_of(error: ValidationError, *above: str) -> str:
    """The first problem as a sentence that begins with its field, which stands in ``above``."""
    first = error.errors()[0]
    field = ".".join([*above, *map(str, first["loc"])]) or "configuration"
    return f"{field}: {said_of(first)}{got(first)}."


def said_of(problem: dict[str, Any]) -> str:
    """What one of ``ValidationError.errors()`` requires of the field, such as "must be at least 1"."""
    kind = problem["type"]
    # bool_type and bool_parsing mean the same to a person.
    words = WORDS.get(kind) or WORDS.get(kind.partition("_")[0], "has a value that is not accepted")
    return words.format_map(problem.get("ctx", {}))


def got(problem: dict[str, Any]) -> str:
    """The field's value, for the end of a sentence; empty where there is none to show."""
    value = problem.get("input")
    is_shown = problem["type"] not in ("missing", "extra_forbidden", "value_error") and isinstance(
        value, str | int | float | None
    )
    return f", got {str(value)[:80]!r}" if is_shown else ""

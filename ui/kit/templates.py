"""Markup from Jinja2 templates, which escape every value by themselves.

    render("jobs/list.html", jobs=jobs)      the template ui/jobs/list.html

What a template makes is ``Markup``: given to another template as a value, it is not escaped again. The functions of
ui/kit/words.py are filters: ``{{ share | percent }}``. Macros that screens share are in ui/kit/cards.html.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ui.kit import words

FILTERS = (
    words.amount,
    words.an,
    words.duration,
    words.listed,
    words.moment,
    words.percent,
    words.quantity,
    words.signed,
    words.utc,
)


def _literal(value: Any, indent: int = 0) -> str:
    """Text, numbers and objects of them as Python has them, texts in double quotes; `indent` breaks lines."""
    match value:
        case None | bool():
            return repr(value)
        case list():
            return f"[{', '.join(map(_literal, value))}]"
        case dict():
            items = [f"{_literal(key)}: {_literal(item)}" for key, item in value.items()]
            if not indent or not items:
                return f"{{{', '.join(items)}}}"
            line = "\n" + " " * indent
            return f"{{{line}{f',{line}'.join(items)}\n}}"
    return json.dumps(value, ensure_ascii=False)


ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent.parent),
    # A template of another kind is no markup, such as the code in ui/predict/code/.
    autoescape=lambda name: name is None or name.endswith(".html"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
ENVIRONMENT.filters |= {word.__name__: word for word in FILTERS} | {"literal": _literal}


def render(template: str, **values: Any) -> Markup:
    """The template at a path below ``ui/``, filled in. Raises UndefinedError for a value that is not given."""
    return Markup(ENVIRONMENT.get_template(template).render(values).strip())


def text(template: str, **values: Any) -> str:
    """The same of a template that is no markup: nothing in it is escaped."""
    return ENVIRONMENT.get_template(template).render(values)


def macro(template: str, name: str, *values: Any) -> Markup:
    """What one macro of a template makes."""
    return Markup(getattr(ENVIRONMENT.get_template(template).module, name)(*values))

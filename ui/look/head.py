"""The top of the page's HTML: scripts that run before Gradio's, and words for a browser without JavaScript.

Gradio's own script inserts what Gradio is given as ``head``, too late for both.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from gradio.routes import templates
from jinja2 import ChoiceLoader, DictLoader

FOLDER = Path(__file__).parent.parent
TEMPLATE, TOP = "frontend/index.html", "<head>"
PAGE = ("look/english.js", "look/watch.js", "look/times.js", "look/tabs.js", "look/pictures.js", "look/numbers.js")
STUDY = ("tuning/charts.js", "tuning/table.js", "tuning/study.js", "tuning/space.js")
# Named here, since a browser would look for it at the root of the site, which may belong to another application.
ICON = '<link rel="icon" href="favicon.ico">'
NO_SCRIPTS = """\
<noscript><style>body::before { display: block; padding: 24px; font: 18px sans-serif;
content: "AIR Studio needs JavaScript: switch it on for this page. Programs ask the API below /api." }</style>
</noscript>
"""


def html() -> str:
    """Icon, words and scripts."""
    scripts = ((FOLDER / name).read_text(encoding="utf-8") for name in PAGE + STUDY)
    return ICON + NO_SCRIPTS + "".join(f"<script>{script}</script>" for script in scripts)


@cache
def put_in() -> None:
    """Put it into the template of Gradio's page, once a process. Raises ValueError when that has no head."""
    environment = templates.env
    source, *_ = environment.loader.get_source(environment, TEMPLATE)
    before, top, after = source.partition(TOP)
    if not top:
        raise ValueError(f"Gradio's {TEMPLATE} has no {TOP}.")
    ours = DictLoader({TEMPLATE: f"{before}{TOP}{{% raw %}}{html()}{{% endraw %}}{after}"})
    environment.loader = ChoiceLoader([ours, environment.loader])

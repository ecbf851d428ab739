"""The chapter's sections: complete in two languages, one for each program, and jobs that run only these."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from models import specs
from serve_deployments.routes.about import WORDS
from training import chapter
from training.jobs.store import validated
from training.runs.errors import ConfigError, OptionError
from ui.chapter import view
from ui.chapter.words import CHINESE as ZH
from ui.chapter.words import STATES

FAMILIES = {"Images", "Table"}
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two programs of the chapter."""
    monkeypatch.setattr(chapter, "FOLDER", tmp_path)
    for name in ("tuner", "read_csv"):
        (tmp_path / f"{name}.py").write_text(f'print("{name}")\n')
    return tmp_path


def test_each_program_has_a_section_and_each_section_a_program() -> None:
    files = {file.stem for file in chapter.FOLDER.glob("*.py")} - {"__init__"}
    assert set(chapter.described()) == files


@pytest.mark.parametrize("name", chapter.described())
def test_section_is_complete_in_both_languages(name: str) -> None:
    section = chapter.described()[name]
    for text in (section.title, section.about, section.watch):
        assert not CHINESE.search(text.en)
        assert CHINESE.search(text.zh) or text is section.title
    assert len(re.findall(r"[.?](?= |$)", section.about.en)) == 2
    assert section.about.zh.count("。") == 2
    assert section.old
    assert section.today
    assert section.screen is None or section.screen in FAMILIES | specs.SCREENS


def test_sections_are_in_the_chapters_order_and_those_without_a_program_are_left_out(programs: Path) -> None:
    assert list(chapter.sections()) == ["read_csv", "tuner"]
    assert chapter.sections()["tuner"].source() == 'print("tuner")\n'
    (programs / "read_csv.py").unlink()
    assert list(chapter.sections()) == ["tuner"]


@pytest.mark.parametrize(
    ("model", "config", "sentence"),
    [
        ("", {"name": "mars"}, "config.name: there is no example 'mars'; there are read_csv, tuner."),
        ("", {"name": "../app"}, "config.name: there is no example '../app'; there are read_csv, tuner."),
        ("", {}, "config.name: is missing."),
        ("", {"name": "tuner", "seed": 1}, "config.seed: is not known here."),
        ("cifar10", {"name": "tuner"}, "model: an example has no model, got 'cifar10'."),
    ],
)
@pytest.mark.usefixtures("programs")
def test_wrong_example_is_refused(model: str, config: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        validated("example", model, config)
    assert str(refused.value) == sentence
    assert isinstance(refused.value, OptionError) == sentence.startswith("config.")


@pytest.mark.usefixtures("programs")
def test_example_has_a_name_and_no_other_option() -> None:
    assert validated("example", "", {"name": "tuner"}) == {"name": "tuner"}


def _run(state: str, **more: object) -> dict[str, object]:
    return {"id": state, "state": state, "result": {}, "error": None, "position": None} | more


@pytest.mark.parametrize(
    ("job", "text"),
    [
        (_run("succeeded", result={"seconds": 7.3}), "已完成，耗時 7 秒。"),
        (_run("failed", error="It needs <Java>."), "執行失敗：It needs &lt;Java&gt;。"),
        (_run("queued", position=2), "等待中。一次只執行一個工作，前面還有 2 個。"),
        (_run("interrupted"), "已中斷。"),
    ],
)
def test_state_is_said_in_chinese(job: dict[str, object], text: str) -> None:
    others = [_run("queued", position=3), _run("queued", position=1), _run("running")]
    assert f">{text}</p>" in view.state(job, others, ZH)


def test_every_state_has_chinese_words() -> None:
    assert set(STATES) == set(WORDS)

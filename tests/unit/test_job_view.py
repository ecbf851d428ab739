"""How the page draws jobs and comparisons: what comes from outside is text, whatever it looks like."""

from __future__ import annotations

import re
from typing import Any

from ui.compare import differences, figures, versions
from ui.jobs import view
from ui.retrain.curves import curves
from ui.tuning import view as study_view

EVIL = "<i id='injected'>\"&"
STATES = {
    "failed": {"words": "failed", "ended": True, "can_cancel": False, "can_resume": True},
    "running": {"words": "running now", "ended": False, "can_cancel": True, "can_resume": False},
}
AT = "2026-01-02T03:04:05+00:00"


def _job(state: str = "failed", **more: Any) -> dict[str, Any]:
    about = {
        "state": STATES[state],
        "kind": {"one": "training", "several": "Trainings"},
        "model": {"title": EVIL},
    }
    return {
        "id": EVIL,
        "kind": "train",
        "model": "cifar10",
        "state": state,
        "config": {"preset": EVIL, "epochs": 3},
        "position": None,
        "error": EVIL,
        "result": {},
        "created": AT,
        "started": AT,
        "ended": AT,
        "eta_s": 3.0,
        "progress": {"share": 0.5, "stage": EVIL, "note": {"accuracy": EVIL}},
        "metrics": [{"step": 0, "validation_loss": 1.0}, {"step": 1, "validation_loss": 0.5}],
        "about": about,
    } | more


def _assert_text(markup: str) -> None:
    assert "<i" not in markup.replace("<img", "")
    assert "&lt;i id=" in markup


def test_job_is_drawn_with_its_texts_escaped() -> None:
    job = _job()
    _assert_text(view.job_list("train", [job], None))
    _assert_text(view.headline("train", job, ""))
    _assert_text(view.bar(_job("running")))
    _assert_text(view.log_text(EVIL))


def test_curve_ends_where_the_training_is_and_names_the_champion() -> None:
    champion = {"version": EVIL, "validation": {"log_loss": 0.25}}
    drawn = curves(_job(), champion)
    _assert_text(drawn)
    assert '<b class="air-now">0.500</b>' in drawn
    assert "0.500 after 2 epochs, 1.000 at first; the champion ended at 0.250." in drawn


def test_comparison_is_drawn_with_its_texts_escaped() -> None:
    figure = {"key": "accuracy", "title": EVIL, "help": EVIL, "form": "share", "better": "high"}
    about = {"gate": {"metric": "validation_accuracy", "words": EVIL, "margin": 0.005}, "figures": [figure]}
    split = {"rows": 2, "accuracy": 0.5, "confusion": {"labels": [EVIL, "b"], "matrix": [[1, 0], [1, 0]]}}
    champion, candidate = ({"version": version, "validation": split, "test": split} for version in ("1", EVIL))
    _assert_text(figures.side_by_side(about, "picture", champion, candidate, same_data=True))
    move = {"at": AT, "kind": "promotion", "before": "1", "version": "2", "reason": EVIL}
    _assert_text(versions.moves_table([move]))
    answer = {"label": EVIL, "probability": 0.5}
    example = {"id": EVIL, "label": EVIL, "image": EVIL, "answers": {"version": answer, "against": answer}}
    found = {"version": EVIL, "differing": 1, "examples": [example]}
    _assert_text(differences.results("image", found, []))


def test_residuals_of_two_versions_are_drawn_on_one_scale_around_zero() -> None:
    figure = {"key": "rmse", "title": "RMSE", "help": "", "form": "number", "better": "low"}
    about = {"gate": {"metric": "validation_r2", "words": "R²", "margin": 0.0}, "figures": [figure], "unit": "€"}
    wide = {"rows": 4, "rmse": 18648.627, "residuals": {"edges": [-4.0, 0.0, 4.0], "counts": [3, 1]}}
    narrow = {"rows": 4, "rmse": 12154.533, "residuals": {"edges": [-1.0, 0.0, 1.0], "counts": [2, 2]}}
    champion = {"version": "1", "validation": wide, "test": wide}
    candidate = {"version": "2", "validation": narrow, "test": narrow}
    drawn = figures.side_by_side(about, "row", champion, candidate, same_data=True)
    assert "<td>18,649</td><td>12,155</td>" in drawn.replace("\n", "")
    assert "better by 6,494" in drawn
    assert "points" not in drawn
    assert drawn.count("<svg") == 2
    assert "Version 1, champion: residuals from -4 € to 4 €; most rows, 3 of 4, between -4 € and 0 €." in drawn
    assert "Version 2, challenger: residuals from -1 € to 1 €; most rows, 2 of 4, between -1 € and 0 €." in drawn
    bars = re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)" height="([\d.]+)"', drawn)
    assert bars == [
        ("4.0", "175.0", "114.0"),
        ("180.0", "175.0", "38.0"),
        ("136.0", "43.0", "76.0"),
        ("180.0", "43.0", "76.0"),
    ]


def test_study_is_drawn_with_its_texts_escaped() -> None:
    study = {
        "study": EVIL,
        "metric": EVIL,
        "mode": "min",
        "trials": [{"state": "finished"}],
        "best": {"trial": EVIL, "value": 0.5, "params": {EVIL: 1}},
        "tunable": {},
        "importance": {"method": EVIL, "params": {EVIL: 1.0}},
    }
    _assert_text(study_view.summary(study, "http://here"))
    _assert_text(study_view.importance(study))


def test_example_is_named_by_its_section_where_others_wait_for_it() -> None:
    about = {"kind": {"one": "example", "several": "Examples"}, "model": {"title": "Chapter"}}
    example = _job("running", kind="example", model="", config={"name": "tuner"}, about=about)
    assert view.title(example) == "Chapter, tuner"
    waits = view.ahead({"state": "queued", "position": 1}, [example])
    assert waits == "One job runs at a time. Before this one: “Chapter, tuner” (an example)."
    done = example | {"state": "succeeded", "error": None, "result": {"seconds": 7.3}}
    done |= {"about": about | {"state": {"words": "done"}}}
    assert "Done: it took 7 s." in view.notice_of(done, "")

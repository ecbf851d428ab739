"""The pieces of the page without a browser: what is sent again, escaping, the form of a table, a tab for each model."""

from __future__ import annotations

import inspect

import gradio as gr

from ui.blocks import build
from ui.kit.cards import notice
from ui.kit.client import Client
from ui.kit.models import IMAGE, TABLE, Shown, choices, picks
from ui.kit.updates import changed
from ui.kit.words import listed
from ui.predict.answer import answer_to
from ui.predict.form import grouped

YES_OR_NO = Shown("churn", TABLE, "Churn", "Does this customer leave?", positive="yes")
ANY_OF_THREE = Shown("wine", TABLE, "Wine", "Which wine is this?")


def _feature(name: str, title: str = "") -> dict:
    return {"name": name, "group_title": title}


def test_only_what_differs_from_what_was_sent_is_sent_again() -> None:
    memory, text, button = gr.State({}), gr.HTML(), gr.Button()
    now = {text: "one", button: gr.update(visible=False)}
    first = changed(memory, {}, now, job=7)
    assert {text: "one", button: gr.update(visible=False)}.items() <= first.items()
    assert first[memory]["job"] == 7
    assert set(changed(memory, first[memory], now)) == {memory}
    second = changed(memory, first[memory], {text: "two"})
    assert set(second) == {memory, text}
    assert set(changed(memory, second[memory], now)) == {memory, text}, "it remembers what it left out"


def test_what_comes_from_elsewhere_is_escaped_once() -> None:
    assert notice("<b>5 & 6</b>") == '<p class="air-notice air-info">&lt;b&gt;5 &amp; 6&lt;/b&gt;</p>'


def test_long_lists_are_cut() -> None:
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(list("abcde"), 4) == "a, b, c and 2 more"


def test_form_groups_any_number_of_features() -> None:
    few = [_feature(name) for name in "abc"]
    assert grouped(few) == {"Values": few}
    many = [_feature(str(number)) for number in range(23)]
    assert list(grouped(many)) == ["Values 1 to 10", "Values 11 to 20", "Values 21 to 23"]
    named = [_feature("a", "Mean values"), _feature("b", "Lab values"), _feature("c", "Mean values")]
    assert grouped(named) == {"Mean values": [named[0], named[2]], "Lab values": [named[1]]}


def test_threshold_decides_between_two_classes_only() -> None:
    prediction = {"label": "no", "probability_yes": 0.4}
    assert answer_to(prediction, YES_OR_NO, ["no", "yes"], 0.5).label == "no"
    assert answer_to(prediction, YES_OR_NO, ["no", "yes"], 0.3).label == "yes"
    assert answer_to({"label": "red"}, ANY_OF_THREE, ["red", "white", "rose"], 0.3).label == "red"


def test_page_has_a_tab_for_each_family_and_unique_ids() -> None:
    page = build(Client("http://127.0.0.1:1/api"))
    components = page.get_config_file()["components"]
    tabs = [one["props"]["label"] for one in components if one["type"] == "tabitem"]
    assert tabs[:2] == ["Images", "Table"]
    ids = [one["props"]["elem_id"] for one in components if one["props"].get("elem_id")]
    assert len(ids) == len(set(ids))


def test_forms_are_drawn_where_events_are_answered_not_beside_them() -> None:
    """In a thread, an event that updates a component meanwhile ends the drawing, and the form is missing."""
    page = build(Client("http://127.0.0.1:1/api"))
    drawn = [event.fn for event in page.fns.values() if event.renderable]
    assert len(drawn) == 2
    assert all(map(inspect.iscoroutinefunction, drawn))


def test_picker_is_hidden_while_there_is_one_model_of_the_family() -> None:
    models = {"churn": YES_OR_NO, "cats": Shown("cats", IMAGE, "Cats", "Which cat is this?")}
    assert picks(models, TABLE, None) | {"__type__": ""} == {
        "choices": [("Churn", "churn")],
        "value": "churn",
        "visible": False,
        "__type__": "",
    }
    assert picks(models | {"wine": ANY_OF_THREE}, TABLE, "wine")["visible"] is True
    assert "value" not in picks(models | {"wine": ANY_OF_THREE}, TABLE, "wine"), "the person may be choosing right now"
    assert picks(models, TABLE, "wine")["value"] == "churn", "a deleted model is chosen no longer"
    assert choices(models, None, first=TABLE)["value"] == "churn"
    assert choices(models, "wine")["value"] == "cats"
    assert "value" not in choices(models, "churn")

"""Numbers that people type into the page's fields."""

from __future__ import annotations

import pytest

from ui.jobs import options, typed
from ui.kit.client import ApiError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,5", 1.5),
        ("17,99", 17.99),
        (" 1.001 ", 1.001),
        ("0,001", 0.001),
        ("1.234,5", 1234.5),
        ("1,234.5", 1234.5),
        ("1 234", 1234),
        ("1'234.25", 1234.25),
        ("1,234,567", 1234567),
        ("\u22122,5e-3", -0.0025),
        ("", None),
        (None, None),
    ],
)
def test_number_is_read_as_it_is_meant(text: str | None, value: float | None) -> None:
    assert typed.number(text) == (value, "")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1,001", "“1,001” may be 1.001 or 1001; type one of these"),
        ("-12,500", "“-12,500” may be -12.5 or -12500; type one of these"),
        ("1.2.3", "“1.2.3” is not a number"),
        ("wide", "“wide” is not a number"),
        ("inf", "“inf” is not a number"),
        ("1e999", "“1e999” is not a number"),
        ("1_000", "“1_000” is not a number"),
    ],
)
def test_number_that_is_none_or_two_is_refused(text: str, sentence: str) -> None:
    assert typed.number(text) == (None, sentence)


def test_shown_number_is_read_back_to_the_last_digit() -> None:
    for value in (0.1 + 0.2, 1001.0, 17.99, 1e-5, 123456.789012345):
        assert typed.number(typed.shown(value))[0] == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize(("text", "value"), [("", None), ("20", 20), ("0,5", 0.5), ("1e3", 1000)])
def test_options_of_a_training_are_read_alike(text: str, value: float | None) -> None:
    assert options.number("Trees", text) == value


def test_option_that_may_be_thousands_is_refused_with_both_readings() -> None:
    with pytest.raises(ApiError, match="Trees: “1,000” may be 1 or 1000; type one of these."):
        options.number("Trees", "1,000")

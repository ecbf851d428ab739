"""The description of each model: its family, the question that it answers, the figures of its versions."""

from __future__ import annotations

from collections.abc import Callable

from models.specs import ModelSpec, Question, TableData
from serve_deployments.schemas.models import Figure, Gate, ModelAbout

ERROR = Figure(key="error", title="Error rate", help="rows answered wrongly", form="share", better="low")
LOG_LOSS = {"title": "Log loss", "help": "how little it expected the right answers; 0 is perfect"}


def about(spec: ModelSpec) -> ModelAbout:
    """The description of a model, with the rule of its gate."""
    rows = spec.family == "table"
    return ModelAbout(
        family=spec.family,
        title=spec.title,
        question=spec.question,
        notice=spec.notice,
        kind=spec.data.kind if rows else None,
        unit=spec.data.unit if rows else "",
        positive=spec.data.positive if rows else None,
        corrections=not rows,
        figures=_FIGURES[spec.data.kind](spec.data) if rows else _of_images(),
        own=not spec.is_shipped,
        gate=Gate(**spec.gate.model_dump()),
    )


def _of_images() -> list[Figure]:
    return [
        Figure(key="accuracy", title="Accuracy", help="pictures named right", form="share", better="high"),
        Figure(key="log_loss", form="number", better="low", **LOG_LOSS),
        Figure(
            key="calibration.expected_calibration_error",
            title="Calibration error",
            help="how far its percentages are from how often it is right",
            form="share",
            better="low",
        ),
    ]


def _of_two(data: TableData) -> list[Figure]:
    positive, negative = data.classes
    ranked, missed, alarm = (
        f"{positive} ranked above {negative}; 1 is perfect",
        f"{positive}, called {negative}",
        f"{negative}, called {positive}",
    )
    return [
        Figure(key="auc", title="AUC", help=ranked, form="number", better="high"),
        ERROR,
        Figure(key="logloss", form="number", better="low", **LOG_LOSS),
        Figure(key="confusion.matrix.0.1", title="Misses", help=missed, form="count", better="low"),
        Figure(key="confusion.matrix.1.0", title="False alarms", help=alarm, form="count", better="low"),
    ]


def _of_several(data: TableData) -> list[Figure]:  # noqa: ARG001 - the interface of all kinds
    ranked = "each class ranked above the others, the mean of all; 1 is perfect"
    return [
        Figure(key="accuracy", title="Accuracy", help="rows answered right", form="share", better="high"),
        Figure(key="logloss", form="number", better="low", **LOG_LOSS),
        Figure(key="auc", title="AUC", help=ranked, form="number", better="high"),
        ERROR,
    ]


def _of_a_number(data: TableData) -> list[Figure]:
    unit = f", in {data.unit}" if data.unit else ""
    squared = f"how far it is off, large errors weighing more{unit}"
    explained = "how much of the differences between rows it explains; 1 is perfect"
    return [
        Figure(key="r2", title="R²", help=explained, form="number", better="high"),
        Figure(key="rmse", title="RMSE", help=squared, form="number", better="low"),
        Figure(key="mae", title="MAE", help=f"how far it is off on average{unit}", form="number", better="low"),
    ]


_FIGURES: dict[Question, Callable[[TableData], list[Figure]]] = {
    "binary": _of_two,
    "multiclass": _of_several,
    "regression": _of_a_number,
}

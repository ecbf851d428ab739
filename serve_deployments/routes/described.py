"""The description of each model: its family, the question that it answers, the figures of its versions."""

from __future__ import annotations

from models.specs import ModelSpec
from serve_deployments.schemas.models import Figure, Gate, ModelAbout

LOG_LOSS = {"title": "Log loss", "help": "how little it expected the right answers; 0 is perfect"}


def about(spec: ModelSpec) -> ModelAbout:
    """The description of a model, with the rule of its gate."""
    rows = spec.family == "table"
    return ModelAbout(
        family=spec.family,
        title=spec.title,
        question=spec.question,
        notice=spec.notice,
        positive=spec.data.positive if rows else None,
        corrections=not rows,
        figures=_of_rows(*spec.data.classes) if rows else _of_images(),
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


def _of_rows(positive: str, negative: str) -> list[Figure]:
    ranked, missed, alarm = (
        f"{positive} ranked above {negative}; 1 is perfect",
        f"{positive}, called {negative}",
        f"{negative}, called {positive}",
    )
    return [
        Figure(key="auc", title="AUC", help=ranked, form="number", better="high"),
        Figure(key="error", title="Error rate", help="rows answered wrongly", form="share", better="low"),
        Figure(key="logloss", form="number", better="low", **LOG_LOSS),
        Figure(key="confusion.matrix.0.1", title="Misses", help=missed, form="count", better="low"),
        Figure(key="confusion.matrix.1.0", title="False alarms", help=alarm, form="count", better="low"),
    ]

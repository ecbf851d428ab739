"""What each model is, in words: its family, the question that it answers, the figures that its versions have."""

from __future__ import annotations

from models.gate import RULES
from serve_deployments.schemas.models import Figure, Gate, ModelAbout


def about(name: str) -> ModelAbout:
    """The words of a model, with the rule of its gate."""
    return ModelAbout(**DESCRIBED[name], gate=Gate(**RULES[name].model_dump()))


DESCRIBED = {
    "cifar10": {
        "family": "image",
        "title": "Images",
        "question": "What does a picture show?",
        "corrections": True,
        "figures": [
            Figure(key="accuracy", title="Accuracy", help="pictures named right", form="share", better="high"),
            Figure(
                key="log_loss",
                title="Log loss",
                help="how little it expected the right answers; 0 is perfect",
                form="number",
                better="low",
            ),
            Figure(
                key="calibration.expected_calibration_error",
                title="Calibration error",
                help="how far its percentages are from how often it is right",
                form="share",
                better="low",
            ),
        ],
    },
    "breast-cancer": {
        "family": "table",
        "title": "Table",
        "question": "Is a sample malignant or benign?",
        "notice": "A demonstration, not medical advice.",
        "positive": "malignant",
        "figures": [
            Figure(
                key="auc", title="AUC", help="malignant ranked above benign; 1 is perfect", form="number", better="high"
            ),
            Figure(key="error", title="Error rate", help="rows answered wrongly", form="share", better="low"),
            Figure(
                key="logloss",
                title="Log loss",
                help="how little it expected the right answers; 0 is perfect",
                form="number",
                better="low",
            ),
            Figure(
                key="confusion.matrix.0.1", title="Misses", help="malignant, called benign", form="count", better="low"
            ),
            Figure(
                key="confusion.matrix.1.0",
                title="False alarms",
                help="benign, called malignant",
                form="count",
                better="low",
            ),
        ],
    },
}

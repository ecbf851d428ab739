"""Evaluate a trained image network: calibrate it on validation images, measure it, log the figures to MLflow.

The figures themselves are ``training.results.evaluation``'s.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots

from models.image.model import ImageModel, softmax
from settings import available_cpus
from training.image import outliers
from training.image.data import Loaded
from training.image.learner import logits_of
from training.results import evaluation, publishing, tracking
from training.runs.progress import Epoch

GOLDEN_SEED, GOLDEN_DRAWN = 10_000_000, 512
UNSURE_CHECK_SEED = 20_000_000
UNSURE_CHECK_PICTURES = 500
MISTAKES, MISTAKES_A_ROW = 25, 5


class Evaluated:
    """A network's calibrated answers to the held-out images: decision, figures, metrics.

    Temperature and unsure threshold are chosen on validation images; the test images are used once. The network
    arrives and leaves on the CPU, but runs on a GPU if this process has one.
    """

    def __init__(self, network: torch.nn.Module, loaded: Loaded, history: dict[int, Epoch]) -> None:
        torch.set_num_threads(available_cpus())
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        network.to(self._device, memory_format=torch.channels_last)
        self._network, self._loaded, self._history = network, loaded, history
        self._temperature = 1.0
        images, labels = loaded.validation
        logits = self._logits(images)
        self._temperature = evaluation.fit_temperature(logits, labels)
        self.validation = softmax(logits / self._temperature)
        self._unsure_below = evaluation.unsure_below(self.validation)
        self.decision = {"temperature": self._temperature, "unsure_below": self._unsure_below}
        self.figures = self._figures()
        self.metrics = self._metrics()
        network.cpu()

    def _logits(self, images: np.ndarray) -> np.ndarray:
        return logits_of(self._network, images, self._loaded.preprocessor, self._device)

    def _answers(self, images: np.ndarray) -> np.ndarray:
        return softmax(self._logits(images) / self._temperature)

    def _figures(self) -> dict[str, Any]:
        names, (test_images, test_labels) = self._loaded.splits.labels, self._loaded.test
        test = self._answers(test_images)
        strange = self._answers(outliers.draw(UNSURE_CHECK_PICTURES, UNSURE_CHECK_SEED, self._loaded.spec.data.size))
        figures = {
            "validation": evaluation.multiclass_figures(self.validation, self._loaded.validation[1], names),
            "test": evaluation.multiclass_figures(test, test_labels, names),
            "unsure": {
                "below": self._unsure_below,
                "validation_share": self._unsure_share(self.validation),
                "test_share": self._unsure_share(test),
                "none_of_the_classes_share": self._unsure_share(strange),
            },
            "history": {str(epoch): values for epoch, values in self._history.items()},
        }
        copies = self._loaded.originals
        if copies is not None and len(copies.twins):
            figures["original_pixels"] = self._on_original_pixels(*copies.validation, copies.twins)
        return figures

    def _unsure_share(self, answers: np.ndarray) -> float:
        return float((answers.max(1) < self._unsure_below).mean())

    def _on_original_pixels(self, pixels: np.ndarray, labels: np.ndarray, twins: np.ndarray) -> dict[str, Any]:
        """Accuracy on the same validation pictures in lossless form and as stored."""
        return {
            "rows": len(labels),
            "accuracy": float((self._answers(pixels).argmax(1) == labels).mean()),
            "accuracy_as_stored": float((self.validation[twins].argmax(1) == labels).mean()),
        }

    def _metrics(self) -> dict[str, float]:
        metrics = {
            f"{split}_{name}": self.figures[split][name]
            for split in ("validation", "test")
            for name in ("accuracy", "log_loss")
        }
        if "original_pixels" in self.figures:
            metrics["validation_accuracy_on_original_pixels"] = self.figures["original_pixels"]["accuracy"]
        return metrics

    def log(self, run: tracking.Run) -> None:
        """Log curves, confusion, calibration, accuracy by class and the surest mistakes to the MLflow run."""
        figures = self.figures["validation"]
        run.metrics(self.metrics, step=len(self._history))
        run.figure(tracking.curves_figure(self._history, "By epoch"), "curves")
        run.figure(tracking.confusion_figure(figures["confusion"], "Validation images"), "confusion")
        run.figure(tracking.calibration_figure(figures["calibration"], "Validation images"), "calibration")
        by_class = figures["accuracy_by_class"]
        run.figure(tracking.bars_figure(by_class, "Validation accuracy by class"), "accuracy_by_class")
        run.table({"class": list(by_class), "accuracy": list(by_class.values())}, "accuracy_by_class")
        images, labels = self._loaded.validation
        mistakes = evaluation.surest_mistakes(self.validation, labels, self._loaded.splits.labels, MISTAKES)
        run.table(mistakes, "surest_mistakes")
        run.figure(mistakes_figure(images, mistakes), "surest_mistakes")


def mistakes_figure(images: np.ndarray, mistakes: dict[str, list[Any]]) -> go.Figure:
    """The pictures of ``evaluation.surest_mistakes``, each with the answer, its probability and the truth."""
    rows = max(1, -(-len(mistakes["row"]) // MISTAKES_A_ROW))
    titles = [
        f"{answer} {probability:.0%}, is {truth}"
        for answer, probability, truth in zip(
            mistakes["answer"], mistakes["probability"], mistakes["truth"], strict=True
        )
    ]
    figure = make_subplots(rows, MISTAKES_A_ROW, subplot_titles=titles, vertical_spacing=0.2 / rows)
    for i, row in enumerate(mistakes["row"]):
        figure.add_image(z=images[row], row=i // MISTAKES_A_ROW + 1, col=i % MISTAKES_A_ROW + 1)
    figure.update_xaxes(visible=False).update_yaxes(visible=False).update_annotations(font_size=11)
    return figure.update_layout(title="Most confident mistakes", height=120 + 190 * rows)


def golden_answers(model: ImageModel) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and outputs to check a loaded model by: the drawn pictures it is surest about.

    Drawn, not taken from the data set: a checkpoint may be copied to places where the images may not.
    """
    drawn = outliers.draw(GOLDEN_DRAWN, GOLDEN_SEED, model.size)
    answers = model.predict(drawn)
    surest = np.argsort(-answers.max(1))[: publishing.GOLDEN_ROWS]
    return drawn[surest], model.predict(drawn[surest])

"""Figures about a model's answers: accuracy, log loss, AUC, confusion, thresholds, calibration.

Pure functions of probabilities and true labels. Choices use validation answers; the test figures
are computed once per version, for information only. scikit-learn and SciPy are imported late: with
them a training worker, which needs neither, would start a second later.
"""

from __future__ import annotations

from typing import Any

import numpy as np

UNSURE_SHARE = 0.08
# Whoever is so sure is not unsure, even if most answers are surer.
MOST_UNSURE = 0.9
CALIBRATION_BINS = 10
RESIDUAL_BINS = 20


def multiclass_figures(probabilities: np.ndarray, labels: np.ndarray, names: list[str]) -> dict[str, Any]:
    """Accuracy, log loss, confusion (rows true, columns predicted), accuracy by class, calibration.

    ``probabilities`` float (n, classes), ``labels`` int (n,).
    """
    from sklearn.metrics import confusion_matrix

    classes = len(names)
    predicted = probabilities.argmax(1)
    confusion = confusion_matrix(labels, predicted, labels=range(classes))
    return {
        "rows": len(labels),
        "accuracy": float((predicted == labels).mean()),
        "log_loss": mean_log_loss(probabilities, labels),
        "confusion": {"labels": names, "matrix": confusion.tolist()},
        "accuracy_by_class": {
            name: float(row[i] / max(1, row.sum())) for i, (name, row) in enumerate(zip(names, confusion, strict=True))
        },
        "calibration": calibration(probabilities.max(1), predicted == labels),
    }


def surest_mistakes(probabilities: np.ndarray, labels: np.ndarray, names: list[str], most: int) -> dict[str, list[Any]]:
    """The wrong answers of highest probability, surest first, as columns: row, truth, answer, probability."""
    sure, answers = probabilities.max(1), probabilities.argmax(1)
    wrong = np.flatnonzero(answers != labels)
    rows = wrong[np.argsort(-sure[wrong], kind="stable")][:most]
    return {
        "row": rows.tolist(),
        "truth": [names[labels[row]] for row in rows],
        "answer": [names[answers[row]] for row in rows],
        "probability": [float(sure[row]) for row in rows],
    }


def mean_log_loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean of -log of the probability (n, classes) given to the true label (n,)."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-15)).mean())


def calibration(confidence: np.ndarray, correct: np.ndarray) -> dict[str, Any]:
    """The share of right answers (bool (n,)) by confidence (n,), in equal bins of 0..1."""
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    rows, error = [], 0.0
    for i in range(CALIBRATION_BINS):
        inside = bins == i
        if not inside.any():
            continue
        mean, right = float(confidence[inside].mean()), float(correct[inside].mean())
        error += inside.mean() * abs(mean - right)
        rows.append({"confidence": mean, "accuracy": right, "rows": int(inside.sum())})
    return {"bins": rows, "expected_calibration_error": float(error)}


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature that minimises the validation log loss.

    Guo et al., "On Calibration of Modern Neural Networks", arXiv:1706.04599. After n right answers, one expects one
    wrong in n + 2 (Laplace): without such an answer, few validation rows that are all right would make it sure of all.
    """
    from scipy.optimize import minimize_scalar

    rows, doubt = np.arange(len(labels)), 1 / (len(labels) + 2)
    # The true class but for the doubt, which the others share.
    wanted = np.full(logits.shape, doubt / max(1, logits.shape[1] - 1))
    wanted[rows, labels] = 1 - doubt

    def negative_log_likelihood(log_temperature: float) -> float:
        scaled = logits.astype(np.float64) / np.exp(log_temperature)
        top = scaled.max(1)
        return float((top + np.log(np.exp(scaled - top[:, None]).sum(1)) - (wanted * scaled).sum(1)).mean())

    return float(np.exp(minimize_scalar(negative_log_likelihood, bounds=(-4, 4), method="bounded").x))


def unsure_below(probabilities: np.ndarray) -> float:
    """The best-class probability below which UNSURE_SHARE of these validation answers are; at most MOST_UNSURE."""
    return min(MOST_UNSURE, float(np.quantile(probabilities.max(1), UNSURE_SHARE)))


def binary_figures(probability: np.ndarray, positive: np.ndarray, labels: tuple[str, str]) -> dict[str, Any]:
    """Log loss, error, AUC and confusion at 0.5 of the probability (n,) of the positive class.

    ``positive`` bool (n,); ``labels`` names the positive and the negative class, in that order.
    """
    from sklearn.metrics import confusion_matrix, log_loss, roc_auc_score

    called = probability >= 0.5
    matrix = confusion_matrix(~positive, ~called, labels=[False, True])
    return {
        "rows": len(positive),
        "logloss": float(log_loss(positive, probability.astype(np.float64), labels=[False, True])),
        "error": float((called != positive).mean()),
        "accuracy": float((called == positive).mean()),
        "auc": float(roc_auc_score(positive, probability)),
        "confusion": {"labels": list(labels), "matrix": matrix.tolist()},
    }


def class_figures(probabilities: np.ndarray, labels: np.ndarray, names: list[str]) -> dict[str, Any]:
    """Log loss, error, accuracy, AUC (one class against the rest, mean of all), confusion, accuracy by class.

    ``probabilities`` float (n, classes), ``labels`` int (n,).
    """
    from sklearn.metrics import roc_auc_score

    figures = multiclass_figures(probabilities, labels, names)
    # A class without a row, or with every row, has no AUC.
    ranked = [i for i in range(len(names)) if 0 < (labels == i).sum() < len(labels)]
    areas = [roc_auc_score(labels == i, probabilities[:, i]) for i in ranked]
    return {
        "rows": len(labels),
        "logloss": figures.pop("log_loss"),
        "error": 1 - figures["accuracy"],
        "auc": float(np.mean(areas)) if areas else 0.5,
        **figures,
    }


def number_figures(answers: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """RMSE, mean absolute error and R² of numbers (n,), and how many residuals (answer - truth) fall into each bin."""
    residuals = answers - truth
    spread = float(((truth - truth.mean()) ** 2).sum())
    counts, edges = np.histogram(residuals, bins=RESIDUAL_BINS)
    return {
        "rows": len(truth),
        "rmse": float(np.sqrt((residuals**2).mean())),
        "mae": float(np.abs(residuals).mean()),
        "r2": 1 - float((residuals**2).sum()) / spread if spread else 0.0,
        "residuals": {"edges": edges.tolist(), "counts": counts.tolist()},
    }


def thresholds(probability: np.ndarray, positive: np.ndarray, steps: int = 100) -> list[dict[str, Any]]:
    """False alarms and misses at each threshold 0, 1/steps, … 1 (positive when probability ≥ threshold)."""
    rows = []
    for threshold in np.linspace(0, 1, steps + 1):
        called = probability >= threshold
        rows.append(
            {
                "threshold": round(float(threshold), 4),
                "false_alarms": int((called & ~positive).sum()),
                "misses": int((~called & positive).sum()),
            }
        )
    return rows

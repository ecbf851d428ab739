"""MLflow's side of a training run: parameters, metrics by step, figures, tables.

Only the driver writes; workers report through the progress board.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import plotly.graph_objects as go
from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient

MAX_PARAM_LENGTH = 500


class Run:
    """An open MLflow run; every call writes to the store at once."""

    def __init__(self, client: MlflowClient, run_id: str) -> None:
        self._client = client
        self.run_id = run_id

    def params(self, values: dict[str, Any]) -> None:
        """Record the options of the run, as text."""
        params = [Param(key, str(value)[:MAX_PARAM_LENGTH]) for key, value in values.items()]
        self._client.log_batch(self.run_id, params=params)

    def metrics(self, values: dict[str, float], step: int) -> None:
        """Record figures of one step (an epoch, or a boosting round)."""
        now = int(time.time() * 1000)
        self._client.log_batch(self.run_id, metrics=[Metric(k, float(v), now, step) for k, v in values.items()])

    def tags(self, values: dict[str, str]) -> None:
        """Attach tags to the run, such as the data fingerprint."""
        self._client.log_batch(self.run_id, tags=[RunTag(key, value) for key, value in values.items()])

    def figure(self, figure: go.Figure, name: str) -> None:
        """Store a figure as ``figures/<name>.html``."""
        self._client.log_figure(self.run_id, figure, f"figures/{name}.html")

    def table(self, columns: dict[str, list[Any]], name: str) -> None:
        """Store a table as ``tables/<name>.json``."""
        self._client.log_table(self.run_id, columns, f"tables/{name}.json")


@contextmanager
def run(client: MlflowClient, model: str, name: str, run_id: str | None = None) -> Iterator[Run]:
    """Open a run in the model's experiment; it ends FINISHED, FAILED or KILLED, like the block.

    With ``run_id``, continues that run.
    """
    if run_id is None:
        experiment = client.get_experiment_by_name(model)
        experiment_id = experiment.experiment_id if experiment else client.create_experiment(model)
        run_id = client.create_run(experiment_id, run_name=name).info.run_id
    else:
        client.update_run(run_id, status="RUNNING")
    try:
        yield Run(client, run_id)
    except Exception:
        client.set_terminated(run_id, "FAILED")
        raise
    except BaseException:
        client.set_terminated(run_id, "KILLED")
        raise
    client.set_terminated(run_id, "FINISHED")


def confusion_figure(confusion: dict[str, Any], title: str) -> go.Figure:
    """Heat map of a confusion matrix: rows are the truth, columns the answer."""
    names, matrix = confusion["labels"], confusion["matrix"]
    figure = go.Figure(go.Heatmap(z=matrix, x=names, y=names, colorscale="Blues", text=matrix, texttemplate="%{text}"))
    figure.update_layout(title=title, xaxis_title="answer", yaxis_title="truth", yaxis_autorange="reversed")
    return figure


def curves_figure(history: dict[int, dict[str, float]], title: str) -> go.Figure:
    """One line per figure over the steps of a run."""
    names = sorted({name for figures in history.values() for name in figures})
    figure = go.Figure()
    for name in names:
        steps = [step for step in sorted(history) if name in history[step]]
        figure.add_scatter(x=steps, y=[history[step][name] for step in steps], name=name, mode="lines+markers")
    figure.update_layout(title=title, xaxis_title="step")
    return figure


def bars_figure(shares: dict[str, float], title: str) -> go.Figure:
    """A bar chart of shares, 0..1."""
    figure = go.Figure(go.Bar(x=list(shares), y=list(shares.values()), texttemplate="%{y:.1%}"))
    return figure.update_layout(title=title, yaxis_range=[0, 1])


def calibration_figure(calibration: dict[str, Any], title: str) -> go.Figure:
    """Share of right answers against stated confidence; the diagonal is perfect."""
    bins = calibration["bins"]
    figure = go.Figure(go.Scatter(x=[0, 1], y=[0, 1], mode="lines", name="perfect", line_dash="dot"))
    figure.add_scatter(
        x=[b["confidence"] for b in bins], y=[b["accuracy"] for b in bins], mode="lines+markers", name="model"
    )
    figure.update_layout(title=title, xaxis_title="confidence", yaxis_title="share of right answers")
    return figure

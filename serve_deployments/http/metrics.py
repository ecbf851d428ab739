"""Figures for Prometheus: requests, errors, latency, batches and queue, by model and version.

Each replica counts its own; ``/api/metrics`` collects from all of them and labels every figure with its
replica, as if Prometheus had scraped each.
"""

from __future__ import annotations

import math
from collections import Counter as Tally
from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

LATENCY_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 512, 2_048, 10_000)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class ReplicaMetrics:
    """The figures of one replica of a model."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "air_requests", "Requests answered", ["model", "version", "status"], registry=self._registry
        )
        self._errors = Counter("air_errors", "Requests refused or failed", ["model", "status"], registry=self._registry)
        self._latency = Histogram(
            "air_request_seconds",
            "Seconds from a request's arrival to its reply",
            ["model", "version"],
            buckets=LATENCY_BUCKETS_S,
            registry=self._registry,
        )
        batch = Histogram(
            "air_batch_size", "Images or rows in one batch", ["model"], buckets=BATCH_BUCKETS, registry=self._registry
        )
        self._batch = batch.labels(model)
        self._counters: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._ongoing = Gauge("air_ongoing_requests", "Requests being answered", ["model"], registry=self._registry)
        self._waiting = Gauge(
            "air_queue_items", "Images or rows waiting for the model", ["model"], registry=self._registry
        )

    def request(self, version: str, status: int, seconds: float) -> None:
        """Count a request; ``version`` is empty when no version answered it."""
        counters = self._counters.get((version, status))
        if counters is None:
            counters = (
                self._requests.labels(self._model, version, status),
                self._latency.labels(self._model, version),
            )
            self._counters[version, status] = counters
        counters[0].inc()
        counters[1].observe(seconds)
        if status >= 400:
            self._errors.labels(self._model, status).inc()

    def batch(self, size: int) -> None:
        """Count a batch."""
        self._batch.observe(size)

    def queue(self, ongoing: int, waiting: int) -> None:
        """Set the requests and inputs in progress."""
        self._ongoing.labels(self._model).set(ongoing)
        self._waiting.labels(self._model).set(waiting)

    def text(self) -> str:
        """The figures in Prometheus' text format."""
        return generate_latest(self._registry).decode()

    def totals(self) -> dict[str, Any]:
        """Totals over all versions: requests, refused requests, median and 99th percentile of the latency."""
        samples = [sample for family in self._registry.collect() for sample in family.samples]
        counted = [sample for sample in samples if sample.name == "air_requests_total"]
        below: Tally[float] = Tally()
        for sample in samples:
            if sample.name == "air_request_seconds_bucket":
                below[float(sample.labels["le"])] += sample.value
        return {
            "requests": int(sum(sample.value for sample in counted)),
            "refused": int(sum(sample.value for sample in counted if int(sample.labels["status"]) >= 400)),
            "p50_ms": _quantile(below, 0.5),
            "p99_ms": _quantile(below, 0.99),
        }


def _quantile(below: Mapping[float, float], share: float) -> float | None:
    """The quantile of the latency in milliseconds, interpolated linearly within its bucket.

    ``below`` maps seconds to the number of requests that took at most that long. None before the first request.
    """
    wanted = share * max(below.values(), default=0)
    lower, before = 0.0, 0.0
    for upper, count in sorted(below.items()):
        if count >= wanted > 0:
            inside = (wanted - before) / (count - before)
            return round(1000 * (lower if math.isinf(upper) else lower + inside * (upper - lower)), 2)
        lower, before = upper, count
    return None


def merge(replicas: Iterable[tuple[str, str]]) -> bytes:
    """One text from those of many replicas, ``(replica, text)``; each figure is labelled with its replica."""
    families: dict[str, Metric] = {}
    for replica, text in replicas:
        for family in text_string_to_metric_families(text):
            if family.name.endswith("_created"):
                continue  # the start times of counters, which nobody needs
            merged = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            merged.samples += [
                sample._replace(labels=sample.labels | {"replica": replica}) for sample in family.samples
            ]
    collected = CollectorRegistry()
    collected.register(_Fixed(families.values()))
    return generate_latest(collected)


class _Fixed:
    """A collector of existing metrics."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics

"""Prometheus metrics with TF Serving's names, and the page that shows them.

TF Serving's names start with a colon and its counters lack the suffix ``_total`` that
prometheus-client puts on counters, so these are written by a collector.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import (
    CollectorRegistry,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from tidegate.serving.server.http import Answer

_PREFIX = ":tensorflow:serving:"
_REQUESTS = f"{_PREFIX}request_count"
_EXAMPLES = f"{_PREFIX}request_example_count_total"
_LOADS = ":tensorflow:cc:saved_model:load_attempt_count"
_LOGGED = ":tidegate:request_log_count"
# Microseconds: 10 to about 20 minutes, each bound 1.8 times the one before, as in TF Serving.
_LATENCY_BOUNDS = tuple(10 * 1.8**power for power in range(33))
# Names under which failed requests are counted; what clients make up has no end.
_NAMES = 1_000
_LONGEST_NAME = 256
_EXAMPLE_BOUNDS = tuple(2.0**power for power in range(15))

Labels = tuple[tuple[str, str], ...]
# (name, what it counts, counts by labels)
Count = tuple[str, str, Mapping[Labels, int]]


class _Counters(Collector):
    """Counters that keep their names.

    Args:
      read: gives all counters.
    """

    def __init__(self, read: Callable[[], Iterable[Count]]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        for name, text, counts in self._read():
            metric = Metric(name, text, "counter")
            metric.name = name
            for labels, value in sorted(counts.items()):
                metric.add_sample(name, dict(labels), value)
            yield metric


class Metrics:
    """What the server counts and times.

    Args:
      sources: further counters, read when the page is asked for.
    """

    def __init__(self, sources: Iterable[Callable[[], Iterable[Count]]] = ()) -> None:
        disable_created_metrics()
        self._sources = tuple(sources)
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str]] = Counter()
        self._examples: Counter[str] = Counter()
        self._failed: set[str] = set()
        self._registry = CollectorRegistry()
        self._registry.register(_Counters(self._counts))
        ProcessCollector(registry=self._registry)
        self._latency = Histogram(
            f"{_PREFIX}request_latency",
            "Wall time of answered requests, microseconds.",
            ("model_name", "API", "entrypoint"),
            registry=self._registry,
            buckets=_LATENCY_BOUNDS,
        )
        self._sizes = Histogram(
            f"{_PREFIX}request_example_counts",
            "Examples in a request.",
            ("model",),
            registry=self._registry,
            buckets=_EXAMPLE_BOUNDS,
        )
        # By model, API and entrypoint: looking up labelled children takes longer than counting.
        self._children: dict[tuple[str, str, str], tuple[Histogram, Histogram]] = {}

    def answered(
        self, model: str, api: str, entrypoint: str, seconds: float, examples: int
    ) -> None:
        """Counts a request that was answered.

        Args:
          model: its name.
          api: the method.
          entrypoint: by which the request came.
          seconds: it took.
          examples: rows in it.
        """
        key = model, api, entrypoint
        children = self._children.get(key)
        if children is None:
            children = (self._latency.labels(*key), self._sizes.labels(model))
            self._children[key] = children
        latency, sizes = children
        latency.observe(seconds * 1e6)
        sizes.observe(examples)
        with self._lock:
            self._requests[model, "OK"] += 1
            self._examples[model] += examples

    def failed(self, model: str, code: str) -> None:
        """Counts a request that was not answered.

        Args:
          model: the name asked for, served or not; empty where there is none.
          code: the status code's name.
        """
        with self._lock:
            if model not in self._examples:  # It has answered none: a client may have made it up.
                if len(self._failed) < _NAMES and len(model) <= _LONGEST_NAME:
                    self._failed.add(model)
                if model not in self._failed:
                    model = ""
            self._requests[model, code] += 1

    def page(self) -> bytes:
        """All metrics in Prometheus' text format."""
        text = generate_latest(self._registry)
        return re.sub(rb"(?m)^(# (?:HELP|TYPE) :\S+)_total ", _restore, text)

    def answer(self) -> Answer:
        """The page for an HTTP client."""
        return Answer(200, self.page(), CONTENT_TYPE_LATEST)

    def _counts(self) -> Iterator[Count]:
        with self._lock:
            requests, examples = dict(self._requests), dict(self._examples)
        yield (
            _REQUESTS,
            "Requests.",
            {
                (("model_name", model), ("status", code)): count
                for (model, code), count in requests.items()
            },
        )
        yield (
            _EXAMPLES,
            "Examples in all requests.",
            {(("model", model),): count for model, count in examples.items()},
        )
        for source in self._sources:
            yield from source()


def _restore(header: re.Match[bytes]) -> bytes:
    """A header line under the name that the samples have."""
    return header[1] + b" "


def load_counts(counts: Mapping[tuple[str, str], int]) -> Count:
    """The counter of loads.

    Args:
      counts: by the version's folder and ``success`` or ``fail``.
    """
    by_labels: dict[Labels, int] = {
        (("model_path", path), ("status", outcome)): count
        for (path, outcome), count in counts.items()
    }
    return _LOADS, "Loads of a version.", by_labels


def log_counts(counts: Mapping[tuple[str, str], int]) -> Count:
    """The counter of the request log: by model, and ``written`` or ``dropped``."""
    by_labels: dict[Labels, int] = {
        (("model_name", model), ("outcome", outcome)): count
        for (model, outcome), count in counts.items()
    }
    return _LOGGED, "Requests for the request log.", by_labels

"""Loads, retries and unloads of versions, and the memory of those that are gone."""

from __future__ import annotations

import gc
import logging
import math
import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from tidegate.serving.server import status
from tidegate.serving.server.loader import load
from tidegate.serving.server.model_state import (
    AVAILABLE,
    END,
    LOADING,
    START,
    UNLOADING,
    Model,
    Version,
)
from tidegate.serving.server.options import EngineOptions

if TYPE_CHECKING:
    from tensorflow_serving.apis.get_model_status_pb2 import ModelVersionStatus

_LOG = logging.getLogger(__name__)
# Versions that are gone stay in GetModelStatus as END, and in the counts; so many of them.
_KEPT = 1000

K = TypeVar("K")
V = TypeVar("V")


class Lifecycle:
    """The models, and the threads that load and unload their versions.

    Attributes:
      changed: holds the lock that guards all else, "locked" in what follows; notified of whatever
        someone may wait for.
      models: the current ones by name, and those removed until they are unloaded.
      keep_removed: whether what a reload has removed still serves, until the reload is complete.
      load_counts: loads by the version's folder and ``success`` or ``fail``; of the last folders.

    Args:
      options: how versions are loaded and retried.
    """

    def __init__(self, options: EngineOptions) -> None:
        self.changed = threading.Condition(threading.Lock())
        self.models: dict[str, Model] = {}
        self.load_counts: OrderedDict[tuple[str, str], int] = OrderedDict()
        self.keep_removed = False
        self._options = options
        self._ended: OrderedDict[tuple[str, int], ModelVersionStatus] = OrderedDict()
        self._loaders = ThreadPoolExecutor(max(options.num_load_threads, 1), "model-load")
        # Apart, so that long loads do not keep memory occupied.
        self._unloaders = ThreadPoolExecutor(1, "model-unload")

    def known(self, name: str) -> dict[int, ModelVersionStatus]:
        """Locked: a model's versions by number, those that are gone included."""
        found = {number: each for (model, number), each in self._ended.items() if model == name}
        if name in self.models:
            for version in sorted(self.models[name].versions, key=lambda v: v.aspired):
                found[version.number] = version.status()
        return found

    def idle(self) -> bool:
        """Locked: whether no version is leased."""
        return not any(
            version.leases for model in self.models.values() for version in model.versions
        )

    def reconcile(self) -> float:
        """Locked: starts what can start; the time of the next retry."""
        now = time.monotonic()
        wake = math.inf
        for model in list(self.models.values()):
            for version in list(model.versions):
                if version.busy:
                    continue
                if version.state == END:
                    if not version.aspired:
                        model.versions.remove(version)
                        self._end(version)
                elif version.state in (START, LOADING):
                    if not version.aspired:
                        model.versions.remove(version)
                        self._end(version)
                    elif version.retry_at <= now:
                        version.busy = True
                        self._loaders.submit(self._load, model, version)
                    else:
                        wake = min(wake, version.retry_at)
                else:
                    self._retire(model, version)
            if model.removed and not model.versions:
                del self.models[model.name]
        return wake

    def close(self) -> None:
        """Unloads everything; what still runs is cancelled."""
        self._loaders.shutdown(cancel_futures=True)
        self._unloaders.shutdown()
        with self.changed:
            versions = [version for model in self.models.values() for version in model.versions]
            self.models.clear()
            for version in versions:
                self._end(version)
        for version in versions:
            servable, version.servable = version.servable, None
            if servable is not None:
                servable.close()

    def _retire(self, model: Model, version: Version) -> None:
        """Locked: unloads what is not asked for, once something else serves and it is not used."""
        replaced = any(v.state == AVAILABLE and v.aspired for v in model.versions)
        if (
            version.state == AVAILABLE
            and not version.aspired
            and (replaced or (model.removed and not self.keep_removed))
        ):
            version.state = UNLOADING
            model.route()
        if version.state == UNLOADING and version.leases == 0:
            version.busy = True
            self._unloaders.submit(self._unload, model, version)

    def _load(self, model: Model, version: Version) -> None:
        """In a loading thread."""
        with self.changed:
            version.state = LOADING
        _LOG.info("Loading model %s version %d", version.model, version.number)
        servable, problem = None, None
        try:
            servable = load(version.model, version.number, version.path, self._options)
        except Exception as error:
            problem = status.from_tensorflow(error)
            _LOG.warning(
                "Model %s version %d cannot be loaded: %s", version.model, version.number, problem
            )
        with self.changed:
            version.busy = False
            version.error = problem
            outcome = (version.path, "success" if servable is not None else "fail")
            _keep(self.load_counts, outcome, self.load_counts.get(outcome, 0) + 1)
            if servable is not None:
                version.servable, version.state = servable, AVAILABLE
                model.route()
                _LOG.info("Model %s version %d serves", version.model, version.number)
            else:
                version.failures += 1
                if version.failures > self._options.max_num_load_retries:
                    version.state = END
                interval = self._options.load_retry_interval_micros / 1e6
                version.retry_at = time.monotonic() + interval
            self.changed.notify_all()

    def _unload(self, model: Model, version: Version) -> None:
        """In the unloading thread."""
        servable, version.servable = version.servable, None
        try:
            if servable is not None:
                servable.close()
            del servable
            # A graph's ops refer to each other; without this it stays until the collector's oldest
            # generation is due, which may be never.
            gc.collect()
        except Exception:
            _LOG.exception("Unloading model %s version %d", version.model, version.number)
        with self.changed:
            model.versions.remove(version)
            self._end(version)
            if version.aspired:
                # Asked for again since it began to unload.
                model.versions.append(Version(version.model, version.number, version.path))
            self.changed.notify_all()
        _LOG.info("Unloaded model %s version %d", version.model, version.number)

    def _end(self, version: Version) -> None:
        """Locked: remembers a version that is gone."""
        _keep(self._ended, (version.model, version.number), version.status(END))


def _keep(kept: OrderedDict[K, V], key: K, value: V) -> None:
    """Sets a value as the newest; the oldest give way."""
    kept.pop(key, None)
    kept[key] = value
    while len(kept) > _KEPT:
        kept.popitem(last=False)

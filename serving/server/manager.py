"""Which versions of which models are loaded, and the leases of requests on them."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING

from tidegate.serving.server import model_config, status
from tidegate.serving.server.config_source import ConfigSource
from tidegate.serving.server.lifecycle import Lifecycle
from tidegate.serving.server.model_state import UNLOADING, Model, Version, check_labels
from tidegate.serving.server.options import ConfigError, EngineOptions
from tidegate.serving.server.servable import Servable

if TYPE_CHECKING:
    from tensorflow_serving.apis.get_model_status_pb2 import ModelVersionStatus
    from tensorflow_serving.apis.model_pb2 import ModelSpec
    from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

_LOG = logging.getLogger(__name__)


class ModelManager:
    """Finds, loads, swaps and unloads versions, and lends them to requests.

    A new version is loaded and warmed up beside the old one; then new requests go to it; then the
    old one is unloaded once its last request is done. A version that cannot be loaded is tried
    again later and never holds up another.

    Args:
      config: the models.
      options: how they are found, loaded and run.

    Raises:
      ConfigError: the configuration is wrong.
    """

    def __init__(self, config: ModelServerConfig, options: EngineOptions) -> None:
        try:
            model_config.check(config)
        except status.ServingError as error:
            raise ConfigError(error.message) from error
        self._options = options
        self._source = ConfigSource(options)
        self._lifecycle = Lifecycle(options)
        self._changed = self._lifecycle.changed
        self._models = self._lifecycle.models
        self._polls_wanted = 0
        self._polls_done = 0
        self._stopping = False
        self._apply(config)
        self._reloading = threading.Lock()
        self._follower = threading.Thread(target=self._follow, name="model-manager", daemon=True)

    def start(self) -> None:
        """Looks for versions, loads them, and goes on doing so in the background.

        Returns when every model has its first version or every version it should have has failed
        once; GetModelStatus then tells why. A model without versions is not waited for.
        """
        with self._changed:
            self._polls_wanted += 1
        self._follower.start()
        with self._changed:
            self._changed.wait_for(lambda: self._polled(1) and self._all_settled())

    def lease(self, spec: ModelSpec) -> AbstractContextManager[Servable]:
        """The version that a request asks for, held until the context ends.

        Args:
          spec: name, and version number or label; without either, the newest that is loaded.

        Raises:
          ServingError: on entering; INVALID_ARGUMENT for no name or an unknown label, NOT_FOUND
            for a model or version that is not loaded, UNAVAILABLE while the server stops.
        """
        return _Lease(self, spec)

    def acquire(self, spec: ModelSpec) -> Version:
        """What `lease` does on entering; `release` must follow."""
        if not spec.name:
            raise status.invalid_argument("ModelSpec has no name specified.")
        choice = spec.WhichOneof("version_choice")
        with self._changed:
            if self._stopping:
                raise status.unavailable("The server is shutting down.")
            model = self._models.get(spec.name)
            if choice is None:
                version = None if model is None else model.latest
                asked = f"Latest({spec.name})"
            else:
                number = spec.version.value
                if choice == "version_label":
                    labels = {} if model is None else model.config.version_labels
                    if spec.version_label not in labels:
                        raise status.invalid_argument(
                            f"Unrecognized servable version label: {spec.version_label}"
                        )
                    number = labels[spec.version_label]
                version = None if model is None else model.serving.get(number)
                asked = f"Specific({spec.name}, {number})"
            if version is None:
                raise status.not_found(f"Servable not found for request: {asked}")
            version.leases += 1
            return version

    def release(self, version: Version) -> None:
        """Ends a lease."""
        with self._changed:
            version.leases -= 1
            if version.leases == 0 and (version.state == UNLOADING or self._stopping):
                self._changed.notify_all()

    def status(self, name: str, version: int | None = None) -> list[ModelVersionStatus]:
        """The state of each version of a model, newest first, those that are gone included.

        A version whose load failed and will be tried again is LOADING with the error.

        Args:
          name: the model's name.
          version: this one alone; None for all.

        Raises:
          ServingError: NOT_FOUND; no such model or version is known.
        """
        with self._changed:
            known = self._lifecycle.known(name)
        if version is not None:
            if version not in known:
                raise status.not_found(f"Could not find version {version} of model {name}")
            return [known[version]]
        if not known:
            raise status.not_found(f"Could not find any versions of model {name}")
        return [known[number] for number in sorted(known, reverse=True)]

    def load_counts(self) -> dict[tuple[str, str], int]:
        """Loads so far, by the version's folder and ``success`` or ``fail``."""
        with self._changed:
            return dict(self._lifecycle.load_counts)

    def reload(self, config: ModelServerConfig) -> None:
        """Replaces the configuration; returns when every model new in it serves.

        Models that are not in it are unloaded; a folder of models is no longer followed.

        Raises:
          ServingError: INVALID_ARGUMENT, the configuration is wrong; FAILED_PRECONDITION, a label
            is to point to a version that is not loaded (both change nothing); UNKNOWN, a new model
            did not become available.
        """
        model_config.check(config)
        with self._reloading, self._changed:
            new = self._replace(config)
            self._polls_wanted += 1
            poll = self._polls_wanted
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._polled(poll) and self._all_settled())
            failed = [self._why_not(name) for name in new if self._models[name].latest is None]
        if failed:
            raise status.unknown(
                f"{len(failed)} servable(s) did not become available: {{{', '.join(failed)}}}"
            )

    def stop(self, grace: float) -> None:
        """Refuses new leases, waits for those that are held, and unloads everything.

        Args:
          grace: seconds to wait for leases; what runs longer is cancelled.
        """
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            self._changed.wait_for(self._lifecycle.idle, grace)
        if self._follower.ident is not None:
            self._follower.join()
        self._lifecycle.close()

    # What follows with the word "locked" needs the lock.

    def _polled(self, poll: int) -> bool:
        return self._stopping or self._polls_done >= poll

    def _all_settled(self) -> bool:
        return self._stopping or all(
            model.removed or model.settled() for model in self._models.values()
        )

    def _why_not(self, name: str) -> str:
        failed = [version for version in self._models[name].versions if version.error is not None]
        if not failed:
            return f"{{name: {name}}} due to error: no versions found"
        newest = max(failed, key=lambda version: version.number)
        return f"{{name: {name} version: {newest.number}}} due to error: {newest.error}"

    def _replace(self, config: ModelServerConfig) -> list[str]:
        """Locked: checks labels, then applies the configuration; the names that are new."""
        check_labels(
            config, self._models, self._options.allow_version_labels_for_unavailable_models
        )
        self._source.follow_folder = False
        return self._apply(config)

    def _apply(self, config: ModelServerConfig) -> list[str]:
        """Locked: makes the configuration the current one; the names that are new."""
        # A copy: the caller may change its own.
        kept = type(config).FromString(config.SerializeToString()).model_config_list
        configs = {each.name: each for each in kept.config}
        for name, model in self._models.items():
            if name not in configs:
                model.removed = True
                for version in model.versions:
                    version.aspired = False
        new = []
        for name, each in configs.items():
            held = self._models.get(name)
            if held is None or held.removed:
                new.append(name)
            if held is None:
                held = self._models[name] = Model(each)
            held.config, held.removed, held.looked = each, False, False
        return new

    def _follow(self) -> None:
        """The background thread: looks for versions, starts loads and unloads."""
        wait = self._options.file_system_poll_wait_seconds
        next_poll = math.inf
        while True:
            with self._changed:
                if self._stopping:
                    return
                wanted = self._polls_wanted
                due = self._polls_done < wanted or time.monotonic() >= next_poll
            if due:
                self._guarded(self._poll)
                next_poll = time.monotonic() + wait if wait > 0 else math.inf
            if self._source.file_due():
                self._guarded(self._reread)
            with self._changed:
                self._polls_done = wanted
                if self._stopping:
                    return
                wake = min(next_poll, self._source.next_read, self._lifecycle.reconcile())
                self._changed.notify_all()
                if self._polls_wanted == wanted:
                    left = max(wake - time.monotonic(), 0.0)
                    self._changed.wait(None if math.isinf(left) else left)

    def _guarded(self, step: Callable[[], None]) -> None:
        """A fault here must not end the thread: nothing would be swapped any more."""
        try:
            step()
        except Exception:
            _LOG.exception("Looking for models or versions failed; trying again")

    def _poll(self) -> None:
        """Looks at every model's folder."""
        for config in self._source.new_models(set(self._models)):
            with self._changed:
                if self._source.follow_folder:
                    _LOG.info("Model %s found in %s", config.name, config.base_path)
                    self._models[config.name] = Model(config)
        with self._changed:
            looks = [(model, model.config) for model in self._models.values() if not model.removed]
        for model, config in looks:
            on_disk, wanted, complaint = self._source.versions(config)
            if complaint and complaint != model.complaint:
                _LOG.warning("%s", complaint)
            with self._changed:
                # A reload may have come between; its own poll follows.
                if model.config is config and not model.removed:
                    model.complaint, model.looked = complaint, True
                    model.aspire(wanted, on_disk)

    def _reread(self) -> None:
        """Applies the configuration file if it has changed."""
        config = self._source.read_file()
        if config is None:
            return
        with self._changed:
            try:
                self._replace(config)
            except status.ServingError as error:
                _LOG.warning("%s: %s", self._options.model_config_file, error.message)
                return
            self._polls_wanted += 1
            self._source.file_applied()


class _Lease:
    """Holds a version while the context lasts."""

    __slots__ = ("_manager", "_spec", "_version")

    def __init__(self, manager: ModelManager, spec: ModelSpec) -> None:
        self._manager = manager
        self._spec = spec

    def __enter__(self) -> Servable:
        self._version = self._manager.acquire(self._spec)
        servable = self._version.servable
        assert servable is not None  # A version that can be acquired is loaded.
        return servable

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._manager.release(self._version)

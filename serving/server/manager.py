"""Which versions of which models are loaded, and the leases of requests on them."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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
    from tensorflow_serving.config.model_server_config_pb2 import ModelConfig, ModelServerConfig

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
        self._apply({each.name: each for each in config.model_config_list.config})
        self._reloading = threading.Lock()
        self._rereader = threading.Thread(name="reread")
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

    @contextmanager
    def lease(self, spec: ModelSpec) -> Iterator[Servable]:
        """The version that a request asks for, held until the context ends.

        Args:
          spec: name, and version number or label; without either, the newest that is loaded.

        Raises:
          ServingError: on entering; INVALID_ARGUMENT for no name or an unknown label, NOT_FOUND
            for a model or version that is not loaded, UNAVAILABLE while the server stops.
        """
        version = self._acquire(spec)
        try:
            servable = version.servable
            assert servable is not None  # A version that can be acquired is loaded.
            yield servable
        finally:
            self._release(version)

    def _acquire(self, spec: ModelSpec) -> Version:
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

    def _release(self, version: Version) -> None:
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

    def names(self) -> list[str]:
        """The models of which a version serves."""
        with self._changed:
            return sorted(name for name, model in self._models.items() if model.latest is not None)

    def load_counts(self) -> dict[tuple[str, str], int]:
        """Loads so far, by the version's folder and ``success`` or ``fail``."""
        with self._changed:
            return dict(self._lifecycle.load_counts)

    def reload(self, config: ModelServerConfig) -> None:
        """Replaces the configuration; returns when what changes by it serves.

        Models that are not in it are unloaded then; a folder of models is no longer followed. Until
        then, and if it fails, the models serve as they did before.

        Raises:
          ServingError: INVALID_ARGUMENT, the configuration is wrong; FAILED_PRECONDITION, a label
            is to point to a version that is not loaded, by this configuration neither; UNKNOWN, a
            model that is new or in another folder did not become available.
        """
        model_config.check(config)
        with self._reloading, self._changed:
            before = {name: m.config for name, m in self._models.items() if not m.removed}
            followed, self._source.follow_folder = self._source.follow_folder, False
            changed = [
                each.name
                for each in config.model_config_list.config
                if before.get(each.name) != each
            ]
            self._lifecycle.keep_removed = True
            self._apply({each.name: each for each in config.model_config_list.config})
            self._poll_and_wait(lambda: all(self._models[name].complete() for name in changed))
            try:
                self._check_reload(before)
            except status.ServingError:
                self._apply(before)
                self._source.follow_folder = followed
                self._poll_and_wait(lambda: True)
                raise
            finally:
                self._lifecycle.keep_removed = False
                self._changed.notify_all()

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

    def _poll_and_wait(self, done: Callable[[], bool]) -> None:
        """Locked: has the folders looked at, and waits for what must come of it."""
        self._polls_wanted += 1
        poll = self._polls_wanted
        self._changed.notify_all()
        self._changed.wait_for(lambda: self._polled(poll) and (self._stopping or done()))

    def _check_reload(self, before: Mapping[str, ModelConfig]) -> None:
        """Locked: raises where the configuration now applied has not led to what it asks for."""
        failed = []
        for name, model in self._models.items():
            moved = name not in before or before[name].base_path != model.config.base_path
            if moved and not model.removed and not model.arrived():
                failed.append(model.why_not())
        if failed:
            raise status.unknown(
                f"{len(failed)} servable(s) did not become available: {{{', '.join(failed)}}}"
            )
        check_labels(
            self._models, before, self._options.allow_version_labels_for_unavailable_models
        )

    def _apply(self, configs: Mapping[str, ModelConfig]) -> None:
        """Locked: makes these the configurations of the models, by name."""
        for name, model in self._models.items():
            if name not in configs:
                model.removed = True
                for version in model.versions:
                    version.aspired = False
        for name, each in configs.items():
            # A copy: the caller may change its own.
            config = type(each).FromString(each.SerializeToString())
            held = self._models.setdefault(name, Model(config))
            held.config, held.removed, held.looked = config, False, False

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
            if self._source.file_due() and not self._rereader.is_alive():
                # Beside this thread, which a reload waits for.
                self._rereader = threading.Thread(
                    target=self._guarded, args=(self._reread,), name="reread", daemon=True
                )
                self._rereader.start()
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
                    self._models.setdefault(config.name, Model(config))
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
        try:
            self.reload(config)
        except status.ServingError as error:
            _LOG.warning("%s: %s", self._options.model_config_file, error.message)
        else:
            self._source.file_applied()

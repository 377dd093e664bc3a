"""Which processes train together, and which of them this one is."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.models.train.settings import TrainingSettings
from tidegate.tables.errors import InputError

VARIABLE = "TF_CONFIG"
_EXPECTED = (
    'expected {"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'
    ', with or without a "chief", as a training operator sets it'
)


@dataclass(frozen=True)
class Workers:
    """The workers of one training.

    Attributes:
      addresses: ``host:port`` of each; the first one is the chief, which alone writes.
      index: which of them this process is; None where a setting names the workers and nothing
        says which this is.
    """

    addresses: tuple[str, ...]
    index: int | None

    @property
    def is_chief(self) -> bool:
        """Whether this process writes model, logs and checkpoints."""
        return not self.index

    def environment(self, index: int) -> dict[str, str]:
        """The variable that tells a process that it is the worker of that index."""
        task = {"type": "worker", "index": index}
        return {VARIABLE: json.dumps({"cluster": {"worker": self.addresses}, "task": task})}


def read_workers(settings: TrainingSettings, environment: Mapping[str, str]) -> Workers | None:
    """The workers that train together.

    Args:
      settings: `workers` and `worker`.
      environment: ``TF_CONFIG`` in it goes over the settings, for it says which worker a process
        is: its chief, if it names one, comes before its workers.

    Returns:
      None where this process trains alone.

    Raises:
      InputError: what is given is not a cluster, or this process has no place in it.
    """
    given = environment.get(VARIABLE, "").strip()
    named = given not in ("", "{}")
    found = _from_variable(given) if named else _from_settings(settings)
    if found is None or len(found.addresses) < 2:
        return None
    for address in found.addresses:
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65_536:
            raise InputError(f"training worker {address!r}: expected host:port")
    if len(set(found.addresses)) < len(found.addresses):
        raise InputError(
            f"training workers {', '.join(found.addresses)}: expected an address of its own for "
            "each"
        )
    return found


def _from_settings(settings: TrainingSettings) -> Workers | None:
    addresses = tuple(settings.workers)
    if not addresses:
        if settings.worker is not None:
            raise InputError(
                f"training.worker={settings.worker}: expected training.workers=host:port,host:port "
                "beside it"
            )
        return None
    if settings.worker is not None and settings.worker >= len(addresses):
        raise InputError(
            f"training.worker={settings.worker}: training.workers has {len(addresses)}; expected "
            f"0 to {len(addresses) - 1}"
        )
    return Workers(addresses, settings.worker)


def _from_variable(given: str) -> Workers:
    def wrong(what: str) -> InputError:
        return InputError(f"{VARIABLE}={given[:300]!r}: {what}; {_EXPECTED}")

    try:
        content = json.loads(given)
    except ValueError:
        raise wrong("not JSON") from None
    cluster = content.get("cluster") if isinstance(content, dict) else None
    if not isinstance(cluster, dict):
        raise wrong("no cluster in it")
    for name in ("chief", "worker"):
        some = cluster.setdefault(name, [])
        if not isinstance(some, list) or not all(isinstance(one, str) for one in some):
            raise wrong(f"{name} is not a list of addresses")
    other = sorted(set(cluster) - {"chief", "worker"})
    if other:
        raise wrong(f"cluster with {', '.join(other)}, which have no part in this training")
    chiefs, addresses = cluster["chief"], (*cluster["chief"], *cluster["worker"])
    if len(chiefs) > 1:
        raise wrong(f"{len(chiefs)} chiefs, of which there can be one")
    kind, index = _task(content.get("task"))
    if kind not in ("chief", "worker") or index is None:
        raise wrong("the task is not a chief or worker with its index")
    if not 0 <= index < len(cluster[kind]):
        raise wrong(f"{kind} {index} is not in the cluster")
    return Workers(addresses, index + len(chiefs) * (kind == "worker"))


def _task(task: Any) -> tuple[Any, int | None]:
    """Kind and index; the index may be text."""
    if not isinstance(task, dict):
        return None, None
    try:
        return task.get("type"), int(task.get("index", 0))
    except (TypeError, ValueError):
        return task.get("type"), None

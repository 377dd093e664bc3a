"""What the components share: their wiring follows from what each declares.

A component states its parameters, inputs and outputs, once; the spec that TFX asks for, the
channels of its outputs, the JSON in which mappings and lists travel, and the fingerprint of its
code in the cache's key are made here.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from tfx.types import channel, component_spec

from tidegate.models.core.fingerprint import code_fingerprint
from tidegate.tables.errors import nearest

_FINGERPRINT = "fingerprint"


def spec(
    parameters: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Any] | None = None,
    outputs: Mapping[str, Any] | None = None,
    base: type[component_spec.ComponentSpec] | None = None,
) -> type[component_spec.ComponentSpec]:
    """A component's spec class.

    Args:
      parameters: by name, the type of one that must be given, or the default of one that may be
        left out. `dict` and `list` are given as such, and reach the executor as JSON. Each may
        also be a RuntimeParameter or another placeholder of its type.
      inputs: by name, an artifact type; or, for one that may be left out, TFX's own
        `ChannelParameter` that says so.
      outputs: by name, an artifact type.
      base: the spec of a component of TFX's, to which these are added.
    """
    given = dict(parameters or {})
    defaults = {name: value for name, value in given.items() if not isinstance(value, type)}
    types = {
        name: value if isinstance(value, type) else type(value) for name, value in given.items()
    }
    return type(
        "Spec",
        (component_spec.ComponentSpec,),
        {
            "PARAMETERS": {
                **(base.PARAMETERS if base else {}),
                **{name: _parameter(kind) for name, kind in types.items()},
                _FINGERPRINT: _parameter(str),
            },
            "INPUTS": {**(base.INPUTS if base else {}), **_channels(inputs)},
            "OUTPUTS": {**(base.OUTPUTS if base else {}), **_channels(outputs)},
            "TYPE_ANNOTATION": base.TYPE_ANNOTATION if base else None,
            "DEFAULTS": defaults,
        },
    )


def _parameter(kind: type) -> component_spec.ExecutionParameter:
    return component_spec.ExecutionParameter(type=str if kind in (dict, list, tuple) else kind)


def _channels(declared: Mapping[str, Any] | None) -> dict[str, component_spec.ChannelParameter]:
    return {
        name: component_spec.ChannelParameter(type=kind) if isinstance(kind, type) else kind
        for name, kind in (declared or {}).items()
    }


class Wired:
    """Mixed into a component: its constructor takes what its `SPEC_CLASS`, of `spec`, declares.

    Each has the parameter `fingerprint`, of the modules that its executor runs, so that TFX's cache
    does not give what other code has made. An argument of that name, of what else the outputs
    depend on, comes before it.

    Attributes:
      SPEC_CLASS: what it takes and gives.
      EXECUTOR_SPEC: holds the executor.
      ALSO_RUNS: modules that the executor does not import, but has other processes run.

    Raises:
      TypeError: an argument that is not declared, or of another type.
      ValueError: one is missing.
    """

    SPEC_CLASS: ClassVar[Any]
    EXECUTOR_SPEC: ClassVar[Any]
    ALSO_RUNS: ClassVar[Sequence[str]] = ()

    def __init__(self, **arguments: Any) -> None:
        declared = self.SPEC_CLASS
        known = {**declared.PARAMETERS, **declared.INPUTS}
        for name in arguments:
            if name not in known:  # TFX would pass it over.
                raise TypeError(
                    f"{type(self).__name__}: no argument {name!r}. {nearest(name, known)}"
                )
        given = {**declared.DEFAULTS, **arguments}
        runs = {kind.__module__ for kind in self.EXECUTOR_SPEC.executor_class.__mro__}
        ours = [module for module in runs if module.startswith("tidegate.")]
        code = code_fingerprint(*ours, *self.ALSO_RUNS)
        given[_FINGERPRINT] = f"{given.get(_FINGERPRINT, '')}-{code}"
        for name, parameter in declared.PARAMETERS.items():
            value = given.get(name)
            if parameter.type is str and isinstance(value, Mapping | list | tuple):
                given[name] = json.dumps(value, sort_keys=True)
            elif parameter.type is float and type(value) is int:
                given[name] = float(value)
        for name, output in declared.OUTPUTS.items():
            given.setdefault(name, channel.Channel(type=output.type))
        wired: Any = super()
        wired.__init__(spec=declared(**given))

    # What a runner on one machine may call; a component does nothing unless it says otherwise.

    def prepare(self, key: str) -> None:
        """The component that will give the input `key` is about to be launched."""

    def accept(self, key: str, uri: str) -> None:
        """The input `key` is there, at a URI, while other components are still to be launched."""

    def dismiss(self, key: str) -> None:
        """Nothing is needed for the input `key`: it is a former run's, or the run ends."""

    def lost(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> str | None:
        """Why a former run's outputs no longer say what is so outside them; None where they do.

        Args:
          inputs: the component's artifacts of ML Metadata, lists by key.
          outputs: those that the cache has given.
        """
        return None

"""Predict: named tensors in, named tensors out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from tidegate.serving.server import status, tensors
from tidegate.serving.server.signatures import (
    CLASSIFY,
    DEFAULT_SIGNATURE,
    PREDICT,
    REGRESS,
    set_model_spec,
)

if TYPE_CHECKING:
    from tensorflow.core.framework.tensor_pb2 import TensorProto
    from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
    from tensorflow_serving.apis import predict_pb2

    from tidegate.serving.server.servable import Servable

_METHODS = (PREDICT, CLASSIFY, REGRESS)


def predict(
    servable: Servable,
    request: predict_pb2.PredictRequest,
    response: predict_pb2.PredictResponse,
    deadline: float | None,
) -> int:
    """Answers a Predict request, with TF Serving's checks in TF Serving's order.

    Args:
      servable: the version that the request asks for.
      request: its signature name may be empty: ``serving_default``.
      response: filled with the model spec as resolved, and the outputs.
      deadline: in seconds of ``time.monotonic()``; None for none.

    Returns:
      The number of rows, the first dimension of the first input; 1 for scalars.

    Raises:
      ServingError: as in the contract of the stock server.
    """
    name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    signature = servable.signature_defs.get(name)
    if signature is None:
        raise status.failed_precondition(f'Serving signature key "{name}" not found.')
    if signature.method_name not in _METHODS:
        raise status.internal(
            "Expected prediction signature method_name to be one of "
            f"{_braced(_METHODS, ', ')}. Was: {signature.method_name}"
        )
    feeds = _feeds(signature, request.inputs)
    outputs = _outputs(signature, request.output_filter)
    check_dtypes(signature, feeds)
    _check_shapes(name, signature, feeds)
    results = servable.run(feeds, signature, outputs, deadline)
    set_model_spec(response.model_spec, servable, name)
    for alias in outputs:
        tensors.encode(results[alias], response.outputs[alias])
    for array in feeds.values():
        return array.shape[0] if array.shape else 1
    return 1


def _feeds(signature: SignatureDef, inputs: Mapping[str, TensorProto]) -> dict[str, np.ndarray]:
    """The signature's inputs from the request, or from the signature's defaults."""
    needed = signature.inputs
    if len(inputs) > len(needed) or (len(inputs) < len(needed) and not signature.defaults):
        sent, required = set(inputs), set(needed)
        raise status.invalid_argument(
            f"input size does not match signature: {len(sent)}!={len(required)} "
            f"len({_braced(sent)}) != len({_braced(required)}). "
            f"Sent extra: {_braced(sent - required)}. "
            f"Missing but required: {_braced(required - sent)}."
        )
    feeds = {}
    used = 0
    from_defaults = []
    for alias in sorted(needed):
        if alias in inputs:
            proto = inputs[alias]
            used += 1
        elif alias in signature.defaults:
            proto = signature.defaults[alias]
            from_defaults.append(alias)
        else:
            raise status.invalid_argument(
                f"Signature input alias: {alias}(feed name: {needed[alias].name}) not found in "
                "request and no default value provided. Inputs expected to be in the request "
                f"{_braced(inputs)}, or default input alias set: "
                f"{','.join(sorted(signature.defaults))}"
            )
        try:
            feeds[alias] = tensors.decode(proto)
        except tensors.TooManyValuesError as error:
            raise status.invalid_argument(f"tensor parsing error: {alias}: {error}") from error
        except tensors.TensorError as error:
            raise status.invalid_argument(f"tensor parsing error: {alias}") from error
    if used != len(inputs):
        seen = ",".join(sorted(set(inputs) & set(needed)))
        raise status.invalid_argument(
            f"Inputs contains invalid name. Used request inputs: {seen}, "
            f"request input: {','.join(sorted(inputs))}"
        )
    # A default of one row is one for each row: requests are batched by rows.
    sizes = {one.shape[:1] for alias, one in feeds.items() if alias not in from_defaults}
    if len(sizes) == 1 and (rows := next(iter(sizes))):
        for alias in from_defaults:
            if feeds[alias].shape[:1] == (1,):
                feeds[alias] = np.repeat(feeds[alias], rows[0], axis=0)
    return feeds


def _outputs(signature: SignatureDef, output_filter: Iterable[str]) -> list[str]:
    """The outputs that are asked for; all of the signature without a filter."""
    outputs: list[str] = []
    for alias in output_filter:
        if alias not in signature.outputs:
            raise status.invalid_argument(
                f"output tensor alias not found in signature: {alias} "
                f"Outputs expected to be in the set {_braced(signature.outputs)}."
            )
        if alias in outputs:
            raise status.invalid_argument(f"duplicate output tensor alias: {alias}")
        outputs.append(alias)
    return outputs or list(signature.outputs)


def check_dtypes(signature: SignatureDef, feeds: Mapping[str, np.ndarray]) -> None:
    """Checks types as TensorFlow's session does: arguments are numbered by their feeds' names.

    Raises:
      ServingError: INVALID_ARGUMENT, the first argument of another type than the signature's.
    """
    for alias, array in feeds.items():
        if tensors.data_type(array) != signature.inputs[alias].dtype:
            break
    else:
        return
    by_name = sorted(feeds, key=lambda alias: signature.inputs[alias].name)
    for number, alias in enumerate(by_name):
        given, expected = tensors.data_type(feeds[alias]), signature.inputs[alias].dtype
        if given != expected:
            raise status.invalid_argument(
                f"Expects arg[{number}] to be {tensors.type_name(expected)} "
                f"but {tensors.type_name(given)} is provided"
            )


def _check_shapes(name: str, signature: SignatureDef, feeds: Mapping[str, np.ndarray]) -> None:
    """Checks shapes against the signature's.

    TF Serving leaves that to the kernels, which may take another shape and answer nonsense, or
    fail with a text that names neither the input nor its shape.

    Raises:
      ServingError: INVALID_ARGUMENT, the first input of another shape.
    """
    for alias in sorted(feeds):
        info = signature.inputs[alias]
        if not info.HasField("tensor_shape") or info.tensor_shape.unknown_rank:
            continue
        expected = [dim.size for dim in info.tensor_shape.dim]
        given = feeds[alias].shape
        if len(given) != len(expected) or any(
            size not in (-1, own) for size, own in zip(expected, given, strict=True)
        ):
            raise status.invalid_argument(
                f"Input {alias} has shape {tensors.shape_text(given)}, but signature {name} "
                f"expects {tensors.shape_text(expected)}, where -1 is any size"
            )


def _braced(names: Iterable[str], separator: str = ",") -> str:
    """Names in order, between braces; a tuple keeps its own order."""
    listed = names if isinstance(names, tuple) else sorted(names)
    return "{" + separator.join(listed) + "}"

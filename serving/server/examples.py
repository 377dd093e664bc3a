"""Classify, Regress and MultiInference: tf.Examples in, classes or values out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tidegate.serving.server import status, tensors
from tidegate.serving.server.predict import check_dtypes
from tidegate.serving.server.signatures import (
    CLASSES,
    CLASSIFY,
    DEFAULT_SIGNATURE,
    INPUTS,
    OUTPUTS,
    REGRESS,
    SCORES,
    set_model_spec,
)

if TYPE_CHECKING:
    from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
    from tensorflow_serving.apis import (
        classification_pb2,
        inference_pb2,
        input_pb2,
        regression_pb2,
    )

    from tidegate.serving.server.servable import Servable

Results = Mapping[str, np.ndarray]


def classify(
    servable: Servable,
    request: classification_pb2.ClassificationRequest,
    response: classification_pb2.ClassificationResponse,
    deadline: float | None,
) -> int:
    """Answers a Classify request: per example, classes with label, score or both.

    Returns:
      The number of examples.

    Raises:
      ServingError: as in the contract of the stock server.
    """
    name = request.model_spec.signature_name
    signature = _signature(servable, name, CLASSIFY, "classification")
    aliases = _classification_outputs(signature)
    examples = _examples(request.input)
    results = _run(servable, signature, examples, aliases, deadline)
    _write_classes(results, len(examples), response.result)
    set_model_spec(response.model_spec, servable, name)
    return len(examples)


def regress(
    servable: Servable,
    request: regression_pb2.RegressionRequest,
    response: regression_pb2.RegressionResponse,
    deadline: float | None,
) -> int:
    """Answers a Regress request: one value per example; as `classify` otherwise."""
    name = request.model_spec.signature_name
    signature = _signature(servable, name, REGRESS, "regression")
    aliases = _regression_outputs(signature)
    examples = _examples(request.input)
    results = _run(servable, signature, examples, aliases, deadline)
    _write_values(results, len(examples), response.result)
    set_model_spec(response.model_spec, servable, name)
    return len(examples)


def multi_inference(
    servable: Servable,
    request: inference_pb2.MultiInferenceRequest,
    response: inference_pb2.MultiInferenceResponse,
    deadline: float | None,
) -> int:
    """Answers several classify and regress signatures of one version over the same examples.

    Args:
      servable: the version that the first task asks for.
      request: tasks of one model, each with another signature, all with the same input tensor.
      response: one result per task, in order.
      deadline: in seconds of ``time.monotonic()``; None for none.

    Returns:
      The number of examples.

    Raises:
      ServingError: as in the contract of the stock server.
    """
    tasks = {}
    model = feed = ""
    for task in request.tasks:
        spec = task.model_spec
        if not spec.name:
            raise status.invalid_argument("Found ModelSpec with an empty model name.")
        model = model or spec.name
        if model != spec.name:
            raise status.invalid_argument(
                "All ModelSpecs in a MultiInferenceRequest must access the same model name."
            )
        name = spec.signature_name or DEFAULT_SIGNATURE
        if name in tasks:
            raise status.invalid_argument(f"Duplicate evaluation of signature: {name}")
        signature = servable.signature_defs.get(name)
        if signature is None:
            raise status.invalid_argument(f"Requested signature not found in model graph: {name}")
        if task.method_name == CLASSIFY:
            aliases = _classification_outputs(signature)
        elif task.method_name == REGRESS:
            aliases = _regression_outputs(signature)
        else:
            raise status.unimplemented(f"Unsupported signature method_name: {task.method_name}")
        tasks[name] = (task.method_name, signature, aliases)
        feed = feed or signature.inputs[INPUTS].name
        if feed != signature.inputs[INPUTS].name:
            raise status.invalid_argument("Input tensor must be the same for all Signatures.")
    examples = _examples(request.input)
    for name, (method, signature, aliases) in tasks.items():
        results = _run(servable, signature, examples, aliases, deadline)
        result = response.results.add()
        if method == CLASSIFY:
            _write_classes(results, len(examples), result.classification_result)
        else:
            _write_values(results, len(examples), result.regression_result)
        set_model_spec(result.model_spec, servable, name)
    return len(examples)


def _signature(servable: Servable, name: str, method: str, kind: str) -> SignatureDef:
    name = name or DEFAULT_SIGNATURE
    signature = servable.signature_defs.get(name)
    if signature is None:
        raise status.invalid_argument(f"No signature was found with the name: {name}")
    _check_method(signature, method, kind)
    return signature


def _check_method(signature: SignatureDef, method: str, kind: str) -> None:
    if signature.method_name != method:
        raise status.invalid_argument(
            f"Expected {kind} signature method_name to be {method}. Was: {signature.method_name}"
        )


def _classification_outputs(signature: SignatureDef) -> list[str]:
    """The outputs of a classify signature: classes, scores or both."""
    _check_method(signature, CLASSIFY, "classification")
    if len(signature.inputs) != 1:
        raise status.invalid_argument("Expected one input Tensor.")
    if len(signature.outputs) not in (1, 2):
        raise status.invalid_argument(
            f"Expected one or two output Tensors, found {len(signature.outputs)}"
        )
    if INPUTS not in signature.inputs:
        raise status.failed_precondition(
            f"No classification inputs found in SignatureDef: {signature}"
        )
    aliases = [alias for alias in (CLASSES, SCORES) if alias in signature.outputs]
    if not aliases:
        raise status.failed_precondition(
            "Expected classification signature outputs to contain at least one of "
            f'"{CLASSES}" or "{SCORES}". Signature was: {signature}'
        )
    return aliases


def _regression_outputs(signature: SignatureDef) -> list[str]:
    """The one output of a regress signature."""
    _check_method(signature, REGRESS, "regression")
    if len(signature.inputs) != 1:
        raise status.invalid_argument("Expected one input Tensor.")
    if len(signature.outputs) != 1:
        raise status.invalid_argument("Expected one output Tensor.")
    for alias, held in ((INPUTS, signature.inputs), (OUTPUTS, signature.outputs)):
        if alias not in held:
            raise status.failed_precondition(
                f"No regression {alias} found in SignatureDef: {signature}"
            )
    return [OUTPUTS]


def _examples(given: input_pb2.Input) -> list[bytes]:
    """The examples in wire form; a context goes before each, so that the example's own win."""
    kind = given.WhichOneof("kind")
    if kind == "example_list":
        examples = [example.SerializeToString() for example in given.example_list.examples]
    elif kind == "example_list_with_context":
        listed = given.example_list_with_context
        context = listed.context.SerializeToString()
        examples = [context + example.SerializeToString() for example in listed.examples]
    else:
        examples = []
    if not examples:
        raise status.invalid_argument("Input is empty.")
    return examples


def _run(
    servable: Servable,
    signature: SignatureDef,
    examples: list[bytes],
    aliases: list[str],
    deadline: float | None,
) -> Results:
    array = np.empty(len(examples), object)
    array[:] = examples
    feeds = {INPUTS: array}
    check_dtypes(signature, feeds)
    return servable.run(feeds, signature, aliases, deadline)


def _check_classes(array: np.ndarray, alias: str, dtype: str, batch: int) -> None:
    """Checks one output of a classify signature: ``[batch, classes]`` of its type."""
    if array.ndim != 2:
        raise status.invalid_argument(
            "Expected Tensor shape: [batch_size num_classes] but got "
            f"{tensors.shape_text(array.shape)}"
        )
    got = tensors.type_name(tensors.data_type(array)).upper()
    if got != dtype:
        raise status.invalid_argument(f"Expected {alias} Tensor of DT_{dtype}. Got: DT_{got}")
    if array.shape[0] != batch:
        raise status.invalid_argument(
            f"Expected {alias} output batch size of {batch}. Got: {array.shape[0]}"
        )


def _write_classes(
    results: Results, batch: int, response: classification_pb2.ClassificationResult
) -> None:
    """Writes per example its classes: label, score or both."""
    classes, scores = results.get(CLASSES), results.get(SCORES)
    if classes is not None:
        _check_classes(classes, CLASSES, "STRING", batch)
    if scores is not None:
        _check_classes(scores, SCORES, "FLOAT", batch)
    if classes is not None and scores is not None and classes.shape != scores.shape:
        raise status.invalid_argument(
            "Tensors class and score should match in dim_size(1). "
            f"Got {classes.shape[1]} vs. {scores.shape[1]}"
        )
    labels = [[]] * batch if classes is None else classes.tolist()
    numbers = [[]] * batch if scores is None else scores.tolist()
    for row_labels, row_scores in zip(labels, numbers, strict=True):
        row = response.classifications.add().classes
        for index in range(max(len(row_labels), len(row_scores))):
            entry = row.add()
            if row_labels:
                entry.label = _text(row_labels[index])
            if row_scores:
                entry.score = row_scores[index]


def _text(label: bytes) -> str:
    """A label as the message's string field can hold it."""
    try:
        return label.decode("utf-8")
    except UnicodeDecodeError as error:
        raise status.internal(f"A class label is not UTF-8: {label!r}") from error


def _write_values(results: Results, batch: int, response: regression_pb2.RegressionResult) -> None:
    """Writes one value per example; the output is ``[batch]`` or ``[batch, 1]``."""
    values = results[OUTPUTS]
    if not (values.ndim == 1 or (values.ndim == 2 and values.shape[1] == 1)):
        raise status.invalid_argument(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] "
            f"but got {tensors.shape_text(values.shape)}"
        )
    if values.shape[0] != batch:
        raise status.invalid_argument(
            f"Input batch size did not match output batch size: {batch} vs. {values.shape[0]}"
        )
    got = tensors.type_name(tensors.data_type(values)).upper()
    if got != "FLOAT":
        raise status.invalid_argument(f"Expected output Tensor of DT_FLOAT.  Got: DT_{got}")
    for value in values.reshape(-1).tolist():
        response.regressions.add().value = value

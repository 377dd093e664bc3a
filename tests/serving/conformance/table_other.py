"""Rows of the conformance table: all methods but Predict."""

from __future__ import annotations

from typing import Any

import grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    input_pb2,
    model_management_pb2,
    regression_pb2,
)

from tests.serving.conformance.row import Row, examples, spec, task, with_context

_INVALID = grpc.StatusCode.INVALID_ARGUMENT
_NOT_FOUND = grpc.StatusCode.NOT_FOUND
_NO_MODEL = "Servable not found for request: Latest(nobody)"


def _classify(model: Any, given: input_pb2.Input) -> classification_pb2.ClassificationRequest:
    return classification_pb2.ClassificationRequest(model_spec=model, input=given)


def _regress(model: Any, given: input_pb2.Input) -> regression_pb2.RegressionRequest:
    return regression_pb2.RegressionRequest(model_spec=model, input=given)


def _multi(given: input_pb2.Input, *tasks: Any) -> inference_pb2.MultiInferenceRequest:
    return inference_pb2.MultiInferenceRequest(tasks=tasks, input=given)


def _metadata(model: Any, *fields: str) -> get_model_metadata_pb2.GetModelMetadataRequest:
    return get_model_metadata_pb2.GetModelMetadataRequest(model_spec=model, metadata_field=fields)


def _status(model: Any) -> get_model_status_pb2.GetModelStatusRequest:
    return get_model_status_pb2.GetModelStatusRequest(model_spec=model)


def _custom() -> model_management_pb2.ReloadConfigRequest:
    request = model_management_pb2.ReloadConfigRequest()
    request.config.custom_model_config.SetInParent()
    return request


def _classes(*rows: list[tuple[str, float]]) -> Any:
    def check(response: classification_pb2.ClassificationResponse) -> None:
        assert response.model_spec == spec("half_plus_two", "classify", 2)
        found = [
            [(entry.label, entry.score) for entry in row.classes]
            for row in response.result.classifications
        ]
        assert found == list(rows)

    return check


def _values(*expected: float) -> Any:
    def check(response: regression_pb2.RegressionResponse) -> None:
        assert response.model_spec == spec("half_plus_two", "regress", 2)
        assert [each.value for each in response.result.regressions] == list(expected)

    return check


def _both(response: inference_pb2.MultiInferenceResponse) -> None:
    first, second = response.results
    assert first.model_spec == spec("half_plus_two", "classify", 2)
    labels = [entry.label for entry in first.classification_result.classifications[0].classes]
    assert labels == ["low", "high"]
    assert second.model_spec == spec("half_plus_two", "regress", 2)
    assert second.regression_result.regressions[0].value == 3.5


def _signatures(response: get_model_metadata_pb2.GetModelMetadataResponse) -> None:
    assert response.model_spec == spec("half_plus_two", "", 2)
    found = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(found)
    assert found.signature_def["serving_default"].method_name == "tensorflow/serving/predict"
    assert {"classify", "regress", "matrix"} <= set(found.signature_def)


def _versions(*expected: int) -> Any:
    def check(response: get_model_status_pb2.GetModelStatusResponse) -> None:
        found = {each.version: each for each in response.model_version_status}
        assert set(found) == set(expected)
        for each in found.values():
            assert each.state == get_model_status_pb2.ModelVersionStatus.AVAILABLE
            assert each.status.error_code == 0

    return check


def _without_spec(method: str, request: Any) -> Row:
    request.ClearField("model_spec")
    return Row(f"no model_spec, {method}", method, request, _INVALID, "Missing ModelSpec")


_LOW_HIGH = [("low", 3.5), ("high", -3.5)]

ROWS = [
    Row(
        "classes and scores",
        "Classify",
        _classify(spec(signature="classify"), examples(1, 1)),
        check=_classes(_LOW_HIGH, _LOW_HIGH),
    ),
    Row(
        "a context",
        "Classify",
        _classify(spec(signature="classify"), with_context(1, 2)),
        check=_classes(_LOW_HIGH, _LOW_HIGH),
    ),
    Row(
        "values",
        "Regress",
        _regress(spec(signature="regress"), examples(1, 2)),
        check=_values(3.5, 4.0),
    ),
    Row(
        "an empty list, Classify",
        "Classify",
        _classify(spec(signature="classify"), examples()),
        _INVALID,
        "Input is empty.",
    ),
    Row(
        "no input, Regress",
        "Regress",
        _regress(spec(signature="regress"), input_pb2.Input()),
        _INVALID,
        "Input is empty.",
    ),
    Row(
        "unknown signature, Classify",
        "Classify",
        _classify(spec(signature="X"), examples(1)),
        _INVALID,
        "No signature was found with the name: X",
    ),
    Row(
        "unknown signature, Regress",
        "Regress",
        _regress(spec(signature="X"), examples(1)),
        _INVALID,
        "No signature was found with the name: X",
    ),
    Row(
        "a signature of another method, Classify",
        "Classify",
        _classify(spec(), examples(1)),
        _INVALID,
        "Expected classification signature method_name to be tensorflow/serving/classify. "
        "Was: tensorflow/serving/predict",
    ),
    Row(
        "a signature of another method, Regress",
        "Regress",
        _regress(spec(signature="classify"), examples(1)),
        _INVALID,
        "Expected regression signature method_name to be tensorflow/serving/regress. "
        "Was: tensorflow/serving/classify",
    ),
    Row(
        "unknown model, Classify",
        "Classify",
        _classify(spec("nobody"), examples(1)),
        _NOT_FOUND,
        _NO_MODEL,
    ),
    Row(
        "unknown model, Regress",
        "Regress",
        _regress(spec("nobody"), examples(1)),
        _NOT_FOUND,
        _NO_MODEL,
    ),
    Row(
        "an example without the feature",
        "Regress",
        _regress(spec(signature="regress"), with_context(1, 0)),
        _INVALID,
        "Input is empty.",
    ),
    _without_spec("Classify", _classify(spec(), examples(1))),
    _without_spec("Regress", _regress(spec(), examples(1))),
    Row(
        "two tasks",
        "MultiInference",
        _multi(examples(1), task("classify", "classify"), task("regress", "regress")),
        check=_both,
    ),
    Row(
        "no task",
        "MultiInference",
        _multi(examples(1)),
        _INVALID,
        "ModelSpec has no name specified.",
    ),
    Row(
        "unknown signature, MultiInference",
        "MultiInference",
        _multi(examples(1), task("classify", "X")),
        _INVALID,
        "Requested signature not found in model graph: X",
    ),
    Row(
        "a signature twice",
        "MultiInference",
        _multi(examples(1), task("regress", "regress"), task("regress", "regress")),
        _INVALID,
        "Duplicate evaluation of signature: regress",
    ),
    Row(
        "two models",
        "MultiInference",
        _multi(examples(1), task("regress", "regress"), task("regress", "regress", "slow")),
        _INVALID,
        "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
    ),
    Row(
        "a task without a name",
        "MultiInference",
        _multi(examples(1), task("regress", "regress"), task("regress", "regress", "")),
        _INVALID,
        "Found ModelSpec with an empty model name.",
    ),
    Row(
        "a task of Predict",
        "MultiInference",
        _multi(examples(1), task("predict", "serving_default")),
        grpc.StatusCode.UNIMPLEMENTED,
        "Unsupported signature method_name: tensorflow/serving/predict",
    ),
    Row(
        "no examples, MultiInference",
        "MultiInference",
        _multi(input_pb2.Input(), task("regress", "regress")),
        _INVALID,
        "Input is empty.",
    ),
    Row("signatures", "GetModelMetadata", _metadata(spec(), "signature_def"), check=_signatures),
    Row(
        "no metadata field",
        "GetModelMetadata",
        _metadata(spec()),
        _INVALID,
        "GetModelMetadataRequest must specify at least one metadata_field",
    ),
    Row(
        "unknown metadata field",
        "GetModelMetadata",
        _metadata(spec(), "X"),
        _INVALID,
        "Metadata field X is not supported",
    ),
    Row(
        "unknown model, GetModelMetadata",
        "GetModelMetadata",
        _metadata(spec("nobody"), "signature_def"),
        _NOT_FOUND,
        _NO_MODEL,
    ),
    _without_spec("GetModelMetadata", _metadata(spec(), "signature_def")),
    Row("status of all versions", "GetModelStatus", _status(spec()), check=_versions(1, 2)),
    Row("status of a version", "GetModelStatus", _status(spec(version=1)), check=_versions(1)),
    Row("status ignores labels", "GetModelStatus", _status(spec(label="X")), check=_versions(1, 2)),
    Row(
        "status of an unknown model",
        "GetModelStatus",
        _status(spec("nobody")),
        _NOT_FOUND,
        "Could not find any versions of model nobody",
    ),
    Row(
        "status of an unknown version",
        "GetModelStatus",
        _status(spec(version=7)),
        _NOT_FOUND,
        "Could not find version 7 of model half_plus_two",
    ),
    _without_spec("GetModelStatus", _status(spec())),
    Row(
        "reload with a custom config",
        "HandleReloadConfigRequest",
        _custom(),
        _INVALID,
        "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList "
        "is currently supported",
    ),
]

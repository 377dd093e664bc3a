"""Rows of the conformance table: Predict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
from tensorflow.core.framework.tensor_pb2 import TensorProto

from tests.serving.conformance.models import MAX_BATCH_SIZE
from tests.serving.conformance.row import Row, answers, predict, spec, tensor

_INVALID = grpc.StatusCode.INVALID_ARGUMENT
_NOT_FOUND = grpc.StatusCode.NOT_FOUND
_PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
_TWO = [1.0, 2.0]
_LONG = "z" * 2_000
_LONG_TEXT = f"output tensor alias not found in signature: {_LONG}"[:1024] + "...TRUNCATED"


def _words(count: int) -> Callable[[Any], None]:
    def check(response: Any) -> None:
        assert list(response.outputs["words"].int_val) == [count]

    return check


def _parsing(name: str, proto: TensorProto) -> Row:
    return Row(
        f"undecodable tensor: {name}",
        "Predict",
        predict(spec(), x=proto),
        _INVALID,
        "tensor parsing error: x",
    )


def _shape(name: str, proto: TensorProto, signature: str, given: str, expected: str) -> Row:
    return Row(
        f"wrong shape: {name}",
        "Predict",
        predict(spec(signature=signature), x=proto),
        _INVALID,
        f"Input x has shape {given}, but signature {signature} expects {expected}, where -1 is "
        "any size",
        ours=True,  # TF Serving has no check, and gives the text of the first kernel that fails.
    )


ROWS = [
    Row(
        "newest version",
        "Predict",
        predict(spec(), x=_TWO),
        check=answers(2, "serving_default", y=[3.5, 4.0]),
    ),
    Row(
        "a version",
        "Predict",
        predict(spec(version=1), x=_TWO),
        check=answers(1, "serving_default", y=[2.5, 3.0]),
    ),
    Row(
        "a label",
        "Predict",
        predict(spec(label="stable"), x=_TWO),
        check=answers(1, "serving_default", y=[2.5, 3.0]),
    ),
    Row(
        "a signature without inputs",
        "Predict",
        predict(spec(signature="offset")),
        check=lambda response: _scalar(response.outputs["offset"], 3.0),
    ),
    Row(
        "output filter",
        "Predict",
        predict(spec(), ["y"], x=_TWO),
        check=answers(2, "serving_default", y=[3.5, 4.0]),
    ),
    Row(
        "tensor_content",
        "Predict",
        predict(spec(), x=tensor(1, [2], tensor_content=np.float32(_TWO).tobytes())),
        check=answers(2, "serving_default", y=[3.5, 4.0]),
    ),
    Row(
        "the last value fills the rest",
        "Predict",
        predict(spec(), x=tensor(1, [3], float_val=[1, 2])),
        check=answers(2, "serving_default", y=[3.5, 4.0, 4.0]),
    ),
    Row(
        "no values are zeros",
        "Predict",
        predict(spec(), x=tensor(1, [2])),
        check=answers(2, "serving_default", y=[3.0, 3.0]),
    ),
    Row(
        "too many values",
        "Predict",
        predict(spec(), x=tensor(1, [1], float_val=[1, 2, 3])),
        _INVALID,
        "tensor parsing error: x: 3 values, more than the shape [1] holds",
        ours=True,  # TF Serving takes the first one and answers.
    ),
    Row(
        "values for no rows",
        "Predict",
        predict(spec("text_words"), text=tensor(7, [0], string_val=[b"word"])),
        _INVALID,
        "tensor parsing error: text: 1 values, more than the shape [0] holds",
        ours=True,
    ),
    Row(
        "no rows",
        "Predict",
        predict(spec(), x=tensor(1, [0])),
        check=answers(2, "serving_default", y=[]),
    ),
    Row(
        "strings",
        "Predict",
        predict(spec("text_words"), ["words"], text=tensor(7, [1], string_val=[b"a tide gate"])),
        check=_words(3),
    ),
    Row(
        "strings in tensor_content",
        "Predict",
        predict(spec("text_words"), ["words"], text=tensor(7, [1], tensor_content=b"\x03a b")),
        check=_words(2),
    ),
    Row(
        "a message of 5 MB",
        "Predict",
        predict(
            spec("text_words"), ["words"], text=tensor(7, [1], string_val=[b"word " * 1_000_000])
        ),
        check=_words(1_000_000),
    ),
    Row(
        "the signature's default",
        "Predict",
        predict(spec("with_default"), x=_TWO),
        check=lambda response: _floats(response, [8.0, 9.0]),
    ),
    Row(
        "no default",
        "Predict",
        predict(spec("with_default"), offset=tensor(1, [], float_val=[1])),
        _INVALID,
        "Signature input alias: x(feed name: serving_default_x:0) not found in request and no "
        "default value provided. Inputs expected to be in the request {offset}, or default input "
        "alias set: offset",
    ),
    Row("no model_spec", "Predict", predict(None, x=_TWO), _INVALID, "Missing ModelSpec"),
    Row(
        "empty name",
        "Predict",
        predict(spec(""), x=_TWO),
        _INVALID,
        "ModelSpec has no name specified.",
    ),
    Row(
        "unknown model",
        "Predict",
        predict(spec("nobody"), x=_TWO),
        _NOT_FOUND,
        "Servable not found for request: Latest(nobody)",
    ),
    Row(
        "unknown version",
        "Predict",
        predict(spec(version=7), x=_TWO),
        _NOT_FOUND,
        "Servable not found for request: Specific(half_plus_two, 7)",
    ),
    Row(
        "unknown label",
        "Predict",
        predict(spec(label="X"), x=_TWO),
        _INVALID,
        "Unrecognized servable version label: X",
    ),
    Row(
        "unknown signature",
        "Predict",
        predict(spec(signature="X"), x=_TWO),
        _PRECONDITION,
        'Serving signature key "X" not found.',
    ),
    Row(
        "no inputs",
        "Predict",
        predict(spec()),
        _INVALID,
        "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. "
        "Missing but required: {x}.",
    ),
    Row(
        "too many inputs",
        "Predict",
        predict(spec(), x=_TWO, a=_TWO),
        _INVALID,
        "input size does not match signature: 2!=1 len({a,x}) != len({x}). Sent extra: {a}. "
        "Missing but required: {}.",
    ),
    Row(
        "another input",
        "Predict",
        predict(spec(), b=_TWO),
        _INVALID,
        "Signature input alias: x(feed name: serving_default_x:0) not found in request and no "
        "default value provided. Inputs expected to be in the request {b}, or default input alias "
        "set: ",
    ),
    _parsing("no type", tensor(0, [2])),
    _parsing("too few bytes", tensor(1, [2], tensor_content=b"\0" * 7)),
    _parsing("too many bytes", tensor(1, [2], tensor_content=b"\0" * 9)),
    _parsing("negative dimension", tensor(1, [-1], float_val=[1])),
    _parsing("dimensions that overflow", tensor(1, [2**40, 2**40], float_val=[1])),
    _parsing("a shape of 2^40", tensor(1, [2**40], float_val=[1])),
    _parsing("string lengths that do not fit", tensor(7, [1], tensor_content=b"\x09a")),
    Row(
        "wrong dtype",
        "Predict",
        predict(spec(), x=tensor(7, [1], string_val=[b"1"])),
        _INVALID,
        "Expects arg[0] to be float but string is provided",
    ),
    Row(
        "wrong dtype, string",
        "Predict",
        predict(spec("text_words"), text=_TWO),
        _INVALID,
        "Expects arg[0] to be string but float is provided",
    ),
    _shape("wrong size", tensor(1, [1, 2], float_val=_TWO), "matrix", "[1,2]", "[-1,3]"),
    # These two TF Serving answers.
    _shape("a scalar", tensor(1, [], float_val=[1]), "serving_default", "[]", "[-1]"),
    _shape("columns", tensor(1, [1, 1], float_val=[1]), "serving_default", "[1,1]", "[-1]"),
    Row(
        "inputs of two sizes",
        "Predict",
        predict(spec(signature="sum"), a=_TWO, b=[1.0]),
        _INVALID,
        "Batching Run() input tensors must have equal 0th-dimension size",
    ),
    Row(
        "unknown output",
        "Predict",
        predict(spec(), ["Z"], x=_TWO),
        _INVALID,
        "output tensor alias not found in signature: Z Outputs expected to be in the set {y}.",
    ),
    Row(
        "output twice",
        "Predict",
        predict(spec(), ["y", "y"], x=_TWO),
        _INVALID,
        "duplicate output tensor alias: y",
    ),
    Row(
        "inputs are checked before outputs",
        "Predict",
        predict(spec(), ["Z"], b=_TWO),
        _INVALID,
        contains="Signature input alias: x",
    ),
    Row(
        "outputs are checked before types",
        "Predict",
        predict(spec(), ["Z"], x=tensor(7, [1], string_val=[b"1"])),
        _INVALID,
        contains="output tensor alias not found",
    ),
    Row("a long message is cut", "Predict", predict(spec(), [_LONG], x=_TWO), _INVALID, _LONG_TEXT),
    Row(
        "more rows than a batch",
        "Predict",
        predict(spec(), x=[0.0] * (MAX_BATCH_SIZE + 1)),
        _INVALID,
        f"Task size {MAX_BATCH_SIZE + 1} is larger than maximum input batch size {MAX_BATCH_SIZE}",
    ),
    Row(
        "the client's deadline",
        "Predict",
        predict(spec("slow"), x=[1.0]),
        grpc.StatusCode.DEADLINE_EXCEEDED,
        timeout=0.5,
    ),
    Row("bytes that are no message", "Predict", b"\xff\xff\xff", grpc.StatusCode.INTERNAL),
]


def _floats(response: Any, expected: list[float]) -> None:
    assert list(response.outputs["y"].float_val) == expected


def _scalar(proto: TensorProto, expected: float) -> None:
    assert proto.HasField("tensor_shape")
    assert not proto.tensor_shape.dim
    assert list(proto.float_val) == [expected]

"""A line for a person's shell that asks a model through the REST API."""

from __future__ import annotations

import json
import shlex
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from tidegate.serving.server import rest_messages, rest_tensors, tensors
from tidegate.serving.server.predict import predict
from tidegate.serving.server.signatures import DEFAULT_SIGNATURE
from tidegate.serving.server.status import ServingError
from tidegate.serving.server.warmup import warmup_requests

if TYPE_CHECKING:
    from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

    from tidegate.serving.server.servable import Servable

_LONGEST = 2_000
_SECONDS = 5.0


def curl_line(servable: Servable, address: str) -> str | None:
    """A command that the model answers.

    Of its warm-up requests the shortest that a person can read; without one, a row of zeros or of
    an empty text.

    Args:
      servable: the loaded version.
      address: of the REST API, ``http://127.0.0.1:8501``.

    Returns:
      The line; None where no signature can be asked in a line.
    """
    bodies = [_body(request) for request in warmup_requests(servable.path)]
    if not bodies:
        bodies = [
            body
            for name, signature in servable.signature_defs.items()
            if (body := _zeros(name, signature)) is not None and _works(servable, body)
        ]
    readable = [body for body in bodies if body is not None and len(body) <= _LONGEST]
    if not readable:
        return None
    # Base64 is no text: it comes last.
    body = min(readable, key=lambda text: ('"b64"' in text, '""' in text, len(text)))
    url = f"{address}/v1/models/{quote(servable.name, safe='')}:predict"
    insecure = "" if url.startswith("http:") else " --cacert CA.pem"
    return f"curl{insecure} -d {shlex.quote(body)} {url}"


def _body(request: predict_pb2.PredictRequest) -> str | None:
    """A Predict request as a body of whole tensors."""
    inputs = {}
    for name, proto in sorted(request.inputs.items()):
        array = tensors.decode(proto)
        if array.dtype == object:
            array = _texts(array)
        inputs[name] = array.tolist() if array.dtype == object else rest_tensors.plain(name, array)
    return _json(request.model_spec.signature_name, inputs)


def _texts(array: Any) -> Any:
    """Strings as text where they are, else as base64."""
    texts = array.copy()
    for place, value in enumerate(array.flat):
        try:
            texts.flat[place] = value.decode()
        except UnicodeDecodeError:
            texts.flat[place] = rest_tensors.base64_object(value)
    return texts


def _zeros(signature: str, known: SignatureDef) -> str | None:
    """One row of zeros, or of a word, for a signature of the usual kind."""
    inputs = {}
    for name, info in sorted(known.inputs.items()):
        if info.tensor_shape.unknown_rank or not known.method_name.endswith("/predict"):
            return None
        value: Any = "text" if info.dtype == tf.string.as_datatype_enum else 0
        if info.dtype == tf.bool.as_datatype_enum:
            value = False
        for dim in reversed(info.tensor_shape.dim):
            value = [value] * max(dim.size, 1)
        inputs[name] = value
    return _json(signature, inputs) if inputs else None


def _works(servable: Servable, body: str) -> bool:
    """Whether a made-up request is answered: a text may have to be an example, say."""
    request = predict_pb2.PredictRequest()
    parsed = rest_messages.parse(body.encode())
    request.model_spec.signature_name = rest_messages.signature_name(parsed)
    signature = servable.signature_defs[request.model_spec.signature_name or DEFAULT_SIGNATURE]
    response = predict_pb2.PredictResponse()
    try:
        rest_messages.fill_predict(parsed, signature, request)
        predict(servable, request, response, time.monotonic() + _SECONDS)
        rest_messages.predict_answer(response, by_row=False)
    except ServingError:
        return False
    return True


def _json(signature: str, inputs: dict[str, Any]) -> str:
    body: dict[str, Any] = {}
    if signature not in ("", DEFAULT_SIGNATURE):
        body["signature_name"] = signature
    return json.dumps({**body, "inputs": inputs}, ensure_ascii=False)

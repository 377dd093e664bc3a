"""The messages without TensorFlow: equal to the stock stubs' on the wire, and beside them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ALONE = """
import sys
from tidegate.serving.client import messages
assert "tensorflow" not in sys.modules
"""
_OURS = """
from tidegate.serving.client import messages
request = messages.PredictRequest()
request.model_spec.name = "imdb"
request.model_spec.version.value = 7
request.inputs["x"].float_val.append(0.5)
response = messages.GetModelMetadataResponse()
response.metadata["signature_def"].Pack(messages.SignatureDefMap())
"""
_STOCK = """
import tensorflow
from tensorflow_serving.apis import predict_pb2
"""
_COMPARE = """
stock = predict_pb2.PredictRequest.FromString(request.SerializeToString())
assert (stock.model_spec.name, stock.model_spec.version.value) == ("imdb", 7)
assert list(stock.inputs["x"].float_val) == [0.5]
assert messages.PredictRequest.FromString(stock.SerializeToString()) == request
assert not isinstance(stock, messages.PredictRequest)
print("fine")
"""


def in_a_process(code: str, **environment: str) -> str:
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root), **environment},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_client_imports_nothing_heavy() -> None:
    heavy = {"tensorflow", "tensorflow_serving.apis.predict_pb2", "keras", "pandas", "pyarrow"}
    code = f"import sys, tidegate.serving.client\nprint(sorted({heavy!r} & set(sys.modules)))"
    assert in_a_process(code) == "[]\n"


@pytest.mark.slow
@pytest.mark.parametrize("implementation", ["cpp", "python"])
@pytest.mark.parametrize("first", ["client", "stock"])
def test_the_messages_live_beside_the_stock_stubs(first: str, implementation: str) -> None:
    parts = [_ALONE, _OURS, _STOCK] if first == "client" else [_STOCK, _OURS]
    out = in_a_process(
        "".join([*parts, _COMPARE]), PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=implementation
    )
    assert out == "fine\n"


def test_a_missing_distribution_is_named() -> None:
    from tidegate.serving.client import messages

    with pytest.raises(ModuleNotFoundError, match="tensorflow-serving-api"):
        messages._source("nowhere_to_be_found.apis.predict_pb2")
    with pytest.raises(ImportError, match="holds no serialized descriptor"):
        messages._read("tidegate.tables.errors")

"""Errors: codes, texts, and where they are cut."""

import grpc
import pytest
import tensorflow as tf

from tidegate.serving.server import status


def test_tensorflows_codes_are_grpcs():
    for code in range(1, 17):
        error = tf.errors.OpError(None, None, "text\nof two lines", code)
        found = status.from_tensorflow(error)
        assert (found.number, found.code.value[0]) == (code, code)
        assert found.message == "text\nof two lines"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (status.not_found("as it is"), grpc.StatusCode.NOT_FOUND, "as it is"),
        (KeyError("k"), grpc.StatusCode.UNKNOWN, "KeyError: 'k'"),
        (MemoryError(), grpc.StatusCode.RESOURCE_EXHAUSTED, "out of memory"),
        (
            UnicodeDecodeError("utf-8", b"value: \xff", 7, 8, "reason"),
            grpc.StatusCode.INVALID_ARGUMENT,
            "value: �",
        ),
    ],
)
def test_other_errors(error, code, message):
    found = status.from_tensorflow(error)
    assert (found.code, found.message) == (code, message)

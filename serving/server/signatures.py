"""Names that SavedModel's signatures go by, and the model spec of responses."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tensorflow_serving.apis.model_pb2 import ModelSpec

    from tidegate.serving.server.servable import Servable

DEFAULT_SIGNATURE = "serving_default"

# Method names of signatures, as in TensorFlow's saved_model.signature_constants.
PREDICT = "tensorflow/serving/predict"
CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"

# Aliases of the classify and regress signatures.
INPUTS = "inputs"
CLASSES = "classes"
SCORES = "scores"
OUTPUTS = "outputs"


def set_model_spec(spec: ModelSpec, servable: Servable, signature: str) -> None:
    """Writes which version and signature answered."""
    spec.name = servable.name
    spec.version.value = servable.version
    spec.signature_name = signature or DEFAULT_SIGNATURE

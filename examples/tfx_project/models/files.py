"""What the models read and write: transformed examples, and a SavedModel of all it needs."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tfx import v1 as tfx
from tfx_bsl.public import tfxio

Answer = Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]


def read_batches(
    fn_args: tfx.components.FnArgs, files: list[str], transform: tft.TFTransformOutput, rows: int
) -> tf.data.Dataset:
    """Batches of transformed features, shuffled and without end."""
    options = tfxio.TensorFlowDatasetOptions(batch_size=rows)
    schema = transform.transformed_metadata.schema
    return fn_args.data_accessor.tf_dataset_factory(files, options, schema)


class _Served(tf.Module):
    """Owns what the signatures use, so that it is saved with them."""

    def __init__(
        self,
        model: keras.Model,
        transform: tft.TFTransformOutput,
        answer: Answer,
        without: Sequence[str],
    ) -> None:
        super().__init__()
        self.model = model
        # Those of a Keras 3 model are saved for a server if they are tracked themselves.
        self.weights = [variable.value for variable in model.variables]
        self.layer = transform.transform_features_layer()
        self._answer = answer
        self._raw = transform.raw_feature_spec()
        self._asked = {name: spec for name, spec in self._raw.items() if name not in without}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._answer(self.layer(tf.io.parse_example(examples, self._asked)))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def transform_features(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return self.layer(tf.io.parse_example(examples, self._raw))


def write_model(
    folder: str,
    model: keras.Model,
    transform: tft.TFTransformOutput,
    answer: Answer,
    without: Sequence[str],
) -> None:
    """Writes a SavedModel with `serving_default` and, for the Evaluator, `transform_features`.

    Args:
      folder: where to write.
      model: the trained model, which `answer` calls.
      transform: Transform's graph.
      answer: transformed features to named answers.
      without: raw features that a request does not have.
    """
    served = _Served(model, transform, answer, without)
    signatures = {
        "serving_default": served.serve,
        "transform_features": served.transform_features,
    }
    tf.saved_model.save(served, folder, signatures=signatures)

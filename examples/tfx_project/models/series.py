"""Series to their next value: a small LSTM over the last steps, each series on its own scale."""

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tfx import v1 as tfx

from models.files import read_batches, write_model

CONTEXT = 12
_BATCH = 16


def preprocessing_fn(inputs: dict[str, tf.SparseTensor]) -> dict[str, tf.Tensor]:
    """The last `CONTEXT` + 1 steps of a series, divided by their mean, and that mean.

    A shorter series begins with zeros; a step without a value counts as the mean.
    """
    steps = tf.sparse.to_dense(inputs["y"])
    lengths = tf.cast(
        tf.math.bincount(
            tf.cast(inputs["y"].indices[:, 0], tf.int32),
            minlength=tf.cast(inputs["y"].dense_shape[0], tf.int32),
        ),
        tf.int64,
    )
    at = lengths[:, None] + tf.range(-CONTEXT - 1, 0, dtype=tf.int64)
    last = tf.gather(steps, tf.maximum(at, 0), batch_dims=1)
    there = (at >= 0) & ~tf.math.is_nan(last)
    level = tf.math.divide_no_nan(
        tf.reduce_sum(tf.where(there, last, 0.0), 1),
        tf.cast(tf.math.count_nonzero(there, 1), tf.float32),
    )
    scaled = tf.math.divide_no_nan(last, level[:, None])
    filled = tf.where(there, scaled, tf.where(at >= 0, 1.0, 0.0))
    return {"steps": tf.ensure_shape(filled, [None, CONTEXT + 1]), "level": level}


def run_fn(fn_args: tfx.components.FnArgs) -> None:
    """Trains on each series' last step; the exported model gives the step after it."""
    transform = tft.TFTransformOutput(fn_args.transform_output)

    def batches(files: list[str]) -> tf.data.Dataset:
        rows = read_batches(fn_args, files, transform, _BATCH)
        return rows.map(lambda row: (row["steps"][:, :-1, None], row["steps"][:, -1:]))

    model = keras.Sequential(
        [
            keras.Input((CONTEXT, 1)),
            keras.layers.LSTM(16),
            keras.layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "mae")
    model.fit(
        batches(fn_args.train_files),
        steps_per_epoch=fn_args.train_steps,
        validation_data=batches(fn_args.eval_files),
        validation_steps=fn_args.eval_steps,
        verbose=2,
    )

    def forecast(transformed: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        scaled = model(transformed["steps"][:, 1:, None], training=False)[:, 0]
        return {"next": scaled * transformed["level"]}

    write_model(
        fn_args.serving_model_dir,
        model,
        transform,
        forecast,
        without=["first_target", "step_seconds", "step_months", "step_index", "step_business"],
    )

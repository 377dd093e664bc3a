"""Texts to a class: a small LSTM over the words."""

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tfx import v1 as tfx

from models.files import read_batches, write_model

WORDS = 16
_BATCH = 32


def preprocessing_fn(inputs: dict[str, tf.SparseTensor]) -> dict[str, tf.Tensor]:
    """Words to their numbers in the vocabulary, 0 where a text has ended; the label to its own."""
    words = tf.strings.split(tf.strings.lower(_single(inputs["text"]))).to_sparse()
    numbers = tft.compute_and_apply_vocabulary(words, num_oov_buckets=1, vocab_filename="words")
    known = tf.sparse.to_dense(tf.sparse.map_values(lambda found: found + 1, numbers))
    cut = known[:, :WORDS]
    label = tft.compute_and_apply_vocabulary(_single(inputs["label"]), vocab_filename="labels")
    return {
        "words": tf.ensure_shape(
            tf.pad(cut, [[0, 0], [0, WORDS - tf.shape(cut)[1]]]), [None, WORDS]
        ),
        "label_number": label,
    }


def _single(values: tf.SparseTensor) -> tf.Tensor:
    """The one value of each row."""
    return tf.sparse.to_dense(values, default_value="")[:, 0]


def run_fn(fn_args: tfx.components.FnArgs) -> None:
    """Trains and exports; `serving_default` takes serialized tf.Examples without the label."""
    transform = tft.TFTransformOutput(fn_args.transform_output)

    def batches(files: list[str]) -> tf.data.Dataset:
        rows = read_batches(fn_args, files, transform, _BATCH)
        return rows.map(lambda row: (row["words"], row["label_number"]))

    model = keras.Sequential(
        [
            keras.Input((WORDS,), dtype="int64"),
            keras.layers.Embedding(transform.vocabulary_size_by_name("words") + 2, 16),
            keras.layers.LSTM(16),
            keras.layers.Dense(transform.vocabulary_size_by_name("labels"), "softmax"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.fit(
        batches(fn_args.train_files),
        steps_per_epoch=fn_args.train_steps,
        validation_data=batches(fn_args.eval_files),
        validation_steps=fn_args.eval_steps,
        verbose=2,
    )
    write_model(
        fn_args.serving_model_dir,
        model,
        transform,
        lambda transformed: {"probabilities": model(transformed["words"], training=False)},
        without=["label"],
    )

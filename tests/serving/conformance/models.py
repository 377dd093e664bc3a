"""The models that a server must hold to be checked.

``python -m tests.serving.conformance.models DIR`` writes them, and beside them ``models.config``
and ``batching.config``, for TF Serving's flags ``--model_config_file`` and
``--batching_parameters_file``.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tests.serving import models

MAX_BATCH_SIZE = 64
# Version 1 adds 2, version 2 adds 3.
LABELS = {"stable": 1, "canary": 2}

_BATCHING = f"""max_batch_size {{ value: {MAX_BATCH_SIZE} }}
batch_timeout_micros {{ value: 1000 }}
max_enqueued_batches {{ value: 100 }}
num_batch_threads {{ value: 2 }}
"""


def with_default(folder: Path) -> Path:
    """``x`` and ``offset`` to ``y = x + offset``; the signature's default for ``offset`` is 7."""
    module = tf.Module()
    vector = tf.TensorSpec([None], tf.float32, "x")
    scalar = tf.TensorSpec([], tf.float32, "offset")

    @tf.function(input_signature=[vector, scalar], autograph=False)
    def serve(x: tf.Tensor, offset: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x + offset}

    tf.saved_model.save(module, str(folder), {"serving_default": serve})
    path = folder / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for graph in saved.meta_graphs:
        signature = graph.signature_def["serving_default"]
        signature.defaults["offset"].CopyFrom(tf.make_tensor_proto(7.0))
    path.write_bytes(saved.SerializeToString())
    return folder


def write(folder: Path) -> None:
    """Writes the models and the two configuration files."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        made = Path(work)
        for version, offset in ((1, 2.0), (2, 3.0)):
            model = models.half_plus_two(made / f"half_plus_{version}", offset)
            models.publish(model, folder / "half_plus_two", version)
        models.publish(models.text_words(made / "text_words"), folder / "text_words", 1)
        models.publish(models.slow(made / "slow"), folder / "slow", 1)
        models.publish(with_default(made / "with_default"), folder / "with_default", 1)
    (folder / "models.config").write_text(config(folder), encoding="utf-8")
    (folder / "batching.config").write_text(_BATCHING, encoding="utf-8")


def config(folder: Path) -> str:
    """The ModelServerConfig of the models in a folder, in text format."""
    entries = []
    for name in ("half_plus_two", "text_words", "slow", "with_default"):
        versions, labels = "latest { num_versions: 1 }", ""
        if name == "half_plus_two":
            versions = "specific { versions: 1 versions: 2 }"
            labels = "".join(
                f'\n    version_labels {{ key: "{label}" value: {version} }}'
                for label, version in LABELS.items()
            )
        entries.append(
            f'  config {{\n    name: "{name}"\n    base_path: "{folder.absolute() / name}"\n'
            f'    model_platform: "tensorflow"\n'
            f"    model_version_policy {{ {versions} }}{labels}\n  }}\n"
        )
    return f"model_config_list {{\n{''.join(entries)}}}\n"


def main() -> None:
    """Reads the folder's name and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="is made; what it holds is replaced")
    folder = parser.parse_args().folder
    for name in ("half_plus_two", "text_words", "slow", "with_default"):
        shutil.rmtree(folder / name, ignore_errors=True)
    write(folder)
    print(
        f"--model_config_file={folder.absolute()}/models.config --enable_batching "
        f"--batching_parameters_file={folder.absolute()}/batching.config"
    )


if __name__ == "__main__":
    main()

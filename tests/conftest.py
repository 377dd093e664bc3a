"""What tests of several rooms need: a TF Transform pipeline in memory."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

# (records, feature spec, preprocessing function) to the transformed rows, the transform graph and
# the rows' serialized tf.Examples.
Analyze = Callable[[Sequence[Mapping[str, Any]], Mapping[str, Any], Callable[..., Any]], Any]


@pytest.fixture(scope="session")
def analyze(tmp_path_factory: pytest.TempPathFactory) -> Analyze:
    """Runs AnalyzeAndTransformDataset on Beam's direct runner, as TFX's Transform does."""

    def run(
        records: Sequence[Mapping[str, Any]],
        spec: Mapping[str, Any],
        preprocess: Callable[..., Any],
    ) -> Any:
        import tensorflow_transform as tft
        import tensorflow_transform.beam as tft_beam
        from tensorflow_transform.tf_metadata import metadata_io

        metadata = tft.DatasetMetadata.from_feature_spec(dict(spec))
        folder = str(tmp_path_factory.mktemp("transform"))
        with (
            warnings.catch_warnings(),
            tft_beam.Context(temp_dir=str(tmp_path_factory.mktemp("beam"))),
        ):
            warnings.simplefilter("ignore")
            (rows, out), function = (
                list(records),
                metadata,
            ) | tft_beam.AnalyzeAndTransformDataset(preprocess)
            function | tft_beam.WriteTransformFn(folder)
        metadata_io.write_metadata(
            metadata, str(Path(folder) / tft.TFTransformOutput.RAW_METADATA_DIR)
        )
        coder = tft.coders.ExampleProtoCoder(out.schema)
        return rows, tft.TFTransformOutput(folder), [coder.encode(row) for row in rows]

    return run

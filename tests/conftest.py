"""What tests of several rooms need: their order, a TF Transform pipeline, the installed wheel."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.distribution import UnitScheduling, longest_first
from tests.wheel_environment import wheel_environment

# (records, feature spec, preprocessing function) to the transformed rows, the transform graph and
# the rows' serialized tf.Examples.
Analyze = Callable[[Sequence[Mapping[str, Any]], Mapping[str, Any], Callable[..., Any]], Any]

# They need Go and Node: `make test-others` names them on the command line.
collect_ignore = ["others"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    longest_first(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> UnitScheduling:
    return UnitScheduling(config, log)


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


@pytest.fixture(scope="session")
def wheel_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has tidegate's wheel and not the checkout.

    Start it in another folder than the checkout, with `outside_environment()`.
    """
    root = tmp_path_factory.getbasetemp()
    # The workers of one run share it; each has a folder of its own below that of the run.
    return wheel_environment(root.parent if "PYTEST_XDIST_WORKER" in os.environ else root)

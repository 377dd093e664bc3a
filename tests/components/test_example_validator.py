"""Anomalies in real statistics stop the run, and the message names split and feature."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.types import artifact_utils, standard_artifacts

from tidegate.components.example_validator.executor import Executor
from tidegate.components.schema_gen.component import task_schema
from tidegate.models.core.task import RawFeature
from tidegate.tables.errors import InputError

FEATURES = (
    RawFeature("text", "a column", key=True),
    RawFeature("count", "n", kind="int"),
    RawFeature("y", "y", kind="float"),
    RawFeature("label", "c", label=True),
)
GOOD = {"text": ["x", "y"], "count": [1, 2], "y": [0.5, 1.5], "label": ["a", "b"]}


def validate(folder: Path, splits: dict[str, dict[str, list[Any]]]) -> Any:
    """Runs the executor on the statistics of small frames; gives the anomalies artifact."""
    statistics, schema, anomalies = (
        standard_artifacts.ExampleStatistics(),
        standard_artifacts.Schema(),
        standard_artifacts.ExampleAnomalies(),
    )
    for artifact, name in ((statistics, "statistics"), (schema, "schema"), (anomalies, "found")):
        artifact.uri = str(folder / name)
        (folder / name).mkdir()
    statistics.split_names = artifact_utils.encode_split_names(list(splits))
    for split, columns in splits.items():
        found = tfdv.generate_statistics_from_dataframe(pd.DataFrame(columns))
        path = folder / "statistics" / f"Split-{split}" / "FeatureStats.pb"
        path.parent.mkdir()
        path.write_bytes(found.SerializeToString())
    (folder / "schema" / "schema.pbtxt").write_text(task_schema(FEATURES))
    Executor().Do({"statistics": [statistics], "schema": [schema]}, {"anomalies": [anomalies]}, {})
    return anomalies


def test_data_that_fits_passes_in_all_its_splits(tmp_path: Path) -> None:
    anomalies = validate(tmp_path, {"train": GOOD, "eval": GOOD})
    assert artifact_utils.decode_split_names(anomalies.split_names) == ["train", "eval"]


@pytest.mark.parametrize(
    ("change", "feature"),
    [
        ({"text": ["x", None]}, "text"),
        ({"label": None}, "label"),
        ({"count": [1.5, 2.5]}, "count"),
        ({"surprise": ["x", "y"]}, "surprise"),
    ],
    ids=["a missing value", "a missing feature", "another type", "a feature too many"],
)
def test_data_that_does_not_fit_stops_the_run(
    tmp_path: Path, change: dict[str, Any], feature: str
) -> None:
    columns = {name: values for name, values in {**GOOD, **change}.items() if values}
    with pytest.raises(InputError) as caught:
        validate(tmp_path, {"train": GOOD, "eval": columns})
    message = str(caught.value)
    assert message.startswith(
        f"the eval data does not fit the task's schema: feature {feature!r}: "
    )
    assert len(message.splitlines()) == 1


def test_the_schema_states_type_presence_and_shape_of_each_feature() -> None:
    schema = text_format.Parse(task_schema(FEATURES), schema_pb2.Schema())
    kinds = {feature.name: feature.type for feature in schema.feature}
    assert kinds == {
        "text": schema_pb2.BYTES,
        "count": schema_pb2.INT,
        "y": schema_pb2.FLOAT,
        "label": schema_pb2.BYTES,
    }
    for feature in schema.feature:
        assert feature.presence.min_fraction == 1.0
        assert feature.HasField("shape") and not feature.shape.dim
        assert list(feature.not_in_environment) == (["SERVING"] if feature.name == "label" else [])

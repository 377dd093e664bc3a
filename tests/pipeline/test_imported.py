"""What a run takes from elsewhere is not judged by the seals of what it has made itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.components.common.importer import Importer
from tfx.types import standard_artifacts

from tidegate.pipeline.run import runner


def test_an_imported_model_needs_no_seal(tmp_path: Path) -> None:
    imported = Importer(source_uri=str(tmp_path), artifact_type=standard_artifacts.Model)
    (given,) = imported.outputs["result"].get()
    artifact = metadata_store_pb2.Artifact()
    artifact.CopyFrom(given.mlmd_artifact)
    artifact.uri = str(tmp_path)
    run = runner.ComponentRun("PretrainedModel", 0.0, True, outputs={"result": [artifact]})
    runner._check_artifacts(run, set())
    artifact.ClearField("custom_properties")
    with pytest.raises(runner._Unusable):
        runner._check_artifacts(run, set())
    assert not artifact.custom_properties

"""Artifacts between steps: what a bucket and ML Metadata's store keep of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.kubeflow import bucket
from tests.kubeflow.conftest import (
    FOUND,
    MADE,
    WRITE,
    WRITER,
    MakeRunner,
    container,
    reader,
    shown,
    task,
)
from tests.kubeflow.pipeline_spec import SpecError


def test_artifacts_are_handed_on_as_the_metadata_store_keeps_them(runner: MakeRunner) -> None:
    code = "import json, pathlib, sys; a = json.loads(sys.argv[1])['inputs']['artifacts']['found']"
    code += "['artifacts'][0]; print(json.dumps(a)); print(pathlib.Path(sys.argv[2], 'text')"
    code += ".read_text())"
    steps = runner({"a-reader": reader(code, FOUND), "writer": task(**WRITER)}).run()
    assert list(steps) == ["writer", "a-reader"]
    given, text = shown(steps["a-reader"].log)
    artifact = json.loads(given)
    assert text == "words"
    assert artifact["name"].isdigit()
    assert artifact["type"] == {"instanceSchema": ""}
    assert artifact["metadata"] == {
        "length": 5,
        "whole": 1,
        "parts": {"struct": {"a": 1}},
        "display_name": "text",
        "store_session_info": "{}",
    }


def test_a_null_property_is_refused_as_by_the_store(runner: MakeRunner) -> None:
    code = WRITE.replace('{"a": 1}', "None")
    with pytest.raises(SpecError, match="artifact text, property parts: null"):
        runner({"writer": task(container(code, "x", MADE), gives=["text"])}).run()


def test_a_bucket_keeps_files_alone(runner: MakeRunner, tmp_path: Path) -> None:
    more = """
(folder / "empty").mkdir()
(folder / "deep" / "er").mkdir(parents=True)
(folder / "deep" / "er" / "run").write_text("x")
(folder / "deep" / "er" / "run").chmod(0o755)
(folder / "link").symlink_to(folder / "text")
(folder.parent / "text_of_another").mkdir()
"""
    code = "import os, pathlib, stat, sys; f = pathlib.Path(sys.argv[2])"
    code += "; print(sorted(str(p.relative_to(f)) for p in f.rglob('*')), (f / 'link').is_symlink()"
    code += ", oct((f / 'deep/er/run').stat().st_mode & 0o111), sorted(os.listdir(f.parent)))"
    steps = runner(
        {
            "writer": task(container(WRITE + more, "words", MADE), gives=["text"]),
            "reader": reader(code, FOUND),
        }
    ).run()
    assert shown(steps["reader"].log)[-1] == (
        "['deep', 'deep/er', 'deep/er/run', 'link', 'text'] False 0o0 ['text']"
    )
    (run,) = (tmp_path / "work").iterdir()
    for folder in run.iterdir():
        assert {entry.name for entry in folder.iterdir()} == {"work", "output.txt"}


def test_a_link_to_a_folder_cannot_be_uploaded(runner: MakeRunner) -> None:
    code = WRITE + "\n(folder / 'link').symlink_to(folder)"
    with pytest.raises(SpecError, match="text/link: a link to a folder"):
        runner({"writer": task(container(code, "x", MADE), gives=["text"])}).run()


def test_an_output_outside_the_roots_bucket_is_refused(runner: MakeRunner) -> None:
    code = WRITE.replace(
        'artifact["metadata"]', 'artifact["uri"] = "minio://b/x"; artifact["metadata"]'
    )
    code += "\npathlib.Path(str(folder).split('/mlpipeline/')[0], 'b').mkdir()"
    code += "\npathlib.Path(str(folder).split('/mlpipeline/')[0], 'b', 'x').write_text('')"
    with pytest.raises(SpecError, match="minio://b/x: outside the bucket"):
        runner({"writer": task(container(code, "x", MADE), gives=["text"])}).run()


def test_what_a_step_does_not_write_is_an_artifact_all_the_same(
    runner: MakeRunner, s3: Any
) -> None:
    step = runner({"one": task(container("print('done')"), gives=["x"])}).run()["one"]
    assert set(step.artifacts) == {"x", "executor-logs"}
    start = f"minio://{bucket.NAME}/"
    logs = step.artifacts["executor-logs"].uri.removeprefix(start)
    assert s3.get_object(Bucket=bucket.NAME, Key=logs)["Body"].read() == b"done\n"
    below = s3.list_objects_v2(
        Bucket=bucket.NAME, Prefix=step.artifacts["x"].uri.removeprefix(start)
    )
    assert below["KeyCount"] == 0


@pytest.mark.parametrize("root", ["/mnt/root", "file:///mnt/root", "hdfs://host/root", "gs://"])
def test_a_root_that_the_backend_does_not_take_is_refused(root: str, runner: MakeRunner) -> None:
    with pytest.raises(SpecError, match=r"unrecognized pipeline root|unsupported Cloud bucket"):
        runner({}, root=root)


def test_artifacts_below_a_root_with_a_query_have_none(runner: MakeRunner) -> None:
    root = f"s3://{bucket.NAME}/deep/er/?region=eu-west-1"
    step = runner({"one": task(**WRITER)}, root=root).run()["one"]
    assert step.artifacts["text"].uri.startswith(f"s3://{bucket.NAME}/deep/er/by-hand/")
    assert "?" not in step.artifacts["text"].uri

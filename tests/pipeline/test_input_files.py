"""Files that settings name: checked before anything starts, their content in the right keys."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from tests.pipeline.test_dag import changed, connection
from tests.remote_files import mended_ram, write
from tidegate.models.core.settings import NETWORK_FILE, InputFile, ModelFile, describe
from tidegate.models.core.task import load_task
from tidegate.pipeline.config import check_input_files, input_files, make_config
from tidegate.tables.errors import InputError

BASE = load_task("text_classification")


class Vectors(BASE.model):  # type: ignore[name-defined,misc]
    """A task's own settings: word vectors, and texts to look at."""

    vectors: InputFile | None = Field(None, description="a file of word vectors")
    parallel: list[InputFile] = Field(default_factory=list, description="more texts")


class Normalised(BASE.features):  # type: ignore[name-defined,misc]
    """Settings that Transform has, too."""

    words: InputFile | None = Field(None, description="a list of words")


TASK = dataclasses.replace(BASE, model=Vectors, features=Normalised)


def config(**sections: Any) -> Any:
    return make_config(TASK, sections)


def test_a_file_is_a_path_from_the_root_or_a_uri(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = config(model={"vectors": " a/v.txt", "parallel": ["gs://b/1", "2"]})
    assert input_files(made) == {
        "model.vectors": (f"{tmp_path}/a/v.txt",),
        "model.parallel": ("gs://b/1", f"{tmp_path}/2"),
    }
    # What travels as JSON names the same files.
    assert Vectors.model_validate_json(made.model.model_dump_json()) == made.model
    assert input_files(config()) == {}
    shown = {name: kind for name, kind, *_ in describe(Vectors)}
    assert (shown["vectors"], shown["parallel"]) == ("file | none", "list")


def test_what_cannot_be_read_is_one_line_with_its_setting(tmp_path: Path) -> None:
    with mended_ram():
        there = write("ram://vectors/v.txt", b"tide 1 2")
        check_input_files(config(model={"vectors": there}))
        for path, said in (
            (f"{tmp_path}/none.txt", "none.txt: no such file"),
            (str(tmp_path), "Is a directory"),
            ("tide://b/v.txt", "cannot be read: "),
            ("ram://vectors/none.txt", ""),
        ):
            with pytest.raises(InputError) as caught:
                check_input_files(config(model={"parallel": [there, path]}))
            assert str(caught.value).startswith(f"model.parallel={path}: ")
            assert said in str(caught.value) and len(str(caught.value).splitlines()) == 1
    with pytest.raises(InputError, match=r"^model.vectors='': expected file"):
        config(model={"vectors": ""})


def nodes(contents: dict[str, str], **sections: Any) -> dict[str, Any]:
    from tfx.dsl.compiler import compiler

    from tidegate.pipeline.dag import Locations, create_pipeline

    dag = create_pipeline(
        config(**sections),
        Locations("/rows.csv", None, "0", "/out", "/serving", contents),
        connection("/out/metadata.sqlite"),
    )
    found = compiler.Compiler().compile(dag)
    return {node.pipeline_node.node_info.id: node.pipeline_node for node in found.nodes}


@pytest.mark.parametrize(
    ("sections", "concerned"),
    [
        ({"model": {"vectors": "/v"}}, {"Trainer"}),
        ({"model": {"parallel": ["/w", "/v"]}}, {"Trainer"}),
        ({"features": {"words": "/v"}}, {"Transform", "Trainer", "Baseline", "Pictures"}),
    ],
)
def test_content_is_in_the_key_of_what_reads_it(
    sections: dict[str, Any], concerned: set[str]
) -> None:
    before = nodes({"/v": "1"}, **sections)
    assert changed(before, nodes({"/v": "2"}, **sections)) == concerned
    assert changed(before, nodes({"/v": "1", "/other": "2"}, **sections)) == set()


def test_a_model_is_named_by_its_run_its_folder_or_its_version(tmp_path: Path) -> None:
    def file(version: str) -> str:
        path = tmp_path / "run" / "serving" / "name" / version / "assets.extra" / NETWORK_FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
        return str(path)

    old, new = file("9"), file("10")
    serving = tmp_path / "run" / "serving"
    for named, found in (
        (tmp_path / "run", new),
        (serving, new),
        (serving / "name", new),
        (serving / "name" / "9", old),
        (old, old),
        (tmp_path, f"{tmp_path}/assets.extra/{NETWORK_FILE}"),
        ("gs://b/models/name/9", f"gs://b/models/name/9/assets.extra/{NETWORK_FILE}"),
    ):
        made = config(model={"pretrained": str(named)})
        assert isinstance(made.model.pretrained, ModelFile)
        assert input_files(made) == {"model.pretrained": (found,)}
        assert type(made.model).model_validate_json(made.model.model_dump_json()) == made.model
    with pytest.raises(InputError, match=f"^model.pretrained={tmp_path}/.*: no such file"):
        check_input_files(config(model={"pretrained": str(tmp_path)}))
    # ML Metadata knows the version as what the Trainer has begun from.
    found = nodes({}, model={"pretrained": str(serving)})
    (channel,) = found["Trainer"].inputs.inputs["base_model"].channels
    assert channel.producer_node_query.id == "PretrainedModel"
    assert changed(found, nodes({new: "1"}, model={"pretrained": str(serving)})) == {"Trainer"}

"""The runner itself, with specs written by hand of steps that take a moment."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format, struct_pb2

from tests.kubeflow import bucket
from tests.kubeflow.conftest import (
    FROM_WRITER,
    SCHEMA,
    SHOW,
    WRITER,
    MakeRunner,
    container,
    shown,
    task,
)
from tests.kubeflow.container_step import StepError
from tests.kubeflow.pipeline_spec import SpecError, as_text


def constant(value: Any) -> dict[str, Any]:
    return {"runtimeValue": {"constant": value}}


def test_a_step_runs_in_an_empty_folder_and_gets_what_the_launcher_gives(
    runner: MakeRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    code = SHOW + "; print(sorted(os.environ)); print(os.listdir())"
    declared = {
        "text": {"parameterType": "STRING"},
        "number": {"parameterType": "NUMBER_INTEGER"},
        "words": {"parameterType": "STRING"},
        "left": {"parameterType": "STRING", "isOptional": True},
        "usual": {"parameterType": "STRING", "isOptional": True, "defaultValue": "yes"},
    }
    values = {"text": constant(2.0), "number": constant(3), "words": constant("a 'b' {c}")}
    words = container(
        code,
        "--n={{$.inputs.parameters['number']}}",
        "{{$.outputs.artifacts['x'].uri}}",
        "{{$.outputs.artifacts['x'].path}}",
    )
    words["container"]["env"] = [{"name": "COLOUR", "value": "blue"}]
    step = runner(
        {"one": task(words, gives=["x"], parameters=declared, inputs={"parameters": values})}
    ).run()["one"]
    cwd, given, number, uri, path, names, entries = shown(step.log)
    executor_input = json.loads(given)
    assert executor_input["inputs"] == {
        "parameterValues": {"text": "2", "number": 3, "words": "a 'b' {c}", "usual": "yes"}
    }
    outputs = executor_input["outputs"]
    assert outputs["artifacts"] == {
        "x": {"artifacts": [{"uri": uri, "type": SCHEMA}]},
        "executor-logs": {
            "artifacts": [
                {
                    "uri": f"{uri.rpartition('/')[0]}/executor-logs-0",
                    "type": {"schemaTitle": "system.Artifact"},
                }
            ]
        },
    }
    root, _, rest = uri.partition("/by-hand/")
    _run, name, _salt, key = rest.split("/")
    assert (root, name, key) == (f"minio://{bucket.NAME}/{tmp_path.name}", "one", "x")
    assert path.endswith(f"/one/minio/{uri.removeprefix('minio://')}")
    assert outputs["outputFile"] == f"{path.rpartition('/')[0]}/output_metadata.json"
    assert number == "--n=3"
    assert entries == "[]" and not Path(cwd).samefile(os.getcwd())
    assert "COLOUR" in names and "PYTHONPATH" not in names
    assert step.artifacts["x"].uri == uri


def test_placeholders_are_filled_in_as_text_for_text(runner: MakeRunner) -> None:
    values = {"number": constant(1e-07), "word": constant("{{$.outputs.artifacts['x'].uri}}")}
    kinds = {"number": {"parameterType": "NUMBER_DOUBLE"}, "word": {"parameterType": "STRING"}}
    words = container(
        SHOW,
        "{{$.inputs.parameters['number']}} {{$.inputs.parameters['none']}}",
        "{{$.inputs.parameters['word']}}",
    )
    step = runner(
        {"one": task(words, gives=["x"], parameters=kinds, inputs={"parameters": values})}
    ).run()["one"]
    _, given, number, word = shown(step.log)
    assert number == "0.0000001 {{$.inputs.parameters['none']}}"
    assert word == step.artifacts["x"].uri == json.loads(given)["inputs"]["parameterValues"]["word"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-07, "0.0000001"),
        (1.5e300, "15" + "0" * 299),
        (100, "100"),
        (0.1, "0.1"),
        (False, "false"),
        (None, ""),
        ([1e-07, 2.5e21, 20.0, "<é>"], '[1e-7,2.5e+21,20,"\\u003cé\\u003e"]'),
        ({"b": True, "a": [None, {}]}, '{"a":[null,{}],"b":true}'),
    ],
)
def test_values_as_text_are_gos(value: Any, text: str) -> None:
    assert as_text(json_format.ParseDict(value, struct_pb2.Value())) == text


def test_run_parameters_have_defaults_and_are_checked(runner: MakeRunner) -> None:
    declared = {
        "colour": {"parameterType": "STRING", "defaultValue": "red", "isOptional": True},
        "size": {"parameterType": "NUMBER_INTEGER"},
    }
    one = task(
        container(SHOW, "{{$.inputs.parameters['colour']}} {{$.inputs.parameters['size']}}"),
        parameters={name: {"parameterType": "STRING"} for name in declared},
        inputs={"parameters": {name: {"componentInputParameter": name} for name in declared}},
    )
    made = runner({"one": one}, declared)
    assert shown(made.run({"size": 4})["one"].log)[-1] == "red 4"
    assert shown(made.run({"size": 4, "colour": "blue"})["one"].log)[-1] == "blue 4"
    with pytest.raises(SpecError, match="'size' is not given and has no default"):
        made.run()
    with pytest.raises(SpecError, match="no run parameters \\['sise'\\]"):
        made.run({"sise": 4})


@pytest.mark.parametrize(("size", "runs"), [("4.0", False), ("6.0", True)])
def test_a_condition_decides_over_a_task_and_those_behind_it(
    runner: MakeRunner, size: str, runs: bool
) -> None:
    condition = f"(inputs.artifacts['found'].artifacts[0].metadata['length'] < {size})"
    behind = {"takes": ["found"], "inputs": FROM_WRITER}
    steps = runner(
        {
            "writer": task(**WRITER),
            "maybe": task(container(SHOW), after=["writer"], condition=condition, **behind),
            "last": task(container(SHOW), after=["maybe"]),
        }
    ).run()
    assert [step.triggered for step in steps.values()] == [True, runs, runs]


def test_output_parameters_come_from_their_file_or_from_what_the_step_says(
    runner: MakeRunner,
) -> None:
    code = "import json, sys; o = json.loads(sys.argv[1])['outputs']['outputFile']"
    code += "; open(sys.argv[2], 'w').write('3'); open(o, 'w')"
    code += ".write(json.dumps({'parameterValues': {'said': 'yes'}}))"
    kinds = {"file": {"parameterType": "NUMBER_INTEGER"}, "said": {"parameterType": "STRING"}}
    source = {"taskOutputParameter": {"producerTask": "one", "outputParameterKey": "file"}}
    steps = runner(
        {
            "one": task(
                container(code, "{{$.outputs.parameters['file'].output_file}}"), returns=kinds
            ),
            "two": task(
                container(SHOW, "{{$.inputs.parameters['n']}}"),
                parameters={"n": {"parameterType": "NUMBER_INTEGER"}},
                inputs={"parameters": {"n": source}},
                after=["one"],
            ),
        }
    ).run()
    assert steps["one"].parameters["said"].string_value == "yes"
    assert shown(steps["two"].log)[-1] == "3"


def test_the_hook_before_changes_parameters_where_it_is_run(runner: MakeRunner) -> None:
    code = "import json, sys; o = json.loads(sys.argv[1])['outputs']['outputFile']"
    code += "; open(o, 'w').write(json.dumps({'parameterValues': {'n': 8}}))"
    hook = {"preCacheCheck": {"command": ["python", "-c", code], "args": ["{{$}}"]}}
    one = task(
        container(SHOW, "{{$.inputs.parameters['n']}}", lifecycle=hook),
        gives=["x"],
        parameters={"n": {"parameterType": "NUMBER_INTEGER"}},
        inputs={"parameters": {"n": constant(7)}},
    )
    without = runner({"one": one}).run()["one"]
    assert (shown(without.log)[-1], without.hook_seconds) == ("7", 0)
    with_hook = runner({"one": one}, pre_cache_check=True).run()["one"]
    assert shown(with_hook.log)[-1] == "8"
    assert with_hook.hook_seconds > 0


def test_an_importer_hands_on_what_lies_somewhere(runner: MakeRunner) -> None:
    spec = {"importer": {"artifactUri": {"constant": "/data/x"}, "metadata": {"rows": 3}}}
    code = "import json, sys; print(json.loads(sys.argv[1])['inputs']['artifacts'])"
    steps = runner(
        {
            "writer": task(spec, gives=["text"]),
            "two": task(container(code), takes=["found"], inputs=FROM_WRITER, after=["writer"]),
        }
    ).run()
    assert steps["writer"].artifacts["text"].uri == "/data/x"
    assert "'rows': 3" in shown(steps["two"].log)[-1]


def test_a_failing_step_stops_the_run_and_its_last_lines_are_told(
    runner: MakeRunner, tmp_path: Path, s3: Any
) -> None:
    code = "print(*range(100), sep='\\n', flush=True); raise OSError('no space left')"
    with pytest.raises(StepError) as raised:
        runner({"a": task(container(code)), "b": task(**WRITER | {"after": ["a"]})}).run()
    lines = str(raised.value).splitlines()
    assert raised.value.task == "a"
    assert lines[0] == "task a: exit code 1"
    assert lines[-1] == "  | OSError: no space left"
    assert "  | 99" in lines and "  | 50" not in lines
    written = s3.list_objects_v2(Bucket=bucket.NAME, Prefix=f"{tmp_path.name}/")
    assert written["KeyCount"] == 0


def test_a_step_that_hangs_is_ended_with_its_children(runner: MakeRunner) -> None:
    code = "import subprocess, time; p = subprocess.Popen(['sleep', '60'])"
    code += "; print(p.pid, flush=True); time.sleep(60)"
    with pytest.raises(StepError, match="not done after 0") as raised:
        runner({"a": task(container(code))}, timeout=0.5).run()
    child = Path("/proc") / str(raised.value).split()[-1]
    deadline = time.monotonic() + 10
    while child.exists() and "State:\tZ" not in (child / "status").read_text():
        assert time.monotonic() < deadline, "a child of the step lives on"
        time.sleep(0.01)


def test_a_program_that_is_not_there_is_told(runner: MakeRunner) -> None:
    with pytest.raises(StepError, match=r"task a: cannot start: .*nothing-there"):
        runner({"a": task({"container": {"command": ["nothing-there"]}})}).run()


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (task({"resolver": {}}), "a resolver executor is not implemented in Kubeflow"),
        (
            task(
                container(SHOW),
                parameters={"n": {"parameterType": "STRING"}},
                inputs={"parameters": {"n": {"runtimeValue": {"constantValue": {"intValue": 1}}}}},
            ),
            "a constant_value is not implemented in Kubeflow",
        ),
        (
            task(
                container(SHOW),
                parameters={"n": {"parameterType": "NUMBER_INTEGER"}},
                inputs={"parameters": {"n": constant("7")}},
            ),
            "'one.n' is '7', of another type than declared",
        ),
        (
            task(container(SHOW), parameters={"n": {"parameterType": "STRING"}}),
            "no value for parameter 'n'",
        ),
        (task(container(SHOW), more={"retryPolicy": {"maxRetryCount": 3}}), "retry_policy"),
        (
            task(
                container(SHOW),
                more={"triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}},
            ),
            "trigger strategy ALL_UPSTREAM_TASKS_COMPLETED",
        ),
        (task(container(SHOW), after=["two"]), "depends on 'two', which is no task"),
        (task(container(SHOW), after=["one"]), "depend on each other"),
        (
            task(
                container(SHOW),
                parameters={"n": {"parameterType": "STRING", "defaultValue": "x"}},
            ),
            "no value for parameter 'n'",
        ),
    ],
)
def test_what_the_backend_does_not_do_is_refused(
    runner: MakeRunner, one: dict[str, Any], why: str
) -> None:
    with pytest.raises(SpecError, match=why):
        runner({"one": one}).run()


def test_an_input_that_is_not_waited_for_is_refused(runner: MakeRunner) -> None:
    hasty = task(container(SHOW), takes=["found"], inputs=FROM_WRITER)
    with pytest.raises(SpecError, match="takes an output of \\['writer'\\] and does not wait"):
        runner({"writer": task(**WRITER), "hasty": hasty}).run()


def test_another_version_of_the_spec_is_refused(runner: MakeRunner) -> None:
    with pytest.raises(SpecError, match=r"schema version '2\.0\.0', expected 2\.1"):
        runner({}, change={"schemaVersion": "2.0.0"})

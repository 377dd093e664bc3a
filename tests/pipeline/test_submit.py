"""A compiled pipeline goes through Kubeflow's own client to an endpoint on loopback."""

from __future__ import annotations

import http.server
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tidegate.pipeline.kubeflow.submit_command import submit
from tidegate.tables.errors import InputError

HEALTH, EXPERIMENTS, RUNS = (f"/apis/v2beta1/{name}" for name in ("healthz", "experiments", "runs"))


def constant(value: Any) -> dict[str, Any]:
    return {"runtimeValue": {"constant": value}}


CUSTOM_CONFIG = {
    "task": "text_classification",
    "model": {"units": 64},
    "training": {"batch_size": 32},
}
SPEC: dict[str, Any] = {
    "pipelineInfo": {"name": "tides"},
    "defaultPipelineRoot": "gs://bucket/root",
    "schemaVersion": "2.1.0",
    "sdkVersion": "tfx",
    "root": {
        "inputDefinitions": {
            "parameters": {
                "data": {"parameterType": "STRING", "defaultValue": "gs://b", "isOptional": True},
                "settings": {"parameterType": "STRING", "isOptional": True},
                "training_steps": {"parameterType": "NUMBER_INTEGER", "isOptional": True},
            }
        },
        "dag": {
            "tasks": {
                "Trainer": {
                    "taskInfo": {"name": "Trainer"},
                    "componentRef": {"name": "Trainer"},
                    "inputs": {
                        "parameters": {
                            "custom_config": constant(json.dumps(CUSTOM_CONFIG)),
                            "settings": {"componentInputParameter": "settings"},
                            # A letter that JSON may write as a pair of escapes.
                            "note": constant("𝄞 ü"),
                        }
                    },
                }
            }
        },
    },
    "components": {"Trainer": {"executorLabel": "Trainer_executor"}},
    "deploymentSpec": {"executors": {"Trainer_executor": {"container": {"image": "a:1"}}}},
}


class Endpoint(http.server.ThreadingHTTPServer):
    """Answers the calls that a submission makes, and keeps them.

    Attributes:
      calls: (method, path, headers, body) of each.
      refusal: (path, status, body) of a call that is refused.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.calls: list[tuple[str, str, dict[str, str], Any]] = []
        self.refusal: tuple[str, int, Any] = ("", 0, None)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def body(self, path: str) -> Any:
        """What was posted."""
        (found,) = [call[3] for call in self.calls if call[:2] == ("POST", path)]
        return found


class Handler(http.server.BaseHTTPRequestHandler):
    server: Endpoint

    def do_GET(self) -> None:
        answer = {"experiments": []} if self.path.startswith(EXPERIMENTS) else {"multi_user": False}
        self._answer(answer)

    def do_POST(self) -> None:
        self._answer({"run_id": "run-7"} if self.path == RUNS else {"experiment_id": "exp-1"})

    def _answer(self, answer: Any) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        path = self.path.partition("?")[0]
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.calls.append((self.command, path, headers, body))
        status = 200
        if path == self.server.refusal[0]:
            _, status, answer = self.server.refusal
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments: Any) -> None:
        """Says nothing."""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def pipeline(tmp_path: Path) -> str:
    path = tmp_path / "pipeline.json"
    path.write_text(json.dumps(SPEC, ensure_ascii=False), encoding="utf-8")
    return str(path)


def run(*arguments: str) -> None:
    submit.main(list(arguments), standalone_mode=False)


def test_a_run_is_created_from_the_spec(
    endpoint: Endpoint, pipeline: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "token").write_text("secret\n")
    words = ["--endpoint", f"{endpoint.url}/", "--experiment", "try", "--run-name", "first"]
    words += ["--namespace", "team", "--service-account", "runner"]
    words += ["--token-file", str(tmp_path / "token")]
    words += ["--parameter", "training_steps=20", "--parameter", "data=gs://other/a=b.csv"]
    run(pipeline, *words, "--set", "model.units=32", "--set", "training.learning_rate=0.01")
    assert endpoint.body(EXPERIMENTS) == {"display_name": "try", "namespace": "team"}
    body = endpoint.body(RUNS)
    assert body["pipeline_spec"] == SPEC
    assert body["display_name"] == "first"
    assert body["experiment_id"] == "exp-1"
    assert body["service_account"] == "runner"
    runtime = body["runtime_config"]
    assert runtime["pipeline_root"] == "gs://bucket/root"
    assert json.loads(runtime["parameters"].pop("settings")) == {
        "model": {"units": "32"},
        "training": {"learning_rate": "0.01"},
    }
    assert runtime["parameters"] == {"training_steps": 20, "data": "gs://other/a=b.csv"}
    assert {call[2].get("authorization") for call in endpoint.calls} == {"Bearer secret"}
    assert capsys.readouterr().out == f"run run-7: {endpoint.url}/#/runs/details/run-7\n"


def test_without_more_words_the_defaults_hold(endpoint: Endpoint, pipeline: str) -> None:
    run(pipeline, "--endpoint", endpoint.url)
    assert endpoint.body(EXPERIMENTS)["display_name"] == "Default"
    assert endpoint.body(RUNS)["display_name"].startswith("tides 2")
    assert not endpoint.body(RUNS)["runtime_config"].get("parameters")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--parameter", "dta=x"], "unknown parameter 'dta'. Did you mean 'data'?"),
        (["--parameter", "data"], "--parameter data: expected name=value"),
        (["--parameter", "data=/mnt/a.csv"], "data=/mnt/a.csv: a cluster does not see this"),
        (["--parameter", "training_steps=many"], "training_steps=many: expected a whole number"),
        (["--parameter", "training_steps=-1"], "training_steps=-1: expected a number of steps"),
        (["--parameter", "settings=model"], "settings='model': expected sections of settings"),
        (["--set", "model.unit=3"], "unknown setting 'model.unit'. Did you mean 'units'?"),
        (["--set", "model.units=many"], "model.units='many': expected int"),
        (["--set", "features.max_tokens=3"], "section 'features' cannot change from run to run"),
        (["--set", "model.units=3", "--parameter", "settings={}"], "give one of them"),
    ],
)
def test_wrong_parameters_are_found_before_anything_is_sent(
    arguments: list[str], said: str, pipeline: str
) -> None:
    with pytest.raises(InputError) as caught:
        run(pipeline, "--endpoint", "http://127.0.0.1:1", *arguments)
    assert said in str(caught.value)


@pytest.mark.parametrize("content", ["not JSON", "[]", '{"pipelineSpec": {}}'])
def test_a_file_that_is_no_compiled_pipeline_is_named(content: str, tmp_path: Path) -> None:
    path = tmp_path / "pipeline.json"
    path.write_text(content)
    with pytest.raises(InputError, match="not a compiled pipeline"):
        run(str(path), "--endpoint", "http://127.0.0.1:1")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such file: .*none\.json; first: tidegate compile"):
        run(str(tmp_path / "none.json"), "--endpoint", "http://127.0.0.1:1")


def test_nobody_there_is_one_line(pipeline: str) -> None:
    with pytest.raises(InputError, match=r"http://127.0.0.1:1: no answer \(NewConnectionError\)"):
        run(pipeline, "--endpoint", "http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("path", "status", "answer", "said"),
    [
        (HEALTH, 404, "no such page", "404 Not Found: no such page"),
        (EXPERIMENTS, 403, {"error": "not your namespace"}, "403 Forbidden: not your namespace"),
        (RUNS, 400, {"message": "bad\nspec", "code": 3}, "400 Bad Request: bad spec"),
    ],
)
def test_a_refusal_is_one_line(
    path: str, status: int, answer: Any, said: str, endpoint: Endpoint, pipeline: str
) -> None:
    endpoint.refusal = (path, status, answer)
    with pytest.raises(InputError) as caught:
        run(pipeline, "--endpoint", endpoint.url)
    assert str(caught.value) == f"--endpoint {endpoint.url}: {said}"


def test_an_endpoint_that_breaks_is_no_fault_of_the_user(
    endpoint: Endpoint, pipeline: str, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint.refusal = (RUNS, 500, {"message": "the database is gone"})
    with pytest.raises(SystemExit) as caught:
        run(pipeline, "--endpoint", endpoint.url)
    assert caught.value.code == 1
    captured = capsys.readouterr()
    assert captured.err.splitlines() == [
        f"tidegate: {endpoint.url}: 500 Internal Server Error: the database is gone"
    ]
    assert captured.out == ""


def test_without_kubeflows_client_the_line_says_how_to_get_it(
    pipeline: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "meta_path", [])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    monkeypatch.setattr(sys, "path", [])
    for name in [name for name in sys.modules if name.split(".")[0] == "kfp"]:
        monkeypatch.delitem(sys.modules, name)
    from tidegate.pipeline.kubeflow.compile_command import check_installed

    with pytest.raises(InputError, match=r"pip install 'tidegate\[kubeflow\]'"):
        check_installed()

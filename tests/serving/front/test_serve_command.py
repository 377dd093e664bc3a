"""`tidegate serve` as a process: flags, what a person sees, and the stop."""

from __future__ import annotations

import json
import re
import shlex
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from tensorflow_serving.apis import prediction_service_pb2_grpc

from tests.serving import models
from tests.serving.conftest import Build
from tests.serving.front.conftest import eventually
from tidegate.serving.server.options import ConfigError
from tidegate.serving.server.versions import check_level

_COMMAND = [sys.executable, "-m", "tidegate.pipeline.cli", "serve"]


def _refused(*flags: str) -> str:
    """The one line that wrong flags end with; TensorFlow must not have been imported for it."""
    program = (
        "import sys\nfrom tidegate.pipeline import cli\n"
        "try:\n    cli.main()\n"
        "finally:\n    print('tensorflow' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "serve", *flags], capture_output=True, text=True
    )
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    return line


def test_help_names_tf_servings_flags() -> None:
    done = subprocess.run([*_COMMAND, "--help"], capture_output=True, text=True, check=True)
    for flag in ("model_name", "model_base_path", "model_config_file", "enable_batching",
                 "batching_parameters_file", "ssl_config_file", "monitoring_config_file",
                 "grpc_channel_arguments", "port",
                 "allow_version_labels_for_unavailable_models"):  # fmt: skip
        assert f"--{flag}" in done.stdout


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "expected one of --models"),
        (["--models", "{}/none"], "does not exist; expected a folder of models"),
        (["--models", "{}", "--model-base-path", "{}"], "received --models and --model_base_path"),
        (["--models", "{}/file"], "is not a folder"),
        (["--models", "{}", "--port", "x"], "is not a valid integer"),
        (["--models", "{}", "--no_such_flag"], "No such option"),
        (["--models", "{}", "--port=0", "--rest_api_port=x"], "is not a valid integer"),
        (["--models", "{}", "--port=0", "--ssl_config_file={}/file"], "file:1:1:"),
        (["--models", "{}", "--port=0", "--monitoring_config_file={}/none"], "cannot read"),
        (["--models", "{}", "--port=0", "--grpc_channel_arguments=a"], "no key=value"),
        (
            ["--models", "{}", "--port=0", "--enable_batching=false",
             "--batching_parameters_file={}/file"],
            "needs --enable_batching",
        ),
    ],
)  # fmt: skip
def test_wrong_flags_are_one_line(flags: list[str], message: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no text format")
    assert message in _refused(*(flag.format(tmp_path) for flag in flags))


def test_a_folder_of_another_level(tmp_path: Path) -> None:
    version = tmp_path / "models" / "half" / "1"
    version.mkdir(parents=True)
    (version / "saved_model.pb").write_bytes(b"")
    for flag, folder, fits in (
        ("models", version, f"--models={tmp_path}/models"),
        ("models", version.parent, f"--models={tmp_path}/models, or by --model_base_path="),
        ("model_base_path", version, f"--model_base_path={version.parent}"),
        ("model_base_path", tmp_path / "models", f"--models={tmp_path}/models"),
    ):
        with pytest.raises(ConfigError, match=f"--{flag}={folder}: it ") as raised:
            check_level(str(folder), f"--{flag}", of_models=flag == "models")
        assert f"by {fits}" in str(raised.value)
    check_level(str(tmp_path / "models"), "--models", of_models=True)
    check_level(str(version.parent), "--model_base_path", of_models=False)
    check_level(str(tmp_path / "none"), "--models", of_models=True)
    assert f"--models={tmp_path}/models" in _refused("--models", str(version.parent), "--port=0")


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = _refused("--models", str(tmp_path), f"--port={port}")
    assert f"--port={port}: cannot listen at 127.0.0.1:{port}" in line


class _Process:
    """A server process and the lines it has printed."""

    def __init__(self, *flags: str) -> None:
        self.process = subprocess.Popen(
            [*_COMMAND, "--port=0", "--file_system_poll_wait_seconds=1", *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []

    def until(self, text: str) -> str:
        """Reads up to a line that holds the text."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if text in line:
                return line
        raise AssertionError(f"ended without {text!r}: {self.lines}")

    def end(self) -> int:
        """Reads the rest; the exit code."""
        assert self.process.stdout is not None
        self.lines += [line.rstrip() for line in self.process.stdout]
        return self.process.wait(300)


@pytest.fixture
def run() -> Iterator[Any]:
    """(flags) to a process that is killed in the end."""
    started: list[_Process] = []

    def start(*flags: str) -> _Process:
        started.append(_Process(*flags))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()


def _started(stub: Any, model: str) -> Any:
    """A request that the server has begun with."""
    running = stub.Predict.future(models.predict_request(model, {"x": [1.0]}))
    # One connection, one queue: when the next one is answered, that before it has a thread. The
    # others leave it the time to begin with.
    for _ in range(20):
        with pytest.raises(grpc.RpcError, match="nobody"):
            stub.Predict(models.predict_request("nobody", {"x": [1.0]}))
    return running


@pytest.mark.slow
def test_from_start_to_a_graceful_stop(saved_model: Build, tmp_path: Path, run: Any) -> None:
    models.publish(saved_model("half_plus_two"), tmp_path / "half", 1)
    # A few seconds: long enough to be in flight when the signal comes.
    slow = models.slow(tmp_path / "made", 500_000)
    models.publish(slow, tmp_path / "models" / "slow", 1)
    models.publish(saved_model("half_plus_two"), tmp_path / "models" / "half", 1)
    with socket.create_server(("127.0.0.1", 0)) as free:
        rest = free.getsockname()[1]
    server = run("--models", str(tmp_path / "models"), f"--rest_api_port={rest}")
    address = server.until("listening at").split("listening at ")[1].split()[0]
    server.until("ready")
    # The line that is shown works as it stands.
    line = server.until(f"127.0.0.1:{rest}/v1/models/half:predict")
    _, _, body, url = shlex.split(line.split("try: ")[1])
    with urllib.request.urlopen(url, body.encode(), timeout=60) as answer:
        assert json.load(answer) == {"outputs": [2.0]}
    said = "\n".join(server.lines)
    assert "half version 1" in said
    assert "slow version 1" in said
    with grpc.insecure_channel(address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        stub.Predict(models.predict_request("half", {"x": [1.0]}))
        models.publish(saved_model("half_plus_3"), tmp_path / "models" / "half", 2)
        server.until("Unloaded model half version 1")
        running = _started(stub, "slow")
        server.process.send_signal(signal.SIGTERM)
        server.until("stopping")
        refused = stub.Predict.future(models.predict_request("half", {"x": [1.0]}))
        assert refused.exception().code() == grpc.StatusCode.UNAVAILABLE
        assert list(running.result().outputs["y"].float_val) == [1.0]
    assert server.end() == 0
    assert server.lines[-1].endswith("stopped")
    # Nothing but the server's own words: TensorFlow's libraries talk when they are loaded.
    assert [line for line in server.lines if not re.match(r"\d\d:\d\d:\d\d ", line)] == []


@pytest.mark.slow
def test_the_server_of_a_command_that_is_killed_ends_too(tmp_path: Path) -> None:
    asks = subprocess.Popen(
        [sys.executable, "-c",
         "import sys\nfrom tidegate.pipeline.serve.process import served\n"
         "with served(sys.argv[1]) as address:\n"
         "    print(address, flush=True)\n    sys.stdin.read()\n",
         str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert asks.stdout is not None
    host, port = asks.stdout.readline().strip().rsplit(":", 1)
    socket.create_connection((host, int(port)), timeout=10).close()
    asks.kill()
    asks.communicate()

    def refused() -> bool:
        try:
            socket.create_connection((host, int(port)), timeout=10).close()
        except ConnectionRefusedError:
            return True
        return False

    eventually(refused)


@pytest.mark.slow
def test_a_second_signal_stops_at_once(saved_model: Build, tmp_path: Path, run: Any) -> None:
    models.publish(saved_model("slow"), tmp_path / "slow", 1)
    server = run("--model_name=slow", f"--model_base_path={tmp_path / 'slow'}")
    address = server.until("listening at").split("listening at ")[1].split()[0]
    server.until("ready")
    with grpc.insecure_channel(address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        running = _started(stub, "slow")
        server.process.send_signal(signal.SIGINT)
        server.until("stopping")
        server.process.send_signal(signal.SIGINT)
        assert server.end() == 128 + signal.SIGINT
        assert running.exception() is not None

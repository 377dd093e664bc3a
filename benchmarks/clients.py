"""The embedded server under other people's load generators, beside the same model in-process.

    python -m benchmarks.clients runs/models --ghz ~/go/bin/ghz --hey ~/go/bin/hey

Each model of the folder is asked by 64 callers, each of which sends as soon as it is answered: over
gRPC by ghz (`go install github.com/bojand/ghz/cmd/ghz@latest`), over REST by hey (`go install
github.com/rakyll/hey@latest`). The request is the model's first of one row among its warm-up
requests. In-process is TensorFlow alone, in a process of its own, with 64 rows a call.
"""

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import measure, report, workplace
from benchmarks.serving_process import ServerProcess
from benchmarks.worker_pools import free_port

_CALLERS = 64
_WARMUP = "assets.extra/tf_serving_warmup_requests"
_CALL = "tensorflow.serving.PredictionService/Predict"


def newest(model: Path) -> Path:
    """The folder of a model's newest version."""
    return max(
        (one for one in model.iterdir() if one.name.isdecimal()), key=lambda one: int(one.name)
    )


def first_request(version: Path) -> Any:
    """A version's first warm-up request of one row for a signature of tensors.

    Raises:
      ValueError: it has none.
    """
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    for record in tf.data.TFRecordDataset(str(version / _WARMUP)):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        rows = {tensor.tensor_shape.dim[0].size for tensor in request.inputs.values()}
        if rows == {1} and request.model_spec.signature_name != "serving_default":
            request.model_spec.name = version.parent.name
            return request
    raise ValueError(f"{version}: expected a warm-up request of one row, with a signature's name")


def inside(version: Path, seconds: float) -> float:
    """Rows per second of the same request in this process, in batches."""
    import tensorflow as tf
    import tensorflow_text  # noqa: F401  Its ops.

    request = first_request(version)
    call = tf.saved_model.load(str(version)).signatures[request.model_spec.signature_name]
    rows = {
        name: tf.constant(tf.make_ndarray(tensor).repeat(_CALLERS, axis=0))
        for name, tensor in request.inputs.items()
    }

    def run() -> None:
        for answer in call(**rows).values():
            answer.numpy()

    run()
    done, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        run()
        done += _CALLERS
    return done / (time.perf_counter() - begin)


def _inside(version: Path, seconds: float, _: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.clients", str(version), "--inside"]
    done = measure.run([*command, f"--seconds={seconds}"])
    return {"rate": float(done.output.splitlines()[-1]), "codes": {}}


def _grpc(arguments: argparse.Namespace, version: Path, work: Path, _: int) -> dict[str, Any]:
    request = work / "request"
    request.write_bytes(first_request(version).SerializeToString())
    command = [str(arguments.ghz), "--insecure", f"--call={_CALL}", f"--binary-file={request}"]
    command += [f"--concurrency={_CALLERS}", "--duration-stop=wait", "--format=json"]
    with ServerProcess(f"--models={arguments.models}") as server:
        for seconds in (arguments.seconds / 5, arguments.seconds):  # The first one warms up.
            done = subprocess.run(
                [*command, f"--duration={seconds}s", server.address],
                check=True,
                capture_output=True,
            )
    found = json.loads(done.stdout)
    slowest = {one["percentage"]: one["latency"] / 1e6 for one in found["latencyDistribution"]}
    return {
        "rate": found["rps"],
        "codes": found["statusCodeDistribution"],
        "p50": slowest[50],
        "p99": slowest[99],
    }


def _rest(arguments: argparse.Namespace, version: Path, work: Path, _: int) -> dict[str, Any]:
    request = first_request(version)
    body = work / "body"
    body.write_text(json.dumps(as_rest(request)), encoding="utf-8")
    command = [str(arguments.hey), "-m=POST", f"-D={body}", f"-c={_CALLERS}", "-o=csv"]
    with ServerProcess(f"--models={arguments.models}", f"--rest_api_port={free_port()}") as server:
        url = f"{server.rest}/{request.model_spec.name}:predict"
        for seconds in (arguments.seconds / 5, arguments.seconds):
            done = subprocess.run(
                [*command, f"-z={seconds}s", url], check=True, capture_output=True, text=True
            )
    return _of_hey(done.stdout, arguments.seconds)


def as_rest(request: Any) -> dict[str, Any]:
    """A request as a body of whole tensors."""
    import tensorflow as tf

    inputs = {}
    for name, tensor in request.inputs.items():
        array = tf.make_ndarray(tensor)
        inputs[name] = array.astype(str).tolist() if array.dtype == object else array.tolist()
    return {"signature_name": request.model_spec.signature_name, "inputs": inputs}


def _of_hey(text: str, seconds: float) -> dict[str, Any]:
    head, *lines = text.splitlines()
    time_at, code_at = (head.split(",").index(name) for name in ("response-time", "status-code"))
    rows = [line.split(",") for line in lines]
    times = sorted(1e3 * float(row[time_at]) for row in rows)
    return {
        "rate": len(rows) / seconds,
        "codes": Counter(row[code_at] for row in rows),
        "p50": times[len(times) // 2],
        "p99": times[len(times) * 99 // 100],
    }


def _row(name: str, runs: list[dict[str, Any]], peer: list[dict[str, Any]]) -> list[str]:
    codes: Counter[str] = sum((Counter(run["codes"]) for run in runs), Counter())
    pairs = zip(runs, peer, strict=True)
    return [
        name,
        report.spread((run["rate"] for run in runs), 0),
        report.percent((run["rate"] / other["rate"] for run, other in pairs), 0),
        *(
            report.spread((run[key] for run in runs), 1) if key in runs[0] else "–"
            for key in ("p50", "p99")
        ),
        ", ".join(f"{count:,} {code}" for code, count in codes.items()) or "–",
    ]


def main() -> None:
    """Runs the peers in turn and prints the table."""
    parser = workplace.parser(__doc__, runs=1)
    parser.add_argument("models", type=Path, help="a folder of models, MODEL/VERSION")
    parser.add_argument("--ghz", type=Path, default=Path("ghz"))
    parser.add_argument("--hey", type=Path, default=Path("hey"))
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        print(inside(arguments.models, arguments.seconds))
        return
    machine = report.machine()
    rows = []
    with workplace.workplace(arguments) as work:
        for model in sorted(arguments.models.iterdir()):
            version = newest(model)
            peers: Mapping[str, Any] = {
                "in-process, batches of 64": partial(_inside, version, arguments.seconds),
                "gRPC, ghz": partial(_grpc, arguments, version, work),
                "REST, hey": partial(_rest, arguments, version, work),
            }
            results = measure.interleaved(
                {f"{model.name}: {name}": run for name, run in peers.items()}, arguments.runs
            )
            first = next(iter(results.values()))
            rows += [_row(name, runs, first) for name, runs in results.items()]
    print(f"{machine} Runs: {arguments.runs}. {_CALLERS} callers.\n")
    columns = ["", "rows per second", "share of in-process, %", "p50 ms", "p99 ms", "answers"]
    print(report.table(columns, rows))


if __name__ == "__main__":
    measure.finish(main)

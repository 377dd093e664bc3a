"""Hot swaps under load: a new version every few seconds, no failed request, no mixed answer.

Each version of the model adds its own number, so an answer shows which version made it; that must
be the one that the response names. Clients send without a pause.
"""

import shutil
import threading
import time
from collections import Counter
from pathlib import Path

from benchmarks import measure, report, workplace
from benchmarks.serving_process import ServerProcess

_MODEL = "adds_its_version"


def _write(folder: Path, version: int) -> None:
    """Saves ``y = x + version``, complete beside its place, then renamed into it."""
    import tensorflow as tf

    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")], autograph=False)
    def serve(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x + float(version)}

    beside = folder.parent / f".{version}"
    tf.saved_model.save(module, str(beside), {"serving_default": serve})
    folder.mkdir(parents=True, exist_ok=True)
    beside.rename(folder / str(version))


class _Clients:
    """Threads that send until they are told to end.

    Attributes:
      answered: by version.
      failed: by status.
      mixed: answers of another version than they name.
    """

    def __init__(self, address: str, count: int) -> None:
        import grpc
        from tensorflow_serving.apis import predict_pb2

        self.answered: Counter[int] = Counter()
        self.failed: Counter[str] = Counter()
        self.mixed = 0
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._channel = grpc.insecure_channel(address)
        self._call = self._channel.unary_unary(
            "/tensorflow.serving.PredictionService/Predict",
            request_serializer=predict_pb2.PredictRequest.SerializeToString,
            response_deserializer=predict_pb2.PredictResponse.FromString,
        )
        self._request = predict_pb2.PredictRequest()
        self._request.model_spec.name = _MODEL
        proto = self._request.inputs["x"]
        proto.dtype = 1
        proto.tensor_shape.dim.add().size = 1
        proto.float_val.append(0.5)
        self._threads = [threading.Thread(target=self._send) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Waits for the calls that run."""
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self._channel.close()

    def _send(self) -> None:
        import grpc

        while not self._ended.is_set():
            try:
                response = self._call(self._request, timeout=30)
            except grpc.RpcError as error:
                with self._lock:
                    self.failed[f"{error.code().name}: {error.details()}"] += 1
                continue
            version = response.model_spec.version.value
            with self._lock:
                self.answered[version] += 1
                self.mixed += list(response.outputs["y"].float_val) != [version + 0.5]


def _run(work: Path, seconds: float, every: float, clients: int, batched: bool) -> _Clients:
    base = work / "models" / _MODEL
    _write(base, 1)
    flags = [f"--models={base.parent}", f"--enable_batching={batched}"]
    with ServerProcess(*flags, "--file_system_poll_wait_seconds=1") as server:
        sending = _Clients(server.address, clients)
        begin = time.monotonic()
        version = 1
        while time.monotonic() - begin < seconds:
            version += 1
            _write(base, version)
            time.sleep(max(0.0, begin + (version - 1) * every - time.monotonic()))
        time.sleep(5)  # The last version's load.
        sending.end()
        if not server.alive():
            raise measure.ChildError(server.how_it_ended())
    shutil.rmtree(base)
    return sending


def main() -> None:
    """Swaps with and without batching, and prints the table."""
    parser = workplace.parser(__doc__, runs=None)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--every", type=float, default=5, help="seconds between two versions")
    parser.add_argument("--clients", type=workplace.at_least_one, default=16)
    arguments = parser.parse_args()
    machine = report.machine()
    rows = []
    with workplace.workplace(arguments) as work:
        for batched in (True, False):
            measure.note("batched" if batched else "unbatched")
            done = _run(work, arguments.seconds, arguments.every, arguments.clients, batched)
            for text, count in done.failed.items():
                measure.note(f"{count} × {text}")
            rows.append(
                [
                    "batched" if batched else "unbatched",
                    f"{done.answered.total():,}",
                    str(len(done.answered)),
                    str(done.failed.total()),
                    str(done.mixed),
                ]
            )
    print(
        f"{machine} {arguments.seconds:g} s, a version every {arguments.every:g} s, "
        f"{arguments.clients} clients.\n"
    )
    columns = ["server", "answered", "versions that answered", "failed", "of another version"]
    print(report.table(columns, rows))


if __name__ == "__main__":
    measure.finish(main)

"""Broken requests in numbers against an embedded server, and how it stands afterwards.

The requests are those of `tests.serving.front.mutation`: from a seed, half of them changed bytes
that mostly are no message, half of them messages with something wrong. Each must get a status; the
server must answer as before, with as many threads and about as much memory. Changed bytes may make
a reload of the configuration that is right and takes the model away; then it is given back.
"""

import shutil
import time
from collections import Counter
from pathlib import Path

from benchmarks import measure, report, workplace
from benchmarks.serving_process import ServerProcess

# Requests after which threads and memory are noted for the first time: pools have grown by then.
_SETTLED = 0.1


def _send(
    server: ServerProcess, model: Path, count: int, seed: int
) -> tuple[Counter[str], list[str]]:
    """Sends, checks now and then that a right request is answered; counts by status."""
    import grpc

    from tests.serving.front.mutation import Mutations, valid

    mutations = Mutations(seed)
    codes: Counter[str] = Counter()
    path, right = valid()
    given_back = _configuration(model)
    unlimited = [("grpc.max_receive_message_length", -1)]
    states = []
    last = valid()
    with grpc.insecure_channel(server.address, unlimited) as channel:
        calls: dict[str, grpc.UnaryUnaryMultiCallable] = {}
        marks = {int(count * _SETTLED), count // 2, count}
        for number in range(1, count + 1):
            method, data = mutations.make()
            call = calls.setdefault(method, channel.unary_unary(method))
            if not server.alive():
                raise measure.ChildError(
                    f"before request {number:,}: {server.how_it_ended()}\n"
                    f"last request: {last[0]} {last[1].hex()}"
                )
            last = (method, data)
            try:
                call(data, timeout=60)
                codes["OK"] += 1
            except grpc.RpcError as error:
                codes[error.code().name] += 1
            else:
                if method.endswith("HandleReloadConfigRequest"):
                    call(given_back, timeout=60)
            if number % 1_000 == 0 or number in marks:
                channel.unary_unary(path)(right, timeout=60)
            if number in marks:
                states.append(_state(server, number))
                measure.note(states[-1])
    return codes, states


def _configuration(model: Path) -> bytes:
    """The request that has the server serve the model, and no other."""
    from tensorflow_serving.apis import model_management_pb2

    request = model_management_pb2.ReloadConfigRequest()
    config = request.config.model_config_list.config.add()
    config.name, config.base_path = model.name, str(model.resolve())
    config.model_platform = "tensorflow"
    return request.SerializeToString()


def _state(server: ServerProcess, number: int) -> str:
    memory = server.resident() / 1e6
    return f"after {number:,} requests: {server.threads()} threads, {memory:,.0f} MB resident"


def main() -> None:
    """Starts a server, sends the requests and prints the counts."""
    parser = workplace.parser(__doc__, runs=None)
    parser.add_argument("--requests", type=workplace.at_least_one, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    from tests.serving import models

    machine = report.machine()
    with workplace.workplace(arguments) as work:
        made = models.half_plus_two(work / "made")
        models.publish(made, work / "models" / "m", 1)
        shutil.rmtree(made)
        with ServerProcess(f"--models={Path(work, 'models')}") as server:
            begin = time.monotonic()
            codes, states = _send(server, work / "models" / "m", arguments.requests, arguments.seed)
            seconds = time.monotonic() - begin
            alive = server.alive()
    print(f"{machine} Seed {arguments.seed}, {seconds:,.0f} s.\n")
    rows = [[code, f"{count:,}"] for code, count in codes.most_common()]
    print(report.table(["status", "requests"], rows))
    print()
    print(". ".join([*states, "alive" if alive else "NOT ALIVE"]) + ".")


if __name__ == "__main__":
    measure.finish(main)

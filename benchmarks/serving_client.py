"""Load on a server: a process of its own, so that its work is not the server's.

Prints one line of JSON. Either all connections call as fast as they are answered, or calls begin
at a steady rate and wait for a free connection if there is none; a call's time counts from when it
should have begun, so that a server that falls behind cannot hide it.
"""

import argparse
import json
import selectors
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from benchmarks import http2, measure

PREDICT = "/tensorflow.serving.PredictionService/Predict"
# Calls that are made before the clock starts.
_WARM_UP_SECONDS = 1.0


def _percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def load(
    address: str, requests: Sequence[bytes], connections: int, seconds: float, rate: float | None
) -> dict[str, float]:
    """Sends load, and counts.

    Args:
      address: HOST:PORT.
      requests: PredictRequests in wire form, sent in turn.
      connections: calls at once.
      seconds: of measuring.
      rate: calls per second; None for as many as are answered.

    Returns:
      `answered`, `failed`, `seconds`, `cpu` of this process, and in milliseconds `p50`, `p99`.
    """
    selector = selectors.DefaultSelector()
    free = deque(http2.opened(address, PREDICT, connections))
    for connection in free:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
    began: dict[http2.Connection, float] = {}
    times: list[float] = []
    failed = number = 0
    start = time.perf_counter()
    measuring = start + _WARM_UP_SECONDS
    end = measuring + seconds
    due = start
    cpu = time.process_time()
    while (now := time.perf_counter()) < end or (began and now < end + 60):
        while free and now < end and (rate is None or due <= now):
            connection = free.popleft()
            began[connection] = now if rate is None else due
            connection.call(requests[number % len(requests)])
            number += 1
            if rate is not None:
                due += 1 / rate
        wait = max(0.0, due - time.perf_counter()) if rate is not None and free else 0.1
        for key, _ in selector.select(wait):
            connection = key.data
            answered = connection.receive()
            if answered is None:
                continue
            first = began.pop(connection)
            free.append(connection)
            if first >= measuring:
                failed += not answered
                times.append(time.perf_counter() - first)
    times.sort()
    return {
        "answered": len(times) - failed,
        "failed": failed + len(began),
        "seconds": seconds,
        "cpu": time.process_time() - cpu,
        "p50": 1e3 * _percentile(times, 0.50) if times else float("nan"),
        "p99": 1e3 * _percentile(times, 0.99) if times else float("nan"),
    }


def run(
    address: str,
    requests: Path,
    connections: int,
    seconds: float,
    rate: float | None = None,
) -> dict[str, float]:
    """The same in a child process.

    Args:
      address: HOST:PORT.
      requests: a file that `write` made.
      connections: calls at once.
      seconds: of measuring.
      rate: calls per second; None for as many as are answered.
    """
    command = [sys.executable, "-m", "benchmarks.serving_client", address, str(requests)]
    command += [f"--connections={connections}", f"--seconds={seconds}"]
    if rate is not None:
        command.append(f"--rate={rate}")
    return json.loads(measure.run(command).output.splitlines()[-1])


def write(path: Path, requests: Sequence[bytes]) -> None:
    """Writes requests to a file for the child: a line of hexadecimal digits each."""
    path.write_text("".join(f"{request.hex()}\n" for request in requests))


def main() -> None:
    """Reads the requests, sends the load and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("requests", type=Path)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float)
    arguments = parser.parse_args()
    requests = [bytes.fromhex(line) for line in arguments.requests.read_text().split()]
    figures = load(
        arguments.address, requests, arguments.connections, arguments.seconds, arguments.rate
    )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

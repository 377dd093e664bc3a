"""Memory and threads of the embedded server over many requests, and with idle connections.

Shares of the requests are sent one after another by 64 clients; after each, the resident memory is
read. Then connections that do nothing are opened, and the rate is measured beside them.
"""

from functools import partial
from pathlib import Path

from benchmarks import measure, report, serving_client, serving_load, workplace
from benchmarks.http2 import opened
from benchmarks.serving_process import ServerProcess

_PARTS = 10
_CLIENTS = 64


def main() -> None:
    """Sends the requests and prints the table."""
    parser = workplace.parser(__doc__, runs=None)
    parser.add_argument("model", type=Path, help="a model's folder of versions; takes texts")
    parser.add_argument("--signature", default="serving_default")
    parser.add_argument("--feature", help="send tf.Examples of this feature in place of texts")
    parser.add_argument("--texts", type=Path, help="file of texts; made ones if not given")
    parser.add_argument("--requests", type=workplace.at_least_one, default=1_000_000)
    parser.add_argument("--connections", type=workplace.at_least_one, default=1_000)
    parser.add_argument("--seconds", type=float, default=10, help="of each rate's measurement")
    arguments = parser.parse_args()
    machine = report.machine()
    model = arguments.model.resolve()
    texts = serving_load.made_or_read(arguments.texts)
    rows = []
    flags = [f"--model_name={model.name}", f"--model_base_path={model}", "--enable_batching"]
    with workplace.workplace(arguments) as work, ServerProcess(*flags) as server:
        path = work / "requests"
        serving_load.write_requests(
            server.address, model.name, arguments.signature, texts, path, arguments.feature
        )
        drive = partial(serving_client.run, server.address, path, _CLIENTS)

        def row(name: str, rate: float, failed: float) -> None:
            memory = f"{server.resident() / 1e6:,.0f}"
            rows.append([name, memory, str(server.threads()), f"{rate:,.0f}", f"{failed:.0f}"])
            measure.note(" | ".join(rows[-1]))

        row("ready", 0, 0)
        sent = 0.0
        part = arguments.requests / _PARTS
        while sent < arguments.requests:
            done = failed = seconds = 0.0
            while done < part:
                figures = drive(arguments.seconds)
                done += figures["answered"] + figures["failed"]
                failed += figures["failed"]
                seconds += figures["seconds"]
                if not figures["answered"]:
                    raise measure.ChildError("the server answers nothing any more")
            sent += done
            row(f"after {sent:,.0f} requests", done / seconds, failed)
        idle = opened(server.address, serving_client.PREDICT, arguments.connections)
        figures = drive(arguments.seconds)
        rate = figures["answered"] / figures["seconds"]
        row(f"beside {len(idle):,} idle connections", rate, figures["failed"])
        for connection in idle:
            connection.close()
        figures = drive(arguments.seconds)
        rate = figures["answered"] / figures["seconds"]
        row("after they are closed", rate, figures["failed"])
    print(f"{machine} {_CLIENTS} clients.\n")
    print(report.table(["", "resident MB", "threads", "requests per second", "failed"], rows))


if __name__ == "__main__":
    measure.finish(main)

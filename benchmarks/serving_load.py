"""The embedded server under load, beside the same model in-process and an unbatched server.

One text in each request. For each run: texts per second in-process in batches of 64; the batched
and the unbatched server with 64 clients, each of which sends as soon as it is answered; 50th and
99th percentile of the answers' times at shares of the batched server's rate of that run; and the
time of a single request with nothing else to do, over that of the in-process call. With
`--feature` each text is sent as a serialized tf.Example of that feature, which is what models of
TFX's own examples take.
"""

import json
import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import measure, report, serving_client, serving_peer, workplace
from benchmarks.serving_process import ServerProcess
from benchmarks.texts import read

_CLIENTS = 64
_BATCH = 64
_SHARES = (0.25, 0.5, 0.75, 0.9)
_REQUESTS = 1_000


def made_or_read(path: Path | None) -> list[str]:
    """Texts of the file, or made ones of about the length of a film review (230 words)."""
    if path is not None:
        texts, _ = read(path)
        return random.Random(0).sample(texts, min(_REQUESTS, len(texts)))
    choose = random.Random(0)
    words = ["".join(choose.choices("abcdefghij", k=choose.randint(2, 8))) for _ in range(5_000)]
    return [" ".join(choose.choices(words, k=choose.randint(60, 400))) for _ in range(_REQUESTS)]


def write_requests(
    address: str,
    model: str,
    signature: str,
    texts: Sequence[str],
    path: Path,
    feature: str | None = None,
) -> None:
    """Asks the server for the signature's one string input, and writes a request per text.

    Args:
      address, model, signature: of the server.
      texts: one to a request.
      path: file to write.
      feature: None sends the text itself; else as a tf.Example of this feature.
    """
    import grpc
    from tensorflow_serving.apis import (
        get_model_metadata_pb2,
        predict_pb2,
        prediction_service_pb2_grpc,
    )

    asked = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    asked.model_spec.name = model
    with grpc.insecure_channel(address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        packed = stub.GetModelMetadata(asked).metadata["signature_def"]
    known = get_model_metadata_pb2.SignatureDefMap()
    packed.Unpack(known)
    (alias,) = known.signature_def[signature].inputs
    made = []
    for text in texts:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = model
        request.model_spec.signature_name = signature
        proto = request.inputs[alias]
        proto.dtype = known.signature_def[signature].inputs[alias].dtype
        proto.tensor_shape.dim.add().size = 1
        proto.string_val.append(serving_peer.encoded(text, feature))
        made.append(request.SerializeToString())
    serving_client.write(path, made)


def _served(
    arguments: Any, texts: Sequence[str], work: Path, batched: bool, _: int
) -> dict[str, Any]:
    """The figures of one server."""
    model = arguments.model.resolve()
    flags = [f"--model_name={model.name}", f"--model_base_path={model}"]
    with ServerProcess(*flags, f"--enable_batching={batched}", *arguments.flags) as server:
        path = work / f"requests-{batched}"
        write_requests(
            server.address, model.name, arguments.signature, texts, path, arguments.feature
        )
        drive = partial(serving_client.run, server.address, path, seconds=arguments.seconds)
        drive(_CLIENTS)  # Threads, allocators and caches as in the long run.
        before = server.cpu()
        full = drive(_CLIENTS)
        found: dict[str, Any] = {"full": full, "server cpu": server.cpu() - before}
        found["rate"] = full["answered"] / full["seconds"]
        if batched:
            found["shares"] = [
                drive(_CLIENTS, rate=share * found["rate"]) for share in arguments.shares
            ]
        found["single"] = drive(1)["p50"]
        return found


def _rows(results: dict[str, list[dict[str, Any]]]) -> list[list[str]]:
    inside, batched, unbatched = results.values()
    pairs = list(zip(inside, batched, unbatched, strict=True))
    each = (inside, batched, unbatched)
    return [
        ["texts per second", *(report.spread((run["rate"] for run in peer), 0) for peer in each)],
        [
            "share of in-process, %",
            "100",
            report.percent((b["rate"] / i["rate"] for i, b, _ in pairs), 0),
            report.percent((u["rate"] / i["rate"] for i, _, u in pairs), 0),
        ],
        [
            "times the unbatched server",
            report.spread(i["rate"] / u["rate"] for i, _, u in pairs),
            report.spread(b["rate"] / u["rate"] for _, b, u in pairs),
            "1",
        ],
        ["one request alone, ms", *(report.spread((r["single"] for r in p), 2) for p in each)],
        [
            "over the in-process call, ms",
            "–",
            report.spread((b["single"] - i["single"] for i, b, _ in pairs), 2),
            report.spread((u["single"] - i["single"] for i, _, u in pairs), 2),
        ],
        [
            "failed requests",
            "–",
            *(str(sum(run["full"]["failed"] for run in peer)) for peer in (batched, unbatched)),
        ],
        [
            "server CPU s / client CPU s",
            "–",
            *(
                f"{report.spread(run['server cpu'] for run in peer)} / "
                f"{report.spread(run['full']['cpu'] for run in peer)}"
                for peer in (batched, unbatched)
            ),
        ],
    ]


def main() -> None:
    """Runs the peers in turn and prints the tables."""
    parser = workplace.parser(__doc__)
    parser.add_argument("model", type=Path, help="a model's folder of versions; takes texts")
    parser.add_argument("--texts", type=Path, help="a CSV file with the columns text and label")
    parser.add_argument("--signature", default="serving_default")
    parser.add_argument("--feature", help="send tf.Examples of this feature in place of texts")
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement")
    parser.add_argument("--shares", type=float, nargs="+", default=list(_SHARES))
    parser.add_argument(
        "--flags", nargs="*", default=[], help="of the servers, such as batching_parameters_file=…"
    )
    arguments = parser.parse_args()
    arguments.flags = [f"--{flag}" for flag in arguments.flags]
    machine = report.machine()
    texts = made_or_read(arguments.texts)
    version = max((path for path in arguments.model.iterdir() if path.name.isdecimal()),
                  key=lambda path: int(path.name))  # fmt: skip
    with workplace.workplace(arguments) as work:
        listed = work / "texts.json"
        listed.write_text(json.dumps(texts), encoding="utf-8")

        def inside(_: int) -> dict[str, float]:
            return serving_peer.run(
                version, arguments.signature, listed, _BATCH, arguments.seconds, arguments.feature
            )

        results: dict[str, list[dict[str, Any]]] = measure.interleaved(
            {
                f"in-process, batches of {_BATCH}": inside,
                "embedded, batched": partial(_served, arguments, texts, work, True),
                "embedded, unbatched": partial(_served, arguments, texts, work, False),
            },
            arguments.runs,
        )
    print(f"{machine} Runs: {arguments.runs}. {_CLIENTS} clients.\n")
    print(report.table(["", *results], _rows(results)))
    batched = list(results.values())[1]
    print()
    rows = [
        [
            f"{share:.0%}",
            *(
                report.spread((run["shares"][index][key] for run in batched), 1)
                for key in ("p50", "p99")
            ),
            str(sum(run["shares"][index]["failed"] for run in batched)),
        ]
        for index, share in enumerate(arguments.shares)
    ]
    print(report.table(["share of the batched rate", "p50 ms", "p99 ms", "failed"], rows))


if __name__ == "__main__":
    measure.finish(main)

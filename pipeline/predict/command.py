"""`tidegate predict`: asks a server for a model's answers."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tidegate.pipeline.predict import options
from tidegate.pipeline.predict.terminal import lines, progress
from tidegate.tables.errors import InputError

if TYPE_CHECKING:
    from tidegate.serving.client import Client
    from tidegate.serving.client.tables.question import Question

_ADDRESS = re.compile(r"(.+:\d{1,5}|unix:.+|dns:.+)")
_DEFAULT_SERVER = "localhost:8500"
_LOADING = 300.0  # Seconds in which a folder's model must have loaded.
_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("model", required=False)
@click.option("--server", metavar="HOST:PORT", help=f"Its address; {_DEFAULT_SERVER} if not given.")
@click.option(
    "--models",
    metavar="DIR",
    help="No server: serve this folder or URI of models for the time of the call.",
)
@click.option(
    "--candidate",
    metavar="DIR",
    help="No server and no MODEL: ask the model of the last run in this output folder, also where "
    "it did not pass its gates.",
)
@click.option("--text", "texts", multiple=True, metavar="TEXT", help="A text; may be repeated.")
@click.option("--file", metavar="PATH", help="Rows: CSV, TSV, JSON lines or Parquet.")
@click.option("--output", metavar="PATH", help="Write the answers there, in the ending's format.")
@click.option("--signature", metavar="NAME", help="What to call; by default what fits the input.")
@click.option("--version", type=click.IntRange(min=0), metavar="N", help="A version of the model.")
@click.option("--label", metavar="LABEL", help="A version's label.")
@click.option(
    "--column", "columns", multiple=True, metavar="INPUT=COLUMN", help="The column of an input."
)
@click.option(
    "--type",
    "kinds",
    multiple=True,
    metavar="COLUMN=KIND",
    help="For a model of tf.Examples: text, int or float. Cells of CSV are text else.",
)
@click.option("--id", "id_column", metavar="COLUMN", help="The column that names the series.")
@click.option("--time", "time_column", metavar="COLUMN", help="The column of times: series.")
@click.option("--frequency", metavar="STEP", help="The step of series: h, D, MS, 15min, 1 …")
@click.option(
    "--role", "roles", multiple=True, metavar="NAME=ROLE", help="What an input or output is."
)
@click.option(
    "--option",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="What a request need not say: length=50, temperature=0.5.",
)
@click.option("--encoding", help="Of a text file.")
@click.option("--delimiter", help="Between the columns of CSV or TSV.")
@click.option(
    "--quoting",
    type=click.Choice(["checked", "trusted", "none"]),
    help="Of CSV: none where quotes are characters of the text.",
)
@click.option("--quote-char", help="What quotes cells of CSV.")
@click.option("--time-format", help="Of times that are not in ISO 8601: %d/%m/%Y, epoch_s ...")
@click.option("--timezone", metavar="ZONE", help="Whose clock shows the times: Europe/Berlin.")
@click.option("--missing", multiple=True, metavar="MARK", help="A mark of a missing number.")
@click.option("--decimal", metavar="MARK", help="The decimal mark of numbers: , for 1,5.")
@click.option("--thousands", metavar="MARK", help="The mark between thousands of numbers.")
@click.option(
    "--max-bad-share",
    type=click.FloatRange(min=0, max=1, max_open=True),
    help="Of the rows, how many may be unusable.",
)
@click.option(
    "--level", "levels", metavar="PERCENT,…", help="Intervals of a model of quantiles: 80,95"
)
@click.option("--quantiles", metavar="SHARE,…", help="Quantiles of such a model: 0.1,0.9")
@click.option(
    "--top",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    metavar="N",
    help="How many classes to show; 0 for lists of all.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=64,
    show_default=True,
    metavar="N",
    help="Rows (or series) to a request.",
)
@click.option(
    "--in-flight",
    type=click.IntRange(min=1, max=256),
    default=4,
    show_default=True,
    metavar="N",
    help="Requests at the same time.",
)
@click.option(
    "--deadline",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="For each request, its retries included.",
)
@click.option("--tls", is_flag=True, help="Connect by TLS, trusting the well-known authorities.")
@click.option("--tls-ca", type=_FILE, help="PEM file of the authorities to trust.")
@click.option("--tls-cert", type=_FILE, help="PEM file of the client's certificate: mutual TLS.")
@click.option("--tls-key", type=_FILE, help="PEM file of the client's key.")
@click.option("--tls-server-name", metavar="NAME", help="The name in the server's certificate.")
def predict(
    model: str | None,
    server: str | None,
    models: str | None,
    candidate: str | None,
    texts: tuple[str, ...],
    file: str | None,
    output: str | None,
    signature: str | None,
    version: int | None,
    label: str | None,
    columns: tuple[str, ...],
    kinds: tuple[str, ...],
    id_column: str | None,
    time_column: str | None,
    frequency: str | None,
    roles: tuple[str, ...],
    given: tuple[str, ...],
    encoding: str | None,
    delimiter: str | None,
    quoting: str | None,
    quote_char: str | None,
    time_format: str | None,
    timezone: str | None,
    missing: tuple[str, ...],
    decimal: str | None,
    thousands: str | None,
    max_bad_share: float | None,
    levels: str | None,
    quantiles: str | None,
    top: int,
    batch_size: int,
    in_flight: int,
    deadline: float,
    tls: bool,
    tls_ca: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_server_name: str | None,
) -> None:
    """Ask a server of TF Serving's protocol for a model's answers.

    Give texts by --text or a line each on the standard input, or rows by --file. A model that was
    trained here knows how its files were read: one like them needs no option, and options go over
    what it knows. For any other model columns are matched with its inputs by name, and --time makes
    a file one of series. The answers are written beside the rows, or long for series, by default as
    CSV to the standard output.

    Exit codes: 0 answered, 2 wrong input or settings or no server, 1 anything else.
    """
    from tidegate.pipeline.predict.asked import (
        check_model,
        explain,
        find_candidate,
        open_candidate,
        read_tls,
    )
    from tidegate.pipeline.serve.process import served
    from tidegate.serving.client import Client, ServingClientError
    from tidegate.serving.client.tables.question import Question
    from tidegate.tables.writing import check_output

    if file is not None and texts:
        raise InputError("received --text and --file; expected one of them")
    if file is None and not texts and sys.stdin.isatty():
        raise InputError("nothing to ask: give --text or --file, or pipe in a text a line")
    if version is not None and label is not None:
        raise InputError("received --version and --label; expected one of them")
    places = {"--server": server, "--models": models, "--candidate": candidate}
    named = [name for name, value in places.items() if value is not None]
    if len(named) > 1:
        raise InputError(f"received {' and '.join(named)}; expected one of them")
    asked = None if candidate is None else find_candidate(candidate, model, version, label)
    model = asked.name if asked is not None else model
    if model is None:
        raise InputError("no MODEL: give its name, or --candidate DIR")
    if models is not None:
        check_model(models, model)
    address = server or _DEFAULT_SERVER
    if not _ADDRESS.fullmatch(address):
        raise InputError(f"--server {server}: expected HOST:PORT, such as localhost:8500")
    question = Question(
        model=model,
        signature=signature,
        version=version,
        label=label,
        columns=options.pairs("--column", "INPUT=COLUMN", columns),
        kinds=options.kinds(kinds),
        roles=options.pairs("--role", "NAME=ROLE", roles),
        id=id_column,
        time=time_column,
        step=None if frequency is None else options.step(frequency),
        how={
            name: value
            for name, value in (
                ("encoding", encoding),
                ("delimiter", delimiter),
                ("quoting", quoting),
                ("quote_char", quote_char),
                ("time_format", time_format),
                ("timezone", timezone),
                ("missing", missing),
                ("decimal", decimal),
                ("thousands", thousands),
            )
            if value
        },
        max_bad_share=max_bad_share,
        options=options.pairs("--option", "NAME=VALUE", given),
        levels=options.numbers("--level", levels),
        quantiles=options.numbers("--quantiles", quantiles),
        top=top,
        batch_size=batch_size,
        in_flight=in_flight,
    )
    secured = tls or any((tls_ca, tls_cert, tls_key, tls_server_name))
    how = read_tls(tls_ca, tls_cert, tls_key, tls_server_name) if secured else None
    try:
        if output is not None:
            check_output(output)
        with contextlib.ExitStack() as stack:
            if models is not None:
                address = stack.enter_context(served(models))
            if asked is None:
                client = Client(address, tls=how, deadline=deadline)
            else:
                client, question = open_candidate(asked, question)
            stack.enter_context(client)
            if models is not None:
                client.wait_until_available(model, timeout=_LOADING)
            if file is not None:
                _ask_of_file(client, question, file, output)
            else:
                _ask_of_texts(client, question, texts, output)
        sys.stdout.flush()
    except ServingClientError as error:
        explain(error, question, address)
    except TimeoutError as error:  # The model that was to be served did not load.
        raise InputError(str(error)) from None
    except BrokenPipeError:
        # Who read the answers has seen enough; nothing more can be written, at exit neither.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _ask_of_file(client: Client, question: Question, file: str, output: str | None) -> None:
    from tidegate.components import files
    from tidegate.serving.client.tables.predicting import predict_file

    with progress() as advance:
        count, left_out = predict_file(client, question, file, output, files, advance)
    if left_out.count:
        click.echo(f"tidegate: left out: {left_out}", err=True)
    if output is not None:
        click.echo(f"{output}: {count:,} rows", err=True)


def _ask_of_texts(
    client: Client, question: Question, texts: tuple[str, ...], output: str | None
) -> None:
    from tidegate.serving.client.tables.predicting import write
    from tidegate.serving.client.tables.texts import blocks, plan_of_texts

    given, path = (texts, "--text") if texts else (lines(), "standard input")
    made = plan_of_texts(client, question, given, path)
    if output is not None:
        count = write(client, made, output)
        click.echo(f"{output}: {count:,} rows", err=True)
        return
    for number, block in enumerate(blocks(client, made, aligned=sys.stdout.isatty())):
        click.echo(("\n" if number else "") + block)

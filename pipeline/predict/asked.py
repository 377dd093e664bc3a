"""Who is asked: a server, a folder that is served for the call, or the model of a run."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tidegate.tables.errors import InputError, nearest

if TYPE_CHECKING:
    from tidegate.pipeline.run.candidate import Candidate
    from tidegate.serving.client import Client, ServingClientError, Tls
    from tidegate.serving.client.tables.question import Question


def find_candidate(
    output: str, model: str | None, version: int | None, label: str | None
) -> Candidate:
    """The model of the last run in an output folder; says which gate it did not pass.

    Raises:
      InputError: there is none, or something is given that names another.
    """
    from tidegate.pipeline.run.candidate import read_candidate

    if model is not None or version is not None or label is not None:
        raise InputError("--candidate names the model: expected no MODEL, --version or --label")
    found = read_candidate(output)
    if found.failed:
        click.echo(f"tidegate: {found.failed}", err=True)
    return found


def open_candidate(candidate: Candidate, question: Question) -> tuple[Client, Question]:
    """The candidate in this process; it has the name of its folder there."""
    from tidegate.pipeline.predict.in_process import open_model

    client, name = open_model(candidate.path)
    return client, dataclasses.replace(question, model=name)


def check_model(models: str, model: str) -> None:
    """Finds before a server starts that it would not have the model.

    Raises:
      InputError: it would not.
    """
    from tidegate.components import files
    from tidegate.pipeline.run.candidate import why_not_there

    if not files.is_local(models):
        try:
            files.list_files(f"{models.rstrip('/')}/{model}/*/saved_model.pb")
        except FileNotFoundError:
            why = why_not_there(models)
            raise InputError(
                f"--models {models}: no model {model!r} there{why and f': {why}'}"
            ) from None
        except (OSError, ValueError) as error:
            raise InputError(f"--models {models}: cannot be read: {files.reason(error)}") from None
        return
    folder = Path(models)
    if not (folder / model).is_dir():
        known = [path.name for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
        why = "" if known else why_not_there(models)
        raise InputError(
            f"--models {models}: no model {model!r} there"
            f"{f': {why}' if why else f'. {nearest(model, known)}'}"
        )


def read_tls(ca: Path | None, cert: Path | None, key: Path | None, server_name: str | None) -> Tls:
    from tidegate.serving.client import Tls

    if (cert is None) != (key is None):
        raise InputError("mutual TLS takes --tls-cert and --tls-key, both")
    try:
        return Tls.from_files(ca, cert, key, server_name)
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read: {error.strerror}") from None


def explain(error: ServingClientError, question: Question, server: str) -> None:
    """Says what is wrong and ends with exit code 2 where it is the user's to mend, else 1.

    Raises:
      InputError: it is.
    """
    from tidegate.serving.client import (
        FailedPreconditionError,
        InvalidArgumentError,
        NotFoundError,
        PermissionDeniedError,
        UnauthenticatedError,
        UnavailableError,
        UnimplementedError,
    )

    if isinstance(error, UnavailableError):
        raise InputError(
            f"no answer from a server at {server} ({error.message}); start one with `tidegate "
            "serve --models DIR`, or name another with --server HOST:PORT"
        ) from None
    if isinstance(error, UnimplementedError):
        raise InputError(
            f"what listens at {server} is no server of TF Serving's protocol ({error.message})"
        ) from None
    if isinstance(error, NotFoundError):
        which = f"version {question.version} of " if question.version is not None else ""
        raise InputError(
            f"the server at {server} does not have {which}model {question.model!r} "
            f"({error.message})"
        ) from None
    mendable = (
        InvalidArgumentError,
        FailedPreconditionError,
        PermissionDeniedError,
        UnauthenticatedError,
    )
    if isinstance(error, mendable):
        raise InputError(f"model {question.model!r}: {error.message}") from None
    click.echo(f"tidegate: {' '.join(str(error).split())}", err=True)
    sys.exit(1)

"""Beam's pipeline options: what a user gives, checked against Beam's own parser."""

import argparse
import functools
import json
import socket
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import click

from tidegate.tables.errors import InputError, nearest

beam_option = click.option(
    "--beam", "beam", multiple=True, metavar="OPTION=VALUE", help="An option of Beam's pipelines."
)

# With these, a component would be taken for done before, or without, its job.
_NOT_WAITED_FOR = {
    "dry_run",
    "no_wait_until_finish",
    "output_executable_path",
    "streaming",
    "template_location",
    "update",
}
# Seconds in which a job service answers that its port is open.
_CONNECT = 5.0
# What Beam's job services say of a worker that was connected, or of a pool, that is gone; Prism's
# words come last.
_LOST = ("Channel closed prematurely", "Socket closed", "SDK worker disconnected")


def parse_beam(assignments: Sequence[str]) -> dict[str, dict[str, Any]]:
    """``option=value`` to the section `beam`; what is given several times becomes a list.

    Raises:
      InputError: not of that form.
    """
    values: dict[str, list[str]] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        name = name.strip().removeprefix("--")
        if not equals or not name:
            raise InputError(f"--beam {assignment}: expected option=value")
        values.setdefault(name, []).append(value.strip())
    given = {name: every if len(every) > 1 else every[0] for name, every in values.items()}
    return {"beam": given} if given else {}


def gather(values: Mapping[str, Any], fields: Collection[str]) -> dict[str, Any]:
    """Puts Beam's options that are no setting of ours into `options`, and checks them.

    What stands below `options` already may have a name that Beam's Python SDK does not know: a job
    service has options of its own.

    Args:
      values: the section as the user gave it.
      fields: the names of the section's settings.

    Returns:
      The section with its settings and `options` alone.

    Raises:
      InputError: a name that Beam does not know, a value of the wrong type, or an option with
        which a component would not wait for its job.
    """
    section = {name: value for name, value in values.items() if name in fields}
    others = {name: value for name, value in values.items() if name not in fields}
    for name in others:
        if name not in _known():
            raise InputError(
                f"unknown Beam option '{name}'. {nearest(name, {*_known(), *fields})} "
                "An option of the job service alone goes below beam.options"
            )
    options = section.get("options", {})
    if isinstance(options, Mapping) and (options or others):
        options = {**options, **others}
        for name in options:
            if name in fields:
                raise InputError(f"beam.options: {name} is a setting, give beam.{name}")
        section["options"] = {name: _checked(name, value) for name, value in options.items()}
    if "runner" in section:
        section["runner"] = _runner(section["runner"])
    return section


def _checked(name: str, value: Any) -> Any:
    """The value as Beam's parser will take it.

    Raises:
      InputError: it will not.
    """
    if name in _NOT_WAITED_FOR:
        raise InputError(
            f"beam.{name}: not possible here: a component has to wait for the end of its job"
        )
    action = _known().get(name)
    if action is None or value is None:
        return value
    if isinstance(action, argparse._StoreTrueAction | argparse._StoreFalseAction):
        as_bool = {"true": True, "false": False}.get(str(value).lower())
        if as_bool is None:
            raise _wrong(action, name, value, "true or false")
        return as_bool
    if isinstance(value, list) and isinstance(action, argparse._StoreAction):
        raise _wrong(action, name, value, "a single value")
    for one in value if isinstance(value, list) else [value]:
        text = _text(one)
        if action.choices and text not in action.choices:
            raise _wrong(action, name, value, " | ".join(map(str, action.choices)))
        if action.type is not None:
            try:
                action.type(text)  # type: ignore[operator]  # Never the name of a type here.
            except (ValueError, argparse.ArgumentTypeError):
                kind = getattr(action.type, "__name__", "another type")
                raise _wrong(
                    action, name, value, {"loads": "JSON", "<lambda>": "JSON"}.get(kind, kind)
                ) from None
    return value


def _wrong(action: argparse.Action, name: str, value: Any, expected: str) -> InputError:
    text = " ".join((action.help or "").split()).partition(". ")[0].rstrip(".")
    return InputError(f"beam.{name}={value!r}: expected {expected}" + (f"; {text}" if text else ""))


def _runner(name: Any) -> Any:
    """The runner's name as Beam writes it; the import path of another class is left as it is."""
    if name == "DirectRunner" or "." in str(name):
        return name
    from apache_beam.options.pipeline_options import StandardOptions

    known = {one.lower(): one for one in StandardOptions.KNOWN_RUNNER_NAMES}
    lower = str(name).lower()
    found = known.get(lower) or known.get(f"{lower}runner")
    if found is None:
        raise InputError(f"unknown runner {name!r}. {nearest(str(name), known.values())}")
    return found


@functools.cache
def _known() -> dict[str, argparse.Action]:
    """The options of Beam's Python SDK by name, as its parser has them."""
    from apache_beam.options.pipeline_options import PipelineOptions, _BeamArgumentParser

    parser = _BeamArgumentParser(add_help=False)
    for cls in PipelineOptions.__subclasses__():
        cls._add_argparse_args(parser)
    return {
        name.removeprefix("--"): action
        for action in parser._actions
        for name in action.option_strings
    }


def arguments(options: Mapping[str, Any]) -> list[str]:
    """Options as Beam's command line has them."""
    words: list[str] = []
    for name, value in options.items():
        if value is True:
            words.append(f"--{name}")
        elif value is not False and value is not None:
            every = value if isinstance(value, list) else [value]
            words += [f"--{name}={_text(one)}" for one in every]
    return words


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict) else str(value)


def check_job_service(endpoint: str | None) -> None:
    """Finds before a run, not in its middle, that no job service is there.

    Args:
      endpoint: HOST:PORT; None and ``embed`` need none.

    Raises:
      InputError: nothing answers there.
    """
    if endpoint in (None, "embed"):
        return
    host, _, port = str(endpoint).rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _CONNECT):
            pass
    except (OSError, ValueError) as error:
        raise InputError(
            f"beam.job_endpoint={endpoint}: no job service answers there "
            f"({getattr(error, 'strerror', None) or error}); expected HOST:PORT of a Beam job "
            "service that is running"
        ) from None


def explain(error: BaseException) -> str | None:
    """One line for a failure of Beam's job service or of its workers, or None for another one.

    Args:
      error: what a component raised.
    """
    import grpc

    text = str(error)
    if isinstance(error, grpc.FutureTimeoutError):
        return "Beam's job service does not answer; start it, or mend beam.job_endpoint"
    if isinstance(error, grpc.RpcError):
        code = error.code().name if hasattr(error, "code") else type(error).__name__
        if code == "DEADLINE_EXCEEDED":
            return (
                "the Beam job did not end within beam.job_server_timeout seconds; a worker may "
                "have been lost, or the job needs a longer time"
            )
        details = error.details() if hasattr(error, "details") else None
        return f"Beam's job service broke off: {code}: {(details or text).splitlines()[0]}"
    if isinstance(error, RuntimeError) and text.startswith("Pipeline ") and " in state " in text:
        # The message is the trace of the worker's error; its own words are the last line.
        head, _, trace = text.partition(": ")
        lines = [line.strip() for line in trace.splitlines() if line.strip()]
        causes = [line for line in lines if line.startswith("details = ")] or lines[-1:] or [""]
        cause = causes[-1].removesuffix(".")
        hint = "; a worker may have been lost" if any(lost in cause for lost in _LOST) else ""
        return f"the Beam job ended: {head.rpartition(' in state ')[2]}: {cause}{hint}"
    return None

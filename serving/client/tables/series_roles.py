"""How a signature that takes whole series is asked, and what is read of a file for it."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.serving.client.signatures import Signature
from tidegate.serving.client.tables.cells import kind_of
from tidegate.serving.client.tables.question import Asked
from tidegate.serving.client.tables.requests import check_inputs
from tidegate.tables.cells import as_text
from tidegate.tables.errors import InputError
from tidegate.tables.files import Opener
from tidegate.tables.reads import SeriesReads
from tidegate.tables.roles import Input, Output
from tidegate.tables.series_files import check_step, first_time, is_integer
from tidegate.tables.stamps import Manner
from tidegate.tables.time_grid import Step


@dataclass(frozen=True)
class SeriesRoles:
    """How a signature is asked about series.

    Attributes:
      signature: what is called.
      inputs: by input, where it comes from.
      outputs: by output, what it is; of the others nothing is known.
      reads: what is read of a file for that: see `reads_for`.
      step: the model's; None where rows stand as they come.
      horizon: steps that are forecast; 0 where it is not known.
      integer: whether times are integers.
      manner: how the file writes its times.
      levels, quantiles: which quantiles are columns, as `QuantileColumns` takes them.
    """

    signature: Signature
    inputs: Mapping[str, Input]
    outputs: Mapping[str, Output]
    reads: SeriesReads
    step: Step | None
    horizon: int
    integer: bool
    manner: Manner
    levels: tuple[float, ...] = ()
    quantiles: tuple[float, ...] = ()


def reads_for(signature: Signature, inputs: Mapping[str, Input], base: SeriesReads) -> SeriesReads:
    """What is read of a file for the inputs of a signature.

    Args:
      signature: what is called.
      inputs: where its inputs come from.
      base: names the columns of series and times, and how files are read.

    Returns:
      `static` holds the columns of texts, those that hold for a whole series first.

    Raises:
      InputError: no input takes numbers of each step.
    """

    def columns(text: bool, *kinds: str) -> tuple[str, ...]:
        return tuple(
            dict.fromkeys(
                role.column
                for name, role in inputs.items()
                if role.kind in kinds and (kind_of(signature.inputs[name]) in "Ob") == text
            )
        )

    numbers = columns(False, "values")
    if not numbers:
        raise InputError(
            f"signature {signature.name!r} takes no numbers of each step; it is no signature for "
            "files of series"
        )
    return SeriesReads(
        time=base.time,
        target=numbers[0],
        id=base.id,
        id_optional=base.id_optional,
        static=(*columns(True, "static"), *columns(True, "values", "future")),
        static_numbers=columns(False, "static"),
        historic=numbers[1:],
        future=columns(False, "future"),
        duplicates=base.duplicates,
        order=base.order,
        fill=base.fill,
        how=base.how,
        max_bad_share=base.max_bad_share,
    )


def series_roles(
    known: Asked, series: SeriesReads, source: Any, opener: Opener
) -> tuple[Signature, SeriesRoles]:
    """The signature that a file of series is asked of, and how.

    Args:
      known: the question, and what the model says.
      series: how the file is read.
      source: a file's path or URI, or a pandas DataFrame.
      opener: reaches the file.

    Raises:
      InputError: no signature takes series, or several do; a role or a step that does not fit.
    """
    question = known.question
    signature = known.signature or _only_of_steps(known.signatures)
    check_inputs(signature, question.columns)
    told = known.inputs(signature)
    inputs: dict[str, Input] = {}
    for name, spec in signature.inputs.items():
        default = Input("values" if spec.rank == 2 else "static", name)
        role = told.get(name, default)
        column = question.columns.get(name, role.column)
        if role.kind == "name" and name in question.columns:
            series = dataclasses.replace(series, id=column, id_optional=False)
        elif role.kind == "start" and name in question.columns:
            series = dataclasses.replace(series, time=column)
        inputs[name] = dataclasses.replace(role, column=column)
    for name, role in inputs.items():
        if role.kind == "mask" and role.of not in inputs:
            raise InputError(
                f"--role {name}=mask: expected mask:INPUT with one of "
                f"{', '.join(one for one in inputs if inputs[one].kind != 'mask')}"
            )
    reads = reads_for(signature, inputs, series)
    step, first = known.roles.step, first_time(source, reads, opener)
    if step is not None:
        check_step(step, reads.how)
    integer = bool(step.index) if step is not None else is_integer(first, reads)
    manner = Manner(as_text(first), reads.how.time_format)
    return signature, SeriesRoles(
        signature,
        inputs,
        known.outputs(signature),
        reads,
        step,
        known.roles.horizon,
        integer,
        manner,
        question.levels,
        question.quantiles,
    )


def _only_of_steps(signatures: Mapping[str, Signature]) -> Signature:
    """The one signature that takes [series, steps]."""
    fitting = [
        signature
        for signature in signatures.values()
        if any(spec.rank == 2 for spec in signature.inputs.values())
    ]
    if len(fitting) == 1:
        return fitting[0]
    known = "; ".join(str(signature) for signature in fitting or signatures.values())
    what = "several signatures take" if fitting else "no signature takes"
    raise InputError(f"{what} series: name one with --signature ({known})")

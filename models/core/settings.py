"""Typed settings: each is stated once, with its type, default, bounds and description.

A task's settings are subclasses of `Settings`. A field may carry a `Range` or `Choice` in its
annotation; the Tuner searches over those:

    class ModelSettings(Settings):
        units: Annotated[int, Range(32, 256, step=32)] = Field(64, ge=1, description="...")
"""

import glob
import os
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import core_schema

from tidegate.tables.errors import InputError, nearest
from tidegate.tables.formats import FileFormat

S = TypeVar("S", bound="Settings")


@dataclass(frozen=True)
class Range:
    """An interval that the Tuner searches, both ends included.

    Attributes:
      low: smallest value.
      high: largest value.
      step: distance between two values; None for continuous.
      log: sample in log space (then `step` is not used).
    """

    low: float
    high: float
    step: float | None = None
    log: bool = False

    def __str__(self) -> str:
        how = " (log)" if self.log else f" step {self.step:g}" if self.step else ""
        return f"{self.low:g} to {self.high:g}{how}"


@dataclass(frozen=True)
class Choice:
    """Values that the Tuner chooses from."""

    values: tuple[str | int | float | bool, ...]

    def __str__(self) -> str:
        return " | ".join(str(value) for value in self.values)


@dataclass(frozen=True)
class Memory:
    """Marks a setting with which the memory of a run grows."""


class InputFile(str):
    """A file that a setting names: a path, made absolute, or a URI.

    It is checked before anything starts, and its content is in the cache key of the stages that
    the section reaches: ``vectors: InputFile | None = Field(None, description="...")``.
    """

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> Any:
        return core_schema.no_info_after_validator_function(
            cls._absolute, core_schema.str_schema(min_length=1, strip_whitespace=True)
        )

    @classmethod
    def _absolute(cls, given: str) -> "InputFile":
        return cls(given if "://" in given else os.path.abspath(os.path.expanduser(given)))


# Of a pushed model, beside its graph: what another training can start from.
NETWORK_FILE = "tidegate_network.npz"


class ModelFile(InputFile):
    """A pushed model that a setting names by the folder of its run, of its model or of a version.

    It is the file in which the newest version there has its network.
    """

    __slots__ = ()

    @classmethod
    def _absolute(cls, given: str) -> "ModelFile":
        path = super()._absolute(given)
        if path.endswith(NETWORK_FILE):
            return cls(path)
        inside = os.path.join("assets.extra", NETWORK_FILE)
        if "://" not in path:
            for below in ("", "*", os.path.join("*", "*"), os.path.join("serving", "*", "*")):
                found = glob.glob(os.path.join(glob.escape(path), below, inside))
                if found:
                    return cls(max(found, key=_version))
        return cls(os.path.join(path, inside))


def _version(path: str) -> tuple[int, str]:
    """What versions are ordered by: their number."""
    name = os.path.basename(os.path.dirname(os.path.dirname(path)))
    return (int(name) if name.isdigit() else -1, path)


class Settings(BaseModel):
    """Base of all settings: frozen, typed, no unknown keys; round-trips through JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    @classmethod
    def tunable(cls) -> dict[str, Range | Choice]:
        """The fields that the Tuner may vary, with what it may try."""
        found: dict[str, Range | Choice] = {}
        for name, field in cls.model_fields.items():
            for mark in field.metadata:
                if isinstance(mark, Range | Choice):
                    found[name] = mark
        return found

    def input_files(self) -> dict[str, tuple[InputFile, ...]]:
        """By setting, the files that it names, also as a list or by name."""
        found = {name: tuple(_files_in(getattr(self, name))) for name in type(self).model_fields}
        return {name: paths for name, paths in found.items() if paths}


def _files_in(value: Any) -> Iterator[InputFile]:
    if isinstance(value, InputFile):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _files_in(each)
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _files_in(each)


def memory_settings(sections: Mapping[str, type[Settings]]) -> list[str]:
    """The settings that are to be lowered where memory runs out, as `section.key`."""
    return [
        f"{section}.{name}"
        for section, cls in sections.items()
        for name, field in cls.model_fields.items()
        if any(isinstance(mark, Memory) for mark in field.metadata)
    ]


def listed(value: Any) -> Any:
    """A list from ``a,b``, as it is typed on a command line; any other value as it is."""
    if value is None:
        return []
    if isinstance(value, str):
        return [name.strip() for name in value.split(",") if name.strip()]
    return value


class FileSettings(Settings):
    """How files of rows are read: what the data settings of every task begin with."""

    encoding: str = Field("utf-8", description="encoding of the files; gb18030 for older Chinese")
    delimiter: str | None = Field(
        None, description="column delimiter; comma for .csv and tab for .tsv where not given"
    )
    quoting: Literal["checked", "trusted", "none"] = Field(
        "checked",
        description="of CSV and TSV: checked (a quoted cell that looks as if it had swallowed rows "
        "stops the run), trusted (quoted cells may hold any lines) or none (quotes are characters)",
    )
    quote_char: str = Field(
        '"', min_length=1, max_length=1, description="what quotes the cells of CSV and TSV"
    )
    header: list[str] = Field(
        default_factory=list,
        description="names of the columns of CSV and TSV whose first line is a row: a,b",
    )
    missing: list[str] = Field(
        default_factory=list,
        description="marks of a missing number beside empty, NA, NaN, null and none: -,?,-200",
    )

    decimal: str = Field(
        ".", min_length=1, max_length=1, description="decimal mark of numbers that are texts"
    )
    thousands: str | None = Field(
        None,
        min_length=1,
        max_length=1,
        description="mark between the thousands of such numbers: a comma, a point, ' or a space",
    )

    @model_validator(mode="after")
    def _two_marks(self) -> "FileSettings":
        FileFormat(decimal=self.decimal, thousands=self.thousands).check_marks()
        return self

    @field_validator("missing", "header", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return [str(mark) for mark in value] if isinstance(value, list) else listed(value)

    @property
    def how(self) -> FileFormat:
        """The same as the reader takes it."""
        return FileFormat(
            encoding=self.encoding,
            delimiter=self.delimiter,
            quoting=self.quoting,
            quote_char=self.quote_char,
            header=tuple(self.header),
            missing=tuple(self.missing),
            decimal=self.decimal,
            thousands=self.thousands,
        )


class RecordSettings(FileSettings):
    """How rows that stand for themselves are read and split."""

    split_column: str | None = Field(
        None, description="column that says train, valid, eval or test; without it, a hash decides"
    )
    valid_share: float = Field(
        0.05, ge=0, lt=0.5, description="share of train kept for early stopping and tuning"
    )
    eval_share: float = Field(
        0.05, ge=0, lt=0.5, description="share of train held out; the gates are judged on it"
    )
    split_seed: int = Field(0, description="changes which rows the hash puts where")
    max_bad_share: float = Field(
        0.05, ge=0, lt=1, description="share of rows that may be unusable before the run stops"
    )

    @property
    def has_test(self) -> bool:
        """Whether the training data may hold a test split."""
        return self.split_column is not None

    def columns(self, test: bool = False) -> tuple[str, ...]:
        """The columns that a data file must have; a file of test data needs no split column.

        They are those that the task's own settings called `..._column` name.
        """
        own = [key for key in type(self).model_fields if key.endswith("_column")]
        own.remove("split_column")
        split = () if test or self.split_column is None else (self.split_column,)
        return (*(getattr(self, key) for key in own), *split)


_UNIONS = (Union, types.UnionType)
_NAMES: Mapping[Any, str] = {type(None): "none", InputFile: "file", ModelFile: "folder"}


def type_name(field: FieldInfo) -> str:
    """A field's type as a person reads it: ``int``, ``words | chars | wordpiece``."""
    annotation = field.annotation
    if str(get_origin(annotation)) == "typing.Literal":
        return " | ".join(str(value) for value in get_args(annotation))
    parts = get_args(annotation) if get_origin(annotation) in _UNIONS else (annotation,)
    # `list[str]` is a list; whether it is a type itself depends on the Python.
    plain = [get_origin(part) or part for part in parts]
    return " | ".join(_NAMES.get(part, getattr(part, "__name__", str(part))) for part in plain)


def read_section(section: str, cls: type[S], values: Mapping[str, Any]) -> S:
    """Makes a section's settings from what the user gave.

    Args:
      section: the section's name, as in ``--set section.key=value``.
      cls: the section's type.
      values: the keys the user gave; strings are converted to the field's type.

    Raises:
      InputError: an unknown key, or a value of the wrong type or out of bounds.
    """
    for key in values:
        if key not in cls.model_fields:
            raise InputError(f"unknown setting '{section}.{key}'. {nearest(key, cls.model_fields)}")
    try:
        return cls.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0]) if first["loc"] else ""
        if not key:  # A rule between several fields says itself what is wrong.
            raise InputError(f"{section}: {first['msg'].removeprefix('Value error, ')}") from None
        field = cls.model_fields[key]
        raise InputError(
            f"{section}.{key}={values.get(key)!r}: expected {type_name(field)}"
            f" ({first['msg'].removeprefix('Value error, ')}); {field.description}"
        ) from None


def describe(cls: type[Settings]) -> Iterator[tuple[str, str, str, str, str]]:
    """Rows for a person: key, type, default, tuning range (or ''), description."""
    ranges = cls.tunable()
    for name, field in cls.model_fields.items():
        given = field.get_default(call_default_factory=True)
        default = "none" if given is None else str(given)
        tuned = str(ranges[name]) if name in ranges else ""
        yield name, type_name(field), default, tuned, field.description or ""

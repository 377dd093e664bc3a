"""What a data set states about itself, and what preparing one gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tidegate.tables.errors import InputError


class DatasetError(InputError):
    """A data set cannot be had."""


@dataclass(frozen=True)
class Archive:
    """A file that a data set is downloaded as.

    Attributes:
        url: where it is fetched from.
        file_name: its name in the data set's folder while it is being prepared.
        checksum: `'<algorithm>:<hex digest>'` of the whole file.
    """

    url: str
    file_name: str
    checksum: str


@dataclass(frozen=True)
class Dataset:
    """One data set. A module under `data/sets/` holding `DATASET = Dataset(...)` registers it.

    Attributes:
        name: what the user types.
        task: the task that it is made for: the name of a folder under `models/`.
        title: one line that says what it is.
        source: where it comes from (address or package) and who made it.
        licence: its licence, or that none is stated.
        files: split name (`'train'`, `'valid'`, `'test'`) to the name of the file that is written
            for it.
        rows: split name to its number of records: CSV rows without the header, lines of a text.
        write: writes `files` into the folder given as its first argument. The second argument
            is the archive or the user's own copy; None for a set without `archive`. Returns the
            records written per split. Raises `DatasetError` if the source is not usable. It
            writes into a temporary folder: the files get their place only once it returned.
        archive: what is downloaded. A set with an archive also takes a local copy (`--from`).
        copy: what the user's own copy is, for a set that is had in no other way; without it and
            without `archive` a set is on the machine already.
        checksums: file name to `'<algorithm>:<hex digest>'` of files as written; may be empty,
            where `archive` vouches for the content, or `write` does.
        edition: the edition of the source for which `rows` and `checksums` are exact; empty if
            there is only one.
        edition_at_hand: returns the edition on this machine. Where it is another than `edition`,
            rows need only be near the recorded ones, checksums are not compared, and
            `PreparedData.note` says so.
        settings: settings that suit the data, as in `--set key=value`: columns, the tokenizer.
    """

    name: str
    task: str
    title: str
    source: str
    licence: str
    files: Mapping[str, str]
    rows: Mapping[str, int]
    write: Callable[[Path, Path | None], Mapping[str, int]]
    archive: Archive | None = None
    copy: str = ""
    checksums: Mapping[str, str] = field(default_factory=dict)
    edition: str = ""
    edition_at_hand: Callable[[], str] | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def command(self) -> str:
        """What has to be called to have it; empty for a set that is on the machine already."""
        if self.copy:
            return f"tidegate data get {self.name} --from {self.copy}"
        return f"tidegate data get {self.name}" if self.archive else ""

    def current_edition(self) -> str:
        """The edition on this machine."""
        return self.edition_at_hand() if self.edition_at_hand else self.edition


@dataclass(frozen=True)
class PreparedData:
    """The files of a prepared data set.

    Attributes:
        train: the file to train on; its folder where that has a file for validation as well.
        test: the fixed test file; None where the pipeline splits `train` itself, and where the
            folder holds it.
        rows: split name to its number of records.
        settings: the data set's settings.
        edition: that of the source it was made from; empty if there is only one.
        reused: True if the files were there already and nothing was written.
        note: what the user should know about this copy, in one line; mostly empty.
    """

    train: Path
    test: Path | None
    rows: Mapping[str, int]
    settings: Mapping[str, str]
    edition: str = ""
    reused: bool = False
    note: str = ""

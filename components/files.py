"""Files by path or URI: what is local through the standard library, the rest through Beam."""

import hashlib
import importlib.util
import io
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, BinaryIO, TypeVar, cast

T = TypeVar("T")
# By scheme, the extra of apache-beam that it needs, and a module that comes with it.
_EXTRAS = {
    "gs": ("gcp", "google.cloud.storage"),
    "s3": ("aws", "boto3"),
    "azfs": ("azure", "azure.storage.blob"),
}
# Bytes asked of a store at once.
_BUFFER = 1 << 20


def is_local(path: str) -> bool:
    """Whether a path names a file of this machine."""
    return "://" not in path


def absolute(path: str) -> str:
    """The path from the root; a URI stays as it is."""
    return os.path.abspath(path) if is_local(path) else path


def set_beam_options(arguments: Sequence[str]) -> None:
    """Tells Beam's file systems the pipeline's options, such as ``--hdfs_host``.

    Beam itself does so when a pipeline is made; files are read before that.
    """
    from apache_beam.io.filesystems import FileSystems
    from apache_beam.options.pipeline_options import PipelineOptions

    FileSystems.set_options(PipelineOptions(list(arguments)))


def _beam() -> Any:
    """Beam's `FileSystems`; several of them refuse to work before they know some options."""
    from apache_beam.io.filesystems import FileSystems
    from apache_beam.options.value_provider import RuntimeValueProvider

    # A worker of a Beam runner has them from the runner.
    if FileSystems._pipeline_options is None and RuntimeValueProvider.runtime_options is None:
        set_beam_options([])
    return FileSystems


def check_scheme(uri: str) -> None:
    """Finds out whether Beam has a file system for a URI.

    Raises:
      ValueError: it has none, or lacks a package for it.
    """
    scheme = uri.partition("://")[0]
    extra, module = _EXTRAS.get(scheme, ("", ""))
    if extra and not _installed(module):
        raise ValueError(f"{scheme}:// needs apache-beam[{extra}]")
    try:
        _beam().get_filesystem(uri)
    except ValueError as error:
        if not str(error).startswith("Unable to get filesystem"):
            raise
        known = ", ".join(f"{one}://" for one in (*_EXTRAS, "hdfs"))
        raise ValueError(
            f"Beam has no file system for {scheme}:// here; expected a local path, or {known}"
        ) from None


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # The package that it is in is not there.
        return False


def reason(error: BaseException) -> str:
    """Why a file could not be reached, in one line: Beam wraps the cause once or twice."""
    while details := getattr(error, "exception_details", None):
        cause = next(iter(details.values()))
        if not isinstance(cause, BaseException):
            break
        error = cause
    text = " ".join(str(getattr(error, "message", "") or error).split())
    return text or type(error).__name__


def open_bytes(path: str) -> BinaryIO:
    """Opens a file or URI for reading, as stored (gzip is not undone).

    Raises:
      OSError: it cannot be opened.
    """
    if is_local(path):
        return open(path, "rb")
    return cast(BinaryIO, io.BufferedReader(_RemoteFile(path), _BUFFER))


class _RemoteFile(io.RawIOBase):
    """A file of Beam's. Each store's client has errors of its own; here they are OSError."""

    def __init__(self, path: str) -> None:
        from apache_beam.io.filesystem import CompressionTypes

        kept = CompressionTypes.UNCOMPRESSED
        self._file: Any = self._try(lambda: _beam().open(path, compression_type=kept))

    @staticmethod
    def _try(call: Callable[[], T]) -> T:
        try:
            return call()
        except OSError:
            raise
        except Exception as error:
            raise OSError(f"{type(error).__name__}: {reason(error)}") from error

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._try(lambda: self._file.read(len(buffer)))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._try(lambda: self._file.seek(offset, whence))
        return self.tell()

    def tell(self) -> int:
        return int(self._try(lambda: self._file.tell()))

    def close(self) -> None:
        if not self.closed and hasattr(self, "_file"):
            self._file.close()
        super().close()


def write_whole(path: str, content: bytes) -> None:
    """Writes a file beside its place, then renames it: a reader never sees half of it.

    Args:
      path: a path, or a URI.
      content: of the file.

    Raises:
      OSError, tf.errors.OpError: it cannot be written; the latter for a URI.
    """
    beside = f"{path}.part"
    if is_local(path):
        with open(beside, "wb") as file:
            file.write(content)
        os.replace(beside, path)
        return
    from tfx.dsl.io import fileio

    with fileio.open(beside, "wb") as file:
        file.write(content)
    fileio.rename(beside, path, overwrite=True)


def list_files(path: str) -> list[str]:
    """The file itself, or the files of a folder that are not hidden; sorted.

    Raises:
      FileNotFoundError: there is no such file or folder.
      OSError: it cannot be listed.
      ValueError: Beam has no file system for the URI.
    """
    if is_local(path):
        if os.path.isfile(path):
            return [path]
        if not os.path.isdir(path):
            raise FileNotFoundError(path)
        names = sorted(name for name in os.listdir(path) if name[0] not in "._")
        files = [os.path.join(path, name) for name in names]
        return [file for file in files if os.path.isfile(file)]
    check_scheme(path)
    refused: OSError | None = None
    try:
        found = _match(path.rstrip("/") + "/*")
    except OSError as error:  # A file that cannot be listed, or a folder that may not.
        found, refused = [], error
    found = found or _match(path)
    if not found:
        raise refused or FileNotFoundError(path)
    return [file for file in found if file.rpartition("/")[2][:1] not in ("", ".", "_")]


def _match(pattern: str) -> list[str]:
    (match,) = _beam().match([pattern])
    return sorted(item.path for item in match.metadata_list)


def size(path: str) -> int:
    """The file's size in bytes.

    Raises:
      OSError: there is no such file.
    """
    if is_local(path):
        return os.path.getsize(path)
    (match,) = _beam().match([path])
    if not match.metadata_list:
        raise FileNotFoundError(path)
    return int(match.metadata_list[0].size_in_bytes)


def content_fingerprint(paths: Iterable[str]) -> str:
    """Hashes files' names and contents; equal data gives an equal fingerprint.

    Returns:
      16 hexadecimal digits.

    Raises:
      OSError: a file cannot be read.
    """
    digest = hashlib.blake2b(digest_size=8)
    for path in paths:
        digest.update(path.rpartition("/")[2].encode() + b"\0")
        with open_bytes(path) as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()

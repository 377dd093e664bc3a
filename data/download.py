"""Downloading one file: checked, with progress, and continued after an interruption."""

from __future__ import annotations

import http.client
import re
import time
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path
from typing import BinaryIO

from tidegate.data import checksum
from tidegate.data.dataset import DatasetError
from tidegate.data.progress import Advance, progress

_BLOCK = 1 << 16
_NOT_SATISFIABLE = 416
_WORTH_ANOTHER_TRY = {408, 429, 500, 502, 503, 504}


class _Interrupted(Exception):
    """The server or the network failed in a way that another try may mend."""


class _Outdated(Exception):
    """The partial file is not a beginning of what the server has now."""


def download(
    url: str,
    target: Path,
    expected: str,
    *,
    label: str = "",
    attempts: int = 4,
    pause: float = 1.0,
    timeout: float = 30.0,
) -> None:
    """Downloads `url` to `target`, which appears only when complete and checked.

    What has come so far is kept in `<target>.part`; a later call asks the server for the rest
    alone, and takes the whole file from a server that cannot do so. A target that is there and
    has the checksum is left as it is.

    Args:
        url: address to fetch, `http(s)` or another scheme that urllib knows; proxies are taken
            from the environment.
        target: the file to write; its folder must exist.
        expected: `'<algorithm>:<hex digest>'` of the whole file.
        label: what progress and errors call it; the target's name if empty.
        attempts: tries in a row that may bring nothing new before it gives up.
        pause: seconds before the second such try, doubled for each further one.
        timeout: seconds without an answer after which a try has failed.

    Raises:
        DatasetError: if the server refuses or cannot be reached (the part stays), or the
            complete file has another checksum (it is removed).
        OSError: if the file cannot be written.
    """
    if target.exists() and checksum.matches(target, expected):
        return
    part = target.with_name(target.name + ".part")
    resumed = part.exists() and part.stat().st_size > 0
    with progress(label or target.name) as advance:
        received = _fetch(url, part, expected, advance, attempts, pause, timeout)
        if received != expected.lower() and resumed:
            # The file on the server may have changed since the part was begun.
            part.unlink()
            received = _fetch(url, part, expected, advance, attempts, pause, timeout)
    if received != expected.lower():
        part.unlink()
        raise DatasetError(
            f"{label or target.name}: the file from {url} has the checksum {received};"
            f" expected {expected}; it was removed: try again, or pass a good copy with --from"
        )
    part.replace(target)


def _fetch(
    url: str,
    part: Path,
    expected: str,
    advance: Advance,
    attempts: int,
    pause: float,
    timeout: float,
) -> str:
    """Completes the part, over as many connections as it takes; returns its checksum."""
    failures = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            return _continue(url, part, expected, advance, timeout)
        except _Outdated:
            part.unlink()
            continue
        except _Interrupted as error:
            kept = part.stat().st_size if part.exists() else 0
            failures = 0 if kept > before else failures + 1
            if failures >= attempts:
                raise DatasetError(
                    f"download of {url} failed after {attempts} tries: {error};"
                    f" {kept / 1e6:.1f} MB are kept: the same command goes on from there,"
                    " or pass a local copy with --from"
                ) from error
        time.sleep(pause * 2 ** max(0, failures - 1))


def _continue(url: str, part: Path, expected: str, advance: Advance, timeout: float) -> str:
    """Asks for what the part lacks and appends it; returns the checksum of the whole."""
    with part.open("ab+") as file:
        have = file.tell()
        # Uncompressed: the checksum is of the file, and a range must count the file's bytes.
        headers = {"Accept-Encoding": "identity", "User-Agent": "tidegate"}
        if have:
            headers["Range"] = f"bytes={have}-"
        try:
            response = urllib.request.urlopen(
                urllib.request.Request(url, headers=headers), timeout=timeout
            )
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == _NOT_SATISFIABLE and have:
                return _all_there_or_outdated(file, have, error.headers, expected)
            if error.code in _WORTH_ANOTHER_TRY:
                raise _Interrupted(f"the server answers {error.code} {error.reason}") from error
            raise DatasetError(
                f"download of {url} failed: the server answers {error.code} {error.reason};"
                " pass a local copy with --from"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise _Interrupted(str(getattr(error, "reason", "") or error)) from error
        with response:
            if have and not _continues_at(response.headers, have):
                file.truncate(0)  # no ranges: this is the whole file
                have = 0
            return _append(response, file, have, expected, advance)


def _append(
    response: http.client.HTTPResponse, file: BinaryIO, have: int, expected: str, advance: Advance
) -> str:
    digest = checksum.start(expected)
    file.seek(0)
    while block := file.read(_BLOCK):
        digest.update(block)
    length = response.headers.get("Content-Length")
    total = have + int(length) if length else None
    advance(have, total)
    while True:
        try:
            block = response.read(_BLOCK)
        except (OSError, http.client.HTTPException) as error:
            raise _Interrupted(str(error) or type(error).__name__) from error
        if not block:
            break
        file.write(block)
        digest.update(block)
        have += len(block)
        advance(have, total)
    if total is not None and have < total:  # http.client lets a short body end in silence
        raise _Interrupted(f"the connection closed after {have:,} of {total:,} bytes")
    return f"{digest.name}:{digest.hexdigest()}"


def _continues_at(headers: Message, position: int) -> bool:
    """Whether the answer holds the bytes from `position` on; many servers send the whole file."""
    match = re.match(r"bytes (\d+)-", headers.get("Content-Range", ""))
    return match is not None and int(match[1]) == position


def _all_there_or_outdated(file: BinaryIO, have: int, headers: Message, expected: str) -> str:
    """Nothing is left to send: the part is complete, or longer than the server's file."""
    if headers.get("Content-Range") != f"bytes */{have}":
        raise _Outdated
    digest = checksum.start(expected)
    file.seek(0)
    while block := file.read(_BLOCK):
        digest.update(block)
    return f"{digest.name}:{digest.hexdigest()}"

"""The download against a real server that hangs up, refuses, or knows no ranges."""

from __future__ import annotations

import hashlib
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tidegate.data.dataset import DatasetError
from tidegate.data.download import download

CONTENT = random.Random(7).randbytes(300_000)
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "file.bin"


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "file.bin.part"


@pytest.fixture(autouse=True)
def _content(server):
    server.content = CONTENT


def fetch(server, target: Path, expected: str = SHA256, attempts: int = 3) -> None:
    download(server.url, target, expected, attempts=attempts, pause=0.01, timeout=10)


def test_whole_file_with_readable_progress(server, target, part, capsys):
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert not part.exists()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "file.bin: 0.0 of 0.3 MB (0 %)"
    assert lines[-1] == "file.bin: 0.3 of 0.3 MB (100 %)"
    assert len(lines) <= 11


def test_checksum_names_its_algorithm(server, target):
    fetch(server, target, expected=f"md5:{hashlib.md5(CONTENT).hexdigest()}")
    assert target.read_bytes() == CONTENT


def test_part_is_continued_from_where_it_ends(server, target, part):
    part.write_bytes(CONTENT[:123_456])
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert server.asked == ["bytes=123456-"]


def test_server_without_ranges_sends_the_whole_file(server, target, part):
    server.ranges = False
    part.write_bytes(CONTENT[:123_456])
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert server.asked == ["bytes=123456-"]


def test_lost_connections_are_taken_up_again(server, target):
    server.cuts = [100_000, 80_000]
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-", "bytes=180000-"]


def test_gives_up_keeps_the_part_and_continues_later(server, target, part):
    server.cuts = [100_000, 0, 0]
    with pytest.raises(DatasetError, match=r"failed after 2 tries.*0\.1 MB are kept.*--from"):
        fetch(server, target, attempts=2)
    assert part.read_bytes() == CONTENT[:100_000]
    assert not target.exists()
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert server.asked[-1] == "bytes=100000-"


def test_killed_process_leaves_a_part_that_the_next_one_continues(server, target, part):
    server.cuts, server.stall = [200_000], threading.Event()
    code = "import sys; from pathlib import Path; from tidegate.data.download import download\n"
    code += "download(sys.argv[1], Path(sys.argv[2]), sys.argv[3])"
    process = subprocess.Popen([sys.executable, "-c", code, server.url, str(target), SHA256])
    deadline = time.monotonic() + 20
    while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    have = part.stat().st_size
    assert 0 < have <= 200_000
    assert not target.exists()
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={have}-"]


def test_wrong_checksum_removes_the_file(server, target, part):
    server.content = CONTENT[:-1] + b"?"
    with pytest.raises(DatasetError, match=f"has the checksum sha256:.*expected {SHA256}"):
        fetch(server, target)
    assert not target.exists()
    assert not part.exists()


def test_part_of_an_older_file_is_fetched_anew(server, target, part):
    part.write_bytes(b"x" * 1000)
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert server.asked == ["bytes=1000-", None]


def test_complete_part_needs_no_more_bytes(server, target, part):
    part.write_bytes(CONTENT)
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert server.asked == ["bytes=300000-"]


def test_part_longer_than_the_file_is_fetched_anew(server, target, part):
    part.write_bytes(CONTENT + b"more")
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert server.asked == ["bytes=300004-", None]


def test_refusal_is_final(server, target):
    server.statuses = [404]
    with pytest.raises(DatasetError, match=r"404 .*--from"):
        fetch(server, target)
    assert len(server.asked) == 1


def test_overloaded_server_is_asked_again(server, target):
    server.statuses = [503, 503]
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert len(server.asked) == 3


def test_file_that_is_there_is_not_fetched(server, target):
    target.write_bytes(CONTENT)
    fetch(server, target)
    assert server.asked == []


def test_file_with_another_checksum_is_replaced(server, target):
    target.write_bytes(b"something else")
    fetch(server, target)
    assert target.read_bytes() == CONTENT


def test_nobody_answers(target):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # taken, but nobody listens
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/file.bin"
        with pytest.raises(DatasetError, match=r"failed after 2 tries: .*refused"):
            download(url, target, SHA256, attempts=2, pause=0.01)
    assert not target.exists()

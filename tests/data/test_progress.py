"""Progress lines where there is no terminal, a bar where there is one."""

from __future__ import annotations

import io

from tidegate.data.progress import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_line_at_each_tenth():
    out = io.StringIO()
    with progress("imdb", out) as advance:
        for done in range(0, 84_000_001, 50_000):
            advance(done, 84_000_000)
    lines = out.getvalue().splitlines()
    assert len(lines) == 11
    assert lines[5] == "imdb: 42.0 of 84.0 MB (50 %)"


def test_a_line_every_ten_megabytes_of_an_unknown_total():
    out = io.StringIO()
    with progress("imdb", out) as advance:
        for done in range(0, 25_000_001, 100_000):
            advance(done, None)
    assert out.getvalue().splitlines() == ["imdb: 0.0 MB", "imdb: 10.0 MB", "imdb: 20.0 MB"]


def test_a_bar_on_a_terminal():
    out = Terminal()
    with progress("imdb", out) as advance:
        advance(42_000_000, 84_000_000)
    assert "imdb" in out.getvalue()
    assert "42.0/84.0 MB" in out.getvalue()

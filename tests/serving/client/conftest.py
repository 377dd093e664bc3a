"""A scripted server and a client of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.serving.client.scripted import Script, serve
from tidegate.serving.client import Client, Retries


@pytest.fixture
def script() -> Script:
    """What the server of this test does."""
    return Script()


@pytest.fixture
def address(script: Script) -> Iterator[str]:
    """Where the scripted server listens."""
    with serve(script) as found:
        yield found


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    """A client of the scripted server, with short pauses."""
    with Client(address, deadline=20, retries=Retries(first=0.01)) as client:
        yield client

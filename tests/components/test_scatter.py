"""Records go to a file of their key, with few files open at a time."""

from __future__ import annotations

import os
import resource
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import tensorflow as tf

from tidegate.components.example_gen import scatter


@pytest.fixture
def hundred_more_files() -> Iterator[None]:
    """Lets this process open a hundred files beside those that it has open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 100, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    ("keys", "own", "groups"),
    [(3, 64, 32), (1_000, 64, 32), (80, 4, 3)],
    ids=["few keys", "more keys than files", "groups within groups"],
)
def test_each_record_is_in_a_file_of_its_key(
    keys: int,
    own: int,
    groups: int,
    tmp_path: Path,
    hundred_more_files: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scatter, "_OWN", own)
    monkeypatch.setattr(scatter, "_GROUPS", groups)
    rows = [
        (("train" if number % 3 else "茶", number), f"{number}\n{turn}".encode())
        for turn in range(2)
        for number in range(keys)
    ]
    scattered = scatter.Scatter(str(tmp_path))
    scattered.start_bundle()
    for row in rows:
        scattered.process(row)
    found = {path: key for key, path in (done.value for done in scattered.finish_bundle())}
    assert len(found) == len(set(found.values())) == keys
    assert set(found) == {str(path) for path in tmp_path.iterdir()}
    records = tf.data.Dataset.from_tensor_slices(list(found)).flat_map(
        lambda path: tf.data.TFRecordDataset(path).map(lambda record: (path, record))
    )
    read = Counter((found[path.decode()], record) for path, record in records.as_numpy_iterator())
    assert read == Counter(rows)

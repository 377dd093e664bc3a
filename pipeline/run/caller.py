"""What a run changes in its process and gives back: whoever calls it from Python goes on there."""

import gc
import logging
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tidegate.models.core.progress import Reporter, reporter, set_reporter

# Made between two looks for garbage; Python's own 700 is for small programs.
_OBJECTS = 100_000


@contextmanager
def progress_to(listener: Reporter) -> Iterator[None]:
    """Has all progress go to `listener` for a while."""
    before = reporter()
    set_reporter(listener)
    try:
        yield
    finally:
        set_reporter(before)


@contextmanager
def own_random_numbers() -> Iterator[None]:
    """Gives the caller's generators back as they were: training seeds them."""
    state = random.getstate()
    numpy = sys.modules.get("numpy")
    numbers = numpy.random.get_state() if numpy else None
    try:
        yield
    finally:
        random.setstate(state)
        if numpy:
            numpy.random.set_state(numbers)


@contextmanager
def rare_collections() -> Iterator[None]:
    """Looking for garbage among millions of objects that stay takes a tenth of a small run."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_OBJECTS, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@contextmanager
def full_logs() -> Iterator[None]:
    """Has TFX, Beam and TensorFlow log what they do."""
    import absl.logging

    root = logging.getLogger()
    before = root.level, absl.logging.get_verbosity()
    absl.logging.set_verbosity(absl.logging.INFO)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        absl.logging.set_verbosity(before[1])
        root.setLevel(before[0])


@contextmanager
def no_notebook() -> Iterator[None]:
    """Keeps Beam from looking for pipelines in a notebook's cells, and from loading scripts there.

    It would rename transforms by the cell's number and fetch jQuery from the network.
    """
    from apache_beam.utils import interactive_utils

    before = interactive_utils.is_in_ipython
    interactive_utils.is_in_ipython = lambda: False
    try:
        yield
    finally:
        interactive_utils.is_in_ipython = before

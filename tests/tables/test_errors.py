"""The sentence that ends an error about an unknown name."""

import pytest

from tidegate.tables.errors import InputError, nearest


@pytest.mark.parametrize(
    "received,expected",
    [
        ("unit", "Did you mean 'units'?"),
        ("UNITS", "Did you mean 'units'?"),
        ("layrs", "Did you mean 'layers'?"),
        ("zzz", "Known: Dropout, layers, units."),
        ("", "Known: Dropout, layers, units."),
    ],
)
def test_names_the_nearest_or_all(received: str, expected: str) -> None:
    assert nearest(received, ["units", "layers", "Dropout"]) == expected


def test_nearest_is_written_as_it_is_known() -> None:
    assert nearest("dropuot", ["Dropout"]) == "Did you mean 'Dropout'?"


def test_nothing_known() -> None:
    assert nearest("units", []) == "Known: none."


def test_known_names_may_come_from_a_generator() -> None:
    assert nearest("b", (name for name in ("x", "y"))) == "Known: x, y."


def test_a_whole_article_is_no_name() -> None:
    article = "Once upon a time " * 500
    assert (
        nearest("x", [article] * 40)
        == f"Known: {', '.join([article[:39] + '…'] * 30)} and 10 more."
    )


def test_an_input_error_is_a_value_error() -> None:
    with pytest.raises(ValueError, match=r"^one line$"):
        raise InputError("one line")

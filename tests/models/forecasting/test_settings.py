"""What settings refuse, and what the raw features and signatures follow from them."""

from __future__ import annotations

import pytest

from tidegate.models.core.settings import read_section
from tidegate.models.forecasting.settings import DataSettings, FeatureSettings
from tidegate.models.forecasting.task import raw_features, signatures
from tidegate.tables.errors import InputError


def test_fewer_steps_than_the_context_are_asked_for() -> None:
    assert FeatureSettings(context=72).fewest == 18
    assert FeatureSettings(context=3).fewest == 1
    assert FeatureSettings(context=72, min_context=72).fewest == 72
    with pytest.raises(InputError, match="min_context=9 is more than context=8"):
        read_section("features", FeatureSettings, {"min_context": "9", "context": "8"})


def test_covariates_become_features_and_inputs_of_the_signature() -> None:
    data = DataSettings(static=["shop"], static_numbers=["size"], historic=["a"], future=["b"])
    raw = raw_features(data)
    roles = {one.name: one.role for one in raw if one.role}
    assert roles == {"a": "historic", "b": "future", "shop": "static", "size": "static_number"}
    assert [one.name for one in raw if one.slice] == ["shop"]
    assert [one.name for one in raw if one.sequence] == ["y", "a", "b"]
    (signature,) = signatures(raw).values()
    ranks = {name: (info.dtype, len(info.shape)) for name, info in signature.inputs.items()}
    assert ranks == {
        "unique_id": ("string", 1),
        "start": ("int64", 1),
        "y": ("float32", 2),
        "mask": ("bool", 2),
        "a": ("float32", 2),
        "b": ("float32", 2),
        "shop": ("string", 1),
        "size": ("float32", 1),
    }

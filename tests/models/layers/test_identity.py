"""The embedding of names: unknown ones have a vector that training has seen."""

from __future__ import annotations

import numpy as np

from tidegate.models.layers.identity import IdEmbedding


def test_training_makes_a_share_unknown_and_serving_none() -> None:
    layer = IdEmbedding(4, 2, unknown_rate=0.3)
    ids = np.full((4000,), 3)
    layer.build(ids.shape)
    table = np.arange(8, dtype=np.float32).reshape(4, 2)
    layer.table.set_weights([table])
    np.testing.assert_array_equal(layer(ids), np.tile(table[3], (4000, 1)))
    trained = np.asarray(layer(ids, training=True))
    unknown = (trained == table[0]).all(axis=1)
    assert 0.25 < unknown.mean() < 0.35
    np.testing.assert_array_equal(trained[~unknown], np.tile(table[3], ((~unknown).sum(), 1)))


def test_its_config_makes_it_again() -> None:
    layer = IdEmbedding(4, 2, unknown_rate=0.3)
    again = IdEmbedding.from_config(layer.get_config())
    assert (again.size, again.width, again.unknown_rate) == (4, 2, 0.3)

from __future__ import annotations

import numpy as np

from vfx_swap.models.front.walker import walk


def test_it_spreads_to_the_edge_and_no_farther() -> None:
    picture = np.zeros((30, 40, 1), np.float32)
    picture[:, 25:] = 6.0
    wanted, weight = np.zeros((30, 40), np.float32), np.zeros((30, 40), np.float32)
    wanted[15, 5], weight[15, 5] = 1.0, 5.0
    weight[15, 38] = 5.0
    found = walk(wanted, weight, [picture], np.ones((30, 40), bool))
    assert found[:, :25].min() > 0.7
    assert found[:, 25:].max() < 0.3


def test_an_edge_that_one_guide_explains_is_none() -> None:
    picture = np.zeros((10, 20, 1), np.float32)
    picture[:, 10:] = 6.0
    wanted, weight = np.zeros((10, 20), np.float32), np.zeros((10, 20), np.float32)
    wanted[5, 1], weight[5, 1] = 1.0, 5.0
    weight[0, 19] = 0.01
    found = walk(wanted, weight, [picture, np.zeros_like(picture)], np.ones((10, 20), bool))
    assert found.min() > 0.9


def test_outside_is_nothing() -> None:
    inside = np.zeros((8, 8), bool)
    inside[2:5, 2:5] = True
    ones = np.ones((8, 8), np.float32)
    found = walk(ones, ones, [np.zeros((8, 8, 1), np.float32)], inside)
    assert found[inside].min() > 0.99
    assert not found[~inside].any()
    assert not walk(ones, ones, [np.zeros((8, 8, 1), np.float32)], np.zeros((8, 8), bool)).any()

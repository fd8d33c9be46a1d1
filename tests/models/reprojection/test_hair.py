"""Hair over a face in UV: locks that hang in are hair however far they reach; brows, moles and highlights are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.models.faces import Sitter
from tests.models.reprojection.test_skin import fitted
from vfx_swap.arrays import FloatArray
from vfx_swap.models.reprojection.atlas import Atlas
from vfx_swap.models.reprojection.hair import hair_over

CHEEK = 0.42
"""A row of cheek beside the eyes, between brows and mouth."""


def box(atlas: Atlas, rows: tuple[float, float], columns: tuple[float, float]) -> FloatArray:
    """1 in a part of the UV picture, in fractions of its side; columns count from the mesh's left end at `CHEEK`."""
    size, top = atlas.size, int(CHEEK * atlas.size)
    left = int(np.flatnonzero(atlas.regions["edge"][top])[0])
    found = np.zeros((size, size), np.float32)
    found[int(rows[0] * size) : int(rows[1] * size), left + int(columns[0] * size) : left + int(columns[1] * size)] = 1
    return found


def over(sitter: Sitter, atlas: Atlas, *things: FloatArray, luminance: float = -8.0) -> FloatArray:
    """Hair where things lie on bare skin, so many spreads of log luminance over it."""
    bare = np.maximum.reduce(things)
    fit = fitted(sitter, atlas)
    flat = np.zeros_like(fit.distance)
    flat[:, 2] = luminance * bare[atlas.raster.rows, atlas.raster.columns]
    return hair_over(bare, replace(fit, distance=flat), atlas)


def test_a_lock_is_hair_as_far_as_it_hangs_in(collins: Sitter, atlas: Atlas) -> None:
    lock = box(atlas, (0.36, 0.5), (0.0, 0.25))
    hair = over(collins, atlas, lock)
    assert hair[(lock > 0.0) & (atlas.regions["edge"] > 0.0) & (atlas.regions["guard"] < 0.01)].min() > 0.9
    assert hair[int(CHEEK * atlas.size), atlas.size // 2 :].max() == 0.0


@pytest.mark.parametrize(
    ("rows", "columns", "luminance"),
    [
        ((0.41, 0.45), (0.0, 0.3), -8.0),  # as narrow as a brow
        ((0.36, 0.5), (0.1, 0.3), -8.0),  # it does not reach the outline
        ((0.36, 0.5), (0.0, 0.3), 8.0),  # a lamp's highlight
        ((0.68, 0.8), (0.0, 0.3), -8.0),  # a beard
    ],
)
def test_what_is_no_lock_is_left_to_the_face(
    collins: Sitter, atlas: Atlas, rows: tuple[float, float], columns: tuple[float, float], luminance: float
) -> None:
    thing = box(atlas, rows, columns)
    hair = over(collins, atlas, thing, luminance=luminance)
    deep = (thing > 0.0) & (atlas.regions["edge"] >= 1.0)
    assert deep.sum() > 50
    assert hair[deep].max() < 0.1


def test_strands_that_stand_out_of_a_lock_go_with_it(collins: Sitter, atlas: Atlas) -> None:
    lock, strand = box(atlas, (0.36, 0.5), (0.0, 0.2)), box(atlas, (0.42, 0.43), (0.2, 0.22))
    assert over(collins, atlas, lock, strand)[strand > 0.0].mean() > 0.7

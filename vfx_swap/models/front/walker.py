"""Filling a matte from what is known of some pixels: it spreads where the picture is even and stops at its edges."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve

from vfx_swap.arrays import FloatArray

__all__ = ["walk"]

LEAK = 0.01
"""What is left of the bond of two neighbours across the sharpest edge."""


def walk(wanted: FloatArray, weight: FloatArray, guides: Sequence[FloatArray], inside: np.ndarray) -> FloatArray:
    """The smoothest picture that keeps to `wanted` as far as `weight` says and breaks at edges of all guides at once.

    A random walker with priors (L. Grady, "Multilabel Random Walker Image Segmentation Using Prior Models",
    CVPR 2005): one sparse linear system.

    Args:
        wanted: (height, width) 0 to 1.
        weight: (height, width) 0 or more, against bonds of up to 1 between neighbours.
        guides: (height, width, c) each, scaled so that a step of 1 is an edge. Two pixels are one thing when any guide
            is even between them: the picture itself, or what is left of it once the face is taken out.
        inside: (height, width) bool; pixels outside are no part of it.

    Returns:
        (height, width) 0 to 1; 0 outside.
    """
    out = np.zeros(wanted.shape, dtype=np.float32)
    count = int(inside.sum())
    if count == 0:
        return out
    number = np.full(wanted.shape, -1, dtype=np.int64)
    number[inside] = np.arange(count)
    whole, first, second = slice(None), slice(0, -1), slice(1, None)
    ones, others, bonds = [], [], []
    for one, other in (((first, whole), (second, whole)), ((whole, first), (whole, second))):
        both = inside[one] & inside[other]
        steps = [((guide[one] - guide[other]) ** 2).sum(axis=-1)[both] for guide in guides]
        ones.append(number[one][both])
        others.append(number[other][both])
        bonds.append(LEAK + np.exp(-0.5 * np.min(steps, axis=0)))
    bond = np.concatenate(bonds).astype(np.float64)
    graph = sparse.coo_matrix((bond, (np.concatenate(ones), np.concatenate(others))), shape=(count, count))
    graph = graph + graph.T
    own = weight[inside].astype(np.float64) + 1e-6
    system = sparse.diags(np.asarray(graph.sum(axis=1)).ravel() + own) - graph
    out[inside] = np.clip(spsolve(system.tocsc(), own * wanted[inside]), 0.0, 1.0)
    return out

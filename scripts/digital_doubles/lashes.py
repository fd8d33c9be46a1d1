"""Lashes as strands that ride on the base mesh's lash strips."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.digital_doubles.anatomy import Anatomy

__all__ = ["LASHES", "LASH_POINTS", "lash_matrix"]

LASHES = ("helper-l-eyelashes-1", "helper-l-eyelashes-2", "helper-r-eyelashes-1", "helper-r-eyelashes-2")
"""Lower and upper strips, left and right."""
LASH_POINTS = 5
"""Points of a strand, root to tip."""


def _grid(faces: list[tuple[int, ...]]) -> dict[tuple[int, int], int]:
    """Cells of a strip of quads laid out as (row, column) -> vertex, by walking from face to face."""
    place: dict[int, tuple[int, int]] = {}
    first = faces[0]
    place.update(dict(zip(first, ((0, 0), (0, 1), (1, 1), (1, 0)), strict=True)))
    taken = set(place.values())
    waiting = list(faces[1:])
    while waiting:
        left: list[tuple[int, ...]] = []
        for face in waiting:
            known = [k for k in range(4) if face[k] in place]
            edge = next((k for k in range(4) if k in known and (k + 1) % 4 in known), None)
            if edge is None:
                left.append(face)
                continue
            a, b, c, d = (face[(edge + k) % 4] for k in range(4))
            (ar, ac), (br, bc) = place[a], place[b]
            dr, dc = ac - bc, br - ar
            if (ar + dr, ac + dc) in taken or (br + dr, bc + dc) in taken:  # the face before lies on that side
                dr, dc = -dr, -dc
            if c not in place:
                place[c] = (br + dr, bc + dc)
            if d not in place:
                place[d] = (ar + dr, ac + dc)
            taken = set(place.values())
        if len(left) == len(waiting):
            break
        waiting = left
    return {cell: vertex for vertex, cell in place.items()}


def lash_matrix(anatomy: Anatomy, name: str) -> Any:
    """(strands * LASH_POINTS, n) sparse rows summing to 1; the same strands for everybody.

    Upper lids have 110 strands, lower ones 60; each starts at the lid's edge and ends between the middle and the tip of
    the strip.
    """
    from scipy import sparse

    grid = _grid([tuple(face) for face in anatomy.faces[name]])
    cells = np.array(sorted(grid))
    low, high = cells.min(0), cells.max(0)
    table = np.full(high - low + 1, -1, np.int64)
    for (row, column), vertex in grid.items():
        table[row - low[0], column - low[1]] = vertex
    if table.shape[0] > table.shape[1]:
        table = table.T
    eye = anatomy.vertices[anatomy.group(f"helper-{name[7]}-eye")].mean(0)
    reach = np.linalg.norm(anatomy.vertices[table] - eye, axis=2).mean(1)
    if reach[0] > reach[-1]:
        table = table[::-1]
    return sparse.csr_matrix(_weights(table, len(anatomy.vertices), upper=name.endswith("2")))


def _weights(table: NDArray[np.int64], count: int, *, upper: bool) -> Any:
    from scipy import sparse

    rng = np.random.default_rng(11 if upper else 12)
    strands = 110 if upper else 60
    rows, columns = table.shape
    root = np.linspace(0.15, columns - 1.15, strands) + rng.uniform(-0.04, 0.04, strands)
    lean = rng.normal(0.0, 0.12, strands) + 0.5 * (root / (columns - 1) - 0.5)
    tip = (rows - 1) - rng.uniform(0.1, 0.9, strands) * (1.0 if upper else 0.8)
    steps = np.linspace(0.0, 1.0, LASH_POINTS)
    r = 1.0 + steps[None] * (tip[:, None] - 1.0)
    c = np.clip(root[:, None] + lean[:, None] * steps[None] ** 1.5, 0.0, columns - 1.001)
    r = np.clip(r, 0.0, rows - 1.001)
    r0, c0 = np.floor(r).astype(int), np.floor(c).astype(int)
    fr, fc = r - r0, c - c0
    data, at = [], []
    for dr, dc, weight in ((0, 0, (1 - fr) * (1 - fc)), (0, 1, (1 - fr) * fc), (1, 0, fr * (1 - fc)), (1, 1, fr * fc)):
        data.append(weight.reshape(-1))
        at.append(table[r0 + dr, c0 + dc].reshape(-1))
    index = np.tile(np.arange(strands * LASH_POINTS), 4)
    return sparse.coo_matrix((np.concatenate(data), (index, np.concatenate(at))), shape=(strands * LASH_POINTS, count))

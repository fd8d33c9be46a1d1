"""A sample sheet: performers down the side, identities along the top, their swaps where they meet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vfx_swap.arrays import FloatArray
from vfx_swap.io.atomic import atomic_write
from vfx_swap.models.training.crops import Crops

__all__ = ["sample_sheet"]


def sample_sheet(
    path: Path,
    crops: Crops,
    *,
    swapped: Callable[[FloatArray, FloatArray], FloatArray],
    people: int = 6,
) -> None:
    """Write the sheet as PNG: the first crop of the first people, and each of them on each.

    Args:
        path: of the file.
        crops: whose people are shown.
        swapped: performers and identities, (b, 3, side, side) in [0, 1] each, to swaps.
        people: at most so many.

    Raises:
        OutputError: it cannot be written.
    """
    import cv2

    shown = [int(np.flatnonzero(crops.labels == label)[0]) for label in np.unique(crops.labels)[:people]]
    faces = crops.pictures[shown]
    looks = np.ascontiguousarray(faces.transpose(0, 3, 1, 2).astype(np.float32) / 255.0)
    rows = [np.concatenate([np.zeros_like(faces[:1]), faces])]
    for number in range(len(faces)):
        made = swapped(np.repeat(looks[number : number + 1], len(faces), axis=0), looks)
        cells: NDArray[np.uint8] = np.round(made.transpose(0, 2, 3, 1) * 255.0).astype(np.uint8)
        rows.append(np.concatenate([faces[number : number + 1], cells]))
    sheet = np.concatenate([np.concatenate(list(row), axis=1) for row in rows])
    _, coded = cv2.imencode(".png", np.ascontiguousarray(sheet[:, :, ::-1]))
    with atomic_write(path) as temporary:
        temporary.write_bytes(coded.tobytes())

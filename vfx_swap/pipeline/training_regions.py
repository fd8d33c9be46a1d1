"""Known regions of faces, to train a parser on: layers as `vfx-swap parse` writes them, cut like their pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vfx_swap.arrays import FloatArray, check_array
from vfx_swap.errors import InputError
from vfx_swap.geometry.warps import cut_crop
from vfx_swap.io.read import read_picture
from vfx_swap.models.parsing.regions import REGIONS
from vfx_swap.types import Warp, Window

__all__ = ["cut_regions", "read_regions"]


def read_regions(path: Path, *, window: Window) -> FloatArray:
    """Coverage of every region.

    Args:
        path: a picture with the channels `regions.<name>`: of `vfx-swap parse`, mended by hand perhaps, or a render.
        window: of the picture that they are the regions of.

    Returns:
        (height, width, 19) of the window.

    Raises:
        MissingInputError: there is no such file.
        InputError: it cannot be read, lies elsewhere, or lacks a region.
    """
    picture = read_picture(path)
    names = [f"regions.{name}" for name in REGIONS]
    part = next((one for one in picture.parts if set(names) <= set(one.channels)), None)
    if part is None:
        held = {channel for one in picture.parts for channel in one.channels}
        lacking = ", ".join(name for name in names if name not in held) or "all of them in one part"
        raise InputError(f"it lacks {lacking}", where=path, mend="Write it with: vfx-swap parse")
    if (part.data_window.width, part.data_window.height) != (window.width, window.height):
        raise InputError(
            f"its regions are {part.data_window.width}x{part.data_window.height}, "
            f"the picture is {window.width}x{window.height}",
            where=path,
            mend="Give regions of the same picture, at its size",
        )
    return np.stack([part.channel(name).astype(np.float32) for name in names], axis=2)


def cut_regions(layers: FloatArray, *, window: Window, warp: Warp) -> NDArray[np.uint8]:
    """(size, size) index of the region that covers most of each pixel of a crop.

    Args:
        layers: (height, width, 19) of the window, 0 to 1.
        window: where they lie.
        warp: of the crop; what lies beyond the window is as at its border.
    """
    check_array("layers", layers, shape=(window.height, window.width, len(REGIONS)))
    padded = np.concatenate([layers, np.zeros((*layers.shape[:2], -len(REGIONS) % 3), np.float32)], axis=2)
    cuts = [
        cut_crop(
            np.ascontiguousarray(padded[..., first : first + 3]), data_window=window, warp=warp, colour_space="",
            resample="linear",
        ).rgb
        for first in range(0, padded.shape[2], 3)
    ]  # fmt: skip
    return np.asarray(np.concatenate(cuts, axis=2)[..., : len(REGIONS)].argmax(axis=2), np.uint8)

"""From Blender's raw passes to the files of a shot: plate, true swap, truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.digital_doubles.mesh import FloatArray

__all__ = ["TRUTH_CHANNELS", "beauty", "grain", "true_swap", "truth_layers"]

Picture = NDArray[np.float32]

TRUTH_CHANNELS = ("depth.Z", "normal.X", "normal.Y", "normal.Z", "uv.X", "uv.Y", "albedo.R", "albedo.G", "albedo.B")
"""After the mattes, in this order."""
_FAR = 1000.0
"""Metres: what depth.Z says of nothing."""


def beauty(passes: Mapping[str, Picture]) -> Picture:
    """(h, w, 3) scene-linear."""
    return np.stack([passes[f"ViewLayer.Combined.{k}"] for k in "RGB"], 2)


def grain(*, picture: Picture, seed: int, frame: int, amount: float) -> Picture:
    """Noise to add, of one seed and frame; `amount` 1 is a clean modern camera: 3 % of 18 % grey, less in the dark.

    It is drawn for the plate, so that the true swap can have the very same.
    """
    import cv2

    rng = np.random.default_rng([seed, frame, 15485863])
    noise = rng.standard_normal(picture.shape).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 0.55)
    soft /= np.float32(0.51)  # the blur's own loss of deviation, measured
    level = np.clip(cv2.GaussianBlur(picture, (0, 0), 1.0), 0.0, None)
    deviation = amount * (0.0008 + 0.0054 * np.sqrt(level / 0.18))
    return np.asarray(soft * deviation, np.float32)


def true_swap(*, plate: Picture, worn: Picture, mattes: list[Picture], reach: float) -> Picture:
    """The worn face within `reach` pixels of any face matte, and the plate's own bits beyond twice that."""
    import cv2

    near = np.max(np.stack(mattes), 0) > 0.004
    if not near.any():
        return plate.copy()
    away = cv2.distanceTransform((~near).astype(np.uint8), cv2.DIST_L2, 5)
    t = np.clip(2.0 - away / np.float32(reach), 0.0, 1.0)
    weight = (t * t * (3 - 2 * t))[..., None].astype(np.float32)
    return np.where(weight > 0, plate + weight * (worn - plate), plate).astype(np.float32)


def truth_layers(*, passes: Mapping[str, Picture], mattes: list[str], camera: FloatArray) -> tuple[list[str], Picture]:
    """Channel names and (h, w, c) of truth.####.exr; `camera` (4, 4) camera to world."""
    names: list[str] = []
    layers: list[Picture] = []
    for name in mattes:
        names.append(f"matte.{name}")
        layers.append(np.clip(passes[f"ViewLayer.{name}.X"], 0, 1))
    depth = passes["ViewLayer.Depth.Z"]
    layers.append(np.where(depth < _FAR, depth, _FAR).astype(np.float32))
    x, y, z = (passes[f"ViewLayer.Normal.{k}"] for k in "XYZ")
    world = np.stack([x, z, -y], 2)  # Blender's z up to y up
    seen = world @ np.asarray(camera[:3, :3], np.float32)
    layers += [np.asarray(seen[..., k], np.float32) for k in range(3)]
    cover = np.maximum(passes["ViewLayer.texture.A"], np.float32(1e-6))
    layers += [np.where(cover > 1e-3, passes[f"ViewLayer.texture.{k}"] / cover, 0).astype(np.float32) for k in "RG"]
    layers += [passes[f"ViewLayer.DiffCol.{k}"] for k in "RGB"]
    return [*names, *TRUTH_CHANNELS], np.stack([np.asarray(layer, np.float32) for layer in layers], 2)


def as_list(value: Any) -> Any:
    """JSON's own types of arrays."""
    return np.asarray(value).tolist()

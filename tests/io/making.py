"""Plates for tests, written with OpenImageIO alone: none of it goes through what is tested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio

NAMES = {
    "float16": "half",
    "float32": "float",
    "float64": "double",
    "uint8": "uint8",
    "uint16": "uint16",
    "uint32": "uint",
}


def spec_of(
    names: Sequence[str],
    pixels: np.ndarray,
    *,
    attributes: Mapping[str, Any] | None = None,
    window: tuple[int, int] = (0, 0),
    display: tuple[int, int, int, int] | None = None,
    tile: int = 0,
    formats: Sequence[str] = (),
) -> Any:
    """A spec for `pixels` (height, width, channels)."""
    height, width, count = pixels.shape
    spec = oiio.ImageSpec(width, height, count, NAMES[pixels.dtype.name])
    spec.channelnames = tuple(names)
    if formats:
        spec.channelformats = tuple(formats)
    spec.x, spec.y = window
    spec.full_x, spec.full_y, spec.full_width, spec.full_height = display or (0, 0, width, height)
    if tile:
        spec.tile_width = spec.tile_height = tile
        spec.tile_depth = 1
    for name, value in (attributes or {}).items():
        if isinstance(value, tuple) and isinstance(value[0], str):
            spec.attribute(name, oiio.TypeDesc(value[0]), value[1])
        else:
            spec.attribute(name, value)
    return spec


def save(path: Path, *parts: tuple[Any, np.ndarray]) -> Path:
    """Write one picture of one or more parts."""
    output: Any = oiio.ImageOutput.create(str(path))
    specs = tuple(spec for spec, _ in parts)
    opened = output.open(str(path), specs) if len(specs) > 1 else output.open(str(path), specs[0])
    assert opened, output.geterror()
    for index, (spec, pixels) in enumerate(parts):
        if index:
            assert output.open(str(path), spec, "AppendSubimage"), output.geterror()
        assert output.write_image(np.ascontiguousarray(pixels)), output.geterror()
    assert output.close(), output.geterror()
    return path


def any_half(height: int, width: int, channels: int = 4, *, seed: int = 0) -> np.ndarray:
    """Every kind of half: negatives, denormals, inf, quiet and signalling NaN."""
    words = np.random.default_rng(seed).integers(0, 65536, (height, width, channels)).astype(np.uint16)
    special = (0x7C00, 0xFC00, 0x7E01, 0x7C01, 0x0001, 0x8000)
    words.reshape(-1)[: len(special)] = special[: words.size]
    return words.view(np.float16)


def half_exr(path: Path, pixels: np.ndarray | None = None, **more: Any) -> Path:
    """A plain RGBA half EXR."""
    shown = any_half(12, 16) if pixels is None else pixels
    return save(path, (spec_of("RGBA"[: shown.shape[2]], shown, **more), shown))


def bits(array: np.ndarray) -> np.ndarray:
    """An array's bits, so that NaN equals itself."""
    plain = np.ascontiguousarray(array)
    return plain.view({1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}[plain.dtype.itemsize])

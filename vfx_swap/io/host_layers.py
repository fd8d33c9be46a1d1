"""A rendered EXR as hosts' compositors read it: one layer whose passes are named and have one or four channels.

A result carries `matte.<track>.A`, `patch.RGBA` and `regions.<name>` beside plain RGB. Blender takes the plain channels
for a layer without a name, which nobody can choose, and the nineteen of `regions` for one pass, of which it keeps
nothing. Here the same samples stand as `<layer>.<pass>.<channel>`, on the whole display window. Maps get a third
channel, 1 where they say something: Blender's Map UV takes it for alpha.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio

from vfx_swap.errors import OutputError, UnsupportedImageError
from vfx_swap.io.atomic import atomic_write
from vfx_swap.io.picture import Picture
from vfx_swap.io.read import read_picture

__all__ = ["HOST_LAYER", "host_passes", "write_host_layers"]

HOST_LAYER = "vfx_swap"
"""The layer's name."""
OURS = ("stmap", "face_")
"""What layers of our own that stand in other parts begin with."""
_MATTE = re.compile(r"matte\.(\d+)\.A")
_MAP = re.compile(r"(stmap|stmap_inverse|face_uv)\.(?:(\d+)\.)?R")
_NAMES = {"stmap": "STMap", "stmap_inverse": "STMap inverse", "face_uv": "UV"}
_SURFACE = {
    "Normal": tuple(f"face_normals.{one}" for one in "XYZ"),
    "Depth": ("face_depth.Z",),
    "Confidence": ("face_confidence.A",),
}
"""Passes of the face's surface."""
_LAID = {1: "V", 2: "XY", 3: "XYZ", 4: "RGBA"}
"""Channels of a pass, by how many there are."""


def host_passes(channels: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The passes that a result's channels beside RGB make.

    Args:
        channels: full names, as `Picture` has them.

    Returns:
        Name of a pass -> channels of the result: one (`Matte 1`, `skin`), two (`STMap`, `STMap inverse 3`, `UV`), three
        (`Normal`) or four (`Patch`). `Matte`, the greatest of all performers', is not among them.
    """
    passes: dict[str, tuple[str, ...]] = {}
    for name in sorted(channels):
        if found := _MATTE.fullmatch(name):
            passes[f"Matte {found[1]}"] = (name,)
        elif name.startswith("regions."):
            passes[name.removeprefix("regions.")] = (name,)
        elif found := _MAP.fullmatch(name):
            passes[" ".join(filter(None, (_NAMES[found[1]], found[2])))] = (name, f"{name[:-1]}G")
    passes |= {name: needed for name, needed in _SURFACE.items() if set(needed) <= set(channels)}
    patch = tuple(f"patch.{one}" for one in "RGBA")
    if set(patch) <= set(channels):
        passes["Patch"] = patch
    return passes


def write_host_layers(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> tuple[str, ...]:
    """Write a result anew for a host.

    Samples keep their values; what lies outside the data window is 0, and alpha is 1 where the result has none.

    Args:
        source: an EXR of a render.
        target: the EXR to write.

    Returns:
        Names of the passes: `Image`, `Matte` where there is one, and those of `host_passes`.

    Raises:
        MissingInputError, UnreadableImageError, UnsupportedImageError: `source` is no EXR that can be read.
        DiskFullError, OutputError: `target` could not be written.
    """
    picture = read_picture(source)
    if picture.format != "openexr":
        raise UnsupportedImageError(f"{picture.format} has no layers", where=Path(source), mend="Render to EXR")
    planes = _planes(picture)
    passes = tuple(dict.fromkeys(name.rpartition(".")[0] for name in planes))
    _write(Path(target), picture, {f"{HOST_LAYER}.{name}": plane for name, plane in planes.items()})
    return passes


def _planes(picture: Picture) -> dict[str, np.ndarray]:
    """Pass and channel -> (height, width) of the data window, of the result's own type."""
    part = picture.rgb_part
    of = {name: one for one in picture.parts for name in one.channels if one is part or name.startswith(OURS)}
    planes = {f"Image.{to}": part.channel(name) for to, name in zip("RGB", picture.layout.rgb, strict=True)}
    like = planes["Image.R"]
    alpha = picture.layout.alpha
    planes["Image.A"] = np.ones_like(like) if alpha is None else part.channel(alpha)
    passes = host_passes(tuple(of))
    mattes = [part.channel(names[0]) for name, names in passes.items() if name.startswith("Matte ")]
    if mattes:
        planes["Matte.V"] = np.maximum.reduce(mattes)
    for name, names in passes.items():
        for to, channel in zip(_LAID[len(names)], names, strict=True):
            planes[f"{name}.{to}"] = of[channel].channel(channel)
        if len(names) == 2:
            planes[f"{name}.Z"] = ((planes[f"{name}.X"] != 0) | (planes[f"{name}.Y"] != 0)).astype(np.float32)
    return planes


def _write(target: Path, picture: Picture, planes: Mapping[str, np.ndarray]) -> None:
    data, display = picture.data_window, picture.display_window
    top, left = data.y - display.y, data.x - display.x
    seen = (slice(max(0, -top), max(0, display.height - top)), slice(max(0, -left), max(0, display.width - left)))
    at = (slice(max(0, top), max(0, top + data.height)), slice(max(0, left), max(0, left + data.width)))
    dtype = np.result_type(*planes.values())
    if dtype not in (np.dtype(np.float16), np.dtype(np.float32)):
        dtype = np.dtype(np.float32)
    pixels = np.zeros((display.height, display.width, len(planes)), dtype)
    for index, plane in enumerate(planes.values()):
        pixels[(*at, index)] = plane[seen]
    spec = oiio.ImageSpec(display.width, display.height, len(planes), "half" if dtype.itemsize == 2 else "float")
    spec.channelnames = tuple(planes)
    spec.attribute("compression", "zips")
    spec.attribute("DateTime", "")  # else OpenImageIO writes the time, and equal frames differ by it
    of: Any = picture.rgb_part.spec
    spec.attribute("PixelAspectRatio", float(of.get_float_attribute("PixelAspectRatio", 1.0)))
    if interop := of.get_string_attribute("colorInteropID"):
        spec.attribute("colorInteropID", interop)
    with atomic_write(target) as temporary:
        output: Any = oiio.ImageOutput.create("openexr")
        try:
            for done in (output.open(str(temporary), spec), output.write_image(pixels), output.close()):
                if not done or output.has_error:
                    raise OutputError(f"cannot write: {output.geterror()}", where=target)
        finally:
            output.close()

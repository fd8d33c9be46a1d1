"""A rendered EXR as hosts' compositors read it: one layer whose passes are named and have one or four channels.

A result carries `matte.<track>.A`, `patch.RGBA` and `regions.<name>` beside plain RGB. Blender takes the plain channels
for a layer without a name, which nobody can choose, and the nineteen of `regions` for one pass, of which it keeps
nothing. Here the same samples stand as `<layer>.<pass>.<channel>`, on the whole display window.
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
_MATTE = re.compile(r"matte\.(\d+)\.A")


def host_passes(channels: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The passes that a result's channels beside RGB make.

    Args:
        channels: full names, as `Picture` has them.

    Returns:
        Name of a pass -> channels of the result: one (`Matte 1`, `skin`) or four (`Patch`). `Matte`, the greatest of
        all performers', is not among them.
    """
    passes: dict[str, tuple[str, ...]] = {}
    for name in sorted(channels):
        if found := _MATTE.fullmatch(name):
            passes[f"Matte {found[1]}"] = (name,)
        elif name.startswith("regions."):
            passes[name.removeprefix("regions.")] = (name,)
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
    planes = {f"Image.{to}": part.channel(name) for to, name in zip("RGB", picture.layout.rgb, strict=True)}
    like = planes["Image.R"]
    alpha = picture.layout.alpha
    planes["Image.A"] = np.ones_like(like) if alpha is None else part.channel(alpha)
    passes = host_passes(part.channels)
    mattes = [part.channel(names[0]) for name, names in passes.items() if name.startswith("Matte ")]
    if mattes:
        planes["Matte.V"] = np.maximum.reduce(mattes)
    for name, names in passes.items():
        for to, channel in zip("V" if len(names) == 1 else "RGBA", names, strict=True):
            planes[f"{name}.{to}"] = part.channel(channel)
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

"""EXR and PNG of doubles, read and written with OpenImageIO; written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["read_channels", "srgb", "write_exr", "write_png"]

Picture = NDArray[np.float32]


def write_exr(
    *, path: Path, pixels: Any, half: bool, names: Sequence[str] | None = None, attributes: dict[str, Any] | None = None
) -> None:
    """(h, w, c) scene-linear as a ZIP EXR, by a file beside it that takes its name when it is whole.

    Raises:
        OSError: It could not be written.
    """
    import OpenImageIO as oiio

    pixels = np.ascontiguousarray(pixels, np.float32)
    height, width, channels = pixels.shape
    spec = oiio.ImageSpec(width, height, channels, "half" if half else "float")
    if names is not None:
        spec.channelnames = tuple(names)
    spec.attribute("compression", "zip")
    for key, value in (attributes or {}).items():
        spec.attribute(key, value)
    if half:
        pixels = np.clip(pixels, -65504.0, 65504.0)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.exr")
    output = oiio.ImageOutput.create(str(partial))
    if not (output and output.open(str(partial), spec) and output.write_image(pixels) and output.close()):
        raise OSError(f"could not write {path}: {output.geterror() if output else oiio.geterror()}")
    partial.replace(path)


def write_png(*, path: Path, pixels: Picture) -> None:
    """(h, w, 3) scene-linear Rec.709 as an 8-bit sRGB PNG, a photograph's twin."""
    import cv2

    code = np.round(255 * srgb(pixels)).astype(np.uint8)
    done, data = cv2.imencode(".png", code[..., ::-1])
    if not done:
        raise OSError(f"could not encode {path}")
    partial = path.with_name(f".{path.stem}.{os.getpid()}.png")
    partial.write_bytes(data.tobytes())
    partial.replace(path)


def srgb(pixels: Any) -> Picture:
    """SRGB code values 0..1 of scene-linear Rec.709 (IEC 61966-2-1), clipped."""
    linear = np.clip(np.asarray(pixels, np.float32), 0.0, 1.0)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055).astype(np.float32)


def read_channels(path: Path) -> dict[str, Picture]:
    """Channel name to (h, w), float32.

    Raises:
        OSError: It could not be read.
    """
    import OpenImageIO as oiio

    source = oiio.ImageInput.open(str(path))
    if source is None:
        raise OSError(f"could not read {path}: {oiio.geterror()}")
    spec = source.spec()
    pixels = source.read_image(0, 0, 0, spec.nchannels, "float")
    source.close()
    if pixels is None:
        raise OSError(f"could not read {path}")
    return {name: np.ascontiguousarray(pixels[..., k]) for k, name in enumerate(spec.channelnames)}

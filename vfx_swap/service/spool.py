"""Frames that are sent, kept as files until all have come: EXR without compression, in the bits they came in.

Integers become the floats that a plate of integers is worked on as (`io.picture.Picture.rgb`), so faces are found in
the very same picture.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from vfx_swap.errors import DiskFullError, OutputError
from vfx_swap.service.sent_frames import SentFrame

__all__ = ["spool_frame"]


def spool_frame(pixels: np.ndarray, frame: SentFrame, path: Path, *, free_disk_bytes: int) -> None:
    """Write a frame.

    Args:
        pixels: (height, width, 3) of half, float, 8 or 16 bits.
        frame: whose windows they are in.
        path: an EXR.
        free_disk_bytes: what must be left of the disk.

    Raises:
        DiskFullError: less would be left.
        OutputError: it cannot be written.
    """
    import OpenImageIO as oiio

    if pixels.dtype.kind != "f":
        pixels = pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    free = shutil.disk_usage(path.parent).free
    if free - pixels.nbytes < free_disk_bytes:
        what = f"{free} bytes are left of the server's disk, and {free_disk_bytes} are to stay"
        raise DiskFullError(what, where=f"frame {frame.number}", mend="Track the plate by its path, or in parts")
    spec = oiio.ImageSpec(frame.window.width, frame.window.height, 3, "half" if pixels.dtype == np.float16 else "float")
    spec.x, spec.y = frame.window.x, frame.window.y
    spec.full_x, spec.full_y = frame.display.x, frame.display.y
    spec.full_width, spec.full_height = frame.display.width, frame.display.height
    spec.attribute("compression", "none")
    output = oiio.ImageOutput.create("openexr")
    try:
        done = output is not None and output.open(str(path), spec) and output.write_image(pixels) and output.close()
    finally:
        if output is not None:
            output.close()
    if not done:
        reason = " ".join(str(output.geterror() if output is not None else oiio.geterror()).split())
        raise OutputError(f"cannot be kept: {reason}", where=f"frame {frame.number}")

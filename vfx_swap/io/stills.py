"""What a still that is not an EXR holds: DPX, TIFF, PNG, JPEG."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import OpenImageIO as oiio

from vfx_swap.errors import UnsupportedImageError
from vfx_swap.io.picture import Picture, Spec
from vfx_swap.io.plan import OutPart, Plan
from vfx_swap.io.samples import convert_samples

__all__ = ["FLOAT_FORMATS", "WRITE_FORMATS", "format_of", "still_plan"]

WRITE_FORMATS: Mapping[str, str] = {
    ".exr": "openexr",
    ".dpx": "dpx",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
}
"""Extension -> OpenImageIO's name of the formats that are written."""
FLOAT_FORMATS = frozenset({"openexr", "tiff"})
"""Those that hold light above white."""

_LOSSLESS_TIFF = frozenset({"", "none", "zip", "lzw", "packbits"})
_FOREIGN = ("openexr:", "dpx:", "cineon:", "tiff:", "png:", "jpeg:", "oiio:", "webp:", "targa:")
_EXIF = ("ExposureTime", "FNumber")
"""The two Exif entries that OpenImageIO names without the prefix."""
_KEEP_OIIO = ("oiio:ColorSpace", "oiio:UnassociatedAlpha")


def format_of(path: Path) -> str:
    """The format an output's extension asks for.

    Raises:
        UnsupportedImageError: it is none that is written.
    """
    name = WRITE_FORMATS.get(path.suffix.lower())
    if name is None:
        known = ", ".join(sorted(WRITE_FORMATS))
        raise UnsupportedImageError(
            f"pictures ending in {path.suffix or 'nothing'!r} are not written", where=path, mend=f"Use one of {known}"
        )
    return name


def still_plan(path: Path, plate: Picture, *, header: Mapping[str, str]) -> Plan:
    """Plan a DPX, TIFF, PNG or JPEG.

    Raises:
        UnsupportedImageError: a float plate into a format of integers; an EXR needed for what it holds.
    """
    target = format_of(path)
    if plate.is_float and target not in FLOAT_FORMATS:
        raise UnsupportedImageError(
            f"a plate of float light does not fit into {path.suffix}: it would be clipped at white",
            where=path,
            mend="Write EXR (or TIFF, which holds floats)",
        )
    plan = _carry(plate) if plate.format == target else _convert(plate, target)
    for part in plan.parts:
        if target == "tiff" and not _has_exif(part.spec):
            # OpenImageIO 3.2 leaves an error behind when it writes an empty Exif directory.
            part.spec.attribute("tiff:write_exif", 0)
        if target == "jpeg":
            part.spec.attribute("Compression", "jpeg:100")
            part.spec.attribute("jpeg:subsampling", "4:4:4")
    if target == "jpeg":
        plan.warnings.append("JPEG loses bits: pixels outside the matte do not hold (written at quality 100, 4:4:4)")
    for name, text in header.items():
        plan.parts[plan.rgb_part].spec.attribute(name, text)
    return plan


def _has_exif(spec: Spec) -> bool:
    return any(str(item.name).startswith("Exif:") or item.name in _EXIF for item in spec.extra_attribs)


def _carry(plate: Picture) -> Plan:
    warnings: list[str] = []
    parts = [OutPart.of(part) for part in plate.parts]
    for part in parts:
        _compression(plate.format, part, warnings)
        if any(plane.dtype == np.float16 for plane in part.planes.values()):
            part.spec.attribute("tiff:half", 1)
    carried = [(index, index) for index in range(len(parts))]
    return Plan(parts, plate.layout.part, plate.layout.rgb, plate.bits, carried, warnings)


def _compression(format_name: str, part: OutPart, warnings: list[str]) -> None:
    if format_name != "tiff":
        return
    asked = str(part.spec.get_string_attribute("compression")).lower()
    if asked not in _LOSSLESS_TIFF:
        warnings.append(f"compression {asked!r} does not keep every bit: written as zip")
        part.spec.attribute("compression", "zip")
        part.spec.erase_attribute("tiff:Compression")


def _convert(plate: Picture, target: str) -> Plan:
    """RGB, and alpha where the format has it, in the nearest type that loses nothing."""
    warnings: list[str] = []
    source = plate.rgb_part
    wanted = list(zip("RGB", plate.layout.rgb, strict=True))
    if plate.layout.alpha is not None:
        if target == "jpeg":
            warnings.append("JPEG has no alpha: left out")
        else:
            wanted.append(("A", plate.layout.alpha))
    dtype, bits = _sample_type(plate, target)
    if bits < plate.bits and not plate.is_float:
        warnings.append(f"{plate.bits} bits a sample become {bits}: JPEG has no more")
    if plate.kind == "movie":
        warnings.append("the still holds the movie's frame as R'G'B', rounded to whole steps")
    planes = {new: convert_samples(source.channel(old), dtype=dtype, bits=bits) for new, old in wanted}
    spec = oiio.ImageSpec(source.spec.width, source.spec.height, len(planes), "uint8")
    for name in ("x", "y", "full_x", "full_y", "full_width", "full_height"):
        setattr(spec, name, getattr(source.spec, name))
    _copy_attributes(source.spec, spec)
    if target == "tiff":
        spec.attribute("compression", "zip")
    # Straight in PNG and TIFF plates, premultiplied in EXR; either way the values are written as they are.
    spec.attribute("oiio:UnassociatedAlpha", int(plate.format != "openexr"))
    left = {name for part in plate.parts for name in part.channels} - {old for _, old in wanted}
    if left - {plate.layout.alpha}:
        warnings.append(f"left behind by the change of format: channels {', '.join(sorted(left))}")
    return Plan([OutPart(spec, planes)], 0, ("R", "G", "B"), bits, [], warnings)


def _sample_type(plate: Picture, target: str) -> tuple[np.dtype[np.generic], int]:
    if plate.is_float:
        return np.dtype(np.float32), 32
    if target == "jpeg" or plate.native_rgb.dtype == np.uint8:
        return np.dtype(np.uint8), 8
    return np.dtype(np.uint16), 16


def _copy_attributes(source: Spec, target: Spec) -> None:
    for item in source.extra_attribs:
        name = str(item.name)
        if name == "compression" or (name.startswith(_FOREIGN) and name not in _KEEP_OIIO):
            continue
        target.attribute(name, item.type, item.value)

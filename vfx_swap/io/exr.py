"""What an EXR that we write holds: the plate's parts with their headers, and the layers asked for.

Where layers go: `matte.*`, `patch.*` and `regions.*` become channels of the part that holds the plate's
RGB, in RGB's own pixel type, so that a single-part plate stays single-part for programs that read only
one part. Every other layer (`stmap`, Cryptomatte) is data in float32, or in half where that is plenty, and gets a part
of its own, marked `colorInteropID = "data"`: beside half channels it would make the plate's part one of mixed types,
which OpenImageIO's Python cannot write without converting, and the plate's bits come first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import OpenImageIO as oiio

from vfx_swap.arrays import FloatArray
from vfx_swap.io.picture import Part, Picture, Spec
from vfx_swap.io.plan import OutPart, Plan
from vfx_swap.io.samples import convert_samples, to_samples
from vfx_swap.types import Window

__all__ = ["LOSSLESS", "exr_plan"]

LOSSLESS = frozenset({"none", "rle", "zips", "zip", "piz", "htj2k32", "htj2k256"})
"""Compressions that keep every bit. `pxr24` does too, for half and uint: see `_compression`."""

_TILES = ("tile_width", "tile_height", "tile_depth")
_WITH_PLATE = ("matte", "patch", "regions")
HALF = ("face_normals", "face_confidence")
"""Layers of which half holds all that they know: 1/2048 of a unit normal is 0.03 degrees. Of a map it would be 2 pixels
of a 4K plate."""
REST_LAYER = "regions.background"
"""What no region covers: 1 where nothing was looked for."""


def exr_plan(
    plate: Picture, *, layers: Mapping[str, FloatArray], header: Mapping[str, str], window: Window | None = None
) -> Plan:
    """Plan an EXR.

    Args:
        plate: of any format; an integer plate becomes half (up to 10 bits) or float, its encoding kept.
        layers: full channel name -> (height, width) of `window`.
        header: attributes for the part that holds RGB; keys of Cryptomatte go to its part as well.
        window: where layers lie within the plate's data window; they are 0 outside of it. None: all of it.
    """
    warnings: list[str] = []
    plan = _carry(plate, warnings) if plate.format == "openexr" else _convert(plate, warnings)
    _add_layers(plan, layers, header, _Place.of(plate.data_window if window is None else window, plate.data_window))
    for name, text in header.items():
        plan.parts[plan.rgb_part].spec.attribute(name, text)
    if len(plan.parts) > 1:
        _name_parts(plan)
        _level_tiling(plan)
    return plan


def _carry(plate: Picture, warnings: list[str]) -> Plan:
    parts: list[OutPart] = []
    carried: list[tuple[int, int]] = []
    rgb_part = 0
    for index, part in enumerate(plate.parts):
        out = OutPart.of(part)
        _clean(out.spec)
        _compression(out, part, warnings)
        if index == plate.layout.part:
            rgb_part = len(parts)
        carried.append((index, len(parts)))
        parts.append(out)
        moved = _split_integers(out, part, warnings)
        if moved is not None:
            parts.append(moved)
    return Plan(parts, rgb_part, plate.layout.rgb, plate.bits, carried, warnings)


def _clean(spec: Spec) -> None:
    """Take out what OpenImageIO adds by itself: chunk counts, the colour space of an earlier part, the time."""
    for name in ("openexr:chunkCount", "oiio:ColorSpace", "oiio:subimages", "oiio:RowsPerChunk"):
        spec.erase_attribute(name)
    # An empty DateTime keeps the time of writing out of the header: the same input gives the same file.
    if not spec.get_string_attribute("DateTime"):
        spec.attribute("DateTime", "")


def _compression(out: OutPart, part: Part, warnings: list[str]) -> None:
    """Keep a lossless compression; any other becomes ZIP by name, since OpenImageIO would do so in silence."""
    asked = str(out.spec.get_string_attribute("compression")) or "zip"
    name = asked.partition(":")[0].lower()
    keeps = name in LOSSLESS or (name == "pxr24" and not any(block.pixels.dtype == np.float32 for block in part.blocks))
    if not keeps:
        where = f" of part {part.name!r}" if part.name else ""
        warnings.append(f"compression {asked!r}{where} does not keep every bit: written as zip")
        out.spec.erase_attribute("openexr:dwaCompressionLevel")
    out.spec.attribute("compression", name if keeps else "zip")


def _split_integers(out: OutPart, part: Part, warnings: list[str]) -> OutPart | None:
    """Move uint channels that stand beside half or float ones to a part of their own.

    OpenImageIO's Python takes one buffer of one type a part and converts it; uint through float loses bits.
    """
    integers = [name for name, plane in out.planes.items() if plane.dtype.kind != "f"]
    if not integers or len(integers) == len(out.planes):
        return None
    spec = out.spec.copy()
    moved = OutPart(spec, {name: out.planes.pop(name) for name in integers})
    spec.attribute("name", f"{part.name or 'rgba'}.uint")
    spec.attribute("colorInteropID", "data")
    home = spec.get_string_attribute("name")
    warnings.append(f"integer channels {', '.join(integers)} moved to part {home}, to keep their bits")
    return moved


def _convert(plate: Picture, warnings: list[str]) -> Plan:
    """The plate's RGB and alpha as a single-part EXR."""
    source = plate.rgb_part
    if plate.is_float:
        dtype = np.dtype(np.float16 if plate.native_rgb.dtype == np.float16 else np.float32)
    else:
        dtype = np.dtype(np.float16 if plate.bits <= 10 else np.float32)
    wanted = [*zip("RGB", plate.layout.rgb, strict=True)]
    if plate.layout.alpha is not None:
        wanted.append(("A", plate.layout.alpha))
    planes = {new: convert_samples(source.channel(old), dtype=dtype, bits=16) for new, old in wanted}
    spec = oiio.ImageSpec(source.spec.width, source.spec.height, len(planes), "half")
    for name in ("x", "y", "full_x", "full_y", "full_width", "full_height"):
        setattr(spec, name, getattr(source.spec, name))
    spec.attribute("PixelAspectRatio", float(source.spec.get_float_attribute("PixelAspectRatio", 1.0)))
    spec.attribute("compression", "zip")
    spec.attribute("DateTime", str(source.spec.get_string_attribute("DateTime")))
    space = plate.colour_hints.interop_id or plate.colour_hints.oiio_colour_space
    if space:
        spec.attribute("colorInteropID", space)
    if not plate.is_float:
        warnings.append(f"the EXR holds the {plate.format} plate's values as they are encoded, not scene-linear light")
    if plate.alpha is not None and plate.format in ("png", "tiff", "targa", "webp") and bool(np.any(plate.alpha < 1.0)):
        warnings.append("the plate's colour is not multiplied by its alpha, as an EXR's is meant to be: kept as it is")
    _warn_left_behind(plate, warnings)
    return Plan([OutPart(spec, planes)], 0, ("R", "G", "B"), plate.bits, [], warnings)


def _warn_left_behind(plate: Picture, warnings: list[str]) -> None:
    kept = {*plate.layout.rgb, plate.layout.alpha}
    lost = [
        name
        for index, part in enumerate(plate.parts)
        for name in part.channels
        if index != plate.layout.part or name not in kept
    ]
    if lost:
        warnings.append(f"left behind by the change of format: channels {', '.join(lost)}")


@dataclass(frozen=True)
class _Place:
    """Where layers lie in the pixels of a part."""

    shape: tuple[int, int]
    at: tuple[slice, slice]
    whole: bool
    """True where they cover all."""

    @classmethod
    def of(cls, window: Window, whole: Window) -> _Place:
        return cls((whole.height, whole.width), window.slices(whole), window == whole)

    def lay(self, values: np.ndarray, *, beyond: float = 0.0) -> np.ndarray:
        """A layer's values among `beyond`."""
        if self.whole:
            return values
        out = np.full(self.shape, beyond, values.dtype)
        out[self.at] = values
        return out


def _add_layers(plan: Plan, layers: Mapping[str, FloatArray], header: Mapping[str, str], place: _Place) -> None:
    target = plan.parts[plan.rgb_part]
    dtype = target.planes[plan.rgb[0]].dtype
    own: dict[str, dict[str, np.ndarray]] = {}
    for name, values in layers.items():
        first = name.partition(".")[0]
        if first in _WITH_PLATE:
            if name in target.planes:
                plan.warnings.append(f"channel {name} of the plate is replaced by the layer of that name")
            beyond = 1.0 if name == REST_LAYER else 0.0
            target.planes[name] = place.lay(to_samples(values, dtype=dtype, bits=16), beyond=beyond)
        else:
            # CryptoFaceRegion00, 01, ... are ranks of one layer: one part.
            kept = values.astype(np.float16) if first in HALF else values
            own.setdefault(first.rstrip("0123456789") or first, {})[name] = place.lay(kept)
    for part_name, planes in own.items():
        _replace_or_append(plan, part_name, OutPart(_data_spec(target.spec, part_name, header), planes))


def _replace_or_append(plan: Plan, name: str, part: OutPart) -> None:
    """A plate that is an earlier result may hold the part already: the new one takes its place."""
    for index, existing in enumerate(plan.parts):
        if index != plan.rgb_part and str(existing.spec.get_string_attribute("name")) == name:
            plan.warnings.append(f"part {name} of the plate is replaced by the layer of that name")
            plan.parts[index] = part
            plan.carried[:] = [pair for pair in plan.carried if pair[1] != index]
            return
    plan.parts.append(part)


def _data_spec(like: Spec, name: str, header: Mapping[str, str]) -> Spec:
    spec = oiio.ImageSpec(like.width, like.height, 1, "float")
    for field in ("x", "y", "full_x", "full_y", "full_width", "full_height", *_TILES):
        setattr(spec, field, getattr(like, field))
    compression = str(like.get_string_attribute("compression"))
    # pxr24 keeps only 24 bits of a float, which would destroy Cryptomatte's ids.
    spec.attribute("compression", compression if compression in LOSSLESS else "zip")
    spec.attribute("PixelAspectRatio", float(like.get_float_attribute("PixelAspectRatio", 1.0)))
    # Chromaticities and time code, which OpenEXR wants alike in all parts, it copies from the first by itself.
    spec.attribute("DateTime", "")
    spec.attribute("name", name)
    spec.attribute("colorInteropID", "data")
    view = str(like.get_string_attribute("view"))
    if view:
        spec.attribute("view", view)
    # A part says of its own Cryptomatte alone; the part with RGB says of all.
    own = {key.rpartition("/")[0] for key, text in header.items() if key.startswith("cryptomatte/") and text == name}
    for key, text in header.items():
        if key.rpartition("/")[0] in own:
            spec.attribute(key, text)
    return spec


def _name_parts(plan: Plan) -> None:
    """Multi-part files need a name for each part, each once."""
    taken: set[str] = set()
    for index, part in enumerate(plan.parts):
        wanted = str(part.spec.get_string_attribute("name")) or ("rgba" if index == plan.rgb_part else f"part{index}")
        name, number = wanted, 2
        while name in taken:
            name, number = f"{wanted}{number}", number + 1
        taken.add(name)
        part.spec.attribute("name", name)
        part.spec.attribute("oiio:subimagename", name)


def _level_tiling(plan: Plan) -> None:
    """OpenImageIO writes the parts of a file all tiled or all by scanline: a plate that mixes them loses its tiles."""
    tiled = {part.spec.tile_width > 0 for part in plan.parts}
    if len(tiled) > 1:
        plan.warnings.append("the plate mixes tiled and scanline parts: all are written by scanline")
        for part in plan.parts:
            for field in _TILES:
                setattr(part.spec, field, 0)

"""Write a picture: the plate with new colour under a matte, everything else bit for bit as it was."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio

from vfx_swap.arrays import FloatArray, check_array
from vfx_swap.errors import OutputError, UnsupportedImageError
from vfx_swap.io.atomic import atomic_write
from vfx_swap.io.digests import file_sha256
from vfx_swap.io.exr import exr_plan
from vfx_swap.io.picture import Picture, Spec
from vfx_swap.io.plan import OutPart, Plan, fit_spec
from vfx_swap.io.samples import place
from vfx_swap.io.stills import format_of, still_plan
from vfx_swap.types import Window

__all__ = ["WriteReport", "write_picture"]

_NO_LAYERS: Mapping[str, FloatArray] = {}
_NO_HEADER: Mapping[str, str] = {}


@dataclass(frozen=True)
class WriteReport:
    """What was written."""

    warnings: tuple[str, ...]
    """What of the plate could not be carried through, each by name; empty when everything was."""
    sha256: str
    """Digest of the file; empty for a frame of a movie, which has no file of its own."""


def write_picture(
    path: str | os.PathLike[str],
    plate: Picture,
    *,
    rgb: FloatArray,
    matte: FloatArray,
    layers: Mapping[str, FloatArray] = _NO_LAYERS,
    header: Mapping[str, str] = _NO_HEADER,
    window: Window | None = None,
) -> WriteReport:
    """Write the plate with `rgb` where `matte` is above 0.

    Colour is written only there; every other sample of every channel of every part keeps its native bits,
    NaN and inf included, as long as plate and output are of the same format. The comp is already in
    `rgb`: the matte only says where it counts. Alpha is never changed; an EXR's `rgb` is premultiplied
    like the plate's own.

    Args:
        path: the file; written whole or not at all. The extension is the format.
        plate: where all else comes from.
        rgb: (height, width, 3) of the plate's data window, in the file's encoding as `Picture.rgb` gives it.
        matte: (height, width) 0 to 1.
        layers: full channel name (`matte.1.A`, `patch.R`, `stmap.R`, `regions.hair`) -> (height, width). EXR only.
        header: attributes for the header, such as `vfx_swap/render`.
        window: where `rgb`, `matte` and layers lie within the plate's data window: outside of it nothing is
            changed, and layers are 0. None: all of the data window.

    Raises:
        UnsupportedImageError: layers for a format that has none, float light for a format of integers.
        DiskFullError: no room left.
        OutputError: it could not be written.
    """
    target = Path(path)
    window = plate.data_window if window is None else window
    check_array("rgb", rgb, shape=(window.height, window.width, 3))
    check_array("matte", matte, shape=(window.height, window.width))
    for name, values in layers.items():
        check_array(f"layer {name}", values, shape=(window.height, window.width))
    plan = _plan(target, plate, layers, header, window)
    colour = _Colour.under(matte, rgb, plan, at=window.slices(plate.data_window))
    with atomic_write(target) as temporary:
        _write_parts(temporary, target, format_of(target), plan, colour)
        _compare(temporary, target, plan, plate, header)
        digest = file_sha256(temporary)
    return WriteReport(tuple(dict.fromkeys((*plate.warnings, *plan.warnings))), digest)


@dataclass(frozen=True, eq=False)
class _Colour:
    """New samples for a rectangle of the part that holds RGB: all else is written as the plate has it."""

    at: tuple[slice, slice]
    """Rows and columns."""
    planes: Mapping[str, np.ndarray]
    """Channel -> samples of the rectangle."""

    @classmethod
    def under(cls, matte: FloatArray, rgb: FloatArray, plan: Plan, *, at: tuple[slice, slice]) -> _Colour:
        """What `place` makes of the plate's rectangle `at`."""
        part = plan.parts[plan.rgb_part]
        native = np.stack([part.planes[name][at] for name in plan.rgb], axis=-1)
        placed = place(native, rgb, matte, bits=plan.bits)
        return cls(at, {name: placed[..., index] for index, name in enumerate(plan.rgb)})

    def lay(self, buffer: np.ndarray, names: Sequence[str]) -> None:
        """Into a part's samples (height, width, len(names)), of the samples' type or one that holds them."""
        for name, values in self.planes.items():
            buffer[(*self.at, names.index(name))] = values


def _plan(
    target: Path, plate: Picture, layers: Mapping[str, FloatArray], header: Mapping[str, str], window: Window
) -> Plan:
    if format_of(target) == "openexr":
        return exr_plan(plate, layers=layers, header=header, window=window)
    if layers:
        raise UnsupportedImageError(
            f"layers {', '.join(layers)} do not fit into {target.suffix}",
            where=target,
            mend="Write EXR, or leave the layers out",
        )
    return still_plan(target, plate, header=header)


def _write_parts(temporary: Path, target: Path, format_name: str, plan: Plan, colour: _Colour) -> None:
    output = oiio.ImageOutput.create(format_name)
    if output is None:
        raise OutputError(f"cannot write {format_name}: {_reason(oiio)}", where=target)
    for part in plan.parts:
        fit_spec(part)
    specs = tuple(part.spec for part in plan.parts)
    try:
        for index, part in enumerate(plan.parts):
            _check(_open(output, temporary, index, specs), output, target, "open")
            buffer = _buffer(part, plan)
            if index == plan.rgb_part:
                colour.lay(buffer, list(part.planes))
            _check(output.write_image(buffer), output, target, "write")
        # close() answers True on a full disk, so it is the calls before it that tell.
        _check(output.close(), output, target, "close")
    finally:
        output.close()


def _open(output: Any, temporary: Path, index: int, specs: tuple[Spec, ...]) -> bool:
    name = str(temporary)
    if index:
        return bool(output.open(name, specs[index], "AppendSubimage"))
    if len(specs) > 1 and output.supports("multiimage"):
        return bool(output.open(name, specs if output.format_name() == "openexr" else specs[0]))
    return bool(output.open(name, specs[0]))


def _reason(source: Any) -> str:
    return " ".join(str(source.geterror()).split()) or "no reason given"


def _check(done: bool, output: Any, target: Path, step: str) -> None:
    # Some writers answer True and leave an error behind; both are asked.
    if not done or output.has_error:
        raise OutputError(f"cannot {step}: {_reason(output)}", where=target)


def _buffer(part: OutPart, plan: Plan) -> np.ndarray:
    """One array for OpenImageIO: of the native type where there is one, else float32 for half beside float."""
    planes = list(part.planes.values())
    if len({plane.dtype for plane in planes}) == 1:
        return np.stack(planes, axis=-1)
    signalling = [name for name, plane in part.planes.items() if _has_signalling_nan(plane)]
    if signalling:
        plan.warnings.append(
            f"signalling NaNs in {', '.join(signalling)} become quiet NaNs: the part mixes half and float channels"
        )
    with np.errstate(invalid="ignore"):
        return np.stack([plane.astype(np.float32) for plane in planes], axis=-1)


def _has_signalling_nan(plane: np.ndarray) -> bool:
    """IEEE 754: a NaN whose first fraction bit is 0; conversions set it."""
    if plane.dtype == np.float16:
        bits = np.ascontiguousarray(plane).view(np.uint16)
        return bool(np.any(((bits & 0x7E00) == 0x7C00) & ((bits & 0x01FF) != 0)))
    return False


def _compare(temporary: Path, target: Path, plan: Plan, plate: Picture, header: Mapping[str, str]) -> None:
    """Read the header back: structure must be as planned, and attributes that were lost are named."""
    config = oiio.ImageSpec()
    config.attribute("oiio:UnassociatedAlpha", 1)
    source = oiio.ImageInput.open(str(temporary), config)
    if source is None:
        raise OutputError(f"cannot be read back: {_reason(oiio)}", where=target)
    try:
        specs: list[Spec] = []
        while source.seek_subimage(len(specs), 0):
            specs.append(source.spec())
    finally:
        source.close()
    if len(specs) != len(plan.parts):
        raise OutputError(f"{len(plan.parts)} parts were written and {len(specs)} read back", where=target)
    for part, spec in zip(plan.parts, specs, strict=True):
        _same_structure(part, spec, target)
    for old, new in plan.carried:
        lost = _lost_attributes(plate.parts[old].spec, specs[new], header)
        if lost:
            plan.warnings.append(f"metadata that {target.suffix} did not keep: {', '.join(lost)}")
    missing = [name for name in header if specs[plan.rgb_part].get_string_attribute(name) != header[name]]
    if missing:
        plan.warnings.append(f"{target.suffix} did not take these header entries: {', '.join(missing)}")


def _same_structure(part: OutPart, spec: Spec, target: Path) -> None:
    wanted = {name: plane.dtype.name for name, plane in part.planes.items()}
    names = tuple(str(name) for name in spec.channelnames)
    got = {name: _NUMPY_NAMES.get(str(spec.channelformat(index)), "?") for index, name in enumerate(names)}
    # Only EXR stores channel names.
    same = wanted == got if format_of(target) == "openexr" else sorted(wanted.values()) == sorted(got.values())
    size = (part.spec.width, part.spec.height, part.spec.x, part.spec.y)
    if not same or size[:2] != (spec.width, spec.height):
        raise OutputError(f"was written as {got}, not as {wanted}", where=target)
    windows = [
        (each.x, each.y, each.full_x, each.full_y, each.full_width, each.full_height) for each in (part.spec, spec)
    ]
    if windows[0] != windows[1] and format_of(target) == "openexr":
        raise OutputError(f"has windows {windows[1]}, not {windows[0]}", where=target)


_NUMPY_NAMES = {
    "half": "float16",
    "float": "float32",
    "double": "float64",
    "uint8": "uint8",
    "uint16": "uint16",
    "uint": "uint32",
    "uint32": "uint32",
    "int8": "int8",
    "int16": "int16",
    "int": "int32",
}

_NOT_METADATA = frozenset(
    {"openexr:chunkCount", "openexr:dwaCompressionLevel", "compression", "Compression", "CompressionQuality"}
)


def _lost_attributes(plate: Spec, written: Spec, header: Mapping[str, str]) -> list[str]:
    lost: list[str] = []
    for item in plate.extra_attribs:
        name = str(item.name)
        if name.startswith(("oiio:", "tiff:", "jpeg:")) or name in _NOT_METADATA or name in header:
            continue
        if repr(written.getattribute(name)) != repr(item.value):
            lost.append(name)
    return sorted(lost)

"""Read a picture whole, every part to its last pixel, in native bits, by OpenImageIO.

All parts are decoded, so a file cut short is found even when the part with the colour is intact.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio

from vfx_swap.arrays import frozen
from vfx_swap.errors import InputError, MissingInputError, UnreadableImageError, UnsupportedImageError
from vfx_swap.io.digests import file_sha256
from vfx_swap.io.layout import find_rgb
from vfx_swap.io.picture import Block, Part, Picture, Spec
from vfx_swap.types import ColourHints

__all__ = ["READ_FORMATS", "read_parts", "read_picture", "verify_picture"]

READ_FORMATS = frozenset(
    {"openexr", "dpx", "cineon", "tiff", "png", "jpeg", "targa", "webp", "bmp", "hdr", "jpegxl", "jpeg2000"}
)
"""OpenImageIO's names. Its others are left out on purpose: `null` makes a picture of any name, `gif` is palettes."""


def read_picture(path: str | os.PathLike[str], *, layer: str | None = None) -> Picture:
    """Read a still.

    PNG and TIFF with unassociated alpha keep their straight colour: nothing is multiplied.

    Args:
        path: the file; its content, not its extension, decides the format.
        layer: the layer, or the part, whose RGB is the plate; by default found as `layout` describes.

    Raises:
        MissingInputError: there is no such file.
        UnreadableImageError: empty, truncated, a folder, or not a picture.
        UnsupportedImageError: deep data, volumes, mip or rip levels, subsampled channels, no RGB.
    """
    file = Path(path)
    format_name, parts = _decoded(file)
    return _assemble(file, format_name, parts, layer)


def read_parts(path: str | os.PathLike[str]) -> tuple[Part, ...]:
    """All parts of a still, whether or not there is colour in it.

    Raises:
        As `read_picture`, but for a want of RGB.
    """
    return _decoded(Path(path))[1]


def _decoded(file: Path) -> tuple[str, tuple[Part, ...]]:
    """Format and parts."""
    _check_file(file)
    config = oiio.ImageSpec()
    config.attribute("oiio:UnassociatedAlpha", 1)
    source = oiio.ImageInput.open(str(file), config)
    if source is None:
        raise _unreadable(oiio.geterror(), file)
    try:
        format_name = str(source.format_name())
        if format_name not in READ_FORMATS:
            raise UnsupportedImageError(
                f"pictures of type {format_name!r} are not read", where=file, mend="Give EXR, DPX, TIFF, PNG or JPEG"
            )
        return format_name, _read_parts(source, file)
    finally:
        source.close()


def _check_file(file: Path) -> None:
    try:
        status = file.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        what = "is a link to nothing" if file.is_symlink() else "there is no such file"
        raise MissingInputError(what, where=file) from error
    except (OSError, ValueError) as error:
        raise UnreadableImageError(f"cannot be opened: {error}", where=file) from error
    if not file.is_file():
        raise UnreadableImageError("is a folder or a device, not a picture", where=file)
    if status.st_size == 0:
        raise UnreadableImageError("the file is empty", where=file, mend="Render or copy it again")
    if not os.access(file, os.R_OK):
        raise UnreadableImageError("may not be read by this user", where=file, mend="Change its permissions")


def _unreadable(reason: str, file: Path) -> InputError:
    text = " ".join(reason.split()) or "no reason given"
    if "subsampl" in text.lower() or "sampling" in text.lower():
        return UnsupportedImageError(f"holds subsampled channels ({text})", where=file, mend="Convert it to RGB")
    return UnreadableImageError(f"cannot be read: {text}", where=file, mend="Render or copy it again")


def _read_parts(source: Any, file: Path) -> tuple[Part, ...]:
    parts: list[Part] = []
    while source.seek_subimage(len(parts), 0):
        index = len(parts)
        spec = source.spec()
        if source.seek_subimage(index, 1):
            raise UnsupportedImageError(
                "holds mip or rip levels, which would be lost", where=file, mend="Give a plate, not a texture"
            )
        source.seek_subimage(index, 0)
        _check_spec(spec, file)
        blocks = tuple(_read_block(source, index, spec, first, last, file) for first, last in _runs(spec))
        name = str(spec.get_string_attribute("name") or spec.get_string_attribute("oiio:subimagename"))
        parts.append(Part(name, spec, blocks))
    # seek_subimage also answers False when the next part's header is damaged; only then is there an error
    # beside the plain "no such part".
    stated = parts[0].spec.get_int_attribute("oiio:subimages", len(parts)) if parts else 0
    if not parts or stated > len(parts):
        raise _unreadable(source.geterror() or f"{stated} parts announced, {len(parts)} found", file)
    source.geterror()
    return tuple(parts)


def _check_spec(spec: Spec, file: Path) -> None:
    if spec.deep:
        raise UnsupportedImageError("holds deep data", where=file, mend="Flatten it first")
    if spec.depth > 1:
        raise UnsupportedImageError(f"is a volume of {spec.depth} slices", where=file, mend="Give a flat picture")


def _runs(spec: Spec) -> list[tuple[int, int]]:
    """Half-open channel ranges of one pixel type each: read alone, none is converted."""
    formats = [str(spec.channelformat(channel)) for channel in range(spec.nchannels)]
    starts = [0] + [channel for channel in range(1, spec.nchannels) if formats[channel] != formats[channel - 1]]
    return list(zip(starts, [*starts[1:], spec.nchannels], strict=True))


def _read_block(source: Any, index: int, spec: Spec, first: int, last: int, file: Path) -> Block:
    pixels = source.read_image(index, 0, first, last, spec.channelformat(first))
    # A damaged JPEG gives pixels and an error: the error counts.
    if pixels is None or source.has_error:
        raise _unreadable(source.geterror(), file)
    shaped = np.asarray(pixels).reshape(spec.height, spec.width, last - first)
    return Block(tuple(str(name) for name in spec.channelnames[first:last]), frozen(shaped))


def _assemble(file: Path, format_name: str, parts: tuple[Part, ...], layer: str | None) -> Picture:
    layout = find_rgb([(part.name, part.channels) for part in parts], where=file, layer=layer)
    spec = parts[layout.part].spec
    native = parts[layout.part].channel(layout.rgb[0]).dtype
    picture = Picture(
        path=file,
        format=format_name,
        parts=parts,
        layout=layout,
        kind="float" if native.kind == "f" else "integer",
        colour_hints=_hints(format_name, spec),
        warnings=_reading_warnings(parts, layout.part),
    )
    if native.kind != "f" and native not in (np.uint8, np.uint16):
        raise UnsupportedImageError(
            f"colour is stored as {native.name}", where=file, mend="Convert it to half or float, or to 8 or 16 bits"
        )
    return picture


def _reading_warnings(parts: tuple[Part, ...], chosen: int) -> tuple[str, ...]:
    view = str(parts[chosen].spec.get_string_attribute("view"))
    views = sorted({str(part.spec.get_string_attribute("view")) for part in parts} - {"", view})
    if not view or not views:
        return ()
    return (f"the swap goes into view {view!r}; view {', '.join(map(repr, views))} stays as it is",)


def _hints(format_name: str, spec: Spec) -> ColourHints:
    interop = str(spec.get_string_attribute("colorInteropID")) or None
    # For EXR, OpenImageIO derives oiio:ColorSpace from colorInteropID and lets it stick to later parts.
    derived = None if format_name == "openexr" else str(spec.get_string_attribute("oiio:ColorSpace")) or None
    chromaticities = spec.getattribute("chromaticities")
    eight = isinstance(chromaticities, tuple) and len(chromaticities) == 8
    return ColourHints(
        interop_id=interop,
        chromaticities=tuple(float(value) for value in chromaticities) if eight else None,
        oiio_colour_space=derived,
    )


def verify_picture(path: str | os.PathLike[str], *, sha256: str | None = None) -> None:
    """Make sure a written picture is whole: by its digest where one is known, else by decoding all of it.

    Raises:
        MissingInputError: there is no such file.
        UnreadableImageError: it is truncated, damaged, or not the file that was written.
        UnsupportedImageError: as for `read_picture`.
    """
    if sha256 is None:
        read_picture(path)
        return
    file = Path(path)
    _check_file(file)
    if file_sha256(file) != sha256:
        raise UnreadableImageError("is not the file that was written: its digest differs", where=file)

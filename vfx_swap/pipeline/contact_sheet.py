"""A contact sheet: one PNG on which a swap can be judged at a glance and, in its crops, at 200 %.

Rows are frames; columns are plate, swap, matte, and the face before and after at 200 %.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vfx_swap.arrays import FloatArray, check_array
from vfx_swap.errors import UsageError
from vfx_swap.io.atomic import atomic_write
from vfx_swap.types import ModelImage

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont, ImageFont

__all__ = ["SheetRow", "crop_at_200", "make_contact_sheet", "to_bytes", "write_contact_sheet"]

_GAP = 8
_HEADING = 64
_LABEL = 30
_ROW_OF_TEXT_SIZES = 300
"""Row height that the text's sizes are meant for; on larger sheets it grows with the rows."""
_BACKGROUND = (24, 24, 26)
_TEXT = (222, 222, 222)
_DIM = (150, 150, 152)
_COLUMNS = ("plate", "swap", "matte", "plate, 200 %", "swap, 200 %")


@dataclass(frozen=True, eq=False)
class SheetRow:
    """One frame of the sheet; pictures of one size, ready to look at."""

    label: str
    """Stands over the row, such as `frame 1012, motion blur`."""
    plate: ModelImage
    swap: ModelImage
    matte: FloatArray
    """(height, width) 0 to 1."""
    centre: tuple[float, float]
    """(x, y) pixel that the 200 % crops are centred on."""

    def __post_init__(self) -> None:
        check_array("SheetRow.swap", self.swap.rgb, shape=self.plate.rgb.shape)
        check_array("SheetRow.matte", self.matte, shape=self.plate.rgb.shape[:2])


def to_bytes(image: ModelImage) -> np.ndarray:
    """(height, width, 3) uint8, rounded to nearest."""
    rounded: np.ndarray = (image.rgb * np.float32(255.0) + np.float32(0.5)).astype(np.uint8)
    return rounded


def crop_at_200(image: ModelImage, *, centre: tuple[float, float], width: int, height: int) -> Image:
    """A part of a picture at twice its size, (width, height) on the sheet; moved inside the picture at its border."""
    from PIL import Image

    rows, columns = image.rgb.shape[:2]
    wide, high = min((width + 1) // 2, columns), min((height + 1) // 2, rows)
    left = int(np.clip(round(centre[0] - wide / 2), 0, columns - wide))
    top = int(np.clip(round(centre[1] - high / 2), 0, rows - high))
    part = np.ascontiguousarray(to_bytes(image)[top : top + high, left : left + wide])
    return Image.fromarray(part).resize((2 * wide, 2 * high), Image.Resampling.BICUBIC)


def make_contact_sheet(rows: Sequence[SheetRow], *, title: str, subtitle: str = "", row_height: int = 432) -> Image:
    """The sheet as a Pillow picture.

    Args:
        rows: the frames, all of one picture size.
        title: first line.
        subtitle: second line.
        row_height: of the pictures, in pixels of the sheet.

    Raises:
        UsageError: no rows.
    """
    from PIL import Image, ImageDraw

    if not rows:
        raise UsageError("a contact sheet needs at least one frame", mend="Name frames that were rendered")
    height, width = rows[0].plate.rgb.shape[:2]
    thumb = max(1, round(row_height * width / height))
    crop = round(row_height * 1.25)
    widths = (thumb, thumb, thumb, crop, crop)
    scale = max(1.0, row_height / _ROW_OF_TEXT_SIZES)
    heading, line = round(_HEADING * scale), round(_LABEL * scale)
    sheet = Image.new(
        "RGB",
        (sum(widths) + _GAP * (len(widths) + 1), heading + line + len(rows) * (row_height + line + _GAP)),
        _BACKGROUND,
    )
    draw = ImageDraw.Draw(sheet)

    def write(text: str, *, x: int, y: int, size: int, fill: tuple[int, int, int]) -> None:
        points = round(size * scale)
        draw.text((x, y), _fitted(text, points, sheet.width), font=_font(points), fill=fill)

    write(title, x=_GAP, y=round(8 * scale), size=26, fill=_TEXT)
    write(subtitle, x=_GAP, y=round(40 * scale), size=16, fill=_DIM)
    left = _GAP
    for name, across in zip(_COLUMNS, widths, strict=True):
        write(name, x=left, y=heading + 4, size=18, fill=_DIM)
        left += across + _GAP
    for index, row in enumerate(rows):
        top = heading + line + index * (row_height + line + _GAP)
        write(row.label, x=_GAP, y=top + 4, size=18, fill=_TEXT)
        left = _GAP
        for picture, across in zip(_pictures(row, thumb, crop, row_height), widths, strict=True):
            sheet.paste(picture, (left, top + line))
            left += across + _GAP
    return sheet


def write_contact_sheet(
    path: Path, rows: Sequence[SheetRow], *, title: str, subtitle: str = "", row_height: int = 432
) -> None:
    """Write the sheet as PNG.

    Raises:
        UsageError: no rows.
        OutputError: the file cannot be written.
    """
    sheet = make_contact_sheet(rows, title=title, subtitle=subtitle, row_height=row_height)
    data = io.BytesIO()
    sheet.save(data, format="PNG", compress_level=6)
    with atomic_write(path) as temporary:
        temporary.write_bytes(data.getvalue())


def _pictures(row: SheetRow, thumb: int, crop: int, height: int) -> tuple[Image, ...]:
    from PIL import Image

    matte = ModelImage(np.repeat(np.clip(row.matte, 0.0, 1.0)[..., None], 3, axis=-1))
    small = tuple(
        Image.fromarray(to_bytes(image)).resize((thumb, height), Image.Resampling.LANCZOS)
        for image in (row.plate, row.swap, matte)
    )
    large = tuple(crop_at_200(image, centre=row.centre, width=crop, height=height) for image in (row.plate, row.swap))
    return (*small, *(picture.crop((0, 0, crop, height)) for picture in large))


def _font(size: int) -> FreeTypeFont | ImageFont:
    """Pillow's own font: the sheet looks alike wherever it is made."""
    from PIL import ImageFont

    return ImageFont.load_default(size=size)


def _fitted(text: str, size: int, width: int) -> str:
    """A line without control characters, short enough for the sheet."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in text)
    most = max(8, int(width / (0.5 * size)))
    return clean if len(clean) <= most else clean[: most - 3] + "..."

"""The sheet of a shot of doubles: plate, swap, true swap, their difference and the matte at 200 %, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from scripts.benchmarks._truth import Look
from vfx_swap.arrays import FloatArray
from vfx_swap.colour.display import auto_exposure_stops, to_display
from vfx_swap.colour.ocio import LINEAR_REC709, ColourConfig
from vfx_swap.colour.transfer import apply_matrix
from vfx_swap.pipeline.contact_sheet import crop_at_200
from vfx_swap.pipeline.qc_pixels import log_luminance
from vfx_swap.types import Frame, ModelImage

__all__ = ["Strip", "make_strip", "write_sheet"]

PANELS = ("plate", "swap", "true swap", "swap - true, 1 stop to white", "matte")
_GAP, _LINE = 8, 34
_BACKGROUND, _TEXT = (24, 24, 26), (222, 222, 222)
_LARGEST = 1100
"""Side of a panel, in pixels of the sheet; larger faces are cut to their middle."""


@dataclass(frozen=True, eq=False)
class Strip:
    """One row of the sheet."""

    label: str
    panels: tuple[Image.Image, ...]


def make_strip(
    label: str, look: Look, *, centre: tuple[float, float], face_height: float, config: ColourConfig
) -> Strip:
    """A face of a frame, five ways.

    Args:
        label: stands over it.
        look: the frame.
        centre: (x, y) of the face, pixels of the data window's array.
        face_height: in pixels.
        config: knows the frame's colour space.
    """
    side = min(_LARGEST, int(2 * 1.45 * face_height))
    to_rec709 = config.matrix(source=look.plate.colour_space, destination=LINEAR_REC709)
    linear = apply_matrix(np.nan_to_num(look.plate.rgb, posinf=65504.0, neginf=0.0), to_rec709)
    stops, shoulder = auto_exposure_stops(linear), bool(linear.max(initial=0.0) > 1.001)

    def shown(frame: Frame) -> ModelImage:
        return to_display(frame.rgb, config=config, colour_space=frame.colour_space, exposure=stops, shoulder=shoulder)

    logs = [
        log_luminance(apply_matrix(frame.rgb, to_rec709), weights=(0.2126, 0.7152, 0.0722))
        for frame in (look.swap, look.true)
    ]
    away = np.clip(0.5 + 0.5 * (logs[0] - logs[1]), 0.0, 1.0)
    pictures = (shown(look.plate), shown(look.swap), shown(look.true), _grey(away), _grey(look.matte))
    panels = tuple(crop_at_200(picture, centre=centre, width=side, height=side) for picture in pictures)
    return Strip(label, panels)


def write_sheet(path: Path, strips: Sequence[Strip], *, title: str) -> None:
    """Write the strips under each other as PNG."""
    width = max(sum(panel.width + _GAP for panel in strip.panels) for strip in strips) + _GAP
    height = _GAP + 2 * _LINE + sum(_LINE + strip.panels[0].height + _GAP for strip in strips)
    sheet = Image.new("RGB", (width, height), _BACKGROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=22)
    draw.text((_GAP, _GAP), title, font=font, fill=_TEXT)
    left = _GAP
    for name, panel in zip(PANELS, strips[0].panels, strict=True):
        draw.text((left, _GAP + _LINE), name, font=font, fill=_TEXT)
        left += panel.width + _GAP
    top = _GAP + 2 * _LINE
    for strip in strips:
        draw.text((_GAP, top), strip.label, font=font, fill=_TEXT)
        left = _GAP
        for panel in strip.panels:
            sheet.paste(panel, (left, top + _LINE))
            left += panel.width + _GAP
        top += _LINE + strip.panels[0].height + _GAP
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def _grey(values: FloatArray) -> ModelImage:
    return ModelImage(np.repeat(np.clip(values, 0.0, 1.0)[..., None], 3, axis=-1).astype(np.float32))

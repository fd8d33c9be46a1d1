"""The pictures of a report: which frames are shown, and what of them, within a stated number of bytes.

All are shown with one exposure, so that a brightness that jumps is seen to jump.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vfx_swap.colour.display import auto_exposure_stops, to_display
from vfx_swap.colour.ocio import LINEAR_REC709, ColourConfig
from vfx_swap.colour.transfer import apply_matrix
from vfx_swap.errors import CancelledError
from vfx_swap.pipeline.contact_sheet import to_bytes
from vfx_swap.pipeline.progress import Cancelled, Progress, ProgressEvent
from vfx_swap.pipeline.qc_judge import QcVerdict
from vfx_swap.pipeline.qc_read import QcFiles, QcPair, UnfitError
from vfx_swap.pipeline.qc_scan import QcFrame
from vfx_swap.types import Frame

__all__ = ["PICTURE_BYTES", "CropPair", "FramePictures", "QcPictures", "frames_to_show", "make_pictures"]

PICTURE_BYTES = 24 << 20
"""Of all pictures of a report, as they stand in the page (base64): what still opens at once and goes by mail."""
WIDEST = 1280
"""Pixels across of a whole frame."""
THUMB = 256
LARGEST_CROP = 480
"""Pixels of the plate each way; shown at 200 %."""
LEAST_CROP = 160
_APART = 2
"""Frames that lie no farther from one that is shown tell little more."""


@dataclass(frozen=True)
class CropPair:
    """A face before and after, pixel by pixel."""

    name: str
    plate_uri: str
    result_uri: str
    width: int
    height: int


@dataclass(frozen=True)
class FramePictures:
    """One frame."""

    frame: int
    width: int
    height: int
    plate_uri: str
    result_uri: str
    thumb_uri: str
    wipe_percent: float
    """Where the wipe stands at first: on the face."""
    crops: tuple[CropPair, ...] = ()

    @property
    def size(self) -> int:
        """Bytes in the page."""
        uris = [self.plate_uri, self.result_uri, self.thumb_uri]
        uris += [uri for crop in self.crops for uri in (crop.plate_uri, crop.result_uri)]
        return sum(len(uri) for uri in uris)


@dataclass(frozen=True)
class QcPictures:
    """All pictures of a report."""

    frames: tuple[FramePictures, ...] = ()
    """In the order of the shot."""
    exposure_stops: float = 0.0
    left_out: tuple[int, ...] = ()
    """Frames that were to be shown and did not fit."""

    @property
    def size(self) -> int:
        """Bytes in the page."""
        return sum(one.size for one in self.frames)


def frames_to_show(frames: Sequence[QcFrame], verdict: QcVerdict, *, most: int) -> tuple[int, ...]:
    """Which frames are shown, the most telling first: the worst, then first, last and what is evenly between.

    Args:
        frames: of the shot.
        verdict: on them.
        most: how many.
    """
    there = [one.frame for one in frames if one.status == "measured"]
    chosen: list[int] = []
    ranked = [number for number in verdict.worst if number in set(there)]
    for number in ranked:
        if len(chosen) >= most // 2:
            break
        if len(there) <= most or all(abs(number - one) > _APART for one in chosen):
            chosen.append(number)
    places = np.linspace(0, len(there) - 1, min(most, len(there))).round().astype(int)
    spread = [there[index] for index in dict.fromkeys(places.tolist())]
    # From the middle out, each half anew: whatever the number that fits, it covers the shot.
    order = sorted(range(len(spread)), key=_bits_reversed)
    for index in [0, len(spread) - 1, *order] if spread else []:
        if spread[index] not in chosen and len(chosen) < most:
            chosen.append(spread[index])
    return tuple(chosen)


def _bits_reversed(index: int) -> int:
    return int(f"{index:012b}"[::-1], 2)


def make_pictures(
    frames: Sequence[QcFrame],
    wanted: Sequence[int],
    files: QcFiles,
    *,
    config: ColourConfig,
    progress: Progress,
    cancelled: Cancelled,
    budget: int = PICTURE_BYTES,
) -> QcPictures:
    """Read the frames again and encode what is shown of them.

    Args:
        frames: of the shot, measured.
        wanted: frames to show, the most telling first.
        files: opened.
        config: OCIO config.
        progress: told of what does not fit.
        cancelled: asked between frames.
        budget: bytes of all pictures; frames past it are left out, and named.

    Raises:
        CancelledError: stopped.
    """
    rows = {one.frame: one for one in frames}
    made: list[FramePictures] = []
    left_out: list[int] = []
    shown: _Shown | None = None
    spent = 0
    for number in wanted:
        if cancelled():
            raise CancelledError("stopped: no report was written", mend="Run the same command again")
        try:
            pair = files.read(number)
        except UnfitError:  # gone since it was measured
            left_out.append(number)
            continue
        shown = shown or _shown(pair.plate, config)
        pictures = _pictures(rows[number], pair, shown)
        if spent + pictures.size > budget:
            left_out.append(number)
            continue
        made.append(pictures)
        spent += pictures.size
    if left_out:
        what = f"{len(left_out)} frames have no picture in the report: {budget >> 20} MiB are full"
        progress(ProgressEvent("qc", "note", message=what))
    ordered = tuple(sorted(made, key=lambda one: one.frame))
    return QcPictures(ordered, 0.0 if shown is None else shown.stops, tuple(sorted(left_out)))


@dataclass(frozen=True, eq=False)
class _Shown:
    """How all frames are shown."""

    config: ColourConfig
    stops: float
    shoulder: bool

    def __call__(self, frame: Frame) -> np.ndarray:
        """(height, width, 3) uint8 sRGB."""
        return to_bytes(
            to_display(
                frame.rgb,
                config=self.config,
                colour_space=frame.colour_space,
                exposure=self.stops,
                shoulder=self.shoulder,
            )
        )


def _shown(plate: Frame, config: ColourConfig) -> _Shown:
    clean = np.nan_to_num(plate.rgb, nan=0.0, posinf=65504.0, neginf=0.0)
    linear = apply_matrix(clean, config.matrix(source=plate.colour_space, destination=LINEAR_REC709))
    return _Shown(config, auto_exposure_stops(linear), bool(linear.max(initial=0.0) > 1.001))


def _pictures(row: QcFrame, pair: QcPair, shown: _Shown) -> FramePictures:
    plate, result = shown(pair.plate), shown(pair.swap)
    height, width = plate.shape[:2]
    scale = min(1.0, WIDEST / width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = THUMB, max(1, round(THUMB * height / width))
    places = [(face.name, face.centre, face.height) for face in row.faces if face.centre is not None]
    middle = places[0][1][0] if places else width / 2.0
    return FramePictures(
        frame=row.frame,
        width=size[0],
        height=size[1],
        plate_uri=_uri(plate, size=size, quality=85),
        result_uri=_uri(result, size=size, quality=85),
        thumb_uri=_uri(result, size=small, quality=80),
        wipe_percent=round(min(max(100.0 * middle / width, 0.0), 100.0), 1),
        crops=tuple(_crop(name, plate, result, centre=centre, face=face) for name, centre, face in places[:4]),
    )


def _crop(name: str, plate: np.ndarray, result: np.ndarray, *, centre: tuple[float, float], face: float) -> CropPair:
    rows, columns = plate.shape[:2]
    side = round(min(max(1.4 * face, LEAST_CROP), LARGEST_CROP))
    wide, high = min(side, columns), min(side, rows)
    left = int(np.clip(round(centre[0] - wide / 2), 0, columns - wide))
    top = int(np.clip(round(centre[1] - high / 2), 0, rows - high))
    parts = [one[top : top + high, left : left + wide] for one in (plate, result)]
    before, after = (_uri(part, size=(wide, high), quality=92) for part in parts)
    return CropPair(name, before, after, wide, high)


def _uri(pixels: np.ndarray, *, size: tuple[int, int], quality: int) -> str:
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(pixels))
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    data = io.BytesIO()
    picture.save(data, format="JPEG", quality=quality, subsampling=0 if quality > 90 else 2)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode("ascii")

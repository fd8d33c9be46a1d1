"""A picture of everything that was drawn: people's fronts, and of each shot a plate, its true swap and its mattes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from scripts.digital_doubles.pictures import Picture, read_channels, srgb

__all__ = ["SHOWN", "contact_sheet"]

SHOWN: Mapping[str, int] = {"talk": 1003, "turn": 1004, "hand": 1006, "spectacles": 1008, "light": 1003, "two": 1005}
"""Frame of each shot."""
_HEIGHT = 200
_COLOURS: Sequence[tuple[str, tuple[float, float, float]]] = (
    ("face2", (0.15, 0.25, 0.75)), ("face", (0.75, 0.15, 0.12)), ("hair", (0.12, 0.45, 0.12)),
    ("cap", (0.55, 0.45, 0.05)),
    ("spectacles", (0.05, 0.65, 0.75)), ("hand", (0.75, 0.70, 0.10)), ("microphone", (0.65, 0.15, 0.65)),
)  # fmt: skip
"""Of mattes, linear."""


def contact_sheet(*, drawn: Path, out: Path, people: Sequence[str]) -> None:
    """Writes a JPEG of what `drawn` holds; what has not been drawn is left out.

    Raises:
        OSError: It could not be written.
    """
    import cv2

    fronts = [drawn / "people" / name / "front.exr" for name in people]
    rows = [_beside([_picture(path) for path in fronts if path.is_file()])]
    shots = [_shot(drawn / "shots" / name, number) for name, number in SHOWN.items()]
    found = [shot for shot in shots if shot is not None]
    rows += [_beside(found[k : k + 2]) for k in range(0, len(found), 2)]
    width = max(row.shape[1] for row in rows)
    sheet = np.concatenate([np.pad(row, ((0, 4), (0, width - row.shape[1]), (0, 0))) for row in rows])
    done, data = cv2.imencode(".jpg", np.round(255 * sheet[..., ::-1]).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 90])
    if not done:
        raise OSError(f"could not encode {out}")
    partial = out.with_name(f".{out.name}")
    partial.write_bytes(data.tobytes())
    partial.replace(out)


def _shot(folder: Path, number: int) -> Picture | None:
    files = [folder / f"{kind}.{number}.exr" for kind in ("plate", "true", "truth")]
    if not all(file.is_file() for file in files):
        return None
    channels = read_channels(files[2])
    mattes = np.zeros((*channels["matte.face"].shape, 3), np.float32)
    for name, colour in _COLOURS:
        if f"matte.{name}" in channels:
            mattes += channels[f"matte.{name}"][..., None] * np.array(colour, np.float32)
    return _beside([_picture(files[0]), _picture(files[1]), _small(mattes)])


def _picture(path: Path) -> Picture:
    channels = read_channels(path)
    return _small(np.stack([channels[name] for name in "RGB"], 2))


def _small(linear: Picture) -> Picture:
    """`_HEIGHT` rows of SRGB code values, averaged in linear light."""
    import cv2

    width = round(linear.shape[1] * _HEIGHT / linear.shape[0])
    return srgb(cv2.resize(linear, (width, _HEIGHT), interpolation=cv2.INTER_AREA))


def _beside(pictures: Sequence[Picture]) -> Picture:
    if not pictures:
        return np.zeros((1, 1, 3), np.float32)
    return np.concatenate([np.pad(picture, ((0, 0), (0, 4), (0, 0))) for picture in pictures], 1)

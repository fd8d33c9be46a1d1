"""The plate of a shot, opened: which frames are asked for, in which colour space, and what it is known by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from pathlib import Path

import numpy as np

from vfx_swap.colour.decide import decide_colour_space
from vfx_swap.colour.ocio import LINEAR_REC709, ColourConfig
from vfx_swap.errors import FrameRangeError, InputError
from vfx_swap.io.picture import Picture
from vfx_swap.io.plates import MissingPolicy, Plate, open_plate
from vfx_swap.io.ranges import format_frames, parse_frames
from vfx_swap.pipeline.frames import to_frame
from vfx_swap.types import Frame

__all__ = ["ShotPlate", "open_shot_plate"]

SAMPLES = 16
SAMPLE_BYTES = 1 << 16
NAMED_FRAMES = 12
"""Frames named one by one in a message before it says how many more."""


@dataclass(frozen=True, eq=False)
class ShotPlate:
    """A plate that was opened for a shot."""

    plate: Plate
    shot_frames: tuple[int, ...]
    """Every frame of the shot."""
    frames: tuple[int, ...]
    """Those asked for; never empty."""
    config: ColourConfig
    colour_space: str
    """Of the file's values."""
    warnings: tuple[str, ...] = ()

    def read(self, number: int) -> Frame:
        """A frame in scene-linear light.

        Raises:
            InputError: it cannot be read.
        """
        picture = self.plate.read(number)
        return to_frame(picture, number=number, config=self.config, colour_space=self.colour_space)

    def fingerprint(self) -> str:
        """What the shot's frames are known by, to tell whether tracks still belong to them.

        How models see them is part of it: colour conversions, and what stands in for missing frames. Of every
        file, size and 16 evenly spaced samples of 64 KiB: a farm that renders a shot in a hundred chunks cannot
        read the whole plate in each. The frames that are rendered are compared by all of their pixels.
        """
        linear = self.config.scene_linear_for(self.colour_space)
        seen = (
            self.colour_space,
            format_frames(self.shot_frames),
            self.config.conversion_digest(source=self.colour_space, destination=linear),
            self.config.conversion_digest(source=linear, destination=LINEAR_REC709),
            self.plate.missing if set(self.shot_frames) - set(self.plate.existing) else "",
        )
        sha = hashlib.sha256(json.dumps(seen).encode())
        for path in dict.fromkeys(self.plate.path(number) for number in self.shot_frames):
            sha.update(_sampled(path))
        return sha.hexdigest()


def _sampled(path: Path) -> bytes:
    sha = hashlib.sha256()
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            sha.update(str(size).encode())
            last = max(0, size - SAMPLE_BYTES)
            for start in sorted({last * index // (SAMPLES - 1) for index in range(SAMPLES)}):
                file.seek(start)
                sha.update(file.read(SAMPLE_BYTES))
    except OSError:
        return b"absent"
    return sha.digest()


def open_shot_plate(
    text: str,
    *,
    frames: str = "",
    missing: MissingPolicy = "error",
    colour_space: str | None = None,
    config: ColourConfig,
    wanted: Sequence[int] | None = None,
) -> ShotPlate:
    """Open the plate of a shot, and refuse what cannot be rendered of it.

    Args:
        text: the plate: a frame pattern, one picture or a movie.
        frames: the shot's range; empty: every frame of the plate.
        missing: what a frame that is not on disk becomes.
        colour_space: OCIO name of the file's space; None: from its header, else by kind.
        config: OCIO config.
        wanted: the frames asked for; None: every frame of the shot.

    Raises:
        MissingInputError: there is no plate.
        FrameRangeError: frames that do not exist, or that are not the shot's.
        ColourSpaceError: the colour space does not exist.
        InputError: no frame of the plate can be read.
    """
    plate = open_plate(text, missing=missing)
    shot_frames = _shot_frames(plate, text, frames, missing)
    asked = shot_frames if wanted is None else tuple(sorted(set(wanted)))
    strange = sorted(set(asked) - set(shot_frames))
    if strange or not asked:
        what = f"not frames of the shot: {_named(strange)}" if strange else "no frames were asked for"
        raise FrameRangeError(what, where=text, mend=f"The shot has frames {format_frames(shot_frames)}")
    gaps = () if frames or missing != "error" else _gaps(shot_frames)
    first = _first_readable(plate, shot_frames)
    decision = decide_colour_space(config, user=colour_space, hints=first.colour_hints, kind=plate.kind)
    return ShotPlate(
        plate=plate,
        shot_frames=shot_frames,
        frames=asked,
        config=config,
        colour_space=decision.name,
        warnings=(*decision.warnings, *gaps),
    )


def _shot_frames(plate: Plate, text: str, frames: str, missing: MissingPolicy) -> tuple[int, ...]:
    if not frames:
        return plate.frames
    asked = parse_frames(frames)
    lacking = plate.absent(asked)
    if lacking and missing == "error":
        mend = 'Check the range, or set missing to "hold" or "black"'
        raise FrameRangeError(f"frames that do not exist: {_named(lacking)}", where=text, mend=mend)
    return asked


def _gaps(numbers: Sequence[int]) -> tuple[str, ...]:
    """A warning where frames are missing in a plate that no range was given for; one of every n-th frame has none."""
    steps = np.diff(numbers)
    if len(steps) == 0 or steps.min() == steps.max():
        return ()
    step = int(np.gcd.reduce(steps))
    count = (numbers[-1] - numbers[0]) // step + 1 - len(numbers)
    lacking = chain.from_iterable(range(a + step, b, step) for a, b in pairwise(numbers))
    named = format_frames(tuple(islice(lacking, NAMED_FRAMES))) + (", ..." if count > NAMED_FRAMES else "")
    frames = "1 frame is" if count == 1 else f"{count} frames are"
    return (f"the plate has gaps: {frames} not there and not rendered ({named}); missing = hold or black fills them",)


def _named(numbers: Sequence[int]) -> str:
    more = len(numbers) - NAMED_FRAMES
    return format_frames(numbers[:NAMED_FRAMES]) + (f" and {more} more" if more > 0 else "")


def _first_readable(plate: Plate, shot_frames: Sequence[int]) -> Picture:
    """The picture whose header decides for all: of the shot's first readable frame, whatever is asked for."""
    trouble: InputError | None = None
    for number in shot_frames:
        try:
            return plate.read(number)
        except InputError as error:
            trouble = trouble or error
    raise trouble or FrameRangeError("the shot has no frames")

"""Mattes of the user's own: what stays in front of the face, and where the swap must not show.

They enter a frame by their content, as its plate does: a matte that was drawn anew renders the frames again that it
changed, and no others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from vfx_swap.arrays import Array, FloatArray
from vfx_swap.io.mattes import MatteFrames, open_mattes
from vfx_swap.models.kernels import Kernels
from vfx_swap.pipeline.holdout import front_in_plate
from vfx_swap.settings import Matte
from vfx_swap.types import Window

if TYPE_CHECKING:
    from vfx_swap.io.picture import Picture
    from vfx_swap.pipeline.render_plan import SwapPlan
    from vfx_swap.pipeline.swap import CastFace

    Plan = TypeVar("Plan", bound=SwapPlan)

__all__ = [
    "Drawn",
    "DrawnMattes",
    "in_front_of",
    "input_digest",
    "open_drawn",
    "over",
    "read_drawn",
    "shown_by",
    "with_drawn",
]


@dataclass(frozen=True, eq=False)
class Drawn:
    """A frame's own mattes, in a window of the plate."""

    holdout: FloatArray | None
    """(height, width) 1 where the plate stays in front; None: nothing was drawn."""
    garbage: FloatArray | None
    """(height, width) 1 where the swap must not show."""
    digest: str = ""

    def part(self, window: Window, *, inside: Window) -> Drawn:
        """A window of it; `inside` is the one it covers."""
        at = window.slices(inside)
        holdout, garbage = (None if matte is None else matte[at] for matte in (self.holdout, self.garbage))
        return Drawn(holdout, garbage, self.digest)


@dataclass(frozen=True, eq=False)
class DrawnMattes:
    """Where a shot's own mattes come from."""

    holdout: MatteFrames | None
    garbage: MatteFrames | None


def open_drawn(matte: Matte) -> DrawnMattes | None:
    """The mattes that a shot names; None where it names none.

    Raises:
        InputError, UsageError: they are not there, or no mattes.
    """
    named = ((matte.holdout_matte, matte.holdout_channel), (matte.garbage_matte, matte.garbage_channel))
    if not any(path for path, _ in named):
        return None
    opened = (
        None if path is None else open_mattes(path, channel=channel, missing=matte.missing) for path, channel in named
    )
    return DrawnMattes(*opened)


def with_drawn(plan: Plan) -> Plan:
    """The plan of a shot with its own mattes, opened; any other as it is.

    Raises:
        InputError, UsageError: as `open_drawn`.
    """
    return replace(plan, drawn=open_drawn(plan.shot.matte))


def read_drawn(plan: SwapPlan, number: int, picture: Picture) -> Drawn | None:
    """A frame's own mattes over the plate's data window; None where the shot has none.

    Raises:
        InputError: one cannot be read, or is of another size than the plate.
    """
    if plan.drawn is None:
        return None
    laid: list[FloatArray | None] = []
    sha = hashlib.sha256()
    for frames in (plan.drawn.holdout, plan.drawn.garbage):
        matte = None if frames is None else frames.read(number)
        sha.update(b"-" if matte is None else matte.digest().encode())
        laid.append(None if matte is None else matte.laid(picture.data_window, display=picture.display_window))
    return Drawn(laid[0], laid[1], sha.hexdigest())


def input_digest(picture: Picture, drawn: Drawn | None) -> str:
    """What a frame's inputs are known by: the plate's picture and, where there are any, its own mattes."""
    plate = picture.digest()
    return plate if drawn is None else hashlib.sha256(f"{plate} {drawn.digest}".encode()).hexdigest()


def over(cast: Sequence[CastFace], drawn: Drawn | None, *, window: Window, inside: Window) -> list[CastFace]:
    """The cast of a frame, each with the user's own mattes over a window of the plate.

    Args:
        cast: of the frame.
        drawn: over all of the plate's data window; None: there are none.
        window: plate pixels that are worked on.
        inside: the plate's data window.
    """
    part = None if drawn is None else drawn.part(window, inside=inside)
    return [replace(one, drawn=part) for one in cast]


def in_front_of(
    one: CastFace, *, words: Collection[str], rgb: FloatArray, window: Window, at: tuple[slice, slice]
) -> FloatArray | None:
    """Coverage of a window by what stays in front of a face, found and drawn; None where nothing does.

    Args:
        one: the face.
        words: as of `front_in_plate`, as are `rgb` and `window`.
        rgb: (height, width, 3).
        window: plate pixels.
        at: rows and columns of the window in the frame.
    """
    front = front_in_plate(one.face.front, words=words, rgb=rgb, window=window)
    if one.drawn is None or one.drawn.holdout is None:
        return front
    own = one.drawn.holdout[at]
    if not own.any():
        return front
    return own if front is None else np.asarray(1.0 - (1.0 - front) * (1.0 - own), np.float32)


def shown_by(drawn: Drawn | None, matte: Array, *, at: tuple[slice, slice], kernels: Kernels) -> Array:
    """A face's matte less what the garbage matte keeps it out of.

    Args:
        drawn: of the frame.
        matte: (h, w) of the device.
        at: its rows and columns in the frame.
        kernels: of the device.
    """
    if drawn is None or drawn.garbage is None:
        return matte
    return matte * (1.0 - kernels.array(drawn.garbage[at]))

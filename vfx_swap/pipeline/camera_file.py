"""What the camera did, as it stands in a tracks file, under `camera`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vfx_swap.comp.grain_levels import LEVELS, LevelGrain
from vfx_swap.comp.motion import NONE, MotionBlur
from vfx_swap.errors import TracksError
from vfx_swap.pipeline.camera_look import CameraLook

__all__ = ["camera_from_value", "camera_value"]

DIGITS = 6
"""Significant, of a covariance; of softness, decimals."""
LONGEST = 1e4
"""Plate pixels of a blur."""


def camera_value(look: CameraLook) -> dict[str, Any]:
    """What stands in the file."""
    value: dict[str, Any] = {"shutter": look.shutter}
    value["focus"] = {
        str(track): {str(frame): round(lost, 3) for frame, lost in sorted(of_frame.items()) if lost > 0.0}
        for track, of_frame in sorted(look.focus.items())
    }
    value["knock"] = {
        str(track): {
            str(frame): [blur.length_pixels, blur.angle_degrees] if blur.length_pixels > 0.0 else 0
            for frame, blur in sorted(of_frame.items())
        }
        for track, of_frame in sorted(look.knock.items())
    }
    if look.grain is not None:
        rows = [[[float(f"{v:.{DIGITS}g}") for v in row] for row in level] for level in look.grain.covariance.tolist()]
        value["grain"] = {
            "levels": list(LEVELS),
            "covariance": rows,
            "softness": [round(one, DIGITS) for one in look.grain.softness],
        }
    return value


def camera_from_value(value: object, *, where: Path) -> CameraLook:
    """What a file says; nothing where it says nothing.

    Raises:
        TracksError: something in it is wrong.
    """
    if value is None:
        return CameraLook()
    try:
        if not isinstance(value, Mapping):
            raise TypeError("is no table")
        shutter = value.get("shutter")
        focus = {
            int(track): {int(frame): _number(lost, 0.0, 1e4) for frame, lost in of_frame.items()}
            for track, of_frame in value.get("focus", {}).items()
        }
        knock = {
            int(track): {int(frame): _blur(blur) for frame, blur in of_frame.items()}
            for track, of_frame in value.get("knock", {}).items()
        }
        grain = None if value.get("grain") is None else _grain(value["grain"])
        known = None if shutter is None else _number(shutter, 0.0, 2.0)
        return CameraLook(shutter=known, focus=focus, knock=knock, grain=grain)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        mend = "Put it back, or delete the file and analyse again"
        raise TracksError(f"camera: cannot be read ({error})", where=where, mend=mend) from error


def _grain(value: Mapping[str, Any]) -> LevelGrain:
    if tuple(value["levels"]) != LEVELS:
        raise ValueError(f"grain is of levels {value['levels']}, this version's are {list(LEVELS)}")
    covariance = np.array(value["covariance"], dtype=np.float64)
    if covariance.shape != (len(LEVELS), 3, 3) or not np.isfinite(covariance).all():
        raise ValueError(f"a covariance of shape {covariance.shape}, or not finite")
    red, green, blue = (_number(one, 0.0, 4.0) for one in value["softness"])
    return LevelGrain(covariance=covariance, softness=(red, green, blue))


def _blur(value: object) -> MotionBlur:
    if value == 0 and not isinstance(value, bool):
        return NONE
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"{value!r} is neither 0 nor a length and an angle")
    return MotionBlur(length_pixels=_number(value[0], 0.0, LONGEST), angle_degrees=_number(value[1], 0.0, 180.0))


def _number(value: object, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ValueError(f"{value!r} does not lie in [{low:g}, {high:g}]")
    return float(value)

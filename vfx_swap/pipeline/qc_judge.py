"""Pass or fail: every measured number against the limits, with what is wrong said in words.

A limit that nothing could be measured for is neither passed nor failed, and named as such.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from vfx_swap.io.ranges import format_frames
from vfx_swap.pipeline.qc_scan import LEAST_FLICKER_STOPS, QcFrame
from vfx_swap.settings import Qc

__all__ = ["LIMITS", "FrameVerdict", "Limit", "LimitResult", "QcVerdict", "flicker_of", "judge"]

Scope: TypeAlias = Literal["face", "picture", "shot"]
_MOST_SEVERE = 99.0
"""Where the limit is 0, any breach of it is this many times over."""


@dataclass(frozen=True)
class Limit:
    """One limit: which number it is for, and what a breach is called."""

    key: str
    """Key of `[qc]`."""
    metric: str
    """Metric it is held against."""
    name: str
    scope: Scope
    show: Callable[[float], str]
    trouble: str
    """What is wrong where it is broken, `{value}` and `{limit}` to be filled in."""
    least: bool = False
    """True where a value below the limit breaks it."""

    def severity(self, value: float, limit: float) -> float:
        """Above 1 where the limit is broken, and how far; the sign of the value does not count."""
        over, under = (limit, value) if self.least else (abs(value), limit)
        if under <= 0.0:
            return _MOST_SEVERE if over > 0.0 else 0.0
        return min(_MOST_SEVERE, over / under)


def _plain(digits: int, unit: str = "") -> Callable[[float], str]:
    return lambda value: f"{value:.{digits}f}{unit}"


LIMITS: tuple[Limit, ...] = (
    Limit(
        "distance_to_identity", "distance_to_identity", "distance to the identity", "face", _plain(3),
        "it does not look like the identity: distance {value}, at most {limit}",
    ),
    Limit(
        "landmark_error_percent", "landmark_error_percent", "landmark error", "face", _plain(2, " %"),
        "features sit beside the plate's: {value} of face height, at most {limit}",
    ),
    Limit(
        "pose_error_degrees", "pose_error_degrees", "pose error", "face", _plain(1, "°"),
        "the head is turned away from the plate's by {value}, at most {limit}",
    ),
    Limit(
        "expression_error", "expression_error", "expression error", "face", _plain(3),
        "the expression is not the plate's: {value}, at most {limit}",
    ),
    Limit(
        "seam_worst_stops", "seam_worst_stops", "seam at its worst", "face", _plain(2, " stops"),
        "a seam shows: the matte's edge adds {value}, at most {limit}",
    ),
    Limit(
        "sharpness_least", "sharpness_ratio", "sharpness, of the plate's", "face", _plain(2, " x"),
        "it is soft: {value} the plate's detail, at least {limit}", least=True,
    ),
    Limit(
        "grain_least", "grain_ratio", "grain, of the plate's", "face", _plain(2, " x"),
        "grain is missing: {value} the plate's, at least {limit}", least=True,
    ),
    Limit(
        "flicker_ratio", "flicker_ratio", "flicker of the shot, of the plate's own", "shot", _plain(2, " x"),
        "the shot flickers: {value} the plate's own, at most {limit}",
    ),
    Limit(
        "flicker_pop_ratio", "flicker_pop_ratio", "change from the frame before, of the plate's own", "face",
        _plain(2, " x"), "it pops: it changes {value} as much as the plate since the frame before, at most {limit}",
    ),
    Limit(
        "matte_jump_percent", "matte_jump_percent", "jump of the matte's area", "face", _plain(1, " %"),
        "the matte jumps: its area changes by {value} since the frame before, at most {limit}",
    ),
    Limit(
        "clipped_added_percent", "clipped_added_percent", "clipped where the plate is not", "face", _plain(2, " %"),
        "it clips: {value} of the face more than on the plate is at white, at most {limit}",
    ),
    Limit(
        "light_level_stops", "light_level_stops", "brightness against the plate's", "face", lambda v: f"{v:+.2f} stops",
        "its brightness is off: {value} against the plate's face, at most {limit} either way",
    ),
    Limit(
        "light_shading_stops", "light_shading_stops", "shading against the plate's", "face", _plain(2, " stops"),
        "its shading is off: {value} from the plate's face, at most {limit}",
    ),
    Limit(
        "light_jump_stops", "light_jump_stops", "brightness against the frame before", "face", _plain(3, " stops"),
        "its brightness jumps: by {value} against the plate's since the frame before, at most {limit}",
    ),
    Limit(
        "changed_outside_pixels", "changed_outside_pixels", "pixels changed outside the matte", "picture", _plain(0),
        "pixels outside the matte are changed: {value}, at most {limit}",
    ),
    Limit(
        "not_finite_pixels", "not_finite_pixels", "broken pixels (NaN, inf)", "picture", _plain(0),
        "pixels are broken, NaN or infinite, where the plate's are not: {value}, at most {limit}",
    ),
)  # fmt: skip
"""Every limit of `[qc]`, in the order of the report."""


@dataclass(frozen=True)
class LimitResult:
    """What became of one limit over the shot."""

    limit: Limit
    most: float
    """The limit's value (`Limit.least`: the least)."""
    worst: float | None
    """The value nearest to breaking it, or farthest past; None where nothing was measured."""
    worst_frame: int | None
    broken: tuple[int, ...]
    """Frames that break it."""
    skipped: bool
    """Measured, and not counted."""
    failed: bool
    """A limit of the whole shot that is broken."""


@dataclass(frozen=True)
class FrameVerdict:
    """One frame, judged."""

    frame: int
    severity: float
    """How far past the limits: the largest share of a limit; 1 is at it. Frames that could not be judged: 100."""
    failed: bool
    why: tuple[str, ...]
    """What is wrong, the worst first; of a frame that passes, what is nearest to a limit."""
    broken: tuple[str, ...] = ()
    """Keys of the limits that it breaks."""


@dataclass(frozen=True)
class QcVerdict:
    """The shot, judged."""

    passed: bool
    reasons: tuple[str, ...]
    """Why it fails, in words."""
    results: tuple[LimitResult, ...]
    frames: tuple[FrameVerdict, ...]
    """In the order of the shot."""
    worst: tuple[int, ...]
    """Frames, the worst first."""
    flicker_ratio: float | None
    not_measured: tuple[str, ...]
    """Names of limits that count and that nothing could be measured for."""


def judge(frames: Sequence[QcFrame], limits: Qc) -> QcVerdict:
    """Hold every number against its limit.

    Args:
        frames: of the shot, in order.
        limits: of the shot file.
    """
    verdicts = tuple(_frame(one, limits) for one in frames)
    shot = flicker_of(frames)
    results = tuple(_result(limit, frames, limits, flicker=shot) for limit in LIMITS)
    reasons = tuple(_reasons(frames, verdicts, results, limits))
    ranked = sorted(verdicts, key=lambda one: (-one.severity, one.frame))
    return QcVerdict(
        passed=not reasons,
        reasons=reasons,
        results=results,
        frames=verdicts,
        worst=tuple(one.frame for one in ranked),
        flicker_ratio=shot,
        not_measured=tuple(one.limit.name for one in results if one.worst is None and not one.skipped),
    )


def flicker_of(frames: Sequence[QcFrame]) -> float | None:
    """Flicker of the face that flickers most: its mean change over the plate's own; None where none was measured."""
    found: dict[int | None, list[tuple[float, float]]] = {}
    for frame in frames:
        for face in frame.faces:
            if "flicker_stops" in face.values:
                pair = face.values["flicker_stops"], face.values["flicker_plate_stops"]
                found.setdefault(face.track, []).append(pair)
    means = [np.mean(pairs, axis=0) for pairs in found.values()]
    return max((float(swap / max(plate, LEAST_FLICKER_STOPS)) for swap, plate in means), default=None)


def _values(frame: QcFrame, limit: Limit) -> list[tuple[str, float]]:
    """Whose, and the value, of all that a limit is held against in a frame."""
    if limit.scope == "picture":
        return [("", frame.values[limit.metric])] if limit.metric in frame.values else []
    if limit.scope == "shot":
        return []
    several = len(frame.faces) > 1
    return [
        (f"{face.name}: " if several else "", face.values[limit.metric])
        for face in frame.faces
        if limit.metric in face.values
    ]


def _frame(frame: QcFrame, limits: Qc) -> FrameVerdict:
    if frame.status != "measured":
        return FrameVerdict(frame.frame, 100.0, True, (f"{frame.status}: {frame.why}",), (frame.status,))
    broken: list[tuple[float, str, str]] = []
    nearest: tuple[float, str] = (0.0, "")
    for limit in LIMITS:
        if limit.key in limits.skip:
            continue
        most = float(getattr(limits, limit.key))
        for whose, value in _values(frame, limit):
            share = limit.severity(value, most)
            if share > 1.0:
                text = whose + limit.trouble.format(value=limit.show(value), limit=_limit_text(limit, most))
                broken.append((share, text, limit.key))
            elif share > nearest[0]:
                words = "at least" if limit.least else "at most"
                text = f"{whose}{limit.name} {limit.show(value)}, {words} {_limit_text(limit, most)}"
                nearest = share, text
    broken += _lost_faces(frame, limits)
    if broken:
        ranked = sorted(broken, reverse=True)
        keys = tuple(dict.fromkeys(key for _, _, key in ranked))
        return FrameVerdict(frame.frame, ranked[0][0], True, tuple(text for _, text, _ in ranked), keys)
    return FrameVerdict(frame.frame, nearest[0], False, (nearest[1],) if nearest[1] else ())


def _lost_faces(frame: QcFrame, limits: Qc) -> list[tuple[float, str, str]]:
    """A face that the plate has and the result has not: no number says so."""
    if "landmark_error_percent" in limits.skip:
        return []
    lost = [face for face in frame.faces if any("no face is found in the result" in one for one in face.remarks)]
    said = "no face is found in the result"
    return [(50.0, f"{face.name}: {said}" if face.name else said, "landmark_error_percent") for face in lost]


def _limit_text(limit: Limit, most: float) -> str:
    return limit.show(most).lstrip("+")


def _result(limit: Limit, frames: Sequence[QcFrame], limits: Qc, *, flicker: float | None) -> LimitResult:
    most, skipped = float(getattr(limits, limit.key)), limit.key in limits.skip
    if limit.scope == "shot":
        failed = flicker is not None and not skipped and limit.severity(flicker, most) > 1.0
        return LimitResult(limit, most, flicker, None, (), skipped, failed)
    found = [
        (limit.severity(value, most), frame.frame, value) for frame in frames for _, value in _values(frame, limit)
    ]
    if not found:
        return LimitResult(limit, most, None, None, (), skipped, False)
    _, at, worst = max(found, key=lambda one: (one[0], abs(one[2]), -one[1]))
    broken = tuple(dict.fromkeys(frame for share, frame, _ in found if share > 1.0))
    return LimitResult(limit, most, worst, at, broken, skipped, False)


def _reasons(
    frames: Sequence[QcFrame], verdicts: Sequence[FrameVerdict], results: Sequence[LimitResult], limits: Qc
) -> list[str]:
    reasons: list[str] = []
    lacking: dict[str, list[int]] = {}
    for frame in frames:
        if frame.status != "measured":
            lacking.setdefault(frame.status, []).append(frame.frame)
    for status, numbers in lacking.items():
        reasons.append(f"{_count(len(numbers))} {_STATUS_WORDS[status]}: {format_frames(numbers)}")
    if not frames:
        reasons.append("there are no frames")
    reasons += [
        one.limit.trouble.format(value=one.limit.show(one.worst), limit=_limit_text(one.limit, one.most))
        for one in results
        if one.failed and one.worst is not None
    ]
    failing = [one for one, frame in zip(verdicts, frames, strict=True) if one.failed and frame.status == "measured"]
    if failing and 100.0 * len(failing) / len(frames) > limits.failing_frames_percent:
        reasons.append(f"{_count(len(failing))} of {len(frames)} past a limit: {_by_limit(failing)}")
    return reasons


_STATUS_WORDS: Mapping[str, str] = {
    "missing": "missing",
    "failed": "failed to render",
    "unreadable": "cannot be read",
    "unlike": "of another size than the plate",
    "no plate": "without a plate",
}


def _count(number: int) -> str:
    return "1 frame" if number == 1 else f"{number} frames"


def _by_limit(failing: Sequence[FrameVerdict]) -> str:
    """`seam at its worst 12, expression error 3`."""
    counts = {limit: sum(limit.key in one.broken for one in failing) for limit in LIMITS}
    ranked = sorted((limit for limit in LIMITS if counts[limit]), key=lambda limit: -counts[limit])
    return ", ".join(f"{limit.name} {counts[limit]}" for limit in ranked)

"""What the report's plots show: which numbers, against which limit, and what each means, as data for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from vfx_swap.pipeline.qc_judge import LIMITS, QcVerdict
from vfx_swap.pipeline.qc_scan import LEAST_FLICKER_STOPS, FaceRow, QcFrame
from vfx_swap.settings import Qc

__all__ = ["PLOTS", "Line", "Plot", "plot_data"]

Kind: TypeAlias = Literal["main", "second", "plate"]


@dataclass(frozen=True)
class Line:
    """One line of a plot."""

    metric: str
    label: str
    kind: Kind
    """`plate`: the plate's own, to compare with."""


@dataclass(frozen=True)
class Plot:
    """One plot."""

    key: str
    title: str
    unit: str
    digits: int
    lines: tuple[Line, ...]
    about: str
    limits: tuple[str, ...]
    """Keys of `[qc]` whose breaches are marked on it."""
    level: str | None = None
    """The limit that is drawn as a level line; None where a limit is relative to the plate or the frame before."""
    both_ways: bool = False
    """True where the level holds on either side of 0."""


PLOTS: tuple[Plot, ...] = (
    Plot(
        "identity", "Identity", "", 3,
        (
            Line("distance_to_identity", "to the identity", "main"),
            Line("distance_to_performer", "to the performer", "plate"),
        ),
        "Recogniser's distance from the swapped face; lower is liker. Below 0.6 its authors call two faces one person.",
        ("distance_to_identity",), "distance_to_identity",
    ),
    Plot(
        "expression", "Expression", "", 3, (Line("expression_error", "error", "main"),),
        "Mean difference of the 52 expression weights found on plate and result, 0 to 1.",
        ("expression_error",), "expression_error",
    ),
    Plot(
        "pose", "Pose", "°", 2, (Line("pose_error_degrees", "error", "main"),),
        "Angle between the head rotations found on plate and result.", ("pose_error_degrees",), "pose_error_degrees",
    ),
    Plot(
        "landmarks", "Landmarks", "% of face height", 2, (Line("landmark_error_percent", "error", "main"),),
        "Mean distance of the 468 skin landmarks found on plate and result, not aligned.",
        ("landmark_error_percent",), "landmark_error_percent",
    ),
    Plot(
        "flicker", "Flicker", "stops", 4,
        (Line("flicker_stops", "result", "main"), Line("flicker_plate_stops", "plate's own", "plate")),
        "Change since the frame before inside the matte, the plate's own motion (optical flow) taken out. The limit is "
        "a multiple of the plate's own.",
        ("flicker_pop_ratio",),
    ),
    Plot(
        "seam", "Seam", "stops", 3,
        (Line("seam_worst_stops", "at its worst", "main"), Line("seam_step_stops", "mean along the edge", "second")),
        "Gradient that the matte's edge adds to the plate's, over 1 % of face height; at or below 0 nothing shows.",
        ("seam_worst_stops",), "seam_worst_stops",
    ),
    Plot(
        "matte", "Matte area", "% of face height squared", 2, (Line("matte_area_percent", "area", "main"),),
        "The matte's values added up, over the square of face height. Jumps from frame to frame are what counts.",
        ("matte_jump_percent",),
    ),
    Plot(
        "clipped", "Clipped pixels", "% of the matte", 2,
        (Line("clipped_percent", "result", "main"), Line("clipped_plate_percent", "plate's own", "plate")),
        "Pixels in the matte with a channel at or above 1.0 scene-linear. The limit is on what is added to the plate.",
        ("clipped_added_percent",),
    ),
    Plot(
        "light", "Light", "stops", 3,
        (Line("light_level_stops", "brightness", "main"), Line("light_shading_stops", "shading", "second")),
        "Brightness: median difference to the plate's face. Shading: mean magnitude of what else differs broadly.",
        ("light_level_stops", "light_shading_stops", "light_jump_stops"), "light_level_stops", both_ways=True,
    ),
    Plot(
        "detail", "Detail and grain", "of the plate's", 2,
        (Line("sharpness_ratio", "detail", "main"), Line("grain_ratio", "grain", "second")),
        "Detail and grain inside the matte over the plate's; 1 is the same.",
        ("sharpness_least", "grain_least"), "sharpness_least",
    ),
)  # fmt: skip
"""In the order of the page."""


def plot_data(frames: Sequence[QcFrame], verdict: QcVerdict, limits: Qc) -> list[dict[str, Any]]:
    """Every plot that anything was measured for, as JSON has it.

    Args:
        frames: of the shot, in order.
        verdict: on them.
        limits: of the shot.
    """
    names = _names(frames)
    marked = {one.limit.key: set(one.broken) for one in verdict.results if not one.skipped}
    found = []
    for plot in PLOTS:
        lines = [
            {
                "label": line.label,
                "kind": line.kind,
                "face": name,
                "values": [_rounded(_of(frame, track), line.metric) for frame in frames],
            }
            for track, name in names.items()
            for line in plot.lines
        ]
        lines = [line for line in lines if any(value is not None for value in line["values"])]
        if not lines:
            continue
        broken = set().union(*(marked.get(key, set()) for key in plot.limits))
        found.append(
            {
                "key": plot.key,
                "title": plot.title,
                "unit": plot.unit,
                "digits": plot.digits,
                "about": plot.about,
                "lines": lines,
                "limit": _level(plot, limits),
                "bothWays": plot.both_ways,
                "curve": _curve(plot, frames, limits, next(iter(names))) if len(names) == 1 else None,
                "broken": [index for index, frame in enumerate(frames) if frame.frame in broken],
            }
        )
    return found


def _names(frames: Sequence[QcFrame]) -> Mapping[int | None, str]:
    """Track -> name of every face of the shot, in order of tracks."""
    found = {face.track: face.name for frame in frames for face in frame.faces}
    return {track: found[track] for track in sorted(found, key=lambda one: -1 if one is None else one)} or {None: ""}


def _of(frame: QcFrame, track: int | None) -> FaceRow | None:
    return next((face for face in frame.faces if face.track == track), None)


def _rounded(face: FaceRow | None, metric: str) -> float | None:
    value = None if face is None else face.values.get(metric)
    return None if value is None else float(f"{value:.5g}")


def _level(plot: Plot, limits: Qc) -> float | None:
    if plot.level is None or plot.level in limits.skip:
        return None
    return float(getattr(limits, plot.level))


def _curve(plot: Plot, frames: Sequence[QcFrame], limits: Qc, track: int | None) -> list[float | None] | None:
    """The limit of each frame where it is relative to the plate's own."""
    known = {limit.key for limit in LIMITS if limit.key not in limits.skip}
    if plot.key == "flicker" and "flicker_pop_ratio" in known:
        own = [_rounded(_of(frame, track), "flicker_plate_stops") for frame in frames]
        return [None if one is None else max(one, LEAST_FLICKER_STOPS) * limits.flicker_pop_ratio for one in own]
    if plot.key == "clipped" and "clipped_added_percent" in known:
        own = [_rounded(_of(frame, track), "clipped_plate_percent") for frame in frames]
        return [None if one is None else one + limits.clipped_added_percent for one in own]
    return None

"""A shot's numbers against the truth, gathered from its frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vfx_swap.pipeline.qc_truth import TrueError

__all__ = ["FaceRow", "Numbers", "Pairs", "ShotResult", "as_json", "error_numbers", "gather"]

Numbers = dict[str, float]


@dataclass(frozen=True, eq=False)
class FaceRow:
    """One face in one frame."""

    frame: int
    performer: str
    swap: Numbers
    true: Numbers
    plate: Numbers
    error: TrueError | None = None
    placed: TrueError | None = None
    """The error once the swap's features are moved onto the truth's."""


@dataclass(frozen=True, eq=False)
class ShotResult:
    """A shot's numbers: means over faces and frames, and each row of its own."""

    swap: Numbers
    true: Numbers
    plate: Numbers
    rows: tuple[FaceRow, ...]

    def regions(self) -> dict[str, Numbers]:
        """Part of the face -> error in stops of swap and plate, and its share of the whole error; means over frames."""
        errors = [row.error for row in self.rows if row.error is not None]
        found = {}
        for name in dict.fromkeys(name for error in errors for name in error.regions):
            here = [error.regions[name] for error in errors if name in error.regions]
            found[name] = {
                "swap_stops": float(np.mean([one.stops for one in here])),
                "plate_stops": float(np.mean([one.plate_stops for one in here])),
                "share": float(np.sum([one.share for one in here])) / len(errors),
            }
        return found

    def worst(self) -> FaceRow | None:
        """The row with the largest error for what was asked; None where none was measured."""
        known = [row for row in self.rows if "true_error_ratio" in row.swap]
        return max(known, key=lambda row: row.swap["true_error_ratio"], default=None)


@dataclass(eq=False)
class Pairs:
    """Metrics of neighbouring frames, as they come."""

    found: dict[str, dict[str, list[float]]] = field(default_factory=lambda: {"swap": {}, "true": {}, "plate": {}})

    def add(self, picture: str, key: str, value: float) -> None:
        """One pair's number; `picture` is `swap`, `true` or `plate`."""
        self.found[picture].setdefault(key, []).append(value)

    def means(self, picture: str) -> Numbers:
        """Means over pairs."""
        return {key: float(np.mean(values)) for key, values in self.found[picture].items()}


def gather(rows: Sequence[FaceRow], pairs: Pairs, *, changed_outside_pixels: int) -> ShotResult:
    """Means over faces and frames; ratios of sums, and the worst of seams."""
    swap, true, plate = (
        _mean([getattr(row, name) for row in rows]) | pairs.means(name) for name in ("swap", "true", "plate")
    )
    swap |= _pooled([row.error for row in rows if row.error is not None])
    placed = _pooled([row.placed for row in rows if row.placed is not None])
    if "true_error_ratio" in placed:
        swap["true_error_placed_ratio"] = placed["true_error_ratio"]
    swap["changed_outside_pixels"] = float(changed_outside_pixels)
    for numbers in (swap, true):
        if plate.get("flicker_stops") and "flicker_stops" in numbers:
            numbers["flicker_ratio"] = numbers["flicker_stops"] / plate["flicker_stops"]
    return ShotResult(swap, true, plate, tuple(rows))


def error_numbers(error: TrueError) -> Numbers:
    """One frame's error by the names of the table."""
    numbers = {
        "true_error_stops": error.stops,
        "true_error_ratio": error.ratio,
        "true_gain_stops": error.gain_stops,
        "true_light_stops": error.light_stops,
        "true_feature_stops": error.feature_stops,
        "true_colour_error": error.colour,
        "true_done": error.done,
        "true_stray": error.stray,
    }
    return {key: value for key, value in numbers.items() if value is not None}


def as_json(result: ShotResult) -> dict[str, Any]:
    """A result as `quality.json` holds it."""
    worst = result.worst()
    case: dict[str, Any] = {name: _rounded(getattr(result, name)) for name in ("swap", "true", "plate")}
    if worst is not None:
        ratio = round(worst.swap["true_error_ratio"], 4)
        case["worst"] = {"frame": worst.frame, "performer": worst.performer, "ratio": ratio}
    case["regions"] = {name: _rounded(numbers) for name, numbers in result.regions().items()}
    case["frames"] = [
        {"frame": row.frame, "performer": row.performer, "swap": _rounded(row.swap), "true": _rounded(row.true)}
        for row in result.rows
    ]
    return case


def _pooled(errors: Sequence[TrueError]) -> Numbers:
    """Ratios of a shot: of the sums, so that a frame in which nothing was asked for does not weigh."""
    numbers: Numbers = {}
    for key, made, own in (
        ("true_error_ratio", "stops", "plate_stops"),
        ("true_error_after_gain_ratio", "after_gain_stops", "plate_after_gain_stops"),
        ("true_feature_ratio", "feature_stops", "plate_feature_stops"),
        ("true_colour_ratio", "colour", "plate_colour"),
    ):
        nothing = sum(getattr(error, own) for error in errors)
        if nothing > 0.0:
            numbers[key] = sum(getattr(error, made) for error in errors) / nothing
    ratios = [error.ratio for error in errors if error.ratio is not None]
    if ratios:
        numbers["true_error_worst_ratio"] = max(ratios)
    return numbers


def _mean(rows: Sequence[Numbers]) -> Numbers:
    keys = dict.fromkeys(key for row in rows for key in row)
    means = {key: float(np.mean([row[key] for row in rows if key in row])) for key in keys}
    worst = [row["seam_worst_stops"] for row in rows if "seam_worst_stops" in row]
    return means | ({"seam_worst_stops": max(worst)} if worst else {})


def _rounded(numbers: Mapping[str, float]) -> dict[str, float]:
    return {key: float(np.round(value, 5)) for key, value in numbers.items()}

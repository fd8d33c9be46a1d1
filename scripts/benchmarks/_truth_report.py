"""Numbers against the truth for a reader: name, wish and protocol of each; the tables of one run and of two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from scripts.benchmarks._doubles import OCCLUDERS
from vfx_swap.pipeline.qc_report import PROTOCOLS

__all__ = ["METRICS", "Metric", "print_changes", "print_protocols", "print_truth"]


@dataclass(frozen=True)
class Metric:
    """How a number of a doubles' shot is read."""

    name: str
    digits: int
    wish: str
    best: float
    """The value that nothing surpasses; a change toward it is for the better. inf: more is better."""
    text: str


_MORE, _LESS = float("inf"), float("-inf")

_TRUTH = {
    "true_error_ratio": Metric(
        "error against the true swap, over leaving the plate alone", 3, "at most 0.5", 0.0,
        "mean |difference of log2 luminance| over the visible face, as far as landmarks span it, smoothed by "
        "0.4 % of face height; of a shot: sums divided",
    ),
    "true_error_worst_ratio": Metric("the same, worst frame", 3, "below 0.8", 0.0, "the largest ratio of any frame"),
    "true_error_after_gain_ratio": Metric(
        "the same after the best gain", 3, "at most 0.5", 0.0, "the median difference taken out of swap and of plate"
    ),
    "true_error_placed_ratio": Metric(
        "the same with features put in their place", 3, "well below it", 0.0,
        "the swap warped by the landmarks found on it and on the true swap: what is left is light, texture and mattes",
    ),
    "true_feature_ratio": Metric(
        "features' error, over the plate's", 3, "below 0.6", 0.0,
        "the part of the error finer than 8 % of face height: features missing, misplaced, soft or left over",
    ),
    "true_error_stops": Metric("error against the true swap", 3, "half the plate's", 0.0, "the same in stops"),
    "true_light_stops": Metric(
        "light's error", 3, "below 0.08", 0.0, "the part broader than 8 % of face height: light and skin tone, in stops"
    ),
    "true_gain_stops": Metric("too bright by", 3, "within 0.05", 0.0, "median difference of log2 luminance"),
    "true_colour_error": Metric(
        "colour error, dE2000", 2, "below 2", 0.0,
        "mean CIE dE2000 with luminance made equal pixel by pixel, the true face's median luminance at 0.4",
    ),
    "true_done": Metric(
        "share of the change made", 2, "0.7 to 1.1", 1.0,
        "least squares of (swap - plate) on (true - plate) in log2 luminance: 0 nothing, 1 all of it",
    ),
    "true_stray": Metric(
        "changed though not asked for", 2, "below 0.6", 0.0, "rms of what that leaves over, as a share of "
        "what is asked for"
    ),
    "true_landmark_error_percent": Metric(
        "landmarks against the true ones, of face height", 2, "near the true swap's", 0.0,
        "mean distance in x and y between the 468 landmarks found and the true swap's, which the render knows",
    ),
    "true_flicker_stops": Metric(
        "flicker of the error", 4, "below the plate's", 0.0, "as flicker, of the difference to the "
        "true swap: motion and light cancel"
    ),
    "landmark_jitter_percent": Metric(
        "landmarks' tremble, of face height", 3, "near the plate's", 0.0,
        "mean change from frame to frame of what landmarks found are off the true ones",
    ),
    **{
        f"holdout_iou_{part}": Metric(
            f"holdout of {part}, IoU", 3, "at least 0.8", 1.0,
            "soft intersection over union of what the swap left to the plate and the true matte, over the face "
            "within 4 % of face height of it",
        )
        for part in OCCLUDERS
    },
    "face_left_percent": Metric(
        "visible face left to the plate", 1, "below 5 %", 0.0, "share of the visible face, without its "
        "edge and the mouth's opening"
    ),
}  # fmt: skip

_KNOWN = {
    "distance_to_identity": (3, "below 0.36", 0.0),
    "distance_to_performer": (3, "above 0.62", _MORE),
    "landmark_error_percent": (2, "near the true swap's", 0.0),
    "pose_error_degrees": (2, "near the true swap's", 0.0),
    "expression_error": (4, "near the true swap's", 0.0),
    "flicker_stops": (4, "near the plate's", 0.0),
    "flicker_ratio": (2, "at most 1.15", _LESS),
    "seam_step_stops": (3, "at or below 0.02", _LESS),
    "seam_worst_stops": (3, "below 0.15", _LESS),
    "sharpness_ratio": (2, "as the true swap's", 1.0),
    "grain_ratio": (2, "0.8 to 1.25", 1.0),
    "changed_outside_pixels": (0, "0", 0.0),
}

_PART = Metric("", 3, "", 0.0, "")

METRICS: dict[str, Metric] = {
    **{
        key: Metric(PROTOCOLS[key].name, digits, wish, best, PROTOCOLS[key].text)
        for key, (digits, wish, best) in _KNOWN.items()
        if key.startswith("distance")
    },
    **_TRUTH,
    **{
        key: Metric(PROTOCOLS[key].name, digits, wish, best, PROTOCOLS[key].text)
        for key, (digits, wish, best) in _KNOWN.items()
        if not key.startswith("distance")
    },
}
"""Every number of a case, in the order of the table."""


def print_truth(console: Console, cases: Mapping[str, Mapping[str, Any]]) -> None:
    """One column a shot: the swap's number, in brackets the true swap's own, after a stroke the plate's."""
    shots = {name: case for name, case in cases.items() if "true" in case}
    if not shots:
        return
    table = Table(title="against the true swap: swap (true swap's own) / plate left alone")
    table.add_column("metric")
    for name in shots:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("good is", no_wrap=True)
    for key, metric in METRICS.items():
        cells = [_cell(case, key, metric.digits) for case in shots.values()]
        if any(cells):
            table.add_row(metric.name, *cells, metric.wish)
    console.print(table)
    _print_regions(console, shots)
    for name, case in shots.items():
        if case.get("worst"):
            worst = case["worst"]
            where = f"{name}: worst frame {worst['frame']} ({worst['performer']})"
            console.print(f"{where}, error {worst['ratio']:.2f} of the plate's", highlight=False)


def _print_regions(console: Console, shots: Mapping[str, Mapping[str, Any]]) -> None:
    table = Table(title="where the error is: swap / plate left alone, in stops; share of the swap's whole error")
    table.add_column("part")
    for name in shots:
        table.add_column(name, justify="right", no_wrap=True)
    for part in dict.fromkeys(part for case in shots.values() for part in case.get("regions", {})):
        cells = []
        for case in shots.values():
            found = case.get("regions", {}).get(part)
            text = found and f"{found['swap_stops']:.3f} / {found['plate_stops']:.3f}  {100 * found['share']:3.0f} %"
            cells.append(text or "")
        table.add_row(part, *cells)
    console.print(table)


def print_changes(
    console: Console, cases: Mapping[str, Mapping[str, Any]], old: Mapping[str, Mapping[str, Any]]
) -> None:
    """What changed against an earlier run, case by case; only what differs by a last digit or more."""
    shared = [name for name in cases if name in old]
    if not shared:
        console.print("nothing to compare: the earlier run measured none of these")
        return
    for name in shared:
        if _frames(cases[name]) != _frames(old[name]):
            console.print(f"{name}: measured on other frames than before, so part of the change is the frames'")
    table = Table(title="before -> now; + better, - worse")
    table.add_column("metric")
    for name in shared:
        table.add_column(name, justify="right", no_wrap=True)
    for key, metric in METRICS.items():
        cells = [_change(cases[name]["swap"].get(key), old[name]["swap"].get(key), metric) for name in shared]
        if any(cells):
            table.add_row(metric.name, *cells)
    for part in dict.fromkeys(part for name in shared for part in cases[name].get("regions", {})):
        cells = []
        for name in shared:
            now, before = (one[name].get("regions", {}).get(part, {}).get("swap_stops") for one in (cases, old))
            cells.append(_change(now, before, _PART))
        if any(cells):
            table.add_row(f"error at the {part}, stops", *cells)
    console.print(table)


def print_protocols(console: Console) -> None:
    """How each number was measured."""
    for metric in METRICS.values():
        console.print(f"  {metric.name}: {metric.text}", style="dim", highlight=False, soft_wrap=True)


def _frames(case: Mapping[str, Any]) -> list[int]:
    return [row["frame"] for row in case.get("frames", [])]


def _cell(case: Mapping[str, Any], key: str, digits: int) -> str:
    swap, true, plate = (case[name].get(key) for name in ("swap", "true", "plate"))
    if swap is None:
        return ""
    text = f"{swap:.{digits}f}"
    if true is not None:
        text += f" ({true:.{digits}f})"
    return text if plate is None else f"{text} / {plate:.{digits}f}"


def _change(now: float | None, before: float | None, metric: Metric) -> str:
    if now is None or before is None:
        return "" if now is before else "new" if before is None else "gone"
    if abs(now - before) < 0.5 * 10.0**-metric.digits:
        return ""
    if metric.best in (_MORE, _LESS):
        better = (now > before) == (metric.best > 0)
    else:
        better = abs(now - metric.best) < abs(before - metric.best)
    sign, colour = ("+", "green") if better else ("-", "red")
    return f"{before:.{metric.digits}f} -> [{colour}]{now:.{metric.digits}f} {sign}[/{colour}]"

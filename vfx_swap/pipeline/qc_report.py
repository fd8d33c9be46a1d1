"""Metrics for a reader: each with its name, its value in words, what to wish for, and how it was measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

from vfx_swap.pipeline.qc import Metrics

__all__ = ["PROTOCOLS", "MetricRow", "metric_rows"]


@dataclass(frozen=True)
class MetricRow:
    """One line of a table."""

    key: str
    """Field of `Metrics`."""
    name: str
    value: str
    wish: str
    """What a good swap has."""
    protocol: str


@dataclass(frozen=True)
class _Protocol:
    name: str
    show: Callable[[float], str]
    wish: str
    text: str


PROTOCOLS = {
    "distance_to_identity": _Protocol(
        "distance to the identity",
        lambda value: f"{value:.3f}",
        "below 0.42",
        "Euclidean distance between dlib's 128-d embeddings (chip from its 5-point predictor) of the swapped face and "
        "of the identity's pack; below 0.6 its authors call two faces one person",
    ),
    "distance_to_performer": _Protocol(
        "distance to the performer",
        lambda value: f"{value:.3f}",
        "0.2 above that",
        "the same from the swapped face to the plate's face in the same frame, each found by itself",
    ),
    "landmark_error_percent": _Protocol(
        "landmark error, of face height",
        lambda value: f"{value:.2f} %",
        "below 0.8 %",
        "mean distance in x and y between the 468 skin landmarks found anew on plate and swap, not aligned, over the "
        "distance from landmark 10 to 152",
    ),
    "pose_error_degrees": _Protocol(
        "pose error",
        lambda value: f"{value:.2f}°",
        "below 1.5°",
        "angle between the head rotations the landmarker finds on plate and swap",
    ),
    "expression_error": _Protocol(
        "expression error",
        lambda value: f"{value:.4f}",
        "below 0.03",
        "mean magnitude of the difference between MediaPipe's 52 expression weights found on plate and swap, 0 to 1",
    ),
    "seam_step_stops": _Protocol(
        "seam step, swap less plate",
        lambda value: f"{value:+.3f} stops",
        "at or below 0.02",
        "mean gradient magnitude of log2 luminance over 1 % of face height, where the matte runs from 0.02 to 0.5, "
        "swap less plate",
    ),
    "seam_worst_stops": _Protocol(
        "seam at its worst",
        lambda value: f"{value:+.3f} stops",
        "below 0.15",
        "the same, 95th percentile along the edge; the worst frame's in a shot",
    ),
    "sharpness_ratio": _Protocol(
        "sharpness, swap over plate",
        lambda value: f"{value:.2f} x",
        "0.8 to 1.25",
        "standard deviation of log2 luminance between Gaussians of 0.4 % and 1.2 % of face height, matte above 0.9",
    ),
    "grain_ratio": _Protocol(
        "grain, swap over plate",
        lambda value: f"{value:.2f} x",
        "0.8 to 1.25",
        "median magnitude of Immerkaer's noise mask on log2 luminance, matte above 0.9",
    ),
    "flicker_stops": _Protocol(
        "flicker",
        lambda value: f"{value:.4f} stops",
        "near the plate's own",
        "mean magnitude of the change between neighbouring frames inside the matte, the second laid on the first by "
        "the plate's landmarks, median taken out, below 0.4 % of face height ignored",
    ),
    "flicker_plate_stops": _Protocol(
        "flicker of the plate",
        lambda value: f"{value:.4f} stops",
        "",
        "the same of the plate under the same matte: grain, light and what the motion model leaves",
    ),
    "flicker_ratio": _Protocol(
        "flicker, swap over plate",
        lambda value: f"{value:.2f} x",
        "below 1.2",
        "the two above, divided",
    ),
    "changed_outside_pixels": _Protocol(
        "pixels changed outside the matte",
        lambda value: f"{value:.0f}",
        "0",
        "pixels with matte 0 whose bits differ from the plate's, all frames",
    ),
}
"""How each field of `Metrics` is named, shown and was measured; docs/quality.md says the same at length."""


def metric_rows(metrics: Metrics) -> tuple[MetricRow, ...]:
    """The metrics that were measured, in the order of `Metrics`."""
    rows = []
    for entry in fields(Metrics):
        value = getattr(metrics, entry.name)
        if value is not None:
            known = PROTOCOLS[entry.name]
            rows.append(MetricRow(entry.name, known.name, known.show(value), known.wish, known.text))
    return tuple(rows)

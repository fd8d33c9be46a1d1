"""A report as JSON and as CSV, one line a face and frame: docs/qc.md names every field."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from vfx_swap import __version__
from vfx_swap.io.atomic import atomic_write
from vfx_swap.pipeline.qc_judge import QcVerdict
from vfx_swap.pipeline.qc_scan import FaceRow, QcFrame
from vfx_swap.pipeline.qc_subject import QcSubject

__all__ = ["FACE_METRICS", "PICTURE_METRICS", "QC_SCHEMA", "csv_text", "json_document", "json_text", "write_text"]

QC_SCHEMA = "vfx_swap/qc.1"
FACE_METRICS = (
    "distance_to_identity",
    "distance_to_performer",
    "landmark_error_percent",
    "pose_error_degrees",
    "expression_error",
    "seam_step_stops",
    "seam_worst_stops",
    "sharpness_ratio",
    "grain_ratio",
    "flicker_stops",
    "flicker_plate_stops",
    "flicker_pop_ratio",
    "matte_area_percent",
    "matte_jump_percent",
    "clipped_percent",
    "clipped_plate_percent",
    "clipped_added_percent",
    "light_level_stops",
    "light_shading_stops",
    "light_jump_stops",
    "face_height_pixels",
)
"""Of a face in a frame, in the order of the CSV's columns."""
PICTURE_METRICS = ("changed_outside_pixels", "not_finite_pixels")
"""Of a whole frame."""
DIGITS = 6
"""Of a number, significant."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a cell a formula in a spreadsheet."""


def json_document(subject: QcSubject, frames: tuple[QcFrame, ...], verdict: QcVerdict, *, made: str) -> dict[str, Any]:
    """The whole report but the pictures.

    Args:
        subject: what was looked at.
        frames: measured.
        verdict: on them.
        made: when, ISO 8601.
    """
    judged = {one.frame: one for one in verdict.frames}
    return {
        "schema": QC_SCHEMA,
        "version": __version__,
        "made": made,
        "name": subject.name,
        "plate": subject.plate,
        "output": subject.output,
        "passed": verdict.passed,
        "reasons": list(verdict.reasons),
        "not_measured": list(verdict.not_measured),
        "notes": list(subject.notes),
        "flicker_ratio": _number(verdict.flicker_ratio),
        "limits_from": subject.limits_from,
        "limits": subject.limits.model_dump(mode="json"),
        "results": [
            {
                "limit": one.limit.key,
                "metric": one.limit.metric,
                "value": one.most,
                "least": one.limit.least,
                "skipped": one.skipped,
                "worst": _number(one.worst),
                "worst_frame": one.worst_frame,
                "broken": list(one.broken),
            }
            for one in verdict.results
        ],
        "worst": list(verdict.worst),
        "frames": [
            {
                "frame": one.frame,
                "status": one.status,
                "why_not": one.why,
                "failed": judged[one.frame].failed,
                "severity": _number(judged[one.frame].severity),
                "why": list(judged[one.frame].why),
                "broken": list(judged[one.frame].broken),
                "remarks": list(one.remarks),
                **{name: _number(value) for name, value in one.values.items()},
                "faces": [_face(face) for face in one.faces],
            }
            for one in frames
        ],
    }


def csv_text(frames: tuple[QcFrame, ...], verdict: QcVerdict) -> str:
    """One line a face and frame; a frame without a face has one line. What was not measured is empty."""
    judged = {one.frame: one for one in verdict.frames}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    head = ["frame", "status", "failed", "severity", "track", "name", *FACE_METRICS, *PICTURE_METRICS, "why", "remarks"]
    writer.writerow(head)
    nobody = FaceRow(None, "", {})
    for one in frames:
        said = judged[one.frame]
        why = [one.why] if one.why else list(said.why) if said.failed else []
        for face in one.faces or (nobody,):
            writer.writerow(
                [
                    one.frame,
                    one.status,
                    int(said.failed),
                    _number(said.severity),
                    "" if face.track is None else face.track,
                    _cell(face.name),
                    *(_number(face.values.get(name), "") for name in FACE_METRICS),
                    *(_number(one.values.get(name), "") for name in PICTURE_METRICS),
                    _cell("; ".join(why)),
                    _cell("; ".join([*one.remarks, *face.remarks])),
                ]
            )
    return out.getvalue()


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace")


def json_text(document: dict[str, Any]) -> str:
    """The document, one frame a line."""
    frames = ",\n  ".join(json.dumps(one, ensure_ascii=True, allow_nan=False) for one in document["frames"])
    head = json.dumps({key: value for key, value in document.items() if key != "frames"}, indent=1, allow_nan=False)
    return f'{head[:-2]},\n "frames": [\n  {frames}\n ]\n}}\n'


def _face(face: FaceRow) -> dict[str, Any]:
    values = {name: _number(face.values[name]) for name in FACE_METRICS if name in face.values}
    return {"track": face.track, "name": face.name, **values, "remarks": list(face.remarks)}


def _number(value: float | None, none: Any = None) -> Any:
    if value is None:
        return none
    return int(value) if float(value).is_integer() else float(f"{value:.{DIGITS}g}")


def _cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text

"""The report as one HTML file: everything is in it, nothing is asked of any network, every name is escaped.

The page's own script is the only one that may run: the content security policy names its digest.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vfx_swap import __version__
from vfx_swap.io.ranges import format_frames
from vfx_swap.pipeline.qc_judge import LimitResult, QcVerdict
from vfx_swap.pipeline.qc_pictures import PICTURE_BYTES, QcPictures
from vfx_swap.pipeline.qc_plots import plot_data
from vfx_swap.pipeline.qc_scan import QcFrame
from vfx_swap.pipeline.qc_subject import QcSubject

__all__ = ["qc_page"]

_FOLDER = Path(__file__).parent
_WORST = 24
"""Frames in the list of the worst; CSV and JSON have all."""
_NAMED = 200
"""Frames without a result that are listed one by one."""


def qc_page(
    subject: QcSubject,
    frames: Sequence[QcFrame],
    verdict: QcVerdict,
    pictures: QcPictures,
    *,
    made: str,
    files: Mapping[str, str],
    notes: Sequence[str] = (),
) -> str:
    """The page as text.

    Args:
        subject: what was looked at.
        frames: measured.
        verdict: on them.
        pictures: of some of them.
        made: when, for people.
        files: what -> name of a file beside the page.
        notes: what is not known, and why.
    """
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = ((_FOLDER / name).read_text(encoding="utf-8") for name in ("qc_page.css", "qc_page.js"))
    judged = {one.frame: one for one in verdict.frames}
    lacking = [one for one in frames if one.status != "measured"]
    return environment.get_template(
        "qc_page.html.j2"
    ).render(
        style=Markup(style),  # noqa: S704  # our own file, not escaped
        script=Markup(script),  # noqa: S704
        style_digest=_digest(style),
        script_digest=_digest(script),
        version=__version__,
        subject=subject,
        verdict=verdict,
        made=made,
        files=files,
        notes=notes,
        count=len(frames),
        range=format_frames(one.frame for one in frames),
        failing=sum(one.failed for one in verdict.frames),
        worst=[judged[number] for number in verdict.worst[:_WORST] if judged[number].severity > 0.0],
        results=[_row(one) for one in verdict.results],
        lacking=lacking[:_NAMED],
        more_lacking=max(0, len(lacking) - _NAMED),
        pictures=pictures,
        pictures_text=_pictures_text(pictures, len(frames)),
        judged=judged,
        data=_data(frames, verdict, pictures, subject),
    )


def _digest(text: str) -> str:
    """As a content security policy names what may run."""
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _row(result: LimitResult) -> dict[str, Any]:
    limit = result.limit
    state = "fail" if result.failed or result.broken else "pass"
    if result.skipped:
        state = "skipped"
    elif result.worst is None:
        state = "not measured"
    return {
        "name": limit.name,
        "key": limit.key,
        "wanted": f"{'at least' if limit.least else 'at most'} {limit.show(result.most).lstrip('+')}",
        "worst": "" if result.worst is None else limit.show(result.worst),
        "frame": result.worst_frame if result.worst else None,
        "broken": len(result.broken),
        "scope": limit.scope,
        "state": state,
    }


def _pictures_text(pictures: QcPictures, count: int) -> str:
    """How much of the shot is shown, in how many bytes."""
    text = f"{len(pictures.frames)} of {count} frames have pictures"
    size = f"{pictures.size / (1 << 20):.1f} MiB of at most {PICTURE_BYTES >> 20}"
    left = f"; left out for want of room: {format_frames(pictures.left_out)}" if pictures.left_out else ""
    return f"{text}, {size}{left}. All are shown at {pictures.exposure_stops:+.2f} stops, as sRGB."


def _data(frames: Sequence[QcFrame], verdict: QcVerdict, pictures: QcPictures, subject: QcSubject) -> dict[str, Any]:
    """What the script draws from."""
    judged = {one.frame: one for one in verdict.frames}
    whole = {one.limit.metric: one.limit for one in verdict.results if one.limit.scope == "picture"}
    return {
        "frames": [one.frame for one in frames],
        "status": [one.status for one in frames],
        "failed": [int(judged[one.frame].failed) for one in frames],
        "cuts": [index for index, one in enumerate(frames) if one.frame in subject.cuts],
        "why": {
            str(index): [*([] if not judged[one.frame].failed else judged[one.frame].why), *_remarks(one)]
            for index, one in enumerate(frames)
            if judged[one.frame].failed or _remarks(one)
        },
        "picture": [
            {"name": limit.name, "values": [_whole(one, metric) for one in frames]} for metric, limit in whole.items()
        ],
        "plots": plot_data(frames, verdict, subject.limits),
        "pictures": {
            str(one.frame): {
                "width": one.width,
                "height": one.height,
                "plate": one.plate_uri,
                "result": one.result_uri,
                "wipe": one.wipe_percent,
                "crops": [
                    {
                        "name": crop.name,
                        "plate": crop.plate_uri,
                        "result": crop.result_uri,
                        "width": crop.width,
                        "height": crop.height,
                    }
                    for crop in one.crops
                ],
            }
            for one in pictures.frames
        },
    }


def _remarks(frame: QcFrame) -> list[str]:
    several = len(frame.faces) > 1
    said = [f"{face.name}: {one}" if several else one for face in frame.faces for one in face.remarks]
    return [*frame.remarks, *said]


def _whole(frame: QcFrame, metric: str) -> float | None:
    return frame.values.get(metric)

"""`--compat simswap`: a plate through SimSwap's own pipeline, for those who must match a picture that it made.

Frame by frame, in 8-bit display values: no tracks, no scene-linear light, no holdouts. Our own way with the same
generator is `engine = "simswap-224"`.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from vfx_swap import __version__
from vfx_swap.errors import CancelledError, UnsupportedImageError, UsageError
from vfx_swap.io.outputs import Output, open_output
from vfx_swap.io.picture import Picture
from vfx_swap.io.plates import MissingPolicy, Plate, open_plate
from vfx_swap.io.ranges import parse_frames
from vfx_swap.io.read import read_picture
from vfx_swap.models.simswap_compat.open import SimSwapModels
from vfx_swap.pipeline.progress import Cancelled, Progress, ProgressEvent, never_cancelled, no_progress
from vfx_swap.pipeline.render_log import FrameRow, RenderLog
from vfx_swap.pipeline.render_steps import timestamp
from vfx_swap.pipeline.simswap_cast import ID_THRESHOLD, Casting, Role, swap_bytes
from vfx_swap.pipeline.usage import identity_uses, use_on_record
from vfx_swap.settings import file_sha256

__all__ = ["CompatReport", "compat_digest", "frame_bytes", "photograph_bytes", "render_simswap"]


@dataclass(frozen=True)
class CompatReport:
    """What was done."""

    output: str
    log: Path
    frames: int
    without_face: tuple[int, ...]
    """Frames in which nobody was swapped: written as the plate."""


def render_simswap(
    plate: str,
    out: str,
    *,
    roles: Sequence[Role],
    casting: Casting,
    models: SimSwapModels,
    threshold: float = ID_THRESHOLD,
    frames: str = "",
    missing: MissingPolicy = "error",
    progress: Progress = no_progress,
    cancelled: Cancelled = never_cancelled,
) -> CompatReport:
    """Swap a still, a sequence or a movie as SimSwap does; a movie keeps its sound.

    Consent is the caller's to check; the use is put on record here.

    Args:
        plate: a frame pattern, one picture or a movie, of 8 bits or more of display values.
        out: where results go, in the same forms.
        roles: who goes in.
        casting: on which faces.
        models: what a frame goes through.
        threshold: of two vectors' mean squared difference, for faces that are told apart.
        frames: the range; empty: all.
        missing: what a frame that is not on disk becomes.
        progress: told of every frame.
        cancelled: asked between frames.

    Raises:
        InputError, UsageError: plate, output or range are not fit.
        OutputError: a frame cannot be written, or the facility's ledger.
        CancelledError: stopped; stills that were written stay, a movie does not.
    """
    if casting == "multispecific" and any(role.performer is None for role in roles):
        raise UsageError("a performer's picture is missing", mend="Give one for each identity")
    with open_plate(plate, missing=missing) as opened:
        numbers = parse_frames(frames) if frames else opened.frames
        _check_display(opened, plate)
        output = open_output(out, plate=opened)
        rows, name = list[FrameRow](), output.pattern.name
        settings, uses = compat_digest(models, roles, casting, threshold), identity_uses(one.identity for one in roles)
        with (
            RenderLog(folder=output.path(numbers[0]).parent, name=name) as log,
            use_on_record(uses, shot=name, frames=numbers) as used,
            output,
        ):
            progress(ProgressEvent("render", "started", total=len(numbers)))
            for done, number in enumerate(numbers, start=1):
                if cancelled():
                    raise CancelledError(f"stopped after {done - 1} of {len(numbers)} frames")
                rows.append(_frame(opened, output, number, roles, casting, models, threshold, settings))
                log.append(rows[-1])
                used.append(number)
                progress(ProgressEvent("render", "frame", done, len(numbers), number, metrics=rows[-1].metrics))
            output.close()
            if output.is_movie:
                _close_rows(log, rows, file_sha256(output.path(numbers[0])))
        progress(ProgressEvent("render", "finished", len(numbers), len(numbers)))
        return CompatReport(out, log.path, len(numbers), tuple(one.frame for one in rows if not one.metrics["faces"]))


def _close_rows(log: RenderLog, rows: Sequence[FrameRow], digest: str) -> None:
    """A movie's digest, which is known when it is closed, on the row of each of its frames."""
    for row in rows:
        log.append(replace(row, output_digest=digest))


def _check_display(plate: Plate, text: str) -> None:
    if plate.kind == "float":
        raise UnsupportedImageError(
            "SimSwap's own picture is of 8-bit display values, and this plate is of float light",
            where=text,
            mend="Leave --compat out: the same generator works in scene-linear light",
        )


def frame_bytes(picture: Picture) -> np.ndarray:
    """(h, w, 3) uint8 BGR of a picture's display values."""
    values = np.round(np.clip(picture.rgb(), 0.0, 1.0) * np.float32(255.0)).astype(np.uint8)
    return np.ascontiguousarray(values[..., ::-1])


def photograph_bytes(path: Path) -> np.ndarray:
    """(h, w, 3) uint8 BGR of a photograph.

    Raises:
        MissingInputError: it does not exist.
        UnreadableImageError: it cannot be decoded.
        UnsupportedImageError: it is of float light.
    """
    picture = read_picture(path)
    if picture.is_float:
        raise UnsupportedImageError("a photograph of display values is needed", where=path, mend="Give a PNG or JPEG")
    return frame_bytes(picture)


def _frame(
    plate: Plate,
    output: Output,
    number: int,
    roles: Sequence[Role],
    casting: Casting,
    models: SimSwapModels,
    threshold: float,
    settings: str,
) -> FrameRow:
    start = time.perf_counter()
    picture = plate.read(number)
    before = frame_bytes(picture)
    read = time.perf_counter()
    after, faces = swap_bytes(before, roles, casting=casting, models=models, threshold=threshold)
    swapped = time.perf_counter()
    changed = (after != before).any(axis=-1).astype(np.float32)
    rgb = np.ascontiguousarray(after[..., ::-1].astype(np.float32) / np.float32(255.0))
    report = output.write(number, picture, rgb=rgb, matte=changed)
    written = time.perf_counter()
    return FrameRow(
        frame=number,
        output=output.path(number).name,
        input_digest=picture.digest(),
        settings_digest=settings,
        output_digest=report.sha256 or None,
        finished=timestamp(),
        seconds={
            "read": round(read - start, 4),
            "swap": round(swapped - read, 4),
            "write": round(written - swapped, 4),
        },
        metrics={"faces": faces, "compat": "simswap", "consent": ", ".join(_consents(roles))},
        arithmetic="simswap",
        warnings=tuple(report.warnings),
    )


def _consents(roles: Sequence[Role]) -> list[str]:
    return sorted({role.identity.consent.id for role in roles if role.identity.consent is not None})


def compat_digest(models: SimSwapModels, roles: Sequence[Role], casting: Casting, threshold: float) -> str:
    """SHA-256 of all that decides a frame but its picture: models, people, and which faces."""
    seen = [
        "compat simswap",
        __version__,
        sorted(models.digests.items()),
        casting,
        threshold,
        [[one.identity.sha256, *_digests(one.vector, one.performer)] for one in roles],
    ]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()


def _digests(*vectors: np.ndarray | None) -> list[str]:
    return ["" if one is None else hashlib.sha256(np.ascontiguousarray(one).tobytes()).hexdigest() for one in vectors]

"""`analyse` and `render`: shots and plates that are read and written here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from vfx_swap.errors import FramesFailedError, ProtocolError
from vfx_swap.pipeline.engines import engine_ids
from vfx_swap.pipeline.prepare import output_folder, prepare_shot
from vfx_swap.pipeline.progress import ProgressEvent
from vfx_swap.pipeline.shot import render_shot, track_plate
from vfx_swap.service.handlers.held import Held, text_of
from vfx_swap.service.link import Message
from vfx_swap.service.worker import Work
from vfx_swap.settings import Shot, shot_from_values

__all__ = ["Told", "analyse", "render", "shot_of", "today_of"]

_STEPS = {"read": "decode", "swap": "infer", "write": "encode"}


def shot_of(values: Any) -> Shot:
    """The settings of a body. What they name on disk is looked at by what works with it.

    Raises:
        SettingsError: they are no shot; holds every problem.
        ProtocolError: they are no object.
    """
    if not isinstance(values, Mapping):
        raise ProtocolError("a task's body has no shot")
    return shot_from_values(values, folder="/", engines=engine_ids()).result()


@dataclass(eq=False)
class Told:
    """Hands events on, and keeps what the answer says of them."""

    work: Work
    rendered: list[int] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    without_face: list[int] = field(default_factory=list)
    warnings: dict[str, None] = field(default_factory=dict)

    def __call__(self, event: ProgressEvent) -> None:
        """A `Progress`."""
        said: Message = {"stage": event.stage, "what": event.what, "done": event.done, "total": event.total}
        said |= {"frame": event.frame, "message": event.message, "metrics": dict(event.metrics)}
        if event.seconds:
            said["seconds"] = dict(event.seconds)
        for step, value in event.seconds.items():
            self.work.seconds[_STEPS.get(step, "infer")] += value
        if event.what == "warning":
            self.warnings[event.message] = None
        elif event.frame is not None and event.stage == "render":
            if event.what == "frame":
                self.rendered.append(event.frame)
                if not event.metrics.get("faces"):
                    self.without_face.append(event.frame)
            elif event.what == "skipped":
                self.skipped.append(event.frame)
        self.work.tell(said)


def analyse(held: Held, work: Work) -> Message:
    """Find and follow the faces of a shot, or of a plate alone, and write its tracks file."""
    told = Told(work)
    if "shot" in work.body:
        shot = shot_of(work.body["shot"])
        done = prepare_shot(
            shot, today=today_of(held, work.body), progress=told, cancelled=work.cancelled, tools=held.warm.tools
        )
        tracks, frames = done.tracks, done.frames
    else:
        tracks = Path(text_of(work.body, "out"))
        made = track_plate(
            text_of(work.body, "plate"),
            out=tracks,
            frames=work.body.get("frames") or "",
            colour_space=work.body.get("colour_space"),
            missing=work.body.get("missing", "error"),
            progress=told,
            cancelled=work.cancelled,
            tools=held.warm.tools,
        )
        frames = made.frames
    return {"tracks": str(tracks), "frames": list(frames), "warnings": list(told.warnings)}


def render(held: Held, work: Work) -> Message:
    """Render a shot, or some frames of it. Consent is asked for anew, whatever was rendered before."""
    told = Told(work)
    shot = shot_of(work.body.get("shot"))
    failures: list[dict[str, object]] = []
    try:
        render_shot(
            shot,
            frames=_frames(work.body),
            overwrite=bool(work.body.get("overwrite", False)),
            device=held.device,
            today=today_of(held, work.body),
            progress=told,
            cancelled=work.cancelled,
            tools=held.warm.tools,
        )
    except FramesFailedError as error:
        failures = [{"frame": one.frame, "reason": one.reason} for one in error.failures]
    folder = output_folder(shot)
    return {
        "rendered": told.rendered,
        "skipped": told.skipped,
        "without_face": told.without_face,
        "warnings": list(told.warnings),
        "failures": failures,
        "output": shot.output,
        "tracks": str(folder / f"{shot.name}.tracks.json"),
        "log": str(folder / f"{shot.name}.render.json"),
    }


def _frames(body: Message) -> list[int] | None:
    """Numbers of frames; None: all of the shot's.

    Raises:
        ProtocolError: they are none.
    """
    frames = body.get("frames")
    if frames is not None and not (isinstance(frames, list) and all(type(one) is int for one in frames)):
        raise ProtocolError(f"frames of a task are numbers, not {frames!r}"[:200])
    return frames


def today_of(held: Held, body: Message) -> date:
    """The day that consent is checked for: the worker's own, where the body names none.

    Raises:
        ProtocolError: the body's is no date.
    """
    said = body.get("today")
    if said is None:
        return held.today()
    try:
        return date.fromisoformat(said)
    except (TypeError, ValueError) as error:
        raise ProtocolError(f"{said!r} is no date") from error

"""`open`, `swap` and `close`: sessions of frames that come one by one, in shared memory or as files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from vfx_swap.errors import ProtocolError, UnsupportedImageError, VfxSwapError
from vfx_swap.io.outputs import open_output
from vfx_swap.io.picture import Picture
from vfx_swap.io.read import read_picture
from vfx_swap.io.samples import to_samples
from vfx_swap.io.sent import OnePicture, picture_of
from vfx_swap.pipeline.error_fields import error_fields
from vfx_swap.pipeline.frames import from_frame
from vfx_swap.pipeline.render_plan import RenderPlan, SwapPlan, frame_digest
from vfx_swap.pipeline.render_steps import SwappedFrame, frame_header, write_swapped
from vfx_swap.pipeline.session import Session, open_session
from vfx_swap.service.handlers.held import Held, text_of
from vfx_swap.service.handlers.shots import shot_of, today_of
from vfx_swap.service.link import Message
from vfx_swap.service.pool import ref_from_json
from vfx_swap.service.worker import Work
from vfx_swap.types import Window

__all__ = [
    "Swap",
    "close_frames",
    "frames_at_once",
    "frames_of",
    "open_frames",
    "reopen_frames",
    "swap_frames",
    "work_on",
]

Swap = Callable[[int, Picture], tuple[SwapPlan, SwappedFrame] | None]
"""A frame's number and picture in; None where it was only seen."""


def open_frames(held: Held, work: Work) -> Message:
    """Open a session."""
    name = text_of(work.body, "session")
    session = held.sessions[name] = _opened(held, work.body)
    return {
        "fit_frames": list(session.fit_frames),
        "layers": list(session.layers),
        "warnings": list(session.warnings),
    }


def reopen_frames(held: Held, name: str, body: Message) -> None:
    """Open a session again that a process that died had open; where that fails, its frames say why."""
    name = body.get("session", name)
    if name not in held.sessions:
        try:
            held.sessions[name] = _opened(held, body)
        except VfxSwapError as error:
            held.sessions[name] = error


def _opened(held: Held, body: Message) -> Any:
    mode = body.get("mode")
    if mode not in ("tracks", "stills"):
        raise ProtocolError(f"a session's mode is tracks or stills, not {mode!r}")
    return open_session(
        shot_of(body.get("shot")),
        tracks=text_of(body, "tracks") if mode == "tracks" else None,
        colour_space=body.get("colour_space"),
        device=held.device,
        today=today_of(held, body),
        tools=held.warm.tools,
        learnt=(body.get("keep") or {}).get("learnt"),
    )


def close_frames(held: Held, work: Work) -> Message:
    """Close a session; one that is not open is closed."""
    held.sessions.pop(text_of(work.body, "session"), None)
    return {}


def swap_frames(held: Held, work: Work) -> Message:
    """Swap frames of a session. One that fails says so, the others go on.

    Raises:
        ProtocolError: there is no such session, or no frames.
        CancelledError: stopped between two frames.
    """
    name = text_of(work.body, "session")
    session = held.sessions.get(name)
    if session is None:
        raise ProtocolError(f"no session {name!r} is open here", mend="Open it again")
    if isinstance(session, Exception):
        raise session
    answer: Message = {"frames": work_on(held, work, session.swap)}
    if any("seen" in one for one in answer["frames"]):
        answer["keep"] = {"learnt": session.learnt}
    return answer


def frames_at_once(held: Held, works: Sequence[Work]) -> int:
    """How many of these `swap` tasks may run side by side: as many as each of their sessions says."""
    sessions = [held.sessions.get(str(work.body.get("session"))) for work in works]
    each = [one.frames_at_once if isinstance(one, Session) else 1 for one in sessions]
    return min([len(works), *each]) if each else 1


def frames_of(work: Work) -> Sequence[Message]:
    """The frames of a task.

    Raises:
        ProtocolError: it has none.
    """
    frames = work.body.get("frames")
    if not isinstance(frames, list) or not frames or not all(isinstance(one, dict) for one in frames):
        raise ProtocolError("a task's body has no frames")
    return frames


def work_on(held: Held, work: Work, swap: Swap, *, layers_only: bool = False) -> list[Message]:
    """Read, swap and lay down every frame of a task, in order.

    Args:
        held: the worker's.
        work: the task.
        swap: what is done to a frame.
        layers_only: True where nobody is swapped: rgb and matte are the plate's, and nothing.

    Raises:
        CancelledError: stopped between two frames.
    """
    answers: list[Message] = []
    for asked in frames_of(work):
        work.stop_if_cancelled()
        number = asked.get("number")
        if type(number) is not int:
            raise ProtocolError(f"a frame's number is {number!r}")
        try:
            answers.append({"number": number, **_worked(held, work, asked, number, swap, layers_only=layers_only)})
        except VfxSwapError as error:
            answers.append({"number": number, "error": error_fields(error)})
    return answers


def _worked(held: Held, work: Work, asked: Message, number: int, swap: Swap, *, layers_only: bool) -> Message:
    with _timed(work, "decode"):
        picture = _picture(held, asked, number)
    with _timed(work, "infer"):
        done = swap(number, picture)
    if done is None:
        return {"seen": True}
    plan, swapped = done
    with _timed(work, "encode"):
        answer = _written(held, asked, plan, number, swapped, layers_only=layers_only)
    window = swapped.frame.data_window
    warnings = [*picture.warnings, *answer.pop("warnings", ())]
    if not swapped.metrics.get("faces"):
        who = "face" if layers_only else "cast face"
        warnings.append(f"no {who} in frame {number}: the plate as it is")
    return {
        **answer,
        "window": [window.x, window.y, window.width, window.height],
        "metrics": dict(swapped.metrics),
        "header": frame_header(plan, number, swapped),
        "settings_digest": frame_digest(plan, number),
        "warnings": warnings,
    }


@contextmanager
def _timed(work: Work, step: str) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    finally:
        work.seconds[step] += time.perf_counter() - start


def _picture(held: Held, asked: Message, number: int) -> Picture:
    if "path" in asked:
        return read_picture(text_of(asked, "path"))
    pixels = held.files.read(ref_from_json(asked.get("pixels")))
    window, display = _window(asked.get("window")), _window(asked.get("display"))
    return picture_of(pixels, window=window, display=display, name=f"frame.{number}.exr")


def _window(box: Any) -> Window:
    if not isinstance(box, list) or len(box) != 4 or not all(type(side) is int for side in box):
        raise ProtocolError(f"a window is [x, y, width, height], not {box!r}"[:200])
    return Window(*box)


def _written(
    held: Held, asked: Message, plan: SwapPlan, number: int, swapped: SwappedFrame, *, layers_only: bool
) -> Message:
    """Write a frame's file where one is asked for, else lay its planes down."""
    if asked.get("output"):
        return _file(text_of(asked, "output"), plan, number, swapped)
    planes = {name: swapped.layers[name] for name in sorted(swapped.layers)}
    if not layers_only:
        planes = {**_colour(plan, swapped), **planes}
    room = ref_from_json(asked.get("out"))
    return {"planes": {name: ref.to_json() for name, ref in held.files.lay(room, planes).items()}}


def _colour(plan: SwapPlan, swapped: SwappedFrame) -> Mapping[str, np.ndarray]:
    """In the plate's encoding and, for a plate of halves, as its file would hold it; the matte as floats."""
    rgb = from_frame(swapped.frame, matte=swapped.matte, config=plan.config, colour_space=plan.colour_space)
    native = swapped.read.picture.native_rgb.dtype
    if native == np.float16:
        rgb = to_samples(rgb, dtype=native, bits=16)
    return {"rgb": rgb, "matte": swapped.matte}


def _file(path: str, plan: SwapPlan, number: int, swapped: SwappedFrame) -> Message:
    picture = swapped.read.picture
    plate = OnePicture(number, picture)
    output = open_output(path, plate=plate, layers=bool(plan.shot.write.layers))
    if output.is_movie or (picture.is_float and not output.takes_float):
        what = "a plate of float light does not fit into it: it would be clipped at white"
        raise UnsupportedImageError(what, where=path, mend="Write EXR (or TIFF, which holds floats)")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    whole = RenderPlan(**vars(plan), plate=plate, output=output, frames=(number,), overwrite=True)
    row = write_swapped(whole, number, swapped)
    return {"output": path, "planes": {}, "warnings": list(row.warnings)}

"""A shot whose files are here and whose workers are elsewhere: frames are sent, results are written here.

Tracks and frames have the bits of a local render: the analyse pass and the swap run on the server, on pixels that are
sent as they are; colour space, windows, channels and metadata stay here.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vfx_swap.client.face import AsyncClient
from vfx_swap.client.frame_values import FrameSettings, PlateFrame, StreamedFrame, plate_frame
from vfx_swap.client.frames import parse_frames, process_frames
from vfx_swap.client.tracks import track_frames
from vfx_swap.client.values import RenderReport
from vfx_swap.colour.ocio import ColourConfig
from vfx_swap.errors import CancelledError, FrameFailure, FramesFailedError, InputError, UsageError, VfxSwapError
from vfx_swap.io.atomic import atomic_write
from vfx_swap.io.outputs import Output, open_output
from vfx_swap.pipeline.progress import Cancelled, Progress, ProgressEvent, never_cancelled, no_progress
from vfx_swap.pipeline.render_log import FrameRow, RenderLog
from vfx_swap.pipeline.render_steps import timestamp
from vfx_swap.pipeline.shot_plate import ShotPlate, open_shot_plate
from vfx_swap.pipeline.tracks_file import load_tracks
from vfx_swap.service.identity_store import RESOURCE
from vfx_swap.settings import Shot

__all__ = ["stream_parse", "stream_shot"]


async def stream_shot(
    client: AsyncClient,
    shot: Shot,
    *,
    config: ColourConfig,
    frames: Sequence[int] | None = None,
    progress: Progress = no_progress,
    cancelled: Cancelled = never_cancelled,
) -> RenderReport:
    """Render a shot on a server that cannot read its files.

    Every frame asked for is rendered: what a server would make of a frame is not known here before it is made.

    Args:
        client: of the server.
        shot: the settings; an identity is a pack here, which the server is given where it has none of its content, or
            `identities/NAME` of the server's own.
        config: OCIO config, to say what space the plate is in.
        frames: those of the shot that are wanted; None: all.
        progress: told of every frame.
        cancelled: asked between frames.

    Raises:
        InputError, UsageError: plate or range are not fit; the shot has mattes of its own, which no stream carries.
        FramesFailedError: some frames failed, each named; the others are written.
        CancelledError: stopped; what is written stays.
        OutputError: a result cannot be written.
        VfxSwapError: as the server says.
    """
    _refuse_mattes(shot)
    opened = open_shot_plate(
        shot.plate,
        frames=shot.frames,
        missing=shot.missing,
        colour_space=shot.colour_space,
        config=config,
        wanted=frames,
    )
    for warning in opened.warnings:
        progress(ProgressEvent("analyse", "warning", message=warning))
    with ExitStack() as stack:
        stack.enter_context(opened.plate)
        output = open_output(shot.output, plate=opened.plate, layers=bool(shot.write.layers))
        log = stack.enter_context(RenderLog(folder=output.path(opened.frames[0]).parent, name=shot.name))
        stack.enter_context(output)
        tracks = log.folder / f"{shot.name}.tracks.json"
        known = await _tracks(client, opened, tracks, progress)
        values = await _with_identities(client, shot, progress)
        settings = FrameSettings(shot=values, tracks=known, colour_space=opened.colour_space)
        streamed = process_frames(client.stubs.frames, settings, opened.frames, read=_reader(opened))
        done = await _write_all(streamed, output, opened.frames, log, progress, cancelled)
    return RenderReport(
        job="",
        output=shot.output,
        tracks=str(tracks),
        rendered=tuple(row.frame for row in done),
        without_face=tuple(row.frame for row in done if not row.metrics.get("faces")),
        warnings=tuple(dict.fromkeys(text for row in done for text in row.warnings)),
    )


async def stream_parse(
    client: AsyncClient,
    plate: str,
    *,
    out: str,
    config: ColourConfig,
    frames: str = "",
    colour_space: str | None = None,
    missing: Any = "error",
    parser: str = "",
    cryptomatte: bool = False,
    progress: Progress = no_progress,
    cancelled: Cancelled = never_cancelled,
) -> RenderReport:
    """Write the regions of every face of a plate, found on a server that need not read it.

    Args:
        client: of the server.
        plate: a frame pattern, one picture or a movie.
        out: EXR, one picture or a pattern.
        config: OCIO config, to say what space the plate is in.
        frames: the range; empty: every frame.
        colour_space: OCIO name; None: from the header, else by kind of file.
        missing: what a frame that is not on disk becomes.
        parser: id of a parser's card; empty: the server's default.
        cryptomatte: Cryptomatte's layers, in place of one layer a region.
        progress: told of every frame.
        cancelled: asked between frames.

    Raises:
        As `stream_shot`.
    """
    opened = open_shot_plate(plate, frames=frames, missing=missing, colour_space=colour_space, config=config)
    for warning in opened.warnings:
        progress(ProgressEvent("analyse", "warning", message=warning))
    with ExitStack() as stack:
        stack.enter_context(opened.plate)
        output = open_output(out, plate=opened.plate, layers=True)
        name = output.pattern.name
        log = stack.enter_context(RenderLog(folder=output.path(opened.frames[0]).parent, name=name))
        stack.enter_context(output)
        tracks = log.folder / f"{name}.tracks.json"
        streamed = parse_frames(
            client.stubs.parse,
            opened.frames,
            read=_reader(opened),
            name=name,
            parser=parser,
            cryptomatte=cryptomatte,
            tracks=await _tracks(client, opened, tracks, progress),
            colour_space=opened.colour_space,
        )
        done = await _write_all(streamed, output, opened.frames, log, progress, cancelled)
    rendered = tuple(row.frame for row in done)
    without = tuple(row.frame for row in done if not row.metrics.get("faces"))
    told = tuple(dict.fromkeys(text for row in done for text in row.warnings))
    return RenderReport(job="", output=out, tracks=str(tracks), rendered=rendered, without_face=without, warnings=told)


def _are_of(path: Path, plate_digest: str) -> bool:
    return path.exists() and load_tracks(path).plate_digest == plate_digest


def _refuse_mattes(shot: Shot) -> None:
    """A stream carries plates, tracks and identities. Mattes that were drawn stay here, and a frame without them would
    show the swap where somebody took it off.

    Raises:
        UsageError: the shot names mattes of its own.
    """
    named = [key for key in ("holdout_matte", "garbage_matte") if getattr(shot.matte, key)]
    if named:
        keys = " and ".join(f"matte.{key}" for key in named)
        raise UsageError(
            f"{keys} cannot go with streamed frames: a stream carries no mattes of your own",
            where=getattr(shot.matte, named[0]),
            mend="Render here, or without --stream on a server that reads this folder",
        )


def _reader(opened: ShotPlate) -> Callable[[int], PlateFrame]:
    return lambda number: plate_frame(number, opened.plate.read(number))


async def _tracks(client: AsyncClient, opened: ShotPlate, path: Path, progress: Progress) -> bytes:
    """The tracks of the whole shot: those beside the output while they are of this plate, edits included, else new."""
    known = await asyncio.to_thread(opened.fingerprint)
    if await asyncio.to_thread(_are_of, path, known):
        progress(ProgressEvent("analyse", "note", message=f"tracks reused: {path}"))
        return await asyncio.to_thread(path.read_bytes)
    total = len(opened.shot_frames)
    progress(ProgressEvent("analyse", "started", total=total))
    made = await track_frames(
        client.stubs.track,
        opened.shot_frames,
        read=_reader(opened),
        colour_space=opened.colour_space,
        plate_digest=known,
        progress=lambda done, count, text: progress(
            ProgressEvent("analyse", "note" if text else "frame", done, count, None, text)
        ),
    )
    with atomic_write(path) as temporary:
        temporary.write_bytes(made)
    progress(ProgressEvent("analyse", "finished", total, total))
    return made


async def _with_identities(client: AsyncClient, shot: Shot, progress: Progress) -> dict[str, Any]:
    """The shot's values with every identity under the name that the server keeps it by."""
    names: dict[str, str] = {}
    for path in dict.fromkeys(cast.identity for cast in shot.cast):
        if not path.startswith(RESOURCE):
            names[path] = await _kept(client, Path(path), progress)
    values = shot.model_dump(mode="json", by_alias=True, exclude_none=True)
    cast = [{**one, "identity": names.get(one["identity"], one["identity"])} for one in values["cast"]]
    # Files of this machine mean nothing there.
    return {**values, "plate": "", "output": "", "cast": cast}


async def _kept(client: AsyncClient, pack: Path, progress: Progress) -> str:
    """The server's name of a pack's content; the pack is given to it where there is none."""
    try:
        sha256 = hashlib.sha256(await asyncio.to_thread(pack.read_bytes)).hexdigest()
    except OSError as error:
        raise InputError(f"the identity pack cannot be read: {error.strerror}", where=pack) from error
    for one in await client.identities():
        if one.sha256 == sha256:
            return one.name
    stem = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in pack.stem)[:40].strip("-")
    made = await client.create_identity(f"{stem or 'identity'}-{sha256[:12]}", [pack], replace=True)
    progress(ProgressEvent("identity", "note", message=f"{pack.name} is now {made.name} of the server"))
    return made.name


async def _write_all(
    streamed: Any,
    output: Output,
    frames: Iterable[int],
    log: RenderLog,
    progress: Progress,
    cancelled: Cancelled,
) -> list[FrameRow]:
    """Write every frame as it comes, and put it on record; so with those that failed, as a local render does.

    Raises:
        FramesFailedError: some failed; the others are written.
        CancelledError: stopped.
        OutputError: a frame cannot be written.
    """
    total, done, failures = len(list(frames)), list[FrameRow](), list[FrameFailure]()
    progress(ProgressEvent("render", "started", total=total))
    try:
        async for frame in streamed:
            if cancelled():
                mend = "Run the same command with the frames that are missing"
                raise CancelledError(f"stopped after {len(done)} of {total} frames", mend=mend)
            try:
                row = await asyncio.to_thread(_written, frame, output)
            except VfxSwapError as error:
                if frame.error is None:
                    raise
                log.append(_failed(frame, output, error))
                failures.append(FrameFailure(frame.number, str(error)))
                progress(ProgressEvent("render", "failed", len(done) + len(failures), total, frame.number, str(error)))
                continue
            log.append(row)
            done.append(row)
            progress(
                ProgressEvent("render", "frame", len(done) + len(failures), total, frame.number, metrics=row.metrics)
            )
    finally:
        await streamed.aclose()
    progress(ProgressEvent("render", "finished", total, total))
    if failures:
        raise FramesFailedError(failures, where=output.pattern.text, mend="Mend what is named and run again")
    return done


def _written(frame: StreamedFrame, output: Output) -> FrameRow:
    if frame.error is None and "rgb" not in frame.planes:  # regions alone: the plate goes along as it is
        size = (frame.window.height, frame.window.width)
        nothing = {"rgb": np.zeros((*size, 3), np.float32), "matte": np.zeros(size, np.float32)}
        frame = replace(frame, planes={**frame.planes, **nothing})
    report = frame.write(output)
    picture = frame.sent.picture if frame.sent is not None else None
    return FrameRow(
        frame=frame.number,
        output=output.path(frame.number).name,
        input_digest="" if picture is None else picture.digest(),
        settings_digest=frame.settings_digest,
        output_digest=report.sha256 or None,
        finished=timestamp(),
        seconds=dict(frame.seconds),
        metrics={key: value if isinstance(value, str) else float(value) for key, value in frame.metrics.items()},
        device=frame.device,
        warnings=(*frame.warnings, *report.warnings),
    )


def _failed(frame: StreamedFrame, output: Output, error: VfxSwapError) -> FrameRow:
    path = output.path(frame.number)
    left = f" (the file {path.name} from an earlier render is still there)" if path.exists() else ""
    return FrameRow(
        frame=frame.number,
        output=path.name,
        input_digest="",
        settings_digest=frame.settings_digest,
        output_digest=None,
        finished=timestamp(),
        device=frame.device,
        error=f"{error}{left}",
    )

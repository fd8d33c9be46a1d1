"""What quality control looks at: a shot file, or a rendered sequence with what lies beside it.

Whatever is missing beside the pictures (log, tracks, identity) is said in `notes`, and what it would have told is left
out; the pictures are looked at all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vfx_swap.colour.ocio import ColourConfig
from vfx_swap.errors import FrameRangeError, InputError, UsageError, VfxSwapError
from vfx_swap.io.paths import FramePattern
from vfx_swap.io.plates import open_plate
from vfx_swap.io.ranges import format_frames, parse_frames
from vfx_swap.pipeline.engines import engine_ids
from vfx_swap.pipeline.identity_file import load_identity
from vfx_swap.pipeline.progress import no_progress
from vfx_swap.pipeline.render_log import FrameRow, read_log
from vfx_swap.pipeline.shot_tracks import ModelsOnDemand, cast_shot
from vfx_swap.pipeline.tracks_file import Tracks, load_tracks
from vfx_swap.settings import Qc, Shot, draft_shot
from vfx_swap.types import Identity, Track

__all__ = ["QcFace", "QcSubject", "is_shot_file", "subject_of_sequence", "subject_of_shot"]

_LOG = re.compile(r"^(?P<name>.+)\.render\.json$|^\.(?P<other>.+)\.render\.[0-9a-f]+\.jsonl$")
_NOT_OURS = re.compile(r"engine|cast\[\d+\]\.(identity|performer)")
"""Keys whose problems stop a render, not a look at what was rendered: the engine may be on the farm alone."""


@dataclass(frozen=True, eq=False)
class QcFace:
    """A face that was swapped."""

    track: Track | None
    """None where there are no tracks: whatever was changed counts as one face."""
    identity: Identity | None
    """Who went in; None where that is not known or not here."""

    @property
    def name(self) -> str:
        """For people."""
        who = "" if self.identity is None else self.identity.name
        return who if self.track is None else f"track {self.track.id}" + (f", {who}" if who else "")


@dataclass(frozen=True, eq=False)
class QcSubject:
    """What is looked at."""

    name: str
    plate: str
    output: str
    frames: tuple[int, ...]
    """All that should be there, rising."""
    limits: Qc
    limits_from: str
    """Where the limits stand, for people."""
    colour_space: str | None = None
    missing: str = "error"
    faces: tuple[QcFace, ...] = (QcFace(None, None),)
    rows: Mapping[int, FrameRow] = field(default_factory=dict)
    """What the render log says, by frame."""
    cuts: frozenset[int] = frozenset()
    """First frames after cuts."""
    facts: tuple[tuple[str, str], ...] = ()
    """What and value, for people."""
    notes: tuple[str, ...] = ()
    """What is not known, and why."""

    @property
    def order(self) -> Mapping[int, int]:
        """Frame -> its place among all that should be there, from 1: its number in a movie."""
        return {number: index for index, number in enumerate(self.frames, start=1)}


def is_shot_file(text: str) -> bool:
    """Whether what was given is a shot file rather than pictures."""
    return text.lower().endswith(".toml")


def subject_of_shot(path: Path, *, config: ColourConfig, models: ModelsOnDemand) -> QcSubject:
    """A shot file, with the log and the tracks that its render left.

    Raises:
        MissingInputError: there is no such file, or no plate.
        SettingsError: anything but engine and identities is wrong with it.
    """
    shot = _read_shot(path, config)
    output = FramePattern.parse(shot.output)
    notes: list[str] = []
    rows = _rows(output.folder, shot.name, notes)
    tracks = _tracks(output.folder / f"{shot.name}.tracks.json", notes)
    faces: tuple[QcFace, ...] = (
        QcFace(None, _identity(shot.cast[0].identity, notes) if len(shot.cast) == 1 else None),
    )
    if tracks is not None:
        faces = _cast(shot, tracks, config=config, models=models, notes=notes) or faces
    frames = parse_frames(shot.frames) if shot.frames else _plate_frames(shot)
    cast = ", ".join(f"{Path(one.identity).stem} on {_performer(one)}" for one in shot.cast)
    return QcSubject(
        name=shot.name,
        plate=shot.plate,
        output=shot.output,
        frames=tuple(sorted(set(frames))),
        limits=shot.qc,
        limits_from=f"[qc] of {path.name}" if shot.qc != Qc() else f"defaults: {path.name} changes none",
        colour_space=shot.colour_space,
        missing=shot.missing,
        faces=faces,
        rows=rows,
        cuts=frozenset() if tracks is None else frozenset(tracks.cuts),
        facts=(("shot file", str(path)), ("engine", shot.engine), ("cast", cast), *_facts_of(rows)),
        notes=tuple(notes),
    )


def subject_of_sequence(
    text: str, *, plate: str | None, identity: Path | None, frames: str | None, limits: Qc | None = None
) -> QcSubject:
    """A rendered sequence, or movie, with the log and tracks beside it; the limits are the defaults.

    Args:
        text: the rendered frames.
        plate: of the same frames; None: the one that the tracks file names.
        identity: pack of who went in.
        frames: those that should be there; None: those that are there or on record, and gaps between them.
        limits: other limits.

    Raises:
        InputError: there are no such frames.
        UsageError: nothing says what the plate is.
    """
    output = FramePattern.parse(text)
    notes: list[str] = []
    name = _logged_name(output, notes) or output.name
    rows = _rows(output.folder, name, notes)
    tracks = _tracks(output.folder / f"{name}.tracks.json", notes)
    before = plate or (tracks.plate if tracks is not None else "")
    if not before:
        raise UsageError("nothing beside the frames says what the plate is", where=text, mend="Give --plate")
    who = None if identity is None else load_identity(identity)
    if who is None:
        notes.append("no identity was given, so likeness is not judged; --identity PACK names one")
    swapped = _swapped_tracks(tracks, rows)
    wanted = parse_frames(frames) if frames else _there(output, rows)
    return QcSubject(
        name=name,
        plate=before,
        output=text,
        frames=tuple(sorted(set(wanted))),
        limits=limits or Qc(),
        limits_from="defaults: there is no shot file",
        faces=tuple(QcFace(track, who) for track in swapped) or (QcFace(None, who),),
        rows=rows,
        cuts=frozenset() if tracks is None else frozenset(tracks.cuts),
        facts=_facts_of(rows),
        notes=tuple(notes),
    )


def _read_shot(path: Path, config: ColourConfig) -> Shot:
    draft = draft_shot(path, engines=engine_ids(), knows_colour_space=config.has)
    stopping = [one for one in draft.problems if not _NOT_OURS.fullmatch(one.key)]
    return draft.result() if stopping or draft.shot is None else draft.shot


def _plate_frames(shot: Shot) -> Sequence[int]:
    with open_plate(shot.plate) as plate:
        return _filled(plate.existing)


def _there(output: FramePattern, rows: Mapping[int, FrameRow]) -> Sequence[int]:
    """Frames that are on disk or on record, and gaps between them."""
    if output.kind == "sequence":
        known = set(output.frames_on_disk()) | set(rows)
        if not known:
            open_plate(output.text).close()  # says what is near
            raise FrameRangeError("there are no frames", where=output.text)
        return _filled(known)
    with open_plate(output.text) as opened:
        return tuple(sorted(rows)) or opened.existing


def _filled(known: Iterable[int]) -> tuple[int, ...]:
    """The frames, and those that are missing in the step that they have."""
    numbers = sorted(known)
    if len(numbers) < 3:
        return tuple(numbers)
    step = int(np.gcd.reduce(np.diff(numbers)))
    return tuple(range(numbers[0], numbers[-1] + 1, step))


def _logged_name(output: FramePattern, notes: list[str]) -> str | None:
    """The shot's name, by the log beside the frames that has them."""
    try:
        names = {one["name"] or one["other"] for path in output.folder.iterdir() if (one := _LOG.match(path.name))}
    except OSError:
        return None
    for name in sorted(names):
        try:
            rows = read_log(output.folder, name)
        except InputError as error:
            notes.append(f"a render log cannot be used: {error}")
            continue
        if any(row.output == output.path(frame).name for frame, row in rows.items()):
            return name
    return None


def _rows(folder: Path, name: str, notes: list[str]) -> dict[int, FrameRow]:
    try:
        rows = read_log(folder, name)
    except InputError as error:
        notes.append(f"the render log cannot be used, so failures on record are not known: {error}")
        return {}
    if not rows:
        notes.append(f"there is no render log {name}.render.json beside the frames: failures on record are not known")
    return rows


def _tracks(path: Path, notes: list[str]) -> Tracks | None:
    try:
        return load_tracks(path)
    except InputError as error:
        said = f"no tracks ({path.name})" if not path.exists() else f"the tracks cannot be used ({error})"
        notes.append(f"{said}: all that was changed in a frame counts as one face")
        return None


def _cast(
    shot: Shot, tracks: Tracks, *, config: ColourConfig, models: ModelsOnDemand, notes: list[str]
) -> tuple[QcFace, ...]:
    try:
        owners = cast_shot(shot, tracks, config=config, models=models, progress=no_progress)
    except VfxSwapError as error:
        notes.append(f"who was cast cannot be told from the tracks: {error}")
        return ()
    packs = {path: _identity(path, notes) for path in dict.fromkeys(one.identity for one in owners.values())}
    return tuple(QcFace(tracks.track(track_id), packs[one.identity]) for track_id, one in owners.items())


def _identity(path: str, notes: list[str]) -> Identity | None:
    try:
        return load_identity(path)
    except VfxSwapError as error:
        notes.append(f"likeness is not judged: {error}")
        return None


def _swapped_tracks(tracks: Tracks | None, rows: Mapping[int, FrameRow]) -> tuple[Track, ...]:
    """The tracks of a sequence without a shot file, if all of them were swapped: else nobody says which."""
    if tracks is None or not tracks.tracks:
        return ()
    for frame, row in rows.items():
        seen = sum(frame in track.faces for track in tracks.tracks)
        if row.error is None and row.metrics.get("faces") != seen:
            return ()
    return tracks.tracks


def _performer(cast: object) -> str:
    performer, track, position = (getattr(cast, key) for key in ("performer", "track", "position"))
    if performer is not None:
        return Path(performer).name
    return f"track {track}" if track is not None else f"the {position} face" if position != "all" else "all faces"


def _facts_of(rows: Mapping[int, FrameRow]) -> tuple[tuple[str, str], ...]:
    if not rows:
        return ()
    newest = max(row.finished for row in rows.values())
    failed = [frame for frame, row in rows.items() if row.error is not None]
    said = f"{len(rows) - len(failed)} frames" + (f", {len(failed)} failed ({format_frames(failed)})" if failed else "")
    where = ", ".join(sorted({f"{row.device}, {row.arithmetic}" for row in rows.values()}))
    return (("render log", said), ("last rendered", newest), ("device", where))

"""The tracks file: everything the render pass knows about where the faces are, in a form a person can edit.

One JSON file, schema `vfx_swap/tracks.1`, one line for each face in each frame; every field is described in
docs/tracks.md. Numbers are rounded when tracks are made, so that tracks just analysed and the same tracks
read back give the same bits.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.errors import FrameFailure, InputError, MissingInputError, TracksError
from vfx_swap.io.atomic import atomic_write
from vfx_swap.light.harmonics import HarmonicLight
from vfx_swap.pipeline.camera_file import camera_from_value, camera_value
from vfx_swap.pipeline.camera_look import CameraLook
from vfx_swap.pipeline.face_lights import Lights, light_row
from vfx_swap.pipeline.tracks_parse import FACES_MARK, parse_text, read_header, read_track_lights, read_tracks
from vfx_swap.types import Embedding, Face, Front, Pose, Track

__all__ = [
    "TRACKS_SCHEMA",
    "Tracks",
    "load_tracks",
    "rounded_track",
    "save_tracks",
    "tracks_are_current",
]

TRACKS_SCHEMA = "vfx_swap/tracks.1"
DECIMALS = 3
"""Of pixels, degrees, weights and confidence."""
EMBEDDING_DECIMALS = 6


@dataclass(frozen=True, eq=False)
class Tracks:
    """The faces of a shot: what the analyse pass writes and the render pass reads."""

    tracks: tuple[Track, ...]
    """In order of appearance; ids are unique."""
    frames: tuple[int, ...]
    """Frames that were looked at, in order, those that failed included."""
    plate: str = ""
    """The plate as it was given, for people."""
    plate_digest: str = ""
    """Digest of the plate's pixels, as the caller defines it."""
    settings_digest: str = ""
    """Digest of the analyse settings and the models' digests."""
    models: Mapping[str, str] = field(default_factory=dict)
    """Card id and file name -> SHA-256 of every model file used."""
    cuts: tuple[int, ...] = ()
    """First frames after cuts within the shot."""
    failures: tuple[FrameFailure, ...] = ()
    """Frames that could not be looked at, and why."""
    edited: bool = False
    """True when a person changed the file after it was written."""
    lights: Lights = field(default_factory=dict)
    """Track -> frame -> the plate's light on the face, smoothed over the track, in linear Rec.709."""

    camera: CameraLook = field(default_factory=CameraLook)
    """What the camera did: shutter, focus, grain."""

    def __post_init__(self) -> None:
        ids = [track.id for track in self.tracks]
        if len(set(ids)) != len(ids):
            raise ValueError(f"track ids must be unique, got {ids}")

    @property
    def ids(self) -> tuple[int, ...]:
        """Ids of all tracks."""
        return tuple(track.id for track in self.tracks)

    def track(self, track_id: int) -> Track:
        """The track of an id.

        Raises:
            TracksError: there is none.
        """
        for track in self.tracks:
            if track.id == track_id:
                return track
        there = ", ".join(map(str, self.ids)) or "none"
        raise TracksError(f"there is no track {track_id}", where=self.plate or None, mend=f"Tracks there are: {there}")


def tracks_are_current(tracks: Tracks, *, plate_digest: str, settings_digest: str) -> bool:
    """True while plate and analyse settings are those the tracks were made from; edits by hand do not matter."""
    return tracks.plate_digest == plate_digest and tracks.settings_digest == settings_digest


def save_tracks(tracks: Tracks, path: str | Path) -> Path | None:
    """Write a tracks file, whole or not at all.

    A file already there that was edited by hand is kept beside it, as `<stem>.edited.json` or, when that is
    taken, `<stem>.edited2.json` and so on.

    Returns:
        Where the edited file went, or None when there was none.

    Raises:
        OutputError: the file cannot be written; DiskFullError when the disk is full.
    """
    path = Path(path)
    kept = _keep_edited(path)
    text = "".join(_lines(tracks))
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return kept


def load_tracks(path: str | Path) -> Tracks:
    """Read a tracks file, with all that was changed in it by hand.

    Raises:
        MissingInputError: there is no such file.
        TracksError: it is not a tracks file, or something in it is wrong; says what and where.
    """
    path = Path(path)
    text = _read_text(path)
    document = parse_text(text, where=path)
    header = read_header(document, text=text, where=path, schema=TRACKS_SCHEMA)
    return Tracks(
        tracks=read_tracks(document, text=text, where=path),
        frames=header.frames,
        plate=header.plate,
        plate_digest=header.plate_digest,
        settings_digest=header.settings_digest,
        models=header.models,
        cuts=header.cuts,
        failures=header.failures,
        edited=header.edited or header.content_sha256 != _content_sha256(text),
        lights=read_track_lights(document, where=path),
        camera=camera_from_value(document.get("camera"), where=path),
    )


def rounded_track(track: Track) -> Track:
    """The track as it comes back from a file: rounded."""
    return Track(
        id=track.id,
        faces={frame: _rounded_face(face) for frame, face in track.faces.items()},
        embedding=Embedding(track.embedding.recogniser, _round(track.embedding.vector, EMBEDDING_DECIMALS)),
    )


def _rounded_face(face: Face) -> Face:
    pose = face.pose
    return Face(
        frame=face.frame,
        points=_round(face.points, DECIMALS),
        expression=_round(face.expression, DECIMALS),
        pose=Pose(*(round(angle, DECIMALS) for angle in (pose.yaw_degrees, pose.pitch_degrees, pose.roll_degrees))),
        confidence=round(face.confidence, DECIMALS),
        bridged=face.bridged,
        identity_distance=None if face.identity_distance is None else round(face.identity_distance, DECIMALS),
        front=None if face.front is None else _rounded_front(face.front),
    )


def _rounded_front(front: Front) -> Front:
    left, top, step = (round(float(value), DECIMALS) for value in (front.left, front.top, front.step))
    return Front(left=left, top=top, step=step, mattes=front.mattes)


def _round(array: FloatArray, decimals: int) -> FloatArray:
    return np.round(array.astype(np.float64), decimals).astype(np.float32)


def _numbers(array: FloatArray, decimals: int) -> Any:
    """Nested lists of shortest decimals; -0.0 as 0.0."""
    return (np.round(array.astype(np.float64), decimals) + 0.0).tolist()


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _lines(tracks: Tracks) -> Iterator[str]:
    """The file's text: header, then one line a face, closed by a digest that tells edits apart."""
    body = FACES_MARK + ",".join(_track_text(track, tracks.lights) for track in tracks.tracks) + "\n ]\n}\n"
    header = {
        "schema": TRACKS_SCHEMA,
        "plate": tracks.plate,
        "plate_digest": tracks.plate_digest,
        "settings_digest": tracks.settings_digest,
        "models": dict(sorted(tracks.models.items())),
        "frames": list(tracks.frames),
        "cuts": list(tracks.cuts),
        "failures": [{"frame": failure.frame, "reason": failure.reason} for failure in tracks.failures],
        "camera": camera_value(tracks.camera),
        "edited": tracks.edited,
        "content_sha256": hashlib.sha256(body.encode("utf-8")).hexdigest(),
    }
    yield "{\n"
    for key, value in header.items():
        yield f" {_dump(key)}: {_dump(value)},\n"
    yield body


def _track_text(track: Track, lights: Lights) -> str:
    embedding = {
        "recogniser": track.embedding.recogniser,
        "vector": _numbers(track.embedding.vector, EMBEDDING_DECIMALS),
    }
    lit = lights.get(track.id, {})
    rows = (_face_value(face, lit.get(number)) for number, face in sorted(track.faces.items()))
    faces = ",".join(f"\n   {_dump(row)}" for row in rows)
    return f'\n  {{"id": {track.id},\n   "embedding": {_dump(embedding)},\n   "faces": [{faces}\n   ]}}'


def _face_value(face: Face, light: HarmonicLight | None) -> dict[str, Any]:
    """What stands on a face's line, the short and telling keys first."""
    pose, front = face.pose, face.front
    return {
        "frame": face.frame,
        "confidence": round(face.confidence, DECIMALS),
        "bridged": face.bridged,
        "identity_distance": None if face.identity_distance is None else round(face.identity_distance, DECIMALS),
        "move": [0, 0],
        **({} if light is None else {"light": light_row(light)}),
        "pose": {
            "yaw_degrees": round(pose.yaw_degrees, DECIMALS),
            "pitch_degrees": round(pose.pitch_degrees, DECIMALS),
            "roll_degrees": round(pose.roll_degrees, DECIMALS),
        },
        "expression": _numbers(face.expression, DECIMALS),
        "points": _numbers(face.points, DECIMALS),
        **({} if front is None else {"front": _front_value(front)}),
    }


def _front_value(front: Front) -> dict[str, Any]:
    """Mattes as PNG files in base64: small, and any browser shows them."""
    value: dict[str, Any] = {key: round(float(getattr(front, key)), DECIMALS) + 0.0 for key in ("left", "top", "step")}
    for word, matte in sorted(front.mattes.items()):
        _, png = cv2.imencode(".png", np.ascontiguousarray(matte), [cv2.IMWRITE_PNG_COMPRESSION, 6])
        value[word] = base64.b64encode(png.tobytes()).decode("ascii")
    return value


def _content_sha256(text: str) -> str:
    """Digest of the part that holds the faces."""
    start = text.find(FACES_MARK)
    return "" if start < 0 else hashlib.sha256(text[start:].encode("utf-8")).hexdigest()


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise MissingInputError("there is no such tracks file", where=path, mend="Run the analyse pass") from error
    except UnicodeDecodeError as error:
        raise TracksError(
            f"is not a text file (byte {error.start} is not UTF-8)", where=path, mend="Delete it and analyse again"
        ) from error
    except OSError as error:
        raise TracksError(f"cannot be read: {error.strerror}", where=path, mend="Check its permissions") from error


def _keep_edited(path: Path) -> Path | None:
    """Move a tracks file that a person worked on out of the way of a new one; a broken one counts as worked on."""
    if not path.is_file():
        return None
    try:
        if not load_tracks(path).edited:
            return None
    except InputError:
        # Someone may have broken it while editing: losing it would lose their work.
        pass
    number = 1
    while (aside := path.with_name(f"{path.stem}.edited{'' if number == 1 else number}{path.suffix}")).exists():
        number += 1
    with atomic_write(aside) as temporary:
        temporary.write_bytes(path.read_bytes())
    return aside

"""Reading a tracks file's JSON: every value checked, every fault named with its line, track, frame and key."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.errors import FrameFailure, TracksError
from vfx_swap.light.harmonics import HarmonicLight
from vfx_swap.pipeline.face_lights import light_from_row
from vfx_swap.types import EXPRESSION_COUNT, LANDMARK_COUNT, Embedding, Face, Front, Pose, Track

__all__ = ["FACES_MARK", "Header", "parse_text", "read_header", "read_track_lights", "read_tracks"]

FACES_MARK = ' "tracks": ['
"""Start of the part that holds the faces; what follows it is under the content digest."""

_FACE_KEYS = frozenset(
    {"frame", "confidence", "bridged", "identity_distance", "move", "light", "pose", "expression", "points", "front"}
)
_FRONT_KEYS = frozenset({"left", "top", "step", "hand", "glasses", "glare"})
_TRACK_KEYS = frozenset({"id", "embedding", "faces"})
_LARGEST_MATTE = 4096
_FURTHEST = 1e7
"""Pixels; no picture is larger, so what is beyond is a slip of the pen."""


@dataclass(frozen=True)
class Header:
    """What stands above the tracks."""

    frames: tuple[int, ...]
    plate: str
    plate_digest: str
    settings_digest: str
    models: Mapping[str, str]
    cuts: tuple[int, ...]
    failures: tuple[FrameFailure, ...]
    edited: bool
    content_sha256: str


@dataclass(frozen=True)
class _Place:
    """Where in the file a value stands, for messages."""

    path: Path
    text: str
    at: str = ""
    """Such as `track 1, frame 1003, `."""
    line: int | None = None

    def fail(self, key: str, what: str, mend: str | None = None) -> NoReturn:
        """Raise the TracksError of a key."""
        line = _line_of(self.text, f'"{key}"') if self.line is None and not self.at else self.line
        where = str(self.path) if line is None else f"{self.path}: line {line}"
        raise TracksError(f"{self.at}{key}: {what}", where=where, mend=mend)


def parse_text(text: str, *, where: Path) -> Mapping[str, Any]:
    """The JSON object in a text.

    Raises:
        TracksError: it is not JSON (with line and column), not an object, or a key stands twice in an object.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in pairs:
            if key in result:
                raise TracksError(
                    f"the key {key!r} stands twice in one object", where=where, mend="Remove one of the two"
                )
            result[key] = value
        return result

    def no_constant(name: str) -> NoReturn:
        line = _line_of(text, name)
        raise TracksError(
            f"{name} is not a number that a tracks file can hold",
            where=f"{where}: line {line}",
            mend="Write a finite number",
        )

    try:
        document = json.loads(text, object_pairs_hook=once, parse_constant=no_constant)
    except json.JSONDecodeError as error:
        raise TracksError(
            f"is not valid JSON: {error.msg}",
            where=f"{where}: line {error.lineno}, column {error.colno}",
            mend="Mend that place, or delete the file and analyse again",
        ) from error
    except (RecursionError, ValueError) as error:
        raise TracksError(f"is not valid JSON: {error}", where=where, mend="Delete it and analyse again") from error
    if not isinstance(document, dict):
        raise TracksError("does not hold a JSON object", where=where, mend="Delete it and analyse again")
    return document


def read_header(document: Mapping[str, Any], *, text: str, where: Path, schema: str) -> Header:
    """Everything above the tracks.

    Raises:
        TracksError: another schema, or a key that is missing or of a wrong type.
    """
    place = _Place(where, text)
    found = document.get("schema")
    if found != schema:
        place.fail("schema", f"is {found!r}, expected {schema!r}", "Analyse the shot again with this version")
    models = _of(document, "models", dict, place, default={})
    if not all(isinstance(value, str) for value in models.values()):
        place.fail("models", "must map card ids to digests")
    failures = []
    for row in _of(document, "failures", list, place, default=[]):
        if not isinstance(row, dict) or not isinstance(row.get("reason"), str):
            place.fail("failures", f"must hold objects of frame and reason, got {row!r}")
        failures.append(FrameFailure(frame=_whole(row, "frame", place), reason=row["reason"]))
    return Header(
        frames=_frames(document, "frames", place),
        plate=_of(document, "plate", str, place, default=""),
        plate_digest=_of(document, "plate_digest", str, place, default=""),
        settings_digest=_of(document, "settings_digest", str, place, default=""),
        models=models,
        cuts=_frames(document, "cuts", place),
        failures=tuple(failures),
        edited=_of(document, "edited", bool, place, default=False),
        content_sha256=_of(document, "content_sha256", str, place, default=""),
    )


def read_tracks(document: Mapping[str, Any], *, text: str, where: Path) -> tuple[Track, ...]:
    """All tracks; entries that were given one id are one track.

    Raises:
        TracksError: a fault in a track or a face, or two entries of one id that share a frame.
    """
    top = _Place(where, text)
    face_lines, id_lines = _key_lines(text, "frame"), _key_lines(text, "id")
    joined: dict[int, Track] = {}
    seen = 0
    for number, entry in enumerate(_of(document, "tracks", list, top)):
        track_line = id_lines[number] if number < len(id_lines) else None
        place = _Place(where, text, f"tracks[{number}], ", track_line)
        if not isinstance(entry, dict):
            place.fail("tracks", f"each must be an object, got {type(entry).__name__}")
        track_id = _whole(entry, "id", place, least=0)
        place = _Place(where, text, f"track {track_id}, ", track_line)
        _only(entry, _TRACK_KEYS, place)
        faces: dict[int, Face] = dict(joined[track_id].faces) if track_id in joined else {}
        for row in _of(entry, "faces", list, place):
            line = face_lines[seen] if seen < len(face_lines) else None
            seen += 1
            face = _face(row, _Place(where, text, place.at, line))
            if face.frame in faces:
                _Place(where, text, place.at, line).fail(
                    "frame", f"{face.frame} stands twice in this track", "Remove one, or give it another track's id"
                )
            faces[face.frame] = face
        if not faces:
            place.fail("faces", "is empty", "Remove the whole track")
        embedding = joined[track_id].embedding if track_id in joined else _embedding(entry, place)
        joined[track_id] = Track(id=track_id, faces=dict(sorted(faces.items())), embedding=embedding)
    return tuple(joined.values())


def read_track_lights(document: Mapping[str, Any], *, where: Path) -> dict[int, dict[int, HarmonicLight]]:
    """Track -> frame -> light, of the faces that have one; of a document that `read_tracks` has read.

    Raises:
        TracksError: what stands there is no light.
    """
    found: dict[int, dict[int, HarmonicLight]] = {}
    for entry in document["tracks"]:
        for row in entry["faces"]:
            if row.get("light") is not None:
                at = f"{where}: track {entry['id']}, frame {row['frame']}"
                found.setdefault(entry["id"], {})[row["frame"]] = light_from_row(row["light"], where=at)
    return found


def _face(row: Any, place: _Place) -> Face:
    if not isinstance(row, dict):
        place.fail("faces", f"each must be an object, got {type(row).__name__}")
    frame = _whole(row, "frame", place)
    place = _Place(place.path, place.text, f"{place.at}frame {frame}, ", place.line)
    _only(row, _FACE_KEYS, place)
    points = _array(row, "points", (LANDMARK_COUNT, 3), place, limit=_FURTHEST)
    move = _array(row, "move", (2,), place, limit=_FURTHEST) if "move" in row else np.zeros(2, np.float32)
    if move.any():
        points = np.round(points.astype(np.float64) + np.append(move, 0.0), 3).astype(np.float32)
    pose = _of(row, "pose", dict, place)
    distance = row.get("identity_distance")
    return Face(
        frame=frame,
        points=points,
        expression=_array(row, "expression", (EXPRESSION_COUNT,), place, limit=1.0, least=0.0),
        pose=Pose(
            **{key: _number(pose, key, place, -360, 360) for key in ("yaw_degrees", "pitch_degrees", "roll_degrees")}
        ),
        confidence=_number(row, "confidence", place, 0, 1),
        bridged=_of(row, "bridged", bool, place, default=False),
        identity_distance=None if distance is None else _number(row, "identity_distance", place, 0, 1e6),
        front=_front(row, place, move=move),
    )


def _front(row: Mapping[str, Any], place: _Place, *, move: FloatArray) -> Front | None:
    """What lies in front, moved as the face is."""
    if row.get("front") is None:
        return None
    value = _of(row, "front", dict, place)
    place = _Place(place.path, place.text, f"{place.at}front, ", place.line)
    _only(value, _FRONT_KEYS, place)
    left, top = (_number(value, key, place, -_FURTHEST, _FURTHEST) for key in ("left", "top"))
    mattes = {word: _matte(value, word, place) for word in ("hand", "glasses", "glare") if word in value}
    return Front(
        left=round(left + float(move[0]), 3),
        top=round(top + float(move[1]), 3),
        step=_number(value, "step", place, 1e-3, 1e4),
        mattes=mattes,
    )


def _matte(row: Mapping[str, Any], word: str, place: _Place) -> np.ndarray:
    """A matte from its PNG in base64: one channel, 8 bits."""
    text = _of(row, word, str, place)
    try:
        coded = base64.b64decode(text, validate=True)
        matte = cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_UNCHANGED) if coded else None
    except (ValueError, cv2.error):
        matte = None
    if matte is None or matte.ndim != 2 or matte.dtype != np.uint8 or max(matte.shape) > _LARGEST_MATTE:
        place.fail(word, "must be a PNG of one channel and 8 bits, in base64", "Take it out to hold nothing out")
    return np.ascontiguousarray(matte)


def _embedding(entry: Mapping[str, Any], place: _Place) -> Embedding:
    value = _of(entry, "embedding", dict, place)
    recogniser = _of(value, "recogniser", str, place)
    vector = _array(value, "vector", (None,), place, limit=1e6)
    return Embedding(recogniser=recogniser, vector=vector)


def _of(row: Mapping[str, Any], key: str, kind: type, place: _Place, *, default: Any = None) -> Any:
    """A value of a type; `default` where it is absent, if there is one."""
    if key not in row:
        if default is None:
            place.fail(key, "is missing")
        return default
    value = row[key]
    if not isinstance(value, kind):
        names = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
        place.fail(key, f"must be {names[kind]}, got {_short(value)}")
    return value


def _whole(row: Mapping[str, Any], key: str, place: _Place, *, least: int | None = None) -> int:
    value = row.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or (least is not None and value < least):
        at_least = "" if least is None else f" of at least {least}"
        place.fail(key, "is missing" if key not in row else f"must be a whole number{at_least}, got {_short(value)}")
    return value


def _number(row: Mapping[str, Any], key: str, place: _Place, low: float, high: float) -> float:
    value = row.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        fault = "is missing" if key not in row else f"must be a number from {low:g} to {high:g}, got {_short(value)}"
        place.fail(key, fault)
    return float(value)


def _frames(row: Mapping[str, Any], key: str, place: _Place) -> tuple[int, ...]:
    values = _of(row, key, list, place, default=[])
    for value in values:
        if not isinstance(value, int) or isinstance(value, bool):
            place.fail(key, f"must hold frame numbers, got {_short(value)}")
    return tuple(values)


def _array(
    row: Mapping[str, Any],
    key: str,
    shape: tuple[int | None, ...],
    place: _Place,
    *,
    limit: float,
    least: float | None = None,
) -> FloatArray:
    """A list of numbers, nested to a shape, each finite and between `least` (or -limit) and `limit`."""
    value = _of(row, key, list, place)
    want = "x".join("any" if length is None else str(length) for length in shape)
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        place.fail(key, f"must be {want} numbers; some row is of another length or holds something else")
    if array.ndim != len(shape) or any(n is not None and n != m for n, m in zip(shape, array.shape, strict=True)):
        place.fail(key, f"must be {want} numbers, got {'x'.join(map(str, array.shape))}")
    low = -limit if least is None else least
    if array.size == 0 or not bool(np.all((array >= low) & (array <= limit))):
        worst = math.nan if array.size == 0 else float(array.flat[int(np.argmax(np.abs(array)))])
        place.fail(key, f"must be numbers from {low:g} to {limit:g}, got {worst:g}")
    return array.astype(np.float32)


def _only(row: Mapping[str, Any], known: frozenset[str], place: _Place) -> None:
    """Refuse keys that mean nothing: a slip in a name would otherwise be silently ignored."""
    for key in row:
        if key not in known:
            place.fail(key, "is not a key there is here", f"Keys there are: {', '.join(sorted(known))}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _line_of(text: str, piece: str) -> int | None:
    """1-based line of the first occurrence."""
    found = text.find(piece)
    return None if found < 0 else text.count("\n", 0, found) + 1


def _key_lines(text: str, key: str) -> list[int]:
    """Lines where a key stands after the header, in order: one a face for `frame`, one a track for `id`."""
    start = max(text.find('"tracks"'), 0)
    line = text.count("\n", 0, start) + 1
    lines = []
    for token in re.finditer(rf'\n|"{key}"\s*:', text[start:]):
        if token.group() == "\n":
            line += 1
        else:
            lines.append(line)
    return lines

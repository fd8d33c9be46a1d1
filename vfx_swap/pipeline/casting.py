"""Casting: which track gets which identity, by the performer's photograph, a track's id, or its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from vfx_swap.errors import NoFaceError, TracksError, UsageError
from vfx_swap.pipeline.association import detection_from
from vfx_swap.pipeline.following import FaceModels
from vfx_swap.pipeline.tracks_file import Tracks
from vfx_swap.types import Embedding, ModelImage, Track

__all__ = ["CastBy", "Position", "cast_tracks", "embed_performer"]

Position: TypeAlias = Literal["largest", "left", "right", "all"]

AMBIGUOUS_SHARE = 0.1
"""Two tracks seen together whose distances to a photograph differ by less than this share of the recogniser's
threshold cannot be told apart by it."""


@dataclass(frozen=True, eq=False)
class CastBy:
    """How one cast entry names its performer: by exactly one of the three."""

    performer: Embedding | None = None
    """Embedding of the performer's photograph."""
    track: int | None = None
    """Id of a track."""
    position: Position | None = None
    """Largest: most picture area over the shot; left, right: by the median of the face's middle."""
    name: str = ""
    """What to call the entry in messages, such as the photograph's path or `cast[0]`."""

    def __post_init__(self) -> None:
        given = [value for value in (self.performer, self.track, self.position) if value is not None]
        if len(given) != 1:
            raise ValueError(f"exactly one of performer, track and position names a performer, got {len(given)}")


def embed_performer(image: ModelImage, *, models: FaceModels, where: object) -> Embedding:
    """Embedding of the largest face in a performer's photograph.

    Args:
        image: the photograph as models see it.
        models: detector, landmarker, recogniser.
        where: path of the photograph, for the message.

    Raises:
        NoFaceError: no face is found in it.
    """
    for detection in sorted(models.detector.detect(image), key=lambda one: -one.height):
        landmarks = models.landmarker.landmarks(image, detection)
        if landmarks is not None:
            return models.recogniser.embed(image, detection_from(landmarks.points, score=detection.score))
    raise NoFaceError(
        "no face is found in this photograph",
        where=where,
        mend="Give one that shows the performer's face from the front",
    )


def cast_tracks(tracks: Tracks, casts: Sequence[CastBy], *, same_person_below: float) -> Mapping[int, int]:
    """Decide which cast entry each track belongs to.

    Entries by track id and by photograph go first, then `largest`, `left` and `right` over all tracks, then
    `all` takes every track that is left. A photograph takes every track of that person, should the tracks file
    hold several that are never seen together.

    Args:
        tracks: the shot's tracks.
        casts: the cast entries in the order of the shot file.
        same_person_below: the recogniser's threshold.

    Returns:
        Track id -> index in `casts`, in order of track id; tracks that nobody was cast for are absent.

    Raises:
        NoFaceError: there are no tracks at all.
        TracksError: a track or a performer that is not there, or a photograph of another recogniser; the
            message names the tracks there are and their distances.
        UsageError: two entries claim one track, or a photograph cannot tell two tracks apart.
    """
    if not tracks.tracks:
        raise NoFaceError(
            "no face was found in the shot", where=tracks.plate or None, mend="Check plate and frame range"
        )
    owners: dict[int, int] = {}
    order = sorted(range(len(casts)), key=lambda index: casts[index].position == "all")
    for index in order:
        by = casts[index]
        if by.position == "all":
            claimed = [track_id for track_id in tracks.ids if track_id not in owners]
        else:
            claimed = _claimed(tracks, by, index, same_person_below)
        for track_id in claimed:
            if track_id in owners:
                first = _called(casts[owners[track_id]], owners[track_id])
                raise UsageError(
                    f"both {first} and {_called(by, index)} are track {track_id}",
                    where=tracks.plate or None,
                    mend=f"Cast each track once. {_there(tracks)}",
                )
            owners[track_id] = index
    return dict(sorted(owners.items()))


def _claimed(tracks: Tracks, by: CastBy, index: int, same_person_below: float) -> list[int]:
    """Ids of the tracks that an entry names."""
    if by.track is not None:
        if by.track not in tracks.ids:
            raise TracksError(
                f"{_called(by, index)}: there is no track {by.track}", where=tracks.plate or None, mend=_there(tracks)
            )
        return [by.track]
    if by.performer is not None:
        return _by_looks(tracks, by, index, by.performer, same_person_below)
    if by.position == "largest":
        return [max(tracks.tracks, key=lambda track: (_area(track), -track.id)).id]
    side = 1 if by.position == "left" else -1
    return [min(tracks.tracks, key=lambda track: (side * _middle(track), track.id)).id]


def _by_looks(tracks: Tracks, by: CastBy, index: int, looks: Embedding, same_person_below: float) -> list[int]:
    """Ids of the tracks that a photograph shows, nearest first."""
    other = next((one for one in tracks.tracks if one.embedding.recogniser != looks.recogniser), None)
    if other is not None:
        raise TracksError(
            f"track {other.id} was recognised by {other.embedding.recogniser!r}, "
            f"the photograph by {looks.recogniser!r}",
            where=tracks.plate or None,
            mend="Analyse the shot again with that recogniser",
        )
    distances = {track.id: track.embedding.distance(looks) for track in tracks.tracks}
    ranked = sorted(distances, key=lambda track_id: (distances[track_id], track_id))
    table = ", ".join(f"track {track_id}: {distances[track_id]:.3f}" for track_id in ranked)
    if distances[ranked[0]] >= same_person_below:
        raise TracksError(
            f"{_called(by, index)}: nobody in the shot looks like this performer (distances: {table}; the same person "
            f"is below {same_person_below:g})",
            where=tracks.plate or None,
            mend=f"Give another photograph, or cast by track id. {_there(tracks)}",
        )
    taken: list[int] = []
    for track_id in ranked:
        if distances[track_id] >= same_person_below:
            break
        rival = next((one for one in taken if _together(tracks, one, track_id)), None)
        if rival is None:
            taken.append(track_id)
        elif distances[track_id] - distances[rival] < AMBIGUOUS_SHARE * same_person_below:
            raise UsageError(
                f"{_called(by, index)}: tracks {rival} and {track_id} look alike to the recogniser "
                f"(distances: {table})",
                where=tracks.plate or None,
                mend="Cast them by track id, or give a clearer photograph",
            )
    return taken


def _together(tracks: Tracks, one: int, other: int) -> bool:
    """True when two tracks are in one frame, so that they are two people."""
    return bool(tracks.track(one).faces.keys() & tracks.track(other).faces.keys())


def _area(track: Track) -> float:
    """Picture area over the shot: squared heights, summed over frames."""
    return sum(face.height**2 for face in track.faces.values())


def _middle(track: Track) -> float:
    """Median x of the face's middle."""
    return float(np.median([face.points[:, 0].mean() for face in track.faces.values()]))


def _called(by: CastBy, index: int) -> str:
    return by.name or f"cast[{index}]"


def _there(tracks: Tracks) -> str:
    """The tracks there are, with their frames and places."""
    rows = [
        f"{track.id} ({len(track.faces)} frames from {min(track.faces)} to {max(track.faces)}, "
        f"x about {_middle(track):.0f})"
        for track in tracks.tracks
    ]
    return f"Tracks there are: {', '.join(rows)}"

"""Which face in this frame is which face in the last one, and who is who through the shot.

Two steps. Frame to frame, faces are followed by motion alone (overlap of boxes, landmarks against their
predicted places, shape) into *segments*, which are broken off wherever motion cannot be trusted: two faces
close together, a face lost, a cut. Then segments are joined into performers by their embeddings, with motion
as a second opinion, so that two faces that cross keep their ids and one that returns gets its own back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from vfx_swap.arrays import FloatArray
from vfx_swap.types import Detection, Embedding, Landmarks

__all__ = [
    "Observation",
    "Segment",
    "centre_of",
    "detection_from",
    "height_of",
    "join_segments",
    "match",
    "mean_embedding",
    "mismatch",
    "predict",
]

MATCH_LIMIT = 1.0
"""`mismatch` above which two faces are not the same: for instance half a face height off and half the overlap."""
MOTION_MEMORY_FRAMES = 8
"""Frames after which a lost face's motion says nothing about where it is."""
REJOIN_SHARE = 0.9
"""Of the recogniser's threshold: what a face that was away must come below to be the same performer."""
BESIDE_SHARE = 1.4
"""The same for a face just where one is expected that was lost no longer than `UNCLEAR_FRAMES`: half hidden or
blurred, it looks less like itself."""
UNCLEAR_FRAMES = 3
NEAR_EXPECTED = 0.6
"""`_drift` below which a face counts as just where a lost one is expected."""
UNKNOWN = 1e6

_EYES = ((33, 133), (362, 263))
_NOSE, _MOUTH = 1, (61, 291)


@dataclass(frozen=True, eq=False)
class Observation:
    """One face seen in one frame, in plate pixels."""

    position: int
    """Place of the frame in the analysed order; frames that follow each other differ by 1."""
    frame: int
    landmarks: Landmarks
    score: float
    """The detector's, 0 to 1; of the last detection while the face is followed without it."""
    embedding: Embedding | None = None
    doubtful: bool = False
    """Motion alone could not tell whose face this is."""
    steps: FloatArray | None = None
    """(landmarks, 3) how skin went from the position before, as `skin_flow.skin_steps` gives it; None: not known."""
    hidden: NDArray[np.bool_] | None = None
    """(landmarks,) those behind a hand; None: none is."""


@dataclass(eq=False)
class Segment:
    """Faces that motion surely ties together, one in every frame from the first to the last. Grows at both ends."""

    observations: list[Observation] = field(default_factory=list)
    before: Observation | None = None
    """The face one frame earlier that motion takes for the same, though not surely: gives a new segment its speed."""

    @property
    def first(self) -> int:
        """Position of the first frame."""
        return self.observations[0].position

    @property
    def last(self) -> int:
        """Position of the last frame."""
        return self.observations[-1].position

    @property
    def positions(self) -> set[int]:
        """All positions."""
        return {observation.position for observation in self.observations}


def height_of(points: FloatArray) -> float:
    """Height in pixels of the box around (n, 2 or 3) landmarks, or its width where that is more (a lying head)."""
    wide, high = np.ptp(points[:, :2], axis=0)
    return max(float(wide), float(high), 1e-3)


def centre_of(points: FloatArray) -> FloatArray:
    """(2,) mean of the landmarks."""
    centre: FloatArray = points[:, :2].mean(axis=0)
    return centre


def detection_from(points: FloatArray, *, score: float) -> Detection:
    """The detection that a face's landmarks amount to, so that the next frame needs no detector.

    Args:
        points: (478, 3) landmarks in pixels.
        score: 0 to 1, given to the detection.

    Returns:
        The box around the landmarks, and eyes, nose and mouth corners; the performer's right eye comes first,
        which is the image's left one on an upright head.
    """
    flat = points[:, :2]
    five = [flat[list(eye)].mean(axis=0) for eye in _EYES] + [flat[_NOSE]] + [flat[corner] for corner in _MOUTH]
    box = np.concatenate([flat.min(axis=0), flat.max(axis=0)])
    return Detection(box=box.astype(np.float32), points=np.stack(five).astype(np.float32), score=score)


def predict(segment: Segment, position: int) -> FloatArray:
    """(478, 3) landmarks of a segment's face carried on to another position, before its start or past its end.

    Constant velocity of the face's middle over the nearest two frames, dying away over a few frames so that a
    face that was lost is not looked for outside the picture.
    """
    forward = position >= segment.last
    near, far = (-1, -2) if forward else (0, 1)
    points = segment.observations[near].landmarks.points
    if len(segment.observations) >= 2:
        step = centre_of(points) - centre_of(segment.observations[far].landmarks.points)
    elif forward and segment.before is not None:
        step = centre_of(points) - centre_of(segment.before.landmarks.points)
    else:
        return points
    away = position - segment.last if forward else segment.first - position
    reach = sum(0.8**index for index in range(away))
    moved = points.copy()
    moved[:, :2] += step * np.float32(reach)
    return moved


def mismatch(expected: FloatArray, found: FloatArray) -> float:
    """How unlike two faces' landmarks are: 0 the same, above `MATCH_LIMIT` surely not the same face a frame on.

    Mean distance of the landmarks in face heights, half of what their boxes do not share, and the difference of
    shape (after similarity) in face heights.
    """
    height = (height_of(expected) + height_of(found)) / 2
    apart = float(np.linalg.norm(expected[:, :2] - found[:, :2], axis=1).mean()) / height
    return apart + 0.5 * (1 - _overlap(expected, found)) + _shape_difference(expected, found)


def match(expected: Sequence[FloatArray], found: Sequence[FloatArray]) -> list[tuple[int, int]]:
    """Pairs (index of expected, index of found) with the least mismatch in sum; those beyond the limit are left out."""
    if not expected or not found:
        return []
    costs = np.array([[mismatch(one, other) for other in found] for one in expected])
    rows, columns = linear_sum_assignment(np.minimum(costs, 2 * MATCH_LIMIT))
    pairs = [(int(row), int(column)) for row, column in zip(rows, columns, strict=True)]
    return [pair for pair in pairs if costs[pair] < MATCH_LIMIT]


def mean_embedding(observations: Sequence[Observation]) -> Embedding | None:
    """Mean of the clearest faces' embeddings, the undoubted ones where there are any; None without one.

    The clearest are the better half by confidence, weighted by its square.
    """
    embedded = [one for one in observations if one.embedding is not None]
    embedded = [one for one in embedded if not one.doubtful] or embedded
    embedded = sorted(embedded, key=lambda one: (-one.landmarks.confidence, one.position))
    clearest = [
        (one.embedding, max(one.landmarks.confidence, 0.05) ** 2)
        for one in embedded[: (len(embedded) + 1) // 2]
        if one.embedding is not None
    ]
    if not clearest:
        return None
    mean = sum(embedding.vector.astype(np.float64) * weight for embedding, weight in clearest)
    mean = np.asarray(mean / sum(weight for _, weight in clearest))
    return Embedding(recogniser=clearest[0][0].recogniser, vector=mean.astype(np.float32))


def join_segments(
    segments: Sequence[Segment], *, same_person_below: float, cuts: Sequence[int] = ()
) -> list[list[Observation]]:
    """Join segments into performers.

    Args:
        segments: all segments of a shot.
        same_person_below: the recogniser's threshold of Euclidean distance.
        cuts: positions of the first frames after cuts; motion means nothing across them.

    Returns:
        Observations of each performer in order of position; performers in order of appearance, then from left.
    """
    below = REJOIN_SHARE * same_person_below
    clear = [one for one in segments if not one.observations[0].doubtful]
    performers = _merge_alike(_join([], clear, same_person_below, cuts), below=below)
    rest = _attach(performers, [one for one in segments if one.observations[0].doubtful], same_person_below, cuts)
    performers = _merge_alike(performers + _join([], rest, same_person_below, cuts), below=below)
    return sorted(performers, key=lambda who: (who[0].position, float(centre_of(who[0].landmarks.points)[0])))


def _join(
    performers: list[list[Observation]], segments: Sequence[Segment], same_person_below: float, cuts: Sequence[int]
) -> list[list[Observation]]:
    """Give segments, in order of their start, to performers or make new ones of them."""
    for group in _by_start(segments):
        taken: set[int] = set()
        if performers:
            costs = np.array([[_cost(who, one, same_person_below, cuts) for who in performers] for one in group])
            taken = _give(performers, group, costs)
        performers.extend(list(one.observations) for row, one in enumerate(group) if row not in taken)
    return performers


def _attach(
    performers: list[list[Observation]], segments: Sequence[Segment], same_person_below: float, cuts: Sequence[int]
) -> list[Segment]:
    """Give doubtful faces to the performers expected there, judged from the frames before and after; the rest."""
    rest: list[Segment] = []
    for group in _by_start(segments):
        taken: set[int] = set()
        if performers:
            costs = np.array(
                [[_unclear_cost(who, one, same_person_below, cuts) for who in performers] for one in group]
            )
            taken = _give(performers, group, costs)
        rest.extend(one for row, one in enumerate(group) if row not in taken)
    return rest


def _by_start(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Segments that start together, from left to right; the groups in order."""
    groups: dict[int, list[Segment]] = {}
    for one in segments:
        groups.setdefault(one.first, []).append(one)
    return [
        sorted(groups[start], key=lambda one: float(centre_of(one.observations[0].landmarks.points)[0]))
        for start in sorted(groups)
    ]


def _give(performers: list[list[Observation]], group: Sequence[Segment], costs: NDArray[np.float64]) -> set[int]:
    """Hand the segments of a group out at the least cost in sum; the rows that found a performer."""
    rows, columns = linear_sum_assignment(costs)
    given = {int(row): int(column) for row, column in zip(rows, columns, strict=True) if costs[row, column] < UNKNOWN}
    for row, column in given.items():
        performers[column].extend(group[row].observations)
        performers[column].sort(key=lambda one: one.position)
    return set(given)


def _merge_alike(performers: list[list[Observation]], *, below: float) -> list[list[Observation]]:
    """Join, nearest first, performers never seen together who look the same: an unclear start made two of one."""
    while True:
        best: tuple[float, int, int] | None = None
        means = [mean_embedding(who) for who in performers]
        positions = [{one.position for one in who} for who in performers]
        for first, second in ((a, b) for a in range(len(performers)) for b in range(a + 1, len(performers))):
            one, other = means[first], means[second]
            if one is None or other is None or positions[first] & positions[second]:
                continue
            distance = one.distance(other)
            if distance < below and (best is None or distance < best[0]):
                best = (distance, first, second)
        if best is None:
            return performers
        _, first, second = best
        joined = sorted(performers[first] + performers[second], key=lambda one: one.position)
        performers = [who for index, who in enumerate(performers) if index not in (first, second)] + [joined]


def _cost(who: list[Observation], segment: Segment, same_person_below: float, cuts: Sequence[int]) -> float:
    """Cost of a segment's being this performer, in units of the recogniser's threshold; `UNKNOWN` when it cannot be."""
    if {one.position for one in who} & segment.positions:
        return UNKNOWN
    drift = _drift(who, segment, cuts)
    mean, other = mean_embedding(who), mean_embedding(segment.observations)
    if mean is None or other is None:
        return UNKNOWN if drift is None or drift > NEAR_EXPECTED else 1.0 + drift
    likeness = mean.distance(other) / same_person_below
    away = min((segment.first - one.position for one in who if one.position < segment.first), default=UNKNOWN)
    expected = drift is not None and drift < NEAR_EXPECTED and away <= UNCLEAR_FRAMES
    if likeness >= (BESIDE_SHARE if expected else REJOIN_SHARE):
        return UNKNOWN
    return likeness + 0.5 * (1.0 if drift is None else min(drift, 1.0))


def _unclear_cost(who: list[Observation], segment: Segment, same_person_below: float, cuts: Sequence[int]) -> float:
    """Cost of a doubtful face's being this performer: motion on both sides first, likeness where it is clear."""
    one = segment.observations[0]
    if any(other.position == one.position for other in who):
        return UNKNOWN
    expected = _expected(who, one.position, cuts)
    if expected is None:
        return UNKNOWN
    apart = float(np.linalg.norm(centre_of(expected) - centre_of(one.landmarks.points))) / height_of(expected)
    if apart > NEAR_EXPECTED:
        return UNKNOWN
    mean = mean_embedding(who)
    if mean is None or one.embedding is None:
        return 1.0 + apart
    return min(mean.distance(one.embedding) / same_person_below, 1.5) + apart


def _expected(who: list[Observation], position: int, cuts: Sequence[int]) -> FloatArray | None:
    """Landmarks expected between the nearest frames around, or carried on from the nearest side; None when too far."""
    before = [one for one in who if position - MOTION_MEMORY_FRAMES <= one.position < position]
    after = [one for one in who if position < one.position <= position + MOTION_MEMORY_FRAMES]
    before = [one for one in before if not any(one.position < cut <= position for cut in cuts)]
    after = [one for one in after if not any(position < cut <= one.position for cut in cuts)]
    if before and after:
        span = after[0].position - before[-1].position
        share = np.float32((position - before[-1].position) / span)
        between: FloatArray = before[-1].landmarks.points * (1 - share) + after[0].landmarks.points * share
        return between
    if before:
        return predict(Segment(before[-2:]), position)
    return predict(Segment(after[:2]), position) if after else None


def _drift(who: list[Observation], segment: Segment, cuts: Sequence[int]) -> float | None:
    """Face heights between where the performer is expected and where the segment starts; None when motion is mute."""
    before = [one for one in who if one.position < segment.first]
    if not before:
        return None
    gap = segment.first - before[-1].position
    if gap > MOTION_MEMORY_FRAMES or any(before[-1].position < cut <= segment.first for cut in cuts):
        return None
    run = [before[-1]]
    if len(before) > 1 and before[-2].position == before[-1].position - 1:
        run.insert(0, before[-2])
    expected = predict(Segment(run), segment.first)
    found = segment.observations[0].landmarks.points
    apart = float(np.linalg.norm(centre_of(expected) - centre_of(found)))
    size = abs(float(np.log(height_of(found) / height_of(expected))))
    return (apart / height_of(expected) + size) / (0.8 + 0.2 * gap)


def _overlap(one: FloatArray, other: FloatArray) -> float:
    """Intersection over union of the boxes around two sets of landmarks."""
    low = np.maximum(one[:, :2].min(axis=0), other[:, :2].min(axis=0))
    high = np.minimum(one[:, :2].max(axis=0), other[:, :2].max(axis=0))
    shared = float(np.prod(np.maximum(high - low, 0.0)))
    areas = sum(float(np.prod(np.ptp(points[:, :2], axis=0))) for points in (one, other))
    return shared / max(areas - shared, 1e-6)


def _shape_difference(one: FloatArray, other: FloatArray) -> float:
    """Root mean square distance in face heights after the best similarity (complex least squares)."""
    first, second = _complex(one), _complex(other)
    power = float((np.abs(first) ** 2).sum())
    if power == 0.0:
        return 0.0
    turn = np.vdot(first, second) / power
    return float(np.sqrt((np.abs(second - turn * first) ** 2).mean())) / height_of(other)


def _complex(points: FloatArray) -> NDArray[np.complex128]:
    """Landmarks about their middle as complex numbers."""
    flat = points[:, :2].astype(np.float64)
    flat = flat - flat.mean(axis=0)
    line: NDArray[np.complex128] = flat[:, 0] + 1j * flat[:, 1]
    return line

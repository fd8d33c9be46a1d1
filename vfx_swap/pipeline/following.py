"""Following faces from frame to frame: when to look for faces anew, when to trust motion, when to ask who it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from vfx_swap.arrays import FloatArray
from vfx_swap.models.front.hands import hands_near, hidden_landmarks
from vfx_swap.models.protocols import Detector, HandFinder, Landmarker, Recogniser
from vfx_swap.pipeline.association import (
    MOTION_MEMORY_FRAMES,
    Observation,
    Segment,
    centre_of,
    detection_from,
    height_of,
    match,
    mismatch,
    predict,
)
from vfx_swap.pipeline.skin_flow import Picture, beside, skin_steps
from vfx_swap.types import Detection, Embedding, Landmarks, ModelImage

__all__ = ["FaceFollower", "FaceModels", "View"]

SOUND_CONFIDENCE = 0.5
"""A face followed without the detector must be at least this clear, or the detector is asked."""
SOUND_MISMATCH = 0.35
"""And no further than this from where it was expected (`association.mismatch`)."""
CLOSE_FACES = 0.8
"""Face heights between two faces' middles below which they overlap: motion may confuse them, and a recogniser sees
something of both."""
SAME_FACE = 0.25
"""Face heights between two findings below which they are one face found twice."""
UNDETECTED_SCORE = 0.5
"""Of a face that the landmarker holds and the detector misses: half hidden, in profile or blurred."""
CLEARER = 0.15
"""A face that is clearer by this than any embedded one of its segment is embedded too."""
HIDDEN_POWER = 3
"""Confidence falls with this power of the share of the landmarks that no hand hides."""
CUT_CORRELATION = 0.4
"""Correlation of the thumbnails of two frames below which a cut is suspected."""
THUMBNAIL = (18, 32)
"""Rows and columns."""


Item = TypeVar("Item")


class FaceModels(Protocol):
    """The models that the analyse pass needs; `vfx_swap.models.default.load_face_models` gives such a value."""

    @property
    def detector(self) -> Detector:
        """Finds the faces of a frame."""
        ...

    @property
    def landmarker(self) -> Landmarker:
        """Places the landmarks of one face."""
        ...

    @property
    def recogniser(self) -> Recogniser:
        """Tells performers apart."""
        ...

    @property
    def hands(self) -> HandFinder | None:
        """Finds hands in front of a face; None: none is looked for."""
        ...

    @property
    def digests(self) -> Mapping[str, str]:
        """What is loaded -> SHA-256 of its file; the tracks depend on it."""
        ...


@dataclass(frozen=True, eq=False)
class View:
    """A frame as the models see it."""

    position: int
    """Place in the analysed order."""
    frame: int
    image: ModelImage
    origin: FloatArray
    """(2,) plate pixel of the image's first pixel."""


@dataclass(frozen=True, eq=False)
class _Found:
    landmarks: Landmarks
    """Plate pixels."""
    score: float
    hidden: NDArray[np.bool_]
    """(landmarks,) those behind a hand."""


@dataclass(eq=False)
class FaceFollower:
    """Follows all faces of a shot, one view at a time in order; `segments` and `cuts` are the result.

    The detector runs on the first view, every `detect_every` views, and whenever a face is lost, unclear, not
    where it was expected or close to another; between, landmarks start from the last ones. A face found late
    is followed back through the views since the detector ran last.
    """

    models: FaceModels
    detect_every: int
    embed_every: int
    least_confidence: float
    segments: list[Segment] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    """Positions of the first views after cuts."""
    suspects: list[int] = field(default_factory=list)
    """Positions where the picture changes as at a cut; the cuts and the flashes."""
    _live: list[Segment] = field(default_factory=list)
    _lost: list[Segment] = field(default_factory=list)
    _unseen: list[tuple[View, np.ndarray]] = field(default_factory=list)
    """Views since the detector ran last, with their pictures in 8 bits to save memory."""
    _before: View | None = None
    """The view before, where nothing was skipped."""
    _thumbnail: FloatArray | None = None
    _looked: int = -1
    """Position of the last view that the detector saw."""

    def step(self, view: View) -> None:
        """Take the next view."""
        suspect = self._suspect_cut(view)
        self._live = [segment for segment in self._live if segment.last == view.position - 1]
        self._lost = [one for one in self._lost if view.position - one.last <= MOTION_MEMORY_FRAMES]
        expected = [predict(segment, view.position) for segment in self._live]
        found = None if suspect or self._must_look(view, expected) else self._follow(view, expected)
        looked = found is None
        if found is None:
            found = self._look(view, expected)
            self._looked = view.position
        pairs = match(expected, [one.landmarks.points for one in found])
        if suspect:
            self.suspects.append(view.position)
            surely = [pair for pair in pairs if mismatch(expected[pair[0]], found[pair[1]].landmarks.points) < 0.5]
            if not surely:
                self.cuts.append(view.position)
            pairs, self._live, self._lost, self._unseen = [], [], [], []
        self._assign(view, found, pairs)
        if looked:
            self._unseen = []
        else:
            self._unseen.append((view, np.round(view.image.rgb * 255).astype(np.uint8)))
        self._before = view

    def skip(self) -> None:
        """Tell that a view could not be had: nothing is followed across it."""
        self._unseen, self._before = [], None

    def _suspect_cut(self, view: View) -> bool:
        """True when the thumbnail has little in common with the last one, whatever the exposure."""
        rgb = view.image.rgb
        rows = np.linspace(0, rgb.shape[0] - 1, THUMBNAIL[0] * 4).astype(int)
        columns = np.linspace(0, rgb.shape[1] - 1, THUMBNAIL[1] * 4).astype(int)
        grey = rgb[np.ix_(rows, columns)].mean(axis=2)
        grey = grey.reshape(THUMBNAIL[0], 4, THUMBNAIL[1], 4).mean(axis=(1, 3))
        last, self._thumbnail = self._thumbnail, grey
        if last is None:
            return False
        one, other = grey - grey.mean(), last - last.mean()
        power = float(np.sqrt((one**2).sum() * (other**2).sum()))
        if power < 1e-4 * grey.size:
            return False
        return float((one * other).sum()) / power < CUT_CORRELATION

    def _must_look(self, view: View, expected: Sequence[FloatArray]) -> bool:
        if not self._live or view.position - self._looked >= self.detect_every:
            return True
        if any(segment.observations[-1].landmarks.confidence < SOUND_CONFIDENCE for segment in self._live):
            return True
        return bool(self._lost) or any(_close(one, other) for one, other in _couples(expected))

    def _follow(self, view: View, expected: Sequence[FloatArray]) -> list[_Found] | None:
        """Landmarks from where the faces are expected; None when one of them is not soundly there."""
        found = []
        for segment, points in zip(self._live, expected, strict=True):
            one = self._place(view, detection_from(points, score=segment.observations[-1].score))
            if one is None or one.landmarks.confidence < SOUND_CONFIDENCE:
                return None
            if mismatch(points, one.landmarks.points) > SOUND_MISMATCH:
                return None
            found.append(one)
        if any(_same(one.landmarks.points, other.landmarks.points) for one, other in _couples(found)):
            return None
        return found

    def _look(self, view: View, expected: Sequence[FloatArray]) -> list[_Found]:
        """All faces the detector finds, and those it misses but the landmarker still holds."""
        found = []
        for detection in self.models.detector.detect(view.image):
            one = self._place(view, _moved(detection, view.origin))
            if one is not None and _near_box(one.landmarks.points, _moved(detection, view.origin)):
                found.append(one)
        for points in expected:
            if any(mismatch(points, one.landmarks.points) < SOUND_MISMATCH for one in found):
                continue
            one = self._place(view, detection_from(points, score=UNDETECTED_SCORE))
            if one is not None and mismatch(points, one.landmarks.points) < SOUND_MISMATCH:
                found.append(one)
        found.sort(key=lambda one: -one.landmarks.confidence * one.score)
        single: list[_Found] = []
        for one in found:
            if not any(_same(one.landmarks.points, other.landmarks.points) for other in single):
                single.append(one)
        return single

    def _place(self, view: View, detection: Detection) -> _Found | None:
        """Landmarks of a detection, both in plate pixels."""
        landmarks = self.models.landmarker.landmarks(view.image, _moved(detection, -view.origin))
        if landmarks is None or landmarks.confidence < self.least_confidence:
            return None
        points = landmarks.points.copy()
        if not np.isfinite(points).all():
            return None
        hidden = np.zeros(len(points), dtype=bool)
        if self.models.hands is not None:
            hidden = hidden_landmarks(points, hands_near(view.image, points, finder=self.models.hands))
        points[:, :2] += view.origin
        # Landmarks behind a hand are guesses, and pull the others along.
        confidence = landmarks.confidence * (1.0 - float(hidden.mean())) ** HIDDEN_POWER
        placed = Landmarks(points, landmarks.expression, landmarks.pose, confidence)
        return _Found(landmarks=placed, score=detection.score, hidden=hidden)

    def _assign(self, view: View, found: Sequence[_Found], pairs: Sequence[tuple[int, int]]) -> None:
        """Go on with segments, break them where in doubt, start new ones, note what was lost."""
        live = list(self._live)
        of_found = {column: row for row, column in pairs}
        lost = [live[row] for row in range(len(live)) if row not in {row for row, _ in pairs}]
        self._lost.extend(lost)
        self._live = []
        for index, one in enumerate(found):
            previous = live[of_found[index]] if index in of_found else None
            doubtful = self._doubtful(view, index, found, lost=self._lost if previous else ())
            if previous is None:
                segment = Segment()
            elif doubtful or previous.observations[-1].doubtful:
                segment = Segment(before=previous.observations[-1])
            else:
                segment = previous
            observation = Observation(
                position=view.position,
                frame=view.frame,
                landmarks=one.landmarks,
                score=one.score,
                embedding=self._embed(view, one) if self._should_embed(segment, one, view) else None,
                doubtful=doubtful,
                steps=self._steps(view, one, previous),
                hidden=one.hidden,
            )
            segment.observations.append(observation)
            if len(segment.observations) == 1:
                self.segments.append(segment)
            if previous is None:
                self._lost = [other for other in self._lost if not self._returned(other, segment)]
                if not doubtful:
                    self._follow_back(segment)
            self._live.append(segment)

    def _steps(self, view: View, one: _Found, previous: Segment | None) -> FloatArray | None:
        """How the face's skin went from the view before."""
        before = self._before
        if previous is None or before is None or not previous.last == before.position == view.position - 1:
            return None
        last = previous.observations[-1]
        first, second = (Picture(seen.image.rgb, seen.origin) for seen in (before, view))
        steps = skin_steps(first, second, last.landmarks.points, one.landmarks.points)
        hidden = one.hidden if last.hidden is None else one.hidden | last.hidden
        steps[beside(one.landmarks.points, hidden), 2] = 0.0
        return steps

    def _doubtful(self, view: View, index: int, found: Sequence[_Found], *, lost: Sequence[Segment]) -> bool:
        """True when another face, or the place where one was lost, is too near to tell the two apart by motion."""
        points = found[index].landmarks.points
        others = [one.landmarks.points for other, one in enumerate(found) if other != index]
        others += [predict(segment, view.position) for segment in lost]
        return any(_close(points, other) for other in others)

    def _should_embed(self, segment: Segment, one: _Found, view: View) -> bool:
        embedded = [other for other in segment.observations if other.embedding is not None]
        if not embedded or view.position - embedded[-1].position >= self.embed_every:
            return True
        return one.landmarks.confidence > max(other.landmarks.confidence for other in embedded) + CLEARER

    def _embed(self, view: View, one: _Found) -> Embedding:
        detection = detection_from(one.landmarks.points, score=one.score)
        return self.models.recogniser.embed(view.image, _moved(detection, -view.origin))

    def _returned(self, lost: Segment, segment: Segment) -> bool:
        """True when a new segment begins where a lost one is expected: it is no longer missing."""
        return _close(predict(lost, segment.first), segment.observations[0].landmarks.points)

    def _follow_back(self, segment: Segment) -> None:
        """Add the views before a face was found, latest first, as far as it can be seen in them."""
        for view, picture in reversed(self._unseen):
            if view.position != segment.first - 1:
                return
            expected = predict(segment, view.position)
            whole = View(
                view.position, view.frame, ModelImage(picture.astype(np.float32) / np.float32(255)), view.origin
            )
            one = self._place(whole, detection_from(expected, score=segment.observations[0].score))
            if one is None or mismatch(expected, one.landmarks.points) > SOUND_MISMATCH:
                return
            there = [
                other.landmarks.points
                for known in self.segments
                for other in known.observations
                if other.position == view.position
            ]
            if any(_same(one.landmarks.points, points) for points in there):
                return
            segment.observations.insert(
                0, Observation(view.position, view.frame, one.landmarks, one.score, hidden=one.hidden)
            )


def _moved(detection: Detection, by: FloatArray) -> Detection:
    """A detection moved by (2,) pixels."""
    box = (detection.box + np.tile(by, 2)).astype(np.float32)
    return Detection(box=box, points=(detection.points + by).astype(np.float32), score=detection.score)


def _apart(one: FloatArray, other: FloatArray) -> float:
    """Face heights between the middles of two faces."""
    distance = float(np.linalg.norm(centre_of(one) - centre_of(other)))
    return distance / min(height_of(one), height_of(other))


def _close(one: FloatArray, other: FloatArray) -> bool:
    return _apart(one, other) < CLOSE_FACES


def _same(one: FloatArray, other: FloatArray) -> bool:
    distance = float(np.linalg.norm(centre_of(one) - centre_of(other)))
    return distance / max(height_of(one), height_of(other)) < SAME_FACE


def _near_box(points: FloatArray, detection: Detection) -> bool:
    """True when landmarks are on the face that was detected, not on one beside it in the crop."""
    left, top, right, bottom = (float(side) for side in detection.box)
    middle = np.array([(left + right) / 2, (top + bottom) / 2])
    size = max(right - left, bottom - top, 1e-3)
    near = float(np.linalg.norm(centre_of(points) - middle)) < 0.6 * size
    return near and 0.4 < height_of(points) / size < 2.5


def _couples(values: Sequence[Item]) -> list[tuple[Item, Item]]:
    return [(one, other) for index, one in enumerate(values) for other in values[index + 1 :]]

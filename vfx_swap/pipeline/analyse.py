"""The analyse pass: where every face of a shot is, in every frame, smoothed; runs once a shot.

    frames in order -> faces followed from frame to frame -> segments -> performers -> smoothed tracks

Frames that cannot be read do not stop it: they are named in the result. Faces unseen for a few frames are
bridged; longer gaps stay gaps.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.colour.display import auto_exposure_stops, to_display
from vfx_swap.colour.ocio import LINEAR_REC709, ColourConfig
from vfx_swap.colour.transfer import apply_matrix
from vfx_swap.errors import (
    FrameFailure,
    MissingInputError,
    UnreadableImageError,
    UnsupportedImageError,
)
from vfx_swap.pipeline.association import Observation, centre_of, height_of, join_segments, mean_embedding
from vfx_swap.pipeline.following import FaceFollower, FaceModels, View
from vfx_swap.pipeline.progress import Progress, ProgressEvent, no_progress
from vfx_swap.pipeline.skin_flow import loose_landmarks, steadied
from vfx_swap.pipeline.smoothing import SmoothRun, bridge, mean_shape, smooth_run
from vfx_swap.pipeline.tracks_file import Tracks, rounded_track
from vfx_swap.types import Face, Frame, ModelImage, Pose, Track

__all__ = ["AnalyseSettings", "analyse", "display_for", "read_each"]

ALGORITHM = 6
"""Part of the settings digest; raise it when a change here gives other tracks from the same plate."""


STRIP_ROWS = 64
HIDES = 0.6
"""Face heights between the middles of two faces below which the one that is seen hides the one that is not."""


@dataclass(frozen=True)
class AnalyseSettings:
    """What decides the tracks beside plate and models."""

    detect_every: int = 4
    """The detector looks for new faces every so many frames."""
    embed_every: int = 8
    """A face that is followed surely is recognised every so many frames."""
    bridge_frames: int = 5
    """Longest gap, in analysed frames, that is bridged; 0: none."""
    least_confidence: float = 0.1
    """Landmarks below this confidence are no face."""
    least_frames: int = 2
    """A face seen in fewer frames is taken for a mistake, unless the shot is shorter."""
    smooth: bool = True
    """False: landmarks as measured."""

    def __post_init__(self) -> None:
        if self.detect_every < 1 or self.embed_every < 1 or self.bridge_frames < 0 or self.least_frames < 1:
            raise ValueError(f"counts of frames must be at least 1 (bridge_frames 0), got {self}")
        if not 0.0 <= self.least_confidence <= 1.0:
            raise ValueError(f"least_confidence must be 0 to 1, got {self.least_confidence}")

    def digest(self, *, models: Mapping[str, str]) -> str:
        """SHA-256 over these settings and the models' digests (`FaceModels.digests`), in hexadecimal."""
        values = {"algorithm": ALGORITHM, "models": dict(models), "settings": asdict(self)}
        text = json.dumps(values, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("utf-8")).hexdigest()


def read_each(numbers: Iterable[int], *, read: Callable[[int], Frame]) -> Iterator[Frame | FrameFailure]:
    """Frames read one at a time; one that cannot be read comes as a failure that says why."""
    for number in numbers:
        try:
            yield read(number)
        except (MissingInputError, UnreadableImageError, UnsupportedImageError) as error:
            yield FrameFailure(frame=number, reason=str(error))


def display_for(config: ColourConfig) -> Callable[[Frame], ModelImage]:
    """How models see a scene-linear frame: display-referred, NaN as black, inf as white.

    One exposure for the whole picture; the rest in strips that stay in the processor's cache, less than half
    the time of the picture at once.
    """

    def display(frame: Frame) -> ModelImage:
        matrix = config.matrix(source=frame.colour_space, destination=LINEAR_REC709)
        sparse = np.nan_to_num(frame.rgb[::4, ::4], nan=0.0, posinf=0.0, neginf=0.0)
        stops = auto_exposure_stops(apply_matrix(sparse, matrix))
        picture = np.empty_like(frame.rgb)
        for top in range(0, len(picture), STRIP_ROWS):
            strip = frame.rgb[top : top + STRIP_ROWS]
            shown = to_display(strip, config=config, colour_space=frame.colour_space, exposure=stops, shoulder=True)
            picture[top : top + STRIP_ROWS] = shown.rgb
        return ModelImage(picture)

    return display


def analyse(
    frames: Iterable[Frame | FrameFailure],
    *,
    models: FaceModels,
    display: Callable[[Frame], ModelImage],
    settings: AnalyseSettings = AnalyseSettings(),
    plate: str = "",
    plate_digest: str = "",
    total: int = 0,
    progress: Progress = no_progress,
) -> Tracks:
    """Track all faces of a shot.

    Args:
        frames: in order of time, as `read_each` gives them; consumed one at a time.
        models: detector, landmarker and recogniser.
        display: how models see a frame, as `display_for` gives it.
        settings: what decides the tracks.
        plate: the plate as it was given, for people.
        plate_digest: digest of the plate, kept for `tracks_are_current`.
        total: number of frames, for progress; 0: unknown.
        progress: told after each frame, in this thread.

    Returns:
        The tracks, rounded as in their file. Without a face it holds no tracks; frames that failed are named.

    Raises:
        CannotRunError: a model cannot run.
        ColourSpaceError: the frames' colour space is unknown to the config behind `display`.
    """
    follower = FaceFollower(
        models=models,
        detect_every=settings.detect_every,
        embed_every=settings.embed_every,
        least_confidence=settings.least_confidence,
    )
    numbers, failures = _follow_all(follower, frames, display=display, total=total, progress=progress)
    tracks = _tracks(follower, settings, numbers, seen=len(numbers) - len(failures))
    progress(ProgressEvent("analyse", "finished", len(numbers), total))
    return Tracks(
        tracks=tracks,
        frames=tuple(numbers),
        plate=plate,
        plate_digest=plate_digest,
        settings_digest=settings.digest(models=models.digests),
        models=dict(models.digests),
        cuts=tuple(numbers[cut] for cut in follower.cuts),
        failures=tuple(failures),
    )


def _follow_all(
    follower: FaceFollower,
    frames: Iterable[Frame | FrameFailure],
    *,
    display: Callable[[Frame], ModelImage],
    total: int,
    progress: Progress,
) -> tuple[list[int], list[FrameFailure]]:
    """Show all frames to the follower; their numbers, and those that could not be read."""
    numbers: list[int] = []
    failures: list[FrameFailure] = []
    progress(ProgressEvent("analyse", "started", total=total))
    for position, item in enumerate(frames):
        if isinstance(item, FrameFailure):
            number = item.frame
            failures.append(item)
            follower.skip()
            event = ProgressEvent("analyse", "failed", position + 1, total, number, item.reason)
        else:
            number = item.number
            if not item.data_window.is_empty:
                follower.step(_view(item, position, display))
            event = ProgressEvent("analyse", "frame", position + 1, total, number)
        numbers.append(number)
        progress(event)
    return numbers, failures


def _view(frame: Frame, position: int, display: Callable[[Frame], ModelImage]) -> View:
    origin = np.array([frame.data_window.x, frame.data_window.y], dtype=np.float32)
    return View(position=position, frame=frame.number, image=display(frame), origin=origin)


@dataclass(eq=False)
class _Performer:
    """A performer on the way to a track."""

    observations: list[Observation]
    smooth: dict[int, tuple[FloatArray, FloatArray, Pose]] = field(default_factory=dict)
    """Position -> points, expression, pose."""
    bridged: dict[int, tuple[FloatArray, FloatArray, Pose]] = field(default_factory=dict)


def _tracks(
    follower: FaceFollower, settings: AnalyseSettings, numbers: Sequence[int], *, seen: int
) -> tuple[Track, ...]:
    """Performers of all segments, smoothed, bridged and numbered from 1 in order of appearance."""
    threshold = follower.models.recogniser.same_person_below
    joined = join_segments(follower.segments, same_person_below=threshold, cuts=follower.suspects)
    least = min(settings.least_frames, seen)
    performers = [_Performer(observations) for observations in joined if len(observations) >= least]
    for performer in performers:
        for run in _runs(performer.observations, settings.bridge_frames, follower.cuts):
            _smooth_and_bridge(performer, run, smooth=settings.smooth)
    for performer in performers:
        others = [other for other in performers if other is not performer]
        performer.bridged = {
            position: value
            for position, value in performer.bridged.items()
            if not any(_hides(other, position, value[0]) for other in others)
        }
    return tuple(rounded_track(_track(index + 1, one, numbers)) for index, one in enumerate(performers))


def _runs(observations: Sequence[Observation], bridge_frames: int, cuts: Sequence[int]) -> list[list[Observation]]:
    """Stretches to smooth as one: without a cut inside or a gap too long to bridge."""
    runs: list[list[Observation]] = []
    for one in observations:
        last = runs[-1][-1].position if runs else None
        if last is None or one.position - last - 1 > bridge_frames or any(last < cut <= one.position for cut in cuts):
            runs.append([])
        runs[-1].append(one)
    return runs


def _smooth_and_bridge(performer: _Performer, run: Sequence[Observation], *, smooth: bool) -> None:
    times = np.array([one.position for one in run], dtype=np.float64)
    points = np.stack([one.landmarks.points for one in run]).astype(np.float64)
    expression = np.stack([one.landmarks.expression for one in run]).astype(np.float64)
    poses = [one.landmarks.pose for one in run]
    pose = np.array([[one.yaw_degrees, one.pitch_degrees, one.roll_degrees] for one in poses])
    confidence = np.array([one.landmarks.confidence for one in run])
    result = SmoothRun(points=points, expression=expression, pose=pose)
    if smooth:
        result = smooth_run(times, points, expression, pose, confidence)
        unknown = np.zeros((points.shape[1], 3), np.float32)
        steps = np.stack([unknown if one.steps is None else one.steps for one in run]).astype(np.float64)
        turns = np.linalg.norm(np.diff(result.pose[:, :2], axis=0, prepend=result.pose[:1, :2]), axis=1)
        loose = loose_landmarks(mean_shape(points))
        steady = steadied(times, points, result.points, steps, confidence, turns=turns, loose=loose)
        result = replace(result, points=steady)
    for index, one in enumerate(run):
        performer.smooth[one.position] = _values(result.points[index], result.expression[index], result.pose[index])
    missing = np.setdiff1d(np.arange(times[0], times[-1]), times)
    if missing.size:
        # Bridged in the unwrapped angle: 179 to -179 degrees is a step of 2.
        angles = np.unwrap(result.pose, axis=0, period=360.0)
        parts = [bridge(times, values, missing) for values in (result.points, result.expression, angles)]
        for index, position in enumerate(missing.astype(int).tolist()):
            performer.bridged[position] = _values(parts[0][index], parts[1][index], parts[2][index])


def _values(points: np.ndarray, expression: np.ndarray, pose: np.ndarray) -> tuple[FloatArray, FloatArray, Pose]:
    yaw, pitch, roll = (180.0 - (180.0 - float(angle)) % 360.0 for angle in pose)
    clipped = np.clip(expression, 0.0, 1.0).astype(np.float32)
    return points.astype(np.float32), clipped, Pose(yaw, pitch, roll)


def _hides(other: _Performer, position: int, points: FloatArray) -> bool:
    """True when another performer's face is seen where one would be bridged: that one passes in front of it."""
    if position not in other.smooth:
        return False
    front = other.smooth[position][0]
    apart = float(np.linalg.norm(centre_of(front) - centre_of(points)))
    return apart < HIDES * max(height_of(front), height_of(points))


def _track(track_id: int, performer: _Performer, numbers: Sequence[int]) -> Track:
    embedding = mean_embedding(performer.observations)
    if embedding is None:
        raise ValueError(f"track {track_id} has no embedding: a segment began without one")
    observed = {one.position: one for one in performer.observations}
    faces = {}
    for position in sorted(performer.smooth | performer.bridged):
        one = observed.get(position)
        points, expression, pose = (performer.smooth if one else performer.bridged)[position]
        faces[numbers[position]] = Face(
            frame=numbers[position],
            points=points,
            expression=expression,
            pose=pose,
            confidence=0.0 if one is None else min(max(one.landmarks.confidence, 0.0), 1.0),
            bridged=one is None,
            identity_distance=None if one is None or one.embedding is None else embedding.distance(one.embedding),
        )
    return Track(id=track_id, faces=faces, embedding=embedding)

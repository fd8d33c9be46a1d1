"""The analyse pass's second look: what lies in front of each face, in every frame.

    frames in order --a piece about each face, kept on disk--> the performer's face as most frames show it
    -> light of every frame, steadied by its neighbours -> what neither explains, and hands -> mattes in the tracks

It needs the whole track, so it is part of the analyse pass; the render pass only refines its mattes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import IO

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.errors import FrameFailure
from vfx_swap.geometry.shapes import share_inside
from vfx_swap.models.facemesh.canonical import CanonicalMesh
from vfx_swap.models.front.appearance import Appearance, fit_view_light, learn, steady
from vfx_swap.models.front.bridging import bridged_hands
from vfx_swap.models.front.glare import lens_glare
from vfx_swap.models.front.hands import HandRegions, hand_regions, hands_looked_for, hands_near, moved_hand
from vfx_swap.models.front.passing import hand_ways, placed_hands
from vfx_swap.models.front.rigid import Rims, pooled_rims
from vfx_swap.models.front.rims import spectacles_matte, trace_rims
from vfx_swap.models.front.spectacles import Spectacles, design, shows_rims
from vfx_swap.models.front.view import FaceView, look
from vfx_swap.models.pictures import Matrix, apply, bytes_of, cut_upright
from vfx_swap.models.protocols import Hand, HandFinder
from vfx_swap.models.reprojection.atlas import Atlas
from vfx_swap.models.reprojection.texture import atlas_for
from vfx_swap.pipeline.passing_mattes import Sight, passing_mattes
from vfx_swap.pipeline.tracks_file import Tracks, rounded_track
from vfx_swap.types import Face, Frame, Front, ModelImage, Track

__all__ = ["find_fronts"]

FINE, ROUGH = 320, 160
"""Side in pixels of the mattes, and of the pictures in which what is in front is told from the face."""
WHOLE = 0.7
"""Share of a face's landmarks that lie in the picture from which hands are looked for: in what is left of a face that
the frame cuts, the finder takes lips for fingers and is sure of it."""
LOST, AROUND = 0.1, 2
"""Confidence under which a face is no face (`AnalyseSettings.least_confidence`), and how many frames about such a one a
hand is looked for once more: something large passes. Looked for in every frame below 0.75, mouths of dim faces are
taken for hands: 13 % of `react` was held out by mistake."""
WIDE = 1.15
"""Side of a piece, as a multiple of the landmarks' extent."""
LEARNT = 40
"""Views at most that a face is learnt from, evenly over the track."""
CUT = 1000
"""Frames that a cut counts for when light is carried from frame to frame."""
CLEAR, ASKED = 0.6, 12
"""Confidence of a face that may say whether spectacles are worn, and how many are asked."""
ENOUGH = 5
"""Faces so sure from which on the rest is not learnt from: where most frames of a place show a hand, the hand would be
taken for the face."""
LEAST = 16
"""Pixels of a matte below which nothing is in front."""
SEEN = {"hand": 127, "glasses": 127, "glare": 25}
"""Value of a pixel above which it counts there."""


@dataclass(frozen=True, eq=False)
class _Piece:
    """A face's surroundings in one frame, on disk."""

    face: Face
    time: int
    offset: int
    length: int
    back: Matrix
    """Piece of `FINE` pixels to plate pixels."""
    hands: tuple[Hand, ...]
    """Piece pixels."""
    held: bool = False
    """The frame before or after shows a hand too."""
    way: np.ndarray | None = None
    """(2,) piece pixels that a hand goes in a frame; None: not known."""


@dataclass(eq=False)
class _Pieces:
    """All pieces of a shot: pictures in one temporary file, so that memory does not grow with the shot."""

    file: IO[bytes]
    of_track: dict[int, list[_Piece]] = field(default_factory=dict)

    def add(self, track_id: int, face: Face, time: int, rgb: FloatArray, back: Matrix, hands: Sequence[Hand]) -> None:
        _, coded = cv2.imencode(".png", bytes_of(rgb), [cv2.IMWRITE_PNG_COMPRESSION, 1])
        offset = self.file.seek(0, 2)
        self.file.write(coded.tobytes())
        piece = _Piece(face, time, offset, coded.size, back, tuple(hands))
        self.of_track.setdefault(track_id, []).append(piece)

    def picture(self, piece: _Piece) -> FloatArray:
        """(FINE, FINE, 3) in [0, 1]."""
        self.file.seek(piece.offset)
        coded = np.frombuffer(self.file.read(piece.length), np.uint8)
        return np.asarray(cv2.imdecode(coded, cv2.IMREAD_UNCHANGED), dtype=np.float32) / np.float32(255.0)


def find_fronts(
    tracks: Tracks,
    frames: Iterable[Frame | FrameFailure],
    *,
    display: Callable[[Frame], ModelImage],
    hands: HandFinder | None,
    mesh: CanonicalMesh,
) -> Tracks:
    """The tracks with what lies in front of every face.

    Args:
        tracks: of the shot.
        frames: the shot's, in order, once more.
        display: how models see a frame, as in `analyse`.
        hands: finds hands; None: what else is in front is found all the same.
        mesh: the canonical face mesh.
    """
    if not tracks.tracks:
        return tracks
    atlases = _Atlases(light=atlas_for(mesh, size=128), rims=atlas_for(mesh, size=256))
    with tempfile.TemporaryFile(prefix="vfx-swap-") as file:
        pieces = _Pieces(file)
        for item, time in zip(frames, _times(tracks), strict=False):
            if isinstance(item, Frame) and not item.data_window.is_empty:
                _gather(item, time, tracks.tracks, pieces, display=display, hands=hands)
        done = tuple(_with_fronts(track, pieces, atlases) for track in tracks.tracks)
    return replace(tracks, tracks=done)


def _times(tracks: Tracks) -> Iterator[int]:
    time = 0
    for number in tracks.frames:
        time += CUT if number in tracks.cuts else 1
        yield time


def _gather(
    frame: Frame,
    time: int,
    tracks: Sequence[Track],
    pieces: _Pieces,
    *,
    display: Callable[[Frame], ModelImage],
    hands: HandFinder | None,
) -> None:
    """The pieces of one frame."""
    here = [(track.id, track.faces[frame.number]) for track in tracks if frame.number in track.faces]
    if not here:
        return
    image = display(frame)
    origin = np.array([frame.data_window.x, frame.data_window.y, 0.0], dtype=np.float32)
    for track_id, face in here:
        points = face.points - origin
        low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
        side = WIDE * max(4.0, float((high - low).max()))
        rgb, back = cut_upright(image.rgb, centre=(low + high) / 2, side=side, roll_degrees=0.0, size=FINE)
        into = _inverse(back)
        inside = share_inside(points, width=image.rgb.shape[1], height=image.rgb.shape[0])
        found: tuple[Hand, ...] = ()
        if hands is not None and inside >= WHOLE:
            found = hands_near(image, points, finder=hands)
            if not found and _hidden_near(tracks, track_id, frame.number):
                found = hands_looked_for(image, points, finder=hands)
        back[:, 2] += origin[:2]
        pieces.add(track_id, face, time, rgb, back, [moved_hand(hand, into) for hand in found])


def _hidden_near(tracks: Sequence[Track], track_id: int, number: int) -> bool:
    """Whether something hid a face so far that it was lost, in this frame or in one close by."""
    faces = next(track.faces for track in tracks if track.id == track_id)
    near = (faces.get(number + step) for step in range(-AROUND, AROUND + 1))
    return any(face is not None and (face.bridged or face.confidence < LOST) for face in near)


def _inverse(matrix: Matrix) -> Matrix:
    return np.asarray(np.linalg.inv(np.vstack([matrix, [0.0, 0.0, 1.0]]))[:2])


@dataclass(frozen=True, eq=False)
class _Atlases:
    """UV pictures of the face mesh."""

    light: Atlas
    """For the face as most views show it."""
    rims: Atlas
    """Finer, for the rims of spectacles."""


@dataclass(frozen=True, eq=False)
class _Known:
    """What is known of a performer."""

    face: Appearance
    worn: Spectacles | None


@dataclass(frozen=True, eq=False)
class _Seen:
    """A piece, looked at."""

    view: FaceView
    hands: HandRegions


def _with_fronts(track: Track, pieces: _Pieces, atlases: _Atlases) -> Track:
    """A track whose faces know what is in front of them."""
    there = _hands_through(pieces.of_track.get(track.id, []))
    if not there:
        return track
    # A face that is half hidden for long is learnt from the frames that show it.
    sure = [piece for piece in there if piece.face.confidence >= CLEAR]
    sure = sure if len(sure) >= ENOUGH else there
    some = [sure[index] for index in np.unique(np.linspace(0, len(sure) - 1, LEARNT).round().astype(int))]
    seen = [_look(piece, pieces, atlases.light) for piece in some]
    face = learn([one.view for one in seen], [_free(one) for one in seen], atlases.light)
    known = _Known(face=face, worn=_worn(some, pieces, face, atlases.rims))
    # Two sweeps over the track: the light of a hidden face is that of the frames about it.
    lights = []
    for piece in there:
        one = _look(piece, pieces, atlases.light)
        lights.append(fit_view_light(one.view, face, trust=_free(one)))
    expected = steady(lights, [piece.time for piece in there])
    passing = passing_mattes(
        [piece.time for piece in there],
        expected,
        face,
        see=lambda index: _sight(there[index], pieces, atlases.light),
    )
    rims = _rims(there, pieces, passing, known.worn, atlases.rims)
    faces = dict(track.faces)
    for piece, hand, worn in zip(there, passing, rims, strict=True):
        faces[piece.face.frame] = replace(piece.face, front=_front(piece, pieces, hand, worn, atlases.light))
    return rounded_track(replace(track, faces=faces))


def _hands_through(there: Sequence[_Piece]) -> list[_Piece]:
    """The pieces, with hands that the finder lost for a few frames while they pass, and word of those that it kept.

    Blurred by its motion, a hand is lost in some frames; found in one frame alone, it may be none.
    """
    found = [[moved_hand(hand, piece.back) for hand in piece.hands] for piece in there]
    out = []
    for index, (piece, hands) in enumerate(zip(there, bridged_hands(found, [one.time for one in there]), strict=True)):
        added = tuple(moved_hand(hand, _inverse(piece.back)) for hand in hands[len(piece.hands) :])
        around = [there[other] for other in (index - 1, index + 1) if 0 <= other < len(there)]
        beside = sum(bool(one.hands) and abs(one.time - piece.time) == 1 for one in around)
        # One that was put in is believed when both sides have it; in a longer gap the picture must show it.
        held = beside > 0 if piece.hands else beside == 2
        out.append(replace(piece, hands=(*piece.hands, *added), held=held))
    return _placed(out)


def _placed(there: Sequence[_Piece]) -> list[_Piece]:
    """The pieces, a hand that is alone where all frames say, and how far it goes."""
    alone = [moved_hand(one.hands[0], one.back) if len(one.hands) == 1 else None for one in there]
    times = [one.time for one in there]
    placed = placed_hands(alone, times)
    out = []
    for piece, hand, way in zip(there, placed, hand_ways(placed, times), strict=True):
        into = _inverse(piece.back)
        hands = piece.hands if hand is None else (moved_hand(hand, into),)
        out.append(replace(piece, hands=hands, way=None if way is None else into[:, :2] @ way))
    return out


def _worn(some: Sequence[_Piece], pieces: _Pieces, face: Appearance, atlas: Atlas) -> Spectacles | None:
    """The spectacles of a track: worn in all its frames or in none, as most of its clear ones show."""
    clear = [piece for piece in some if piece.face.confidence >= CLEAR and not piece.hands] or list(some)
    asked = [clear[index] for index in np.unique(np.linspace(0, len(clear) - 1, ASKED).round().astype(int))]
    votes = [shows_rims(pieces.picture(piece), _positions(piece, atlas), atlas) for piece in asked]
    if 2 * sum(votes) <= len(votes):
        return None
    return design(face.face, face.shown, atlas)


def _positions(piece: _Piece, atlas: Atlas) -> FloatArray:
    """(v, 3) fine vertices of a face in its piece's pixels."""
    into = _inverse(piece.back)
    points = piece.face.points.astype(np.float64)
    scale = float(np.hypot(into[0, 0], into[0, 1]))
    return atlas.mesh.positions(np.column_stack([apply(into, points[:, :2]), points[:, 2] * scale]).astype(np.float32))


def _look(piece: _Piece, pieces: _Pieces, atlas: Atlas) -> _Seen:
    rgb = cv2.resize(pieces.picture(piece), (ROUGH, ROUGH), interpolation=cv2.INTER_AREA)
    shrink = ROUGH / FINE
    into = _inverse(piece.back)
    points = piece.face.points.astype(np.float64)
    scale = shrink * float(np.hypot(into[0, 0], into[0, 1]))
    flat = (apply(into, points[:, :2]) + 0.5) * shrink - 0.5
    small = np.column_stack([flat, points[:, 2] * scale]).astype(np.float32)
    matrix = np.array([[shrink, 0.0, 0.5 * shrink - 0.5], [0.0, shrink, 0.5 * shrink - 0.5]])
    hands = hand_regions([moved_hand(hand, matrix) for hand in piece.hands], size=ROUGH)
    return _Seen(view=look(np.asarray(rgb, np.float32), small, atlas), hands=hands)


def _sight(piece: _Piece, pieces: _Pieces, atlas: Atlas) -> Sight:
    seen = _look(piece, pieces, atlas)
    return Sight(
        rgb=pieces.picture(piece),
        view=seen.view,
        hands=seen.hands,
        count=len(piece.hands),
        held=piece.held,
        way=piece.way,
    )


def _free(seen: _Seen) -> FloatArray:
    """(k,) 1 where no hand can be."""
    return np.asarray(1.0 - seen.hands.at_most[seen.view.rows, seen.view.columns], dtype=np.float32)


def _rims(
    there: Sequence[_Piece],
    pieces: _Pieces,
    passing: Sequence[np.ndarray | None],
    worn: Spectacles | None,
    atlas: Atlas,
) -> list[Rims | None]:
    """The lines of a track's spectacles in each frame, each drawn by itself and then by what all agree on."""
    if worn is None:
        return [None] * len(there)
    traced = []
    for piece, matte in zip(there, passing, strict=True):
        positions = _positions(piece, atlas)
        facing = atlas.mesh.normals(positions)[:, 2]
        hidden = None if matte is None else matte.astype(np.float32) / np.float32(255.0)
        traced.append(trace_rims(pieces.picture(piece), positions, facing, worn, atlas, hidden=hidden))
    return pooled_rims([line.uv for line in worn.lines if line.rim], traced)


def _front(piece: _Piece, pieces: _Pieces, passing: np.ndarray | None, rims: Rims | None, atlas: Atlas) -> Front | None:
    """What is in front of a face in one frame."""
    step = float(np.hypot(piece.back[0, 0], piece.back[1, 0]))
    mattes = {"hand": passing}
    if rims is not None:
        covered = spectacles_matte(pieces.picture(piece), rims, pixel=1.0 / step)
        mattes["glasses"] = np.asarray(np.round(255.0 * covered), np.uint8)
        positions = _positions(piece, atlas)
        glare = lens_glare(pieces.picture(piece), rims, positions, atlas.mesh.normals(positions)[:, 2], atlas)
        clear = 1.0 if passing is None else 1.0 - passing.astype(np.float32) / np.float32(255.0)
        mattes["glare"] = np.asarray(np.round(255.0 * glare * clear), np.uint8)
    kept = {word: one for word, one in mattes.items() if one is not None and int((one > SEEN[word]).sum()) >= LEAST}
    if not kept:
        return None
    return Front(left=float(piece.back[0, 2]), top=float(piece.back[1, 2]), step=step, mattes=kept)

"""What lies in front is found over a track: on a portrait that moves, with things painted before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest

from tests.models import faces
from vfx_swap.arrays import FloatArray
from vfx_swap.colour.ocio import load_config
from vfx_swap.errors import FrameFailure
from vfx_swap.pipeline.analyse import display_for
from vfx_swap.pipeline.front import find_fronts
from vfx_swap.pipeline.holdout import front_in_plate, share_in_plate
from vfx_swap.pipeline.qc_truth import face_region, holdout_iou
from vfx_swap.pipeline.tracks_file import Tracks
from vfx_swap.types import Embedding, Frame, Track

COUNT = 9


@dataclass(frozen=True, eq=False)
class Shown:
    frame: Frame
    covered: FloatArray


def passing(kind: str, *, count: int = COUNT) -> tuple[list[Shown], Tracks]:
    """A portrait that drifts, and a ball on a stick that passes before it, brightening light and all.

    One that "stays" comes after seven frames, and hides the face from the landmarker.
    """
    sitter = faces.collins()
    shown, faces_of = [], {}
    for step in range(count):
        shift = (3.0 * np.sin(step), 2.0 * np.cos(step))
        matrix = np.array([[1.0, 0.0, shift[0]], [0.0, 1.0, shift[1]]])
        size = (sitter.rgb.shape[1], sitter.rgb.shape[0])
        rgb = cv2.warpAffine(sitter.rgb, matrix, size, borderMode=cv2.BORDER_REPLICATE)
        rgb = rgb * np.float32(1.0 + 0.06 * step)
        covered = np.zeros(rgb.shape[:2], np.float32)
        if kind == "ball" or (kind == "stays" and step >= 7):
            middle = sitter.points[1, :2] + [(step - 4) * 22.0 if kind == "ball" else shift[0], 8.0]
            y, x = np.mgrid[: size[1], : size[0]]
            covered = np.clip(18.5 - np.hypot(x - middle[0], y - middle[1]), 0.0, 1.0).astype(np.float32)
            covered = np.maximum(covered, np.clip(6.0 - np.abs(x - middle[0]), 0.0, 1.0) * (y > middle[1]))
            rgb = rgb * (1.0 - covered[..., None]) + 0.04 * covered[..., None]
        if kind == "spectacles":
            covered = rims(sitter.points[:, :2] + shift, size)
            rgb = rgb * (1.0 - covered[..., None]) + 0.015 * covered[..., None]
        if kind == "reflection":
            seen = lens(sitter.points[:, :2] + shift, size)
            rgb = rgb + 0.25 * seen[..., None]
            covered = rims(sitter.points[:, :2] + shift, size)
            rgb = rgb * (1.0 - covered[..., None]) + 0.015 * covered[..., None]
        shown.append(Shown(faces.frame_of(rgb, number=step + 1), covered))
        hidden = kind == "stays" and step >= 7
        face = sitter.face(shift=shift, frame=step + 1)
        faces_of[step + 1] = replace(face, confidence=0.05) if hidden else face
    track = Track(1, faces_of, Embedding("dlib-resnet", np.zeros(128, np.float32)))
    return shown, Tracks(tracks=(track,), frames=tuple(range(1, count + 1)))


def rims(points: FloatArray, size: tuple[int, int]) -> FloatArray:
    """Dark oval rims about both eyes, and a bridge, antialiased."""
    eyes = [(points[a] + points[b]) / 2 for a, b in ((33, 133), (362, 263))]
    apart = float(np.linalg.norm(eyes[1] - eyes[0]))
    turn = np.linspace(0.0, 2.0 * np.pi, 90)
    ovals = [eye + apart * np.stack([0.41 * np.cos(turn), 0.31 * np.sin(turn) + 0.05], axis=1) for eye in eyes]
    bridge = np.stack([ovals[0][0], (eyes[0] + eyes[1]) / 2 - [0.0, 0.04 * apart], ovals[1][45]])
    drawn = np.zeros((size[1] * 4, size[0] * 4), np.uint8)
    for line in (*ovals, bridge):
        at = np.round((line + 0.5) * 4.0).astype(np.int32)
        cv2.polylines(drawn, [at], False, 255, round(4 * 0.055 * apart))
    small: FloatArray = cv2.resize(drawn, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
    return small


def lens(points: FloatArray, size: tuple[int, int]) -> FloatArray:
    """The outer half of the lens that is left in the picture."""
    eyes = [(points[a] + points[b]) / 2 for a, b in ((33, 133), (362, 263))]
    apart = float(np.linalg.norm(eyes[1] - eyes[0]))
    y, x = np.mgrid[: size[1], : size[0]]
    away = np.hypot((x - eyes[0][0]) / 0.41, (y - eyes[0][1]) / 0.31 - 0.05 * apart / 0.31) / apart
    inside = (away < 1.0) & (x < eyes[0][0])
    soft: FloatArray = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 0.6)
    return soft


def fronts_of(shown: list[Shown], tracks: Tracks, *, lost: int | None = None) -> Tracks:
    def read() -> Iterator[Frame | FrameFailure]:
        for one in shown:
            number = one.frame.number
            yield FrameFailure(number, "torn") if number == lost else one.frame

    return find_fronts(tracks, read(), display=display_for(load_config()), hands=None, mesh=faces.canonical_mesh())


@pytest.fixture(scope="module")
def ball() -> tuple[list[Shown], Tracks]:
    shown, tracks = passing("ball")
    return shown, fronts_of(shown, tracks)


def test_what_passes_in_front_is_found(ball: tuple[list[Shown], Tracks]) -> None:
    shown, tracks = ball
    scores = []
    for one in shown:
        face = tracks.tracks[0].faces[one.frame.number]
        region = face_region(face.points, shape=one.covered.shape)
        laid = front_in_plate(face.front, words=["hand"], rgb=one.frame.rgb, window=one.frame.data_window)
        kept = np.zeros_like(region) if laid is None else laid
        score = holdout_iou(1.0 - kept, one.covered, region=region, near_pixels=0.04 * face.height)
        if score is not None:
            scores.append(score)
        assert float((kept * region * (one.covered == 0.0)).sum() / region.sum()) < 0.03
    assert len(scores) >= 4
    assert min(scores) > 0.8


def test_what_stays_in_front_in_most_frames_is_not_learnt_as_the_face() -> None:
    shown, tracks = passing("stays", count=15)
    found = fronts_of(shown, tracks).tracks[0]
    for one in shown[7:]:
        face = found.faces[one.frame.number]
        region = face_region(face.points, shape=one.covered.shape)
        laid = front_in_plate(face.front, words=["hand"], rgb=one.frame.rgb, window=one.frame.data_window)
        assert laid is not None
        score = holdout_iou(1.0 - laid, one.covered, region=region, near_pixels=0.04 * face.height)
        assert score is not None
        assert score > 0.75
    assert all(found.faces[one.frame.number].front is None for one in shown[:6])


def test_spectacles_are_held_out_whole_in_every_frame() -> None:
    shown, tracks = passing("spectacles")
    found = fronts_of(shown, tracks).tracks[0]
    for one in shown:
        face = found.faces[one.frame.number]
        assert face.front is not None
        assert set(face.front.mattes) == {"glasses"}
        region = face_region(face.points, shape=one.covered.shape)
        laid = front_in_plate(face.front, words=["glasses"], rgb=one.frame.rgb, window=one.frame.data_window)
        assert laid is not None
        score = holdout_iou(1.0 - laid, one.covered, region=region, near_pixels=0.04 * face.height)
        assert score is not None
        assert score > 0.8
        assert float((laid * region * (one.covered == 0.0)).sum() / region.sum()) < 0.02


def test_a_reflection_on_a_lens_is_told_from_the_skin_behind_it() -> None:
    shown, tracks = passing("reflection")
    found = fronts_of(shown[:4], replace(tracks, frames=tracks.frames[:4])).tracks[0]
    for one in shown[:4]:
        face = found.faces[one.frame.number]
        assert face.front is not None
        share = share_in_plate(face.front, "glare", window=one.frame.data_window)
        points = face.points[:, :2]
        apart = float(np.linalg.norm(points[263] - points[33]))
        reflecting = (lens(points, share.shape[::-1]) > 0.99) & (one.covered == 0.0)
        lit = one.frame.rgb[reflecting] @ np.array([0.2126, 0.7152, 0.0722])
        # All over skin, less over the eye.
        assert float(share[reflecting].mean()) > 0.3 * float((0.25 / lit).mean())
        other = np.zeros(share.shape, np.uint8)
        middle = np.round((points[362] + points[263]) / 2).astype(int)
        cv2.circle(other, (int(middle[0]), int(middle[1])), round(0.3 * apart), 1, -1)
        assert float(share[other > 0].mean()) < 0.03


def test_a_face_alone_has_nothing_in_front() -> None:
    shown, tracks = passing("nothing")
    assert all(face.front is None for face in fronts_of(shown, tracks).tracks[0].faces.values())


def test_a_frame_that_cannot_be_read_keeps_its_face(ball: tuple[list[Shown], Tracks]) -> None:
    shown, tracks = ball
    bare = passing("ball")[1]
    again = fronts_of(shown, bare, lost=5)
    assert set(again.tracks[0].faces) == set(tracks.tracks[0].faces)
    assert again.tracks[0].faces[5].front is None
    assert again.tracks[0].faces[4].front is not None


def test_the_same_bits_twice(ball: tuple[list[Shown], Tracks]) -> None:
    shown, tracks = ball
    again = fronts_of(shown, passing("ball")[1])
    for number, face in tracks.tracks[0].faces.items():
        other = again.tracks[0].faces[number].front
        assert (face.front is None) == (other is None)
        if face.front is not None and other is not None:
            assert np.array_equal(face.front.mattes["hand"], other.mattes["hand"])


def test_no_track_asks_for_no_frame() -> None:
    empty = Tracks(tracks=(), frames=(1, 2))
    assert fronts_of([], empty) is empty

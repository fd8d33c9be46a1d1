"""What ends a track and what does not: a cut, a jump cut, a flash, a dissolve, a post in front of a face."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.pipeline.painted_faces import Disc, paint
from tests.pipeline.test_analyse import middle, shot, track_of
from vfx_swap.types import Frame


def _scaled(frame: Frame, gain: float, lift: float = 0.0) -> Frame:
    rgb = np.asarray(frame.rgb * gain + lift, dtype=np.float32)
    return Frame(frame.number, rgb, frame.data_window, frame.display_window, frame.colour_space)


def _mixed(one: Frame, other: Frame, share: float) -> Frame:
    rgb = np.asarray((1.0 - share) * one.rgb + share * other.rgb, dtype=np.float32)
    return Frame(one.number, rgb, one.data_window, one.display_window, one.colour_space)


def _mirrored(number: int, discs: Sequence[Disc]) -> Frame:
    """The other set: its ramp falls where the first one's rises."""
    frame = paint(number, discs)
    rgb = np.where(frame.rgb < 0.21, np.float32(0.2) - frame.rgb, frame.rgb)
    return Frame(number, rgb, frame.data_window, frame.display_window, frame.colour_space)


@pytest.mark.parametrize("lift", [0.0, 4.0])
def test_a_flash_is_no_cut_and_the_track_goes_through_it(lift: float) -> None:
    frames = [paint(1 + n, [Disc(0, 60 + 2 * n, 90)]) for n in range(12)]
    frames[6] = _scaled(frames[6], 6.0, lift)  # at 4 above white in every pixel nothing is to be seen
    tracks = track_of(frames)
    assert tracks.cuts == ()
    assert tracks.ids == (1,)
    assert set(tracks.track(1).faces) == set(range(1, 13))
    assert middle(tracks, 1, 7) == pytest.approx([72, 90], abs=1.0)


def test_a_jump_cut_to_the_same_face_ends_what_is_smoothed_and_keeps_the_performer() -> None:
    frames = [paint(1 + n, [Disc(0, 100, 90)]) for n in range(8)]
    frames += [_mirrored(9 + n, [Disc(0, 140, 80)]) for n in range(8)]
    tracks = track_of(frames)
    assert tracks.cuts == (9,)
    assert tracks.ids == (1,)
    assert middle(tracks, 1, 8) == pytest.approx([100, 90], abs=0.6)
    assert middle(tracks, 1, 9) == pytest.approx([140, 80], abs=0.6)


def test_a_dissolve_gives_each_performer_a_track_of_their_own() -> None:
    frames = []
    for n in range(20):
        out, comes = paint(1 + n, [Disc(1, 80, 90)]), _mirrored(1 + n, [Disc(2, 220, 90)])
        frames.append(_mixed(out, comes, min(max((n - 7) / 6.0, 0.0), 1.0)))
    tracks = track_of(frames)
    # Half dissolved, a painted face passes for yet another one; what counts are those that are there whole.
    [leaves] = [one for one in tracks.tracks if 1 in one.faces]
    [arrives] = [one for one in tracks.tracks if 20 in one.faces]
    assert leaves.id != arrives.id
    assert set(range(1, 8)) <= set(leaves.faces) <= set(range(1, 15))
    assert set(range(15, 21)) <= set(arrives.faces) <= set(range(8, 21))
    assert middle(tracks, leaves.id, 7) == pytest.approx([80, 90], abs=0.6)
    assert middle(tracks, arrives.id, 15) == pytest.approx([220, 90], abs=0.6)


@pytest.mark.parametrize("hidden", [3, 9])
def test_behind_a_post_and_found_again_it_is_the_same_track(hidden: int) -> None:
    paths = [[Disc(0, 60 + 5 * n, 90)] if not 10 <= n < 10 + hidden else [] for n in range(28)]
    tracks = track_of(shot(paths))
    assert tracks.ids == (1,)
    assert tracks.cuts == ()
    first = 1001
    known = set(tracks.track(1).faces)
    assert set(range(first, first + 10)) <= known
    assert set(range(first + 10 + hidden, first + 28)) <= known
    bridged = {number for number, face in tracks.track(1).faces.items() if face.bridged}
    # A short way behind it is bridged, a long one stays a gap: nobody swaps a post.
    assert bridged == (set(range(first + 10, first + 13)) if hidden == 3 else set())

"""The first step of a shot in chunks: refusals and tracks, and no frame."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.pipeline.shot_fakes import ALL, TODAY, digests_of, fake_analyse, make_identity, make_shot, render, tools
from vfx_swap.colour.ocio import load_config
from vfx_swap.errors import ConsentMissingError, FrameRangeError, NoFaceError, OutputError, UsageError
from vfx_swap.pipeline.prepare import frames_for_chunks, prepare_shot


def test_it_makes_the_tracks_that_every_chunk_then_reuses(tmp_path: Path) -> None:
    calls: list[int] = []
    quick = tools(analyse=fake_analyse(calls=calls))
    shot = make_shot(tmp_path)
    done = prepare_shot(shot, today=TODAY, tools=quick)
    assert (done.tracks, done.frames, done.cast) == (tmp_path / "out" / "sh010.tracks.json", ALL, (1,))
    assert digests_of(tmp_path / "out") == {}
    render(shot, frames=[2], tools=quick)
    prepare_shot(shot, today=TODAY, tools=quick)
    assert len(calls) == 1


def test_refusals_come_before_the_plate_is_read(tmp_path: Path) -> None:
    make_identity(tmp_path / "who.identity", with_consent=False)
    shot = make_shot(tmp_path)
    for frame in (tmp_path / "plates").iterdir():
        frame.write_bytes(b"")
    with pytest.raises(ConsentMissingError):
        prepare_shot(shot, today=date(2026, 6, 1), tools=tools())
    assert not (tmp_path / "out").exists()


def test_a_shot_without_the_face_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoFaceError):
        prepare_shot(make_shot(tmp_path), today=TODAY, tools=tools(analyse=fake_analyse(faces=False)))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match="output folder"):
        prepare_shot(shot, today=TODAY, tools=tools())


def test_frames_for_chunks_are_the_shot_s_and_a_movie_has_none(tmp_path: Path) -> None:
    shot, config = (
        make_shot(
            tmp_path,
        ),
        load_config(),
    )
    assert frames_for_chunks(shot, config=config) == ALL
    assert frames_for_chunks(shot, config=config, wanted=[5, 2]) == (2, 5)
    with pytest.raises(FrameRangeError):
        frames_for_chunks(shot, config=config, wanted=[99])
    with pytest.raises(UsageError, match="a movie is one file"):
        frames_for_chunks(make_shot(tmp_path, out="out/swap.mov"), config=config)

"""Frames that come one by one have the bits of a rendered shot; engines that must see frames first see them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.pipeline.shot_fakes import (
    ALL,
    TODAY,
    FakeSwapper,
    digests_of,
    fake_analyse,
    make_identity,
    make_shot,
    render,
    rows_of,
    tools,
)
from vfx_swap.errors import CannotRunError, ColourSpaceError, ConsentExpiredError, ConsentMissingError, NoFaceError
from vfx_swap.io.outputs import open_output
from vfx_swap.io.picture import Picture
from vfx_swap.io.plates import open_plate
from vfx_swap.io.read import read_picture
from vfx_swap.io.sent import picture_of
from vfx_swap.models.kernels import NUMPY
from vfx_swap.pipeline.engines import Engine
from vfx_swap.pipeline.frames import from_frame
from vfx_swap.pipeline.render_plan import frame_digest
from vfx_swap.pipeline.render_steps import frame_header
from vfx_swap.pipeline.session import Session, open_session
from vfx_swap.settings import Shot


def opened(shot: Shot, *, stills: bool = False, colour_space: str | None = "ACEScg", **more: Any) -> Session:
    """A session of a shot that was rendered, with its tracks."""
    tracks = None if stills else Path(shot.output).parent / "sh010.tracks.json"
    more = {"device": "cpu", "today": TODAY, "tools": tools(), **more}
    return open_session(shot, tracks=tracks, colour_space=colour_space, **more)


def sent(path: Path) -> Picture:
    """A plate frame's picture without its file."""
    picture = read_picture(path)
    return picture_of(
        picture.native_rgb.copy(), window=picture.data_window, display=picture.display_window, name="sent.exr"
    )


def write(session: Session, shot: Shot, number: int, out: Path) -> None:
    """Swap a frame that was sent, and write it over the plate's file, as a client does."""
    file = Path(shot.plate.replace("####", f"{number:04d}"))
    done = session.swap(number, sent(file))
    assert done is not None
    plan, swapped = done
    rgb = from_frame(swapped.frame, matte=swapped.matte, config=plan.config, colour_space=plan.colour_space)
    output = open_output(str(out / "swap.####.exr"), plate=open_plate(shot.plate), layers=True)
    output.write(
        number,
        read_picture(file),
        rgb=rgb,
        matte=swapped.matte,
        layers=swapped.layers,
        header=frame_header(plan, number, swapped),
        window=swapped.frame.data_window,
    )


def test_frames_in_any_order_are_the_bits_of_the_rendered_shot(tmp_path: Path) -> None:
    shot = make_shot(tmp_path, layers=["matte", "patch"])
    render(shot)
    session, out = opened(shot), tmp_path / "sent"
    out.mkdir()
    assert session.layers == ("matte.1.A", "patch.R", "patch.G", "patch.B", "patch.A")
    assert session.fit_frames == ()
    for number in (4, 1, 6, 2, 5, 3):
        write(session, shot, number, out)
    assert digests_of(out) == digests_of(tmp_path / "out")


def test_the_digest_of_a_frame_is_that_of_the_rendered_one(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    render(shot)
    done = opened(shot).swap(3, sent(tmp_path / "plates" / "plate.0003.exr"))
    assert done is not None
    assert frame_digest(done[0], 3) == rows_of(tmp_path / "out")[3]["settings_digest"]


def test_without_tracks_every_frame_is_a_still(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    still = make_shot(tmp_path, frames=(2,), out="one/swap.0002.exr")
    still = still.model_copy(update={"plate": str(tmp_path / "plates" / "plate.0002.exr")})
    render(still, tools=tools(analyse=fake_analyse()))
    session, out = opened(shot, stills=True, tools=tools(analyse=fake_analyse())), tmp_path / "sent"
    out.mkdir()
    assert session.layers == ()
    write(session, shot, 2, out)
    # The number of a still is 1, and is part of the digest in the header: pixels are compared.
    ours, theirs = (read_picture(folder / "swap.0002.exr").native_rgb for folder in (out, tmp_path / "one"))
    assert ours.tobytes() == theirs.tobytes()
    nobody = opened(shot, stills=True, tools=tools(analyse=fake_analyse(faces=False)))
    done = nobody.swap(2, sent(tmp_path / "plates" / "plate.0002.exr"))
    assert done is not None
    assert done[1].metrics["faces"] == 0
    assert done[1].frame.data_window.is_empty


class Measuring:
    """An engine that measures the light of frames 2 and 5, and swaps by their mean."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def frames(self, track: Any, numbers: Collection[int]) -> tuple[int, ...]:
        """Two of them."""
        return tuple(sorted({2, 5} & set(track.faces) & set(numbers)))

    def measure(self, swapper: Any, track: Any, frame: Any) -> int:
        """The frame's light, by thousandths."""
        self.seen.append(frame.number)
        return int(np.nanmean(np.where(np.isfinite(frame.rgb), frame.rgb, 0)) * 1000)

    def settle(self, swapper: Any, track: Any, measured: Sequence[int]) -> tuple[Any, str]:
        """What was measured, in any order."""
        return swapper, f"light {sorted(measured)}"

    def fit(self, swapper: Any, track: Any, plate: Any) -> tuple[Any, str]:
        """All of it."""
        found = [self.measure(swapper, track, plate.read(n)) for n in self.frames(track, plate.shot_frames)]
        return self.settle(swapper, track, found)

    def __call__(self, shot: Shot, **_: Any) -> Engine:
        """The engine."""
        swapper: Any = FakeSwapper()
        return Engine(
            id=shot.engine, swapper_for=lambda _: swapper, digests={}, kernels=NUMPY, fit=self.fit, fitting=self
        )


def test_an_engine_sees_its_frames_before_any_is_swapped(tmp_path: Path) -> None:
    shot, engine = make_shot(tmp_path), Measuring()
    quick = tools(open_engine=engine)
    render(shot, tools=quick)
    rows, plates = rows_of(tmp_path / "out"), tmp_path / "plates"
    session = opened(shot, tools=quick)
    assert session.fit_frames == (2, 5)
    engine.seen.clear()
    assert session.swap(5, sent(plates / "plate.0005.exr")) is None
    # Whoever goes on elsewhere has to be shown the other one only.
    heir = opened(shot, tools=quick, learnt={key: dict(told) for key, told in session.learnt.items()})
    for one in (session, heir):
        assert one.swap(2, sent(plates / "plate.0002.exr")) is None
        for number in ALL:
            done = one.swap(number, sent(plates / f"plate.{number:04d}.exr"))
            assert done is not None
            assert frame_digest(done[0], number) == rows[number]["settings_digest"]
    assert engine.seen == [5, 2, 2]


def test_frames_that_are_not_shown_say_nothing(tmp_path: Path) -> None:
    shot, engine = make_shot(tmp_path), Measuring()
    quick = tools(open_engine=engine)
    render(shot, tools=quick)
    session = opened(shot, tools=quick)
    engine.seen.clear()
    assert session.swap(5, sent(tmp_path / "plates" / "plate.0005.exr")) is None
    done = session.swap(1, sent(tmp_path / "plates" / "plate.0001.exr"))  # 2 was not shown
    assert done is not None
    assert done[0].cast[0].fitted.startswith("light [")
    assert engine.seen == [5]
    again = session.swap(2, sent(tmp_path / "plates" / "plate.0002.exr"))
    assert again is not None
    assert again[0].cast[0].fitted == done[0].cast[0].fitted  # nothing jumps in mid-stream


def test_an_engine_that_needs_the_whole_plate_is_refused(tmp_path: Path) -> None:
    shot, engine = make_shot(tmp_path), Measuring()
    quick = tools(open_engine=lambda shot, **_: replace(engine(shot), fitting=None))
    render(shot, tools=quick)
    with pytest.raises(CannotRunError, match="whole plate"):
        opened(shot, tools=quick)


def test_what_may_not_be_is_refused(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    render(shot)
    with pytest.raises(ColourSpaceError):
        opened(shot, colour_space="no such space")
    empty = tools(analyse=fake_analyse(faces=False))
    with pytest.raises(NoFaceError):
        render(make_shot(tmp_path / "empty"), tools=empty)
    with pytest.raises(NoFaceError):
        opened(make_shot(tmp_path / "empty"))
    make_identity(tmp_path / "who.identity", with_consent=False)
    with pytest.raises(ConsentMissingError):
        opened(shot)


def test_consent_is_asked_for_on_the_day(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    render(shot)
    assert shot.cast[0].identity
    from vfx_swap.pipeline.consent import consent_from_options

    record = consent_from_options(
        who="an agent", scope="tests", expires="2026-07-01", performer="somebody", valid_from=date(2026, 1, 1)
    )
    make_identity(tmp_path / "who.identity", consent=record)
    opened(shot, today=date(2026, 7, 1))
    with pytest.raises(ConsentExpiredError):
        opened(shot, today=date(2026, 7, 2))

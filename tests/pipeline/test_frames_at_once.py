"""Frames swapped side by side: as many as every swapper says, in order, with the same bits."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.shot_fakes import ALL, FakeSwapper, digests_of, fake_swap, make_shot, render, rows_of, tools
from vfx_swap.errors import FramesFailedError, InputError
from vfx_swap.models.kernels import NUMPY
from vfx_swap.models.protocols import SideBySide
from vfx_swap.pipeline.engines import Engine


class Sharing(FakeSwapper):
    """A swapper that several threads may use."""

    def __init__(self, at_once: int) -> None:
        self.frames_at_once = at_once


class Counting:
    """`fake_swap` that notes how many of it run at one time; the earlier of two frames is the slower."""

    def __init__(self, *, failing: Sequence[int] = ()) -> None:
        self.most, self._running, self._lock, self._failing = 0, 0, threading.Lock(), failing

    def __call__(self, frame: Any, cast: Sequence[Any], **more: Any) -> Any:
        with self._lock:
            self._running += 1
            self.most = max(self.most, self._running)
        time.sleep(0.05 if frame.number % 2 else 0.01)
        try:
            if frame.number in self._failing:
                raise InputError(f"frame {frame.number} does not please")
            return fake_swap(frame, cast, **more)
        finally:
            with self._lock:
                self._running -= 1


def tools_with(swapper: Any, swap: Counting) -> Any:
    def opened(shot: Any, *, kernels: Any = NUMPY, **_: Any) -> Engine:
        return Engine(id=shot.engine, swapper_for=lambda _: swapper, digests={"fake/x": "1"}, kernels=kernels)

    return tools(open_engine=opened, swap_frame=swap)


@pytest.mark.parametrize("says", [1, 3])
def test_as_many_as_the_swapper_says(tmp_path: Path, says: int) -> None:
    swapper, swap = Sharing(says), Counting()
    assert isinstance(swapper, SideBySide)
    render(make_shot(tmp_path), tools=tools_with(swapper, swap))
    assert swap.most == says


def test_bits_and_order_are_those_of_one_after_the_other(tmp_path: Path) -> None:
    swap = Counting()
    shot = make_shot(tmp_path)
    plain = shot.model_copy(update={"output": str(tmp_path / "plain" / "swap.####.exr")})
    told: list[int | None] = []
    render(
        shot,
        tools=tools_with(Sharing(4), swap),
        progress=lambda event: told.append(event.frame) if event.what == "frame" and event.stage == "render" else None,
    )
    render(plain, tools=tools_with(FakeSwapper(), Counting()))
    assert swap.most > 1
    assert told == list(ALL)
    assert digests_of(tmp_path / "out") == digests_of(tmp_path / "plain")


def test_a_frame_that_fails_beside_others_is_named_and_the_others_are_written(tmp_path: Path) -> None:
    with pytest.raises(FramesFailedError, match="frame 3 does not please") as failed:
        render(make_shot(tmp_path), tools=tools_with(Sharing(4), Counting(failing=[3])))
    assert [one.frame for one in failed.value.failures] == [3]
    assert sorted(digests_of(tmp_path / "out")) == [f"swap.{number:04d}.exr" for number in ALL if number != 3]
    assert rows_of(tmp_path / "out")[3]["error"]

"""Memory of a render does not grow with the shot; the stages of neighbouring frames run at once."""

from __future__ import annotations

import threading
import tracemalloc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.pipeline.shot_fakes import fake_swap, make_shot, render, tools, write_exr
from vfx_swap.io.picture import Picture
from vfx_swap.io.read import read_picture
from vfx_swap.io.write import write_picture
from vfx_swap.pipeline.render_frames import QUEUE_DEPTH

HEIGHT, WIDTH = 240, 320
PICTURE = HEIGHT * WIDTH * 3 * 2
"""Bytes, half."""
LONG = 48
"""Frames."""
HELD = 2 * QUEUE_DEPTH + 2
"""Pictures at most: read ahead, swapped, waiting to be written, written."""


def shot_of(folder: Path, *, frames: int) -> Any:
    """A shot of a plate large enough that its pictures outweigh all else."""
    plates = folder / "plates"
    plates.mkdir(parents=True)
    pixels = np.random.default_rng(1).uniform(0.0, 2.0, (HEIGHT, WIDTH, 3)).astype(np.float16)
    write_exr(plates / "plate.0001.exr", pixels)
    for number in range(2, frames + 1):
        (plates / f"plate.{number:04d}.exr").symlink_to(plates / "plate.0001.exr")
    return make_shot(folder)


def test_memory_is_flat_however_long_the_shot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures: weakref.WeakSet[Picture] = weakref.WeakSet()
    alive: list[int] = []
    held: list[int] = []

    def read(path: Path) -> Picture:
        picture = read_picture(path)
        pictures.add(picture)
        alive.append(len(pictures))
        return picture

    def swap(frame: Any, cast: Any, **more: Any) -> Any:
        if frame.number == 1:
            tracemalloc.start()
        held.append(tracemalloc.get_traced_memory()[0] - len(pictures) * PICTURE)
        return fake_swap(frame, cast, **more)

    monkeypatch.setattr("vfx_swap.io.plates.read_picture", read)
    shot = shot_of(tmp_path, frames=LONG)
    try:
        report = render(shot, tools=tools(swap_frame=swap))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(report.rendered) == LONG
    assert max(alive) <= HELD
    # A frame's own are its picture and what is written of it.
    assert most < 3 * HELD * PICTURE
    # Beside pictures, and the least of several frames: what is just being written differs, what stays does not.
    stays = min(held[-20:]) - min(held[4:24])
    assert stays < PICTURE / 2


def test_reading_swapping_and_writing_overlap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The swap of frame 2 does not end before frame 3 is being read and frame 1 is being written: run one after
    # another, the three would wait for each other until the barrier breaks.
    together = threading.Barrier(3)

    def meet() -> None:
        together.wait(timeout=30.0)

    def read(path: Path) -> Picture:
        if path.name == "plate.0003.exr" and threading.current_thread().name.startswith("vfx-swap-read"):
            meet()
        return read_picture(path)

    def swap(frame: Any, cast: Any, **more: Any) -> Any:
        if frame.number == 2:
            meet()
        return fake_swap(frame, cast, **more)

    def write(path: Path, *given: Any, **more: Any) -> Any:
        if path.name == "swap.0001.exr":
            meet()
        return write_picture(path, *given, **more)

    shot = make_shot(tmp_path)
    monkeypatch.setattr("vfx_swap.io.plates.read_picture", read)
    monkeypatch.setattr("vfx_swap.io.outputs.write_picture", write)
    report = render(shot, tools=tools(swap_frame=swap))
    assert len(report.rendered) == 6
    assert not together.broken

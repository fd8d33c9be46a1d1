"""Mattes of the user's own: which channel, what a sample means, windows, frames that are missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

from vfx_swap.errors import InputError, MissingInputError, UnreadableImageError, UnsupportedImageError, UsageError
from vfx_swap.io.mattes import open_mattes, read_matte
from vfx_swap.types import Window

WHOLE = Window(0, 0, 8, 6)


def write(
    path: Path,
    planes: dict[str, np.ndarray],
    *,
    form: str = "half",
    origin: tuple[int, int] = (0, 0),
    display: Window | None = None,
) -> Path:
    """One picture of named channels."""
    pixels = np.stack(list(planes.values()), axis=-1)
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], form)
    if path.suffix == ".exr":
        spec.channelnames = tuple(planes)
        spec.x, spec.y = origin
        shown = display or Window(*origin, pixels.shape[1], pixels.shape[0])
        spec.full_x, spec.full_y, spec.full_width, spec.full_height = shown.x, shown.y, shown.width, shown.height
    output: Any = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec)
    assert output.write_image(np.ascontiguousarray(pixels, np.float32))
    assert output.close()
    return path


def ramp(shape: tuple[int, int] = (6, 8)) -> np.ndarray:
    return np.linspace(0.0, 1.0, shape[0] * shape[1]).reshape(shape).astype(np.float32)


def test_the_channel_that_is_named_else_alpha_else_the_first(tmp_path: Path) -> None:
    planes = {"R": 0 * ramp(), "roto.mic.A": ramp(), "Z": 0 * ramp() + 9}
    several = write(tmp_path / "several.exr", planes)
    np.testing.assert_allclose(read_matte(several).coverage, ramp(), atol=1e-3)
    np.testing.assert_array_equal(read_matte(several, channel="R").coverage, 0 * ramp())
    np.testing.assert_array_equal(read_matte(several, channel="Z").coverage, np.ones((6, 8)))  # held to 0 to 1
    alone = write(tmp_path / "alone.exr", {"Y": ramp()})
    np.testing.assert_allclose(read_matte(alone).coverage, ramp(), atol=1e-3)
    with pytest.raises(UnsupportedImageError, match=r"no channel 'hand.A'") as caught:
        read_matte(several, channel="hand.A")
    assert "roto.mic.A" in str(caught.value.mend)


def test_integers_are_coverage_as_they_stand(tmp_path: Path) -> None:
    grey = write(tmp_path / "grey.png", {"Y": np.full((6, 8), 128 / 255, np.float32)}, form="uint8")
    np.testing.assert_allclose(read_matte(grey).coverage, 128 / 255, atol=1e-6)
    deep = write(tmp_path / "deep.tif", {"Y": ramp()}, form="uint16")
    np.testing.assert_allclose(read_matte(deep).coverage, ramp(), atol=1e-4)


def test_what_is_no_number_covers_nothing(tmp_path: Path) -> None:
    values = ramp()
    values[0, :4] = [np.nan, np.inf, -np.inf, -3.0]
    matte = read_matte(write(tmp_path / "a.exr", {"A": values}))
    np.testing.assert_array_equal(matte.coverage[0, :4], [0.0, 1.0, 0.0, 0.0])


def test_a_data_window_of_its_own_and_a_display_window_elsewhere(tmp_path: Path) -> None:
    shown = Window(10, 20, 8, 6)
    path = write(tmp_path / "a.exr", {"A": np.ones((3, 4), np.float32)}, origin=(13, 21), display=shown)
    matte = read_matte(path)
    laid = matte.laid(WHOLE, display=WHOLE)
    wanted = np.zeros((6, 8), np.float32)
    wanted[1:4, 3:7] = 1.0
    np.testing.assert_array_equal(laid, wanted)
    np.testing.assert_array_equal(matte.laid(Window(4, 2, 2, 9), display=WHOLE)[:3], [[1, 1], [1, 1], [0, 0]])
    assert not matte.laid(Window(-9, -9, 4, 4), display=WHOLE).any()
    with pytest.raises(InputError, match="8x6, the plate 16x12"):
        matte.laid(WHOLE, display=Window(0, 0, 16, 12))


def test_a_digest_is_of_what_is_seen(tmp_path: Path) -> None:
    one = read_matte(write(tmp_path / "a.exr", {"A": ramp()}, form="float"))
    same = read_matte(write(tmp_path / "b.exr", {"other": 0 * ramp(), "A": ramp()}, form="float"), channel="A")
    moved = read_matte(write(tmp_path / "c.exr", {"A": ramp()}, form="float", origin=(1, 0)))
    assert one.digest() == same.digest() != moved.digest()


@pytest.mark.parametrize(
    ("missing", "frame", "held"),
    [("hold", 1003, 1002), ("hold", 999, 1001), ("none", 1003, None), ("error", 1002, 1002)],
)
def test_frames_that_are_missing_follow_the_rule(tmp_path: Path, missing: Any, frame: int, held: int | None) -> None:
    for number in (1001, 1002):
        write(tmp_path / f"r.{number}.exr", {"A": np.full((6, 8), number / 2000, np.float32)})
    frames = open_mattes(tmp_path / "r.####.exr", missing=missing)
    matte = frames.read(frame)
    assert (None if matte is None else round(float(matte.coverage[0, 0]) * 2000)) == held
    assert frames.absent([1001, 1003]) == ((1003,) if missing == "error" else ())


def test_one_picture_holds_for_all_frames(tmp_path: Path) -> None:
    write(tmp_path / "garbage.exr", {"A": ramp()})
    frames = open_mattes(tmp_path / "garbage.exr")
    assert frames.absent(range(5)) == ()
    matte = frames.read(1234)
    assert matte is not None
    np.testing.assert_allclose(matte.coverage, ramp(), atol=1e-3)


def test_what_is_no_matte_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "r.0001.exr", {"A": ramp()})
    with pytest.raises(MissingInputError):
        open_mattes(tmp_path / "r.###.exr")
    with pytest.raises(MissingInputError):
        open_mattes(tmp_path / "gone.exr")
    with pytest.raises(UnsupportedImageError, match="movie"):
        open_mattes(tmp_path / "roto.mov")
    with pytest.raises(UsageError, match="black"):
        open_mattes(tmp_path / "r.####.exr", missing="black")  # type: ignore[arg-type]  # a word that mattes do not have
    with pytest.raises(MissingInputError):
        open_mattes(tmp_path / "r.####.exr").read(2)
    (tmp_path / "r.0003.exr").write_bytes(b"nothing")
    with pytest.raises(UnreadableImageError):
        open_mattes(tmp_path / "r.####.exr").read(3)

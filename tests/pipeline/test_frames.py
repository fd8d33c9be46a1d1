"""Between a plate's picture and a frame: linear plates pass untouched, others come back where the matte is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.pipeline.shot_fakes import write_plate, write_png
from vfx_swap.colour.ocio import load_config
from vfx_swap.errors import ColourSpaceError
from vfx_swap.io.read import read_picture
from vfx_swap.pipeline.frames import from_frame, to_frame

SRGB = "sRGB Encoded Rec.709 (sRGB)"


def test_a_scene_linear_plate_passes_through_bit_for_bit(tmp_path: Path) -> None:
    write_plate(tmp_path, [7])
    picture, config = read_picture(tmp_path / "plate.0007.exr"), load_config()
    frame = to_frame(picture, number=7, config=config, colour_space="ACEScg")
    assert (frame.number, frame.colour_space) == (7, "ACEScg")
    assert np.array_equal(frame.rgb.view(np.uint32), picture.rgb().view(np.uint32))
    back = from_frame(frame, matte=np.zeros(frame.rgb.shape[:2], np.float32), config=config, colour_space="ACEScg")
    assert back is frame.rgb


def test_an_encoded_plate_is_linear_in_the_frame_and_comes_back_under_the_matte(tmp_path: Path) -> None:
    values = np.random.default_rng(1).uniform(0.05, 0.95, (48, 64, 3)).astype(np.float32)
    write_png(tmp_path / "still.png", values)
    picture, config = read_picture(tmp_path / "still.png"), load_config()
    frame = to_frame(picture, number=1, config=config, colour_space=SRGB)
    assert config.is_scene_linear(frame.colour_space)
    grey = to_frame(picture, number=1, config=config, colour_space=SRGB).rgb.mean()
    assert grey < picture.rgb().mean()  # decoded: display 0.5 is about 0.21 of light
    matte = np.zeros((48, 64), np.float32)
    matte[10:20, 30:50] = 0.5
    back = from_frame(frame, matte=matte, config=config, colour_space=SRGB)
    # A code value of 8 bits is 0.0039: the way there and back must stay far below half of it.
    assert np.abs(back[10:20, 30:50] - picture.rgb()[10:20, 30:50]).max() < 1e-4
    assert not back[:10].any()


def test_an_unknown_colour_space_is_named(tmp_path: Path) -> None:
    write_plate(tmp_path, [1])
    with pytest.raises(ColourSpaceError, match="nonsense"):
        to_frame(read_picture(tmp_path / "plate.0001.exr"), number=1, config=load_config(), colour_space="nonsense")

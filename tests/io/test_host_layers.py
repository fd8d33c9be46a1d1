"""Results as hosts read them: the same samples under names that a compositor can choose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

from vfx_swap.errors import MissingInputError, UnsupportedImageError
from vfx_swap.io.host_layers import host_passes, write_host_layers
from vfx_swap.io.read import read_picture

CHANNELS = ("R", "G", "B", "matte.1.A", "matte.2.A", "patch.R", "patch.G", "patch.B", "patch.A", "regions.skin")


def result(path: Path, *, channels: tuple[str, ...] = CHANNELS, x: int = 0, y: int = 0, full: int = 4) -> np.ndarray:
    """A half EXR of 4 x 3 pixels of noise, at (x, y) of a square display window."""
    pixels = np.random.default_rng(1).uniform(0.0, 3.0, (3, 4, len(channels))).astype(np.float16)
    spec = oiio.ImageSpec(4, 3, len(channels), "half")
    spec.channelnames = channels
    spec.x, spec.y, spec.full_width, spec.full_height = x, y, full, full - 1
    spec.attribute("colorInteropID", "lin_ap1_scene")
    output: Any = oiio.ImageOutput.create("openexr")
    assert output.open(str(path), spec)
    assert output.write_image(pixels)
    assert output.close()
    return pixels


def test_every_layer_is_a_pass_with_the_same_samples(tmp_path: Path) -> None:
    pixels = result(tmp_path / "in.exr")
    passes = write_host_layers(tmp_path / "in.exr", tmp_path / "new" / "out.exr")
    assert set(passes) == {"Image", "Matte", "Matte 1", "Matte 2", "Patch", "skin"}
    part = read_picture(tmp_path / "new" / "out.exr", layer="vfx_swap.Image").rgb_part
    assert all(name.startswith("vfx_swap.") for name in part.channels)
    for index, name in enumerate(("Image.R", "Image.G", "Image.B", "Matte 1.V", "Matte 2.V")):
        np.testing.assert_array_equal(part.channel(f"vfx_swap.{name}"), pixels[..., index])
    np.testing.assert_array_equal(part.channel("vfx_swap.Patch.A"), pixels[..., 8])
    np.testing.assert_array_equal(part.channel("vfx_swap.skin.V"), pixels[..., 9])
    np.testing.assert_array_equal(part.channel("vfx_swap.Matte.V"), np.maximum(pixels[..., 3], pixels[..., 4]))
    assert (part.channel("vfx_swap.Image.A") == 1).all()
    assert part.spec.get_string_attribute("colorInteropID") == "lin_ap1_scene"


def test_the_data_window_is_laid_in_the_display_window(tmp_path: Path) -> None:
    pixels = result(tmp_path / "in.exr", x=-1, y=2, full=6)
    write_host_layers(tmp_path / "in.exr", tmp_path / "out.exr")
    part = read_picture(tmp_path / "out.exr", layer="vfx_swap.Image").rgb_part
    red = part.channel("vfx_swap.Image.R")
    assert red.shape == (5, 6)
    np.testing.assert_array_equal(red[2:5, 0:3], pixels[:, 1:, 0])
    assert not red[:2].any()
    assert not red[:, 3:].any()


def test_a_result_without_layers_is_an_image_alone(tmp_path: Path) -> None:
    result(tmp_path / "in.exr", channels=("R", "G", "B", "A"))
    assert write_host_layers(tmp_path / "in.exr", tmp_path / "out.exr") == ("Image",)


def test_channels_of_others_make_no_pass() -> None:
    assert host_passes(["R", "depth.Z", "matte.x.A", "patch.R"]) == {}


def test_what_is_no_exr_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError):
        write_host_layers(tmp_path / "none.exr", tmp_path / "out.exr")
    spec = oiio.ImageSpec(4, 3, 3, "uint8")
    output: Any = oiio.ImageOutput.create("png")
    assert output.open(str(tmp_path / "in.png"), spec)
    assert output.write_image(np.zeros((3, 4, 3), np.uint8))
    assert output.close()
    with pytest.raises(UnsupportedImageError, match="no layers"):
        write_host_layers(tmp_path / "in.png", tmp_path / "out.exr")
    assert not (tmp_path / "out.exr").exists()

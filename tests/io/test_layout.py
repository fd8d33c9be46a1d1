"""Where the colour is."""

from __future__ import annotations

import pytest

from vfx_swap.errors import UnsupportedImageError
from vfx_swap.io.layout import RgbLayout, find_rgb


@pytest.mark.parametrize(
    ("parts", "part", "rgb", "alpha"),
    [
        ([("", ["R", "G", "B", "A"])], 0, "R G B", "A"),
        ([("", ["B", "G", "R"])], 0, "R G B", None),
        ([("", ["r", "g", "b", "a"])], 0, "r g b", "a"),
        ([("", ["red", "green", "blue"])], 0, "red green blue", None),
        ([("", ["rgba.R", "rgba.G", "rgba.B", "rgba.A"])], 0, "rgba.R rgba.G rgba.B", "rgba.A"),
        ([("", ["spec.R", "spec.G", "spec.B", "beauty.R", "beauty.G", "beauty.B"])], 0,
         "beauty.R beauty.G beauty.B", None),
        ([("", ["N.R", "N.G", "N.B", "R", "G", "B"])], 0, "R G B", None),
        ([("depth", ["Z"]), ("main", ["R", "G", "B"])], 1, "R G B", None),
        ([("normals", ["R", "G", "B"]), ("beauty", ["R", "G", "B", "A"])], 1, "R G B", "A"),
        ([("", ["scene.Combined.R", "scene.Combined.G", "scene.Combined.B", "AO.R", "AO.G", "AO.B"])], 0,
         "scene.Combined.R scene.Combined.G scene.Combined.B", None),
        ([("", ["albedo.R", "albedo.G", "albedo.B"])], 0, "albedo.R albedo.G albedo.B", None),
        ([("", ["patch.R", "patch.G", "patch.B", "x.R", "x.G", "x.B"])], 0, "x.R x.G x.B", None),
    ],
)  # fmt: skip
def test_finds_colour(parts: list[tuple[str, list[str]]], part: int, rgb: str, alpha: str | None) -> None:
    red, green, blue = rgb.split()
    assert find_rgb(parts) == RgbLayout(part, (red, green, blue), alpha)


@pytest.mark.parametrize(
    "channels", [["Y"], ["Y", "A"], ["Z"], ["R", "G"], ["u", "v"], ["patch.R", "patch.G", "patch.B"], []]
)
def test_refuses_pictures_without_colour_by_the_names_they_have(channels: list[str]) -> None:
    with pytest.raises(UnsupportedImageError) as caught:
        find_rgb([("", channels)], where="p.exr")
    assert all(name in str(caught.value) for name in channels)
    assert "p.exr" in str(caught.value)


def test_takes_the_layer_or_part_that_is_asked_for() -> None:
    parts = [("a", ["R", "G", "B"]), ("b", ["R", "G", "B", "fill.R", "fill.G", "fill.B"])]
    assert find_rgb(parts, layer="b").part == 1
    assert find_rgb(parts, layer="fill").layer == "fill"
    with pytest.raises(UnsupportedImageError, match="'key'"):
        find_rgb(parts, layer="key")

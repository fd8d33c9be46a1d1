"""DPX, TIFF, PNG and JPEG, and from one format to another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.io.making import any_half, bits, half_exr, save, spec_of
from tests.io.test_write_exr import unchanged
from vfx_swap.errors import UnsupportedImageError
from vfx_swap.io.read import read_picture
from vfx_swap.io.write import write_picture


def noise(dtype: type[np.generic], channels: int = 3, *, depth: int | None = None) -> np.ndarray:
    """Every code of a type, or every code of `depth` bits spread over it."""
    random = np.random.default_rng(8)
    if np.dtype(dtype).kind == "f":
        return random.normal(size=(9, 11, channels)).astype(dtype)
    wide = np.dtype(dtype).itemsize * 8
    codes = random.integers(0, 1 << (depth or wide), (9, 11, channels)).astype(np.uint32)
    if depth and depth < wide:
        codes = ((codes << (wide - depth)) | (codes >> (2 * depth - wide))).astype(np.uint32)
    return codes.astype(dtype)


@pytest.mark.parametrize(
    ("name", "dtype", "depth", "channels"),
    [
        ("a.png", np.uint8, 8, 3), ("a.png", np.uint16, 16, 3), ("a.png", np.uint16, 16, 4),
        ("a.tif", np.uint8, 8, 3), ("a.tif", np.uint16, 16, 4), ("a.tif", np.float32, 32, 3),
        ("a.tif", np.float16, 16, 3), ("a.dpx", np.uint8, 8, 3), ("a.dpx", np.uint16, 10, 3),
        ("a.dpx", np.uint16, 12, 3), ("a.dpx", np.uint16, 16, 4),
    ],
)  # fmt: skip
def test_same_format_keeps_every_sample_and_its_depth(
    tmp_path: Path, name: str, dtype: type[np.generic], depth: int, channels: int
) -> None:
    pixels = noise(dtype, channels, depth=depth)
    attributes = {"oiio:BitsPerSample": depth, "oiio:UnassociatedAlpha": 1, "tiff:half": 1}
    plate = read_picture(save(tmp_path / name, (spec_of("RGBA"[:channels], pixels, attributes=attributes), pixels)))
    report, got = unchanged(tmp_path / f"o{Path(name).suffix}", plate)
    assert report.warnings == ()
    assert got.bits == depth
    for channel in plate.rgb_part.channels:
        ours, theirs = got.rgb_part.channel(channel), plate.rgb_part.channel(channel)
        assert ours.dtype == theirs.dtype
        assert np.array_equal(bits(ours), bits(theirs))


def test_ten_bit_colour_lands_on_ten_bit_levels(tmp_path: Path) -> None:
    pixels = noise(np.uint16, depth=10)
    plate = read_picture(
        save(tmp_path / "a.dpx", (spec_of("RGB", pixels, attributes={"oiio:BitsPerSample": 10}), pixels))
    )
    rgb = np.full((9, 11, 3), 0.3, np.float32)
    write_picture(tmp_path / "o.dpx", plate, rgb=rgb, matte=np.ones((9, 11), np.float32))
    code = round(0.3 * 1023)
    assert (read_picture(tmp_path / "o.dpx").native_rgb == (code << 6 | code >> 4)).all()


def test_colour_changes_under_the_matte_only(tmp_path: Path) -> None:
    for name in ("a.png", "a.tif", "a.dpx"):
        pixels = noise(np.uint16)
        plate = read_picture(save(tmp_path / name, (spec_of("RGB", pixels), pixels)))
        matte = np.zeros((9, 11), np.float32)
        matte[2:4, 5:8] = 1
        rgb = np.full((9, 11, 3), 1.0, np.float32)
        write_picture(tmp_path / f"o{name}", plate, rgb=rgb, matte=matte)
        got = read_picture(tmp_path / f"o{name}").native_rgb
        assert (got[matte > 0] == 65535).all()
        assert np.array_equal(got[matte == 0], pixels[matte == 0])


def test_jpeg_says_that_it_loses_and_stays_near(tmp_path: Path) -> None:
    y, x = np.mgrid[0:64, 0:64]
    pixels = np.stack([x * 4, y * 4, x + y], axis=-1).astype(np.uint8)
    plate = read_picture(save(tmp_path / "a.jpg", (spec_of("RGB", pixels), pixels)))
    report, got = unchanged(tmp_path / "o.jpg", plate)
    assert ["JPEG" in warning for warning in report.warnings] == [True]
    difference = got.native_rgb.astype(int) - plate.native_rgb.astype(int)
    assert np.abs(difference).max() <= 3


def test_lossy_tiff_compression_becomes_zip_by_name(tmp_path: Path) -> None:
    pixels = noise(np.uint8)
    plate = read_picture(save(tmp_path / "a.tif", (spec_of("RGB", pixels), pixels)))
    # OpenImageIO reads such files and writes none.
    plate.rgb_part.spec.attribute("compression", "jpeg")
    report, got = unchanged(tmp_path / "o.tif", plate)
    assert any("jpeg" in warning for warning in report.warnings)
    assert np.array_equal(got.native_rgb, plate.native_rgb)


@pytest.mark.parametrize("name", ["o.png", "o.jpg", "o.dpx"])
def test_float_light_does_not_go_into_integers(tmp_path: Path, name: str) -> None:
    plate = read_picture(half_exr(tmp_path / "p.exr"))
    with pytest.raises(UnsupportedImageError, match="clipped"):
        unchanged(tmp_path / name, plate)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["o.png", "o.tif", "o.dpx", "o.jpg"])
def test_layers_need_exr(tmp_path: Path, name: str) -> None:
    pixels = noise(np.uint8)
    plate = read_picture(save(tmp_path / "a.png", (spec_of("RGB", pixels), pixels)))
    with pytest.raises(UnsupportedImageError, match=r"matte\.1\.A"):
        unchanged(tmp_path / name, plate, layers={"matte.1.A": np.zeros((9, 11), np.float32)})


def test_exr_into_float_tiff_names_what_stays_behind(tmp_path: Path) -> None:
    pixels = any_half(6, 6, 5)
    plate = read_picture(save(tmp_path / "p.exr", (spec_of([*"RGBA", "Z"], pixels), pixels)))
    report, got = unchanged(tmp_path / "o.tif", plate)
    assert any("Z" in warning for warning in report.warnings)
    assert np.array_equal(got.rgb(), plate.rgb(), equal_nan=True)


@pytest.mark.parametrize(("dtype", "stored"), [(np.uint8, np.float16), (np.uint16, np.float32)])
def test_integers_into_exr_come_back(tmp_path: Path, dtype: type[np.generic], stored: type[np.generic]) -> None:
    pixels = noise(dtype)
    plate = read_picture(save(tmp_path / "a.png", (spec_of("RGB", pixels), pixels)))
    report, got = unchanged(tmp_path / "o.exr", plate, layers={"stmap.R": np.zeros((9, 11), np.float32)})
    assert any("encoded" in warning for warning in report.warnings)
    assert got.native_rgb.dtype == stored
    assert got.colour_hints.interop_id == plate.colour_hints.oiio_colour_space
    top = np.iinfo(dtype).max  # type: ignore[type-var]  # both are integers
    assert np.array_equal(np.rint(got.rgb().astype(np.float64) * top), pixels)


def test_sixteen_bits_into_jpeg_and_alpha_are_named(tmp_path: Path) -> None:
    pixels = noise(np.uint16, 4)
    attributes = {"oiio:UnassociatedAlpha": 1}
    plate = read_picture(save(tmp_path / "a.png", (spec_of("RGBA", pixels, attributes=attributes), pixels)))
    report, _ = unchanged(tmp_path / "o.jpg", plate)
    text = " ".join(report.warnings)
    assert "16 bits" in text
    assert "alpha" in text


def test_dpx_into_tiff_keeps_the_codes(tmp_path: Path) -> None:
    pixels = noise(np.uint16, depth=10)
    plate = read_picture(
        save(tmp_path / "a.dpx", (spec_of("RGB", pixels, attributes={"oiio:BitsPerSample": 10}), pixels))
    )
    _, got = unchanged(tmp_path / "o.tif", plate)
    assert np.array_equal(got.native_rgb, pixels)


def test_header_entries_a_format_does_not_take_are_named(tmp_path: Path) -> None:
    pixels = noise(np.uint8)
    plate = read_picture(save(tmp_path / "a.dpx", (spec_of("RGB", pixels), pixels)))
    report, _ = unchanged(tmp_path / "o.dpx", plate, header={"vfx_swap/render": "{}"})
    assert any("vfx_swap/render" in warning for warning in report.warnings)
    plate = read_picture(save(tmp_path / "a.png", (spec_of("RGB", pixels), pixels)))
    report, _ = unchanged(tmp_path / "o.png", plate, header={"vfx_swap/render": "{}"})
    assert report.warnings == ()


def test_metadata_that_a_format_does_not_keep_is_named(tmp_path: Path) -> None:
    pixels = noise(np.uint8)
    plate = read_picture(save(tmp_path / "a.dpx", (spec_of("RGB", pixels), pixels)))
    plate.rgb_part.spec.attribute("vendor/note", "kept by no DPX")
    report, _ = unchanged(tmp_path / "o.dpx", plate)
    assert any("vendor/note" in warning for warning in report.warnings)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_the_same_input_gives_the_same_file(tmp_path: Path, name: str) -> None:
    pixels = noise(np.uint8)
    plate = read_picture(save(tmp_path / name, (spec_of("RGB", pixels), pixels)))
    one, _ = unchanged(tmp_path / f"o1{Path(name).suffix}", plate)
    two, _ = unchanged(tmp_path / f"o2{Path(name).suffix}", plate)
    assert one.sha256 == two.sha256

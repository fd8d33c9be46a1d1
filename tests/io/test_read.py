"""Reading: what is there, in native bits, and every way a file can be bad."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

from tests.io.making import any_half, bits, half_exr, save, spec_of
from vfx_swap.errors import MissingInputError, UnreadableImageError, UnsupportedImageError
from vfx_swap.io.digests import file_sha256
from vfx_swap.io.read import read_picture, verify_picture
from vfx_swap.types import Window


def test_half_pixels_keep_every_bit_and_windows_are_told(tmp_path: Path) -> None:
    pixels = any_half(12, 16)
    path = half_exr(tmp_path / "p.exr", pixels, window=(-3, -2), display=(0, 0, 10, 8))
    picture = read_picture(path)
    assert np.array_equal(bits(picture.native_rgb), bits(pixels[..., :3]))
    assert picture.data_window == Window(-3, -2, 16, 12)
    assert picture.display_window == Window(0, 0, 10, 8)
    assert (picture.kind, picture.is_float, picture.bits) == ("float", True, 16)
    alpha = picture.alpha
    assert alpha is not None
    assert np.array_equal(alpha, pixels[..., 3].astype(np.float32), equal_nan=True)
    assert picture.rgb().dtype == np.float32
    assert np.array_equal(picture.rgb(), pixels[..., :3].astype(np.float32), equal_nan=True)


def test_mixed_types_in_one_part_are_read_without_conversion(tmp_path: Path) -> None:
    words = np.random.default_rng(2).random((6, 8, 5)).astype(np.float32)
    formats = ("half", "half", "half", "half", "float")
    picture = read_picture(
        save(tmp_path / "m.exr", (spec_of(["R", "G", "B", "A", "Z"], words, formats=formats), words))
    )
    part = picture.rgb_part
    assert [part.channel(name).dtype.name for name in part.channels] == ["float16"] * 4 + ["float32"]
    assert np.array_equal(part.channel("Z"), words[..., 4])
    assert np.array_equal(part.channel("G"), words[..., 1].astype(np.float16))


def test_every_part_is_read(tmp_path: Path) -> None:
    ids = np.arange(96, dtype=np.uint32).reshape(8, 12, 1) * 40_000_000
    colour = any_half(8, 12, 3)
    picture = read_picture(
        save(
            tmp_path / "p.exr",
            (spec_of(["id"], ids, attributes={"name": "ids"}), ids),
            (spec_of(["R", "G", "B"], colour, attributes={"name": "beauty"}), colour),
        )
    )
    assert [part.name for part in picture.parts] == ["ids", "beauty"]
    assert picture.layout.part == 1
    assert np.array_equal(picture.parts[0].channel("id"), ids[..., 0])


@pytest.mark.parametrize(
    ("name", "dtype", "stored"),
    [("a.png", np.uint8, 8), ("a.png", np.uint16, 16), ("a.tif", np.uint8, 8), ("a.tif", np.uint16, 16),
     ("a.dpx", np.uint8, 8), ("a.dpx", np.uint16, 10), ("a.dpx", np.uint16, 12), ("a.dpx", np.uint16, 16)],
)  # fmt: skip
def test_integers_are_scaled_to_one(tmp_path: Path, name: str, dtype: type[np.generic], stored: int) -> None:
    top = np.iinfo(dtype).max  # type: ignore[type-var]  # both are integers
    pixels = np.zeros((4, 6, 3), dtype)
    pixels[1], pixels[2] = top, top // 2
    path = save(tmp_path / name, (spec_of("RGB", pixels, attributes={"oiio:BitsPerSample": stored}), pixels))
    picture = read_picture(path)
    assert picture.kind == "integer"
    assert picture.bits == stored
    assert picture.native_rgb.dtype == dtype
    rgb = picture.rgb()
    assert (rgb[0].max(), rgb[1].min()) == (0.0, 1.0)
    assert rgb[2] == pytest.approx(0.5, abs=0.01)


def test_float_tiff_is_float(tmp_path: Path) -> None:
    pixels = np.full((4, 4, 3), 7.5, np.float32)
    picture = read_picture(save(tmp_path / "a.tif", (spec_of("RGB", pixels), pixels)))
    assert picture.is_float
    assert picture.rgb()[0, 0, 0] == 7.5


def test_straight_alpha_stays_straight(tmp_path: Path) -> None:
    pixels = np.full((4, 4, 4), 60000, np.uint16)
    pixels[..., 3] = 100
    for name in ("a.png", "a.tif"):
        path = save(tmp_path / name, (spec_of("RGBA", pixels, attributes={"oiio:UnassociatedAlpha": 1}), pixels))
        assert np.array_equal(read_picture(path).native_rgb, pixels[..., :3])


def test_the_content_decides_the_format(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    (tmp_path / "really.exr").write_bytes(save(tmp_path / "a.png", (spec_of("RGB", pixels), pixels)).read_bytes())
    assert read_picture(tmp_path / "really.exr").format == "png"


@pytest.mark.parametrize(
    "name", ["a?b=1.exr", "%s%n.exr", "line\nbreak.exr", "ü漢 b.exr", "-x.exr", "http:x.exr", "*.exr"]
)
def test_hostile_names_are_read(tmp_path: Path, name: str) -> None:
    assert read_picture(half_exr(tmp_path / name)).path.name == name


def test_colour_hints_are_the_parts_own(tmp_path: Path) -> None:
    depth, colour = np.zeros((4, 4, 1), np.float32), any_half(4, 4, 3)
    primaries = (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767)
    # OpenEXR wants chromaticities alike in all parts.
    shared = {"chromaticities": ("float[8]", primaries)}
    parts = (
        (spec_of(["Z"], depth, attributes={"name": "z", "colorInteropID": "lin_ap1_scene", **shared}), depth),
        (spec_of("RGB", colour, attributes={"name": "rgb", **shared}), colour),
    )
    hints = read_picture(save(tmp_path / "p.exr", *parts)).colour_hints
    assert hints.interop_id is None
    assert hints.oiio_colour_space is None
    assert hints.chromaticities == pytest.approx(primaries)
    tagged = half_exr(tmp_path / "t.exr", attributes={"colorInteropID": "lin_ap1_scene"})
    assert read_picture(tagged).colour_hints.interop_id == "lin_ap1_scene"


def _multi_part(path: Path) -> Path:
    first, second = any_half(64, 64, 3), any_half(64, 64, 3, seed=1)
    return save(
        path,
        (spec_of("RGB", first, attributes={"name": "rgb", "compression": "zips"}), first),
        (spec_of(["n.X", "n.Y", "n.Z"], second, attributes={"name": "n", "compression": "zips"}), second),
    )


@pytest.mark.parametrize("fraction", [0.0, 0.01, 0.3, 0.6, 0.9, 0.999])
@pytest.mark.parametrize("name", ["one.exr", "two.exr", "a.png", "a.tif", "a.jpg", "a.dpx"])
def test_a_file_cut_short_is_found(tmp_path: Path, name: str, fraction: float) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    if name == "two.exr":
        path = _multi_part(tmp_path / name)
    elif name == "one.exr":
        path = half_exr(tmp_path / name, any_half(64, 64, 3), attributes={"compression": "zips"})
    else:
        path = save(tmp_path / name, (spec_of("RGB", noise), noise))
    whole = path.read_bytes()
    read_picture(path)
    path.write_bytes(whole[: int(len(whole) * fraction)])
    with pytest.raises(UnreadableImageError) as caught:
        read_picture(path)
    assert name in str(caught.value)
    with pytest.raises(UnreadableImageError):
        verify_picture(path)


def test_a_second_part_cut_off_is_found_though_the_first_is_whole(tmp_path: Path) -> None:
    path = _multi_part(tmp_path / "p.exr")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - 40])
    source: Any = oiio.ImageInput.open(str(path))
    assert source.read_image(0, 0, 0, 3, oiio.HALF) is not None
    source.close()
    with pytest.raises(UnreadableImageError):
        read_picture(path)


def test_text_called_exr_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.exr"
    path.write_text("render failed: no licence")
    with pytest.raises(UnreadableImageError):
        read_picture(path)


def test_a_folder_a_dead_link_and_nothing(tmp_path: Path) -> None:
    (tmp_path / "d.exr").mkdir()
    (tmp_path / "l.exr").symlink_to(tmp_path / "gone.exr")
    with pytest.raises(UnreadableImageError, match="folder"):
        read_picture(tmp_path / "d.exr")
    with pytest.raises(MissingInputError, match="link"):
        read_picture(tmp_path / "l.exr")
    with pytest.raises(MissingInputError):
        read_picture(tmp_path / "no.exr")
    with pytest.raises(MissingInputError):
        read_picture(half_exr(tmp_path / "f.exr") / "x.exr")


def test_links_to_pictures_are_followed(tmp_path: Path) -> None:
    (tmp_path / "l.exr").symlink_to(half_exr(tmp_path / "f.exr"))
    assert read_picture(tmp_path / "l.exr").format == "openexr"


def test_names_that_only_openimageio_believes_in_are_refused(tmp_path: Path) -> None:
    # Its "null" reader makes a black picture of any file that ends in .null.
    path = tmp_path / "a.null"
    path.write_bytes(b"x")
    with pytest.raises((UnsupportedImageError, UnreadableImageError)):
        read_picture(path)


def test_pictures_of_other_types_are_refused_by_name(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    path = save(tmp_path / "a.gif", (spec_of("RGB", pixels), pixels))
    with pytest.raises(UnsupportedImageError, match="gif"):
        read_picture(path)


def test_deep_pictures_are_refused(tmp_path: Path) -> None:
    spec = oiio.ImageSpec(4, 4, 4, "half")
    spec.deep = True
    output: Any = oiio.ImageOutput.create("openexr")
    assert output.open(str(tmp_path / "deep.exr"), spec)
    deep = oiio.DeepData()
    deep.init(16, 4, (oiio.HALF,) * 4, ("R", "G", "B", "A"))
    assert output.write_deep_image(deep)
    assert output.close()
    with pytest.raises(UnsupportedImageError, match="deep"):
        read_picture(tmp_path / "deep.exr")


def test_mip_levels_are_refused(tmp_path: Path) -> None:
    pixels = np.random.default_rng(4).random((64, 64, 3)).astype(np.float16)
    path = half_exr(tmp_path / "p.exr", pixels)
    assert oiio.ImageBufAlgo.make_texture(oiio.MakeTxTexture, str(path), str(tmp_path / "mip.exr"))
    with pytest.raises(UnsupportedImageError, match="mip"):
        read_picture(tmp_path / "mip.exr")


def test_grey_and_integer_exr_colour_are_refused(tmp_path: Path) -> None:
    grey, ids = np.zeros((4, 4, 1), np.float16), np.zeros((4, 4, 3), np.uint32)
    with pytest.raises(UnsupportedImageError, match=r"\(Y\)"):
        read_picture(save(tmp_path / "y.exr", (spec_of("Y", grey), grey)))
    with pytest.raises(UnsupportedImageError, match="uint32"):
        read_picture(save(tmp_path / "u.exr", (spec_of("RGB", ids), ids)))


def test_a_second_view_is_named(tmp_path: Path) -> None:
    left, right = any_half(4, 4, 3), any_half(4, 4, 3, seed=1)
    parts = (
        (spec_of("RGB", left, attributes={"name": "rgb.left", "view": "left"}), left),
        (spec_of("RGB", right, attributes={"name": "rgb.right", "view": "right"}), right),
    )
    (warning,) = read_picture(save(tmp_path / "p.exr", *parts)).warnings
    assert "'left'" in warning
    assert "'right'" in warning


def test_digest_is_of_the_picture_not_of_its_compression(tmp_path: Path) -> None:
    pixels = any_half(8, 8)
    fixed = {"DateTime": "2026:01:01 00:00:00"}
    one, two = (
        read_picture(half_exr(tmp_path / f"{name}.exr", pixels, attributes={**fixed, "compression": name})).digest()
        for name in ("zip", "piz")
    )
    assert one == two
    other = pixels.copy()
    bits(other)[0, 0, 0] ^= 1
    changed = read_picture(half_exr(tmp_path / "o.exr", other.copy(), attributes={**fixed, "compression": "zip"}))
    moved = read_picture(half_exr(tmp_path / "w.exr", pixels, attributes=fixed, window=(1, 0)))
    said = read_picture(half_exr(tmp_path / "s.exr", pixels, attributes={**fixed, "shot": "b"}))
    assert len({one, changed.digest(), moved.digest(), said.digest()}) == 4


def test_verify_compares_digests(tmp_path: Path) -> None:
    path = half_exr(tmp_path / "p.exr")
    verify_picture(path, sha256=file_sha256(path))
    with pytest.raises(UnreadableImageError, match="digest"):
        verify_picture(path, sha256="0" * 64)
    with pytest.raises(MissingInputError):
        verify_picture(tmp_path / "no.exr", sha256="0" * 64)

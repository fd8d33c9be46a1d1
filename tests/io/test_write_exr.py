"""EXR in, EXR out: what survives, bit by bit and name by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

from tests.io.making import any_half, bits, half_exr, save, spec_of
from vfx_swap.errors import OutputError, UnsupportedImageError
from vfx_swap.io import write as write_module
from vfx_swap.io.digests import file_sha256
from vfx_swap.io.picture import Picture
from vfx_swap.io.read import read_picture
from vfx_swap.io.write import WriteReport, write_picture
from vfx_swap.types import Window

PRIMARIES = (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767)
HEADER: dict[str, Any] = {
    "chromaticities": ("float[8]", PRIMARIES),
    "smpte:TimeCode": ("timecode", (18088279, 0)),
    "smpte:KeyCode": ("keycode", (1, 2, 3, 4, 5, 4, 64)),
    "vendor/rate": ("rational", (24000, 1001)),
    "vendor/box": ("box2i", (0, 1, 30, 40)),
    "vendor/ünï": "línea\nnueva",
    "worldToCamera": ("matrix44f", tuple(float(n) for n in range(16))),
    "vendor/shot": "sq010_sh0020",
    "vendor/take": 7,
    "vendor/lens": 35.5,
    "vendor/list": ("string[2]", ("a", "b")),
    "vendor/vec": ("float[3]", (1.0, 2.0, 3.0)),
    "PixelAspectRatio": 2.0,
    "colorInteropID": "lin_ap1_scene",
    "DateTime": "2024:02:29 12:00:00",
    "openexr:lineOrder": "decreasingY",
}


def unchanged(path: Path, plate: Picture, **more: Any) -> tuple[WriteReport, Picture]:
    """Write the plate with an empty matte and colour that must not be seen."""
    window = plate.data_window
    rgb = np.full((window.height, window.width, 3), np.nan, np.float32)
    report = write_picture(path, plate, rgb=rgb, matte=np.zeros(rgb.shape[:2], np.float32), **more)
    return report, read_picture(path)


def assert_same_pixels(got: Picture, plate: Picture) -> None:
    for part, ours in zip(plate.parts, got.parts, strict=False):
        for name in part.channels:
            assert ours.channel(name).dtype == part.channel(name).dtype, name
            assert np.array_equal(bits(ours.channel(name)), bits(part.channel(name))), name


@pytest.mark.parametrize("compression", ["none", "rle", "zips", "zip", "piz", "pxr24", "htj2k32", "htj2k256"])
@pytest.mark.parametrize("tile", [0, 16])
def test_everything_survives(tmp_path: Path, compression: str, tile: int) -> None:
    path = half_exr(
        tmp_path / "p.exr", any_half(40, 50), attributes={**HEADER, "compression": compression}, tile=tile,
        window=(-8, -4), display=(0, 0, 32, 24),
    )  # fmt: skip
    plate = read_picture(path)
    report, got = unchanged(tmp_path / "o.exr", plate)
    assert report.warnings == ()
    assert report.sha256 == file_sha256(tmp_path / "o.exr")
    assert_same_pixels(got, plate)
    assert got.digest() == plate.digest()
    spec = got.rgb_part.spec
    assert spec.get_string_attribute("compression") == compression
    assert (spec.tile_width, spec.tile_height) == (tile, tile)
    assert (got.data_window, got.display_window) == (plate.data_window, plate.display_window)
    assert spec.getattribute("chromaticities") == pytest.approx(PRIMARIES)
    for name in HEADER.keys() - {"chromaticities"}:
        assert repr(spec.getattribute(name)) == repr(plate.rgb_part.spec.getattribute(name)), name


def test_colour_changes_under_the_matte_only(tmp_path: Path) -> None:
    pixels = any_half(20, 30)
    plate = read_picture(half_exr(tmp_path / "p.exr", pixels))
    rgb = np.full((20, 30, 3), 0.25, np.float32)
    matte = np.zeros((20, 30), np.float32)
    matte[5:9, 7:20] = 0.01
    write_picture(tmp_path / "o.exr", plate, rgb=rgb, matte=matte)
    got = read_picture(tmp_path / "o.exr")
    inside = matte > 0
    assert (got.native_rgb[inside] == 0.25).all()
    assert np.array_equal(bits(got.native_rgb)[~inside], bits(plate.native_rgb)[~inside])
    assert np.array_equal(bits(got.rgb_part.channel("A")), bits(pixels[..., 3]))


def test_the_same_input_gives_the_same_file(tmp_path: Path) -> None:
    # A header without a date must stay without one, or a re-render next year has other bits.
    plate = read_picture(half_exr(tmp_path / "p.exr", attributes={"DateTime": ""}))
    one, _ = unchanged(tmp_path / "a.exr", plate)
    _, got = unchanged(tmp_path / "b.exr", plate)
    assert got.rgb_part.spec.get_string_attribute("DateTime") == ""
    assert one.sha256 == file_sha256(tmp_path / "b.exr")


def test_all_parts_survive_and_tags_do_not_leak(tmp_path: Path) -> None:
    colour, depth, ids = any_half(10, 12), np.full((6, 5, 1), np.inf, np.float32), np.zeros((10, 12, 1), np.uint32)
    ids[3, 4] = 4_000_000_001
    plain = any_half(10, 12, 3, seed=5)
    parts = (
        (spec_of("RGBA", colour, attributes={"name": "rgba", "colorInteropID": "lin_ap1_scene"}), colour),
        (spec_of("Z", depth, attributes={"name": "depth", "colorInteropID": "data", "compression": "zips"},
                 window=(2, 3), display=(0, 0, 12, 10)), depth),
        (spec_of(["id"], ids, attributes={"name": "ids", "vendor/what": "objects"}), ids),
        (spec_of(["N.X", "N.Y", "N.Z"], plain, attributes={"name": "normals", "compression": "piz"}), plain),
    )  # fmt: skip
    plate = read_picture(save(tmp_path / "p.exr", *parts))
    report, got = unchanged(tmp_path / "o.exr", plate)
    assert report.warnings == ()
    assert_same_pixels(got, plate)
    specs = [part.spec for part in got.parts]
    assert [part.name for part in got.parts] == ["rgba", "depth", "ids", "normals"]
    assert [spec.get_string_attribute("colorInteropID") for spec in specs] == ["lin_ap1_scene", "data", "", ""]
    assert [spec.get_string_attribute("compression") for spec in specs] == ["zip", "zips", "zip", "piz"]
    assert specs[2].get_string_attribute("vendor/what") == "objects"
    assert got.parts[1].data_window == plate.parts[1].data_window


def test_colour_in_a_later_part_and_odd_names(tmp_path: Path) -> None:
    depth, colour = np.zeros((8, 8, 1), np.float32), any_half(8, 8, 3)
    parts = (
        (spec_of("Z", depth, attributes={"name": "z"}), depth),
        (spec_of(["beauty.r", "beauty.g", "beauty.b"], colour, attributes={"name": "b"}), colour),
    )
    plate = read_picture(save(tmp_path / "p.exr", *parts))
    rgb = np.ones((8, 8, 3), np.float32)
    matte = np.ones((8, 8), np.float32)
    write_picture(tmp_path / "o.exr", plate, rgb=rgb, matte=matte, layers={"matte.1.A": matte})
    got = read_picture(tmp_path / "o.exr")
    assert got.layout.rgb == ("beauty.r", "beauty.g", "beauty.b")
    assert (got.native_rgb == 1).all()
    assert got.parts[1].channels[-1] == "matte.1.A"


def test_half_beside_float_keeps_types_and_values(tmp_path: Path) -> None:
    words = np.random.default_rng(6).normal(size=(9, 7, 5)).astype(np.float32)
    words[0, 0] = (np.inf, -np.inf, np.nan, 0, np.inf)
    formats = ("half", "half", "half", "half", "float")
    plate = read_picture(save(tmp_path / "m.exr", (spec_of([*"RGBA", "Z"], words, formats=formats), words)))
    report, got = unchanged(tmp_path / "o.exr", plate)
    assert report.warnings == ()
    assert_same_pixels(got, plate)


def test_signalling_nan_beside_float_is_named(tmp_path: Path) -> None:
    words = np.zeros((4, 4, 4), np.float32)
    plate = read_picture(
        save(tmp_path / "m.exr", (spec_of([*"RGB", "Z"], words, formats=("half",) * 3 + ("float",)), words))
    )
    # OpenImageIO quiets them when it writes such a part, so the plate is given them afterwards.
    pixels = plate.parts[0].blocks[0].pixels.copy()
    pixels.view(np.uint16)[0, 0, 0] = 0x7C01
    object.__setattr__(plate.parts[0].blocks[0], "pixels", pixels)
    report, got = unchanged(tmp_path / "o.exr", plate)
    assert ["signalling" in warning for warning in report.warnings] == [True]
    assert np.isnan(got.native_rgb[0, 0, 0])


def test_integers_beside_half_move_to_a_part_that_keeps_their_bits(tmp_path: Path) -> None:
    words = np.zeros((4, 6, 4), np.float64)
    words[..., 3] = np.linspace(0, 1, 24).reshape(4, 6)
    plate = read_picture(
        save(tmp_path / "m.exr", (spec_of([*"RGB", "id"], words, formats=("half",) * 3 + ("uint",)), words))
    )
    report, got = unchanged(tmp_path / "o.exr", plate)
    assert ["id" in warning for warning in report.warnings] == [True]
    assert got.parts[1].name == "rgba.uint"
    assert np.array_equal(got.parts[1].channel("id"), plate.rgb_part.channel("id"))


@pytest.mark.parametrize("compression", ["dwaa", "dwab", "b44", "b44a"])
def test_lossy_compression_becomes_zip_by_name(tmp_path: Path, compression: str) -> None:
    smooth = np.linspace(0, 1, 64 * 64 * 3, dtype=np.float32).reshape(64, 64, 3).astype(np.float16)
    plate = read_picture(half_exr(tmp_path / "p.exr", smooth, attributes={"compression": compression}))
    report, got = unchanged(tmp_path / "o.exr", plate)
    assert [compression in warning for warning in report.warnings] == [True]
    assert got.rgb_part.spec.get_string_attribute("compression") == "zip"
    assert_same_pixels(got, plate)


def test_pxr24_keeps_half_but_not_float(tmp_path: Path) -> None:
    floats = np.random.default_rng(7).random((8, 8, 3)).astype(np.float32)
    spec = spec_of("RGB", floats, attributes={"compression": "pxr24"})
    report, got = unchanged(tmp_path / "o.exr", read_picture(save(tmp_path / "p.exr", (spec, floats))))
    assert ["pxr24" in warning for warning in report.warnings] == [True]
    assert got.rgb_part.spec.get_string_attribute("compression") == "zip"


def test_tiled_and_scanline_parts_together_are_levelled_by_name(tmp_path: Path) -> None:
    # No library here writes such a file, so the plate is put together from two.
    tiled = read_picture(half_exr(tmp_path / "t.exr", any_half(32, 32, 3), tile=16, attributes={"name": "a"}))
    flat = save(
        tmp_path / "z.exr",
        (spec_of("RGB", any_half(32, 32, 3)), any_half(32, 32, 3)),
    )
    object.__setattr__(tiled, "parts", (*tiled.parts, *read_picture(flat).parts))
    report, got = unchanged(tmp_path / "o.exr", tiled)
    assert any("scanline" in warning for warning in report.warnings)
    assert [part.spec.tile_width for part in got.parts] == [0, 0]


def test_layers(tmp_path: Path) -> None:
    plate = read_picture(half_exr(tmp_path / "p.exr", any_half(6, 8, 3), attributes=HEADER, window=(1, 2)))
    ramp = np.linspace(0, 1, 48, dtype=np.float32).reshape(6, 8)
    odd = np.full((6, 8), 0.1, np.float32)
    layers = {
        "matte.1.A": ramp, "matte.2.A": odd, "patch.R": ramp, "patch.G": ramp, "patch.B": ramp, "patch.A": ramp,
        "regions.hair": odd, "stmap.R": odd, "stmap.G": ramp, "CryptoFace00.R": odd, "CryptoFace01.R": ramp,
    }  # fmt: skip
    header = {"vfx_swap/render": '{"schema": "vfx_swap/render.1"}', "cryptomatte/abc/name": "CryptoFace"}
    report, got = unchanged(tmp_path / "o.exr", plate, layers=layers, header=header)
    assert report.warnings == ()
    assert_same_pixels(got, plate)
    assert got.layout == plate.layout
    parts = {part.name: part for part in got.parts}
    assert list(parts) == ["rgba", "stmap", "CryptoFace"]
    for name in ("matte.1.A", "matte.2.A", "patch.A", "regions.hair"):
        assert np.array_equal(got.rgb_part.channel(name), layers[name].astype(np.float16)), name
    for part, name in (("stmap", "stmap.R"), ("stmap", "stmap.G"), ("CryptoFace", "CryptoFace00.R")):
        assert np.array_equal(parts[part].channel(name), layers[name]), name
        assert parts[part].spec.get_string_attribute("colorInteropID") == "data"
        assert parts[part].data_window == plate.data_window
    assert got.rgb_part.spec.get_string_attribute("vfx_swap/render") == header["vfx_swap/render"]
    assert parts["CryptoFace"].spec.get_string_attribute("cryptomatte/abc/name") == "CryptoFace"


def test_a_single_part_plate_with_mattes_stays_single_part(tmp_path: Path) -> None:
    plate = read_picture(half_exr(tmp_path / "p.exr"))
    zeros = np.zeros((12, 16), np.float32)
    _, got = unchanged(tmp_path / "o.exr", plate, layers={"matte.1.A": zeros, "patch.R": zeros})
    assert len(got.parts) == 1


def test_an_earlier_result_as_plate_has_its_layers_replaced_by_name(tmp_path: Path) -> None:
    plate = read_picture(half_exr(tmp_path / "p.exr"))
    old, new = np.zeros((12, 16), np.float32), np.ones((12, 16), np.float32)
    _, once = unchanged(tmp_path / "o.exr", plate, layers={"matte.1.A": old, "stmap.R": old})
    report, twice = unchanged(tmp_path / "oo.exr", once, layers={"matte.1.A": new, "stmap.R": new})
    assert len(report.warnings) == 2
    assert [part.channels for part in twice.parts] == [part.channels for part in once.parts]
    assert (twice.rgb_part.channel("matte.1.A") == 1).all()
    assert (twice.parts[1].channel("stmap.R") == 1).all()


def test_a_tiled_plate_takes_data_layers(tmp_path: Path) -> None:
    plate = read_picture(half_exr(tmp_path / "p.exr", any_half(32, 32), tile=16))
    report, got = unchanged(tmp_path / "o.exr", plate, layers={"stmap.R": np.zeros((32, 32), np.float32)})
    assert report.warnings == ()
    assert [part.spec.tile_width for part in got.parts] == [16, 16]


def test_arrays_of_another_shape_are_a_mistake_of_the_caller(tmp_path: Path) -> None:
    plate = read_picture(half_exr(tmp_path / "p.exr"))
    rgb, matte = np.zeros((12, 16, 3), np.float32), np.zeros((12, 16), np.float32)
    for bad in ({"rgb": rgb[:5], "matte": matte}, {"rgb": rgb, "matte": matte[:, :3]},
                {"rgb": rgb, "matte": matte, "layers": {"matte.1.A": matte[:4]}}):  # fmt: skip
        with pytest.raises(ValueError, match="shape"):
            write_picture(tmp_path / "o.exr", plate, **bad)


@pytest.mark.parametrize("step", ["open", "write_image", "close"])
def test_every_call_that_fails_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    real = oiio.ImageOutput.create

    class Failing:
        """An output whose one step answers False, as OpenImageIO does on a full disk."""

        def __init__(self, name: str) -> None:
            self.inner = real(name)

        def __getattr__(self, name: str) -> Any:
            if name != step:
                return getattr(self.inner, name)

            return lambda *_: False

    class Factory:
        """Stands in for OpenImageIO's class."""

        create = staticmethod(Failing)

    plate = read_picture(half_exr(tmp_path / "p.exr"))
    monkeypatch.setattr(oiio, "ImageOutput", Factory)
    with pytest.raises(OutputError, match=step.partition("_")[0]):
        unchanged(tmp_path / "o.exr", plate)
    assert [path.name for path in tmp_path.iterdir()] == ["p.exr"]


def test_a_type_the_library_changed_in_silence_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_module, "fit_spec", lambda part: part.spec.set_format("float"))
    with pytest.raises(OutputError, match="was written as"):
        unchanged(tmp_path / "o.exr", read_picture(half_exr(tmp_path / "p.exr")))


def test_unknown_extensions_are_refused(tmp_path: Path) -> None:
    plate = read_picture(half_exr(tmp_path / "p.exr"))
    with pytest.raises(UnsupportedImageError, match=r"\.xyz"):
        unchanged(tmp_path / "o.xyz", plate)


@pytest.mark.parametrize("mixed", [False, True])
def test_a_window_is_the_whole_with_nothing_around_it(tmp_path: Path, mixed: bool) -> None:
    pixels = any_half(20, 30).astype(np.float32) if mixed else any_half(20, 30)
    more = {"formats": ["half", "half", "half", "float"]} if mixed else {}
    plate = read_picture(half_exr(tmp_path / "p.exr", pixels, window=(-8, 5), display=(0, 0, 32, 24), **more))
    random = np.random.default_rng(4)
    rgb, matte = random.uniform(0, 2, (20, 30, 3)).astype(np.float32), np.zeros((20, 30), np.float32)
    matte[5:9, 7:20] = random.uniform(0, 1, (4, 13))
    layers = {"matte.1.A": matte, "stmap.R": matte * 2}
    write_picture(tmp_path / "whole.exr", plate, rgb=rgb, matte=matte, layers=layers)
    at, window = (slice(4, 11), slice(6, 25)), Window(-2, 9, 19, 7)
    part = {name: values[at] for name, values in layers.items()}
    write_picture(tmp_path / "part.exr", plate, rgb=rgb[at], matte=matte[at], layers=part, window=window)
    assert (tmp_path / "part.exr").read_bytes() == (tmp_path / "whole.exr").read_bytes()
    nothing = {name: values[:0, :0] for name, values in layers.items()}
    write_picture(
        tmp_path / "none.exr", plate, rgb=rgb[:0, :0], matte=matte[:0, :0], layers=nothing, window=Window(-8, 5, 0, 0)
    )
    got = read_picture(tmp_path / "none.exr")
    assert np.array_equal(bits(got.native_rgb), bits(plate.native_rgb))
    assert not got.rgb_part.channel("matte.1.A").any()

"""OCIO configs: which is loaded, names, conversions, matrices, and errors that say what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vfx_swap.colour.ocio import BUILTIN_CONFIG, LINEAR_REC709, ColourConfig, load_config
from vfx_swap.errors import ColourSpaceError

OLD_CONFIG = "ocio://studio-config-v1.0.0_aces-v1.3_ocio-v2.1"
"""Knows no interop IDs: what a studio on an older OCIO has."""

SMALL_CONFIG = """\
ocio_profile_version: 2
roles:
  default: texture
  {roles}
displays:
  screen:
    - !<View> {{name: plain, colorspace: texture}}
colorspaces:
  - !<ColorSpace>
    name: house linear
    aliases: [ap0]
  - !<ColorSpace>
    name: texture
    to_scene_reference: !<ExponentTransform> {{value: [2.2, 2.2, 2.2, 1]}}
  - !<ColorSpace>
    name: half gain
    encoding: scene-linear
    from_scene_reference: !<MatrixTransform> {{matrix: [0.5, 0, 0, 0, 0, 0.5, 0, 0, 0, 0, 0.5, 0, 0, 0, 0, 1]}}
"""


@pytest.fixture(scope="module")
def config() -> ColourConfig:
    return load_config(environ={})


def small(tmp_path: Path, *, roles: str) -> ColourConfig:
    path = tmp_path / "config.ocio"
    path.write_text(SMALL_CONFIG.format(roles=roles))
    return load_config(path)


def noise(shape: tuple[int, ...] = (9, 14, 3)) -> np.ndarray:
    return np.random.default_rng(3).normal(0.3, 2.0, shape).astype(np.float32)


def test_the_builtin_config_is_pinned_by_full_name(config: ColourConfig) -> None:
    assert config.source == BUILTIN_CONFIG == "ocio://studio-config-v4.0.0_aces-v2.0_ocio-v2.5"
    assert load_config(environ={"OCIO": "  "}).source == BUILTIN_CONFIG


def test_the_users_config_wins_and_an_argument_wins_over_it(tmp_path: Path) -> None:
    path = tmp_path / "config.ocio"
    path.write_text(SMALL_CONFIG.format(roles="scene_linear: half gain"))
    assert load_config(environ={"OCIO": str(path)}).names() == ("house linear", "texture", "half gain")
    assert load_config(OLD_CONFIG, environ={"OCIO": str(path)}).source == OLD_CONFIG


def test_the_digest_is_the_configs(config: ColourConfig) -> None:
    assert config.digest == load_config(environ={}).digest
    assert config.digest != load_config(OLD_CONFIG).digest
    assert len(config.digest) == 64


@pytest.mark.parametrize("content", [None, "", "not: [a, config"])
def test_a_config_that_cannot_be_loaded(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "broken.ocio"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ColourSpaceError, match=r"named by \$OCIO") as caught:
        load_config(environ={"OCIO": str(path)})
    assert caught.value.where == str(path)
    assert caught.value.mend is not None
    assert "unset OCIO" in caught.value.mend


def test_names_aliases_and_roles(config: ColourConfig) -> None:
    assert (
        config.canonical("lin_ap1_scene") == config.canonical("scene_linear") == config.canonical("acescg") == "ACEScg"
    )
    assert config.canonical("sRGB - Texture") == config.canonical("srgb_rec709_scene")
    assert config.has("ACEScg")
    assert not config.has("ACEScgg")
    assert not config.has("")


@pytest.mark.parametrize(
    ("wrong", "near"), [("ACES CG", "ACEScg"), ("ACEScgg", "ACEScg"), ("lin_rec_709", "lin_rec709")]
)
def test_an_unknown_name_brings_near_ones(config: ColourConfig, wrong: str, near: str) -> None:
    with pytest.raises(ColourSpaceError) as caught:
        config.canonical(wrong)
    assert repr(wrong) in caught.value.what
    assert caught.value.mend is not None
    assert repr(near) in caught.value.mend


def test_a_name_like_none_says_where_to_look(config: ColourConfig) -> None:
    with pytest.raises(ColourSpaceError, match="doctor"):
        config.canonical("☃☃☃☃☃☃☃☃")


@pytest.mark.parametrize(
    ("name", "linear", "work"),
    [
        ("ACEScg", True, "ACEScg"),
        ("lin_rec709_scene", True, "Linear Rec.709 (sRGB)"),
        ("ACES2065-1", True, "ACES2065-1"),
        ("sRGB - Texture", False, "ACEScg"),
        ("ACEScct", False, "ACEScg"),
        ("Rec.1886 Rec.709 - Display", False, "ACEScg"),
        ("Raw", False, "ACEScg"),
    ],
)
def test_where_to_work(config: ColourConfig, name: str, linear: bool, work: str) -> None:
    assert config.is_scene_linear(name) is linear
    assert config.scene_linear_for(name) == work


def test_a_config_without_encodings_is_probed(tmp_path: Path) -> None:
    house = small(tmp_path, roles="scene_linear: half gain")
    assert house.is_scene_linear("house linear")
    assert not house.is_scene_linear("texture")
    assert house.scene_linear_for("texture") == "half gain"


def test_a_config_without_a_scene_linear_role(tmp_path: Path) -> None:
    house = small(tmp_path, roles="data: texture")
    assert house.scene_linear_for("half gain") == "half gain"
    with pytest.raises(ColourSpaceError, match="no scene_linear role"):
        house.scene_linear_for("texture")


def test_converting_to_the_same_space_keeps_bits_and_copies(config: ColourConfig) -> None:
    rgb = noise()
    rgb[0, 0] = (np.nan, np.inf, -np.inf)
    rgb[0, 1] = -0.0
    out = config.convert(rgb, source="ACEScg", destination="lin_ap1_scene")
    assert out.tobytes() == rgb.tobytes()
    assert not np.shares_memory(out, rgb)


@pytest.mark.parametrize("space", ["srgb_rec709_scene", "Camera Rec.709", "ACEScct", "ARRI LogC4"])
def test_integer_code_values_survive_the_way_to_scene_linear_and_back(config: ColourConfig, space: str) -> None:
    codes = np.arange(65536, dtype=np.uint32)
    rgb = np.repeat((codes / 65535.0).astype(np.float32), 3).reshape(256, 256, 3)
    work = config.scene_linear_for(space)
    back = config.convert(config.convert(rgb, source=space, destination=work), source=work, destination=space)
    bits = (
        65535.0 if space != "ARRI LogC4" else 1023.0
    )  # a 16-bit log code spans a stop in 4096 steps: float32 has fewer up there
    np.testing.assert_array_equal(np.rint(back * bits), np.rint(rgb * bits))


def test_the_input_is_left_alone(config: ColourConfig) -> None:
    rgb = noise()
    before = rgb.copy()
    rgb.setflags(write=False)
    config.convert(rgb, source="ACEScg", destination="srgb_rec709_scene")
    np.testing.assert_array_equal(rgb, before)


def test_a_view_into_a_larger_array_converts_like_its_copy(config: ColourConfig) -> None:
    rgb = noise((20, 30, 4))[2:12:2, ::3, :3]
    straight = config.convert(np.ascontiguousarray(rgb), source="ACEScg", destination="ACEScct")
    np.testing.assert_array_equal(config.convert(rgb, source="ACEScg", destination="ACEScct"), straight)


def test_matrix_agrees_with_convert(config: ColourConfig) -> None:
    rgb = noise()
    matrix = config.matrix(source="ACEScg", destination=LINEAR_REC709)
    # measured 3e-7
    np.testing.assert_allclose(
        rgb.astype(np.float64) @ matrix.T,
        config.convert(rgb, source="ACEScg", destination=LINEAR_REC709),
        rtol=1e-5,
        atol=2e-6,
    )
    # AP1 to Rec.709 with Bradford, as published with ACES (aces-dev), to its printed digits
    expected = [
        [1.7050510, -0.6217921, -0.0832589],
        [-0.1302564, 1.1408047, -0.0105483],
        [-0.0240034, -0.1289690, 1.1529723],
    ]
    np.testing.assert_allclose(matrix, expected, atol=2e-6)


def test_matrix_with_an_inverse_transform(tmp_path: Path) -> None:
    house = small(tmp_path, roles="scene_linear: half gain")
    np.testing.assert_allclose(house.matrix(source="house linear", destination="half gain"), np.eye(3) * 0.5)
    np.testing.assert_allclose(house.matrix(source="half gain", destination="house linear"), np.eye(3) * 2.0)


def test_there_is_no_matrix_to_an_encoded_space(config: ColourConfig) -> None:
    with pytest.raises(ColourSpaceError, match="no plain matrix"):
        config.matrix(source="ACEScg", destination="srgb_rec709_scene")


def test_an_older_config_serves_the_names_this_tool_needs(config: ColourConfig) -> None:
    old = load_config(OLD_CONFIG)
    assert old.canonical("lin_rec709_scene") == "Linear Rec.709 (sRGB)"
    np.testing.assert_allclose(
        old.matrix(source="ACEScg", destination=LINEAR_REC709),
        config.matrix(source="ACEScg", destination=LINEAR_REC709),
        atol=1e-6,
    )


def test_a_name_the_config_lacks_comes_through_its_interchange_role(tmp_path: Path, config: ColourConfig) -> None:
    house = small(tmp_path, roles="scene_linear: house linear\n  aces_interchange: house linear")
    np.testing.assert_allclose(
        house.matrix(source="house linear", destination=LINEAR_REC709),
        config.matrix(source="ACES2065-1", destination=LINEAR_REC709),
        atol=1e-6,
    )


def test_without_an_interchange_role_the_error_names_it(tmp_path: Path) -> None:
    house = small(tmp_path, roles="scene_linear: half gain")
    with pytest.raises(ColourSpaceError, match="aces_interchange"):
        house.matrix(source="half gain", destination=LINEAR_REC709)


def test_a_conversion_is_known_by_what_its_luts_hold(tmp_path: Path) -> None:
    text = """ocio_profile_version: 2
search_path: luts
roles: {default: raw, scene_linear: lin}
file_rules: [!<Rule> {name: Default, colorspace: default}]
colorspaces:
  - !<ColorSpace> {name: raw, isdata: true}
  - !<ColorSpace> {name: lin, encoding: scene-linear}
  - !<ColorSpace> {name: log, to_scene_reference: !<FileTransform> {src: log.spi1d}}
"""
    configs = []
    for folder, middle in (("one", 0.5), ("same", 0.5), ("other", 0.25)):
        luts = tmp_path / folder / "luts"
        luts.mkdir(parents=True)
        values = f"0.0\n{middle}\n1.0"
        (luts / "log.spi1d").write_text(f"Version 1\nFrom 0.0 1.0\nLength 3\nComponents 1\n{{\n{values}\n}}\n")
        (tmp_path / folder / "config.ocio").write_text(text)
        configs.append(load_config(tmp_path / folder / "config.ocio"))
    one, same, other = configs
    assert one.digest == other.digest
    known = [config.conversion_digest(source="log", destination="lin") for config in configs]
    assert known[0] == known[1] != known[2]
    assert known[0] != one.conversion_digest(source="lin", destination="log")
    with pytest.raises(ColourSpaceError):
        same.conversion_digest(source="log", destination="nothing")

"""Who decides a plate's colour space: user, then header, then the kind of file."""

from __future__ import annotations

import numpy as np
import pytest

from vfx_swap.colour.decide import _PRIMARIES, PlateKind, decide_colour_space
from vfx_swap.colour.ocio import ColourConfig, load_config
from vfx_swap.errors import ColourSpaceError
from vfx_swap.types import ColourHints

AP1 = (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767)
REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
LINEAR_REC709, SRGB, VIDEO = "Linear Rec.709 (sRGB)", "sRGB Encoded Rec.709 (sRGB)", "Camera Rec.709"


@pytest.fixture(scope="module")
def config() -> ColourConfig:
    return load_config(environ={})


@pytest.mark.parametrize(
    ("kind", "hints", "name", "by", "warnings"),
    [
        pytest.param(
            "float", ColourHints(), LINEAR_REC709, "kind", 1, id="a float file that says nothing is warned about"
        ),
        pytest.param("integer", ColourHints(), SRGB, "kind", 0, id="an integer still is sRGB"),
        pytest.param("movie", ColourHints(), VIDEO, "kind", 0, id="a movie is Rec.709 video"),
        pytest.param("float", ColourHints(interop_id="lin_ap1_scene"), "ACEScg", "header", 0, id="interop id"),
        pytest.param(
            "float", ColourHints(interop_id="srgb_rec709_scene"), SRGB, "header", 0, id="an encoded float file"
        ),
        pytest.param(
            "float",
            ColourHints(interop_id="lin_ap0_scene", chromaticities=AP1),
            "ACES2065-1",
            "header",
            0,
            id="interop id before chromaticities",
        ),
        pytest.param(
            "float",
            ColourHints(interop_id="unknown", chromaticities=AP1),
            "ACEScg",
            "header",
            0,
            id="an interop id that says unknown",
        ),
        pytest.param("float", ColourHints(interop_id="data"), LINEAR_REC709, "kind", 1, id="marked data"),
        pytest.param(
            "float",
            ColourHints(interop_id="studio:secret", chromaticities=AP1),
            "ACEScg",
            "header",
            1,
            id="an interop id nobody knows",
        ),
        pytest.param("float", ColourHints(chromaticities=AP1), "ACEScg", "header", 0, id="chromaticities of AP1"),
        pytest.param(
            "float", ColourHints(chromaticities=REC709), LINEAR_REC709, "header", 0, id="of Rec.709: said, no warning"
        ),
        pytest.param(
            "float",
            ColourHints(chromaticities=tuple(float(np.float32(v)) for v in AP1)),
            "ACEScg",
            "header",
            0,
            id="chromaticities rounded to float32",
        ),
        pytest.param(
            "float",
            ColourHints(chromaticities=(0.7, 0.3, 0.2, 0.7, 0.1, 0.1, 0.3, 0.3)),
            LINEAR_REC709,
            "kind",
            2,
            id="chromaticities of no space known",
        ),
        pytest.param(
            "integer",
            ColourHints(chromaticities=AP1),
            SRGB,
            "kind",
            0,
            id="primaries say nothing of an integer's curve",
        ),
        pytest.param(
            "float",
            ColourHints(oiio_colour_space="lin_rec709_scene"),
            LINEAR_REC709,
            "kind",
            1,
            id="the reader's default is not the file's word",
        ),
        pytest.param(
            "integer", ColourHints(oiio_colour_space="srgb_rec709_scene"), SRGB, "kind", 0, id="nor for integers"
        ),
        pytest.param(
            "integer",
            ColourHints(oiio_colour_space="g22_rec709_scene"),
            "Gamma 2.2 Encoded Rec.709",
            "header",
            0,
            id="a PNG with its own gamma",
        ),
        pytest.param("integer", ColourHints(oiio_colour_space="Rec709"), VIDEO, "header", 0, id="a DPX marked Rec.709"),
        pytest.param(
            "integer",
            ColourHints(oiio_colour_space="lin_rec709_scene"),
            LINEAR_REC709,
            "header",
            0,
            id="a DPX marked linear",
        ),
        pytest.param("integer", ColourHints(oiio_colour_space="KodakLog"), SRGB, "kind", 1, id="a DPX marked log"),
        pytest.param(
            "movie", ColourHints(movie_primaries="bt709", movie_transfer="bt709"), VIDEO, "header", 0, id="tagged 709"
        ),
        pytest.param(
            "movie", ColourHints(movie_primaries="smpte170m", movie_transfer="smpte170m"), VIDEO, "header", 0, id="SD"
        ),
        pytest.param(
            "movie", ColourHints(movie_primaries="bt709", movie_transfer="iec61966-2-1"), SRGB, "header", 0, id="sRGB"
        ),
        pytest.param(
            "movie",
            ColourHints(movie_primaries="bt2020", movie_transfer="smpte2084"),
            "Rec.2100-PQ - Display",
            "header",
            1,
            id="PQ, with a warning",
        ),
        pytest.param(
            "movie",
            ColourHints(movie_primaries="bt2020", movie_transfer="bt709"),
            VIDEO,
            "kind",
            1,
            id="a pair without a space",
        ),
        pytest.param(
            "movie", ColourHints(movie_primaries="reserved", movie_transfer="unknown"), VIDEO, "kind", 0, id="no tag"
        ),
    ],
)
def test_rules(config: ColourConfig, kind: PlateKind, hints: ColourHints, name: str, by: str, warnings: int) -> None:
    decision = decide_colour_space(config, user=None, hints=hints, kind=kind)
    assert (decision.name, decision.decided_by, len(decision.warnings)) == (name, by, warnings)


def test_the_user_wins_over_everything(config: ColourConfig) -> None:
    hints = ColourHints(interop_id="lin_ap1_scene", chromaticities=AP1)
    decision = decide_colour_space(config, user="srgb_texture", hints=hints, kind="float")
    assert (decision.name, decision.decided_by, decision.warnings) == (SRGB, "user", ())


def test_a_user_setting_that_does_not_exist(config: ColourConfig) -> None:
    with pytest.raises(ColourSpaceError, match="'ACEScg'"):
        decide_colour_space(config, user="ACESgc", hints=ColourHints(), kind="float")


def test_warnings_carry_the_values(config: ColourConfig) -> None:
    hints = ColourHints(chromaticities=(0.7, 0.3, 0.2, 0.7, 0.1, 0.1, 0.3, 0.3))
    first, second = decide_colour_space(config, user=None, hints=hints, kind="float").warnings
    assert "0.7 0.3 0.2 0.7 0.1 0.1 0.3 0.3" in first
    assert LINEAR_REC709 in second
    assert "colour_space" in second


@pytest.mark.parametrize("tags", [("bt470m", "bt709"), ("bt709", "gamma28"), ("smpte432", "bt709")])
def test_a_movie_tag_without_a_space_is_warned_about_by_name(config: ColourConfig, tags: tuple[str, str]) -> None:
    hints = ColourHints(movie_primaries=tags[0], movie_transfer=tags[1])
    decision = decide_colour_space(config, user=None, hints=hints, kind="movie")
    assert (decision.name, decision.decided_by) == (VIDEO, "kind")
    (warning,) = decision.warnings
    assert "Rec.709 video" in warning
    assert any(word in warning for word in ("bt470m", "gamma28", "p3 primaries"))


@pytest.mark.parametrize("ocio", ["studio-config-v1.0.0_aces-v1.3_ocio-v2.1", "cg-config-v4.0.0_aces-v2.0_ocio-v2.5"])
@pytest.mark.parametrize("kind", ["float", "integer", "movie"])
def test_the_rules_by_kind_work_with_other_configs(ocio: str, kind: PlateKind) -> None:
    other = load_config(f"ocio://{ocio}")
    name = decide_colour_space(other, user=None, hints=ColourHints(), kind=kind).name
    assert other.has(name)
    other.convert(np.full((2, 2, 3), 0.4, dtype=np.float32), source=name, destination=other.scene_linear_for(name))


def to_xyz(points: tuple[float, ...]) -> np.ndarray:
    """RGB to CIE XYZ from chromaticities, SMPTE RP 177-1993."""
    xy = np.array(points).reshape(4, 2)
    columns = np.stack([xy[:, 0] / xy[:, 1], np.ones(4), (1.0 - xy.sum(axis=1)) / xy[:, 1]])
    matrix: np.ndarray = columns[:, :3] * np.linalg.solve(columns[:, :3], columns[:, 3])
    return matrix


CONES = {
    "bradford": np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]),
    "cat02": np.array([[0.7328, 0.4296, -0.1624], [-0.7036, 1.6975, 0.0061], [0.0030, 0.0136, 0.9834]]),
}


@pytest.mark.parametrize(("name", "points"), _PRIMARIES, ids=[name for name, _ in _PRIMARIES])
def test_the_primaries_are_those_of_the_config(config: ColourConfig, name: str, points: tuple[float, ...]) -> None:
    """The matrix worked out from our chromaticities is the config's own, by one of the two usual adaptations."""
    there = config.matrix(source=name, destination="lin_ap0_scene")
    ap0 = to_xyz((0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767))
    ours = to_xyz(points)
    errors = []
    for cones in CONES.values():
        ratio = (cones @ ap0.sum(axis=1)) / (cones @ ours.sum(axis=1))
        adapted = np.linalg.inv(cones) @ np.diag(ratio) @ cones @ ours
        errors.append(float(np.abs(np.linalg.inv(ap0) @ adapted - there).max()))
    # measured at most 4e-4 (whites of four digits)
    assert min(errors) < 1e-3

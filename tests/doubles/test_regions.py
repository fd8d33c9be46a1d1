"""True regions of doubles: what skin is divided into, and what Blender's passes become."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from scripts.digital_doubles.cast import person
from scripts.digital_doubles.crowd import crowd_stage, worn_by
from scripts.digital_doubles.figure import Figure
from scripts.digital_doubles.job import Job
from scripts.digital_doubles.mesh import FloatArray
from scripts.digital_doubles.paint import AXIS, brow_point, hairline
from scripts.digital_doubles.regions import PASSES, SKIN, region_layers, skin_regions
from scripts.digital_doubles.shots import Options
from tests.doubles.venv import region
from vfx_swap.models.parsing.regions import REGIONS


def _at(found: Mapping[str, FloatArray], x: float, y: float) -> str:
    """Region of the skin nearest to a place in front of the face."""
    rest = region().skin(region().anatomy.vertices)
    off = (rest[:, 0] - x) ** 2 + (rest[:, 1] - y) ** 2 + (0.1 * (rest[:, 2] - 0.05)) ** 2
    return max(found, key=lambda name: float(found[name][int(off.argmin())]))


def test_skin_is_divided_whole_and_left_is_the_pictures() -> None:
    found = skin_regions(region=region(), person=person("ben"))
    assert set(found) == set(SKIN)
    assert np.allclose(sum(found.values()), 1.0)
    assert min(values.min() for values in found.values()) >= 0.0
    assert _at(found, 0.0, -0.035) == "nose"
    assert _at(found, 0.045, -0.04) == _at(found, 0.0, 0.04) == "skin"
    assert (_at(found, 0.0, -0.063), _at(found, 0.0, -0.072)) == ("u_lip", "l_lip")
    assert _at(found, 0.0, -0.16) == "neck"
    rest = region().skin(region().anatomy.vertices)
    for side in ("brow", "ear"):
        left, right = (rest[found[f"{which}_{side}"] > 0.5, 0] for which in ("l", "r"))
        assert len(left) > 30
        assert left.max() < 0.0 < right.min()


def test_brows_are_where_they_are_painted_and_hair_begins_at_its_line() -> None:
    rest = region().skin(region().anatomy.vertices)
    angle = np.arctan2(rest[:, 0], rest[:, 2] - AXIS)
    over = rest[:, 1] - hairline(angle)
    for name in ("ben", "fay"):
        found = skin_regions(region=region(), person=person(name))
        middle, y = brow_point(person(name), 0.5, 0.0)
        near = np.argmin((np.abs(angle - middle) * 0.09) ** 2 + (rest[:, 1] - y) ** 2)
        assert found["r_brow"][near] == 1.0 or found["l_brow"][near] == 1.0
        assert found["hair"][over < -0.003].max() == 0.0
        taken = sum(found[other] for other in ("l_ear", "r_ear", "mouth", "nose"))
        assert found["hair"][(over > 0.003) & (taken == 0.0)].min() == 1.0


def test_the_chin_ends_where_it_turns_under() -> None:
    rest = region().skin(region().anatomy.vertices)
    found = skin_regions(region=region(), person=person("ben"))
    throat = (np.abs(rest[:, 0]) < 0.01) & (rest[:, 1] < -0.10) & (np.abs(rest[:, 2] + 0.01) < 0.01)
    chin = (np.abs(rest[:, 0]) < 0.01) & (np.abs(rest[:, 1] + 0.095) < 0.005) & (rest[:, 2] > 0.015)
    assert found["neck"][throat].min() > 0.9
    assert found["skin"][chin].min() > 0.9


def test_passes_become_layers_that_sum_to_one() -> None:
    passes = {f"ViewLayer.{name}.X": np.zeros((2, 2), np.float32) for name in PASSES}
    passes["ViewLayer.region-skin.X"][:] = [[1.0, 0.5], [0.75, 0.0]]
    passes["ViewLayer.region-hair.X"][:] = [[0.0, 0.25], [0.75, 0.0]]
    names, layers = region_layers(passes)
    assert names == [f"regions.{name}" for name in REGIONS]
    assert np.allclose(layers.sum(-1), 1.0)
    told = {name: layers[..., index] for index, name in enumerate(REGIONS)}
    assert told["skin"].tolist() == [[1.0, 0.5], [0.5, 0.0]]
    assert told["background"].tolist() == [[0.0, 0.25], [0.0, 1.0]]


def test_regions_are_told_to_blender_only_where_they_are_asked_for(tmp_path: Path) -> None:
    def job_of(options: Options) -> tuple[str, Job]:
        made = crowd_stage(region=region(), name="crowd05", options=options).job(tmp_path)
        return made.picture(name="plate-1", time=0.0, worn=False), made

    (plain, without), (other, told) = job_of(Options(scale=0.1)), job_of(Options(scale=0.1, regions=True))
    assert plain != other
    assert plain == job_of(Options(scale=0.1))[0]
    skins = [one.materials["a0-skin"]["mattes"] for one in (without, told)]
    assert [len([name for name in skin if name.startswith("region-")]) for skin in skins] == [0, len(SKIN)]
    things = {thing["name"]: thing for thing in told.things}
    assert told.materials["a0-eye"]["mattes"]["region-r_eye"] in things["a0-l-eye"]["attributes"]
    assert told.materials["a0-eye"]["mattes"]["region-r_eye"] not in things["a0-r-eye"]["attributes"]


def test_a_dressed_crowd_wears_what_its_seeds_say() -> None:
    def parts(name: str) -> set[str]:
        return {thing.part for thing in worn_by(Figure(region=region(), person=person(name)))}

    assert parts("crowd01") == set()
    assert parts("crowd05") == {"hair", "spectacles", "other"}
    assert parts("crowd12") == {"hair", "cap"}

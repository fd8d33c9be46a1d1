"""`scripts/bench regions`: counting, and that each parser is judged by its own answer within the crop."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

from scripts.benchmarks import regions as bench
from tests.pipeline.shot_fakes import EMBEDDING, face_at
from vfx_swap.colour.ocio import load_config
from vfx_swap.models.parsing.regions import REGIONS, region_index
from vfx_swap.pipeline.regions import Parsing
from vfx_swap.pipeline.tracks_file import Tracks
from vfx_swap.types import Face, Track, Warp

SIDE = 40
HAIR, SKIN = region_index("hair"), region_index("skin")


def test_unions_are_of_all_pixels_and_the_mean_of_what_the_truth_shows() -> None:
    truth = np.array([[HAIR, HAIR, SKIN, 0]])
    found = np.array([[HAIR, SKIN, SKIN, region_index("hat")]])
    counts = bench.confusion(truth, found)
    assert counts.sum() == 4
    assert counts[HAIR, SKIN] == 1
    assert bench.ious(counts) == {"background": 0.0, "skin": 0.5, "hair": 0.5, "mean": 0.333}
    assert bench.ious(bench.confusion([], [])) == {}


class _Says:
    """A parser that takes every pixel of its crop for one region."""

    def __init__(self, region: int) -> None:
        self.id, self._region = "says", region

    def warp_for(self, _face: Face, /) -> Warp:
        """The left three quarters of the still."""
        return Warp(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), 30, SIDE)

    def parse(self, _image: Any, _points: Any, /, *, hidden: Mapping[str, Any] | None = None) -> np.ndarray:
        """All of one region."""
        del hidden
        alphas = np.zeros((len(REGIONS), SIDE, 30), np.float32)
        alphas[self._region] = 1.0
        return alphas


def _still(path: Path) -> None:
    """Hair in the left half, skin in the right."""
    pixels = np.zeros((SIDE, SIDE, 3 + len(REGIONS)), np.float16)
    pixels[..., :3] = 0.2
    pixels[:, : SIDE // 2, 3 + HAIR] = 1.0
    pixels[:, SIDE // 2 :, 3 + SKIN] = 1.0
    for file, count in ((path, 3), (path.parent / "regions" / path.name, pixels.shape[2])):
        file.parent.mkdir(parents=True, exist_ok=True)
        spec = oiio.ImageSpec(SIDE, SIDE, count, "half")
        spec.channelnames = tuple(["R", "G", "B", *(f"regions.{name}" for name in REGIONS)][:count])
        output: Any = oiio.ImageOutput.create("openexr")
        assert output.open(str(file), spec)
        assert output.write_image(np.ascontiguousarray(pixels[..., :count]))
        assert output.close()


def test_each_parser_is_judged_within_the_crop_and_stills_without_a_face_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stills = [tmp_path / "a" / "still000.exr", tmp_path / "a" / "still001.exr"]
    for still in stills:
        _still(still)

    def analyse(plate: Any, **_: Any) -> Tracks:
        number = plate.frames[0]
        seen = "still000" in str(plate.plate.path(number))
        faces = {number: face_at(number, 15.0, 20.0)}
        return Tracks(tracks=(Track(1, faces, EMBEDDING),) if seen else (), frames=plate.shot_frames, failures=())

    def open_default(_engine: None, *, tracks: tuple[Track, ...]) -> Parsing:
        return Parsing(parser=_Says(SKIN), tracks=tracks)

    monkeypatch.setattr(bench, "analyse_plate", analyse)
    monkeypatch.setattr(bench, "open_parsing", open_default)
    trained: Any = _Says(HAIR)
    models: Any = None
    judged = bench.judge(stills, trained=trained, models=models, config=load_config())
    assert (judged.stills, judged.unseen) == (1, ["a/still001.exr"])
    assert judged.counts["trained"].sum() == 30 * SIDE
    assert bench.ious(judged.counts["trained"])["hair"] == pytest.approx(20 / 30, abs=0.03)
    assert bench.ious(judged.counts["default"])["skin"] == pytest.approx(10 / 30, abs=0.03)
    assert judged.rows[0].shape == (4 * SIDE, 30, 3)

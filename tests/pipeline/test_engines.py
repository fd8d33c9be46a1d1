"""Engines by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.models import faces
from tests.pipeline.shot_fakes import make_shot
from vfx_swap.colour.ocio import LINEAR_REC709, load_config
from vfx_swap.errors import ModelMissingError, UsageError
from vfx_swap.geometry.warps import cut_crop
from vfx_swap.models.kernels import NUMPY
from vfx_swap.pipeline.engines import open_engine, texture_builder
from vfx_swap.pipeline.shot_tracks import default_digests
from vfx_swap.types import Window


def test_the_default_engine_makes_a_swapper_for_each_casting(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    engine = open_engine(shot, config=load_config())
    assert engine.id == "reprojection"
    assert list(engine.digests) == ["mediapipe-facemesh/face_landmarker.task"]
    assert engine.swapper_for(shot.cast[0]).id == "reprojection"
    assert engine.kernels is NUMPY


def test_an_engine_works_on_the_device_it_is_opened_for(tmp_path: Path) -> None:
    asked: list[int] = []

    def rasterise(*mesh: Any, **size: int) -> Any:
        asked.append(size["height"])
        return NUMPY.rasterise(*mesh, **size)

    shot, sitter = make_shot(tmp_path), faces.collins()
    engine = open_engine(shot, config=load_config(), kernels=replace(NUMPY, rasterise=rasterise))
    swapper = engine.swapper_for(shot.cast[0])
    identity = faces.identity_of(sitter, texture_builder()([sitter.reference]))
    warp = swapper.warp_for(sitter.face())
    crop = cut_crop(sitter.rgb, data_window=Window(0, 0, 512, 512), warp=warp, colour_space=LINEAR_REC709)
    swapper.swap(crop, sitter.face(), swapper.prepare(identity, colour_space=LINEAR_REC709))
    assert asked == [warp.height]


def test_an_engine_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="simswap-224"):
        open_engine(make_shot(tmp_path, engine="simswap-224"), config=load_config())


def test_a_mesh_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vfx_swap.models.weights._find_in_package", lambda file: None)
    with pytest.raises(ModelMissingError, match="face_landmarker"):
        texture_builder()


def test_digests_of_the_default_models_are_known_without_loading_them() -> None:
    from vfx_swap.models.default import load_face_models

    with load_face_models() as models:
        assert default_digests() == models.digests

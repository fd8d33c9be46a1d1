"""Regions to train a parser on: read from layers, cut as their pictures are."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

from tests.pipeline.shot_fakes import TODAY, face_at, write_png
from vfx_swap.colour.ocio import load_config
from vfx_swap.errors import InputError, MissingInputError
from vfx_swap.models.parsing.regions import REGIONS, region_index
from vfx_swap.models.training.crops import read_crops
from vfx_swap.pipeline.training_crops import prepare_crops
from vfx_swap.pipeline.training_regions import cut_regions, read_regions
from vfx_swap.types import Warp, Window

SIZE = 40
WINDOW = Window(0, 0, SIZE, SIZE)


def _write(path: Path, layers: np.ndarray, *, names: tuple[str, ...] = REGIONS) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.concatenate([np.zeros((*layers.shape[:2], 3)), layers], axis=2).astype(np.float16)
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], "half")
    spec.channelnames = ("R", "G", "B", *(f"regions.{name}" for name in names))
    output: Any = oiio.ImageOutput.create("openexr")
    assert output.open(str(path), spec)
    assert output.write_image(pixels)
    assert output.close()


def _halves() -> np.ndarray:
    """Hair on the left, skin on the right."""
    layers = np.zeros((SIZE, SIZE, len(REGIONS)), np.float32)
    layers[:, : SIZE // 2, region_index("hair")] = 1.0
    layers[:, SIZE // 2 :, region_index("skin")] = 1.0
    return layers


def test_layers_come_back_in_order_and_what_lacks_is_told(tmp_path: Path) -> None:
    path = tmp_path / "regions.exr"
    _write(path, _halves())
    assert np.array_equal(read_regions(path, window=WINDOW), _halves())
    with pytest.raises(InputError, match="its regions are 40x40, the picture is 40x41"):
        read_regions(path, window=Window(0, 0, SIZE, SIZE + 1))
    _write(path, _halves()[..., :-1], names=REGIONS[:-1])
    with pytest.raises(InputError, match=r"it lacks regions.hat\. "):
        read_regions(path, window=WINDOW)
    with pytest.raises(MissingInputError):
        read_regions(tmp_path / "none.exr", window=WINDOW)


def test_regions_are_cut_by_the_warp_of_their_picture() -> None:
    hair, skin = region_index("hair"), region_index("skin")
    moved = Warp(np.array([[1.0, 0.0, -10.3], [0.0, 1.0, -5.0]]), 20, 16)
    cut = cut_regions(_halves(), window=WINDOW, warp=moved)
    assert cut.shape == (16, 20)
    assert (cut[:, :9] == hair).all()
    assert (cut[:, 10:] == skin).all()
    turned = Warp(np.array([[0.0, 2.0, 0.0], [-2.0, 0.0, 79.0]]), 80, 80)  # a quarter turn, twice the size
    cut = cut_regions(_halves(), window=WINDOW, warp=turned)
    assert (cut[:39] == skin).all()
    assert (cut[41:] == hair).all()


def test_prepared_crops_hold_the_regions_of_the_same_pixels(tmp_path: Path) -> None:
    """Where a picture is red its region is hair: so it must be in the crop. One picture has no regions: it is left."""
    folder = tmp_path / "people" / "a"
    folder.mkdir(parents=True)
    record = {
        "schema": "vfx_swap/consent.1", "id": "c-1", "performer": {"name": "N"}, "granted_by": {"name": "N"},
        "scope": {"text": "a film"}, "valid_from": "2026-01-01", "expires": "2026-12-31", "training": {"allowed": True},
    }  # fmt: skip
    (folder / "consent.json").write_text(json.dumps(record))
    picture = np.zeros((SIZE, SIZE, 3))
    picture[:, : SIZE // 2, 0] = picture[:, SIZE // 2 :, 2] = 0.8
    for name in ("one", "two"):
        write_png(folder / f"{name}.png", picture)
    _write(folder / "regions" / "two.exr", _halves())
    found = SimpleNamespace(height=10.0)
    models: Any = SimpleNamespace(
        detector=SimpleNamespace(detect=lambda _image: [found]),
        landmarker=SimpleNamespace(landmarks=lambda _image, _found: face_at(0, 21.0, 20.0)),
    )
    made = prepare_crops(
        tmp_path / "people", tmp_path / "crops", models=models, config=load_config(), today=TODAY, size=64,
        template="ffhq_512", regions=True,
    )  # fmt: skip
    assert (made.crops, len(made.skipped)) == (1, 1)
    assert "one.png" in made.skipped[0]
    crops = read_crops(tmp_path / "crops")
    assert crops.regions is not None
    red = crops.pictures[0, ..., 0] > crops.pictures[0, ..., 2]
    hair = crops.regions[0] == region_index("hair")
    assert 0.1 < hair.mean() < 0.9
    assert (red == hair).mean() > 0.97

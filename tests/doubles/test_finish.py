"""From raw passes to files: grain, the true swap's edge, the truth's channels."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.digital_doubles.finish import TRUTH_CHANNELS, grain, true_swap, truth_layers


def test_grain_has_its_deviation_and_its_seed() -> None:
    grey = np.full((200, 200, 3), 0.18, np.float32)
    one = grain(picture=grey, seed=1, frame=3, amount=1.0)
    assert one.std() == pytest.approx(0.0065, rel=0.08)
    assert abs(one.mean()) < 2e-4
    assert np.array_equal(one, grain(picture=grey, seed=1, frame=3, amount=1.0))
    assert not np.array_equal(one, grain(picture=grey, seed=1, frame=4, amount=1.0))
    assert grain(picture=grey * 0, seed=1, frame=3, amount=1.0).std() < 0.25 * one.std()


def test_far_from_the_face_the_true_swap_is_the_plate() -> None:
    rng = np.random.default_rng(1)
    plate, worn = rng.random((2, 100, 100, 3)).astype(np.float32)
    matte = np.zeros((100, 100), np.float32)
    matte[40:60, 40:60] = 1.0
    swap = true_swap(plate=plate, worn=worn, mattes=[matte], reach=8.0)
    assert np.array_equal(swap[:, :22], plate[:, :22])
    assert np.array_equal(swap[84:], plate[84:])
    assert swap[34:66, 44:56] == pytest.approx(worn[34:66, 44:56], abs=1e-6)
    assert np.array_equal(true_swap(plate=plate, worn=worn, mattes=[matte * 0], reach=8.0), plate)


def test_truth_layers_have_names_and_a_camera() -> None:
    shape = (4, 5)
    one = np.ones(shape, np.float32)
    passes = {f"ViewLayer.{name}": one for name in ("face.X", "Depth.Z", "texture.R", "texture.G", "texture.A")}
    passes |= {f"ViewLayer.DiffCol.{k}": one * 0.5 for k in "RGB"}
    passes |= {"ViewLayer.Normal.X": one * 0, "ViewLayer.Normal.Y": -one, "ViewLayer.Normal.Z": one * 0}
    passes["ViewLayer.Depth.Z"] = one * 1e10
    names, layers = truth_layers(passes=passes, mattes=["face"], camera=np.eye(4))
    assert names == ["matte.face", *TRUTH_CHANNELS]
    told = dict(zip(names, np.moveaxis(layers, 2, 0), strict=True))
    assert told["depth.Z"].max() == 1000.0  # nothing there
    assert told["normal.Z"].min() == 1.0  # Blender's -y faces a camera that looks along -z

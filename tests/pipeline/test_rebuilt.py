"""A result rebuilt from its layers by other tools: OpenImageIO's over and st_warp."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from tests.pipeline.rebuilt_shot import Written, write_result

INSIDE = 0.5


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return write_result(tmp_path_factory.mktemp("rebuilt"))


def buffer(pixels: np.ndarray) -> oiio.ImageBuf:
    made = oiio.ImageBuf(np.ascontiguousarray(pixels, np.float32))
    assert not made.has_error
    return made


def warped(source: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """OpenImageIO's st_warp with t up, as Nuke's STMap counts it."""
    made = oiio.ImageBufAlgo.st_warp(buffer(source), buffer(maps), "triangle", 0.0, 0, 1, False, True)
    assert not made.has_error, made.geterror()
    return np.asarray(made.get_pixels(oiio.FLOAT))


def test_patch_over_the_plate_is_the_result_to_half_precision(written: Written) -> None:
    result, plate, patch = written.rgb, written.plate, written.stacked("patch", "RGBA")
    whole = np.concatenate([plate, np.ones_like(plate[..., :1])], axis=-1)
    over = oiio.ImageBufAlgo.over(buffer(patch), buffer(whole))
    assert not over.has_error
    got = np.asarray(over.get_pixels(oiio.FLOAT))[..., :3]
    covered = patch[..., 3] > 0
    assert covered.sum() > 5000
    # A half has 11 bits: patch and result were each rounded to one, and alpha moves the plate under it by another.
    step = np.float32(2.0**-11) * np.maximum(np.maximum(np.abs(result), np.abs(plate)), 2.0**-3)
    assert (np.abs(got - result) <= 3.0 * step).all()
    assert np.abs(got - result)[covered].mean() < 2e-4
    np.testing.assert_array_equal(got[~covered], result[~covered])
    assert np.abs(result - plate)[covered].mean() > 0.05  # somebody else


def test_the_swap_is_undone_and_redone_by_its_maps(written: Written) -> None:
    maps, back_again = written.stacked("stmap", "RG"), written.stacked("stmap_inverse", "RG")
    unrolled = warped(written.plate, back_again)
    redone = warped(unrolled, maps)
    face = written.channel("face_confidence.A") > INSIDE
    error = np.abs(redone - written.plate).max(axis=-1)[face]
    assert error.size > 4000
    assert error.mean() < 0.004
    assert np.percentile(error, 99) < 0.02
    # A mark made in face space comes to lie on the plate where the map says.
    mark = np.zeros_like(unrolled)
    x, y = 0.5, 0.55
    height, width = mark.shape[:2]
    mark[round((1 - y) * height) - 3 : round((1 - y) * height) + 3, round(x * width) - 3 : round(x * width) + 3] = 1.0
    laid = warped(mark, maps)[..., 0]
    rows, columns = np.nonzero(laid > 0.5)
    found = maps[rows, columns].mean(axis=0)
    np.testing.assert_allclose(found, [x, y], atol=0.02)
    # With the maps upside down nothing fits: the test would see it.
    wrong = warped(unrolled, np.stack([maps[..., 0], 1.0 - maps[..., 1]], axis=-1))
    assert np.abs(wrong - written.plate).max(axis=-1)[face].mean() > 0.1


def test_the_file_holds_what_the_page_says(written: Written) -> None:
    assert Path(written.path).suffix == ".exr"
    names = {name: dtype for name, dtype in written.types.items() if not name.startswith("Crypto")}
    assert names.pop("stmap.R") == names.pop("stmap_inverse.G") == "float32"
    assert names.pop("face_normals.X") == names.pop("patch.R") == names.pop("R") == "float16"

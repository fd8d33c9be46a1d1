"""The kernels of a device: the names of numpy's, their rules, and which device a name opens."""

from __future__ import annotations

import builtins
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from tests.models.torch_kernels.agreement import assert_near, bits, on
from tests.models.torch_kernels.test_light import skin
from tests.models.torch_kernels.test_warps import WARPS, WINDOW, plate
from vfx_swap.errors import DeviceError, UsageError
from vfx_swap.models.devices import open_kernels
from vfx_swap.models.kernels import NUMPY
from vfx_swap.models.torch_kernels.kernels import torch_kernels
from vfx_swap.models.torch_kernels.namespace import TorchNamespace

SOME = np.random.default_rng(0).uniform(-2.0, 2.0, (5, 4)).astype(np.float32)
OTHER = np.random.default_rng(1).uniform(-2.0, 2.0, (5, 4)).astype(np.float32)
SOME[1, 2], OTHER[3, 1] = np.nan, np.inf

CALLS: dict[str, Any] = {
    "maximum": lambda xp, a, b: xp.maximum(xp.maximum(a, b), 0.5) + xp.maximum(0.25, a),
    "minimum": lambda xp, a, b: xp.minimum(xp.minimum(a, b), 0.5) + xp.minimum(0.25, a),
    "clip": lambda xp, a, b: xp.clip(a, -0.5, 1.0),
    "where": lambda xp, a, b: xp.where(a > b, xp.where(a > 0.0, a, 0.0), xp.where(b > 0.0, 1.0, b)),
    "isfinite": lambda xp, a, b: xp.float32(xp.isfinite(a * b)),
    "abs": lambda xp, a, b: xp.abs(a),
    "sqrt": lambda xp, a, b: xp.sqrt(xp.abs(a)),
    "exp": lambda xp, a, b: xp.exp(a),
    "log": lambda xp, a, b: xp.log(xp.abs(a)),
    "log2": lambda xp, a, b: xp.log2(xp.abs(a)),
    "tanh": lambda xp, a, b: xp.tanh(a),
    "hypot": lambda xp, a, b: xp.hypot(a, b),
    "stack": lambda xp, a, b: xp.stack([a, b], axis=-1),
    "concatenate": lambda xp, a, b: xp.concatenate([a, b], axis=1),
    "array": lambda xp, a, b: xp.array(a) + a,
    "zeros": lambda xp, a, b: a * 0.0 + xp.zeros((5, 4), np.float32) + xp.ones(4, np.float32) + xp.zeros_like(a),
    "flatnonzero": lambda xp, a, b: xp.float32(xp.flatnonzero(a > 0.0)),
    "int64": lambda xp, a, b: xp.float32(xp.int64(xp.clip(a[2:], -2.0, 2.0))),
    "median": lambda xp, a, b: xp.float32(xp.median(b[:3], axis=0)) + xp.float32(xp.median(b[:2])),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_names_of_numpy(name: str, device: Any) -> None:
    wanted = CALLS[name](np, SOME, OTHER)
    assert_near(CALLS[name](TorchNamespace(device), *on(device, SOME, OTHER)), wanted, tolerance=1e-6)


def test_whole_numbers_and_what_is_read_only(device: Any) -> None:
    xp = TorchNamespace(device)
    assert xp.unique(on(device, np.array([3, 1, 3]))) == [1, 3]
    fixed = SOME.copy()
    fixed.setflags(write=False)
    moved = xp.asarray(fixed[:, ::2])
    moved += 1.0
    np.testing.assert_array_equal(fixed, SOME)
    assert xp.float32(0.5) == 0.5


def test_a_name_that_is_missing_is_an_error(device: Any) -> None:
    with pytest.raises(AttributeError, match="percentile"):
        TorchNamespace(device).percentile  # type: ignore[attr-defined]  # noqa: B018


@pytest.fixture
def kernels(device: Any) -> Any:
    return torch_kernels(device.index if device.type == "cuda" else None)


def test_every_kernel_has_a_twin(kernels: Any) -> None:
    for field in fields(NUMPY):
        assert getattr(kernels, field.name) is not getattr(NUMPY, field.name), field.name


@pytest.mark.parametrize("name", WARPS)
def test_only_what_a_crop_sees_of_the_plate_is_moved(name: str, kernels: Any) -> None:
    rgb, warp = plate(bad=True), WARPS[name]
    wanted = NUMPY.cut_crop(rgb, data_window=WINDOW, warp=warp, colour_space="x")
    got = kernels.cut_crop(rgb, data_window=WINDOW, warp=warp, colour_space="x")
    assert_near(got.rgb, wanted.rgb, tolerance=2e-5)
    assert_near(got.alpha, wanted.alpha, tolerance=0.0)
    assert "TorchCrop" in repr(got)


def test_there_and_back(kernels: Any) -> None:
    np.testing.assert_array_equal(bits(kernels.plain(kernels.array(SOME))), bits(SOME))


def test_light_is_fitted_to_numpy_arrays(kernels: Any) -> None:
    wanted, got = NUMPY.fit_light(*skin(1)), kernels.fit_light(*skin(1))
    np.testing.assert_allclose(got.brightness, wanted.brightness, rtol=1e-5)
    np.testing.assert_allclose(got.shade(skin(2)[1]), wanted.shade(skin(2)[1]), rtol=1e-5)


def test_a_mesh_comes_from_numpy(kernels: Any) -> None:
    points = np.array([[1, 1, 0], [1, 9, 0], [9, 1, 0]], np.float32)
    triangles = np.array([[0, 1, 2]], np.int32)
    got = kernels.rasterise(points, triangles, height=12, width=12)
    wanted = NUMPY.rasterise(points, triangles, height=12, width=12)
    np.testing.assert_array_equal(kernels.plain(got.rows), wanted.rows)
    points.setflags(write=False)
    assert_near(got.interpolate(points, triangles), wanted.interpolate(points, triangles), tolerance=1e-6)


def test_the_cpu_is_numpy_and_other_names_are_refused() -> None:
    assert open_kernels("cpu") is NUMPY
    for name in ("gpu", "cuda:", "cuda:-1", "mps", ""):
        with pytest.raises(UsageError, match="unknown device"):
            open_kernels(name)


@pytest.mark.torch
def test_a_gpu_that_is_not_there_is_an_error_and_auto_says_the_cpu() -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        assert open_kernels("auto").device == "cuda:0"
        with pytest.raises(DeviceError, match="cuda:999"):
            open_kernels("cuda:999")
    else:
        assert open_kernels("auto") is NUMPY
        with pytest.raises(DeviceError, match=r"without CUDA|driver finds none"):
            open_kernels("cuda")


def test_without_torch_a_gpu_is_an_error_that_says_how_to_mend_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def none(name: str, *rest: Any, **more: Any) -> Any:
        if name == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", none)
    with pytest.raises(DeviceError, match="torch is not installed") as caught:
        open_kernels("cuda:1")
    assert caught.value.mend is not None
    assert "scripts/setup --neural" in caught.value.mend
    assert open_kernels("auto") is NUMPY

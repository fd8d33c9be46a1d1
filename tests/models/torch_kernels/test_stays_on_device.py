"""Nothing of a twin comes to lie on the CPU by oversight: where no GPU is at hand, torch's `meta` device tells.

Tensors there have shapes and no values, so what asks for values (rasterising, fits, measurements) is not here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from vfx_swap.comp.motion import MotionBlur
from vfx_swap.light.grade import light_gain
from vfx_swap.models.torch_kernels import comp, filters, light, motion, namespace, warps
from vfx_swap.models.torch_kernels.grain import quantile
from vfx_swap.types import Warp, Window

pytestmark = pytest.mark.torch

TURNED = np.array([[0.8, -0.6, 3.0], [0.6, 0.8, 1.0]])
WHOLE = Warp(np.array([[1.0, 0.0, -3.0], [0.0, 1.0, -2.0]]), 20, 30)
GAIN = light_gain(exposure_stops=1.0, temperature_mired=20.0, tint=0.0)

CALLS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "gaussian": lambda rgb, one, xy: filters.gaussian(rgb, 2.0),
    "blur": lambda rgb, one, xy: filters.blur(one, 13.0),
    "grow": lambda rgb, one, xy: filters.grow(one, 3.0),
    "convolve": lambda rgb, one, xy: filters.convolve(rgb, np.ones((3, 3), np.float32), border="reflect"),
    "convolve, large": lambda rgb, one, xy: filters.convolve(one, np.ones((21, 21), np.float32), border="replicate"),
    "sample": lambda rgb, one, xy: warps.sample(rgb, xy),
    "sample, cubic": lambda rgb, one, xy: warps.sample(one, xy, cubic=True),
    "inside": lambda rgb, one, xy: warps._inside(*warps._grid(TURNED, 5, 6, like=rgb), 7, 8),
    "interpolate": lambda rgb, one, xy: warps._interpolate(rgb, *warps._grid(TURNED, 5, 6, like=rgb), "cubic"),
    "increment": lambda rgb, one, xy: (
        warps.increment_crop(warps.TorchCrop(rgb, one, WHOLE, ""), warps.TorchCrop(rgb, one, WHOLE, "")).rgb
    ),
    "over": lambda rgb, one, xy: comp.comp_over(rgb, rgb, one),
    "add": lambda rgb, one, xy: comp.comp_increment(rgb, rgb, one),
    "expand": lambda rgb, one, xy: comp.expand_matte(one, 2.5),
    "basis": lambda rgb, one, xy: light.harmonic_basis(rgb),
    "grade": lambda rgb, one, xy: light.grade(rgb, gain=GAIN, to_rec709=np.eye(3)),
    "grade, Rec.709": lambda rgb, one, xy: light.grade(rgb, gain=GAIN),
    "power": lambda rgb, one, xy: motion._power(rgb, one, broad=5.0),
    "blur along": lambda rgb, one, xy: motion.blur_along(rgb, MotionBlur(9.0, 30.0)),
    "quantile": lambda rgb, one, xy: quantile(one, 0.5),
    "zeros": lambda rgb, one, xy: namespace.TorchNamespace(rgb.device).zeros(3),
    "ones": lambda rgb, one, xy: namespace.TorchNamespace(rgb.device).ones((3, 1)),
    "asarray": lambda rgb, one, xy: namespace.TorchNamespace(rgb.device).asarray(np.ones(3, np.float32)),
}


@pytest.mark.parametrize("name", CALLS)
def test_results_lie_where_arguments_do(name: str) -> None:
    torch = pytest.importorskip("torch")
    rgb, one, xy = (torch.empty(shape, device="meta") for shape in ((30, 20, 3), (30, 20), (50, 2)))
    assert CALLS[name](rgb, one, xy).device.type == "meta"


def test_an_empty_window_needs_no_values() -> None:
    torch = pytest.importorskip("torch")
    crop = warps.TorchCrop(torch.empty((30, 20, 3), device="meta"), torch.empty((30, 20), device="meta"), WHOLE, "")
    laid, alpha = warps.lay_back(crop, data_window=Window(900, 900, 4, 5))
    assert (laid.device.type, alpha.device.type) == ("meta", "meta")

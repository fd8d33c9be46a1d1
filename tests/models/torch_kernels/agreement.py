"""How near a torch twin must come to the numpy code: tolerances that were measured, and the checks that hold them."""

from __future__ import annotations

from typing import Any

import numpy as np

from vfx_swap.arrays import FloatArray

__all__ = ["assert_near", "bits", "on"]


def on(device: Any, *arrays: np.ndarray) -> Any:
    """The arrays on a device: one tensor, or a list of them."""
    import torch

    moved = [torch.as_tensor(np.ascontiguousarray(array), device=device) for array in arrays]
    return moved[0] if len(moved) == 1 else moved


def assert_near(tensor: Any, array: np.ndarray, *, tolerance: float) -> None:
    """The twin's result is the numpy code's to within `tolerance` times the largest value (at least 1e-3)."""
    got = tensor.cpu().numpy()
    assert got.shape == array.shape
    assert got.dtype == array.dtype
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(array))
    good = np.isfinite(array)
    scale = max(float(np.abs(array[good]).max(initial=0.0)), 1e-3)
    worst = float(np.abs(got[good].astype(np.float64) - array[good]).max(initial=0.0)) / scale
    assert worst <= tolerance, f"{worst:.3g} of the largest value off, allowed is {tolerance:.3g}"


def bits(array: Any) -> FloatArray:
    """The bits of float32 values, of an array or a tensor."""
    plain: np.ndarray = array if isinstance(array, np.ndarray) else array.cpu().numpy()
    return np.ascontiguousarray(plain).view(np.uint32)

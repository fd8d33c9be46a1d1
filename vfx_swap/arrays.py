"""Array types and the checks that make their names mean something.

Convention of every picture in the package: `(height, width, channels)`, row 0 at the top, x right,
y down, pixel centres at integer coordinates, float32.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "FloatArray", "check_array", "describe", "frozen"]

FloatArray: TypeAlias = NDArray[np.float32]
Array: TypeAlias = Any
"""An array of whatever device is worked on: numpy's, or a torch tensor (`models.kernels`)."""


def check_array(
    name: str, array: object, *, shape: tuple[int | None, ...], dtype: type[np.generic] = np.float32
) -> None:
    """Check an array's type and shape.

    Args:
        name: what to call it in the message.
        array: the value to check.
        shape: expected shape; None matches any length.
        dtype: expected element type.

    Raises:
        TypeError: not an array, or of another dtype.
        ValueError: another shape. A programming error, so not a VfxSwapError.
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name} must be an array, got {type(array).__name__}")
    if array.dtype != dtype:
        raise TypeError(f"{name} must be {np.dtype(dtype).name}, got {array.dtype.name}")
    fits = array.ndim == len(shape) and all(
        want is None or want == got for want, got in zip(shape, array.shape, strict=True)
    )
    if not fits:
        want = "x".join("*" if length is None else str(length) for length in shape)
        raise ValueError(f"{name} must have shape {want}, got {'x'.join(map(str, array.shape))}")


def describe(array: np.ndarray) -> str:
    """Shape and type of an array for a `__repr__`, such as `1080x1920x3 float32`."""
    return f"{'x'.join(map(str, array.shape))} {array.dtype.name}"


def frozen(array: np.ndarray) -> np.ndarray:
    """The same array, made read-only, for the fields of frozen values."""
    array.setflags(write=False)
    return array

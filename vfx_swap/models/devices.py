"""Devices by name: what `--device` says, and the kernels that run there."""

from __future__ import annotations

import importlib.util

from vfx_swap.errors import DeviceError
from vfx_swap.models.kernels import NUMPY, Kernels
from vfx_swap.models.runtimes.onnx_session import device_index

__all__ = ["open_kernels"]


def open_kernels(device: str) -> Kernels:
    """The kernels of a device: the one that was named, or an error; never another in its place.

    Args:
        device: `cpu`, `cuda`, `cuda:N`, or `auto`: the first GPU where torch finds one, else the CPU.

    Raises:
        UsageError: the name is no device.
        DeviceError: the device, or torch, is not there.
    """
    if device == "auto":
        return _best()
    index = device_index(device)
    if index is None:
        return NUMPY
    from vfx_swap.models.torch_kernels.kernels import torch_kernels

    return torch_kernels(index)


def _best() -> Kernels:
    if importlib.util.find_spec("torch") is None:
        return NUMPY
    from vfx_swap.models.torch_kernels.kernels import torch_kernels

    try:
        return torch_kernels(0)
    except DeviceError:
        return NUMPY

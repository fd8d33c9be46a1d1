"""The torch devices that tests run on: its CPU everywhere, CUDA where it is."""

from __future__ import annotations

import os
from typing import Any

import pytest

from vfx_swap.errors import DeviceError
from vfx_swap.models.torch_kernels.device import open_torch

__all__ = ["DEVICES", "REQUIRED", "open_or_skip"]

DEVICES = (
    pytest.param("torch", marks=pytest.mark.torch),
    pytest.param("cuda", marks=[pytest.mark.torch, pytest.mark.cuda]),
)
"""For a fixture's params."""
REQUIRED = frozenset(os.environ.get("VFX_SWAP_REQUIRE", "").split(","))
"""Read here: tests see no settings of the machine."""


def open_or_skip(name: str) -> Any:
    """A torch device. A missing one skips the test, or fails it where `VFX_SWAP_REQUIRE` names it."""
    try:
        return open_torch(None if name == "torch" else 0)
    except DeviceError as error:
        if name in REQUIRED:
            pytest.fail(str(error))
        pytest.skip(error.what)

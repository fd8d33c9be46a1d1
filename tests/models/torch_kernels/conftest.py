"""The devices that torch's twins are tested on: the CPU everywhere, CUDA where it is."""

from __future__ import annotations

import os
from typing import Any

import pytest

from vfx_swap.errors import DeviceError
from vfx_swap.models.torch_kernels.device import open_torch

REQUIRED = frozenset(os.environ.get("VFX_SWAP_REQUIRE", "").split(","))
"""Read here: tests see no settings of the machine."""


@pytest.fixture(
    params=[
        pytest.param("torch", marks=pytest.mark.torch),
        pytest.param("cuda", marks=[pytest.mark.torch, pytest.mark.cuda]),
    ]
)
def device(request: pytest.FixtureRequest) -> Any:
    """A torch device. A missing one skips the test, or fails it where `VFX_SWAP_REQUIRE` names it."""
    try:
        return open_torch(None if request.param == "torch" else 0)
    except DeviceError as error:
        if request.param in REQUIRED:
            pytest.fail(str(error))
        pytest.skip(str(error))

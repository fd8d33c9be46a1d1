"""Tests that need what `scripts/setup --farm` installs."""

from __future__ import annotations

import importlib.util
import os

import pytest

__all__ = ["REQUIRED", "needs"]

REQUIRED = frozenset(os.environ.get("VFX_SWAP_REQUIRE", "").split(","))
"""Read here: tests see no settings of the machine."""


def needs(module: str, marker: str) -> None:
    """Skip the test where a module is not installed, or fail it where `VFX_SWAP_REQUIRE` names the marker."""
    if importlib.util.find_spec(module) is None:
        what = f"{module} is not installed: scripts/setup --farm"
        if marker in REQUIRED:
            pytest.fail(what)
        pytest.skip(what)

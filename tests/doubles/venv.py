"""Where Blender and the base mesh are: tests of doubles stand on them, or are skipped."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from scripts.digital_doubles.anatomy import Anatomy, assets_folder
from scripts.digital_doubles.figure import Region
from tests.conftest import ROOT

__all__ = ["region", "venv"]

PLACE = Path(os.environ.get("VFX_SWAP_DOUBLES_VENV", ROOT / ".venv-doubles"))
REQUIRED = frozenset(os.environ.get("VFX_SWAP_REQUIRE", "").split(","))
"""Both read here: tests see no settings of the machine."""


def venv() -> Path:
    """The doubles' venv. A missing one skips the test, or fails it where `VFX_SWAP_REQUIRE` names doubles."""
    try:
        assets_folder(PLACE)
    except FileNotFoundError as error:
        if "doubles" in REQUIRED:
            pytest.fail(str(error))
        pytest.skip(str(error))
    return PLACE


@cache
def _region(place: Path) -> Region:
    return Region(Anatomy(assets_folder(place)))


def region() -> Region:
    """The base mesh's shared parts, made once per run."""
    return _region(venv())

"""The devices that torch's twins are tested on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.torch_devices import DEVICES, open_or_skip


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> Any:
    """A torch device."""
    return open_or_skip(request.param)

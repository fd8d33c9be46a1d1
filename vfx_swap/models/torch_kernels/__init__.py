"""Torch twins of the pixel floors: geometry, light and comp on a device, each tested against its numpy twin."""

from __future__ import annotations

__all__: list[str] = []

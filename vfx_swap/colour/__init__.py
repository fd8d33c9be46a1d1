"""Colour: OCIO, how a plate's colour space is decided, and the way to a network and back."""

from __future__ import annotations

__all__: list[str] = []

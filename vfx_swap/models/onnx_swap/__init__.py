"""Runs the user's own models by their cards: swappers, recognisers, converters, occluders, parsers, restorers."""

from __future__ import annotations

__all__: list[str] = []

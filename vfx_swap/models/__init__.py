"""Models: protocols, cards, registry, weights, and one folder per architecture."""

from __future__ import annotations

__all__: list[str] = []

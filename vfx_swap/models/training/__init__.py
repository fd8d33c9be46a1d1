"""Training of SimSwap's generator and of a recogniser: pairs, losses, recipes, steps, checkpoints. Needs torch."""

from __future__ import annotations

__all__: list[str] = []

"""SimSwap's networks: the generators with their identity blocks, and the patch discriminator. Needs torch."""

from __future__ import annotations

__all__: list[str] = []

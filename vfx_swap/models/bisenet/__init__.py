"""The face parser that SimSwap's users bring: BiSeNet on a ResNet-18. Needs torch."""

from __future__ import annotations

__all__: list[str] = []

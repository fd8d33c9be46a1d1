"""The recogniser whose vector SimSwap's generators take: a ResNet with squeeze and excitation. Needs torch."""

from __future__ import annotations

__all__: list[str] = []

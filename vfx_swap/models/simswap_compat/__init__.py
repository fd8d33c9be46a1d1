"""SimSwap's own pipeline, fault for fault, for those who must match pictures that it made."""

from __future__ import annotations

__all__: list[str] = []

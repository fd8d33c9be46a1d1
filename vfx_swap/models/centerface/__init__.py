"""CenterFace, a face detector (MIT)."""

from __future__ import annotations

__all__: list[str] = []

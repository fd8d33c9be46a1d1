"""MediaPipe's face mesh: 478 landmarks, 52 expression weights, head pose, and the canonical mesh."""

from __future__ import annotations

__all__: list[str] = []

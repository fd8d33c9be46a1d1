"""dlib's face recognition network (Boost licence, weights CC0)."""

from __future__ import annotations

__all__: list[str] = []

"""Warps between plate and crop, the face mesh, and its raster."""

from __future__ import annotations

__all__: list[str] = []

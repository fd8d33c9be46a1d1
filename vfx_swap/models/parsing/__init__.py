"""Face parsing: which region of a face each pixel is, with soft edges."""

from __future__ import annotations

__all__: list[str] = []

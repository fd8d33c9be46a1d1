"""Light on a face: harmonic fits and relighting, in scene-linear."""

from __future__ import annotations

__all__: list[str] = []

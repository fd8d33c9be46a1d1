"""vfx-swap: puts an identity's face on a performer, in a shot, in scene-linear light, with consent on record."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"

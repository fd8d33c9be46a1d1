"""Vfx Swap in DaVinci Resolve Studio: standard library only, Python 3.9 and later (docs/resolve.md)."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"

"""Frames swapped one by one, as they come: a render without a plate on disk."""

from __future__ import annotations

__all__ = ["Session"]


class Session:
    """To come."""

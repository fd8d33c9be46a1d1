"""Bring your own weights: foreign files read safely, recognised by content, turned into cards and verified files."""

from __future__ import annotations

__all__: list[str] = []

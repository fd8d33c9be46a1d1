"""Runtimes that architectures share: opening sessions on a device, and nothing about any one model."""

from __future__ import annotations

__all__: list[str] = []

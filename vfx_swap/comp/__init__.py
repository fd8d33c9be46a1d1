"""Mattes, grain, and laying a face over a plate."""

from __future__ import annotations

__all__: list[str] = []

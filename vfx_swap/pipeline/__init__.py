"""Plate to picture: analyse, cast, swap, order, resume. Knows models by their protocols only."""

from __future__ import annotations

__all__: list[str] = []

"""The servicers, one file each, and the server that puts them together."""

from __future__ import annotations

__all__: list[str] = []

"""The command line: reads options, calls the pipeline, tells people and programs what happens."""

from __future__ import annotations

__all__: list[str] = []

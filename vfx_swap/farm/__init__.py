"""One shot on many processes and machines: chunks of frames, who runs them, and job files for farms."""

from __future__ import annotations

__all__: list[str] = []

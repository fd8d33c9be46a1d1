"""Why something cannot be done: a sentence for the artist."""

from __future__ import annotations

__all__ = ["Refused"]


class Refused(Exception):  # noqa: N818  # a sentence, not a fault of the program
    """Said where the artist looks; nothing was changed."""

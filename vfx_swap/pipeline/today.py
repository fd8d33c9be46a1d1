"""The day that consent is checked for, where nobody says another."""

from __future__ import annotations

from datetime import UTC, date, datetime

__all__ = ["local_today"]


def local_today() -> date:
    """The day it is here."""
    return datetime.now(UTC).astimezone().date()

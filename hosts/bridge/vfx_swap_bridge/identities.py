"""Identities for a picker, each with the state of its consent in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from .agent import Agent

__all__ = ["SOON", "Person", "consent_text", "list_identities"]

SOON = 30
"""Days before its last day from which a record's end is told."""


@dataclass(frozen=True)
class Person:
    """Somebody whose face may go in."""

    name: str
    path: str
    """What a casting names: the server's `identities/NAME`, or the pack's file."""
    consent: str
    """For people to read: `consent valid until 2027-03-01`, `consent expires in 12 days`, `consent expired`."""
    refused: bool
    """Whether a render would be refused today."""


def list_identities(agent: Agent) -> list[Person]:
    """Those that the agent knows, by name. Waits for the answer.

    Raises:
        AgentError: no answer.
    """
    told = agent.request("identities")["identities"]
    people = [_person(one) for one in told if isinstance(one, dict)]
    return sorted(people, key=lambda one: one.name.lower())


def consent_text(state: str, *, expires: str = "", today: date | None = None) -> str:
    """A state of consent in words.

    Args:
        state: `valid`, `expired`, `not_yet`, or whatever a later agent says.
        expires: last day, ISO, or the moment from which it holds no more, as servers say it; empty: not known.
        today: for the days that are left; None: this machine's.
    """
    if state != "valid":
        return {"expired": "consent expired", "not_yet": "consent not yet valid"}.get(state, f"consent {state}")
    try:
        last = date.fromisoformat(expires[:10])
    except ValueError:
        return "consent valid"
    if expires[10:19] in ("T00:00:00", " 00:00:00"):
        last -= timedelta(days=1)
    left = (last - (today or datetime.now().astimezone().date())).days
    if left > SOON:
        return f"consent valid until {last.isoformat()}"
    return "consent expires today" if left <= 0 else f"consent expires in {left} day{'' if left == 1 else 's'}"


def _person(told: Mapping[str, Any]) -> Person:
    name, state = str(told.get("name") or ""), str(told.get("consent_state") or "unknown")
    consent = told.get("consent")
    expires = told.get("expires") or (consent.get("expires") if isinstance(consent, dict) else "") or ""
    path = str(told.get("path") or name)
    return Person(name.rpartition("/")[2] or name, path, consent_text(state, expires=str(expires)), state != "valid")

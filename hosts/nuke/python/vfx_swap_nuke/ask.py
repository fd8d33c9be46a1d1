"""Short questions to the agent; each starts one and ends it. Nothing of Nuke is known here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vfx_swap_bridge.agent import Agent

__all__ = ["identities", "options"]


def options(server: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """What can be set: `engines` and `options`."""
    with Agent(server=server, environ=environment) as agent:
        answer: dict[str, Any] = agent.request("options")
        return answer


def identities(server: str, environment: Mapping[str, str]) -> list[Any]:
    """Who is known, each with the state of the consent."""
    from vfx_swap_bridge.identities import list_identities

    with Agent(server=server, environ=environment) as agent:
        return list(list_identities(agent))

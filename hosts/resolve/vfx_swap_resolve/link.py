"""The way to the agent: the one module that knows the bridge (hosts/bridge)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vfx_swap_resolve.settings import Settings

if TYPE_CHECKING:
    from vfx_swap_bridge.agent import Agent

__all__ = ["Link"]

_PATHS = ("identity", "performer")
"""Of a casting."""


class Link:
    """An agent, started when it is first needed.

    Args:
        settings: say which command and which server.
    """

    def __init__(self, settings: Settings) -> None:
        self._command = settings.agent
        self._server = settings.server
        self._maps = settings.maps
        self._agent: Agent | None = None

    def agent(self) -> Agent:
        """The agent.

        Raises:
            AgentError: it cannot be started, or speaks another protocol.
        """
        from vfx_swap_bridge.agent import Agent

        if self._agent is None:
            self._agent = Agent(self._command or None, server=self._server)
        return self._agent

    def close(self) -> None:
        """End the agent; jobs of a server go on."""
        agent, self._agent = self._agent, None
        if agent is not None:
            agent.close()

    def knobs(self) -> Sequence[Any]:
        """What the server's engines can be told."""
        from vfx_swap_bridge.describe import knobs_of

        return tuple(knobs_of(self.agent().request("options")))

    def identities(self) -> Sequence[Any]:
        """Identities of the server, each with the state of its consent in words."""
        from vfx_swap_bridge.identities import list_identities

        return tuple(list_identities(self.agent()))

    def shot(
        self, *, name: str, plate: str, output: str, cast: Mapping[str, Any], knobs: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Values of a shot, its paths as the agent's machine calls them."""
        from vfx_swap_bridge.paths import parse_maps, same_system
        from vfx_swap_bridge.shot import shot_values

        maps = parse_maps(self._maps)
        far = {"plate": same_system(plate, maps), "output": same_system(output, maps)}
        who = {key: same_system(str(one), maps) if key in _PATHS else one for key, one in cast.items()}
        return dict(shot_values(name=name, cast=[who], knobs=dict(knobs), **far))

    def job(self, shot: Mapping[str, Any], *, frames: str) -> Any:
        """A render, begun.

        Raises:
            AgentError: there is no agent.
        """
        from vfx_swap_bridge.jobs import Job

        job = Job(self.agent(), dict(shot), frames=frames)
        job.begin()
        return job

    def restored(self, record: Mapping[str, Any]) -> Any:
        """A render that was under way when Resolve closed.

        Raises:
            AgentError: there is no agent.
        """
        from vfx_swap_bridge.jobs import Job

        return Job.restore(dict(record), self.agent())

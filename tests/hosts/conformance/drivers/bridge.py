"""The bridge itself, as the barest of adapters."""

from __future__ import annotations

import threading
from pathlib import Path

from vfx_swap_bridge.agent import Agent, AgentError
from vfx_swap_bridge.describe import knobs_of
from vfx_swap_bridge.identities import list_identities
from vfx_swap_bridge.jobs import Job
from vfx_swap_bridge.paths import existing, frame_file, free_version, parse_maps, same_system
from vfx_swap_bridge.shot import frame_range, shot_values

from tests.hosts.conformance.driver import Asked, Outcome, Seen

__all__ = ["BridgeDriver"]


class BridgeDriver:
    """Calls of the bridge, and nothing between."""

    name = "bridge"

    def start(self, *, command: list[str], server: str, folder: Path, maps: str = "") -> None:
        self._command, self._server, self._folder = command, server, folder
        self._maps = parse_maps(maps)

    def describe(self) -> Seen:
        with Agent(self._command, server=self._server) as agent:
            options = agent.request("options")
            people = {one.name: one.consent for one in list_identities(agent)}
        return Seen(tuple(options["engines"]), frozenset(one.key for one in knobs_of(options)), people)

    def render(self, asked: Asked) -> Outcome:
        output = free_version(asked.output)
        shot = shot_values(
            name="conformance",
            plate=same_system(asked.plate, self._maps),
            output=same_system(output, self._maps),
            cast=[{"position": "largest", "identity": asked.identity}],
            knobs={"cast[].reshape": 0.0},
        )
        warnings: list[str] = []
        try:
            with Agent(self._command, server=self._server) as agent:
                job = Job(agent, shot, frames=frame_range(asked.first, asked.last))
                job.begin()
                while job.pump():
                    if asked.cancel and job.progress.done:
                        job.cancel()
                    threading.Event().wait(0.01)
                warnings = job.warnings
                job.result()
        except AgentError as error:
            state = "cancelled" if error.kind == "CancelledError" else "failed"
            return Outcome(state, text=str(error))
        files = tuple(Path(frame_file(output, number)) for number in existing(output))
        return Outcome("done", files, "\n".join([job.sentence(), *warnings]))

    def close(self) -> None:
        pass

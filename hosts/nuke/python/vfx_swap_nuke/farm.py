"""A render as a job for a farm: written by `vfx-swap submit`'s own code through the agent, and sent by nobody here."""

from __future__ import annotations

import os

from vfx_swap_bridge.agent import Agent

from vfx_swap_nuke.plate import in_view
from vfx_swap_nuke.work import Work

__all__ = ["shot_file", "write_jobs"]


def shot_file(work: Work, view: str) -> str:
    """Where the shot file of a view goes: beside its results, under the node's name and version."""
    folder = in_view(work.pattern, view).rpartition("/")[0]
    return f"{folder}/{work.node.replace('.', '_')}_v{work.record(state='')['version']:03d}.toml"


def write_jobs(work: Work) -> list[str]:
    """One Open Job Description bundle for every view; their folders.

    Raises:
        AgentError: the shot is not fit, or its consent refuses it.
    """
    folders = []
    with Agent(server=work.server, environ=work.environment) as agent:
        for view, shot in work.shots:
            file = shot_file(work, view)
            os.makedirs(os.path.dirname(file), exist_ok=True)  # as text
            done = agent.request("write_job", shot=dict(shot), shot_file=file, frames=work.frames)
            folders += [os.path.dirname(path) for path in done["written"]]
    return folders

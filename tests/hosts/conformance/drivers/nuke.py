"""The Nuke adapter in the fake Nuke: buttons of a node, in a window and in a terminal session."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from vfx_swap_bridge.paths import existing, frame_file

from tests.hosts.conformance.driver import Asked, Outcome, Seen
from tests.hosts.nuke.conftest import Session, start

__all__ = ["NukeDriver"]


class NukeDriver:
    """A node below a Read; results are what its own Read shows."""

    name = "nuke"

    def __init__(self) -> None:
        self._patch: pytest.MonkeyPatch | None = None
        self._running: Iterator[Session] | None = None

    def start(self, *, command: list[str], server: str, folder: Path, maps: str = "") -> None:
        self.close()
        self._patch = pytest.MonkeyPatch()
        self._patch.setenv("VFX_SWAP_AGENT", shlex.join(command))
        self._running = start(self._patch, gui=True)
        self._session = next(self._running)
        self._session.fake.script = str(folder / "comp.nk")
        self._server, self._maps, self._nodes = server, maps, 0

    def describe(self) -> Seen:
        node = self._node()
        node["vs_reload"].execute()
        self._session.until(lambda: str(node["vs_status"].value()) not in ("", "asking the agent what can be set"))
        assert node["vs_status"].value() == "ready", node["vs_status"].value()
        described = self._session.adapter("knobs").described(node)
        node["vs_pick"].execute()
        self._session.until(lambda: node["vs_status"].value() != "asking for identities")
        title = "Identity: Who goes in: "
        shown = next(one for one in reversed(self._session.fake.said) if one.startswith(title))
        people = dict(one.split(": ", 1) for one in shown[len(title) :].split(", "))
        return Seen(tuple(node["vs_engine"].values()), frozenset(one.key for one in described), people)

    def render(self, asked: Asked) -> Outcome:
        session, node = self._session, self._node(asked)
        record = session.adapter("node").record
        node["vs_render"].execute()
        if asked.cancel:
            session.until(lambda: existing(asked.output))
            node["vs_cancel"].execute()
        session.until(lambda: record(node).get("state") != "running")
        state, text = record(node).get("state"), "\n".join([str(node["vs_status"].value()), *session.fake.said])
        if state != "done":
            return Outcome("cancelled" if state == "cancelled" else "failed", text=text)
        read = node.node("SwapIn")
        pattern, frames = read["file"].value(), range(read["first"].value(), read["last"].value() + 1)
        return Outcome("done", tuple(Path(frame_file(pattern, frame)) for frame in frames), text)

    def close(self) -> None:
        if self._running is not None and self._patch is not None:
            next(self._running, None)
            self._patch.undo()
            self._running = None

    def _node(self, asked: Asked | None = None) -> Any:
        """A node with what the artist chooses; below a Read of the plate, where there is one."""
        session = self._session
        self._nodes += 1
        above = None
        if asked is not None:
            above = session.read(asked.plate, name=f"Plate{self._nodes}")
        node = session.create(above, server=self._server, paths=self._maps)
        node["vs_where"].setValue("server" if self._server else "this machine")
        if asked is not None:
            for knob, value in (("first", asked.first), ("last", asked.last), ("identity", asked.identity),
                                ("output", asked.output), ("cast_reshape", 0.0)):  # fmt: skip
                node[f"vs_{knob}"].setValue(value)
        return node

"""The one agent of this Blender: started when it is first needed, asked through the bridge that all hosts share.

It outlives files: a load of another clears Blender's own `driver_namespace`, so the module holds it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from typing import Any

import bpy

from .refused import Refused
from .vfx_swap_bridge.agent import Agent, AgentError
from .vfx_swap_bridge.describe import Knob, knobs_of
from .vfx_swap_bridge.identities import list_identities
from .vfx_swap_bridge.jobs import Job
from .vfx_swap_bridge.paths import parse_maps, same_system
from .vfx_swap_bridge.shot import frame_ranges

__all__ = [
    "Link",
    "close_link",
    "current",
    "errors",
    "fit_all",
    "key_of",
    "open_link",
    "owner_of",
    "owners",
    "sentence",
]

_held: dict[str, Link] = {}
"""The one that is open, from `register` to `unregister`: Blender makes operators and handlers, and gives them none."""
KNOWN = "described.json"
"""What the agent described last, so that panels draw before it is asked again."""


class Link:
    """The agent, what it described, and the works under way."""

    def __init__(self) -> None:
        self.works: dict[str, Any] = {}
        self.said = ""
        self.identities: list[Any] = []
        self.knobs: tuple[Knob, ...] = ()
        self.regions: tuple[str, ...] = ()
        self._agent: Agent | None = None
        self._take(self._remembered())

    def agent(self) -> Agent:
        """Running.

        Raises:
            AgentError: it is not there, or does not start.
        """
        if self._agent is None:
            from .preferences import preferences

            ours = preferences()
            self._agent = Agent(ours.agent or None, server=ours.server)
        return self._agent

    def close(self) -> None:
        """Let the agent go; the next question starts another. Works of this machine stop, those of a server go on."""
        for work in list(self.works.values()):
            work.leave()
        agent, self._agent = self._agent, None
        if agent is not None:
            agent.close()

    def describe(self) -> None:
        """Ask what there is.

        Raises:
            AgentError: no answer.
        """
        answer = self.agent().request("options")
        self._take(answer)
        self.identities = list(list_identities(self.agent()))
        self.said = f"Connected: {', '.join(answer['engines'])}; {len(self.identities)} identities"
        with open(self._memory(), "w", encoding="utf-8") as file:
            json.dump(answer, file)

    def described(self) -> None:
        """Ask once, where nothing is known yet.

        Raises:
            AgentError: no answer.
        """
        if not self.knobs:
            self.describe()

    def knob(self, key: str) -> Knob | None:
        """The one of this key."""
        return next((knob for knob in self.knobs if knob.key == key), None)

    def honours(self, key: str) -> bool:
        """Whether this vfx-swap takes a key of the shot file; a table counts when any of its keys is taken."""
        plain = [knob.key.replace("[]", "") for knob in self.knobs]
        return any(one == key or one.startswith(f"{key}.") for one in plain)

    def engine_of(self, owner: Any) -> str:
        """The engine that an owner chose, or the default."""
        from . import knobs

        knob = self.knob("engine")
        return str((knob and knobs.get(owner, knob)) or (knob.default if knob else "") or "")

    def person(self, identity: str) -> Any:
        """What is known of an identity, or None."""
        return next((one for one in self.identities if identity and identity in (one.path, one.name)), None)

    def far(self, path: str) -> str:
        """A path of this machine as the agent's machine calls it, by the preferences' maps.

        Raises:
            Refused: the maps do not read.
        """
        from .preferences import preferences

        try:
            return same_system(path, parse_maps(preferences().maps))
        except ValueError as error:
            raise Refused(f"Path Maps in the preferences: {error}") from error

    def job(self, shot: dict[str, Any], *, frames: str) -> Job:
        """Begin a render.

        Raises:
            AgentError: there is no agent.
        """
        job = Job(self.agent(), shot, frames=frames)
        job.begin()
        return job

    def restored(self, record: dict[str, Any]) -> Job:
        """Take a render up again.

        Raises:
            AgentError: there is no agent.
        """
        return Job.restore(record, self.agent())

    def layers(self, result: str, to: str, frames: Iterable[int]) -> Any:
        """Begin to write a result's frames as the compositor reads them.

        Raises:
            AgentError: there is no agent.
        """
        return self.agent().begin("host_layers", result=self.far(result), to=self.far(to), frames=frame_ranges(frames))

    def _take(self, answer: dict[str, Any]) -> None:
        self.knobs = tuple(knobs_of(answer)) if answer else ()
        self.regions = tuple(answer.get("regions", ())) if answer else ()

    def _memory(self) -> str:
        return os.path.join(bpy.utils.extension_path_user(__package__, create=True), KNOWN)

    def _remembered(self) -> dict[str, Any]:
        try:
            with open(self._memory(), encoding="utf-8") as file:
                return dict(json.load(file))
        except (OSError, ValueError):
            return {}


def open_link() -> None:
    """When the extension is switched on."""
    _held["link"] = Link()


def close_link() -> None:
    """When it is switched off."""
    _held.pop("link").close()


def current() -> Link:
    """This Blender's."""
    return _held["link"]


def errors() -> tuple[type[Exception], ...]:
    """What asking the agent raises."""
    return (AgentError,)


def sentence(error: BaseException) -> str:
    """An error as artists read it: what happened, and how to mend it on the next line."""
    return str(error) or type(error).__name__


def key_of(owner: Any) -> str:
    """`NodeTree/name`, `Image/name` or `Scene/name`."""
    kinds = (("NodeTree", bpy.types.NodeTree), ("Image", bpy.types.Image), ("Scene", bpy.types.Scene))
    return next(f"{word}/{owner.name}" for word, kind in kinds if isinstance(owner, kind))


def owner_of(key: str) -> Any:
    """What `key_of` named.

    Raises:
        Refused: it is gone.
    """
    kind, _, name = key.partition("/")
    held = {"NodeTree": bpy.data.node_groups, "Image": bpy.data.images, "Scene": bpy.data.scenes}.get(kind)
    owner = held.get(name) if held is not None else None
    if owner is None:
        raise Refused(f"{name or key} is gone")
    return owner


def owners() -> Iterator[Any]:
    """Everything in the file that has knobs: nodes' trees, scenes, and images that were used."""
    yield from (tree for tree in bpy.data.node_groups if "vfx_swap_node" in tree)
    yield from bpy.data.scenes
    yield from (image for image in bpy.data.images if image.vfx_swap.identity)


def fit_all(knobs_now: Iterable[Knob]) -> None:
    """Give every owner of the file the knobs that it has not yet."""
    from . import knobs

    for owner in owners():
        knobs.fit(owner, knobs_now)
